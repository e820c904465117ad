"""Forks of this process, which has loaded what they need: they are at work at once.

Whoever forks must have no other thread at work, for a fork of it finds locks that nobody frees.
"""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from collections.abc import Callable
from typing import IO

from envs import worker

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Fork:
    """A child in a session of its own that does some work and ends; a `pool.Process`."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._ended: int | None = None
        self.pid = os.fork()
        if not self.pid:
            _be_child(work)

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        return self._reaped(os.WNOHANG)

    def wait(self) -> int:
        code = self._reaped(0)
        assert code is not None
        return code

    def _reaped(self, options: int) -> int | None:
        if self._ended is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self._ended = os.waitstatus_to_exitcode(status)
        return self._ended

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Nothing, where it has been reaped."""
        if self._ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _be_child(work: Callable[[], object]) -> None:
    """Never returns: nothing of the parent's may run twice."""
    code = 1
    try:
        os.setsid()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def forked(memory_bytes: int, requests: int, replies: int, stderr: IO[bytes]) -> Fork:
    """A worker that is a fork of this process: see `pool.StartWorker`."""

    def work() -> None:
        for number, descriptor in enumerate((requests, replies, stderr.fileno())):
            os.dup2(descriptor, number)
        _close_all(3)
        worker.serve(memory_bytes and memory_bytes + _mapped_bytes())

    return Fork(work)


def _close_all(first: int) -> None:
    """Every descriptor from the first on."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) >= first:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(int(name))


def _mapped_bytes() -> int:
    """Of address space, which a worker that begins from nothing would not have."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
