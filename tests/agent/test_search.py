"""Local search against a cost that we know: the distance from a hidden pipeline."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from agent.policy import atoms, random_pipeline
from agent.search import SearchPolicy
from envs.evaluation import FunctionInfo, Source
from envs.evaluator import Evaluator
from ir_tools.passes import Pass
from ir_tools.pipeline import Pipeline
from tests.agent.proposals import Cost, answered


@pytest.fixture(scope="module")
def info() -> FunctionInfo:
    with Evaluator(1) as evaluator:
        (found,) = evaluator.inspect(Source("f.ll", b"define void @f() { ret void }")).functions
        return found


def distance(left: tuple[Pass, ...], right: tuple[Pass, ...]) -> int:
    """Levenshtein's."""
    row = list(range(len(right) + 1))
    for i, one in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            replaced = before + (one != other)
            before, row[j] = row[j], min(replaced, row[j] + 1, row[j - 1] + 1)
    return row[-1]


def distance_from(hidden: Pipeline) -> Cost:
    return lambda pipeline: float(distance(pipeline.atoms(), hidden.atoms()))


def searched(
    cost: Cost, info: FunctionInfo, budget: int, seed: int = 0, seeds: tuple[Pipeline, ...] = ()
) -> list[tuple[Pipeline, float | None]]:
    """Everything that a search tried, and what it cost."""
    generator = SearchPolicy(seed, seeds=seeds or SEEDS).propose(info, budget)
    return answered(generator, cost)


SEEDS = tuple(random_pipeline(random.Random(seed), atoms()) for seed in range(12))
HIDDEN = tuple(random_pipeline(random.Random(f"hidden {seed}"), atoms()) for seed in range(4))


@pytest.mark.parametrize("hidden", HIDDEN)
def test_search_improves_on_its_seeds(hidden: Pipeline, info: FunctionInfo) -> None:
    tried = searched(distance_from(hidden), info, 300)
    costs = [cost for _, cost in tried if cost is not None]
    at_seeds = min(costs[: len(SEEDS)])
    assert [pipeline for pipeline, _ in tried[: len(SEEDS)]] == list(SEEDS)
    assert min(costs) < at_seeds


@pytest.mark.parametrize("budget", [0, 1, 5, 11, 12, 13, 50])
def test_search_never_proposes_more_than_the_budget_and_begins_with_its_seeds(
    budget: int, info: FunctionInfo
) -> None:
    tried = [pipeline for pipeline, _ in searched(distance_from(HIDDEN[0]), info, budget)]
    assert len(tried) == budget
    assert tried[: min(budget, 10)] == list(SEEDS[: min(budget, 10)])


def test_a_search_is_determined_by_its_seed_and_by_what_it_was_told(info: FunctionInfo) -> None:
    first = searched(distance_from(HIDDEN[0]), info, 80)
    assert searched(distance_from(HIDDEN[0]), info, 80) == first
    assert searched(distance_from(HIDDEN[0]), info, 80, seed=1) != first
    assert [p for p, _ in searched(distance_from(HIDDEN[1]), info, 80)] != [p for p, _ in first]


def test_next_to_nothing_is_tried_twice(info: FunctionInfo) -> None:
    tried = [pipeline for pipeline, _ in searched(distance_from(HIDDEN[0]), info, 200)]
    assert len(set(tried)) > 0.95 * len(tried)


@pytest.mark.parametrize("fails", [lambda n: True, lambda n: n % 3 > 0, lambda n: n < 30])
def test_failures_are_lived_with(fails: Callable[[int], bool], info: FunctionInfo) -> None:
    calls = iter(range(1000))
    near = distance_from(HIDDEN[0])
    tried = searched(lambda p: None if fails(next(calls)) else near(p), info, 100)
    assert len(tried) == 100
    assert all(Pipeline.parse(str(pipeline)) == pipeline for pipeline, _ in tried)


def test_a_failed_pipeline_is_not_what_the_next_ones_are_made_from(info: FunctionInfo) -> None:
    def cost(pipeline: Pipeline) -> float | None:
        return None if len(pipeline.atoms()) > 8 else float(100 - len(pipeline.atoms()))

    short = tuple(Pipeline.of(pipeline.atoms()[:4]) for pipeline in SEEDS)
    lengths = [len(p.atoms()) for p, _ in searched(cost, info, 300, seeds=short)]
    assert max(lengths) <= 9 + 8  # one edit, or a splice of two that worked
    assert 8 in lengths


def test_equal_results_are_accepted_so_that_useless_passes_disappear(info: FunctionInfo) -> None:
    wanted = set(HIDDEN[0].atoms()[:2])

    def cost(pipeline: Pipeline) -> float:
        return float(len(wanted - set(pipeline.atoms())))

    tried = searched(cost, info, 300, seeds=(HIDDEN[0],))
    assert all(cost == 0 for _, cost in tried[:1])
    shortest = min(len(p.atoms()) for p, cost in tried if cost == 0)
    assert shortest < len(HIDDEN[0].atoms())
