"""One law of LLVM's semantics a file: `pairs/*.ll`, a target that keeps it and twins that break it.

The judges may not know; they may neither accept a target that breaks a law nor refute one that
keeps it, and most they have to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from envs.evaluator import Evaluator
from envs.pool import Limits
from envs.verification import verify
from ir_tools.verify.verdict import Effort, Kind, Side

_FOLDER = Path(__file__).parent / "pairs"
_QUICK = Effort(smt_s=1, execution_s=1)
_SURE = {"correct": (Kind.PROVED, Kind.BOUNDED), "refuted": (Kind.REFUTED,)}
_MAY_BE = {"correct": set(Kind) - {Kind.REFUTED}, "refuted": {Kind.REFUTED, Kind.UNKNOWN}}
# Percent that have to be decided, where that is not 90.
_FLOORS = {"alias": 70, "atomic": 40, "calls": 80, "fp": 60, "memory": 80, "merge": 80}
_SLOW = {"fp", "loops"}
_AREAS = sorted({path.name.split("-")[0] for path in _FOLDER.glob("*.ll")})


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator(1, limits=Limits(cpu_s=20)) as evaluator:
        yield evaluator


@pytest.mark.parametrize(
    "area",
    [pytest.param(each, marks=[pytest.mark.slow] * (each in _SLOW)) for each in _AREAS],
)
def test_no_law_is_judged_wrongly_and_most_are_decided(area: str, evaluator: Evaluator) -> None:
    paths = sorted(_FOLDER.glob(f"{area}-*.ll"))
    decided, wrong = 0, []
    for path in paths:
        data = path.read_bytes()
        expected = data.split(b"\n")[0].decode().removeprefix("; EXPECT: ")
        (verdict,) = verify(evaluator, [(Side(data, "src"), Side(data, "tgt"))], _QUICK)
        decided += verdict.kind in _SURE[expected]
        if verdict.kind not in _MAY_BE[expected]:
            wrong.append((path.name, verdict.kind, verdict.reason))
    assert not wrong
    assert decided >= _FLOORS.get(area, 90) / 100 * len(paths)
