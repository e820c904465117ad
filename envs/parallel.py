"""The same work on many modules, each worker process kept busy by a thread of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from envs.cache import Cache
from envs.evaluator import Evaluator
from envs.pool import Limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def for_each(
    items: Sequence[Item],
    work: Callable[[Evaluator, Cache, Item], Result],
    *,
    cache: Path | None,
    jobs: int | None = None,
    limits: Limits = Limits(),
) -> Generator[tuple[int, Result], None, None]:
    """(index, result) of `work` on every item, as they end; `jobs` of them at a time.

    Each thread has an evaluator with one worker, and a connection to the cache. The first exception
    of `work` is raised when the work under way has ended; closing the generator ends the workers.
    """
    opened: dict[int, tuple[Evaluator, Cache]] = {}

    def call(item: Item) -> Result:
        thread = threading.get_ident()
        if thread not in opened:
            store = Cache(cache)
            opened[thread] = Evaluator(1, store, limits), store
        evaluator, store = opened[thread]
        return work(evaluator, store, item)

    executor = ThreadPoolExecutor(jobs or len(os.sched_getaffinity(0)))
    try:
        futures = {executor.submit(call, item): index for index, item in enumerate(items)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for evaluator, _ in list(opened.values()):  # to which threads may still add
            evaluator.abort()  # where all work has ended, this ends idle workers only
        executor.shutdown(wait=True)
        for evaluator, _ in opened.values():
            evaluator.close()
