"""The parent's side of one worker process: start it, talk to it, and say what it died of."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Protocol

from envs import wire
from envs.evaluation import Source, Status
from ir_tools.errors import OzoneError, one_line
from ir_tools.process import own_module, start_tool

_WALL_PER_CPU = 10  # a worker that sleeps in a lock burns no CPU: bound the wall time as well
_KILLED = "SIGKILL: from the kernel for want of memory, or from someone"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker may use: bytes of address space, and CPU seconds for each request.

    CPU time and not wall time, so that a busy machine does not change results; more of it for each
    MiB of the source, so that whole programs in one file are not given up.
    """

    memory_bytes: int = 4 << 30
    cpu_s: float = 30.0

    def cpu_for(self, source: Source) -> float:
        """CPU seconds for one request on a source."""
        return self.cpu_s * (1 + len(source.data) / (1 << 20))


@dataclass(frozen=True, slots=True)
class Request:
    """A call of one of `envs.worker.Worker`'s methods on a source.

    Sessions need no source besides what is in their arguments; its size still sets the time limit.
    """

    kind: str
    source: Source
    arguments: tuple[Any, ...]
    compilations: int = 1
    needs_source: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """What the method returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Death:
    """The worker ended before it could answer: after so many plans, by that function's pipeline.

    `function` is "" when it may be anybody's fault, None when it is nobody's.
    """

    status: Status
    message: str
    done: int
    function: str | None


class Process(Protocol):
    """A child process; exit codes are negative for signals."""

    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def kill(self) -> None: ...


StartWorker = Callable[[int, int, int, IO[bytes]], Process]
"""Starts a worker: bytes of address space, descriptors of requests and replies, stderr's file."""


def spawned(memory_bytes: int, requests: int, replies: int, stderr: IO[bytes]) -> Process:
    """A worker that begins from nothing."""
    argv, environment = own_module("envs.worker", str(memory_bytes))
    return start_tool(argv, stdin=requests, stdout=replies, stderr=stderr, env=environment)


class WorkerHandle:
    """A running worker and the request that it is busy with."""

    def __init__(self, limits: Limits, start: StartWorker = spawned) -> None:
        self._limits = limits
        self._stderr = tempfile.TemporaryFile()
        requests, self._requests = os.pipe()
        self.replies, replies = os.pipe()
        try:
            self._process = start(limits.memory_bytes, requests, replies, self._stderr)
        finally:
            os.close(requests)
            os.close(replies)
        self._poll = select.poll()
        self._poll.register(self.replies, select.POLLIN)
        self._known: set[str] = set()
        self._request: Request | None = None
        self._cpu_s = self._deadline = 0.0

    @property
    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, request: Request) -> None:
        """Begin a request. The module's bytes travel only the first time."""
        self._request = request
        self._cpu_s = self._limits.cpu_for(request.source)
        self._deadline = time.monotonic() + self._cpu_s * _WALL_PER_CPU * max(
            1, request.compilations
        )
        digest, source = "", None
        if request.needs_source:
            digest = request.source.digest
            source = None if digest in self._known else request.source
            self._known.add(digest)
        message = (request.kind, digest, source, request.arguments, self._cpu_s)
        with contextlib.suppress(BrokenPipeError):  # it died while idle: `receive` will find out
            wire.write(self._requests, message)

    def wait(self) -> Reply | Death | OzoneError:
        """The answer to what was sent, as soon as it is there; a worker that is late is ended."""
        while True:
            if not self._poll.poll(max(0.0, self.seconds_left) * 1000):
                return self.kill_late()
            reply = self.receive()
            if reply is not None:
                return reply

    def receive(self) -> Reply | Death | OzoneError | None:
        """The answer's meaning; None where the worker must first be told the source again."""
        assert self._request is not None
        try:
            kind, *payload = wire.read(self.replies)
        except Exception:  # EOF, or the garbage that a dying process wrote
            return self._post_mortem()
        if kind == "unknown":  # it made room for other modules
            self._known.discard(self._request.source.digest)
            self.send(self._request)
            return None
        if kind == "error":
            error: OzoneError = payload[0]
            return error
        return Reply(payload[0])

    def kill_late(self) -> Death:
        """End a worker whose wall time is over."""
        self._process.kill()
        self._process.wait()
        message = f"no answer in {self._cpu_s * _WALL_PER_CPU:g} s"
        done, function, _ = self._last_words()
        return Death(Status.HANG, message, done, function)

    def _last_words(self) -> tuple[int, str | None, str]:
        """The worker's last note, and what was printed since."""
        self._stderr.seek(0)
        return wire.decode_note(self._stderr.read())

    def _post_mortem(self) -> Death:
        code = self._process.wait()
        done, function, text = self._last_words()
        if code == -signal.SIGKILL:  # what outgrows the limit ends with a message instead
            return Death(Status.KILLED, _KILLED, done, None)
        if code == -signal.SIGPROF:
            status, message = Status.HANG, f"more than {self._cpu_s:g} s of CPU time"
        elif re.search("out of memory|bad_alloc|MemoryError", text):
            status = Status.OOM
            message = f"out of memory (limit {self._limits.memory_bytes >> 20} MiB)"
        else:
            status, message = Status.CRASH, _cause(code, text)
        return Death(status, message, done, function)

    def kill(self) -> None:
        """End the process, nothing else; safe from any thread."""
        self._process.kill()

    def close(self) -> None:
        """End the worker at once and free everything that it held."""
        os.close(self._requests)
        self.kill()
        self._process.wait()
        os.close(self.replies)
        self._stderr.close()


def _cause(code: int, text: str) -> str:
    """One line on a crash: the signal, LLVM's message, the pass that was running."""
    parts = [signal.Signals(-code).name if code < 0 else f"exit status {code}"]
    fatal = re.search(r"LLVM ERROR: (.*)|Assertion `(.*)' failed", text)
    if fatal:
        parts.append(fatal.group(0))
    parts += re.findall(r"Running pass \"[^\n]*", text)[-1:]
    if code > 0 and not fatal and text.strip():
        parts.append(text.strip().splitlines()[-1])
    return one_line(": ".join(parts))
