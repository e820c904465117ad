"""What a worker does to itself: bounds, pipes of its own, word for its finder, a new beginning."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import resource
import signal
from typing import NoReturn

from envs import wire

_STDERR_BYTES = 1 << 20  # passes that print are cut off there
_PR_SET_PDEATHSIG = 1


def confine(memory_bytes: int) -> None:
    """Bound memory and stderr, write no core files, and die with the parent."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)  # which pipes do not have
    most = _STDERR_BYTES if most == resource.RLIM_INFINITY else min(most, _STDERR_BYTES)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    with contextlib.suppress(OSError, AttributeError):  # Linux only; elsewhere EOF must do
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def private_pipes() -> tuple[int, int]:
    """(requests, replies): stdin and stdout, moved away from passes that print or read."""
    requests, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return requests, replies


def note(done: int, function: str | None) -> None:
    """Leave word for whoever finds us dead; what was printed in the last compilation is dropped."""
    with contextlib.suppress(OSError):  # no space, or a limit of the user's: then nobody is blamed
        os.pwrite(2, wire.encode_note(done, function), 0)
        if function is None and os.lseek(2, 0, os.SEEK_CUR) != wire.NOTE_BYTES:
            os.ftruncate(2, wire.NOTE_BYTES)
            os.lseek(2, wire.NOTE_BYTES, os.SEEK_SET)


@functools.cache
def find_libraries() -> None:
    """Workers do without libraries until they judge or measure (python -S): they start faster."""
    import site

    site.main()


def start_afresh(memory_bytes: int, requests: int, replies: int) -> NoReturn:
    """Become a worker in which nothing has happened, on the same pipes."""
    from ir_tools.process import own_module  # few workers ever need it, and it takes a while

    os.dup2(requests, 0)
    os.dup2(replies, 1)
    argv, environment = own_module("envs.worker", str(memory_bytes))
    os.execve(argv[0], argv, environment)
