"""MaskablePPO of sb3-contrib on the training functions, with checkpoints and a learning curve.

Killed, it goes on from the last update. The same seed makes the same policy on the same machine as
far as PyTorch does, where it was not interrupted: random numbers begin anew with each start.
"""

from __future__ import annotations

import functools
import io
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.output import write_file
from ir_tools.errors import OzoneError

if TYPE_CHECKING:
    from agent.baselines.methods import Choose
    from agent.baselines.tasks import Task

_WORKERS = 4
_ROLLOUT = 512  # steps of each worker between two updates
_PPO = {
    "n_steps": _ROLLOUT,
    "batch_size": 128,
    "n_epochs": 10,
    "gamma": 1.0,  # an episode's rewards sum to the difference between its ends: all of it counts
    "gae_lambda": 0.95,
    "ent_coef": 0.01,
    "learning_rate": 5e-4,
    "policy_kwargs": {"net_arch": [128, 128]},
    "device": "cpu",
}


@dataclass(frozen=True, slots=True)
class Learning:
    """What is to be made small, as environments call it; in episodes of so many steps."""

    observed: str
    episode_steps: int
    seed: int


@dataclass(frozen=True, slots=True)
class Point:
    """One update of the learning curve.

    against_oz   the best sizes of the `episodes` before it, against -Oz's: their geometric mean
    """

    steps: int
    against_oz: float
    episodes: int
    entropy: float
    explained_variance: float
    wall_s: float


def check_installed() -> None:
    """Raises OzoneError where the libraries are not."""
    try:
        import sb3_contrib  # noqa: F401
    except ImportError as error:
        raise OzoneError(
            f"{error.name} is not installed: pip install 'ozone[rl]', or --methods greedy"
        ) from error


def train(tasks: Sequence[Task], folder: Path, learning: Learning, steps: int) -> Iterator[Point]:
    """Learn for that many steps in all; a point after each update, which is then on disk."""
    check_installed()
    import torch

    torch.set_num_threads(1)  # the network is small, and the workers need the cores
    env = _vector(tasks, learning)
    model = _model(folder / "model.zip", env, learning.seed)
    curve = [point for point in read_curve(folder) if point.steps <= model.num_timesteps]
    try:
        while model.num_timesteps < steps:
            curve.append(_update(model))
            _save(model, folder, curve)
            yield curve[-1]
    finally:
        env.close()


def _vector(tasks: Sequence[Task], learning: Learning) -> Any:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    from agent.baselines.environment import encoded
    from envs.wrappers import RandomBenchmark

    class Pipelined(DummyVecEnv):
        """Every worker gets its step before the first answer is awaited."""

        def step_async(self, actions: Any) -> None:
            super().step_async(actions)
            for env, action in zip(self.envs, actions, strict=True):
                env.get_wrapper_attr("begin")(action)

    sources = [task.source for task in tasks]

    def make() -> Any:
        env = encoded(learning.observed, learning.episode_steps)
        return Monitor(RandomBenchmark(env, sources))

    return Pipelined([make] * _WORKERS)


def _model(path: Path, env: Any, seed: int) -> Any:
    """The model of a checkpoint, or a new one."""
    from sb3_contrib import MaskablePPO

    if not path.exists():
        return MaskablePPO("MlpPolicy", env, seed=seed, stats_window_size=_ROLLOUT, **_PPO)
    model = MaskablePPO.load(path, env, device="cpu")
    model.set_random_seed(seed + model.num_timesteps)
    return model


def _update(model: Any) -> Point:
    """Collect experience once, and learn from it."""
    began = time.perf_counter()
    if model.ep_info_buffer:
        model.ep_info_buffer.clear()
    model.learn(_WORKERS * _ROLLOUT, reset_num_timesteps=False)
    rewards = [episode["r"] for episode in model.ep_info_buffer]
    said = model.logger.name_to_value
    return Point(
        model.num_timesteps,
        math.exp(-statistics.fmean(rewards)),
        len(rewards),
        -float(said["train/entropy_loss"]),
        float(said["train/explained_variance"]),
        time.perf_counter() - began,
    )


def _save(model: Any, folder: Path, curve: Sequence[Point]) -> None:
    buffer = io.BytesIO()
    model.save(buffer)
    write_file(folder / "model.zip", buffer.getvalue())
    lines = (json.dumps(asdict(point)) + "\n" for point in curve)
    write_file(folder / "curve.jsonl", "".join(lines).encode())


def read_curve(folder: Path) -> list[Point]:
    """The learning curve so far."""
    path = folder / "curve.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [Point(**json.loads(line)) for line in lines]


def policy(folder: Path) -> Callable[[int], Choose]:
    """From a checkpoint: a seed to a choice of actions, drawn as the policy would have them."""
    check_installed()
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.utils import set_random_seed

    model = MaskablePPO.load(folder / "model.zip", device="cpu")

    def start(seed: int) -> Choose:
        set_random_seed(seed)
        return functools.partial(_choose, model)

    return start


def _choose(model: Any, seen: Any, mask: Any) -> int:
    action, _ = model.predict(seen, action_masks=mask)
    return int(action)
