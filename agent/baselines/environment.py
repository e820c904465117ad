"""The environment that all methods meet, and what the learned policy sees of it."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from agent.policy import coreset
from envs.observations import observation
from envs.ordering import PassOrdering
from ir_tools.features import AUTOPHASE_NAMES, INST_COUNT_NAMES
from ir_tools.plan import OZ

SIZES = ("IrInstructionCount", "TextBytes")  # what is measured of every state
_SEEN = ("Autophase", "InstCount")
_COMMON = 3
_LARGE = math.log(200)  # keeps magnitudes about 1

Vector = np.ndarray[Any, np.dtype[np.float32]]


def actions() -> tuple[str, ...]:
    """The passes that at least three pipelines of the shipped coreset have, in order of text.

    The coreset was chosen on training programs alone, so no held-out program had a say.
    """
    found = collections.Counter(
        each.text for pipeline in coreset() for each in set(pipeline.atoms())
    )
    return tuple(sorted(text for text, count in found.items() if count >= _COMMON))


def ordering(size: str, observed: Sequence[str] = SIZES) -> PassOrdering:
    """`ozone/PassOrdering-v0` with those actions and without end, which earns what `size`, one of
    the sizes, loses."""
    return PassOrdering(
        observation_space=observed, reward_space=size, passes=actions(), max_steps=None
    )


def encoded(size: str, steps: int) -> Encoded:
    """The same in episodes of so many steps, as the policy sees it and as it is rewarded."""
    return Encoded(ordering(size, (*SIZES, *_SEEN)), size, steps)


class Encoded(gymnasium.Wrapper[Any, Any, Any, Any]):
    """What a policy is to see and to earn, so that it learns what is compared in the end.

    It observes one vector: the features' magnitudes, and their shares of all instructions; both
    sizes against -Oz's, and the best so far; how often each action was taken; which ones may do
    something; how far the episode is. It earns the logarithm of -Oz's size by that of the episode's
    best state, in the steps in which that state comes to be.

    After `steps` it is over, an end like any other (`terminated`): what remains is seen.
    """

    def __init__(self, env: PassOrdering, size: str, steps: int) -> None:
        super().__init__(env)
        self._base, self._size, self._steps = env, size, steps
        self._taken = np.zeros(len(env.actions), np.float32)
        self._oz: Mapping[str, int] = {}
        self._best = self._earned = 0.0
        features = len(AUTOPHASE_NAMES) + len(INST_COUNT_NAMES)
        width = 2 * features + len(SIZES) + 1 + 2 * len(self._taken) + 1
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Any]]:
        seen, info = self.env.reset(seed=seed, options=options)
        self._taken[:] = 0
        run = self._base.run
        self._oz = {name: int(run.reference(observation(name), (OZ,))) for name in SIZES}
        self._best, self._earned = float(seen[self._size]), 0.0
        return self._encode(seen), info

    def step(self, action: Any) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        seen, _, terminated, truncated, info = self.env.step(action)
        self._taken[action] += 1
        self._best = min(self._best, float(seen[self._size]))
        earned = -self._against_oz(self._size, self._best)
        reward, self._earned = earned - self._earned, earned
        is_last = bool(self._taken.sum() == self._steps)
        return self._encode(seen), reward, terminated or is_last, truncated, info

    def _against_oz(self, name: str, size: float) -> float:
        return math.log(max(1.0, size) / max(1, self._oz[name]))  # nothing is left of some

    def _encode(self, seen: Mapping[str, Any]) -> Vector:
        features = np.concatenate([seen[name] for name in _SEEN]).astype(np.float32)
        parts = (
            np.log1p(features) / _LARGE,
            features / max(1, int(seen["IrInstructionCount"])),
            [self._against_oz(name, float(seen[name])) for name in SIZES],
            [self._against_oz(self._size, self._best)],
            np.log1p(self._taken),
            self._base.action_masks(),
            [self._taken.sum() / self._steps],
        )
        return np.concatenate(parts, dtype=np.float32)
