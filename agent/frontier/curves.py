"""From what was kept of each function to the figures of each policy and budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent.frontier.runs import Run
from agent.frontier.winners import Kept, Winner
from agent.optimise import Objective
from anghabench.store import Measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

Interval = tuple[float, float]

METRICS = ("size", "text", "instructions")
_RESAMPLES = 1000
_CONFIDENCE = (2.5, 97.5)  # percentiles
_OZ = "-Oz"  # in the place of a verdict: its own result was kept


@dataclass(frozen=True, slots=True)
class Point:
    """A policy at a budget, against -Oz on the same functions. Reductions are shares, not percent.

    total        1 − Σ ours / Σ -Oz, by metric
    geomean      1 − the geometric mean over functions of ours / -Oz, by metric; none counts as 1
    interval     of the total of the objective: 95 %, by bootstrap over projects; none with one
    improved     share of functions that are better than -Oz by the objective
    verdicts     how many functions keep a result of that verdict, or -Oz's own
    refused      how many had a better one that was not acceptable, by its verdict
    unverified   the total of the objective, had nothing been judged
    """

    policy: str
    budget: int
    total: Mapping[str, float]
    geomean: Mapping[str, float]
    interval: Interval | None
    improved: float
    verdicts: Mapping[str, int]
    refused: Mapping[str, int]
    unverified: float


def points(
    runs: Sequence[Run], kept: Sequence[Kept], projects: Mapping[str, str], objective: Objective
) -> Iterator[Point]:
    """Each policy and budget, in order. `projects` gives the project of each function."""
    for policy in dict.fromkeys(run.policy for run in runs):
        own = [(run, each) for run, each in zip(runs, kept, strict=True) if run.policy == policy]
        labels = [projects[run.function] for run, _ in own]
        baselines = [run.baseline for run, _ in own]
        for budget in sorted(own[0][1]):
            free, judged = zip(*(each[budget] for _, each in own), strict=True)
            yield _point(policy, budget, baselines, free, judged, labels, objective)


def _point(
    policy: str,
    budget: int,
    baselines: Sequence[Measured],
    free: Sequence[Winner],
    judged: Sequence[Winner],
    projects: Sequence[str],
    objective: Objective,
) -> Point:
    before, after = _matrix(baselines), _matrix([winner.measured for winner in judged])
    chosen = METRICS.index(objective.value)
    totals = 1 - after.sum(0) / before.sum(0)
    means = 1 - np.exp(np.log(np.maximum(after, 1) / np.maximum(before, 1)).mean(0))
    without = _matrix([winner.measured for winner in free])[:, chosen]
    return Point(
        policy,
        budget,
        dict(zip(METRICS, totals.tolist(), strict=True)),
        dict(zip(METRICS, means.tolist(), strict=True)),
        _interval(before[:, chosen], after[:, chosen], projects),
        float((after[:, chosen] < before[:, chosen]).mean()),
        dict(Counter(map(_verdict, judged))),
        dict(Counter(_verdict(a) for a, b in zip(free, judged, strict=True) if a != b)),
        float(1 - without.sum() / before[:, chosen].sum()),
    )


def _matrix(measured: Sequence[Measured]) -> NDArray:
    """A row for each function, a column for each metric."""
    return np.array([[getattr(one, name) for name in METRICS] for one in measured], float)


def _verdict(winner: Winner) -> str:
    if not winner.pipeline:
        return _OZ
    return winner.verdict.value if winner.verdict else "unverified"


def _interval(before: NDArray, after: NDArray, projects: Sequence[str]) -> Interval | None:
    """Whole projects are drawn: functions of one resemble each other."""
    names, rows = np.unique(projects, return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.array([np.bincount(rows, values) for values in (before, after)])
    drawn = np.random.default_rng(0).integers(len(names), size=(_RESAMPLES, len(names)))
    resampled = sums[:, drawn].sum(2)
    low, high = np.percentile(1 - resampled[1] / resampled[0], _CONFIDENCE)
    return float(low), float(high)
