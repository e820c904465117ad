"""What samples of times show: a median with its interval, and whether two versions differ.

No distribution is assumed, but that samples are independent of each other. The interval of a median
is a pair of order statistics, the sign test turned round: it misses the median as often as so many
coins fall alike (W. J. Conover, Practical Nonparametric Statistics, 3rd ed. 1999, 3.2). Samples are
looked at when there are 12, 24, 48 and 96, and no more are taken when they show enough. Whoever
looks again and again finds what is not there; so each look has a quarter of the error that is
allowed (Bonferroni), and what is said holds for all looks together.

The same samples give the same result. What is not covered: an error that all samples share.
"""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ir_tools.errors import MisuseError

LOOKS = (12, 24, 48, 96)

Sample = tuple[float, ...]
"""Seconds of one version, or of two that were measured right after one another."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How hard to measure.

    budget_s    of wall time, after which no more samples are taken
    confidence  of intervals
    precision   the width of an interval, relative, at which no more samples are taken
    inputs      of a function, at most
    seed        of the inputs, and of the order in which things are measured
    """

    budget_s: float = 5.0
    confidence: float = 0.95
    precision: float = 0.01
    inputs: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1 or self.inputs < 1:
            raise MisuseError(f"{self}: confidence is between 0 and 1, inputs at least one")


@dataclass(frozen=True, slots=True)
class Runtime:
    """The median of the time that one version takes, in seconds, with its confidence interval."""

    seconds: float
    low: float
    high: float
    samples: tuple[Sample, ...] = field(repr=False)

    @classmethod
    def of(cls, samples: Sequence[Sample], confidence: float) -> Runtime:
        times = [time for (time,) in samples]
        return cls(statistics.median(times), *interval(times, confidence), tuple(samples))

    def is_settled(self, precision: float) -> bool:
        return self.high - self.low <= precision * self.seconds


@dataclass(frozen=True, slots=True)
class Comparison:
    """The median of the second version's time over the first's, with its confidence interval.

    `before` and `after` are the medians of both, in seconds. No samples: the code is the same.
    """

    ratio: float
    low: float
    high: float
    before: float
    after: float
    samples: tuple[Sample, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, samples: Sequence[Sample], confidence: float) -> Comparison:
        logs = [math.log(after / before) for before, after in samples]
        low, high = interval(logs, confidence)
        ratio = math.exp(statistics.median(logs))
        before, after = map(statistics.median, zip(*samples, strict=True))
        return cls(ratio, math.exp(low), math.exp(high), before, after, tuple(samples))

    @property
    def saved(self) -> float:
        """Seconds that the second version is faster, or with a minus slower; 0 where no difference
        was found."""
        return self.before * (1 - self.ratio) if self.is_significant else 0.0

    @property
    def is_significant(self) -> bool:
        """Is there a difference? No: none was found."""
        return not self.low <= 1 <= self.high

    def is_settled(self, precision: float) -> bool:
        return self.is_significant or self.high / self.low <= 1 + precision


def interval(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """The interval of the median, at one of the looks; without bounds where values are too few."""
    rank = _rank(len(values), (1 - confidence) / len(LOOKS))
    if not rank:
        return -math.inf, math.inf
    ordered = sorted(values)
    return ordered[rank - 1], ordered[-rank]


@functools.lru_cache(1024)
def _rank(count: int, error: float) -> int:
    """The largest rank from either end that is beyond the median with at most that probability."""
    rank, outside = 0, 2.0 ** (1 - count)  # of both ends: twice that no coin falls on one side
    while outside <= error:
        rank += 1
        outside += math.comb(count, rank) * 2.0 ** (1 - count)
    return rank


def gather(
    draw: Callable[[int], Sample], is_enough: Callable[[list[Sample]], bool], budget_s: float
) -> list[Sample]:
    """Samples, `draw(0)`, `draw(1)` and so on, until a look at them shows enough, or the time is
    over: at least one."""
    deadline = time.monotonic() + budget_s
    samples: list[Sample] = []
    while len(samples) < LOOKS[-1] and not (samples and time.monotonic() > deadline):
        samples.append(draw(len(samples)))
        if len(samples) in LOOKS and is_enough(samples):
            break
    return samples


def compared(draw: Callable[[int], Sample], timing: Timing) -> Comparison:
    """Two versions, measured until it is clear whether they differ."""

    def is_enough(samples: list[Sample]) -> bool:
        return Comparison.of(samples, timing.confidence).is_settled(timing.precision)

    return Comparison.of(gather(draw, is_enough, timing.budget_s), timing.confidence)


def measured(draw: Callable[[int], Sample], timing: Timing) -> Runtime:
    """One version, measured until it is clear how long it takes."""

    def is_enough(samples: list[Sample]) -> bool:
        return Runtime.of(samples, timing.confidence).is_settled(timing.precision)

    return Runtime.of(gather(draw, is_enough, timing.budget_s), timing.confidence)
