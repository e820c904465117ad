"""Runs are kept in a file as they are found, and taken from there."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from rich.console import Console

from agent import autotuners
from agent.frontier.runs import Run, Settings, measure
from agent.optimise import Objective
from anghabench.store import CorpusFunction

SETTINGS = Settings(12, Objective.SIZE, seed=3)
QUIET = Console(quiet=True)


def measured(
    parts: list[CorpusFunction], folder: Path, *policies: str, settings: Settings = SETTINGS
) -> list[Run]:
    return measure(parts, policies, settings, folder, 2, QUIET)


def test_each_function_and_policy_has_a_run_in_the_order_asked_for(
    parts: list[CorpusFunction], tmp_path: Path
) -> None:
    runs = measured(parts, tmp_path, "random", "search")
    assert [(run.function, run.policy) for run in runs] == [
        (part.id, policy) for part in parts for policy in ("random", "search")
    ]
    for run, part in zip(runs[::2], parts, strict=True):
        assert (run.baseline, run.tried) == (part.oz, 12)
        assert all(one.measured.size < part.oz.size for one in run.contenders)
        indices = [one.index for one in run.contenders]
        assert indices == sorted(indices)
    assert any(run.contenders for run in runs)


def test_a_second_measurement_is_the_same_and_one_of_other_settings_is_not(
    parts: list[CorpusFunction], tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    first = measured(parts, folders[0], "random")
    assert measured(parts, folders[1], "random") == first
    assert measured(parts, folders[2], "random", settings=Settings(12, Objective.SIZE, 4)) != first


def test_what_is_in_the_file_is_not_measured_again(
    parts: list[CorpusFunction], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs.jsonl"
    first = measured(parts, tmp_path, "random")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][:40] + b"\n")  # died while it wrote
    asked = []
    make = autotuners.make_policy
    monkeypatch.setattr(
        "agent.frontier.runs.make_policy",
        lambda name, terms: (asked.append(name), make(name, terms))[1],
    )
    assert measured(parts, tmp_path, "random") == first
    assert asked == ["random"], "the one whose line was spoilt"
    measured(parts, tmp_path, "random", settings=Settings(12, Objective.TEXT, 3))
    assert len(asked) == 1 + len(parts), "other settings are measured anew"
    assert measured(parts, tmp_path, "random") == first
    assert len(asked) == 1 + len(parts), "and their lines stay"


def test_a_line_that_was_cut_off_does_not_spoil_the_next_one(
    parts: list[CorpusFunction], tmp_path: Path
) -> None:
    (tmp_path / "runs.jsonl").write_bytes(b'{"key": "')
    first = measured(parts, tmp_path, "coreset")
    lines = (tmp_path / "runs.jsonl").read_bytes().splitlines()
    assert sum(1 for line in lines if _is_json(line)) == len(first)


def test_failures_are_counted_by_kind(
    parts: list[CorpusFunction], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.policy import CoresetPolicy
    from ir_tools.pipeline import Pipeline

    bad = tuple(map(Pipeline.parse, ("function(sroa)", "function(nonsense)", "function(rubbish)")))
    monkeypatch.setattr("agent.frontier.runs.make_policy", lambda name, terms: CoresetPolicy(bad))
    (run, *_) = measured(parts, tmp_path, "broken")
    assert (run.tried, run.failures) == (3, {"invalid": 2})


def test_a_function_that_cannot_be_measured_is_left_out(
    parts: list[CorpusFunction], tmp_path: Path
) -> None:
    broken = dataclasses.replace(parts[0], id="broken", bitcode=b"no bitcode")
    runs = measured([broken, *parts[:2]], tmp_path, "oz", "coreset")
    assert [run.function for run in runs] == [part.id for part in parts[:2] for _ in range(2)]


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
