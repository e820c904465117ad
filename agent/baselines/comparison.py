"""What methods made of held-out functions, against -Oz and against random search.

Figures are geometric means over functions of sizes relative to another's, with a 95 % interval over
functions (bootstrap). Where more episodes were played than a budget pays for, its best is the
expectation over all choices among them, so that luck counts less. The best is chosen by the size
that was to be small; both sizes are those of that choice. An outcome that a judge refuted is no
gain: where it was smaller than -Oz, it counts as -Oz.

Not covered: other seeds of the training, and that functions of one program are alike.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.baselines.methods import Outcome
from ir_tools.verify.verdict import Kind

_RESAMPLES = 4000

Found = Mapping[str, Sequence[Outcome]]
"""A method's outcomes by function."""
Logs = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A geometric mean over functions, and the interval that holds 95 % of its resamples."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, logs: Logs) -> Ratio:
        drawn = np.random.default_rng(0).choice(logs, (_RESAMPLES, len(logs)))
        low, high = np.percentile(drawn.mean(axis=1), (2.5, 97.5))
        return cls(*(math.exp(value) for value in (logs.mean(), low, high)))

    def __str__(self) -> str:
        return f"{self.mean:.4f} ({self.low:.4f}–{self.high:.4f})"


@dataclass(frozen=True, slots=True)
class Row:
    """A method at a budget of steps for each function: its sizes against -Oz's, and the one
    that was to be small against random search's at the same budget."""

    method: str
    steps: int
    text_bytes: Ratio
    instructions: Ratio
    against_random: Ratio


def compare(outcomes: Iterable[Outcome], field: str, budgets: Sequence[int]) -> list[Row]:
    """A row for each budget that random search has outcomes for, and each method that has, on the
    functions that all have.

    `field` is the one of `Outcome` that methods were to make small.
    """
    methods = by_method(outcomes)
    common = sorted(set.intersection(*(set(found) for found in methods.values())))
    oz = methods.pop("oz")
    rows = []
    for steps in budgets:
        means: dict[str, Logs] = {}
        for method, found in methods.items():
            each = [_best(found[name], oz[name][0], field, steps) for name in common]
            if None not in each:
                means[method] = np.array(each)
        for method, logs in means.items() if "random" in means else ():
            text, instructions, objective = logs.T
            against = objective - means["random"][:, 2]
            rows.append(Row(method, steps, *map(Ratio.of, (text, instructions, against))))
    return rows


def by_method(outcomes: Iterable[Outcome]) -> dict[str, dict[str, list[Outcome]]]:
    """Outcomes by method and function."""
    found: dict[str, dict[str, list[Outcome]]] = {}
    for one in outcomes:
        found.setdefault(one.method, {}).setdefault(one.function, []).append(one)
    return found


def affordable(outcomes: Sequence[Outcome], steps: int) -> tuple[list[Outcome], int]:
    """The outcomes that a budget of steps is to be spent on, and how many of them it pays for."""
    within = [one for one in outcomes if one.steps <= steps]
    dearest = max((one.steps for one in within), default=1)
    chosen = [one for one in within if one.steps == dearest]
    return chosen, steps // dearest


def _best(
    outcomes: Sequence[Outcome], oz: Outcome, field: str, steps: int
) -> tuple[float, float, float] | None:
    """Expected logarithms of text, instructions and the size to be small, against -Oz's; None where
    the budget would pay for more than there is."""
    chosen, count = affordable([_honest(one, oz) for one in outcomes], steps)
    if count > len(chosen):
        return None
    chosen.sort(key=lambda one: getattr(one, field))
    ways = [math.comb(len(chosen) - 1 - rank, count - 1) for rank in range(len(chosen))]

    def expected(size: str) -> float:
        logs = [_log(getattr(one, size)) - _log(getattr(oz, size)) for one in chosen]
        return sum(map(float.__mul__, logs, map(float, ways))) / sum(ways)

    return expected("text_bytes"), expected("instructions"), expected(field)


def _log(size: int) -> float:
    return math.log(max(1, size))  # nothing is left of some functions


def _honest(one: Outcome, oz: Outcome) -> Outcome:
    """The outcome, without a gain where it was refuted."""
    if one.verdict != Kind.REFUTED:
        return one
    text = max(one.text_bytes, oz.text_bytes)
    instructions = max(one.instructions, oz.instructions)
    return dataclasses.replace(one, text_bytes=text, instructions=instructions)
