"""Rewards, with numbers worked by hand."""

from __future__ import annotations

import pytest

from anghabench.program import Benchmark
from envs.evaluation import Source
from envs.observations import About
from envs.pool import Limits
from envs.rewards import REWARDS, RewardSum, Scale, forfeit, reward_unit, step_reward
from envs.runtime import Stopwatch
from envs.significance import Timing
from envs.subject import Subject
from ir_tools.errors import MisuseError
from ir_tools.target import TargetOptions


class Timed(Stopwatch):
    """Says that "slow" takes eight seconds, "fast" six, and that the rest shows no difference."""

    def __init__(self) -> None:
        super().__init__(Limits(), Timing())

    def seconds(self, benchmark: Benchmark, version: bytes) -> float:
        return 6.0 if version == b"fast" else 8.0

    def saved(self, benchmark: Benchmark, before: bytes, after: bytes) -> float:
        return self.seconds(benchmark, before) - self.seconds(benchmark, after)


NOWHERE = About(Subject("f", Source("f", b"")), TargetOptions(), Timed())


@pytest.mark.parametrize(
    ("name", "unit", "earned"),
    [  # 200 instructions unoptimised, 120 after -Oz or -O3; a step goes from 150 to 130
        ("IrInstructionCount", 1.0, 20.0),
        ("IrInstructionCountNorm", 200.0, 0.1),
        ("IrInstructionCountOz", 80.0, 0.25),
        ("IrInstructionCountO3", 80.0, 0.25),
    ],
)
def test_a_step_earns_the_difference_in_the_rewards_unit(
    name: str, unit: float, earned: float
) -> None:
    assert REWARDS[name].unit(200, 120, NOWHERE) == unit
    assert step_reward(150, 130, unit) == earned
    assert step_reward(130, 150, unit) == -earned


def test_reaching_the_baseline_earns_one_and_going_past_it_more() -> None:
    unit = reward_unit(Scale.OZ, 200, 120, 1)
    assert step_reward(200, 120, unit) == 1
    assert step_reward(200, 100, unit) == 1.25


def test_a_baseline_that_gains_nothing_or_loses_makes_a_unit_all_the_same() -> None:
    assert reward_unit(Scale.OZ, 200, 200, 1) == 1
    assert reward_unit(Scale.O3, 200, 250, 1) == 50


def test_a_forfeit_takes_back_gains_and_leaves_losses() -> None:
    assert forfeit(0.75) == -0.75
    assert forfeit(-0.5) == 0
    assert str(forfeit(0.0)) == "0.0"


def test_a_weighted_sum_has_a_name_that_it_can_be_read_from() -> None:
    weighted = RewardSum.of({"TextBytesOz": 0.75, "IrInstructionCount": 1e-20})
    assert weighted.name == "0.75*TextBytesOz + 1e-20*IrInstructionCount"
    assert RewardSum.parse(weighted.name) == weighted
    assert RewardSum.parse("CyclesNorm") == RewardSum.of("CyclesNorm")
    assert RewardSum.of("CyclesNorm").name == "CyclesNorm"


@pytest.mark.parametrize("name", ["", "Instructions", "two*TextBytes", "2*Bytes", "TextBytesOs"])
def test_what_is_no_reward_space_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(MisuseError, match="TextBytes"):
        RewardSum.parse(name)


def test_no_reward_at_all_is_refused() -> None:
    with pytest.raises(MisuseError, match="no reward space at all"):
        RewardSum.of({})


@pytest.mark.parametrize(
    ("name", "unit"),
    [("Runtime", 1), ("RuntimeNorm", 8), ("RuntimeOz", 2), ("RuntimeO3", 2)],
)
def test_runtime_earns_what_is_saved_in_the_rewards_unit(name: str, unit: float) -> None:
    reward = REWARDS[name]
    before, after = (reward.level(version, NOWHERE) for version in (b"slow", b"fast"))
    assert reward.unit(before, after, NOWHERE) == unit
    assert reward.step(before, after, unit, NOWHERE) == 2 / unit
    assert reward.step(after, before, unit, NOWHERE) == -2 / unit
    assert reward.step(before, before, unit, NOWHERE) == 0
    assert not reward.deterministic
    assert reward.platform_dependent


def test_a_baseline_that_is_not_faster_is_no_unit_for_times() -> None:
    assert REWARDS["RuntimeOz"].unit(b"slow", b"as slow", NOWHERE) == 0.08


def test_runtime_always_rests_on_the_unoptimised_benchmark_which_must_have_a_time() -> None:
    assert REWARDS["Runtime"].inputs == ("Runtime", "Runtime of the unoptimised benchmark")
    assert REWARDS["RuntimeO3"].inputs[-1] == "Runtime after default<O3>"


def test_each_reward_states_what_it_rests_on() -> None:
    plain, relative = REWARDS["IrInstructionCount"], REWARDS["TextBytesOz"]
    assert plain.inputs == ("IrInstructionCount",)
    assert relative.inputs == (
        "TextBytes",
        "TextBytes of the unoptimised benchmark",
        "TextBytes after default<Oz>",
    )
    assert REWARDS["CyclesNorm"].inputs == ("Cycles", "Cycles of the unoptimised benchmark")
    assert plain.deterministic
    assert not plain.platform_dependent
    assert relative.platform_dependent
    assert RewardSum.of({"TextBytes": 1, "IrInstructionCount": 1}).platform_dependent
