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
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ir_tools.errors import ToolError

_STDERR_LINES_SHOWN = 5
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """How a program ended. Equality ignores the wall time, which no two runs share."""

    argv: tuple[str, ...]
    returncode: int  # negative: the number of the signal that ended it
    stdout: bytes
    stderr: bytes
    timed_out: bool
    wall_s: float = field(compare=False)

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
            _kill_group(process)
        return ToolResult(
            tuple(argv), process.returncode, _content(out), _content(err),
            timed_out=not ended, wall_s=time.monotonic() - started,
        )  # fmt: skip


def exec_tool(argv: Sequence[str]) -> int:
    """Run a program in our place, on our terminal, and return the exit code that a shell would.

    Signals that ask us to stop are passed on, and the program decides. Main thread only.
    """
    process = _start(argv)
    with _forwarding_signals(process):
        process.wait()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


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


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _forwarding_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def forward(number: int, _frame: object) -> None:
        process.send_signal(number)

    previous = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
