"""Replaying an episode finds what does not hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from envs.episode import Episode
from envs.evaluation import Status
from envs.ordering import PassOrdering
from ir_tools.errors import MisuseError, UnknownBenchmarkError
from tests.envs.material import CRASH, LOOP


@pytest.fixture(scope="module")
def env() -> Iterator[PassOrdering]:
    made = PassOrdering(LOOP, "IrInstructionCount", {"IrInstructionCountOz": 2, "TextBytes": 1})
    made.reset()
    for name in ("sroa<modify-cfg>", "early-cse", "dce", "simplifycfg"):
        made.step(made.action_names.index(name))
    yield made
    made.close()


def test_an_honest_episode_holds_from_its_line(env: PassOrdering) -> None:
    line = env.episode.to_json()
    assert env.episode.reward > 1
    assert env.validate().ok
    assert env.validate(Episode.from_json(line)).problems == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"reward": 17.0}, "reward: 17.0 is said"),
        ({"ir": "f" * 32}, f"ir: {'f' * 32} is said"),
        ({"verdict": "proved"}, "verdict: proved is said, bounded was found"),
        ({"status": Status.CRASH, "failed": "function(dce)"}, "status: crash is said, ok was"),
        ({"failed": CRASH}, "status: ok is said, crash was found"),
        ({"llvm": "10.0.0"}, "made by LLVM 10.0.0, this is 22"),
        ({"pipeline": "always-inline"}, "ir: "),
        ({"pipeline": "always-inline,invalidate<all>,bogus"}, "status: ok is said, invalid was"),
    ],
)
def test_a_line_that_says_too_much_does_not(
    env: PassOrdering, change: dict[str, object], problem: str
) -> None:
    found = env.validate(dataclasses.replace(env.episode, **change))
    assert not found.ok
    assert any(one.startswith(problem) for one in found.problems), found.problems


def test_an_episode_of_another_benchmark_is_looked_up(env: PassOrdering) -> None:
    with pytest.raises(UnknownBenchmarkError):
        env.validate(dataclasses.replace(env.episode, benchmark="benchmark://nothing-v0/x"))


def test_a_reward_space_that_there_is_not_is_refused(env: PassOrdering) -> None:
    with pytest.raises(MisuseError, match="no reward space 'Size'"):
        env.validate(dataclasses.replace(env.episode, reward_space="Size"))
