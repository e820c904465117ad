"""Many pass orderings at once: every worker gets its step before the first answer is awaited.

They run in parallel, without a Python process for each as Gymnasium's `async` mode has.
"""

from __future__ import annotations

from typing import Any

from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import iterate
from gymnasium.wrappers import TimeLimit

from envs.ordering import PassOrdering


class PassOrderingVector(SyncVectorEnv):
    """`num_envs` environments, each with a worker; the options are those of `PassOrdering`.

    `benchmark` is everybody's; `reset(options={"benchmark": …})` names another one for all.
    """

    def __init__(
        self,
        num_envs: int,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
        **options: Any,
    ) -> None:
        def make() -> Any:
            env = PassOrdering(**options)
            env.start()
            return TimeLimit(env, max_episode_steps) if max_episode_steps else env

        super().__init__([make] * num_envs, autoreset_mode=autoreset_mode)

    def step(self, actions: Any) -> Any:
        """One step of each, in the order of the environments; see `SyncVectorEnv.step`."""
        waits = self._autoreset_envs if self.autoreset_mode is AutoresetMode.NEXT_STEP else ()
        for index, action in enumerate(iterate(self.action_space, actions)):
            if not (len(waits) and waits[index]):
                self.envs[index].get_wrapper_attr("begin")(action)
        return super().step(actions)
