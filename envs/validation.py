"""Replays an episode from its line, and says whether everything in it holds."""

from __future__ import annotations

import math
from collections.abc import Iterator

from envs.episode import UNVERIFIED, Episode, Validation, parts
from envs.observations import View
from envs.rewards import RewardSum
from envs.run import Rules, Run, Workers
from envs.subject import Subject
from ir_tools.installed import loaded_version
from ir_tools.target import TargetOptions


def validate(
    workers: Workers, subject: Subject, episode: Episode, target: TargetOptions
) -> Validation:
    """Run the episode's passes on the benchmark again, and ask the judges where they were asked.

    The reward is compared where it is deterministic. Raises BenchmarkError and the like where the
    benchmark is at fault, MisuseError where the line names what there is not.
    """
    return Validation(tuple(_problems(workers, subject, episode, target)))


def _problems(
    workers: Workers, subject: Subject, episode: Episode, target: TargetOptions
) -> Iterator[str]:
    if episode.llvm != loaded_version():
        yield f"made by LLVM {episode.llvm}, this is {loaded_version()}"
    rewards = RewardSum.parse(episode.reward_space)
    rules = Rules(View((), is_single=False), rewards, parts(episode.start), target)
    run = Run(workers, subject, rules)
    try:
        rest = parts(episode.pipeline)[len(parts(episode.start)) :]
        run.step(rest)
        if episode.verdict != UNVERIFIED and not run.is_over:
            run.judge()
        if episode.failed and not run.is_over:
            run.step((episode.failed,))
        yield from _differences(episode, run.record(), rewards.deterministic)
    finally:
        run.close()


def _differences(said: Episode, found: Episode, reward_is_exact: bool) -> Iterator[str]:
    for name in ("ir", "status", "verdict"):
        before, now = getattr(said, name), getattr(found, name)
        if before != now:
            yield f"{name}: {before} is said, {now} was found"
    if reward_is_exact and not math.isclose(said.reward, found.reward, rel_tol=1e-9, abs_tol=1e-9):
        yield f"reward: {said.reward} is said, {found.reward} was found"
