"""Evaluations a second: through the evaluator, by processes, and by LLVM alone.

One evaluation is clone, passes, instruction count, object and sizes. Three ways take turns on each
source: `Evaluator` with one worker and no cache, as a search drives it; a shell that runs `opt`,
`llc` and `llvm-size` one after the other (which count no instructions); and, in this process,
LLVM's clone, passes and code generation with nothing around them. A source's first evaluation
includes sending and parsing it. A figure is the ratio of the times that all sources took together:
in processor time (of parent and worker), which others on the machine hardly change, and by the
wall.

Sizes are compared byte by byte. `opt` is told not to write the order of uses, which decides ties in
code generation: LLVM-C cannot write it, and Ozone measures what its own output will compile to.

What is not measured: more than one worker, the cache, the start of a worker, crashes.
"""

from __future__ import annotations

import itertools
import shlex
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from agent.policy import coreset
from benchmarks.figures import Clock, Figure, Result, Time, column, ratios
from benchmarks.material import Options, examples, functions
from envs.evaluation import Evaluation, Job, Source
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError
from ir_tools.llvm import Context
from ir_tools.plan import OZ, Plan
from ir_tools.process import run_tool
from ir_tools.target import Target

_REPETITIONS = 5
_FUNCTIONS = 16
_SMALL = range(10, 150)  # instructions of a small function, before any pass
_CORESET = 10
_TIMEOUT_S = 300.0


def run(options: Options) -> Result:
    """Figures for small functions and for whole modules."""
    pipelines = [OZ, *map(str, coreset()[:_CORESET])]
    small = [one for one in functions(examples()) if one.instructions in _SMALL]
    small.sort(key=lambda one: one.instructions)
    spread = [one.source for one in small[:: max(1, len(small) // _FUNCTIONS)]]
    figures: list[Figure] = []
    data = {}
    for label, sources in (("small functions", spread), ("whole modules", [*examples()])):
        clocks, differing = measure(sources, pipelines, options.times(_REPETITIONS))
        figures += _figures(label, clocks, len(sources) * len(pipelines), differing)
        data[label] = [clock.as_json() for clock in clocks]
    return Result(tuple(figures), data)


def _figures(label: str, clocks: list[Clock], count: int, differing: int) -> list[Figure]:
    least = 10 if label == "small functions" else None
    figures = []
    for kind, unit in (("cpu", "core"), ("wall", "worker")):
        rate = count / statistics.median(column(clocks, "evaluator", kind))
        note = f"{rate:.0f} evaluations a second and {unit}"
        faster = ratios(clocks, "processes", "evaluator", kind)
        slower = ratios(clocks, "evaluator", "llvm", kind)
        figures += [
            Figure(f"{label}: faster than processes, {kind}", faster, at_least=least, note=note),
            Figure(f"{label}: against LLVM alone, {kind}", slower, at_most=1.25),
        ]
    note = f"of {count}"
    return [*figures, Figure(f"{label}: sizes unlike llvm-size's", (differing,), "", 0, note=note)]


def measure(
    sources: Sequence[Source], pipelines: Sequence[str], repetitions: int
) -> tuple[list[Clock], int]:
    """A clock a repetition, and how many evaluations disagree with `llvm-size` about an object."""
    clocks, differing = [], 0
    with Evaluator(1) as evaluator, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _turn(Clock(), evaluator, sources[0], pipelines, folder)  # both libraries and tools load
        for _ in range(repetitions):
            clock = Clock()
            turns = [_turn(clock, evaluator, one, pipelines, folder) for one in sources]
            differing = sum(turns)
            clocks.append(clock)
    return clocks, differing


def _turn(
    clock: Clock, evaluator: Evaluator, source: Source, pipelines: Sequence[str], folder: Path
) -> int:
    """Every way once on one source; how many sizes differ."""
    jobs = [Job(source, _plan(pipeline)) for pipeline in pipelines]
    evaluations = clock.time("evaluator", lambda: evaluator.evaluate(jobs))
    clock.add("llvm", llvm_time(source, pipelines))
    path = folder / "source.bc"
    path.write_bytes(source.data)
    sizes = clock.time("processes", lambda: _by_processes(path, pipelines))
    return sum(map(_differs, evaluations, sizes))


def _plan(pipeline: str) -> Plan:
    """A module pipeline, or one of each function's own, as in a search."""
    return Plan(after=OZ) if pipeline == OZ else Plan(default=pipeline)


def _differs(evaluation: Evaluation, llvm_size: int) -> bool:
    if not evaluation.ok:
        raise OzoneError(f"an evaluation failed: {evaluation.message}")
    return evaluation.text + evaluation.rodata + evaluation.eh_frame != llvm_size


def llvm_time(source: Source, pipelines: Sequence[str]) -> Time:
    """What LLVM's own calls take: clone, run the passes, emit the object."""
    total = Time(0, 0)
    with (
        Context() as context,
        context.parse(source.data, source.name) as module,
        Target(module=module) as target,
    ):
        for pipeline in pipelines:
            wall, cpu = time.perf_counter(), time.process_time()
            copy = module.clone()
            copy.run(pipeline, target)
            copy.emit_object(target)
            total += Time(time.perf_counter() - wall, time.process_time() - cpu)
            copy.close()
    return total


def _by_processes(path: Path, pipelines: Sequence[str]) -> list[int]:
    """The same by `opt`, `llc` and `llvm-size`; what the last one calls text, by pipeline."""
    optimised, image = path.with_suffix(".opt.bc"), path.with_suffix(".o")
    commands = itertools.chain.from_iterable(
        (
            (
                "opt-22",
                f"-passes={pipeline}",
                "-preserve-bc-uselistorder=false",
                str(path),
                "-o",
                str(optimised),
            ),
            ("llc-22", "-filetype=obj", str(optimised), "-o", str(image)),
            ("llvm-size-22", str(image)),
        )
        for pipeline in pipelines
    )
    script = "\n".join(map(shlex.join, commands))
    output = run_tool(["sh", "-ec", script], timeout_s=_TIMEOUT_S).check().stdout.decode()
    return [int(line.split()[0]) for line in output.splitlines()[1::2]]
