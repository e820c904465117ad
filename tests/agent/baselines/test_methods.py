"""What methods find on a function, and what they pay for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agent.baselines import methods
from agent.baselines.environment import SIZES, actions, ordering
from agent.baselines.methods import Episodes, Outcome
from agent.baselines.tasks import Task
from envs.ordering import PassOrdering
from tests.envs.material import LOOP

TASK = Task("material", LOOP, "f", "")
EPISODES = Episodes(3, 6)


@pytest.fixture(scope="module")
def env() -> Iterator[PassOrdering]:
    made = ordering("IrInstructionCount")
    yield made
    made.close()


def sizes(env: PassOrdering) -> tuple[int, int]:
    return int(env.observe("IrInstructionCount")), int(env.observe("TextBytes"))


def replayed(env: PassOrdering, outcome: Outcome) -> tuple[int, int]:
    env.reset(options={"benchmark": LOOP})
    for text in outcome.passes:
        env.step(actions().index(text))
    return sizes(env)


def test_an_outcome_is_what_its_passes_make(env: PassOrdering) -> None:
    outcomes = [
        *methods.random_search(env, TASK, EPISODES, seed=0),
        *methods.greedy(env, TASK, [40]),
    ]
    assert len(outcomes) == 4
    for one in outcomes:
        assert replayed(env, one) == (one.instructions, one.text_bytes)


def test_random_search_is_the_same_for_the_same_seed_alone(env: PassOrdering) -> None:
    first, again, other = (
        list(methods.random_search(env, TASK, EPISODES, seed)) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_the_best_state_on_the_way_counts(env: PassOrdering) -> None:
    way = ["sroa<modify-cfg>", "gvn", "loop-reduce", "lower-switch", "loop-idiom", "loop-reduce"]
    seen: list[int] = []

    def choose(_: Any, mask: Any) -> int:
        seen.append(sizes(env)[0])
        return actions().index(way[len(seen) - 1])

    (outcome,) = methods.play("scripted", env, TASK, Episodes(1, len(way)), choose)
    seen.append(sizes(env)[0])
    assert min(seen) < seen[-1]  # or this way would show nothing
    assert outcome.instructions == min(seen)
    assert outcome.passes == tuple(way[: seen.index(min(seen))])


def test_no_method_takes_a_masked_action(env: PassOrdering) -> None:
    def choose(_: Any, mask: Any) -> int:
        assert (mask == env.action_masks()).all()
        return int(np.flatnonzero(mask)[-1])

    (outcome,) = methods.play("last", env, TASK, Episodes(1, EPISODES.steps), choose)
    assert outcome.steps == EPISODES.steps


@pytest.fixture(scope="module")
def few(env: PassOrdering) -> Iterator[PassOrdering]:
    """Passes none of which does all at once."""
    passes = ("early-cse", "gvn", "mem2reg", "sccp", "simplifycfg")
    made = PassOrdering(observation_space=SIZES, reward_space="IrInstructionCount", passes=passes)
    yield made
    made.close()


def test_greedy_takes_what_earns_most_and_pays_for_all_that_it_tries(few: PassOrdering) -> None:
    gains = {}
    for action, text in enumerate(few.action_names):
        few.reset(options={"benchmark": LOOP})
        gains[text] = few.step(action)[1]
    two, first, later = methods.greedy(few, TASK, [2, 5, 15])
    assert (two.steps, first.steps, later.steps) == (2, 5, 15)
    assert set(two.passes) <= {"early-cse", "gvn"}
    assert first.passes == (max(gains, key=lambda text: gains[text]),)
    assert later.passes[:1] == first.passes
    assert later.instructions < first.instructions


def test_greedy_ends_where_nothing_earns_anything(few: PassOrdering) -> None:
    some, more = methods.greedy(few, TASK, [1_000, 2_000])
    assert some.passes == more.passes
    few.reset(options={"benchmark": LOOP})
    for text in some.passes:
        few.step(few.action_names.index(text))
    assert all(few.fork().step(action)[1] <= 0 for action in range(len(few.action_names)))


def test_oz_is_what_opt_makes_with_it(env: PassOrdering) -> None:
    said = methods.oz(env, TASK)
    env.reset(options={"benchmark": LOOP})
    env.run.step(said.passes)
    assert sizes(env) == (said.instructions, said.text_bytes)
