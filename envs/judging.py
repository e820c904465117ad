"""Verdicts on what an episode made of its benchmark.

Passes of functions and loops are judged function by function: each maximal run of them, on the IR
right before and right after. Where the benchmark is a single function and shares nothing with
others, everything that was run is judged at once. Interprocedural passes that change a module of
several functions have no verdict: what they may assume stands in no function, so a judge who
compared functions would blame them for what is right.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from envs.cache import Cache
from envs.evaluator import Evaluator
from envs.pool import Death, Limits
from envs.session import Changes
from envs.trajectory import Trajectory
from envs.verification import verify
from ir_tools.errors import OzoneError, PipelineError
from ir_tools.pipeline import Pipeline
from ir_tools.plan import Change
from ir_tools.verify.verdict import Effort, Kind, Side, Verdict

_KINDS = tuple(Kind)  # from the strongest to the weakest
_NOTHING_CHANGED = Verdict(Kind.PROVED, "identical")


class Judge:
    """Judges in a worker of their own, which starts when it is needed."""

    def __init__(self, limits: Limits, effort: Effort) -> None:
        self._limits, self._effort = limits, effort
        self._evaluator: Evaluator | None = None

    def verdict(self, trajectory: Trajectory, first: int) -> Verdict:
        """The weakest verdict on what was run after the first so many pipelines."""
        later = trajectory.history[first:]
        try:
            changes = trajectory.changes(first, tuple(map(is_local, later)))
            if isinstance(changes, Death):
                return Verdict(Kind.UNKNOWN, "none", f"{changes.status}: {changes.message}")
            return self._of(changes)
        except OzoneError as error:  # the judges cannot compare what a pass made
            return Verdict(Kind.UNKNOWN, "none", str(error))

    def _of(self, changes: Changes) -> Verdict:
        reasons = [f"'{text}' reaches beyond one function: no verdict" for text in changes.unjudged]
        untaken = [change.function for change in changes.functions if not change.symbol]
        reasons += [f"@{name} cannot be taken out of its module" for name in untaken]
        found = [Verdict(Kind.UNKNOWN, "none", reason) for reason in reasons]
        taken = [change for change in changes.functions if change.symbol]
        found += self._judge(taken)
        return max(found, key=lambda one: _KINDS.index(one.kind), default=_NOTHING_CHANGED)

    def _judge(self, changes: Sequence[Change]) -> list[Verdict]:
        if not changes:
            return []
        if self._evaluator is None:
            self._evaluator = Evaluator(1, Cache(None), self._limits)
        pairs = [(Side(c.before, c.symbol), Side(c.after, c.symbol)) for c in changes]
        return verify(self._evaluator, pairs, self._effort)

    def close(self) -> None:
        if self._evaluator is not None:
            self._evaluator.close()
            self._evaluator = None


@functools.cache
def is_local(pipeline: str) -> bool:
    """Whether a pipeline runs on functions alone, one by one."""
    try:
        return bool(Pipeline.parse(pipeline).function_text)
    except PipelineError:
        return False
