"""Many environments at once, in each of Gymnasium's ways."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from envs.ordering import PassOrdering
from envs.registration import register
from ir_tools.errors import ActionError
from tests.conftest import Marked
from tests.envs.material import LOOP

ID = "ozone/PassOrdering-v0"
STEPS = 12


def transcript(mode: str) -> list[Any]:
    """All that three environments answer to the same actions, over the end of an episode."""
    register()
    envs = gymnasium.make_vec(ID, num_envs=3, vectorization_mode=mode, benchmark=LOOP, max_steps=5)
    rng = np.random.default_rng(3)
    observations, infos = envs.reset(seed=3)
    heard: list[Any] = [observations, infos["action_mask"]]
    for _ in range(STEPS):
        observations, rewards, terminated, truncated, infos = envs.step(
            rng.integers(envs.single_action_space.n, size=3)
        )
        heard += [observations, rewards, terminated, truncated, infos["action_mask"]]
    envs.close()
    return heard


@pytest.mark.parametrize("mode", ["async", "vector_entry_point"])
def test_every_way_gives_the_same_answers(mode: str) -> None:
    expected, found = transcript("sync"), transcript(mode)
    assert sum(map(np.count_nonzero, expected[5::5])) == 6  # two episodes of each ended
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_ours_has_a_worker_for_each_and_no_other_process(marked: Marked) -> None:
    register()
    envs = gymnasium.make_vec(ID, num_envs=3, benchmark=LOOP)
    envs.reset()
    assert len(marked.pids()) == len(marked.pids("envs.worker")) == 3
    envs.close()
    marked.wait_until_gone()


def test_every_worker_is_at_work_before_the_first_answer_is_awaited() -> None:
    register()
    envs = gymnasium.make_vec(ID, num_envs=2, benchmark=LOOP)
    first, second = (env.unwrapped for env in envs.envs)
    assert isinstance(first, PassOrdering)
    assert isinstance(second, PassOrdering)
    envs.reset()
    asked: list[str] = []
    first_send, second_send = first.run.send, second.run.send
    first_receive = first.run.receive
    first.run.send = lambda texts: (asked.append("first sends"), first_send(texts))[1]  # type: ignore[method-assign]
    second.run.send = lambda texts: (asked.append("second sends"), second_send(texts))[1]  # type: ignore[method-assign]
    first.run.receive = lambda: (asked.append("first receives"), first_receive())[1]  # type: ignore[method-assign]
    envs.step(np.array([0, 0]))
    assert asked == ["first sends", "second sends", "first receives"]
    envs.close()


def test_a_time_limit_is_kept() -> None:
    register()
    envs = gymnasium.make_vec(ID, num_envs=2, benchmark=LOOP, max_episode_steps=2)
    envs.reset()
    assert [bool(envs.step(np.array([0, 1]))[3].all()) for _ in range(2)] == [False, True]
    envs.close()


def test_an_action_that_is_none_is_an_error_and_a_reset_helps() -> None:
    register()
    envs = gymnasium.make_vec(ID, num_envs=2, benchmark=LOOP)
    envs.reset()
    with pytest.raises(ActionError):
        envs.step(np.array([0, 10_000]))
    envs.reset()
    assert not envs.step(np.array([0, 1]))[2].any()
    envs.close()
