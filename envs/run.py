"""An episode under way, without Gymnasium: a benchmark's state, what steps earn, what judges say.

Nothing that LLVM does is an exception here. A step on which it crashes, hangs, outgrows its memory
or makes what its own verifier refuses ends the run, and so does a refuted change: the last reward
then takes back what was earned, so that the sum is the lesser of zero and what it was.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envs.episode import UNVERIFIED, Episode, ir_digest
from envs.evaluation import Status
from envs.judging import Judge
from envs.observations import About, Observation, View, observation
from envs.pool import Limits
from envs.rewards import Reward, RewardSum, forfeit
from envs.runtime import Stopwatch
from envs.session import Opening
from envs.significance import Timing
from envs.subject import Subject
from envs.trajectory import APART, Compiler, Step, Trajectory
from ir_tools.errors import ObservationError, OzoneError
from ir_tools.installed import loaded_version
from ir_tools.plan import OZ
from ir_tools.target import TargetOptions
from ir_tools.verify.verdict import Effort, Kind, Verdict

UNOPTIMISED = ("always-inline",)  # what the author asked to inline is inlined, and earns nothing
STARTS: Mapping[str, tuple[str, ...]] = {"unoptimised": UNOPTIMISED, "oz": (OZ,)}
"""What is run before anything is earned, by the name of the start."""
_TIMING_CPU_S = 300.0  # to find inputs takes up to ten seconds a function


class Workers:
    """The processes of an environment and its forks: a compiler, a judge and a stopwatch, while
    anyone needs them. `share` for each further owner, `close` by each."""

    def __init__(self, limits: Limits, effort: Effort, timing: Timing = Timing()) -> None:
        memory = limits.memory_bytes
        self.compiler, self.judge = Compiler(limits), Judge(Limits(memory), effort)
        self.stopwatch = Stopwatch(Limits(memory, _TIMING_CPU_S), timing)
        self._owners = 1

    def share(self) -> Workers:
        self._owners += 1
        return self

    def close(self) -> None:
        self._owners -= 1
        if self._owners == 0:
            self.compiler.close()
            self.judge.close()
            self.stopwatch.close()


@dataclass(frozen=True)
class Rules:
    """What runs on any benchmark have in common."""

    view: View
    rewards: RewardSum
    start: tuple[str, ...]
    target: TargetOptions = TargetOptions()

    @functools.cached_property
    def measures(self) -> tuple[str, ...]:
        """What every step measures, in one round trip."""
        terms = [reward.observation.measure for reward, _ in self.rewards.terms]
        return tuple(dict.fromkeys((*terms, *self.view.measures)))


class Run:
    """One episode. Raises BenchmarkError and the like where the benchmark itself is at fault.

    earned     the sum of all rewards
    failure    how LLVM ended the run; None when it did not
    verdict    what the judges said of it; None where none was asked
    changed    whether the last step changed the IR
    """

    def __init__(
        self, workers: Workers, subject: Subject, rules: Rules, prefix: Sequence[str] = ()
    ) -> None:
        self._workers, self.subject, self._rules = workers, subject, rules
        self._about = About(subject, rules.target, workers.stopwatch)
        self._began = time.perf_counter()
        self.trajectory = Trajectory(
            workers.compiler, Opening(subject.source, rules.target, rules.start)
        )
        values = self.trajectory.begin(rules.measures)
        for pipeline in prefix:
            values = self.trajectory.step((pipeline,), rules.measures).values or values
        self._first = len(self.trajectory.history)
        self._units = [self._unit(reward) for reward, _ in rules.rewards.terms]
        self.earned = 0.0
        self.failure: Step | None = None
        self.verdict: Verdict | None = None
        self.changed = self._is_judged = False
        self._sent: tuple[str, ...] = ()
        self._levels: Sequence[Any] = ()
        self._note(values)

    def watch(self, rows: Sequence[Observation]) -> None:
        """Observe these by default from the next step on, and measure them with it."""
        self._rules = dataclasses.replace(self._rules, view=View(tuple(rows), is_single=False))

    # --- steps --------------------------------------------------------------------------------

    def send(self, pipelines: Sequence[str]) -> None:
        """Begin a step, which `receive` ends."""
        self._sent = tuple(pipelines)
        self.trajectory.send(self._sent, self._rules.measures)

    def receive(self) -> float:
        """End the step; what it earned."""
        history = self.trajectory.history
        step = self.trajectory.receive()
        if step.status is Status.OK:
            try:
                reward = self._note(step.values)
                self.changed = any(step.changed)
                self._is_judged &= not self.changed
                return self._earn(reward)
            except OzoneError as error:  # what comes after LLVM cannot make anything of it
                self.trajectory.rewind(history)
                step = Step(Status.INVALID, str(error))
        self.failure = step
        return self._earn(forfeit(self.earned))

    def step(self, pipelines: Sequence[str]) -> float:
        """Run pipelines; what they earned."""
        self.send(pipelines)
        return self.receive()

    def judge(self) -> float:
        """Ask the judges about all that was done; what a refutation costs, else zero."""
        if self._is_judged:
            return 0.0
        self._is_judged = True
        self.verdict = self._workers.judge.verdict(self.trajectory, self._first)
        return self._earn(forfeit(self.earned)) if self.is_refuted else 0.0

    @property
    def is_refuted(self) -> bool:
        return self.verdict is not None and self.verdict.kind is Kind.REFUTED

    @property
    def is_over(self) -> bool:
        return self.failure is not None or self.is_refuted

    def _earn(self, reward: float) -> float:
        self.earned += reward
        return reward

    def _note(self, values: Sequence[Any]) -> float:
        """Take in what was measured of a new state; what it earns. Raises OzoneError."""
        found = dict(zip(self._rules.measures, values, strict=True))
        levels = [
            reward.level(found[reward.observation.measure], self._about)
            for reward, _ in self._rules.rewards.terms
        ]
        earned = self._difference(self._levels, levels) if self._levels else 0.0
        self._observation = self._rules.view.finish(found, self._about)
        self._levels, self._values, self._is_given = levels, found, False
        return earned

    def _difference(self, before: Sequence[Any], after: Sequence[Any]) -> float:
        """The reward for going from those levels to these."""
        terms = zip(self._rules.rewards.terms, before, after, self._units, strict=True)
        return sum(
            weight * reward.step(old, new, unit, self._about)
            for (reward, weight), old, new, unit in terms
        )

    # --- what can be asked ----------------------------------------------------------------------

    def observation(self) -> Any:
        """What the environment observes by default; never the same object twice."""
        if self._is_given:
            self._observation = copy.deepcopy(self._observation)
        self._is_given = True
        return self._observation

    def observe(self, name: str) -> Any:
        """Any observation of the present state: the last good one, when LLVM ended the run.

        Raises MisuseError for a name that is none, ObservationError where LLVM cannot make it.
        """
        row = observation(name)
        return row.finish(self._measure(row), self._about)

    def _measure(self, row: Observation) -> Any:
        if row.measure not in self._values:
            step = self.trajectory.step((), (row.measure,))
            if step.status is not Status.OK:
                raise ObservationError(f"no {row.name} of this state: {step.message}")
            (self._values[row.measure],) = step.values
        return self._values[row.measure]

    def reference(self, row: Observation, history: tuple[str, ...]) -> Any:
        """An observation of what pipelines make of the benchmark. Raises BenchmarkError."""
        return row.finish(self._reference(row, history), self._about)

    def _reference(self, row: Observation, history: tuple[str, ...]) -> Any:
        opening = Opening(self.subject.source, self._rules.target, history)
        return self._workers.compiler.reference(opening, row.measure)

    def _unit(self, reward: Reward) -> float:
        baseline = reward.scale.baseline
        unoptimised = self._level(reward, UNOPTIMISED if reward.needs_unoptimised else ())
        return reward.unit(
            unoptimised, self._level(reward, (baseline,) if baseline else ()), self._about
        )

    def _level(self, reward: Reward, history: tuple[str, ...]) -> Any:
        """The level of what pipelines make of the benchmark; zero where there are none."""
        if not history:
            return 0.0
        return reward.level(self._reference(reward.observation, history), self._about)

    def record(self) -> Episode:
        """The run so far, as a line to replay. Raises ObservationError."""
        history = self.trajectory.history
        return Episode(
            benchmark=self.subject.uri,
            start=APART.join(history[: self._first]),
            pipeline=APART.join(history),
            reward_space=self._rules.rewards.name,
            reward=self.earned,
            status=self.failure.status if self.failure else Status.OK,
            failed=APART.join(self._sent) if self.failure else "",
            verdict=self.verdict.kind if self.verdict else UNVERIFIED,
            ir=ir_digest(self.observe("Ir")),
            llvm=loaded_version(),
            wall_s=time.perf_counter() - self._began,
        )

    def fork(self) -> Run:
        """Another run that goes on from here."""
        self._is_given = True
        other = Run.__new__(Run)
        other.__dict__.update(self.__dict__)
        other.trajectory = self.trajectory.fork()
        other._values = dict(self._values)
        return other

    def close(self) -> None:
        self.trajectory.close()
