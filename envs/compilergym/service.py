#!/usr/bin/env python3
"""The service process of `ozone-llvm-v0`, which CompilerGym's client starts and ends.

It serves one call after the other, on this machine alone: LLVM runs in one worker process. It is
started as a script, with `--working_dir`, where the client looks for the port, and `--port`.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from envs.compilergym.session import OzoneSession, workers
from ir_tools.installed import loaded_version

_LOOK_S = 1.0
_GRACE_S = 0.1  # in which the client learns that we end


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--working_dir", type=Path)
    parser.add_argument("--port", type=int, default=0)
    chosen, _ = parser.parse_known_args()  # what else the client says is for other services
    place = chosen.working_dir or Path(tempfile.mkdtemp(prefix="ozone-service-"))
    (place / "logs").mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=place / "logs" / "service.log")
    serve(place, chosen.port)


def serve(place: Path, port: int) -> None:
    """Serve until SIGTERM, or until whoever started us is gone."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the client, which ends us
    server = make_server(place)
    port = server.add_insecure_port(f"localhost:{port}")
    server.start()
    workers().compiler.start()  # LLVM loads while the client connects
    _write(place / "pid.txt", os.getpid())
    _write(place / "port.txt", port)
    client = os.getppid()
    while not ended.wait(_LOOK_S) and os.getppid() == client:
        pass
    server.stop(_GRACE_S).wait()
    workers().close()


def make_server(place: Path) -> Any:
    """The RPC server; sessions are served once it has a port and is started."""
    import grpc
    from compiler_gym.service.connection import GRPC_CHANNEL_OPTIONS
    from compiler_gym.service.proto.compiler_gym_service_pb2_grpc import (
        add_CompilerGymServiceServicer_to_server,
    )

    server = grpc.server(ThreadPoolExecutor(max_workers=1), options=GRPC_CHANNEL_OPTIONS)
    add_CompilerGymServiceServicer_to_server(_servicer(place), server)
    return server


def _servicer(place: Path) -> Any:
    """compiler_gym's own, with what it does wrong in Python services put right."""
    from compiler_gym.service.proto import ForkSessionReply, GetVersionReply
    from compiler_gym.service.runtime.compiler_gym_service import (
        CompilerGymService,
        exception_to_grpc_status,
    )
    from compiler_gym.util.version import __version__

    class Servicer(CompilerGymService):
        def GetVersion(self, request: Any, context: Any) -> Any:
            with exception_to_grpc_status(context):
                return GetVersionReply(
                    service_version=__version__, compiler_version=f"LLVM {loaded_version()}"
                )

        def Step(self, request: Any, context: Any) -> Any:
            """Theirs, with what is asked after the actions known before them."""
            with exception_to_grpc_status(context):
                if request.action and request.session_id in self.sessions:
                    asked = [self.observation_spaces[each] for each in request.observation_space]
                    self.sessions[request.session_id].watch(asked)
            return super().Step(request, context)

        def ForkSession(self, request: Any, context: Any) -> Any:
            """Theirs has the fork under the number 0, whosever that is."""
            with exception_to_grpc_status(context):
                fork = self.sessions[request.session_id].fork()
                number = self.next_session_id
                self.next_session_id += 1
                self.sessions[number] = fork
                return ForkSessionReply(session_id=number)

    return Servicer(place, OzoneSession)


def _write(path: Path, number: int) -> None:
    """All at once: the client reads as soon as there is a file."""
    part = path.with_suffix(".part")
    part.write_text(str(number))
    part.rename(path)


if __name__ == "__main__":
    main()
