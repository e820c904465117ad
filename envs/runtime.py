"""How long a benchmark runs: one version of it, or two that are compared.

A program, which has a `main`, is linked and runs in processes of its own, on one core where that is
possible; a version whose output is not the unoptimised program's has no time. Of anything else the
functions that others may call are timed one by one as machine code on generated inputs, and summed
up: see `ir_tools.verify.execution.timing` for what that is.

Time is CPU time, that of programs with the kernel's and with their start: a busy machine makes it
noisy, not long. Versions are measured in turn, in an order that changes, after runs that do not
count; what the samples show is `envs.significance`'s business. A version that cannot be measured,
crashes or hangs is a result too, `Unmeasured`.

What is not covered: waiting, for a disk or another process; other inputs. A program's code lies
where the linker puts it, and some of a small difference may come from there alone.
"""

from __future__ import annotations

import contextlib
import functools
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from envs.evaluation import Source
from envs.pool import Death, Limits, Request
from envs.significance import Comparison, Runtime, Sample, Timing, compared, measured
from ir_tools.errors import BenchmarkError, ObservationError, OzoneError
from ir_tools.process import on_one_core
from ir_tools.symbols import Linkage

if TYPE_CHECKING:
    from anghabench.program import Benchmark, Command
    from envs.evaluator import Evaluator
    from ir_tools.llvm import Module
    from ir_tools.process import ToolResult
    from ir_tools.verify.execution.timing import Race

_SAME = Comparison(1.0, 1.0, 1.0, 0.0, 0.0)
_LEAST_S = 1e-6  # of a process
_PATIENCE = 2  # times a program's own limit
_REMEMBERED = 256  # times


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Why there is no time. `status` is `unsupported`, or what a version did: `different` where its
    results are not the source's, `crash`, `hang` and other ends of workers."""

    status: str
    reason: str


def compare(
    evaluator: Evaluator,
    benchmark: Benchmark,
    before: bytes,
    after: bytes,
    timing: Timing = Timing(),
) -> Comparison | Unmeasured:
    """Two versions of the benchmark, as bitcode: how the second's time compares with the first's.

    Raises ParseError for what is no IR, and ToolError where a program finds no linker.
    """
    found = _time(evaluator, benchmark, (before, after), timing)
    assert not isinstance(found, Runtime)
    return found


def measure(
    evaluator: Evaluator, benchmark: Benchmark, version: bytes, timing: Timing = Timing()
) -> Runtime | Unmeasured:
    """How long one version of the benchmark runs. Raises like `compare`."""
    found = _time(evaluator, benchmark, (version,), timing)
    assert not isinstance(found, Comparison)
    return found


class Stopwatch:
    """Measures for an environment, in a worker of its own, which starts when it is needed."""

    def __init__(self, limits: Limits, timing: Timing) -> None:
        self._limits, self._timing = limits, timing
        self._evaluator: Evaluator | None = None
        self._known: dict[tuple[Any, ...], float] = {}

    def seconds(self, benchmark: Benchmark, version: bytes) -> float:
        """The time of a version, remembered. Raises ObservationError where there is none."""

        def find() -> float:
            found = measure(self._started(), benchmark, version, self._timing)
            return _measured(benchmark, found).seconds

        return self._remembered((benchmark, version), find)

    def gain(self, benchmark: Benchmark, before: bytes, after: bytes) -> float:
        """As `saved`, remembered."""
        return self._remembered(
            (benchmark, before, after), lambda: self.saved(benchmark, before, after)
        )

    def saved(self, benchmark: Benchmark, before: bytes, after: bytes) -> float:
        """Seconds that one version is faster than the one before it; 0 where no difference shows.

        Raises ObservationError where one of them has no time.
        """
        found = compare(self._started(), benchmark, before, after, self._timing)
        return _measured(benchmark, found).saved

    def _remembered(self, key: tuple[Any, ...], find: Callable[[], float]) -> float:
        if key not in self._known:
            found = find()
            if len(self._known) == _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = found
        return self._known[key]

    def _started(self) -> Evaluator:
        if self._evaluator is None:
            from envs.cache import Cache
            from envs.evaluator import Evaluator

            self._evaluator = Evaluator(1, Cache(None), self._limits)
        return self._evaluator

    def close(self) -> None:
        if self._evaluator is not None:
            self._evaluator.close()
            self._evaluator = None


T = TypeVar("T", Comparison, Runtime)


