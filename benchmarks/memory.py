"""A worker's resident memory over 100,000 evaluations: it must not grow.

One worker evaluates random production pipelines, no two alike, in turn on all functions of the
examples, as a long `ozone tune` does; another one, 2,000 times, on whole modules with debug
information, of which LLVM keeps more. Growth is counted from the first tenth on, when all caches
are full.

What is not covered: larger modules, targets other than the host's. A worker that crashes is
replaced and begins anew: the note then says so, and the figure covers the last one only.
"""

from __future__ import annotations

import itertools
import os
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.policy import atoms, random_pipeline
from benchmarks.figures import Figure, Result, children
from benchmarks.material import Options, examples, functions
from envs.evaluation import Job, Source
from envs.evaluator import Evaluator
from ir_tools.plan import Plan

_EVALUATIONS = 100_000
_WITH_DEBUG_INFORMATION = 2_000
_BATCH = 20
_POINTS = 50  # in the series
_FLAT_PERCENT = 5.0


def run(options: Options) -> Result:
    """Growth in percent; the series of (evaluations, worker's MiB, parent's MiB) behind it."""
    single = [one.source for one in functions(examples())]
    total, debug_total = map(options.times, (_EVALUATIONS, _WITH_DEBUG_INFORMATION))
    plain = _series(single, total)
    debug = _series(examples("-g"), debug_total)
    figures = (
        _figure("growth of a worker", total, *plain),
        _figure("growth with debug information", debug_total, *debug),
    )
    return Result(figures, [plain[0], debug[0]])


Series = list[tuple[int, float, float]]


def _series(sources: Sequence[Source], total: int) -> tuple[Series, int]:
    """Memory as evaluations go by, and how many workers died."""
    series: Series = []
    step = max(1, total // _POINTS // _BATCH) * _BATCH
    with Evaluator(1) as evaluator:
        for done, jobs in zip(range(_BATCH, total + 1, _BATCH), _batches(sources), strict=False):
            evaluator.evaluate(jobs)
            if done % step == 0:
                (worker,) = children()
                series.append((done, resident(worker), resident(os.getpid())))
        return series, evaluator.deaths.total()


def _figure(what: str, total: int, series: Series, deaths: int) -> Figure:
    warm = next(mib for done, mib, _ in series if done >= total // 10)
    last = series[-1][1]
    note = f"from {warm:.0f} to {last:.0f} MiB in evaluations {total // 10} to {total}"
    return Figure(
        f"memory: {what}",
        (100 * (last - warm) / warm,),
        "%",
        at_most=_FLAT_PERCENT,
        note=f"{note}; {deaths} workers replaced" if deaths else note,
    )


def _batches(sources: Sequence[Source]) -> Iterator[list[Job]]:
    """Jobs without end, a batch for each source in turn."""
    rng = random.Random(0)
    passes = atoms()
    for source in itertools.cycle(sources):
        plans = [Plan(default=str(random_pipeline(rng, passes))) for _ in range(_BATCH)]
        yield [Job(source, plan, own_sections=True) for plan in plans]


def resident(pid: int) -> float:
    """MiB of a process that are in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else 0.0
