"""A worker's resident memory over 100,000 evaluations: it must not grow.

One worker evaluates random production pipelines, no two alike, on all functions of the examples in
turn, as a long `ozone tune` does. The growth is counted from the 10,000th evaluation on, when all
caches are full.

What is not covered: larger modules, targets other than the host's. A worker that crashes is
replaced and begins anew: the figure then says so, and covers the last one only.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from agent.policy import RandomPolicy
from benchmarks.figures import Figure, Result, children
from benchmarks.material import FunctionSource, Options, examples, functions
from envs.evaluation import Job
from envs.evaluator import Evaluator
from ir_tools.plan import Plan

_EVALUATIONS = 100_000
_WARM = 0.1  # this part of them comes before the growth is counted
_BATCH = 20
_FLAT_PERCENT = 5.0


def run(options: Options) -> Result:
    """Growth in percent; the series of (evaluations, worker's MiB, parent's MiB) behind it."""
    total = options.times(_EVALUATIONS)
    series = []
    with Evaluator(1) as evaluator:
        for done, batch in enumerate(_batches(functions(examples())), 1):
            evaluator.evaluate(batch)
            if done * _BATCH % (total // 50) == 0:
                (worker,) = children()
                series.append((done * _BATCH, _resident(worker), _resident(os.getpid())))
            if done * _BATCH >= total:
                break
        deaths = dict(evaluator.deaths)
    warm = next(mib for done, mib, _ in series if done >= _WARM * total)
    last = series[-1][1]
    note = f"from {warm:.0f} to {last:.0f} MiB, {_WARM * total:.0f} to {total} evaluations"
    lost = ", ".join(f"{count} workers replaced: {status}" for status, count in deaths.items())
    growth = Figure(
        "memory: growth of a worker",
        (100 * (last - warm) / warm,),
        unit="%",
        at_most=_FLAT_PERCENT,
        note=f"{note}; {lost}" if lost else note,
    )
    return Result((growth,), series)


def _batches(sources: list[FunctionSource]) -> Iterator[list[Job]]:
    """Jobs without end, a batch for each function in turn."""
    with Evaluator(1) as evaluator:
        infos = [evaluator.inspect(one.source).functions[0] for one in sources]
    for seed in itertools.count():
        policy = RandomPolicy(seed)
        for one, info in zip(sources, infos, strict=True):
            yield [
                Job(one.source, Plan(default=str(pipeline)), own_sections=True)
                for pipeline in policy.propose(info, _BATCH)
            ]


def _resident(pid: int) -> float:
    """MiB of a process that are in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else 0.0
