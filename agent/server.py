"""A process that makes objects for `ozone-cc` with everything loaded already, as long as a build.

Loading LLVM, the model and the judges takes longer than most objects do. The first `ozone-cc` of a
build starts the server, on a socket in a folder that only the user can enter; the others find it
there. Each order is made by a fork, in the order's own environment and folder, so that one cannot
touch another's result, and it ends when its `ozone-cc` does. With nothing to do for some seconds,
the server ends. Whatever goes wrong here is no error: `ozone-cc` then makes the object itself.

Another Ozone, LLVM or model has another server. What forks cannot have of their own (niceness,
limits, affinity, groups, namespaces) is that of the `ozone-cc` that started the server.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import gc
import hashlib
import importlib
import os
import pickle
import select
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.compiled import Compiled, identity
from agent.orders import Order, fulfil
from envs import wire
from ir_tools.errors import OzoneError, ToolError
from ir_tools.process import leave_running, own_module, unwinding

if TYPE_CHECKING:
    from envs.forking import Fork

_BACKLOG = 1024
_LONGEST_S = 86_400
_MERCY_S = 5.0  # for a fork to clean up when nobody wants its answer
_CREDENTIALS = struct.Struct("3i")  # of a peer: process, user, group
# Of what an order may need, what takes long to import.
_LOADED = (
    "agent.acceptance", "agent.compile", "agent.lm.policy", "envs.forking",
    "ir_tools.verify.execution.execute", "ir_tools.verify.smt.refine",
)  # fmt: skip


# in ozone-cc -------------------------------------------------------------------------------------


def ask(order: Order, idle_s: float) -> Compiled | None:
    """What the server makes of an order; one that has to be started waits `idle_s` for more.

    None where there is no server to be had. Raises the order's own OzoneError.
    """
    try:
        with _connected(_folder() / f"{_name()}.sock", idle_s) as connection:
            wire.write(connection.fileno(), (dict(os.environ), os.getcwd(), order))
            answer = wire.read(connection.fileno())
    except (OSError, EOFError, ToolError, pickle.UnpicklingError):
        return None
    if isinstance(answer, OzoneError):
        raise answer
    assert isinstance(answer, Compiled)
    return answer


def _folder() -> Path:
    """Where the sockets are. Raises OSError where it is not the user's alone."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base, f"ozone-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is open to others")
    return folder


def _name() -> str:
    """Another one for each Python and for all that makes another object of the same order."""
    return hashlib.sha256(repr((sys.executable, identity())).encode()).hexdigest()[:16]


