"""Actions and observations of `ozone-llvm-v0`, by the names that CompilerGym has for them.

Ozone's own observations that CompilerGym has no name for keep theirs.

`Runtime` is not among them, neither to observe nor to earn: the service has a program's bitcode but
not how the program is run, and rewards there are differences of what was observed at other times,
which of times on a busy machine say little. `envs.rewards.RuntimeReward` measures both anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from envs.observations import OBSERVATIONS, Observation
from envs.rewards import COSTS, REWARDS, Reward, Scale
from envs.run import UNOPTIMISED
from ir_tools.passes import Trust, catalogue
from ir_tools.pipeline import Pipeline

_SIZE = "ObjectTextSize"  # CompilerGym's word for bytes of .text in the object
_NAMES = {"TextBytes": f"{_SIZE}Bytes", "ProgramGraph": "Programl"}


@dataclass(frozen=True, slots=True)
class Action:
    """A pass: its name with parameters, the pipeline that runs it, and what for."""

    name: str
    pipeline: str
    purpose: str


ACTIONS: tuple[Action, ...] = tuple(
    Action(each.text, str(Pipeline.of([each])), row.purpose)
    for row in catalogue(Trust.PRODUCTION)
    for each in row.variants
)


@dataclass(frozen=True, slots=True)
class Space:
    """An observation space: of the present state, or of what `history` makes of the benchmark."""

    name: str
    observation: Observation
    history: tuple[str, ...] | None = None


def _stem(cost: str) -> str:
    return _SIZE if cost == "TextBytes" else cost


def _references() -> list[Space]:
    levels = {"O0": UNOPTIMISED, "Oz": (Scale.OZ.baseline,), "O3": (Scale.O3.baseline,)}
    return [
        Space(f"{_stem(cost)}{level}", OBSERVATIONS[cost], history)
        for cost in COSTS
        for level, history in levels.items()
    ]


SPACES: tuple[Space, ...] = (
    *(
        Space(_NAMES.get(name, name), row)
        for name, row in OBSERVATIONS.items()
        if row.deterministic
    ),
    *_references(),
)


def cost_space(reward: Reward) -> str:
    """The observation space that a reward rests on."""
    return _NAMES.get(reward.observation.name, reward.observation.name)


def _reward_name(reward: Reward) -> str:
    scaled = f"{_stem(reward.observation.name)}{reward.scale}"
    return scaled if reward.scale else cost_space(reward)


REWARD_SPACES: Mapping[str, Reward] = MappingProxyType(
    {_reward_name(reward): reward for reward in REWARDS.values() if reward.deterministic}
)


def reference_space(reward: Reward, level: str) -> str:
    """The observation space of what the benchmark costs at a `level`: O0, Oz, O3."""
    return f"{_stem(reward.observation.name)}{level}"
