"""The main job: find the smallest plan for a module within a budget of compilations.

`-Oz` runs once and shows which local functions it inlines away. The same functions are inlined in
the original, and every function, not yet simplified, then gets a pipeline of its own: one
compilation of the module measures one candidate for all functions at once. What is best for each
is put together, measured as a whole, and kept only where it is smaller than `-Oz`.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from agent.policy import Policy, Proposals, make_policy
from envs.evaluation import Evaluation, Job, ModuleInfo, Source, Status
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError
from ir_tools.llvm import TargetOptions
from ir_tools.passes import Trust
from ir_tools.plan import OZ, OZ_FUNCTION, Plan

_BEFORE = "always-inline,globaldce"
_AFTER = "globalopt,globaldce,constmerge"
_PIPELINES_FIRST = 8  # of what is left after them, one candidate in so many tries inlining
_INLINING_SHARE = 2


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
    policy: str = "coreset"
    objective: Objective = Objective.SIZE
    baseline: str = OZ
    trust: Trust = Trust.PRODUCTION
    seed: int = 0
    target: TargetOptions = TargetOptions()


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one function; bytes or instructions as the objective says."""

    function: str
    pipeline: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The plan to build, what it measures, and what it took to find it."""

    plan: Plan
    baseline: Evaluation
    evaluation: Evaluation
    choices: tuple[Choice, ...] = ()
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
    policy = make_policy(settings.policy, settings.seed, settings.trust)
    if settings.budget <= 0 or settings.policy == "oz" or not info.functions:
        return outcome
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
        self.failures: collections.Counter[Status] = collections.Counter()
        self.candidates = 0

    def run(self, outcome: Outcome, policy: Policy) -> Outcome:
        """The outcome of the whole budget."""
        inlined = inlined_by(self._info, outcome.baseline)
        flips = self._inlining_budget()
        history = self.explore(policy, inlined, self._settings.budget - flips)
        functions = {f.name: OZ_FUNCTION for f in self._info.functions} | _winners(history)
        (best,) = self._measure([_plan(functions, inlined)])
        best = self._choose_inlining(best, flips)
        plan, evaluation = best
        outcome = dataclasses.replace(
            outcome, candidates=self.candidates, failures=dict(self.failures)
        )
        if not self._better(evaluation, outcome.baseline):
            return outcome
        choices = tuple(self._choices(plan, outcome.baseline, evaluation))
        return dataclasses.replace(outcome, plan=plan, evaluation=evaluation, choices=choices)

    def explore(self, policy: Policy, inlined: Collection[str], budget: int) -> History:
        """Spend the budget on function pipelines, all functions side by side."""
        proposals = {
            f.name: policy.propose(f, budget) for f in self._info.functions if f.name not in inlined
        }
        history: History = {name: [] for name in proposals}
        feedback: dict[str, float | None] = {}
        while proposals:
            ahead = range(1 if policy.adaptive else budget)
            rounds = [each for _ in ahead if (each := _next_round(proposals, feedback))]
            self.candidates += len(rounds)
            measured = self._measure([_plan(each, inlined) for each in rounds])
            for pipelines, (_, evaluation) in zip(rounds, measured, strict=True):
                feedback = self._costs(pipelines, evaluation)
                for name, pipeline in pipelines.items():
                    history[name].append((pipeline, feedback[name]))
        return history

    def _measure(self, plans: list[Plan]) -> list[tuple[Plan, Evaluation]]:
        jobs = [Job(self._source, plan, self._settings.target) for plan in plans]
        evaluations = self._evaluator.evaluate(jobs)
        for evaluation in evaluations:
            self.failures.update(failure.status for failure in evaluation.failures)
            if not evaluation.ok:
                self.failures[evaluation.status] += 1
        return list(zip(plans, evaluations, strict=True))

    def _costs(self, pipelines: Iterable[str], evaluation: Evaluation) -> dict[str, float | None]:
        cost, sizes = self._settings.objective.of_function, evaluation.functions
        return {name: cost(sizes[name]) if name in sizes else None for name in pipelines}

    def _inlining_budget(self) -> int:
        if not any(f.is_local and f.may_inline for f in self._info.functions):
            return 0
        return max(0, (self._settings.budget - _PIPELINES_FIRST) // _INLINING_SHARE)

    def _choose_inlining(
        self, best: tuple[Plan, Evaluation], budget: int
    ) -> tuple[Plan, Evaluation]:
        """Inline, or stop inlining, one local function after the other where that is smaller."""
        objective = self._settings.objective
        candidates = [f for f in self._info.functions if f.is_local and f.may_inline and f.uses]
        candidates.sort(key=lambda f: -f.instructions * f.uses)
        for function in candidates[:budget]:
            plan = best[0]
            inline = set(plan.inline) ^ {function.name}
            self.candidates += 1
            (flipped,) = self._measure([dataclasses.replace(plan, inline=tuple(sorted(inline)))])
            if flipped[1].ok and objective.of(flipped[1]) < objective.of(best[1]):
                best = flipped
        return best

    def _better(self, evaluation: Evaluation, baseline: Evaluation) -> bool:
        """Smaller by the objective, and no byte larger in flash."""
        objective = self._settings.objective
        return (
            evaluation.ok
            and objective.of(evaluation) < objective.of(baseline)
            and evaluation.size <= baseline.size
        )

    def _choices(
        self, plan: Plan, baseline: Evaluation, evaluation: Evaluation
    ) -> Iterable[Choice]:
        cost = self._settings.objective.of_function
        for name, pipeline in plan.functions:
            before, after = baseline.functions.get(name), evaluation.functions.get(name)
            if before is not None and after is not None:
                yield Choice(name, pipeline, cost(before), cost(after))


def inlined_by(info: ModuleInfo, baseline: Evaluation) -> frozenset[str]:
    """The local functions that the baseline leaves no body of."""
    local = (f.name for f in info.functions if f.is_local and f.may_inline)
    return frozenset(name for name in local if name not in baseline.functions)


def _plan(functions: Mapping[str, str], inline: Iterable[str]) -> Plan:
    return Plan.of(functions, inline=tuple(inline), before=_BEFORE, after=_AFTER)


def _winners(history: History) -> dict[str, str]:
    """The pipeline of the least cost for each function; the earlier one of equals."""
    winners = {}
    for name, tried in history.items():
        measured = [(cost, index) for index, (_, cost) in enumerate(tried) if cost is not None]
        if measured:
            winners[name] = tried[min(measured)[1]][0]
    return winners


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
