"""Pipelines on one part: what they measure, and which parts are sampled."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import pytest

from agent.optimise import Objective
from agent.parts import cost, explore, sample
from agent.policy import CoresetPolicy, OzPolicy, Proposals, coreset
from anghabench.store import CorpusFunction, Measured
from envs.evaluation import Evaluation, FunctionInfo, Job, Status
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError
from ir_tools.pipeline import Pipeline


class Adaptive:
    """Proposes what it is given, and keeps what it is told."""

    adaptive = True
    reads_part = False

    def __init__(self, *pipelines: str) -> None:
        self._pipelines = list(map(Pipeline.parse, pipelines))
        self.told: list[float | None] = []
        self.asked: list[FunctionInfo] = []

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        self.asked.append(function)
        for pipeline in self._pipelines[:budget]:
            self.told.append((yield pipeline))


def by_name(parts: list[CorpusFunction], name: str) -> CorpusFunction:
    return next(part for part in parts if part.function == name)


def test_what_is_measured_is_what_the_store_says_of_oz(parts: list[CorpusFunction]) -> None:
    with Evaluator(1) as evaluator:
        for part in parts:
            explored = explore(evaluator, part, OzPolicy(), 5)
            assert (explored.baseline, explored.tried) == (part.oz, ())


def test_adaptive_policies_are_told_the_cost_of_each_and_none_for_a_failure(
    parts: list[CorpusFunction],
) -> None:
    part = by_name(parts, "sum")
    policy = Adaptive("function(no-op-function)", "function(sroa,nonsense)", "function(sroa)")
    with Evaluator(1) as evaluator:
        explored = explore(evaluator, part, policy, 3)
    assert explored.tried[0] == ("function(no-op-function)", part.o0)
    assert explored.tried[1][1] is Status.INVALID
    assert policy.told[:2] == [part.o0.size, None]
    assert policy.told[2] == cost(Objective.SIZE, explored.tried[2][1], part.oz) < part.o0.size
    assert policy.asked[0].part == part.bitcode


def test_the_budget_is_kept_and_proposals_of_others_are_measured_in_their_order(
    parts: list[CorpusFunction],
) -> None:
    with Evaluator(1) as evaluator:
        tried = explore(evaluator, by_name(parts, "pick"), CoresetPolicy(), 7).tried
    assert [text for text, _ in tried] == list(map(str, coreset()[:7]))


class Besieged(Evaluator):
    """Somebody kills its workers, so many times in all."""

    def __init__(self, kills: int) -> None:
        super().__init__(1)
        self._kills = kills

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluation]:
        if self._kills == 0:
            return super().evaluate(jobs)
        self._kills -= 1
        return [Evaluation(Status.KILLED, "SIGKILL") for _ in jobs]


def test_what_somebody_kills_is_measured_again_and_is_no_failure_of_a_pipeline(
    parts: list[CorpusFunction],
) -> None:
    with Evaluator(1) as evaluator, Besieged(2) as besieged:
        expected = explore(evaluator, parts[0], CoresetPolicy(), 3)
        assert explore(besieged, parts[0], CoresetPolicy(), 3) == expected
    with Besieged(99) as besieged, pytest.raises(OzoneError, match="workers are being killed"):
        explore(besieged, parts[0], CoresetPolicy(), 3)


def test_fewer_instructions_count_for_nothing_when_they_cost_bytes() -> None:
    oz = Measured(instructions=9, text=20, size=24)
    larger = Measured(instructions=5, text=20, size=25)
    assert cost(Objective.INSTRUCTIONS, larger, oz) is None
    assert cost(Objective.TEXT, larger, oz) == 20
    assert cost(Objective.INSTRUCTIONS, dataclasses.replace(larger, size=24), oz) == 5
    assert cost(Objective.SIZE, Status.CRASH, oz) is None


def test_a_part_that_is_no_ir_is_refused(parts: list[CorpusFunction]) -> None:
    with Evaluator(1) as evaluator, pytest.raises(OzoneError):
        explore(evaluator, dataclasses.replace(parts[0], bitcode=b"x"), OzPolicy(), 1)


def test_a_sample_has_of_each_project_its_share_and_depends_on_the_seed_alone(
    parts: list[CorpusFunction],
) -> None:
    many = [
        dataclasses.replace(parts[0], id=f"{project}{index:015}", project=project)
        for project, count in (("a", 60), ("b", 30), ("c", 10))
        for index in range(count)
    ]
    drawn = sample(many, 20, seed=1)
    shares = Counter(part.project for part in drawn)
    assert all(abs(shares[name] - share) <= 2 for name, share in (("a", 12), ("b", 6), ("c", 2)))
    assert len({part.id for part in drawn}) == 20
    assert sample(many, 7, seed=1) == drawn[:7], "what was measured on few serves the many"
    assert sample(many, 20, seed=1) == drawn != sample(many, 20, seed=2)
    assert sorted(p.id for p in sample(many, 1000, 0)) == sorted(p.id for p in many)


def test_what_oz_deletes_is_in_no_sample(parts: list[CorpusFunction]) -> None:
    deleted = dataclasses.replace(parts[0], marks=("deleted-by-oz",))
    assert sample([deleted, parts[1]], 2, 0) == [parts[1]]
    assert sample([deleted], 2, 0) == []
