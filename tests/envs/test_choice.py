"""`ozone/PipelineChoice-v0`."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from envs.choice import PIPELINES, PipelineChoice
from envs.registration import register
from ir_tools.errors import ActionError, MisuseError, PipelineError
from tests.envs.material import CRASH, LOOP, TWO


def test_gymnasiums_checker_finds_nothing() -> None:
    register()
    env = gymnasium.make("ozone/PipelineChoice-v0", benchmark=LOOP)
    check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("source", [LOOP, TWO], ids=lambda source: source.name)
def test_an_episode_is_one_choice_and_choosing_oz_earns_one(source: Any) -> None:
    env = PipelineChoice(source, reward_space="TextBytesOz")
    assert env.action_space.n == len(PIPELINES)
    env.reset()
    _, reward, terminated, truncated, _ = env.step(PIPELINES.index("default<Oz>"))
    assert (reward, terminated, truncated) == (1, True, False)
    with pytest.raises(MisuseError, match="the episode is over"):
        env.step(0)
    assert env.validate().ok
    env.close()


def test_every_pipeline_of_ours_makes_the_benchmark_smaller() -> None:
    env = PipelineChoice(LOOP, reward_space="IrInstructionCount")
    for action in range(len(PIPELINES)):
        env.reset()
        assert env.step(action)[1] > 5, PIPELINES[action]
    env.close()


def test_a_crash_is_an_outcome_and_the_environment_goes_on() -> None:
    env = PipelineChoice(LOOP, pipelines=[CRASH, "no-such-pass", "default<Oz>"])
    for action, kind in ((0, "crash"), (1, "invalid")):
        env.reset()
        _, reward, terminated, _, info = env.step(action)
        assert (reward, terminated, info["error_type"]) == (0, True, kind)
        assert env.episode.failed == env.pipelines[action]
        assert env.validate().ok
    env.reset()
    assert env.step(2)[1] == pytest.approx(1.0)
    env.close()


@pytest.mark.parametrize("action", [-1, len(PIPELINES), "default<Oz>", None])
def test_what_is_no_action_is_refused(action: Any) -> None:
    env = PipelineChoice(LOOP)
    env.reset()
    with pytest.raises(ActionError, match="take one of 0 to"):
        env.step(action)
    env.close()


def test_no_pipelines_and_no_pipeline_are_refused() -> None:
    with pytest.raises(ActionError, match="no pipelines"):
        PipelineChoice(LOOP, pipelines=[])
    with pytest.raises(PipelineError, match="column"):
        PipelineChoice(LOOP, pipelines=["function("])
