"""Figures, against a computation by hand."""

from __future__ import annotations

import math

import pytest

from agent.frontier.curves import points
from agent.frontier.runs import Run
from agent.frontier.winners import Kept, Winner
from agent.optimise import Objective
from anghabench.store import Measured
from ir_tools.verify.verdict import Kind


def of(size: int, text: int, instructions: int) -> Measured:
    return Measured(instructions=instructions, text=text, size=size)


FIRST, SECOND = of(100, 80, 20), of(60, 60, 10)
BETTER, BEST = of(80, 70, 21), of(50, 40, 15)
OZ = (Winner(FIRST), Winner(SECOND))


def kept(*of_budgets: tuple[int, Winner, Winner]) -> Kept:
    return {budget: (free, judged) for budget, free, judged in of_budgets}


def runs(policy: str = "p") -> list[Run]:
    return [Run("f", policy, FIRST, 5, {}, ()), Run("g", policy, SECOND, 5, {}, ())]


def test_the_figures_are_those_of_a_computation_by_hand() -> None:
    tested = Winner(BETTER, "a", Kind.TESTED)
    refused = Winner(BEST, "b", Kind.UNKNOWN)
    found = [
        kept((1, OZ[0], OZ[0]), (9, refused, tested)),
        kept((1, OZ[1], OZ[1]), (9, *OZ[1:] * 2)),
    ]
    one, nine = points(runs(), found, {"f": "x", "g": "x"}, Objective.SIZE)
    assert (one.policy, one.budget, one.improved, one.unverified) == ("p", 1, 0, 0)
    assert one.total == one.geomean == {"size": 0, "text": 0, "instructions": 0}
    assert (one.verdicts, one.refused) == ({"-Oz": 2}, {})
    assert nine.total == pytest.approx(
        {"size": 1 - 140 / 160, "text": 1 - 130 / 140, "instructions": 1 - 31 / 30}
    )
    assert nine.geomean == pytest.approx(
        {
            "size": 1 - math.sqrt(0.8),
            "text": 1 - math.sqrt(70 / 80),
            "instructions": 1 - math.sqrt(1.05),
        }
    )
    assert nine.unverified == pytest.approx(1 - 110 / 160)
    assert (nine.improved, nine.verdicts) == (0.5, {"tested": 1, "-Oz": 1})
    assert nine.refused == {"unknown": 1}
    assert nine.interval is None, "one project says nothing of others"


def test_policies_and_budgets_keep_their_order_and_their_own_runs() -> None:
    proved = Winner(BETTER, "a", Kind.PROVED)
    none, some = kept((3, OZ[0], OZ[0])), kept((3, proved, proved))
    other = kept((3, OZ[1], OZ[1]))
    found = list(
        points(
            runs("z") + runs("a"), [none, other, some, other], {"f": "", "g": ""}, Objective.TEXT
        )
    )
    assert [(point.policy, point.improved) for point in found] == [("z", 0), ("a", 0.5)]
    assert found[1].unverified == pytest.approx(1 - 130 / 140)


def test_the_interval_draws_projects_and_holds_the_total() -> None:
    proved = Winner(BETTER, "a", Kind.PROVED)
    found = [kept((3, proved, proved)), kept((3, OZ[1], OZ[1]))]
    (point,) = points(runs(), found, {"f": "x", "g": "y"}, Objective.SIZE)
    assert point.interval == pytest.approx((0, 0.2)), "one of the two, or the other"
    (again,) = points(runs(), found, {"f": "x", "g": "y"}, Objective.SIZE)
    assert again == point
    (together,) = points(runs(), found, {"f": "x", "g": "x"}, Objective.SIZE)
    assert together.interval is None


def test_a_function_of_no_code_at_all_counts_as_one_byte_in_the_geometric_mean() -> None:
    nothing = Winner(of(0, 0, 1), "a", Kind.PROVED)
    (point,) = points(runs()[:1], [kept((3, nothing, nothing))], {"f": "x"}, Objective.SIZE)
    assert point.geomean["size"] == pytest.approx(1 - 1 / 100)
    assert point.total["size"] == 1


def test_what_was_not_judged_says_so() -> None:
    free = Winner(BETTER, "a")
    (point,) = points(
        runs(), [kept((3, free, free)), kept((3, OZ[1], OZ[1]))], {"f": "", "g": ""}, Objective.SIZE
    )
    assert (point.verdicts, point.refused) == ({"unverified": 1, "-Oz": 1}, {})
