"""Wrappers for Ozone's environments. Time limits are Gymnasium's own `TimeLimit`.

Each keeps `fork()` and the masks of actions working. `fork(env)` copies an environment with every
wrapper around it, Gymnasium's among them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from envs.evaluation import Source
from ir_tools.errors import ActionError
from ir_tools.pipeline import Pipeline

Masks = np.ndarray[Any, np.dtype[np.bool_]]


def fork(env: gymnasium.Env[Any, Any]) -> Any:
    """An environment that goes on from here, in copies of the same wrappers.

    What a wrapper holds is shared, as far as a shallow copy shares it.
    """
    if not isinstance(env, gymnasium.Wrapper):
        return env.get_wrapper_attr("fork")()
    other = copy.copy(env)
    other.env = fork(env.env)
    return other


class _Forking(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper with random numbers of its own, and the base's `fork` and masks."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._random = np.random.default_rng()

    def fork(self) -> Any:
        """This environment once more, to go another way from here."""
        other = fork(self)
        other._random = copy.deepcopy(self._random)
        return other

    def action_masks(self) -> Masks:
        """True for each action that may be taken and may do something."""
        masks: Masks = self.env.get_wrapper_attr("action_masks")()
        return masks

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        if seed is not None:
            self._random = np.random.default_rng(seed)
        return self.env.reset(seed=seed, options=self._options(options or {}))

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options of a reset that was asked for with `options`."""
        return options


class CycleOverBenchmarks(_Forking):
    """Each episode has the next benchmark, and after the last the first again."""

    def __init__(self, env: gymnasium.Env[Any, Any], benchmarks: Sequence[str | Source]) -> None:
        super().__init__(env)
        self._benchmarks, self._next = list(benchmarks), 0

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        if "benchmark" in options:
            return options
        chosen = self._benchmarks[self._next % len(self._benchmarks)]
        self._next += 1
        return options | {"benchmark": chosen}


class RandomBenchmark(_Forking):
    """Each episode has a benchmark drawn at random, by the seed of the last `reset` with one."""

    def __init__(self, env: gymnasium.Env[Any, Any], benchmarks: Sequence[str | Source]) -> None:
        super().__init__(env)
        self._benchmarks = list(benchmarks)

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        chosen = self._benchmarks[self._random.integers(len(self._benchmarks))]
        return {"benchmark": chosen} | options


class RandomStart(_Forking):
    """Each episode starts after `count` passes drawn at random, which earn nothing.

    Those that an inner `ConstrainedActions` does not allow are not drawn.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], count: int) -> None:
        super().__init__(env)
        self._count = count

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        actions = self.env.get_wrapper_attr("actions")
        drawn = self._random.choice(self.env.get_wrapper_attr("allowed"), self._count)
        return {"prefix": [str(Pipeline.of([actions[number]])) for number in drawn]} | options


class ConstrainedActions(_Forking):
    """Masks every pass but those named: with parameters (`gvn<no-pre>`), or without for all its
    variants. The numbers of actions stay; `PassOrdering(passes=…)` makes a smaller space.

    Raises ActionError for a name that no action has, and for an action that is masked here.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], passes: Sequence[str]) -> None:
        super().__init__(env)
        texts = [each.text for each in env.get_wrapper_attr("actions")]
        for name in passes:
            if not any(_is_called(text, name) for text in texts):
                raise ActionError(f"no action is called '{name}': see env.action_names")
        self._allowed = np.array(
            [any(_is_called(text, name) for name in passes) for text in texts], np.bool_
        )

    @property
    def allowed(self) -> tuple[int, ...]:
        """The numbers of the actions that may be taken."""
        outer = self.env.get_wrapper_attr("allowed")
        return tuple(number for number in outer if self._allowed[number])

    def action_masks(self) -> Masks:
        return super().action_masks() & self._allowed

    def begin(self, action: Any) -> None:
        """As the base's. Raises ActionError for a masked one."""
        self._check(action)
        self.env.get_wrapper_attr("begin")(action)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        observation, info = super().reset(seed=seed, options=options)
        return observation, info | {"action_mask": self.action_masks().view(np.int8)}

    def step(self, action: Any) -> Any:
        self._check(action)
        *rest, info = self.env.step(action)
        return (*rest, info | {"action_mask": self.action_masks().view(np.int8)})

    def _check(self, action: Any) -> None:
        inside = isinstance(action, int | np.integer) and 0 <= action < len(self._allowed)
        if inside and not self._allowed[action]:
            name = self.env.get_wrapper_attr("actions")[action].text
            raise ActionError(f"action {action}, '{name}', is masked: see env.action_masks()")


def _is_called(text: str, name: str) -> bool:
    return name in (text, text.partition("<")[0])
