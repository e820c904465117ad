"""A service in this process, and environments that use it: they start at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("envs.compilergym")

import compiler_gym

from envs.compilergym import service, session

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = service.make_server(tmp_path_factory.mktemp("service"))
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(0).wait()
    session.workers().close()


@pytest.fixture
def make(address: str) -> Iterator[Make]:
    """Makes environments on that service."""
    made: list[Any] = []

    def make(**options: Any) -> Any:
        made.append(compiler_gym.make("ozone-llvm-v0", service=address, **options))
        return made[-1]

    yield make
    for env in made:
        env.close()
