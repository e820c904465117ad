"""Every observation space, on a live environment."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import networkx
import numpy as np
import pytest

from envs.observations import OBSERVATIONS, View, observation
from envs.ordering import PassOrdering
from envs.significance import Timing
from ir_tools.errors import MisuseError
from ir_tools.features import AUTOPHASE_NAMES, INST_COUNT_NAMES
from ir_tools.instructions import OPCODES
from tests.envs.material import LOOP, TWO


@pytest.fixture(scope="module")
def env() -> Iterator[PassOrdering]:
    made = PassOrdering(LOOP, "IrInstructionCount", timing=Timing(budget_s=0.2, inputs=2))
    yield made
    made.close()


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_each_can_be_had_at_any_time_is_in_its_space_and_repeats(
    name: str, env: PassOrdering
) -> None:
    row = observation(name)
    env.reset()
    space, first = row.space(), env.observe(name)
    assert first in space
    env.step(env.action_names.index("sroa<modify-cfg>"))
    second = env.observe(name)
    assert second in space
    assert not _same(first, second)
    fork = env.fork()
    fork.reset()
    assert _same(fork.observe(name), first) or not row.deterministic
    assert row.purpose
    fork.close()


def _same(one: object, other: object) -> bool:
    if isinstance(one, networkx.MultiDiGraph):
        assert isinstance(other, networkx.MultiDiGraph)
        return networkx.utils.graphs_equal(one, other)
    return bool(np.array_equal(one, other))  # type: ignore[arg-type]


def test_numbers_agree_with_each_other(env: PassOrdering) -> None:
    env.reset(options={"benchmark": TWO})
    count = int(env.observe("IrInstructionCount"))
    inst_count = dict(zip(INST_COUNT_NAMES, env.observe("InstCount"), strict=True))
    autophase = dict(zip(AUTOPHASE_NAMES, env.observe("Autophase"), strict=True))
    histogram = dict(zip(OPCODES.values(), env.observe("OpcodeHistogram"), strict=True))
    assert count == inst_count["TotalInsts"] == autophase["TotalInsts"] == sum(histogram.values())
    assert histogram["add"] == inst_count["Add"] == 3
    assert env.observe("ObjectBytes") > env.observe("TextBytes") > 0
    env.reset(options={"benchmark": LOOP})


def test_several_at_once_are_a_dictionary() -> None:
    env = PassOrdering(LOOP, ["Autophase", "TextBytes", "Ir"])
    assert isinstance(env.observation_space, gymnasium.spaces.Dict)
    seen, _ = env.reset()
    assert seen in env.observation_space
    seen = env.step(env.action_names.index("sroa<modify-cfg>"))[0]
    assert seen["TextBytes"] == env.observe("TextBytes")
    assert seen["Ir"] == env.observe("Ir")
    env.close()


def test_what_is_no_observation_space_is_refused_with_those_that_are() -> None:
    with pytest.raises(MisuseError, match=r"no observation space 'Size': one of Ir, .*Autophase"):
        View.of(["Ir", "Size"])


def test_each_says_whether_it_repeats_and_where() -> None:
    elsewhere = {name for name, row in OBSERVATIONS.items() if row.platform_dependent}
    assert elsewhere == {"TextBytes", "ObjectBytes", "Cycles", "Runtime"}
    assert [name for name, row in OBSERVATIONS.items() if not row.deterministic] == ["Runtime"]
