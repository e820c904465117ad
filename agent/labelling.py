"""The best pipelines known for one function, found by the strongest search that we have.

First pipelines that all functions share: the coreset, and random ones. Then two local searches side
by side, one for bytes and one for instructions. The winners lose every pass that does not matter.
Pipelines that won elsewhere are tried as well (the broadcast of Cummins et al., 2023), and last the
winners are judged: what is not accepted gives way to the next best, and in the end to -Oz's own.

Many pipelines make the same of a function. Its label is the first of them that was broadcast, else
the shortest: what a model is to learn should not be said in a hundred ways.

Every pipeline is measured once, for both objectives, in workers. The result depends on the
function, the wishes and the pipelines that are broadcast, and on nothing else.
"""

from __future__ import annotations

import collections
import contextlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.acceptance import EFFORT
from agent.minimise import without_passes
from agent.optimise import Objective
from agent.parts import baseline_job, evaluated, job, source
from agent.policy import Proposals, atoms, coreset, random_pipeline
from agent.search import SearchPolicy
from anghabench.labels import Label
from anghabench.store import CorpusFunction
from envs.evaluation import Artefact, FunctionInfo
from envs.evaluator import Evaluator
from envs.verification import verify
from ir_tools.errors import OzoneError
from ir_tools.passes import Trust
from ir_tools.pipeline import Pipeline
from ir_tools.plan import OZ
from ir_tools.verify.verdict import Accept, Side, Verdict

OBJECTIVES = (Objective.SIZE, Objective.INSTRUCTIONS)

_BROADCAST_SHARE = 2  # one in so many candidates is broadcast
_MOST_BROADCAST = 100  # more of them add next to nothing
_SHARED_SHARE = 3  # one in so many others is shared by all functions
_MOST_RANDOM = 30  # of the shared ones
_ROUNDS = 4  # of next best pipelines, before a function gets -Oz's own
_RANKS = 4  # labels of a function and objective

