"""Figures: the best of some episodes, intervals, and what a refutation costs."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest

from agent.baselines.comparison import Ratio, Row, compare
from agent.baselines.methods import Outcome


def outcome(method: str, text: int, steps: int = 10, function: str = "f", **more: str) -> Outcome:
    return Outcome(method, function, steps, (), 2 * text, text, **more)


OZ = outcome("oz", 100, 0)
TEXTS = (90, 120, 95, 101)


def rows(*outcomes: Outcome, budgets: tuple[int, ...] = (10,)) -> dict[tuple[str, int], Row]:
    found = compare([OZ, *outcomes], "text_bytes", budgets)
    return {(row.method, row.steps): row for row in found}


def test_the_best_of_some_is_the_mean_over_all_choices_of_them() -> None:
    found = rows(*(outcome("random", text) for text in TEXTS), budgets=(10, 20, 40))
    for count, steps in ((1, 10), (2, 20), (4, 40)):
        best = [min(some) / 100 for some in itertools.combinations(TEXTS, count)]
        assert found["random", steps].text_bytes.mean == pytest.approx(
            statistics.geometric_mean(best)
        )


def test_instructions_are_those_of_what_was_rewarded() -> None:
    odd = Outcome("random", "f", 10, (), 400, 50), Outcome("random", "f", 10, (), 20, 80)
    assert rows(*odd, budgets=(20,))["random", 20].instructions.mean == pytest.approx(2.0)


def test_a_method_with_outcomes_for_each_budget_is_taken_at_its_word() -> None:
    found = rows(
        outcome("random", 100),
        outcome("random", 100),
        outcome("greedy", 110, 10),
        outcome("greedy", 80, 20),
        budgets=(10, 20),
    )
    assert found["greedy", 10].text_bytes.mean == pytest.approx(1.1)
    assert found["greedy", 20].text_bytes.mean == pytest.approx(0.8)
    assert found["greedy", 20].against_random.mean == pytest.approx(0.8)


def test_what_a_budget_would_buy_more_of_has_no_row() -> None:
    found = rows(outcome("random", 90), outcome("random", 90), outcome("ppo", 80), budgets=(10, 20))
    assert sorted(found) == [("ppo", 10), ("random", 10), ("random", 20)]


def test_what_was_refuted_is_no_gain() -> None:
    found = rows(outcome("random", 50, verdict="refuted"), outcome("random", 90), budgets=(20,))
    assert found["random", 20].text_bytes.mean == pytest.approx(0.9)
    worse = rows(outcome("random", 150, verdict="refuted"))
    assert worse["random", 10].text_bytes.mean == pytest.approx(1.5)


def test_figures_are_of_the_functions_that_all_methods_had() -> None:
    other = Outcome("oz", "g", 0, (), 2, 100), outcome("random", 10, function="g")
    found = rows(outcome("random", 90), outcome("ppo", 80), *other)
    assert found["random", 10].text_bytes.mean == pytest.approx(0.9)


def test_the_interval_holds_the_mean_of_most_samples() -> None:
    rng, hits = np.random.default_rng(0), 0
    for _ in range(100):
        ratio = Ratio.of(rng.normal(-0.1, 0.2, 60))
        hits += ratio.low <= math.exp(-0.1) <= ratio.high
    assert 85 <= hits <= 100


def test_a_single_value_has_no_width() -> None:
    assert Ratio.of(np.full(9, math.log(0.5))) == Ratio(*[pytest.approx(0.5)] * 3)


def test_a_function_of_which_nothing_is_left_counts_as_one_byte() -> None:
    assert rows(outcome("random", 0))["random", 10].text_bytes.mean == pytest.approx(0.01)
