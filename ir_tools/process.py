"""The one door to external programs: clang, apt-get, other people's build systems.

What is covered: an argument list and no shell; a time limit; a memory limit; on time-out, Ctrl-C or
plain success every process of the program's session group is killed before `run_tool` returns; any
amount of output, also from grandchildren that never close it.

What is not covered: a grandchild that starts a session of its own escapes; so do all of them when
this process is itself killed with SIGKILL. It is no sandbox.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ir_tools.errors import ToolError

_STDERR_LINES_SHOWN = 5
_PACKAGES = str(Path(__file__).resolve().parent.parent)
_TERMINATING = (signal.SIGTERM, signal.SIGHUP)
_FORWARDED = (signal.SIGINT, *_TERMINATING)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a program ended. Equality ignores times, which no two runs share.

    `cpu_s` is CPU time, the kernel's included, of it and of the children that it waited for.
    """

    argv: tuple[str, ...]
    returncode: int  # negative: the number of the signal that ended it
    stdout: bytes
    stderr: bytes
    timed_out: bool
    wall_s: float = field(compare=False)
    cpu_s: float = field(default=0.0, compare=False)

    @property
    def signal_name(self) -> str | None:
        """`SIGSEGV` and the like when a signal ended the program."""
        return signal_name(-self.returncode) if self.returncode < 0 else None

    @property
    def ending(self) -> str:
        """The end in words: `exit code 2`, `SIGSEGV`, `timed out after 3.0 s`."""
        if self.timed_out:
            return f"timed out after {self.wall_s:.1f} s"
        return self.signal_name or f"exit code {self.returncode}"

    def check(self) -> ToolResult:
        """This result when the program succeeded, else ToolError with what one needs to rerun."""
        if self.returncode == 0 and not self.timed_out:
            return self
        last = self.stderr.decode(errors="replace").splitlines()[-_STDERR_LINES_SHOWN:]
        raise ToolError("\n  ".join((f"{shlex.join(self.argv)}: {self.ending}", *last)))


def signal_name(number: int) -> str:
    """The name of a signal; real-time signals have only a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def run_tool(
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: bytes | None = None,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    memory_limit_bytes: int | None = None,
) -> ToolResult:
    """Run a program to its end, or kill it after `timeout_s`; whatever it left behind dies too.

    `env` replaces the environment. The memory limit is on the address space of each process. Raises
    ToolError when the program cannot be started; a failing one is a result: see `ToolResult.check`.
    """
    started = time.monotonic()
    # Files, not pipes: a pipe stays open, and its reader waiting, as long as any grandchild lives.
    with _input(stdin) as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = _start(
            argv, stdin=source, stdout=out, stderr=err, cwd=cwd, env=env, start_new_session=True
        )
        try:
            if memory_limit_bytes is not None:
                _limit_memory(process.pid, memory_limit_bytes)
            ended = _ends_within(process.pid, timeout_s)
        finally:
            cpu_s = _kill_group(process)
        return ToolResult(
            tuple(argv), process.returncode, _content(out), _content(err),
            timed_out=not ended, wall_s=time.monotonic() - started, cpu_s=cpu_s,
        )  # fmt: skip


def own_module(name: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command and the environment that run one of Ozone's modules in another Python.

    -S: the standard library and Ozone are all it needs, and it starts faster without the rest;
    -P: nothing in the user's folder may stand in for our packages.
    """
    paths = dict.fromkeys((_PACKAGES, *os.environ.get("PYTHONPATH", "").split(os.pathsep)))
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "LLVM_DISABLE_SYMBOLIZATION": "1",  # a crash must not start a symbolizer
    }
    return [sys.executable, "-S", "-P", "-m", name, *arguments], environment


