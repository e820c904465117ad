"""What a policy proposes when it is told what everything measured."""

from __future__ import annotations

from collections.abc import Callable

from agent.policy import Proposals
from ir_tools.pipeline import Pipeline

Cost = Callable[[Pipeline], float | None]


def answered(proposals: Proposals, cost: Cost) -> list[tuple[Pipeline, float | None]]:
    """Everything that was proposed, and what it cost."""
    tried: list[tuple[Pipeline, float | None]] = []
    answer = None
    while True:
        try:
            pipeline = proposals.send(answer)
        except StopIteration:
            return tried
        answer = cost(pipeline)
        tried.append((pipeline, answer))
