"""Ozone's reward spaces as CompilerGym's: the same definitions, over observations by RPC."""

from __future__ import annotations

from typing import Any

from compiler_gym.spaces import Reward

from envs import rewards
from envs.compilergym.tables import REWARD_SPACES, cost_space, reference_space


class OzoneReward(Reward):
    """What `envs.rewards` says a step earns; a failure forfeits what the episode had earned."""

    def __init__(self, name: str, definition: rewards.Reward) -> None:
        super().__init__(
            name=name,
            observation_spaces=[cost_space(definition)],
            success_threshold=1 if definition.scale.baseline else None,
            deterministic=definition.deterministic,
            platform_dependent=definition.platform_dependent,
        )
        self._definition = definition
        self._benchmark: Any = None
        self._start = self._unit = 0.0
        self._previous: float | None = None

    def reset(self, benchmark: Any, observation_view: Any) -> None:
        """Begin an episode; what must be measured for it is measured at the first `update`."""
        self._previous = None

    def update(self, actions: Any, observations: Any, observation_view: Any) -> float:
        """The reward of the step that led to these observations."""
        if self._previous is None:
            self._measure(observation_view)
            self._previous = self._start
        (cost,) = map(float, observations)
        earned = rewards.step_reward(self._previous, cost, self._unit)
        self._previous = cost
        return earned

    def _measure(self, view: Any) -> None:
        """The benchmark's own costs, which the service remembers."""
        definition, baseline = self._definition, 0.0
        self._start = float(view[reference_space(definition, "O0")])
        if definition.scale.baseline:
            baseline = float(view[reference_space(definition, definition.scale.value)])
        self._unit = rewards.reward_unit(definition.scale, self._start, baseline, definition.least)

    def reward_on_error(self, episode_reward: float) -> float:
        """What an episode that failed gets for its last step."""
        return rewards.forfeit(episode_reward or 0.0)


def reward_spaces() -> list[OzoneReward]:
    """All of them, new: each keeps count of one environment's episode."""
    return [OzoneReward(name, definition) for name, definition in REWARD_SPACES.items()]
