"""What the judges can tell, how sure they are, and what it costs.

Functions: `-Oz` against the unoptimised function, each in a module of its own; shares of verdicts
and the time of one pair. Every refutation is a bug, of ours or of LLVM's, and is printed.
Mutants: wrong versions of optimised functions; of those that the reference interpreter shows to
differ, so many are refuted, and none may be accepted as proved. Cost: whole modules, optimised with
and without verdicts. With `--bitcode` all this is done on harvested modules.

What is not measured: pairs with known verdicts (`make test-slow`), other efforts than the usual.
"""

from __future__ import annotations

import collections
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

from agent.optimise import Settings, optimise
from agent.verify import describe
from benchmarks.figures import Clock, Figure, Result, ratios
from benchmarks.material import FunctionSource, Options, modules, sample, text
from benchmarks.mutants import mutants
from envs.evaluation import Artefact, Job, Source
from envs.evaluator import Evaluator
from envs.pool import Limits
from envs.verification import verify
from ir_tools.errors import OzoneError
from ir_tools.llvm import Context
from ir_tools.plan import OZ, Plan
from ir_tools.target import TargetOptions
from ir_tools.verify.interpreter.inputs import useful_inputs
from ir_tools.verify.interpreter.refinement import judge
from ir_tools.verify.reader import read_module
from ir_tools.verify.verdict import Accept, Effort, Kind, Side

_FUNCTIONS, _MOST_INSTRUCTIONS = 300, 60
_MUTANTS, _OF_EACH = 500, 4
_INPUTS, _ATTEMPTS = 24, 48


def run(options: Options) -> Result:
    """Shares of verdicts, mutants that are caught, and the price in time."""
    small = [
        one
        for one in sample(options.bitcode, 8 * options.times(_FUNCTIONS), least=2)
        if one.instructions <= _MOST_INSTRUCTIONS
    ][: options.times(_FUNCTIONS)]
    with Evaluator(1, limits=Limits(cpu_s=60)) as evaluator:
        optimised = [(one, _optimised(evaluator, one)) for one in small]
        figures, rows = _functions(evaluator, optimised)
        caught, missed = _mutants(evaluator, optimised, options.times(_MUTANTS))
    figures += [*caught, *_cost(options)]
    return Result(tuple(figures), {"functions": rows, "mutants": missed})


def _optimised(evaluator: Evaluator, one: FunctionSource) -> Side:
    job = Job(one.source, Plan(before=OZ))
    return Side(evaluator.build(job, Artefact.BITCODE)[1], one.function)


def _functions(
    evaluator: Evaluator, pairs: list[tuple[FunctionSource, Side]]
) -> tuple[list[Figure], list[dict[str, Any]]]:
    counts: collections.Counter[Kind] = collections.Counter()
    seconds, rows = [], []
    for one, target in pairs:
        source = Side(one.source.data, one.function)
        started = time.perf_counter()
        (verdict,) = verify(evaluator, [(source, target)], Effort())
        seconds.append(time.perf_counter() - started)
        counts[verdict.kind] += 1
        rows.append({"function": one.source.name, "s": seconds[-1], "verdict": verdict.to_json()})
        if verdict.kind is Kind.REFUTED:
            print(f"{one.source.name}: {describe(source, target, verdict)}", flush=True)
    total = max(1, len(pairs))
    shares = {kind: 100 * counts[kind] / total for kind in Kind}
    solved = shares[Kind.PROVED] + shares[Kind.BOUNDED]
    note = f"of {total}; median {statistics.median(seconds):.2f} s a pair"
    figures = [Figure(f"-Oz: {kind}", (shares[kind],), "%", note="") for kind in Kind]
    refuted = Figure("-Oz: refuted", (counts[Kind.REFUTED],), "", at_most=0)
    return [
        *(figure for figure in figures if "refuted" not in figure.name),
        Figure("-Oz: proved or bounded", (solved,), "%", at_least=60, note=note),
        refuted,
    ], rows


def _mutants(
    evaluator: Evaluator, pairs: list[tuple[FunctionSource, Side]], wanted: int
) -> tuple[list[Figure], list[str]]:
    """How many wrong targets that differ are refuted, and those that are not."""
    differing, refuted, proved, missed = 0, 0, 0, []
    for source, target in _wrong(pairs):
        if differing >= wanted:
            break
        if not _differs(source, target):
            continue
        differing += 1
        (verdict,) = verify(evaluator, [(source, target)], Effort())
        refuted += verdict.kind is Kind.REFUTED
        proved += verdict.kind in (Kind.PROVED, Kind.BOUNDED)
        if verdict.kind is not Kind.REFUTED:
            missed.append(f"{verdict.to_json()}\n{target.data.decode()}")
    share = 100 * refuted / max(1, differing)
    note = f"of {differing} that the interpreter tells apart"
    return [
        Figure("mutants: refuted", (share,), "%", at_least=97, note=note),
        Figure("mutants: proved", (proved,), "", at_most=0),
    ], missed


def _wrong(pairs: list[tuple[FunctionSource, Side]]) -> Iterator[tuple[Side, Side]]:
    """(optimised function, a wrong version of it)."""
    rng = random.Random(0)
    for _, right in pairs:
        written = text(Source(right.function, right.data))
        for wrong in mutants(written, rng, _OF_EACH):
            yield Side(written.encode(), right.function), Side(wrong.encode(), right.function)


def _differs(source: Side, target: Side) -> bool:
    """Whether the interpreter sees the target break a law on one of a few inputs."""
    try:
        first, second = _read(source), _read(target)
    except OzoneError:  # the mutant is no valid IR
        return False
    name = source.function
    found = useful_inputs(first, name, 1, _INPUTS, _ATTEMPTS)
    return any(judge((first, name), (second, name), given).law for given, _ in found)


def _read(side: Side) -> Any:
    with Context() as context, context.parse(side.data, side.function) as module:
        return read_module(module)


def _cost(options: Options) -> list[Figure]:
    """What all modules cost at budget 10 with verdicts, against without."""
    target, clock = TargetOptions(relocation_model="module"), Clock()
    sources = modules(options.bitcode)
    for source in sources[: options.times(len(sources))]:
        for label, accept in (("plain", None), ("judged", Accept.TESTED)):
            settings = Settings(budget=10, target=target, accept=accept)
            clock.time(label, lambda: _optimise(source, settings))  # noqa: B023
    name = "budget 10 with verdicts, against without, cpu"
    return [Figure(name, ratios([clock], "judged", "plain", "cpu"), at_most=5)]


def _optimise(source: Source, settings: Settings) -> None:
    with Evaluator(1) as evaluator:
        optimise(evaluator, source, settings)
