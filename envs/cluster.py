"""The same work on many items, as `envs.parallel`, on the machines of a Ray cluster.

Items travel in chunks. A chunk whose machine is lost is done again elsewhere. Needs the `ray`
extra, and Ozone with the same LLVM on every node.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from envs.cache import Cache
from envs.evaluator import Evaluator
from envs.pool import Limits
from ir_tools.errors import ClusterError, OzoneError, one_line

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[Evaluator, Cache, Item], Result]

_CHUNK = 16  # items in a task, which starts a worker of its own
_AHEAD = 4  # tasks for each core that the cluster has to choose from
_KNOCK_S = 10.0
_RETRIES = 5  # of a task whose machine or process is lost


def for_each(
    items: Sequence[Item],
    work: Work[Item, Result],
    *,
    address: str,
    limits: Limits = Limits(),
    chunk: int = _CHUNK,
) -> Iterator[tuple[int, Result]]:
    """(index, result) of `work` on every item, as they end.

    The first exception of `work` is raised; closing the generator cancels what is under way. Raises
    ClusterError. `work` is told of no cache: nodes share no disk.
    """
    ray = _ray()
    with _connected(ray, address), _reporting(ray):
        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_work_on)
        most = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        starts = iter(range(0, len(items), chunk))
        running: dict[Any, int] = {}
        while True:
            while len(running) < most and (start := next(starts, None)) is not None:
                running[task.remote(work, items[start : start + chunk], limits)] = start
            if not running:
                return
            for reference in ray.wait(list(running))[0]:
                yield from enumerate(ray.get(reference), running.pop(reference))


def _work_on(work: Work[Item, Result], items: Sequence[Item], limits: Limits) -> list[Result]:
    """One task, on some node."""
    cache = Cache(None)
    with Evaluator(1, cache, limits) as evaluator:
        return [work(evaluator, cache, item) for item in items]


@contextlib.contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(f"no Ray cluster at '{address}': {one_line(str(error))}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises OSError where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()


@contextlib.contextmanager
def _reporting(ray: Any) -> Iterator[None]:
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, OzoneError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise ClusterError(f"the Ray cluster failed: {one_line(str(error))}") from error


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ClusterError("a Ray cluster needs ray: run \"pip install '.[ray]'\"") from error
    return ray
