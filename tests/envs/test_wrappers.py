"""Wrappers: benchmarks in turn and at random, random starts, constrained actions, forks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit

from envs.episode import parts
from envs.ordering import PassOrdering
from envs.wrappers import (
    ConstrainedActions,
    CycleOverBenchmarks,
    RandomBenchmark,
    RandomStart,
    fork,
)
from ir_tools.errors import ActionError
from tests.envs.material import LOOP, MARKED, TWO

COUNT = "IrInstructionCount"
ALL = (LOOP, TWO, MARKED)


@pytest.fixture(scope="module")
def worker() -> Iterator[PassOrdering]:
    """An environment whose forks share its worker, which starts once."""
    env = PassOrdering(LOOP, COUNT, COUNT)
    yield env
    env.close()


@pytest.fixture
def env(worker: PassOrdering) -> Iterator[PassOrdering]:
    other = worker.fork()
    yield other
    other.close()


def name(env: gymnasium.Env[Any, Any]) -> str:
    uri: str = env.get_wrapper_attr("run").subject.uri
    return uri


def number(env: gymnasium.Env[Any, Any], text: str) -> int:
    names: tuple[str, ...] = env.get_wrapper_attr("action_names")
    return names.index(text)


def test_benchmarks_come_in_turn_and_again(env: PassOrdering) -> None:
    cycle = CycleOverBenchmarks(env, ALL)
    names = []
    for _ in range(4):
        cycle.reset()
        names.append(name(cycle))
    assert names == ["loop.ll", "two.ll", "marked.ll", "loop.ll"]
    cycle.reset(options={"benchmark": LOOP})
    assert name(cycle) == "loop.ll"
    cycle.reset()
    assert name(cycle) == "two.ll"


def test_a_forks_turn_is_its_own(env: PassOrdering) -> None:
    cycle = CycleOverBenchmarks(env, ALL)
    cycle.reset()
    other = cycle.fork()
    other.reset()
    cycle.reset()
    assert name(cycle) == name(other) == "two.ll"


def test_random_benchmarks_are_drawn_by_the_seed(env: PassOrdering) -> None:
    random = RandomBenchmark(env, ALL)

    def drawn(seed: int) -> list[str]:
        names = []
        for episode in range(8):
            random.reset(seed=seed if episode == 0 else None)
            names.append(name(random))
        return names

    assert drawn(1) == drawn(1) != drawn(2)
    assert set(drawn(1) + drawn(2)) == {source.name for source in ALL}


def test_a_random_start_is_drawn_by_the_seed_and_earns_nothing(env: PassOrdering) -> None:
    start = RandomStart(env, 5)
    starts = []
    for seed in (1, 1, 2):
        start.reset(seed=seed)
        starts.append(env.episode.start)
        assert env.episode.pipeline == env.episode.start
        assert env.episode.reward == 0
    assert starts[0] == starts[1] != starts[2]
    assert 1 < len(parts(starts[0])) <= 6
    start.step(number(env, "adce"))
    assert env.validate().ok


def test_constrained_actions_mask_the_rest_and_keep_their_numbers(env: PassOrdering) -> None:
    few = ConstrainedActions(env, ["gvn<no-pre>", "sroa"])
    _, info = few.reset()
    allowed = {"gvn<no-pre>", "sroa<modify-cfg>", "sroa<preserve-cfg>"}
    assert {env.action_names[index] for index in np.flatnonzero(info["action_mask"])} == allowed
    *_, info = few.step(number(few, "sroa<modify-cfg>"))
    *_, info = few.step(number(few, "sroa<modify-cfg>"))
    left = {env.action_names[index] for index in np.flatnonzero(info["action_mask"])}
    assert left == allowed - {"sroa<modify-cfg>"}
    with pytest.raises(ActionError, match=r"'gvn', is masked: see env\.action_masks"):
        few.step(number(few, "gvn"))
    with pytest.raises(ActionError, match="take one of"):
        few.step(-1)
    assert few.step(number(few, "gvn<no-pre>"))[2] is False


def test_an_action_that_there_is_not_cannot_be_allowed(env: PassOrdering) -> None:
    with pytest.raises(ActionError, match="no action is called 'newgvn'"):
        ConstrainedActions(env, ["gvn", "newgvn"])


def test_a_random_start_draws_what_is_allowed(env: PassOrdering) -> None:
    start = RandomStart(ConstrainedActions(env, ["gvn"]), 20)
    start.reset(seed=1)
    _, *texts = parts(env.episode.start)
    allowed = {"gvn", "gvn<no-pre>", "gvn<no-load-pre>"}
    assert texts
    assert {text.removeprefix("function(").removesuffix(")") for text in texts} <= allowed


def test_a_fork_has_every_wrapper_and_its_own_time(env: PassOrdering) -> None:
    useful, gvn = number(env, "sroa<modify-cfg>"), number(env, "gvn")
    limited = ConstrainedActions(TimeLimit(env, 3), ["sroa", "gvn"])
    limited.reset()
    limited.step(useful)
    other = limited.fork()
    assert (other.action_masks() == limited.action_masks()).all()
    assert [other.step(gvn)[3] for _ in range(2)] == [False, True]
    assert [limited.step(gvn)[3] for _ in range(2)] == [False, True]
    assert limited.get_wrapper_attr("episode") == other.get_wrapper_attr("episode")
    with pytest.raises(ActionError):
        other.step(number(env, "dce"))


def test_gymnasiums_own_wrappers_fork_as_well(env: PassOrdering) -> None:
    limited = TimeLimit(env, 2)
    limited.reset()
    other = fork(limited)
    assert isinstance(other, TimeLimit)
    assert [other.step(0)[3] for _ in range(2)] == [False, True]
    assert limited.step(0)[3] is False
