"""`ozone data label`: the same labels however often it is killed, however many work, wherever."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.journal import Journal
from agent.label import LIMITS, Summary, broadcast, contenders, run
from agent.labelling import Found, Wishes
from anghabench import labels, store
from anghabench.labels import Label
from anghabench.store import CorpusFunction
from envs.parallel import for_each
from ir_tools.errors import JournalError, OzoneError
from ir_tools.plan import OZ
from ir_tools.process import own_module, running_tool
from tests.agent.functions import C, functions, named
from tests.conftest import RunModule

WISHES = Wishes(budget=10, seed=3)
OPTIONS = ("--budget", "10", "--seed", "3")


@pytest.fixture(scope="module")
def corpus(compile_c) -> list[CorpusFunction]:  # type: ignore[no-untyped-def]
    return functions(compile_c(C, "a.c"))


@pytest.fixture(scope="module")
def held_out(compile_c) -> list[CorpusFunction]:  # type: ignore[no-untyped-def]
    return functions(compile_c(C.replace("* 3", "* 5"), "b.c"), "held-out")


@pytest.fixture(scope="module")
def expected(corpus: list[CorpusFunction], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an undisturbed run with one worker."""
    path = tmp_path_factory.mktemp("expected") / "labels.parquet"
    label(corpus, path)
    return path.read_bytes()


def label(
    functions: list[CorpusFunction], output: Path, wishes: Wishes = WISHES, jobs: int = 1
) -> Summary:
    everywhere = functools.partial(for_each, cache=None, jobs=jobs, limits=LIMITS)
    return run(functions, output, wishes, everywhere, Console(file=io.StringIO()))


def rows(path: Path) -> list[Label]:
    return list(labels.read(path))


def test_labels_are_the_same_for_any_number_of_workers_and_order_of_functions(
    corpus: list[CorpusFunction], expected: bytes, tmp_path: Path
) -> None:
    summary = label(corpus[::-1], tmp_path / "l.parquet", jobs=3)
    assert (tmp_path / "l.parquet").read_bytes() == expected
    assert summary.labelled == summary.functions == len(corpus)
    found = rows(tmp_path / "l.parquet")
    assert {row.id for row in found} == {function.id for function in corpus}


def test_the_summary_is_the_labels_sum(corpus: list[CorpusFunction], tmp_path: Path) -> None:
    summary = label(corpus, tmp_path / "l.parquet")
    winners = [row for row in rows(tmp_path / "l.parquet") if row.rank == 0]
    for objective, stages in summary.reduction.items():
        before = sum(row.before for row in winners if row.objective == objective)
        after = sum(row.after for row in winners if row.objective == objective)
        assert stages["verified"] == pytest.approx(100 * (1 - after / before))
        assert stages["coreset"] <= stages["search"] <= stages["broadcast"]
    assert summary.evaluations == sum({row.id: row.evaluations for row in winners}.values())
    assert sum(summary.verdicts.values()) > 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_killed_goes_on_to_the_same_labels(
    number: signal.Signals,
    corpus: list[CorpusFunction],
    expected: bytes,
    run_module: RunModule,
    marked: Any,
    tmp_path: Path,
) -> None:
    store.write(tmp_path / "store", corpus, {})
    output = tmp_path / "l.parquet"
    arguments = ("data", "label", tmp_path / "store", "-o", output, *OPTIONS, "-j", "2")
    argv = [sys.executable, "-m", "agent.cli", *map(str, arguments)]
    with running_tool(argv, env=own_module("agent.cli")[1] | os.environ):
        journal = _wait_for_rows(output)
        (pid,) = marked.pids("agent.cli")
        os.kill(pid, number)
        marked.wait_until_gone()
    assert journal.exists()
    if number is signal.SIGTERM:
        assert {row.id for row in rows(output)} < {function.id for function in corpus}
    result = run_module("agent.cli", *arguments, "--json", "s.json")
    assert result.returncode == 0, result.stderr
    assert output.read_bytes() == expected
    assert json.loads((tmp_path / "s.json").read_text())["labelled"] == len(corpus)


def _wait_for_rows(output: Path) -> Path:
    """The journal, as soon as some functions are in it."""
    log = output.with_name(f"{output.name}.journal-wal")
    deadline = time.monotonic() + 60
    while not log.exists() or log.stat().st_size < 6 * 4096:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return output.with_name(f"{output.name}.journal")


def test_a_finished_run_has_nothing_left_to_do_and_one_function_more_is_all_that_is_done(
    corpus: list[CorpusFunction], tmp_path: Path
) -> None:
    output = tmp_path / "l.parquet"
    label(corpus[1:], output)
    before = rows(output)
    again = label(corpus[1:], output)
    assert again.evaluations_per_s == 0
    assert rows(output) == before
    grown = label(corpus, output)
    new = [row for row in rows(output) if row.id == corpus[0].id]
    assert [row for row in rows(output) if row not in new] == before
    assert grown.evaluations == again.evaluations + new[0].evaluations


def test_what_has_labels_elsewhere_is_left_to_them(
    corpus: list[CorpusFunction], run_module: RunModule, tmp_path: Path
) -> None:
    store.write(tmp_path / "store", corpus, {})
    label(corpus[2:], tmp_path / "known" / "a.parquet")
    arguments = ("data", "label", tmp_path / "store", "--known", tmp_path / "known", *OPTIONS)
    run_module("agent.cli", *arguments, "-o", tmp_path / "known" / "b.parquet").check()
    found = {row.id for row in rows(tmp_path / "known" / "b.parquet")}
    assert found == {function.id for function in corpus[:2]}
    again = run_module("agent.cli", *arguments, "-o", tmp_path / "known" / "b.parquet")
    assert again.check().returncode == 0
    assert {row.id for row in rows(tmp_path / "known" / "b.parquet")} == found, "its own are kept"
    nothing = run_module("agent.cli", *arguments, "-o", tmp_path / "c.parquet").check()
    assert b"0 functions labelled" in nothing.stdout


