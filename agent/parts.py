"""What a policy's pipelines make of one part: a function of the corpus in a module of its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.optimise import Objective
from agent.policy import SIMPLIFIED, Policy
from anghabench.functions import DELETED
from anghabench.store import CorpusFunction, Measured
from envs.evaluation import Evaluation, FunctionInfo, Job, Source, Status
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError, WorkerError
from ir_tools.pipeline import Pipeline
from ir_tools.plan import OZ, Plan
from ir_tools.target import TargetOptions

TARGET = TargetOptions(relocation_model="module")
"""What functions are measured for: as clang would compile their module."""

_TRIES = 3  # where somebody kills our workers


@dataclass(frozen=True, slots=True)
class Explored:
    """What -Oz makes of a part, and each pipeline that was tried, or how it failed, in order."""

    baseline: Measured
    tried: tuple[tuple[str, Measured | Status], ...]


def sample(functions: Iterable[CorpusFunction], count: int, seed: int) -> list[CorpusFunction]:
    """So many functions, from each project in proportion to how many it has; the same for a seed.

    The beginning of a sample is a smaller sample. What -Oz deletes is in none.
    """
    rng = random.Random(seed)
    kept = [function for function in functions if DELETED not in function.marks]
    rng.shuffle(kept)
    sizes = Counter(function.project for function in kept)
    before: Counter[str] = Counter()
    ranked = []
    for index, function in enumerate(kept):
        ranked.append(((before[function.project] + rng.random()) / sizes[function.project], index))
        before[function.project] += 1
    return [kept[index] for _, index in sorted(ranked)[:count]]


def source(function: CorpusFunction) -> Source:
    """The part as workers take it."""
    return Source(function.id, function.bitcode)


def job(function: CorpusFunction, pipeline: str) -> Job:
    """The compilation of the part with a function pipeline."""
    return Job(source(function), Plan(functions=((function.symbol, pipeline),)), TARGET)


def baseline_job(function: CorpusFunction) -> Job:
    """What -Oz makes of the part."""
    return Job(source(function), Plan(before=OZ), TARGET)


def evaluated(evaluator: Evaluator, jobs: Sequence[Job]) -> list[Evaluation]:
    """Evaluations, none of which somebody from outside had a part in. Raises OzoneError."""
    for _ in range(_TRIES):
        evaluations = evaluator.evaluate(jobs)
        killed = [one for one in evaluations if Status.KILLED in _statuses(one)]
        if not killed:
            return evaluations
    raise OzoneError(f"workers are being killed: {killed[0].message}")


def _statuses(evaluation: Evaluation) -> set[Status]:
    return {evaluation.status, *(failure.status for failure in evaluation.failures)}


def cost(objective: Objective, measured: Measured | Status, baseline: Measured) -> int | None:
    """What the objective says; None for a failure, and where fewer instructions cost bytes."""
    if isinstance(measured, Status):
        return None
    if objective is Objective.INSTRUCTIONS and measured.size > baseline.size:
        return None
    return int(getattr(measured, objective.value))


def explore(
    evaluator: Evaluator,
    function: CorpusFunction,
    policy: Policy,
    budget: int,
    objective: Objective = Objective.SIZE,
) -> Explored:
    """Spend the budget on one part. Raises OzoneError when not even -Oz compiles it."""
    baseline = _baseline(evaluator, function)
    info = FunctionInfo(
        name=function.id, instructions=function.o0.instructions, is_local=False, may_inline=True,
        has_minsize=True, users=(), part=function.bitcode,
        simplified=_simplified(evaluator, function) if policy.reads_part else b"",
    )  # fmt: skip
    proposals = policy.propose(info, budget)
    tried: list[tuple[str, Measured | Status]] = []
    if not policy.adaptive:
        tried = _measure(evaluator, function, list(proposals))
    else:
        pipeline = next(proposals, None)
        while pipeline is not None:
            tried += _measure(evaluator, function, [pipeline])
            try:
                pipeline = proposals.send(cost(objective, tried[-1][1], baseline))
            except StopIteration:
                break
    return Explored(baseline, tuple(tried))


def _simplified(evaluator: Evaluator, function: CorpusFunction) -> bytes:
    """Nothing where LLVM crashes on it: a policy does without, or does something else."""
    try:
        return after(evaluator, function, SIMPLIFIED)
    except WorkerError:
        return b""


def after(evaluator: Evaluator, function: CorpusFunction, pipeline: str) -> bytes:
    """The part after a pipeline, as bitcode. Raises OzoneError."""
    (change,) = evaluator.changes(job(function, pipeline), [function.symbol])
    return change.after


def _baseline(evaluator: Evaluator, function: CorpusFunction) -> Measured:
    (measured,) = evaluated(evaluator, [baseline_job(function)])
    if not measured.ok:
        raise OzoneError(f"{function.id}: {measured.status}: {measured.message}")
    return _values(measured)


def _measure(
    evaluator: Evaluator, function: CorpusFunction, pipelines: Sequence[Pipeline]
) -> list[tuple[str, Measured | Status]]:
    texts = list(map(str, pipelines))
    evaluations = evaluated(evaluator, [job(function, text) for text in texts])
    return [(t, _outcome(e)) for t, e in zip(texts, evaluations, strict=True)]


def _outcome(evaluation: Evaluation) -> Measured | Status:
    """Sizes; or how the pipeline failed, which the evaluator then leaves out."""
    failed = next((failure.status for failure in evaluation.failures), evaluation.status)
    return _values(evaluation) if failed is Status.OK else failed


def _values(evaluation: Evaluation) -> Measured:
    return Measured(
        instructions=evaluation.instructions, text=evaluation.text, size=evaluation.size
    )
