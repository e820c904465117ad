"""A verdict depends on the pair and the effort alone."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.figures import children
from envs.cache import Cache
from envs.evaluator import Evaluator
from envs.verification import verify
from ir_tools.verify.verdict import Effort, Kind, Side, Verdict

Pair = tuple[Side, Side]
# Little enough that it does not suffice for some.
EFFORT = Effort(unroll=2, smt_s=0.1, runs=12, execution_s=0.2)


def judged(pairs: list[Pair], seed: int, workers: int) -> dict[Pair, str]:
    """Verdicts as JSON, in an order of the seed's, from workers that judged nothing before."""
    order = list(pairs)
    random.Random(seed).shuffle(order)
    with Evaluator(workers) as evaluator:
        said = verify(evaluator, order, EFFORT)
    return {pair: verdict.to_json() for pair, verdict in zip(order, said, strict=True)}


def test_it_does_not_depend_on_what_was_judged_before_nor_on_who_judges(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)  # each worker has its own
    texts = [path.read_bytes() for path in sorted((shared / "verify-pairs").glob("*.ll"))]
    plain = [text for text in texts if b"@src(" in text and b"@tgt(" in text]
    pairs = [(Side(text, "src"), Side(text, "tgt")) for text in plain[::5][:60]]
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(judged, pairs, seed, seed) for seed in (1, 2)]
        one, other = (run.result() for run in runs)
    assert len(one) == 60
    assert one == other
    verdicts = [Verdict.from_json(text) for text in one.values()]
    assert {Kind.PROVED, Kind.REFUTED, Kind.UNKNOWN} <= {each.kind for each in verdicts}
    assert Counter("out of budget" in each.reason for each in verdicts)[True] > 0


PROVED = """
define i32 @src(i32 %x) {
  %y = add i32 %x, %x
  ret i32 %y
}
define i32 @tgt(i32 %x) {
  %y = shl i32 %x, 1
  ret i32 %y
}
"""


def test_a_judge_that_has_judged_often_gives_way_to_a_new_process() -> None:
    pair = Side(PROVED.encode(), "src"), Side(PROVED.encode(), "tgt")
    others = {*children()}
    with Evaluator(1, Cache(None)) as evaluator:
        (said,) = verify(evaluator, [pair], EFFORT, ["smt"])
        assert said.kind is Kind.PROVED
        (worker,) = {*children()} - others
        assert has_z3(worker)
        verify(evaluator, [(pair[0], pair[0])] * 300, EFFORT, ["identity"])
        assert not has_z3(worker)  # the same number, another program
        (said,) = verify(evaluator, [pair], EFFORT, ["smt"])
        assert said.kind is Kind.PROVED


def has_z3(pid: int) -> bool:
    return "site-packages/z3/" in Path(f"/proc/{pid}/maps").read_text()
