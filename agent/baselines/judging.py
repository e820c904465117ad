"""The judges' word on the best outcomes, each replayed pass by pass."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from agent.baselines.environment import actions
from agent.baselines.methods import Outcome
from agent.baselines.tasks import Task
from envs.cache import Cache, default_path
from envs.evaluator import Evaluator
from envs.ordering import PassOrdering
from envs.pool import Limits
from envs.verification import verify
from ir_tools.verify.verdict import Effort, Kind, Side

_EFFORT = Effort(smt_s=3.0, execution_s=3.0)
_LIMITS = Limits(cpu_s=10.0)


def winners(outcomes: Iterable[Outcome], field: str) -> Iterator[Outcome]:
    """Of all that a method found for a function, the first of the best that is not refuted."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        if one.method != "oz" and one.verdict != Kind.REFUTED:
            groups.setdefault((one.method, one.function), []).append(one)
    for each in groups.values():
        yield min(each, key=lambda one: getattr(one, field))


def judge(outcomes: Sequence[Outcome], tasks: Iterable[Task]) -> Iterator[dict[Outcome, Outcome]]:
    """From a task's outcomes to them with verdicts, one task after another."""
    env = PassOrdering(
        observation_space="Bitcode",
        reward_space="IrInstructionCount",
        passes=actions(),
        max_steps=None,
    )
    with (
        contextlib.closing(env),
        contextlib.closing(Cache(default_path())) as cache,
        Evaluator(None, cache, _LIMITS) as evaluator,
    ):
        for task in tasks:
            found = [one for one in outcomes if one.function == task.source.name]
            pairs = [_sides(env, task, one.passes) for one in found]
            verdicts = verify(evaluator, pairs, _EFFORT)
            yield {
                one: dataclasses.replace(one, verdict=str(said.kind))
                for one, said in zip(found, verdicts, strict=True)
            }


def _sides(env: PassOrdering, task: Task, passes: Iterable[str]) -> tuple[Side, Side]:
    """The function before and after."""
    before, _ = env.reset(options={"benchmark": task.source})
    after = before
    for name in passes:
        after, *_ = env.step(env.action_names.index(name))
    return Side(before, task.symbol), Side(after, task.symbol)