def _connected(path: Path, idle_s: float) -> socket.socket:
    """A connection to the server, which is started where there is none."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        if not _connects(connection, path):
            with _locked(path):
                if not _connects(connection, path):  # nobody was faster
                    _start(path, idle_s)
                    connection.connect(str(path))
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        if _CREDENTIALS.unpack(raw)[1] != os.getuid():
            raise PermissionError(f"{path} is another user's")
    except BaseException:
        connection.close()
        raise
    return connection


def _connects(connection: socket.socket, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        connection.connect(str(path))
        return True
    return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Starting and ending the server of a socket are done one at a time."""
    with open(path.with_suffix(".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start(path: Path, idle_s: float) -> None:
    """Listen for a server, and start it; it finds those that have come meanwhile."""
    path.unlink(missing_ok=True)  # of one that was killed
    argv, environment = own_module("agent.server", str(path), str(idle_s))
    environment["OPENBLAS_NUM_THREADS"] = "1"  # who forks must have no threads
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(_BACKLOG)
        leave_running(argv, stdin=listening.fileno(), env=environment)


# the server --------------------------------------------------------------------------------------


def main() -> None:
    """Serve on the socket that is our stdin, of that path, until nothing has come for so long."""
    path, idle_s = Path(sys.argv[1]), min(float(sys.argv[2]), _LONGEST_S)
    own = path.stat().st_ino
    listening = socket.socket(fileno=os.dup(0))
    os.dup2(1, 0)
    from envs.confinement import find_libraries

    find_libraries()
    _load()
    os.chdir("/")
    server = _Server(listening)
    server.serve(idle_s)
    with _locked(path), contextlib.suppress(FileNotFoundError):
        if path.stat().st_ino == own:
            path.unlink()
    server.serve(0.0)  # who came meanwhile


def _load() -> None:
    for name in _LOADED:
        importlib.import_module(name)
    from agent.lm.policy import LmPolicy
    from ir_tools.libllvm import library

    with contextlib.suppress(OzoneError):  # an order that wants one of them will be told
        library()
        LmPolicy()
    gc.collect()
    gc.freeze()  # or collecting garbage would copy, in every fork, what they share


class _Server:
    """The forks at work, each with the connection that it answers."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._forks: dict[int, tuple[Fork, socket.socket]] = {}  # by pidfd
        self._clients: dict[int, Fork] = {}  # by the connection's descriptor
        self._unwanted: dict[int, float] = {}  # forks to be killed, by pidfd, and when
        self._poll = select.poll()
        self._poll.register(listening, select.POLLIN)

    def serve(self, idle_s: float) -> None:
        """Return when nothing has been wanted for so long."""
        while True:
            patience_s = _MERCY_S if self._unwanted else None if self._forks else idle_s
            ready = self._poll.poll(None if patience_s is None else patience_s * 1000)
            if not ready and not self._forks:
                return
            # In the order of registration: who connects comes before who ends, so that no number
            # of a descriptor stands for two things.
            for descriptor, _ in ready:
                if descriptor == self._listening.fileno():
                    self._accept()
                elif descriptor in self._forks:
                    self._end(descriptor)
                elif descriptor in self._clients:
                    self._give_up(descriptor)
            for pidfd, deadline in self._unwanted.items():
                if time.monotonic() > deadline:
                    self._forks[pidfd][0].kill()

    def _accept(self) -> None:
        """Out of processes or descriptors, a client is turned away, and helps itself."""
        from envs.forking import Fork

        with contextlib.suppress(OSError), contextlib.ExitStack() as undo:
            connection, _ = self._listening.accept()
            undo.callback(connection.close)
            fork = Fork(functools.partial(self._answer, connection))
            undo.callback(fork.wait)
            undo.callback(fork.kill)
            pidfd = os.pidfd_open(fork.pid)
            undo.pop_all()
            self._forks[pidfd] = fork, connection
            self._clients[connection.fileno()] = fork
            self._poll.register(pidfd, select.POLLIN)
            self._poll.register(connection, select.POLLRDHUP)

    def _give_up(self, client: int) -> None:
        """It is gone, and nobody wants the answer."""
        self._poll.unregister(client)
        fork = self._clients.pop(client)
        fork.send_signal(signal.SIGTERM)
        pidfd = next(each for each, (other, _) in self._forks.items() if other is fork)
        self._unwanted[pidfd] = time.monotonic() + _MERCY_S

    def _end(self, pidfd: int) -> None:
        fork, connection = self._forks.pop(pidfd)
        self._unwanted.pop(pidfd, None)
        self._poll.unregister(pidfd)
        if self._clients.pop(connection.fileno(), None):
            self._poll.unregister(connection)
        fork.wait()
        connection.close()
        os.close(pidfd)

    def _answer(self, connection: socket.socket) -> None:
        """In a fork: read an order, make it, send it."""
        self._listening.close()
        for _, other in self._forks.values():
            other.close()
        unwinding(lambda: _make(connection.fileno()))


def _make(connection: int) -> int:
    from envs.forking import forked

    environment, folder, order = wire.read(connection)
    os.environ.clear()
    os.environ.update(environment)
    os.environ["LLVM_DISABLE_SYMBOLIZATION"] = "1"  # a crash must not start a symbolizer
    tempfile.tempdir = None
    os.chdir(folder)
    answer: Compiled | OzoneError
    try:
        answer = fulfil(order, forked)
    except OzoneError as error:
        answer = error
    wire.write(connection, answer)
    return 0


if __name__ == "__main__":
    main()
