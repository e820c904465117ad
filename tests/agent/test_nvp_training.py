"""What `nvp` knows is made from the training split alone, and the same for a seed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.cli import main
from agent.nvp import Knowledge, NvpPolicy, features
from anghabench import store
from anghabench.functions import DELETED
from anghabench.store import CorpusFunction
from envs.evaluation import FunctionInfo

pytest.importorskip("pyarrow")
pytest.importorskip("sklearn")

OPTIONS = ("--searched", "4", "--search-budget", "12", "--pool", "34", "--size", "6", "-j", "2")


def test_only_training_functions_are_learned_from(
    parts: list[CorpusFunction], training_parts: list[CorpusFunction], tmp_path: Path
) -> None:
    every = sorted([*parts, *training_parts], key=lambda part: part.project)
    store.write(tmp_path / "store", every, {})
    for name in ("a.npz", "b.npz"):
        assert main(["nvp", str(tmp_path / "store"), "-o", str(tmp_path / name), *OPTIONS]) == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    knowledge = Knowledge.read((tmp_path / "a.npz").read_bytes(), "a")
    assert len(knowledge.pipelines) == 6
    known = {tuple(row) for row in knowledge.features.tolist()}
    assert known <= {tuple(features(part.bitcode).tolist()) for part in training_parts}
    info = FunctionInfo("f", 9, False, True, True, (), parts[0].bitcode)
    assert len(list(NvpPolicy(knowledge).propose(info, 10))) == 6


def test_a_corpus_without_training_functions_that_oz_leaves_is_refused(
    parts: list[CorpusFunction],
    training_parts: list[CorpusFunction],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deleted = [dataclasses.replace(part, marks=(DELETED,)) for part in training_parts]
    every = sorted([*parts, *deleted], key=lambda part: part.project)
    store.write(tmp_path / "store", every, {})
    assert main(["nvp", str(tmp_path / "store"), "-o", str(tmp_path / "a.npz")]) == 1
    assert "no training functions in" in capsys.readouterr().err
    assert not (tmp_path / "a.npz").exists()
