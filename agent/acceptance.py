"""No change without a verdict: what is not good enough gives way to the next best pipeline.

What is compared is each function right before and right after its own pipeline. What happens to the
whole module before (inlining, facts about arguments and globals) and after (merging of constants)
is done by LLVM's own interprocedural passes and has no verdict; nor has a body that -Oz's own way
gives a function.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from envs.evaluation import Job
from envs.evaluator import Evaluator
from envs.verification import verify
from ir_tools import recipe
from ir_tools.plan import Plan
from ir_tools.verify.verdict import Accept, Effort, Kind, Side, Verdict

_ROUNDS = 4  # of next best pipelines, before a function gets -Oz's own body
# A build has many functions: each gets what finds most, quickly. `ozone verify` tries harder.
EFFORT = Effort(unroll=2, smt_instructions=30, smt_s=0.25, runs=32, execution_s=2.0)

Tried = Mapping[str, list[tuple[str, float | None]]]  # by function: pipelines and their costs


@dataclass(frozen=True, slots=True)
class Refutation:
    """A pipeline that changes what a function means, and how one can see it."""

    function: str
    pipeline: str
    law: str
    counterexample: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A plan without refused pipelines, and what the judges said, by (function, pipeline)."""

    plan: Plan
    verdicts: Mapping[tuple[str, str], Verdict]

    def of(self, function: str) -> Verdict | None:
        """The verdict of what the plan does to a function; None for -Oz's own body."""
        return self.verdicts.get((function, _own(self.plan).get(function, "")))

    def refutations(self) -> tuple[Refutation, ...]:
        """What was shown to be wrong: bugs of LLVM's, or of a judge."""
        return tuple(
            Refutation(function, pipeline, verdict.reason, verdict.counterexample)
            for (function, pipeline), verdict in self.verdicts.items()
            if verdict.kind is Kind.REFUTED
        )

    def refused(self) -> dict[str, int]:
        """How many pipelines are not in the plan because of their verdict, by kind."""
        kept = _own(self.plan).items()
        return dict(Counter(str(v.kind) for key, v in self.verdicts.items() if key not in kept))


def acceptable(
    evaluator: Evaluator, job: Job, accept: Accept, tried: Tried, lent: Mapping[str, float | None]
) -> Accepted:
    """The job's plan, with accepted pipelines only.

    `lent` is what each function costs with the body that -Oz's own way gives it.
    """
    plan = job.plan
    judged: dict[tuple[str, str], Verdict] = {}
    for _ in range(_ROUNDS):
        own = _own(plan)
        new = [name for name, text in own.items() if (name, text) not in judged]
        found = _judge(evaluator, dataclasses.replace(job, plan=plan), new)
        judged |= {(name, own[name]): verdict for name, verdict in found.items()}
        refused = [key for key in own.items() if key in judged and not accept.allows(judged[key])]
        if not refused:
            break
        plan = _without(plan, refused, judged, tried, lent)
    else:
        names = [key[0] for key in _own(plan).items() if key not in judged or key in refused]
        plan = recipe.borrowing(plan, names)
    return Accepted(plan, judged)


def _own(plan: Plan) -> dict[str, str]:
    """The functions that keep what their own pipeline makes of them."""
    return {name: text for name, text in plan.functions if text and name not in plan.borrowed}


def _judge(evaluator: Evaluator, job: Job, names: list[str]) -> dict[str, Verdict]:
    """A verdict for each function of the result among `names`."""
    changes = evaluator.changes(job, names)
    taken = [change for change in changes if change.symbol]
    pairs = [(Side(c.before, c.symbol), Side(c.after, c.symbol)) for c in taken]
    tied = Verdict(Kind.UNKNOWN, "identity", "its blocks' addresses are known outside of it")
    verdicts = {change.function: tied for change in changes}
    said = verify(evaluator, pairs, EFFORT)
    return verdicts | dict(zip((change.function for change in taken), said, strict=True))


def _without(
    plan: Plan,
    refused: Iterable[tuple[str, str]],
    judged: Mapping[tuple[str, str], Verdict],
    tried: Tried,
    lent: Mapping[str, float | None],
) -> Plan:
    """The plan with the next best pipelines, or -Oz's own body where that is smaller.

    Where the source is what cannot be judged, the next best is the empty pipeline, which need not.
    """
    functions, borrowed = dict(plan.functions), []
    for name, pipeline in refused:
        left = [
            (cost, index, text)
            for index, (text, cost) in enumerate(tried.get(name, ()))
            if cost is not None and (name, text) not in judged
            if not (text and judged[name, pipeline].of_source)
        ]
        own = lent.get(name)
        if left and (own is None or min(left)[0] < own):
            functions[name] = min(left)[2]
        else:
            borrowed.append(name)
    changed = dataclasses.replace(plan, functions=tuple(sorted(functions.items())))
    return recipe.borrowing(changed, borrowed) if borrowed else changed
