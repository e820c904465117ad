"""How each method goes about one function, and what it found.

A method is a generator of `Outcome`s. Its budget is in steps of the environment, which every method
pays for everything that it tries. The best state on an episode's way counts, not its last one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from agent.baselines.environment import SIZES
from envs.observations import observation
from envs.ordering import PassOrdering
from ir_tools.plan import OZ

if TYPE_CHECKING:
    from agent.baselines.tasks import Task

Choose = Callable[[Any, np.ndarray[Any, np.dtype[np.bool_]]], int]
"""From an observation and the mask of allowed actions to an action."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The best state that `steps` led to, the passes to it, and the judges' word once asked."""

    method: str
    function: str
    steps: int
    passes: tuple[str, ...]
    instructions: int
    text_bytes: int
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Episodes:
    """So many of them, of so many steps each."""

    count: int
    steps: int


class _Best:
    """The best state so far of one or more episodes."""

    def __init__(self, env: PassOrdering) -> None:
        self._earned = float("-inf")
        self.see(env, ())

    def see(self, env: PassOrdering, passes: Sequence[int]) -> None:
        if env.run.failure is None and env.run.earned > self._earned:
            self._earned = env.run.earned
            self._passes = tuple(env.action_names[number] for number in passes)
            self._instructions, self._text = (int(env.observe(name)) for name in SIZES)

    def outcome(self, method: str, task: Task, steps: int) -> Outcome:
        name = task.source.name
        return Outcome(method, name, steps, self._passes, self._instructions, self._text)


def oz(env: PassOrdering, task: Task) -> Outcome:
    """What everything is compared with."""
    env.reset(options={"benchmark": task.source})
    instructions, text = (int(env.run.reference(observation(name), (OZ,))) for name in SIZES)
    return Outcome("oz", task.source.name, 0, (OZ,), instructions, text)


def random_search(
    env: PassOrdering, task: Task, episodes: Episodes, seed: int
) -> Iterator[Outcome]:
    """Episodes of allowed actions drawn uniformly."""
    rng = random.Random(f"{seed} {task.source.name}")

    def choose(_: Any, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
        return int(rng.choice(np.flatnonzero(mask).tolist()))

    return play("random", env, task, episodes, choose)


def play(
    method: str,
    env: gymnasium.Env[Any, Any],
    task: Task,
    episodes: Episodes,
    choose: Choose,
) -> Iterator[Outcome]:
    """Episodes of what `choose` chooses, each at the price of a whole one: those in which no action
    is left end early."""
    base = env.unwrapped
    assert isinstance(base, PassOrdering)
    for _ in range(episodes.count):
        seen, _ = env.reset(options={"benchmark": task.source})
        best, passes, over = _Best(base), list[int](), False
        while len(passes) < episodes.steps and not over and (mask := base.action_masks()).any():
            passes.append(choose(seen, mask))
            seen, _, terminated, truncated, _ = env.step(passes[-1])
            best.see(base, passes)
            over = terminated or truncated
        yield best.outcome(method, task, episodes.steps)


def greedy(env: PassOrdering, task: Task, budgets: Sequence[int]) -> Iterator[Outcome]:
    """Each time the pass that earns most, until none earns anything; an outcome for each budget."""
    env.reset(options={"benchmark": task.source})
    best, left = _Best(env), sorted(budgets)
    for spent, _ in enumerate(_greedy_steps(env, best), 1):
        if spent == left[0]:
            yield best.outcome("greedy", task, left.pop(0))
        if not left:
            return
    for budget in left:
        yield best.outcome("greedy", task, budget)


def _greedy_steps(env: PassOrdering, best: _Best) -> Iterator[None]:
    """Yields after each step of a fork; `best` has seen it."""
    now, passes = env.fork(), list[int]()
    while True:
        most, chosen = 0.0, None
        for action in map(int, np.flatnonzero(now.action_masks())):
            other = now.fork()
            _, reward, terminated, truncated, _ = other.step(action)
            best.see(other, [*passes, action])
            if reward > most and not (terminated or truncated):
                most, chosen = reward, (action, other)
            yield
        if chosen is None:
            return
        passes.append(chosen[0])
        now = chosen[1]
