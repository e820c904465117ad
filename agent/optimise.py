"""The main job: find the smallest plan for a module within a budget of compilations.

`-Oz` runs once and shows which local functions it inlines away. The same functions are inlined in
the original, and every function, not yet simplified, then gets a pipeline of its own: one
compilation of the module measures one candidate for all functions at once. What is best for each
is put together, measured as a whole, and kept only where it is smaller than `-Oz`.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent import inlining
from agent.names import DEFAULT_POLICY
from envs.evaluation import Evaluation, FunctionInfo, Job, ModuleInfo, Source, Status
from envs.evaluator import Evaluator
from ir_tools import recipe
from ir_tools.errors import ModelError, OzoneError, WorkerError
from ir_tools.passes import Trust
from ir_tools.plan import OZ, OZ_FUNCTION, Change, Plan
from ir_tools.target import TargetOptions
from ir_tools.verify.verdict import Accept

if TYPE_CHECKING:
    from agent.acceptance import Accepted, Refutation
    from agent.policy import Policy, Proposals

_LENDER_FROM = 5  # smaller budgets take the lender's sizes to be the baseline's
_PIPELINES_FIRST = 6  # of what is left after them, so much goes to choices for the whole module
_MODULE_SHARE = 0.5
_INFINITE = float("inf")


class Objective(enum.StrEnum):
    """What is made smaller: allocatable bytes, .text alone, or IR instructions."""

    SIZE = "size"
    TEXT = "text"
    INSTRUCTIONS = "instructions"

    def of(self, evaluation: Evaluation) -> int:
        return int(getattr(evaluation, self.value))

    def of_function(self, measured: tuple[int, int]) -> int:
        """A function's cost: instructions too where the object format has no symbol sizes."""
        size, instructions = measured
        return instructions if self is Objective.INSTRUCTIONS else size or instructions


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may choose."""

    budget: int = 10  # candidate compilations, besides the baseline's and the result's own
    policy: str = DEFAULT_POLICY
    objective: Objective = Objective.SIZE
    baseline: str = OZ
    trust: Trust = Trust.PRODUCTION
    seed: int = 0
    target: TargetOptions = TargetOptions()
    accept: Accept | None = Accept.TESTED  # None judges nothing: to measure what a policy proposes


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one function; bytes or instructions as the objective says.

    `verdict` is empty for the body that -Oz's own way gives it, and where nothing was judged.
    """

    function: str
    pipeline: str
    before: int
    after: int
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The plan to build, what it measures, and what it took to find it."""

    plan: Plan
    baseline: Evaluation
    evaluation: Evaluation
    choices: tuple[Choice, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)  # pipelines, by their verdict
    refutations: tuple[Refutation, ...] = ()
    candidates: int = 0
    failures: Mapping[Status, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def improved(self) -> bool:
        return self.evaluation is not self.baseline


def optimise(evaluator: Evaluator, source: Source, settings: Settings) -> Outcome:
    """The best plan for a module. Raises OzoneError when not even the baseline compiles."""
    info = evaluator.inspect(source)
    plan = Plan(before=settings.baseline)
    (baseline,) = evaluator.evaluate([Job(source, plan, settings.target)])
    if not baseline.ok:
        raise OzoneError(f"{source.name}: {baseline.status}: {baseline.message}")
    outcome = Outcome(plan, baseline, baseline, warnings=_warnings(source, info, settings))
    if settings.budget <= 0 or settings.policy == "oz" or not info.functions:
        return outcome
    from agent.policy import CoresetPolicy, Terms, make_policy  # after the answers that need none

    try:
        terms = Terms(settings.seed, settings.trust, settings.objective)
        policy = make_policy(settings.policy, terms)
    except ModelError as error:  # which must not fail a build
        policy, warning = CoresetPolicy(), f"{source.name}: {error}; the coreset stands in for it"
        outcome = dataclasses.replace(outcome, warnings=(*outcome.warnings, warning))
    return Search(evaluator, source, info, settings).run(outcome, policy)


def _warnings(source: Source, info: ModuleInfo, settings: Settings) -> tuple[str, ...]:
    without = [f.name for f in info.functions if not f.has_minsize]
    if not without or settings.baseline != OZ:
        return ()
    return (
        f"{source.name}: {len(without)} of {len(info.functions)} functions lack the minsize "
        f"attribute, without which -Oz is no baseline: compile the input with "
        f"'clang -Oz -Xclang -disable-llvm-passes'",
    )


# For each function, the pipelines tried on it and what they measured; None when one failed.
History = dict[str, list[tuple[str, float | None]]]


class Search:
    """The search of one module: measures proposals, and keeps count of candidates and failures."""

    def __init__(
        self, evaluator: Evaluator, source: Source, info: ModuleInfo, settings: Settings
    ) -> None:
        self._evaluator = evaluator
        self._source = source
        self._info = info
        self._settings = settings
        self._most: Mapping[str, tuple[int, int]] = {}  # what functions measure in the baseline
        self.failures: collections.Counter[Status] = collections.Counter()
        self.candidates = 0

    def run(self, outcome: Outcome, policy: Policy) -> Outcome:
        """The outcome of the whole budget."""
        self._most = outcome.baseline.functions
        inlined = inlined_by(self._info, outcome.baseline)
        budget = self._settings.budget
        changes = round(max(0, budget - _PIPELINES_FIRST) * _MODULE_SHARE)
        lender = self._lender_costs(outcome.baseline, inlined)
        history = self.explore(policy, inlined, budget - changes - self.candidates)
        composed, costs = self._composed(history, lender, inlined)
        (best,) = self._measure([composed])
        plan, evaluation = self._improve(best, costs, changes)
        from agent.acceptance import Accepted, acceptable  # after the answers that need none

        accepted = Accepted(plan, {})
        if self._settings.accept and self._better(evaluation, outcome.baseline):
            job = Job(self._source, plan, self._settings.target)
            accept = self._settings.accept
            accepted = acceptable(self._evaluator, job, accept, history, lender)
            if accepted.plan != plan:
                plan, evaluation = self._measure([accepted.plan])[0]
        outcome = dataclasses.replace(
            outcome,
            refused=accepted.refused(),
            refutations=accepted.refutations(),
            candidates=self.candidates,
            failures=dict(self.failures),
        )
        if not self._better(evaluation, outcome.baseline):
            return outcome
        choices = tuple(self._choices(accepted, outcome.baseline, evaluation))
        return dataclasses.replace(outcome, plan=plan, evaluation=evaluation, choices=choices)

    def _lender_costs(
        self, baseline: Evaluation, inlined: Collection[str]
    ) -> dict[str, float | None]:
        """What each function costs with the lender's body."""
        names = [f.name for f in self._info.functions]
        if self._settings.budget < _LENDER_FROM:
            return self._costs(names, baseline)
        self.candidates += 1
        plan = recipe.lender(inlined)
        (measured,) = self._measure([plan], own_sections=True)
        return self._costs(names, measured[1])

    def _composed(
        self, history: History, lender: Mapping[str, float | None], inlined: Collection[str]
    ) -> tuple[Plan, dict[str, float]]:
        """The plan of the least cost for every function, and what each then costs."""
        functions = {f.name: OZ_FUNCTION for f in self._info.functions}
        borrowed, least = [], {}
        for name, tried in history.items():
            costs = [cost for _, cost in tried if cost is not None]
            own, lent = min(costs, default=None), lender[name]
            if own is not None:
                functions[name] = next(p for p, cost in tried if cost == own)
            if lent is not None and (own is None or lent <= own):  # no verdict needed
                borrowed.append(name)
            least[name] = min((cost for cost in (own, lent) if cost is not None), default=_INFINITE)
        return recipe.borrowing(recipe.plan(functions, inlined), borrowed), least

    def explore(self, policy: Policy, inlined: Collection[str], budget: int) -> History:
        """Spend the budget on function pipelines, all functions side by side."""
        functions = [f for f in self._info.functions if f.name not in inlined]
        if policy.reads_part:
            functions = self._with_parts(functions, inlined)
        proposals = {f.name: policy.propose(f, budget) for f in functions}
        history: History = {name: [] for name in proposals}
        feedback: dict[str, float | None] = {}
        while proposals:
            ahead = range(1 if policy.adaptive else budget)
            rounds = [each for _ in ahead if (each := _next_round(proposals, feedback))]
            self.candidates += len(rounds)
            plans = [recipe.plan(each, inlined) for each in rounds]
            measured = self._measure(plans, own_sections=True)
            for pipelines, (_, evaluation) in zip(rounds, measured, strict=True):
                feedback = self._costs(pipelines, evaluation)
                for name, pipeline in pipelines.items():
                    history[name].append((pipeline, feedback[name]))
        return history

    def _with_parts(
        self, functions: list[FunctionInfo], inlined: Collection[str]
    ) -> list[FunctionInfo]:
        """The same, with what their pipelines will run on, where that can be taken out."""
        from agent.policy import SIMPLIFIED

        names = [function.name for function in functions]
        for simplified in (SIMPLIFIED, ""):  # LLVM may crash on that, of one of them
            plan = recipe.plan(dict.fromkeys(names, simplified), inlined)
            job = Job(self._source, plan, self._settings.target)
            with contextlib.suppress(WorkerError):  # measuring will say so too
                changes = {one.function: one for one in self._evaluator.changes(job, names)}
                return [_with_part(f, changes.get(f.name), bool(simplified)) for f in functions]
        return functions

    def _measure(
        self, plans: list[Plan], own_sections: bool = False
    ) -> list[tuple[Plan, Evaluation]]:
        own_sections = own_sections and self._settings.objective is Objective.SIZE
        target = self._settings.target
        jobs = [Job(self._source, plan, target, own_sections) for plan in plans]
        evaluations = self._evaluator.evaluate(jobs)
        for evaluation in evaluations:
            self.failures.update(failure.status for failure in evaluation.failures)
            if not evaluation.ok:
                self.failures[evaluation.status] += 1
        # What was measured is the plan without the pipelines that failed.
        return [(_surviving(p, e), e) for p, e in zip(plans, evaluations, strict=True)]

    def _costs(self, pipelines: Iterable[str], evaluation: Evaluation) -> dict[str, float | None]:
        sizes = evaluation.functions
        return {
            name: self._cost(name, sizes[name]) if name in sizes else None for name in pipelines
        }

    def _cost(self, name: str, measured: tuple[int, int]) -> float | None:
        """A function's cost; None where fewer instructions would be bought with bytes in flash."""
        objective = self._settings.objective
        if objective is Objective.INSTRUCTIONS and measured[0] > self._most.get(name, measured)[0]:
            return None
        return objective.of_function(measured)

    def _improve(
        self, best: tuple[Plan, Evaluation], costs: dict[str, float], budget: int
    ) -> tuple[Plan, Evaluation]:
        """Other inlining, then other beginnings; what makes the module smaller is kept."""
        objective = self._settings.objective
        beginnings = min(budget // 2, len(recipe.FACTS) - 1)
        changed = self._reinline(best[0], costs, budget - beginnings)
        changes = [changed] if changed.inline != best[0].inline else []
        for plan in changes:
            best = min(best, self._measure([plan])[0], key=lambda each: _rank(objective, each[1]))
        for facts in recipe.FACTS[1 : beginnings + 1]:
            self.candidates += 1
            (other,) = self._measure([recipe.after_facts(best[0], facts)])
            best = min(best, other, key=lambda each: _rank(objective, each[1]))
        return best

    def _reinline(self, plan: Plan, costs: dict[str, float], budget: int) -> Plan:
        """Inline what is not, or the reverse, where the functions concerned get smaller together.

        One compilation tries as many functions as have no code in common. `costs` are the
        functions' under the plan.
        """
        untried = inlining.candidates(self._info)
        for _ in range(budget):
            batch = inlining.independent(self._info, plan.inline, untried)
            if not batch:
                break
            self.candidates += 1
            after = self._function_costs(recipe.flipped(plan, batch))
            kept = []
            for name, concerned in batch.items():
                untried.remove(name)
                if after and _sum(after, concerned) < _sum(costs, concerned):
                    kept.append(name)
                    costs |= {each: after.get(each, 0.0) for each in concerned}
            plan = recipe.flipped(plan, kept)
        return plan

    def _function_costs(self, plan: Plan) -> dict[str, float]:
        """The cost of each function under the plan; empty when it fails."""
        ((_, evaluation),) = self._measure([plan], own_sections=True)
        costs = self._costs(evaluation.functions, evaluation)
        failed = {failure.function: _INFINITE for failure in evaluation.failures}
        return {name: cost for name, cost in costs.items() if cost is not None} | failed

    def _better(self, evaluation: Evaluation, baseline: Evaluation) -> bool:
        """Smaller by the objective, and no byte larger in flash."""
        objective = self._settings.objective
        return (
            evaluation.ok
            and objective.of(evaluation) < objective.of(baseline)
            and evaluation.size <= baseline.size
        )

    def _choices(
        self, accepted: Accepted, baseline: Evaluation, evaluation: Evaluation
    ) -> Iterable[Choice]:
        cost = self._settings.objective.of_function
        for name, pipeline in accepted.plan.functions:
            before, after = baseline.functions.get(name), evaluation.functions.get(name)
            if before is not None and after is not None:
                verdict = accepted.of(name)
                kind = str(verdict.kind) if verdict else ""
                yield Choice(name, pipeline, cost(before), cost(after), kind)


def inlined_by(info: ModuleInfo, baseline: Evaluation) -> frozenset[str]:
    """The local functions that the baseline leaves no body of."""
    names = (function.name for function in inlining.inlinable(info))
    return frozenset(name for name in names if name not in baseline.functions)


def _with_part(function: FunctionInfo, change: Change | None, simplified: bool) -> FunctionInfo:
    if change is None:
        return function
    after = change.after if simplified else b""
    return dataclasses.replace(function, part=change.before, simplified=after)


def _surviving(plan: Plan, evaluation: Evaluation) -> Plan:
    failed = {failure.function for failure in evaluation.failures}
    return plan.without(failed) if failed else plan


def _sum(costs: Mapping[str, float], names: Iterable[str]) -> float:
    return sum(costs.get(name, 0.0) for name in names)


def _rank(objective: Objective, evaluation: Evaluation) -> float:
    return objective.of(evaluation) if evaluation.ok else _INFINITE


def _next_round(
    proposals: dict[str, Proposals], feedback: Mapping[str, float | None]
) -> dict[str, str]:
    """The next pipeline of every function whose policy has one left."""
    pipelines: dict[str, str] = {}
    for name, generator in list(proposals.items()):
        try:
            pipelines[name] = str(generator.send(feedback.get(name)))
        except StopIteration:
            del proposals[name]
    return pipelines
