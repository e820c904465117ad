"""Verdicts on the best outcomes."""

from __future__ import annotations

from agent.baselines.judging import judge, winners
from agent.baselines.methods import Outcome
from agent.baselines.tasks import Task
from tests.envs.material import LOOP

TASK = Task("material", LOOP, "f", "")
NAME = LOOP.name


def test_winners_are_the_first_of_the_best_of_each_method_and_function() -> None:
    worse, best, again = (Outcome("random", "f", 30, (), 9, text) for text in (5, 4, 4))
    other = Outcome("random", "g", 30, (), 9, 7)
    oz = Outcome("oz", "f", 0, (), 9, 1)
    found = list(winners([oz, worse, best, again, other], "text_bytes"))
    assert found[0] is best
    assert found[1:] == [other]


def test_what_is_refuted_gives_way_to_the_next_best() -> None:
    best, next_best = (
        Outcome("random", "f", 30, (), 9, text, verdict)
        for text, verdict in ((4, "refuted"), (5, "unknown"))
    )
    assert list(winners([best, next_best], "text_bytes")) == [next_best]


def test_an_outcome_is_judged_by_its_passes() -> None:
    one = Outcome("random", NAME, 30, ("mem2reg", "early-cse"), 9, 9)
    nothing = Outcome("greedy", NAME, 30, (), 9, 9)
    (judged,) = judge([one, nothing], [TASK])
    assert judged[one].verdict in ("bounded", "tested", "proved")
    assert judged[nothing].verdict == "proved"
