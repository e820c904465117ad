"""The parent's side of episodes: workers that are shared, replaced and left alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from envs.evaluation import Status
from envs.ordering import PassOrdering
from envs.pool import Limits
from envs.session import Opening
from envs.trajectory import Compiler, Trajectory
from ir_tools.target import TargetOptions
from tests.conftest import Marked
from tests.envs.material import CRASH, LOOP

SROA = "function(sroa<modify-cfg>)"
COUNT = ("IrInstructionCount",)


@pytest.fixture
def compiler() -> Iterator[Compiler]:
    made = Compiler(Limits())
    yield made
    made.close()


def begin(compiler: Compiler, *history: str) -> Trajectory:
    return Trajectory(compiler, Opening(LOOP, TargetOptions(), history))


def test_a_step_tells_what_changed_and_what_was_measured(compiler: Compiler) -> None:
    trajectory = begin(compiler)
    (before,) = trajectory.begin(COUNT)
    step = trajectory.step((SROA, "function(early-cse)"), COUNT)
    assert (step.status, step.changed) == (Status.OK, (True, True))
    assert step.values[0] < before
    assert trajectory.pipeline == f"{SROA},invalidate<all>,function(early-cse)"


def test_what_changed_nothing_is_as_if_it_had_not_been(compiler: Compiler) -> None:
    trajectory = begin(compiler)
    step = trajectory.step(("function(dce)", SROA, SROA), COUNT)
    assert step.changed == (False, True, False)
    assert trajectory.history == (SROA,)


def test_a_failed_step_leaves_the_trajectory_where_it_was(compiler: Compiler) -> None:
    trajectory = begin(compiler, SROA)
    (before,) = trajectory.begin(COUNT)
    for text, status in ((CRASH, Status.CRASH), ("bogus", Status.INVALID)):
        failed = trajectory.step(("function(early-cse)", text), COUNT)
        assert (failed.status, failed.values) == (status, ())
        assert trajectory.history == (SROA,)
        assert trajectory.step((), COUNT).values == (before,)
    assert compiler.deaths == {Status.CRASH: 1}


def test_references_are_measured_once(compiler: Compiler) -> None:
    opening = Opening(LOOP, TargetOptions(), ("default<Oz>",))
    first = compiler.reference(opening, *COUNT)
    compiler.close()
    assert compiler.reference(opening, *COUNT) == first
    assert compiler.generation == 1  # no further worker was needed for it


def test_a_worker_ends_when_the_last_environment_that_shares_it_is_forgotten(
    marked: Marked,
) -> None:
    env = PassOrdering(LOOP, "IrInstructionCount")
    env.reset()
    fork = env.fork()
    del env
    gc.collect()
    assert len(marked.pids("envs.worker")) == 1
    assert fork.step(0)[2] is False
    del fork
    gc.collect()
    marked.wait_until_gone()