def _measured(benchmark: Benchmark, found: T | Unmeasured) -> T:
    if isinstance(found, Unmeasured):
        raise ObservationError(
            f"{benchmark.uri} has no Runtime ({found.status}: {found.reason}): take another "
            "benchmark, or another reward and observation space"
        )
    return found


Found = Comparison | Runtime | Unmeasured


def _time(
    evaluator: Evaluator, benchmark: Benchmark, versions: Sequence[bytes], timing: Timing
) -> Found:
    if len(set(versions)) < len(versions):
        return _SAME
    if benchmark.run is not None:
        return _time_program(benchmark, benchmark.run, versions, timing)
    source = Source(benchmark.uri, benchmark.bitcode)
    (reply,) = evaluator.ask([Request("time", source, (versions, timing))])
    if isinstance(reply, OzoneError):
        raise reply
    if isinstance(reply, Death):
        return Unmeasured(reply.status, reply.message)
    found: Found = reply.value
    return found


def _settled(draw: Callable[[int], Sample], versions: Sequence[bytes], timing: Timing) -> Found:
    return measured(draw, timing) if len(versions) == 1 else compared(draw, timing)


# functions, in a worker ---------------------------------------------------------------------------


def time_functions(
    source: bytes, module: Module, versions: Sequence[bytes], timing: Timing
) -> Found:
    """Time versions of the source, which is parsed as `module`. Must run in a worker."""
    from ir_tools.verify.execution.timing import UnmeasurableError, race, same_code

    if len(versions) > 1 and same_code(*versions):
        return _SAME
    names = _entries(module)
    if not names:
        return Unmeasured("unsupported", "it has no function that others may call")
    try:
        with contextlib.ExitStack() as stack:
            races = []
            for name in names:
                texts = [(version, name) for version in versions]
                one = race((source, name), texts, timing.inputs, timing.seed)
                races.append(stack.enter_context(one))
            return _settled(functools.partial(_sum, races), versions, timing)
    except UnmeasurableError as error:
        return Unmeasured(error.status, str(error))


def _sum(races: Sequence[Race], number: int) -> Sample:
    """Seconds of each version, of all functions."""
    return tuple(map(sum, zip(*(race.sample(number) for race in races), strict=True)))


def _entries(module: Module) -> list[str]:
    """The functions that others may call."""
    kept = module.kept()
    return [
        function.name
        for function in module.defined_functions()
        if function.linkage is not Linkage.AVAILABLE_EXTERNALLY
        and (not function.linkage.is_local or function.name in kept)
    ]


# programs, in processes ---------------------------------------------------------------------------


class _FailedError(Exception):
    """A run that did not end as it should."""


def _time_program(
    benchmark: Benchmark, command: Command, versions: Sequence[bytes], timing: Timing
) -> Found:
    from anghabench.running import link, validate

    with tempfile.TemporaryDirectory() as folder, on_one_core():
        try:
            programs = [
                link(version, command, _folder(folder, f"version{number}"))
                for number, version in enumerate(versions)
            ]
            if len(versions) > 1 and len({program.read_bytes() for program in programs}) == 1:
                return _SAME
            for version in versions:
                if difference := validate(benchmark, version):
                    return Unmeasured("different", difference)
            return _settled(_ProgramRace(programs, command, timing.seed).sample, versions, timing)
        except BenchmarkError as error:
            return Unmeasured("unsupported", str(error))
        except _FailedError as error:
            return Unmeasured("different", str(error))


class _ProgramRace:
    """Programs that are known to do the same, run in turn."""

    def __init__(self, programs: Sequence[Path], command: Command, seed: int) -> None:
        self._programs, self._command, self._seed = programs, command, seed
        self._expected = [self._run(program) for program in programs]  # warms up

    def sample(self, number: int) -> Sample:
        """Seconds of each program."""
        order = list(range(len(self._programs)))
        random.Random(f"{self._seed} {number}").shuffle(order)
        seconds = dict.fromkeys(order, 0.0)
        for index in order:
            result = self._run(self._programs[index])
            # By value: all but times.
            if result != self._expected[index]:
                raise _FailedError(f"{result.ending}, or another output, in one of many runs")
            seconds[index] = max(result.cpu_s, _LEAST_S)
        return tuple(seconds[index] for index in sorted(order))

    def _run(self, program: Path) -> ToolResult:
        from anghabench.running import run

        with tempfile.TemporaryDirectory(dir=program.parent) as place:
            limit = self._command.timeout_s * _PATIENCE
            return run(program, self._command, Path(place), limit)


def _folder(parent: str, name: str) -> Path:
    made = Path(parent, name)
    made.mkdir()
    return made
