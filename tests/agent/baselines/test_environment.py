"""What all methods meet: the actions, and the vector that the policy sees."""

from __future__ import annotations

import math
from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from agent.baselines.environment import SIZES, Encoded, actions, encoded
from agent.policy import coreset
from envs.observations import observation
from envs.ordering import PassOrdering
from envs.run import UNOPTIMISED
from tests.envs.material import LOOP

STEPS = 4


@pytest.fixture
def env() -> Iterator[Encoded]:
    made = encoded("TextBytes", STEPS)
    made.reset(options={"benchmark": LOOP})
    yield made
    made.close()


def test_actions_are_what_the_coreset_has_often() -> None:
    pipelines = [{each.text for each in pipeline.atoms()} for pipeline in coreset()]
    counts = {text: sum(text in one for one in pipelines) for text in set().union(*pipelines)}
    assert actions() == tuple(sorted(text for text, count in counts.items() if count >= 3))
    assert 20 <= len(actions()) < len(counts)


@pytest.mark.filterwarnings("ignore::UserWarning")  # it would rather have no wrapper
def test_gymnasium_finds_no_fault_with_it(env: Encoded) -> None:
    check_env(env, skip_render_check=True)


def test_the_vector_tells_what_was_taken_what_remains_and_what_may_be(env: Encoded) -> None:
    first, _ = env.reset(options={"benchmark": LOOP})
    count = len(actions())
    nothing = actions().index("typepromotion")
    second, *_ = env.step(nothing)
    taken, allowed = second[-2 * count - 1 : -count - 1], second[-count - 1 : -1]
    assert list(np.flatnonzero(taken)) == [nothing]
    assert taken[nothing] == pytest.approx(np.log(2))
    assert list(np.flatnonzero(allowed == 0)) == [nothing]
    assert (first[-1], second[-1]) == (0, pytest.approx(1 / STEPS))
    unchanged = -2 * count - 1
    assert (first[:unchanged] == second[:unchanged]).all()


def test_the_vector_has_the_sizes_against_oz_and_the_best_so_far(env: Encoded) -> None:
    first, _ = env.reset(options={"benchmark": LOOP})
    second, *_ = env.step(actions().index("mem2reg"))
    env.step(actions().index("lower-switch"))
    sizes = slice(-2 * len(actions()) - 4, -2 * len(actions()) - 1)
    pairs = zip(sizes_after(env), sizes_after(env, "default<Oz>"), strict=True)
    instructions, text = (math.log(size / oz) for size, oz in pairs)
    assert first[sizes] == pytest.approx([instructions, text, text])
    assert (second[sizes] < first[sizes]).all()


def sizes_after(env: Encoded, *pipelines: str) -> list[int]:
    base = env.unwrapped
    assert isinstance(base, PassOrdering)
    return [int(base.run.reference(observation(name), UNOPTIMISED + pipelines)) for name in SIZES]


def test_an_episode_earns_what_its_best_state_is_against_oz(env: Encoded) -> None:
    """Going from bad to good to worse, it earns as if it had ended where it was best."""
    env.reset(options={"benchmark": LOOP})
    texts = sizes_after(env)[1:]
    oz = sizes_after(env, "default<Oz>")[1]
    rewards = []
    for text in ("reassociate", "early-cse<memssa>", "gvn"):
        _, reward, *_ = env.step(actions().index(text))
        rewards.append(reward)
        texts.append(int(env.get_wrapper_attr("observe")("TextBytes")))
    assert min(texts) < texts[-1]  # or this way would show nothing
    assert sum(rewards) == pytest.approx(math.log(oz / min(texts)))
    assert min(rewards[1:]) == 0


def test_the_last_step_is_an_end(env: Encoded) -> None:
    ends = [env.step(0)[2:4] for _ in range(STEPS)]
    assert ends == [(False, False)] * (STEPS - 1) + [(True, False)]


def test_masks_and_the_beginning_of_steps_reach_the_base(env: gymnasium.Env[object, int]) -> None:
    assert env.get_wrapper_attr("action_masks")().all()
    env.get_wrapper_attr("begin")(0)
    env.step(0)