Costs = tuple[int, int]
"""Bytes in flash and IR instructions, in the order of `OBJECTIVES`."""
Measured = Mapping[str, Costs | None]
"""By pipeline, None where it failed; -Oz's own is always there."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How much to try. `budget` counts a function's candidates, besides those of minimisation."""

    budget: int
    trust: Trust = Trust.PRODUCTION
    accept: Accept = Accept.TESTED
    seed: int = 0

    @property
    def broadcast(self) -> int:
        """How many of the candidates come from other functions."""
        return min(self.budget // _BROADCAST_SHARE, _MOST_BROADCAST)

    @property
    def own(self) -> int:
        """How many do not."""
        return self.budget - self.broadcast


@dataclass(frozen=True, slots=True)
class Found:
    """What a search measured, and the least costs after each of its stages."""

    measured: Measured
    stages: Mapping[str, Costs]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A function's labels, the least costs after each stage, and verdicts by kind."""

    labels: tuple[Label, ...]
    stages: Mapping[str, Costs]
    verdicts: Mapping[str, int]


def shared(wishes: Wishes) -> tuple[list[str], list[str]]:
    """What every function's search begins with: pipelines of the coreset, and random ones."""
    count = wishes.own // _SHARED_SHARE
    chosen = list(map(str, coreset()[:count]))
    rng, passes = random.Random(wishes.seed), atoms(wishes.trust)
    drawn = range(min(_MOST_RANDOM, count - len(chosen)))
    return chosen, [str(random_pipeline(rng, passes)) for _ in drawn]


def before_of(measured: Measured) -> Costs:
    """What -Oz makes of the function."""
    costs = measured[OZ]
    assert costs is not None
    return costs


def cost_of(costs: Costs, before: Costs, objective: Objective) -> int | None:
    """A pipeline's cost; None where fewer instructions would be bought with bytes in flash."""
    if objective is Objective.INSTRUCTIONS and costs[0] > before[0]:
        return None
    return costs[OBJECTIVES.index(objective)]


def ranked(
    measured: Measured, objective: Objective, preferred: Mapping[str, int] | None = None
) -> list[tuple[str, Costs]]:
    """The pipelines that beat -Oz and what they measure, best first.

    Of equal ones the preferred, by their places, and then the shortest.
    """
    before, better, places = before_of(measured), [], preferred or {}
    for text, costs in measured.items():
        cost = costs and cost_of(costs, before, objective)
        if costs and cost is not None and cost < before[OBJECTIVES.index(objective)]:
            better.append((cost, places.get(text, len(places)), len(text), text, costs))
    return [(text, costs) for *_, text, costs in sorted(better)]


def search(evaluator: Evaluator, function: CorpusFunction, wishes: Wishes) -> Found:
    """Shared pipelines, local search, minimisation. Raises OzoneError where -Oz fails."""
    trials, stages = Trials(evaluator, function), {}
    chosen, drawn = shared(wishes)
    trials.measure(chosen)
    stages["coreset"] = trials.least()
    trials.measure(drawn)
    _climb(trials, (*chosen, *drawn), wishes)
    for objective in OBJECTIVES:
        trials.minimised(objective)
    stages["search"] = trials.least()
    return Found(trials.measured, stages)


def label(
    evaluator: Evaluator,
    function: CorpusFunction,
    wishes: Wishes,
    broadcast: Sequence[str],
    found: Found | None = None,
) -> Outcome:
    """The labels, from what a search found before, or finds now. Raises OzoneError."""
    found = found or search(evaluator, function, wishes)
    trials, stages = Trials(evaluator, function, found.measured, broadcast), dict(found.stages)
    trials.measure(broadcast)
    stages["broadcast"] = trials.least()
    winners = {objective: trials.accepted(objective, wishes.accept) for objective in OBJECTIVES}
    rows = [row for one in OBJECTIVES for row in _labels(function.id, trials, one, *winners[one])]
    size, instructions = (row.after for row in rows if row.rank == 0)
    stages["verified"] = size, instructions
    return Outcome(tuple(rows), stages, trials.verdicts())


def _labels(
    identity: str, trials: Trials, objective: Objective, winner: str, verdict: str
) -> Iterator[Label]:
    """A row for the winner, and for those that come next, which no judge was asked about."""
    index, best = OBJECTIVES.index(objective), trials.measured[winner]
    assert best is not None
    rows = [(winner, best)]
    if winner != OZ:  # what the other objective's winner was made of may be better, and unjudged
        others = [one for one in trials.candidates(objective) if one[1] != best]
        rows += [one for one in others if one[1][index] >= best[index]]
    for rank, (text, measured) in enumerate(rows[:_RANKS]):
        yield Label(
            id=identity, objective=str(objective), rank=rank, pipeline=text,
            before=trials.before[index], after=measured[index],
            verdict="" if rank else verdict, evaluations=len(trials.measured),
        )  # fmt: skip


class Trials:
    """What pipelines make of one function. Raises OzoneError where even -Oz fails.

    Of pipelines that measure the same, the first of the preferred ones stands for all.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        function: CorpusFunction,
        measured: Measured | None = None,
        preferred: Sequence[str] = (),
    ) -> None:
        self._evaluator, self._function = evaluator, function
        self._preferred = {text: place for place, text in enumerate(preferred)}
        self._refused: set[Costs] = set()  # what refused pipelines measure
        self._judged: dict[bytes, Verdict] = {}  # by what pipelines make of the function
        self.before = before_of(measured) if measured else self._baseline()
        self.measured: dict[str, Costs | None] = dict(measured or {OZ: self.before})

    def _baseline(self) -> Costs:
        (evaluation,) = evaluated(self._evaluator, [baseline_job(self._function)])
        if not evaluation.ok:
            raise OzoneError(f"-Oz fails on it: {evaluation.status}: {evaluation.message}")
        return evaluation.size, evaluation.instructions

    def info(self) -> FunctionInfo:
        """The function as a policy sees it."""
        functions = self._evaluator.inspect(source(self._function)).functions
        return next(one for one in functions if one.name == self._function.symbol)

    def measure(self, pipelines: Iterable[str]) -> None:
        """Measure those that were not measured before."""
        new = [text for text in dict.fromkeys(pipelines) if text not in self.measured]
        jobs = [job(self._function, text) for text in new]
        for text, evaluation in zip(new, evaluated(self._evaluator, jobs), strict=True):
            whole = evaluation.ok and not evaluation.failures
            self.measured[text] = (evaluation.size, evaluation.instructions) if whole else None

    def cost(self, pipeline: str, objective: Objective) -> int | None:
        """What it measured; None where it failed, too."""
        costs = self.measured[pipeline]
        return costs and cost_of(costs, self.before, objective)

    def candidates(self, objective: Objective) -> list[tuple[str, Costs]]:
        """Pipelines that beat -Oz, best first. None measures what another or a refused one does:
        that one most likely made the same of the function."""
        seen, found = set(self._refused), []
        for text, costs in ranked(self.measured, objective, self._preferred):
            if costs not in seen:
                seen.add(costs)
                found.append((text, costs))
        return found

    def best(self, objective: Objective) -> tuple[str, Costs]:
        """The first of the candidates, or -Oz's own."""
        return next(iter(self.candidates(objective)), (OZ, self.before))

    def least(self) -> Costs:
        """The least cost by each objective."""
        return self.best(Objective.SIZE)[1][0], self.best(Objective.INSTRUCTIONS)[1][1]

    def minimised(self, objective: Objective) -> str:
        """The best pipeline, without the passes that do not matter to its cost.

        What is preferred stays as it is: its passes mattered where it was found.
        """
        best, _ = self.best(objective)
        if best == OZ or best in self._preferred:
            return best
        most = self.cost(best, objective)

        def holds(shorter: Pipeline) -> bool:
            self.measure([str(shorter)])
            cost = self.cost(str(shorter), objective)
            return cost is not None and most is not None and cost <= most

        return str(without_passes(Pipeline.parse(best), holds))

    def accepted(self, objective: Objective, accept: Accept) -> tuple[str, str]:
        """The best pipeline that a judge accepts, minimised, and the verdict's kind."""
        for _ in range(_ROUNDS):
            best = self.minimised(objective)
            if best == OZ:
                break
            verdict, costs = self._judge(best), self.measured[best]
            if accept.allows(verdict):
                return best, str(verdict.kind)
            assert costs is not None
            self._refused.add(costs)
        return OZ, ""

    def verdicts(self) -> dict[str, int]:
        """How many verdicts of each kind there were."""
        return dict(collections.Counter(str(verdict.kind) for verdict in self._judged.values()))

    def _judge(self, pipeline: str) -> Verdict:
        _, after = self._evaluator.build(job(self._function, pipeline), Artefact.BITCODE)
        if after not in self._judged:
            symbol = self._function.symbol
            pair = Side(self._function.bitcode, symbol), Side(after, symbol)
            (self._judged[after],) = verify(self._evaluator, [pair], EFFORT)
        return self._judged[after]


def _climb(trials: Trials, seeds: Sequence[str], wishes: Wishes) -> None:
    """A local search for each objective, side by side: what one measures, the other need not."""
    budget = len(seeds) + (wishes.own - len(seeds)) // len(OBJECTIVES)
    info, first = trials.info(), tuple(map(Pipeline.parse, seeds))
    climbers: dict[Objective, Proposals] = {}
    for number, objective in enumerate(OBJECTIVES):
        seed = len(OBJECTIVES) * wishes.seed + number
        climbers[objective] = SearchPolicy(seed, wishes.trust, first).propose(info, budget)
    answers: dict[Objective, int | None] = dict.fromkeys(climbers)
    while proposed := _next(climbers, answers):
        trials.measure(proposed.values())
        answers = {objective: trials.cost(text, objective) for objective, text in proposed.items()}


def _next(
    climbers: Mapping[Objective, Proposals], answers: Mapping[Objective, int | None]
) -> dict[Objective, str]:
    """What each of those that are not done proposes after the answers."""
    proposed = {}
    for objective, answer in answers.items():
        with contextlib.suppress(StopIteration):
            proposed[objective] = str(climbers[objective].send(answer))
    return proposed
