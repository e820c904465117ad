"""The statistics, on samples whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from envs.significance import (
    LOOKS,
    Comparison,
    Runtime,
    Sample,
    Timing,
    compared,
    interval,
    measured,
)
from ir_tools.errors import MisuseError

SEEDS = 400
Noise = Callable[[random.Random], float]


def normal(rng: random.Random) -> float:
    return math.exp(rng.gauss(0, 0.05))


def interrupted(rng: random.Random) -> float:
    """One run in five takes up to a hundred times as long."""
    return rng.uniform(1, 1.02) * (100 ** rng.random() if rng.random() < 0.2 else 1)


def lopsided(rng: random.Random) -> float:
    """Without a mean."""
    return 1 + 0.05 / rng.random()


def versions(seed: int, ratio: float, noise: Noise) -> Callable[[int], Sample]:
    rng = random.Random(seed)
    return lambda _: (noise(rng), ratio * noise(rng))


@pytest.mark.parametrize("noise", [normal, interrupted, lopsided])
def test_where_there_is_no_difference_one_is_found_no_more_often_than_is_said(noise: Noise) -> None:
    found = [compared(versions(seed, 1, noise), Timing()) for seed in range(SEEDS)]
    errors = sum(comparison.is_significant for comparison in found)
    assert errors <= 0.05 * SEEDS
    assert all(comparison.saved == 0 for comparison in found if not comparison.is_significant)


def test_that_rate_is_the_one_that_was_asked_for() -> None:
    generous = Timing(confidence=0.5)
    found = [compared(versions(seed, 1, normal), generous) for seed in range(SEEDS)]
    errors = sum(comparison.is_significant for comparison in found)
    assert 0.1 * SEEDS < errors <= 0.5 * SEEDS  # of a test that never errs nothing is known


@pytest.mark.parametrize("noise", [normal, interrupted])
def test_a_difference_of_ten_per_cent_is_found_in_noise(noise: Noise) -> None:
    found = [compared(versions(seed, 1.1, noise), Timing()) for seed in range(100)]
    assert all(comparison.is_significant for comparison in found)
    assert all(comparison.saved < 0 for comparison in found)
    assert sum(len(comparison.samples) for comparison in found) < 100 * LOOKS[2]


def test_the_interval_has_the_true_ratio_in_it_as_often_as_is_said() -> None:
    found = [compared(versions(seed, 1.3, interrupted), Timing()) for seed in range(SEEDS)]
    assert sum(one.low <= 1.3 <= one.high for one in found) >= 0.95 * SEEDS


def test_the_interval_is_made_of_order_statistics() -> None:
    # Of 12 coins at most one falls the other way with 13 in 4096: 0.63 % for both sides, and
    # a look may err in 1.25 % of cases; with at most two it is 3.9 %.
    values = [float(value) for value in (7, 3, 12, 1, 9, 5, 11, 2, 8, 4, 10, 6)]
    assert interval(values, 0.95) == (2, 11)
    assert interval(values[:7], 0.95) == (-math.inf, math.inf)
    assert interval(values[:8], 0.95) == (1, 12)


def test_too_few_samples_show_nothing() -> None:
    hurried = compared(versions(0, 5, normal), Timing(budget_s=0))
    assert len(hurried.samples) == 1
    assert not hurried.is_significant
    assert (hurried.low, hurried.high, hurried.saved) == (0, math.inf, 0)


def test_no_more_is_measured_than_is_needed() -> None:
    assert len(compared(versions(0, 5, normal), Timing()).samples) == LOOKS[0]
    assert len(compared(versions(0, 1, lambda _: 1.0), Timing()).samples) == LOOKS[0]
    assert len(compared(versions(1, 1, normal), Timing()).samples) == LOOKS[-1]


def test_the_same_samples_show_the_same() -> None:
    samples = [versions(3, 1.2, normal)(number) for number in range(24)]
    assert Comparison.of(samples, 0.95) == Comparison.of(list(samples), 0.95)


def test_the_time_of_one_version_has_an_interval() -> None:
    rng = random.Random(5)
    found = measured(lambda _: (0.002 * normal(rng),), Timing())
    assert found == Runtime.of(found.samples, 0.95)
    assert found.low < 0.002 < found.high
    assert found.low <= found.seconds <= found.high


def test_what_is_saved_is_in_seconds() -> None:
    faster = Comparison(ratio=0.75, low=0.7, high=0.8, before=0.4, after=0.31)
    assert faster.saved == pytest.approx(0.1)


@pytest.mark.parametrize("wrong", [{"confidence": 1.0}, {"confidence": 0.0}, {"inputs": 0}])
def test_what_nobody_can_measure_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(MisuseError, match="confidence is between 0 and 1"):
        Timing(**wrong)  # type: ignore[arg-type]
