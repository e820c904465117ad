"""Work in a child process that may crash, hang or exit: each of these is a value here.

What is covered: any death, by signal or by exit; time, of the CPU and of the clock; address space;
output, which goes nowhere; core files, which are not written. The child dies with its parent, and
its own children with it.

What is not covered: it is no sandbox, and works on Linux alone. The child is a fork: of other
threads' locks it may find some taken, so that who forks should have no other thread at work.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import resource
import signal
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Any

from ir_tools.process import signal_name

_PR_SET_PDEATHSIG = 1
_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGPROF)

Send = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one child and each of its children: CPU and wall time in seconds, address space."""

    cpu_s: int = 60
    wall_s: float = 60.0
    memory_bytes: int = 8 << 30


@dataclass(frozen=True, slots=True)
class Death:
    """The child ended before its work did."""

    how: str

    def __str__(self) -> str:
        return self.how


def isolated(work: Callable[[Send], None], limits: Limits) -> Generator[Any, None, None]:
    """What `work` sends, run in a child; last a Death if the child did not come to its end.

    Closing the iterator kills the child. Values are pickled.
    """
    receiving, sending = Pipe(duplex=False)
    child = os.fork()
    if not child:
        _be_child(work, receiving, sending, limits)
    sending.close()
    try:
        yield from _received(receiving, child, time.monotonic() + limits.wall_s)
    finally:
        receiving.close()
        _end(child)


_DONE = "__done__"


def _received(receiving: Connection, child: int, deadline: float) -> Iterator[Any]:
    while receiving.poll(max(0.0, deadline - time.monotonic())):
        try:
            message = receiving.recv()
        except Exception:  # EOF, or the garbage that a dying process wrote
            yield Death(_cause(child))
            return
        if isinstance(message, str) and message == _DONE:
            return
        yield message
    yield Death("no answer in time")


def _cause(child: int) -> str:
    """What a child died of; it is not reaped, so that its number stays ours."""
    status = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    if status is None or status.si_code == os.CLD_EXITED:
        return f"exit status {status.si_status if status else 'unknown'}"
    return signal_name(status.si_status)


def _end(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # it may not have got as far as a group
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _be_child(
    work: Callable[[Send], None], receiving: Connection, sending: Connection, limits: Limits
) -> None:
    """Never returns: nothing of the parent's may run twice."""
    code = 1
    gc.disable()  # it would touch, and so copy, all memory that is shared with the parent
    try:
        receiving.close()
        _confine(limits)
        work(sending.send)
        sending.send(_DONE)
        code = 0
    finally:
        os._exit(code)


def _confine(limits: Limits) -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    if os.getpgid(0) == os.getpgid(parent):
        os.setpgid(0, 0)
    faulthandler.disable()
    for number in _OURS:
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_CPU, limits.cpu_s, grace=1)
    _lower(resource.RLIMIT_AS, limits.memory_bytes)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.close(null)


def _lower(which: int, limit: int, grace: int = 0) -> None:
    """Set a limit, unless a lower one is in force."""
    soft, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY or hard > limit + grace:
        hard = limit + grace
    if soft == resource.RLIM_INFINITY or soft > limit:
        soft = limit
    resource.setrlimit(which, (min(soft, hard), hard))