def test_labels_whose_journal_is_gone_are_not_overwritten(
    corpus: list[CorpusFunction], tmp_path: Path
) -> None:
    output = tmp_path / "l.parquet"
    label(corpus[:2], output)
    before = output.read_bytes()
    output.with_name("l.parquet.journal").unlink()
    with pytest.raises(OzoneError, match="has labels of another run"):
        label(corpus, output)
    assert output.read_bytes() == before


def test_other_wishes_are_other_labels(corpus: list[CorpusFunction], tmp_path: Path) -> None:
    output, one = tmp_path / "l.parquet", [named(corpus, "sum")]
    label(one, output)
    first = rows(output)
    other = label(one, output, dataclasses.replace(WISHES, seed=WISHES.seed + 1))
    assert other.evaluations_per_s > 0
    assert label(one, output).evaluations_per_s == 0
    assert rows(output) == first


def test_nothing_found_on_a_held_out_function_reaches_a_training_function(
    corpus: list[CorpusFunction],
    held_out: list[CorpusFunction],
    expected: bytes,
    tmp_path: Path,
) -> None:
    label(corpus + held_out, tmp_path / "both.parquet")
    training = {function.id for function in corpus}
    trained = [row for row in rows(tmp_path / "both.parquet") if row.id in training]
    assert labels.encode(trained) == expected


def test_nor_does_what_held_out_functions_broadcast_to_each_other(
    corpus: list[CorpusFunction],
    held_out: list[CorpusFunction],
    expected: bytes,
    tmp_path: Path,
) -> None:
    label([named(held_out, "choose")], tmp_path / "l.parquet")  # which broadcasts nothing
    label(corpus, tmp_path / "l.parquet")
    assert (tmp_path / "l.parquet").read_bytes() == expected


def test_what_wins_on_several_functions_contends_first() -> None:
    found = [
        Found({OZ: (10, 10), "b": (9, 9)}, {}),
        Found({OZ: (10, 10), "b": (8, 9), "c": (9, 8), "failed": None}, {}),
        Found({OZ: (10, 10), "b": (8, 9), "worse": (11, 10)}, {}),
        Found({OZ: (1000, 10), "d": (960, 10)}, {}),  # many bytes, but a small share
    ]
    assert contenders(found) == ["b", "c", "d"]


def test_what_is_broadcast_adds_to_what_was_broadcast_before() -> None:
    wishes = Wishes(budget=10)
    found = [Found({OZ: (100, 10)}, {}), Found({OZ: (100, 10)}, {})]
    best, same, other, larger = (80, 10), (82, 10), (95, 10), (120, 2)
    costs = [[same, best, None, larger], [(100, 10), (100, 10), other, larger]]
    assert broadcast(found, costs, wishes)[:2] == [1, 2], "`same` adds nothing to `best`"
    assert len(broadcast(found, costs, Wishes(budget=4))) == 2
    assert broadcast([], [], wishes) == []


def test_a_function_that_cannot_be_labelled_is_counted_and_the_others_are_labelled(
    corpus: list[CorpusFunction], tmp_path: Path
) -> None:
    broken = dataclasses.replace(corpus[0], bitcode=b"BC\xc0\xde of another LLVM", id="0" * 16)
    summary = label([broken, *corpus[1:3]], tmp_path / "l.parquet")
    assert summary.labelled == 2
    ((reason, count),) = summary.skipped.items()
    assert count == 1, "though it failed twice"
    assert "not readable" in reason
    assert "\n" not in reason


def test_a_second_run_on_the_same_labels_is_refused(
    corpus: list[CorpusFunction], run_module: RunModule, tmp_path: Path
) -> None:
    store.write(tmp_path / "store", corpus, {})
    with contextlib.closing(Journal(tmp_path / "l.parquet.journal")):
        with pytest.raises(JournalError):
            label(corpus, tmp_path / "l.parquet")
        result = run_module("agent.cli", "data", "label", "store", "-o", "l.parquet")
    assert result.returncode == 1
    assert result.stderr.startswith(b"ozone: error: another run is writing to")
    assert result.stderr.count(b"\n") == 1
    assert not (tmp_path / "l.parquet").exists()


def test_a_store_that_is_damaged_or_missing_is_one_line(
    corpus: list[CorpusFunction], run_module: RunModule, tmp_path: Path
) -> None:
    result = run_module("agent.cli", "data", "label", "nowhere", "-o", "l.parquet")
    assert (result.returncode, result.stderr.count(b"\n")) == (1, 1)
    store.write(tmp_path / "store", corpus, {})
    (shard,) = (tmp_path / "store" / "functions").glob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:-100])
    result = run_module("agent.cli", "data", "label", "store", "-o", "l.parquet")
    assert (result.returncode, result.stderr.count(b"\n")) == (1, 1)
    assert b"damaged" in result.stderr


def test_an_output_that_cannot_be_written_loses_no_work(
    corpus: list[CorpusFunction], tmp_path: Path
) -> None:
    output = tmp_path / "l.parquet"
    output.mkdir()
    with pytest.raises(OzoneError, match="cannot write"):
        label(corpus[:2], output)
    output.rmdir()
    assert label(corpus[:2], output).evaluations_per_s == 0
    assert rows(output)
