"""Learning: updates, checkpoints, going on from them; and what is said without the libraries."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.baselines import ppo
from agent.baselines.environment import actions, encoded
from agent.baselines.ppo import Learning, Point
from agent.baselines.tasks import Task
from ir_tools.errors import OzoneError
from tests.envs.material import LOOP

TASKS = [Task("material", LOOP, "f", "")]
LEARNING = Learning("IrInstructionCount", episode_steps=8, seed=0)


@pytest.fixture(autouse=True)
def small_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ppo, "_ROLLOUT", 32)
    monkeypatch.setitem(ppo._PPO, "n_steps", 32)


def train(folder: Path, steps: int) -> list[Point]:
    pytest.importorskip("sb3_contrib", reason="needs ozone[rl]")
    return list(ppo.train(TASKS, folder, LEARNING, steps))


def test_every_update_is_on_disk_and_training_goes_on_from_it(tmp_path: Path) -> None:
    (first,) = train(tmp_path, 128)
    assert ppo.read_curve(tmp_path) == [first]
    rest = train(tmp_path, 384)
    assert [point.steps for point in (first, *rest)] == [128, 256, 384]
    assert ppo.read_curve(tmp_path) == [first, *rest]
    assert train(tmp_path, 384) == []


def test_the_same_seed_learns_the_same(tmp_path: Path) -> None:
    curves = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        curves.append([point.against_oz for point in train(tmp_path / name, 256)])
    assert curves[0] == curves[1]


def test_a_policy_learns_what_a_function_needs(tmp_path: Path) -> None:
    """Twenty updates on one function: the last quarter's episodes end smaller than the first's."""
    curve = train(tmp_path, 20 * 128)
    first, last = (statistics.fmean(p.against_oz for p in part) for part in (curve[:5], curve[-5:]))
    assert last < first - 0.02
    assert curve[-1].entropy < curve[0].entropy


def test_a_policy_takes_allowed_actions_alone(tmp_path: Path) -> None:
    train(tmp_path, 128)
    choose = ppo.policy(tmp_path)(0)
    env = encoded(LEARNING.observed, LEARNING.episode_steps)
    seen, _ = env.reset(options={"benchmark": LOOP})
    only = np.zeros(len(actions()), np.bool_)
    only[3] = True
    assert {choose(seen, only) for _ in range(20)} == {3}
    env.close()


def test_without_the_libraries_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    with pytest.raises(OzoneError, match=r"ozone\[rl\]"):
        ppo.check_installed()
