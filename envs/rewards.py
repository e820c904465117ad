"""What a step earns: how much smaller (or faster) it made the benchmark, in some unit.

A reward space is a measurement and a scale. A step's reward is the difference that it made to the
measurement, in units that depend on the benchmark alone, so an episode's rewards sum to the
difference between its ends (but see `RuntimeReward`). Less is better in every measurement, more in
every reward.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from envs.observations import OBSERVATIONS, About, Observation
from ir_tools.errors import MisuseError
from ir_tools.plan import OZ


class Scale(enum.StrEnum):
    """The unit of a reward; the value is what a reward space's name ends in."""

    PLAIN = ""
    NORM = "Norm"  # what the unoptimised benchmark measures
    OZ = "Oz"  # what -Oz gains on it: an episode that ends where -Oz does earns 1
    O3 = "O3"  # what -O3 gains on it

    @property
    def baseline(self) -> str:
        """The pipeline to compare with; empty where there is none."""
        return {Scale.OZ: OZ, Scale.O3: "default<O3>"}.get(self, "")


def step_reward(previous: float, current: float, unit: float) -> float:
    """What a step from `previous` to `current` earns."""
    return (previous - current) / unit


def forfeit(earned: float) -> float:
    """The reward that takes back what an episode has earned; losses stay lost."""
    return 0.0 - max(earned, 0.0)


def reward_unit(scale: Scale, unoptimised: float, baseline: float, least: float) -> float:
    """A reward's unit for a benchmark; never less than the `least` difference there is."""
    if scale is Scale.PLAIN:
        return 1.0
    gain = unoptimised if scale is Scale.NORM else abs(unoptimised - baseline)
    return float(max(gain, least))


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward space: the observation that it rests on, and the unit."""

    observation: Observation
    scale: Scale
    least: float = 1.0  # the smallest difference that the measurement can show

    @property
    def name(self) -> str:
        return f"{self.observation.name}{self.scale}"

    @property
    def deterministic(self) -> bool:
        return self.observation.deterministic

    @property
    def platform_dependent(self) -> bool:
        return self.observation.platform_dependent

    @property
    def inputs(self) -> tuple[str, ...]:
        """What is measured for it: the state, and of the benchmark what the unit needs."""
        name, baseline = self.observation.name, self.scale.baseline
        unoptimised = (f"{name} of the unoptimised benchmark",) if self.needs_unoptimised else ()
        return (name, *unoptimised, *((f"{name} after {baseline}",) if baseline else ()))

    @property
    def needs_unoptimised(self) -> bool:
        return bool(self.scale)

    def level(self, value: Any, about: About) -> Any:
        """What a state is remembered by, of the measurement."""
        return float(self.observation.finish(value, about))

    def unit(self, unoptimised: Any, baseline: Any, about: About) -> float:
        """The unit for a benchmark, from its levels; where one is not needed, it is zero."""
        return reward_unit(self.scale, unoptimised, baseline, self.least)

    def step(self, before: Any, after: Any, unit: float, about: About) -> float:
        """What going from one level to another earns."""
        return step_reward(before, after, unit)


@dataclass(frozen=True, slots=True)
class RuntimeReward(Reward):
    """Time that is saved, as far as it is significant: each step compares two versions anew.

    So an episode's rewards sum to the difference between its ends only roughly: what no single
    step shows may add up. Raises ObservationError where a version cannot be measured or does
    something else than the benchmark.
    """

    @property
    def needs_unoptimised(self) -> bool:
        """So that a benchmark without a time is refused before the first step."""
        return True

    def level(self, value: Any, about: About) -> Any:
        return value

    def unit(self, unoptimised: Any, baseline: Any, about: About) -> float:
        watch, benchmark = about.stopwatch, about.subject.as_benchmark
        seconds = watch.seconds(benchmark, unoptimised)
        gain = watch.gain(benchmark, unoptimised, baseline) if self.scale.baseline else 0.0
        return reward_unit(self.scale, seconds, seconds - gain, seconds * _LEAST_GAIN)

    def step(self, before: Any, after: Any, unit: float, about: About) -> float:
        return about.stopwatch.saved(about.subject.as_benchmark, before, after) / unit


COSTS = ("IrInstructionCount", "TextBytes", "ObjectBytes", "Cycles")
"""The observations whose differences are rewards."""
_LEAST_GAIN = 0.01  # of the time: a baseline that gains less gains nothing that could be told

REWARDS: Mapping[str, Reward] = MappingProxyType(
    {
        reward.name: reward
        for name in COSTS
        for scale in Scale
        if (reward := Reward(OBSERVATIONS[name], scale))
    }
    | {
        reward.name: reward
        for scale in Scale
        if (reward := RuntimeReward(OBSERVATIONS["Runtime"], scale))
    }
)
"""Every reward space by name; any weighted sum of them is one as well."""


@dataclass(frozen=True, slots=True)
class RewardSum:
    """A weighted sum of reward spaces; most often of one, with weight 1."""

    terms: tuple[tuple[Reward, float], ...]

    @classmethod
    def of(cls, chosen: str | Mapping[str, float]) -> RewardSum:
        """A reward space by name, or names with weights. Raises MisuseError."""
        weights = {chosen: 1.0} if isinstance(chosen, str) else chosen
        unknown = [name for name in weights if name not in REWARDS]
        if unknown or not weights:
            what = f"no reward space '{unknown[0]}'" if unknown else "no reward space at all"
            raise MisuseError(f"{what}: take of {', '.join(REWARDS)}")
        return cls(tuple((REWARDS[name], float(weight)) for name, weight in weights.items()))

    @property
    def name(self) -> str:
        """One text for it: the name alone, or weighted names joined by plus signs."""
        if [weight for _, weight in self.terms] == [1.0]:
            return self.terms[0][0].name
        return " + ".join(f"{weight!r}*{reward.name}" for reward, weight in self.terms)

    @classmethod
    def parse(cls, name: str) -> RewardSum:
        """The reward of that `name`. Raises MisuseError."""
        if "*" not in name:
            return cls.of(name)
        weights = {}
        for term in name.split(" + "):
            weight, _, reward = term.partition("*")
            try:
                weights[reward] = float(weight)
            except ValueError:
                raise MisuseError(f"'{term}' in '{name}' is no weight*reward") from None
        return cls.of(weights)

    @property
    def deterministic(self) -> bool:
        return all(reward.deterministic for reward, _ in self.terms)

    @property
    def platform_dependent(self) -> bool:
        return any(reward.platform_dependent for reward, _ in self.terms)
