"""Ten thousand random pipelines over all passes, experimental ones included, and what is left.

200 functions of 30 instructions or more, each in a module of its own, get 50 pipelines: half of
function and loop passes, as the policy `random` draws them, half of passes of every scope. 40 whole
modules get 25 more of every scope. Every crash, hang and memory exhaustion must end as a status of
its own job; all others must be measured. `-Oz` is measured on everything before and after: failures
must change nothing else.

With `--bitcode DIR` functions and modules are harvested ones. What is not covered: wrong code,
which is the verifier's business, and whole programs.
"""

from __future__ import annotations

import collections
import itertools
import operator
import random
import re
from collections.abc import Iterable

from agent.policy import RandomPolicy, random_pipeline
from benchmarks.figures import Figure, Result
from benchmarks.material import Options, modules, sample
from envs.evaluation import Evaluation, Job, Source, Status
from envs.evaluator import Evaluator
from envs.pool import Limits
from ir_tools.passes import Trust, catalogue
from ir_tools.plan import OZ, Plan

_FUNCTIONS = 200
_PIPELINES = 50
_MODULES = 40
_PIPELINES_OF_MODULES = 25
_LIMITS = Limits(cpu_s=10)
_BATCH = 10  # sources
_LEAST_INSTRUCTIONS, _LEAST_BYTES = 30, 10_000  # what is smaller seldom crashes anything
_SURVIVABLE = (Status.CRASH, Status.HANG, Status.OOM)
_PASS = re.compile(r"Running pass [\"'](.+?)[\"'] on")


def run(options: Options) -> Result:
    """What happened to every pipeline, by status and by the pass that was running."""
    functions = sample(options.bitcode, options.times(_FUNCTIONS), _LEAST_INSTRUCTIONS)
    whole = [one for one in modules(options.bitcode) if len(one.data) >= _LEAST_BYTES]
    whole = random.Random(0).sample(whole, min(options.times(_MODULES), len(whole)))
    with Evaluator(limits=_LIMITS) as evaluator:
        results = [
            _ordeal(evaluator, "functions", [(one.source, _PIPELINES) for one in functions]),
            _ordeal(evaluator, "modules", [(one, _PIPELINES_OF_MODULES) for one in whole]),
        ]
    return Result(
        tuple(figure for one in results for figure in one.figures),
        [one.data for one in results],
        "\n".join(one.text for one in results if one.text),
    )


def _ordeal(evaluator: Evaluator, what: str, sources: list[tuple[Source, int]]) -> Result:
    """That many pipelines on each source, and `-Oz` before and after."""
    ends: list[tuple[Job, Evaluation]] = []
    oz = [Job(source, Plan(before=OZ)) for source, _ in sources]
    before = evaluator.evaluate(oz)
    for start in range(0, len(sources), _BATCH):
        batch = sources[start : start + _BATCH]
        jobs = [job for source, count in batch for job in _jobs(evaluator, source, count)]
        ends += zip(jobs, evaluator.evaluate(jobs), strict=True)
    changed = sum(map(operator.ne, before, evaluator.evaluate(oz)))
    return _result(what, ends, changed)


def _jobs(evaluator: Evaluator, source: Source, count: int) -> list[Job]:
    """Single functions get half of their pipelines from the policy."""
    infos = evaluator.inspect(source).functions
    half = count // 2 if len(infos) == 1 else 0
    own = [RandomPolicy(0, Trust.EXPERIMENTAL).propose(info, half) for info in infos if half]
    plans = [Plan(default=str(pipeline)) for proposals in own for pipeline in proposals]
    plans += [Plan(after=text) for text in _of_every_scope(source.name, count - half)]
    return [Job(source, plan) for plan in plans]


def _of_every_scope(name: str, count: int) -> list[str]:
    rng = random.Random(name)
    rows = catalogue(trust=Trust.EXPERIMENTAL)
    passes = tuple(variant for row in rows for variant in row.variants)
    return [str(random_pipeline(rng, passes)) for _ in range(count)]


def _endings(evaluation: Evaluation) -> Iterable[tuple[Status, str]]:
    """(status, message) of what went wrong in a job; of the whole, when nothing did."""
    failures = [(failure.status, failure.message) for failure in evaluation.failures]
    whole = [(evaluation.status, evaluation.message)]
    return failures if evaluation.ok and failures else whole


def _is_lost(job: Job, evaluation: Evaluation) -> bool:
    """Compiled, but of a function that is still there nothing is known."""
    single = job.plan.default and evaluation.ok
    return bool(single) and not evaluation.functions and not evaluation.failures


def _result(what: str, ends: list[tuple[Job, Evaluation]], changed: int) -> Result:
    endings = [ending for _, evaluation in ends for ending in _endings(evaluation)]
    statuses = collections.Counter(str(status) for status, _ in endings)
    culprits = collections.Counter(
        f"{status} in {match[1] if (match := _PASS.search(message)) else 'code generation or ?'}"
        for status, message in endings
        if status in _SURVIVABLE
    )
    counted = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    lost = sum(itertools.starmap(_is_lost, ends))
    messages = collections.Counter(message for _, message in endings if message)
    return Result(
        (
            Figure(f"{what}: pipelines survived", (len(ends),), "", note=counted),
            Figure(f"{what}: jobs without their evaluation", (lost,), "", at_most=0),
            Figure(f"{what}: measured otherwise after it", (changed,), "", at_most=0),
        ),
        {"statuses": statuses, "culprits": culprits, "messages": messages.most_common()},
        "\n".join(f"{what}: {count:6} {culprit}" for culprit, count in culprits.most_common()),
    )
