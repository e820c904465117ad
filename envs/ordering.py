"""`ozone/PassOrdering-v0`: each action runs one more pass on the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from envs.environment import CompilerEnvironment, StepResult, action_number
from ir_tools.errors import ActionError, MisuseError
from ir_tools.passes import Pass, Trust, catalogue
from ir_tools.pipeline import Pipeline


class PassOrdering(CompilerEnvironment):
    """An action appends a pass with its parameters; `actions` says which one each number is.

    passes     the texts of those to choose from (`sroa<modify-cfg>`); by default all of the
               catalogue that deserve `trust`
    max_steps  then the episode is truncated; `gymnasium.wrappers.TimeLimit` may do so earlier, but
               only here judges are asked before (`verify="episode"`)

    A pass that has just changed nothing is masked until something changes: that it would do nothing
    again is known, so taking it all the same is no error, runs nothing and earns nothing.
    """

    def __init__(
        self,
        *arguments: Any,
        trust: str = Trust.PRODUCTION,
        passes: Sequence[str] | None = None,
        max_steps: int | None = 45,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.actions = _choose(trust, passes)
        self._texts = tuple(str(Pipeline.of([each])) for each in self.actions)
        self.action_space = gymnasium.spaces.Discrete(len(self.actions))
        self._max_steps = max_steps
        self._idle: set[int] = set()  # actions that would do nothing
        self._steps = 0
        self._begun: int | None = None

    @property
    def action_names(self) -> tuple[str, ...]:
        """The passes' texts."""
        return tuple(each.text for each in self.actions)

    @property
    def allowed(self) -> Sequence[int]:
        """The numbers of the actions that may be taken: all, where no wrapper says otherwise."""
        return range(len(self.actions))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self._idle, self._steps, self._begun = set(), 0, None
        return super().reset(seed=seed, options=options)

    def begin(self, action: Any) -> None:
        """Start on the step that `step(action)` will end, for whoever has other workers to feed."""
        self._begun = action_number(action, len(self.actions))
        if self._begun not in self._idle:
            self._running().send((self._texts[self._begun],))

    def step(self, action: Any) -> StepResult:
        """Run one more pass. Raises ActionError, and MisuseError where there is no episode."""
        run = self._running()
        if self._begun is None or self._begun != action:
            self.begin(action)
        chosen, self._begun = self._begun, None
        assert chosen is not None
        reward = 0.0 if chosen in self._idle else run.receive()
        if chosen not in self._idle and run.changed:
            self._idle.clear()
        else:
            self._idle.add(chosen)
        self._steps += 1
        return self._finish(run, reward, ends=False, truncated=self._steps == self._max_steps)

    def action_masks(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """True for each action that may do something, as MaskablePPO asks for it."""
        masks = np.ones(len(self.actions), np.bool_)
        masks[list(self._idle)] = False
        return masks

    def _info(self) -> dict[str, Any]:
        return super()._info() | {"action_mask": self.action_masks().view(np.int8)}

    def fork(self) -> PassOrdering:
        other = super().fork()
        assert isinstance(other, PassOrdering)
        other._idle = set(self._idle)
        return other


def _choose(trust: str, passes: Sequence[str] | None) -> tuple[Pass, ...]:
    """The passes of the catalogue, or those of them with these texts. Raises MisuseError."""
    if trust not in tuple(Trust):
        raise MisuseError(f"trust={trust!r}: one of {', '.join(Trust)}")
    known = {each.text: each for row in catalogue(Trust(trust)) for each in row.variants}
    unknown = [text for text in passes or () if text not in known]
    if unknown or (passes is not None and not passes):
        what = f"'{unknown[0]}' is no {trust} pass" if unknown else "no pass to choose from"
        raise ActionError(f"{what}: see ir_tools.passes")
    return tuple(known.values()) if passes is None else tuple(known[text] for text in passes)
