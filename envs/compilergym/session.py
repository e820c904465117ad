"""The service's side of an episode: CompilerGym's `CompilationSession` over Ozone's `Run`."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from compiler_gym.service import CompilationSession
from compiler_gym.service.proto import ActionSpace, Benchmark, Event, ObservationSpace

from envs.compilergym.messages import action_spaces, event, observation_spaces
from envs.compilergym.tables import ACTIONS, SPACES, Space
from envs.environment import action_number
from envs.evaluation import Source
from envs.observations import View
from envs.pool import Limits
from envs.rewards import RewardSum
from envs.run import UNOPTIMISED, Rules, Run, Workers
from envs.subject import Subject
from ir_tools.errors import OzoneError
from ir_tools.verify.verdict import Effort

FAILURE, VERDICT = "ozone.failure", "ozone.verdict"  # what a client may ask about a session
_JUDGING_S = 3.0
_RULES = Rules(View((), is_single=False), RewardSum(()), UNOPTIMISED)
_SPACES = {space.name: space for space in SPACES}


@functools.cache
def workers() -> Workers:
    """The processes in which LLVM and the judges run, for all sessions of the service.

    The judges run functions and prove nothing: that may take longer than a client waits.
    """
    return Workers(Limits(cpu_s=10.0), Effort(smt_instructions=0, execution_s=_JUDGING_S))


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Whatever goes wrong is an answer. CompilerGym's client restarts a service that ends a call in
    any other way, several times, before it says why."""
    try:
        yield
    except OzoneError as error:
        raise ValueError(str(error)) from error


class OzoneSession(CompilationSession):
    """An episode. Raises ValueError with a line for the user, and nothing else on purpose."""

    action_spaces: list[ActionSpace] = action_spaces()
    observation_spaces: list[ObservationSpace] = observation_spaces()

    def __init__(
        self, working_directory: Path, action_space: ActionSpace, benchmark: Benchmark
    ) -> None:
        super().__init__(working_directory, action_space, benchmark)
        with _refusing():
            source = Source(benchmark.uri, benchmark.program.contents)
            self._run = Run(workers(), Subject(benchmark.uri, source), _RULES)

    def watch(self, observation_spaces: Iterable[ObservationSpace]) -> None:
        """Say what will be asked after the next action: what LLVM cannot observe then, ends it."""
        spaces = [_SPACES[each.name] for each in observation_spaces]
        self._run.watch([space.observation for space in spaces if space.history is None])

    def apply_action(self, action: Event) -> tuple[bool, None, bool]:
        """Run one more pass: does the episode end with it, and did it change nothing?"""
        with _refusing():
            number = action_number(action.int64_value, len(ACTIONS))
            if self._run.is_over:
                raise ValueError("the episode is over: call reset()")
            self._run.step((ACTIONS[number].pipeline,))
        return self._run.is_over, None, not self._run.changed

    def get_observation(self, observation_space: ObservationSpace) -> Event:
        """Observe the present state: the last good one, where LLVM ended the episode."""
        with _refusing():
            return event(self._observe(_SPACES[observation_space.name]))

    def _observe(self, space: Space) -> Any:
        if space.history is None:
            return self._run.observe(space.observation.name)
        return self._run.reference(space.observation, space.history)

    def fork(self) -> OzoneSession:
        """Another session that goes on from here; it costs nothing before its first step."""
        other = copy.copy(self)
        other._run = self._run.fork()
        return other

    def handle_session_parameter(self, key: str, value: str) -> str | None:
        """How LLVM ended the episode, or what the judges say of it: JSON, `null` where nothing."""
        answers = {FAILURE: self._failure, VERDICT: self._refutation}
        with _refusing():
            return json.dumps(answers[key]()) if key in answers else None

    def _failure(self) -> tuple[str, str] | None:
        failure = self._run.failure
        return (str(failure.status), failure.message) if failure else None

    def _refutation(self) -> str | None:
        self._run.judge()
        verdict = self._run.verdict
        return str(verdict.counterexample) if verdict and self._run.is_refuted else None

    def __del__(self) -> None:  # the service drops a session, and tells it nothing
        if "_run" in self.__dict__:
            self._run.close()