@contextlib.contextmanager
def running_tool(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Iterator[int]:
    """Start a program that neither reads nor prints; its whole group is killed in the end.

    The value is a descriptor that is ready to be read when the program has ended.
    """
    null = subprocess.DEVNULL
    process = start_tool(argv, stdin=null, stdout=null, stderr=null, env=env)
    try:
        descriptor = os.pidfd_open(process.pid)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    finally:
        _kill_group(process)


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this thread, and what it starts, on one core where the system lets us.

    Not the same for all processes, or they would wait for one another.
    """
    allowed = os.sched_getaffinity(0)
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {sorted(allowed)[os.getpid() % len(allowed)]})
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, allowed)


def exec_tool(argv: Sequence[str]) -> int:
    """Run a program in our place, on our terminal, and return the exit code that a shell would.

    Signals that ask us to stop are passed on, and the program may answer with an exit code of its
    own; if it does not, they reach us when it has ended. Main thread only.
    """
    with _forwarding_signals() as (children, received):
        process = _start(argv)
        children.append(process)
        for number in received:  # it came while the program was being started
            process.send_signal(number)
        process.wait()
    if received and process.returncode <= 0:  # 0: it had finished already, or did not listen
        signal.raise_signal(received[0])
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def unwinding(main: Callable[[], int]) -> int:
    """Run `main`, whose `finally` clauses count even when SIGTERM or SIGHUP ends this process.

    These signals unwind it, as Ctrl-C does, and only then have their usual effect; they are still
    ignored where they were. For entry points: main thread only.
    """
    caught = [n for n in _TERMINATING if signal.getsignal(n) is signal.SIG_DFL]

    def unwind(number: int, _frame: object) -> None:
        for other in caught:  # `timeout` and make both send one, and cleaning up takes a moment
            signal.signal(other, signal.SIG_IGN)
        raise _Terminated(number)

    for number in caught:
        signal.signal(number, unwind)
    try:
        return main()
    except _Terminated as error:
        ending: int = error.args[0]
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)
    # Not in the clause above: the exception keeps alive what is cleaned up when it goes.
    signal.raise_signal(ending)
    raise AssertionError("the default action ends the process")


class _Terminated(BaseException):
    """A signal that ends the process, on its way up."""


def start_tool(
    argv: Sequence[str],
    *,
    stdin: IO[bytes] | int,
    stdout: IO[bytes] | int,
    stderr: IO[bytes] | int,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own and leave it running; the caller reaps it."""
    return _start(argv, stdin=stdin, stdout=stdout, stderr=stderr, env=env, start_new_session=True)


def leave_running(argv: Sequence[str], *, stdin: int, env: Mapping[str, str]) -> None:
    """Start a program that may outlive us, in a session of its own; what it prints is lost."""
    null = subprocess.DEVNULL
    process = _start(argv, stdin=stdin, stdout=null, stderr=null, env=env, start_new_session=True)
    process.returncode = 0  # or its object would complain that nobody waits for it


def _start(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(list(argv), **options)
    except OSError as error:
        raise ToolError(f"{shlex.join(argv)}: cannot be started: {error}") from error


@contextlib.contextmanager
def _input(data: bytes | None) -> Iterator[IO[bytes] | int]:
    if data is None:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _limit_memory(pid: int, limit_bytes: int) -> None:
    # After the start: a hook between fork and exec is unsafe where there are threads.
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _ends_within(pid: int, timeout_s: float) -> bool:
    """Whether the process ends in time. It is not reaped, so that its group's id stays ours."""
    # Popen.wait(timeout) sleeps up to 50 ms at a time, and reaps.
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], timeout_s)[0])
    finally:
        os.close(descriptor)


def _kill_group(process: subprocess.Popen[bytes]) -> float:
    """End the group and reap the process; the seconds of CPU time that it took."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # Not Popen.wait(): only this says what the one process took.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def _forwarding_signals() -> Iterator[tuple[list[subprocess.Popen[bytes]], list[int]]]:
    """Passes signals on to the children that are put into the first list; the second is theirs."""
    children: list[subprocess.Popen[bytes]] = []
    received: list[int] = []

    def forward(number: int, _frame: object) -> None:
        received.append(number)
        for process in children:
            process.send_signal(number)

    # What we ignore, the program shall inherit ignored.
    wanted = [n for n in _FORWARDED if signal.getsignal(n) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, forward) for number in wanted}
    try:
        yield children, received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
