"""What asking the language model costs: one process, two cores.

Single functions of the examples, or of `--bitcode`. On those of about a hundred instructions, ten
pipelines by priority sampling against the greedy one, and against ten by nucleus sampling, in
turns. On functions of all sizes, ten pipelines of the policy `lm`, most of which are the coreset's,
against what their evaluation takes, in processor time. And the memory of a process that does
nothing but ask, at its highest.

What is not measured: how good the pipelines are (`ozone bench`), several functions at once.
"""

from __future__ import annotations

import functools
import resource
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.lm.policy import LmPolicy
from agent.policy import SIMPLIFIED, Policy, make_policy
from benchmarks.figures import Clock, Figure, Result, column, ratios
from benchmarks.material import FunctionSource, Options, sample
from envs.evaluation import FunctionInfo, Job
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError
from ir_tools.plan import Plan
from ir_tools.process import run_tool

_REPETITIONS = 10
_COUNT = 10  # pipelines
_FUNCTIONS = 60
_LEAST = 10  # instructions
_HUNDRED = range(80, 121)
_MEMORY_MIB = 1024
_TIMEOUT_S = 600.0


def run(options: Options) -> Result:
    """The comparisons. Raises OzoneError where there is no model."""
    drawn = sample(options.bitcode, _FUNCTIONS, _LEAST)
    with Evaluator(1) as evaluator:
        infos = [_info(evaluator, one) for one in drawn]
        hundred = [info for info in infos if info.instructions in _HUNDRED]
        if not hundred:
            raise OzoneError("none of the functions has about 100 instructions: see --bitcode")
        asked = [_asked(hundred) for _ in range(options.times(_REPETITIONS) + 1)][1:]
        spent = [_evaluated(evaluator, drawn, infos) for _ in range(options.times(_REPETITIONS))]
    note = f"{len(hundred)} functions of about 100 instructions"
    figures = (
        Figure("proposal: ten samples against greedy", ratios(asked, "priority", "greedy", "cpu"),
               at_most=3, note=note),
        Figure("proposal: ten samples against nucleus", ratios(asked, "priority", "nucleus", "cpu"),
               note=note),
        Figure("proposal: against evaluation, ten candidates",
               ratios(spent, "asked", "evaluated", "cpu"), at_most=0.5,
               note=_each(spent, len(infos))),
        Figure("proposal: memory", (_memory(options),), "MiB", at_most=_MEMORY_MIB),
    )  # fmt: skip
    return Result(figures, [clock.as_json() for clock in (*asked, *spent)])


def _info(evaluator: Evaluator, one: FunctionSource) -> FunctionInfo:
    job = Job(one.source, Plan(functions=((one.function, SIMPLIFIED),)))
    (change,) = evaluator.changes(job, [one.function])
    return FunctionInfo(
        name=one.function, instructions=one.instructions, is_local=False, may_inline=True,
        has_minsize=True, users=(), part=one.source.data, simplified=change.after,
    )  # fmt: skip


def _asked(infos: Sequence[FunctionInfo]) -> Clock:
    """A turn of each way to ask for pipelines."""
    clock = Clock()
    ways = {"priority": ("priority", _COUNT), "greedy": ("priority", 1),
            "nucleus": ("nucleus", _COUNT)}  # fmt: skip
    for name, (sampler, count) in ways.items():
        clock.time(name, _asking(LmPolicy(sampler=sampler), infos, count))
    return clock


def _asking(
    policy: Policy, infos: Sequence[FunctionInfo], count: int
) -> Callable[[], list[list[str]]]:
    return lambda: [list(map(str, policy.propose(info, count))) for info in infos]


def _evaluated(
    evaluator: Evaluator, functions: Sequence[FunctionSource], infos: Sequence[FunctionInfo]
) -> Clock:
    """Asking for pipelines, and measuring them."""
    clock = Clock()
    proposed = clock.time("asked", _asking(make_policy("lm"), infos, _COUNT))
    for one, pipelines in zip(functions, proposed, strict=True):
        plans = [Plan(functions=((one.function, each),)) for each in pipelines]
        jobs = [Job(one.source, plan) for plan in plans]
        clock.time("evaluated", functools.partial(evaluator.evaluate, jobs))
    return clock


def _each(clocks: Sequence[Clock], count: int) -> str:
    asked, evaluated = (
        1000 * statistics.median(column(clocks, name, "cpu")) / count
        for name in ("asked", "evaluated")
    )
    return f"{asked:.1f} ms against {evaluated:.1f} ms a function"


def _memory(options: Options) -> float:
    """MiB, at most, of another process that asks as this one has."""
    argv = [sys.executable, "-m", "benchmarks.proposal"]
    argv += [str(options.bitcode)] if options.bitcode else []
    return float(run_tool(argv, timeout_s=_TIMEOUT_S).check().stdout)


def _alone(bitcode: Path | None) -> float:
    drawn = sample(bitcode, _FUNCTIONS, _LEAST)
    with Evaluator(1) as evaluator:
        infos = [_info(evaluator, one) for one in drawn]
    _asking(LmPolicy(), infos, _COUNT)()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(_alone(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
