"""The parent's side of environments: a benchmark on its way through passes, in a worker.

A `Compiler` is one worker process, replaced when it dies, that any number of trajectories share.
What a `Trajectory` is, is said by its source and the pipelines that were run on it; the session in
the worker is only where it is at hand. Forks, and whatever was lost with a worker, are therefore
run again from the source when they are needed: exactly, which copying a module in memory is not
(a copy lists uses in another order, which some passes heed). A few experimental passes do not do
the same twice; nothing here can make up for that.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from envs.evaluation import Source, Status
from envs.pool import Death, Limits, Request, WorkerHandle
from envs.session import Changes, Opening, Progress
from ir_tools.errors import BenchmarkError, OzoneError

APART = ",invalidate<all>,"
"""Between pipelines in one text, it makes `opt` run them as a session does: one by one."""

_REFERENCES = 1024  # measurements of benchmarks that are remembered


@dataclass(frozen=True, slots=True)
class Step:
    """What some pipelines did to a trajectory.

    When the status is not `ok`, nothing is known but the message: the trajectory is as before.
    """

    status: Status
    message: str = ""
    changed: tuple[bool, ...] = ()
    values: tuple[Any, ...] = ()


class Compiler:
    """One worker, started when it is needed, and what was measured of benchmarks' references.

    One asks at a time; what was asked and not received is asked anew by who comes back for it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._handle: WorkerHandle | None = None
        self._numbers = itertools.count()
        self._forgotten: list[int] = []
        self._asking: object | None = None
        self._references: collections.OrderedDict[Any, Any] = collections.OrderedDict()
        self.generation = 0  # of the worker: sessions die with it
        self.deaths: collections.Counter[Status] = collections.Counter()

    def start(self) -> WorkerHandle:
        """The worker, whether it lives or not; a new one where there is none."""
        if self._handle is None:
            self._handle = WorkerHandle(self._limits)
        return self._handle

    def number(self) -> int:
        """A number for a new session."""
        return next(self._numbers)

    def forget(self, number: int) -> None:
        """Let a session go, some time."""
        self._forgotten.append(number)

    def take_forgotten(self) -> tuple[int, ...]:
        """The sessions that the worker may close, once."""
        forgotten, self._forgotten = tuple(self._forgotten), []
        return forgotten

    def send(self, asker: object, source: Source, *arguments: Any, pipelines: int = 0) -> None:
        """Begin a call of one of `envs.session.Sessions`'s methods."""
        if self._asking is not None:  # nobody came for the answer: an interrupt, or another fork
            self._drop()
        handle = self.start()
        self._asking = asker
        handle.send(Request("session", source, arguments, pipelines, needs_source=False))

    def receive(self, asker: object) -> Any:
        """What the call returned, or the worker's `Death`. Raises its OzoneError.

        None as well when somebody else has asked since: ask again.
        """
        if self._asking is not asker or self._handle is None:
            return None
        reply = self._handle.wait()
        self._asking = None
        if isinstance(reply, Death):
            self.deaths[reply.status] += 1
            self._drop()
            return reply
        if isinstance(reply, OzoneError):
            raise reply
        return reply.value

    def reference(self, opening: Opening, measure: str) -> Any:
        """A measurement of what pipelines make of a benchmark, remembered.

        Raises BenchmarkError when LLVM fails on it, ParseError and the like when it is not IR.
        """
        key = (opening.source.digest, opening.target, opening.history, measure)
        if key not in self._references:
            with_it = Trajectory(self, opening)
            (self._references[key],) = with_it.begin((measure,))
            with_it.close()
            if len(self._references) > _REFERENCES:
                self._references.popitem(last=False)
        return self._references[key]

    def close(self) -> None:
        """End the worker; another one starts when something is asked again."""
        self._drop()

    def _drop(self) -> None:
        self._asking = None
        self.generation += 1
        self._forgotten.clear()
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class Trajectory:
    """A source, and the pipelines that have been run on it one by one.

    What is run and changes nothing, down to the order of uses, is as if it had not been.
    """

    def __init__(self, compiler: Compiler, opening: Opening) -> None:
        self._compiler = compiler
        self.source, self.target = opening.source, opening.target
        self.history = opening.history
        self._number = compiler.number()
        self._generation: int | None = None  # of the worker that has the session
        self._sent: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def begin(self, wanted: Sequence[str]) -> tuple[Any, ...]:
        """Measure where nothing may go wrong, for it is the benchmark's own start.

        Raises BenchmarkError when LLVM fails on it, ParseError and the like when it is not IR.
        """
        self.send((), wanted)
        answer = self._answer()
        if isinstance(answer, Death):
            raise BenchmarkError(
                f"{self.source.name}: LLVM cannot compile it at all ({answer.status}: "
                f"{answer.message}): take another benchmark"
            )
        return answer.values

    def step(self, pipelines: Sequence[str], wanted: Sequence[str]) -> Step:
        """Run pipelines and measure what they made. No exception comes from LLVM."""
        self.send(pipelines, wanted)
        return self.receive()

    def send(self, pipelines: Sequence[str], wanted: Sequence[str]) -> None:
        """Begin a step that `receive` will end."""
        self._sent = (tuple(pipelines), tuple(wanted))
        is_open = self._generation == self._compiler.generation
        self._ask(None if is_open else self._opening)

    def receive(self) -> Step:
        """The end of the step that was begun."""
        pipelines, _ = self._sent
        try:
            answer = self._answer()
        except OzoneError as error:
            self._generation = None
            return Step(Status.INVALID, str(error))
        if isinstance(answer, Death):
            return Step(answer.status, answer.message)
        effective = zip(pipelines, answer.changed, strict=True)
        self.history += tuple(text for text, changed in effective if changed)
        return Step(Status.OK, "", answer.changed, answer.values)

    @property
    def _opening(self) -> Opening:
        return Opening(self.source, self.target, self.history)

    def _ask(self, opening: Opening | None) -> None:
        pipelines, wanted = self._sent
        count = len(pipelines) + (len(self.history) if opening else 0)
        forgotten = self._compiler.take_forgotten()
        arguments = ("advance", self._number, opening, pipelines, wanted, forgotten)
        self._compiler.send(self, self.source, *arguments, pipelines=count)
        self._generation = self._compiler.generation

    def _answer(self) -> Progress | Death:
        """What the worker says; once more where the session had to make room, or is gone with its
        worker, and once where somebody has killed that."""
        answer = self._compiler.receive(self)
        for _ in range(2):
            killed = isinstance(answer, Death) and answer.status is Status.KILLED
            if answer is not None and not killed:
                break
            self._ask(self._opening)
            answer = self._compiler.receive(self)
        found: Progress | Death = answer
        return found

    def changes(self, first: int, is_local: Sequence[bool]) -> Changes | Death:
        """What the pipelines after the `first` so many changed. Raises OzoneError."""
        arguments = ("changes", self._opening, first, is_local)
        self._compiler.send(self, self.source, *arguments, pipelines=len(self.history) + 1)
        found: Changes | Death = self._compiler.receive(self)
        return found

    def rewind(self, history: tuple[str, ...]) -> None:
        """Be again where only these pipelines have been run."""
        self.history, self._generation = history, None

    def fork(self) -> Trajectory:
        """Another one that goes on from here. It costs nothing before its first use."""
        return Trajectory(self._compiler, self._opening)

    @property
    def pipeline(self) -> str:
        """The text with which `opt -passes=` makes the same IR of the same source."""
        return APART.join(self.history)

    def close(self) -> None:
        self._compiler.forget(self._number)
