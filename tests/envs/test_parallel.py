"""Many modules at once: every result comes, errors come out, and no worker is left."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from envs.cache import Cache
from envs.evaluation import Job, Source
from envs.evaluator import Evaluator
from envs.parallel import for_each
from ir_tools.errors import ParseError
from ir_tools.plan import OZ, Plan

WORKER = "envs.worker"


def source(index: int) -> Source:
    text = f"define i32 @f(i32 %a) minsize optsize {{ %b = mul i32 %a, {index}\n ret i32 %b }}"
    return Source(f"{index}.ll", text.encode())


def size(evaluator: Evaluator, _: Cache, item: Source) -> int:
    (evaluation,) = evaluator.evaluate([Job(item, Plan(before=OZ))])
    assert evaluation.ok
    return evaluation.text


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_item_has_its_result_whatever_the_number_of_workers(
    jobs: int, tmp_path: Path
) -> None:
    items = [source(index) for index in range(9)]
    with Evaluator(1) as evaluator:
        expected = [size(evaluator, Cache(None), item) for item in items]
    results = list(for_each(items, size, cache=tmp_path / "c.sqlite", jobs=jobs))
    assert sorted(index for index, _ in results) == list(range(len(items)))
    assert [result for _, result in sorted(results)] == expected
    assert len(set(expected)) > 1


def test_no_items_are_no_work(marked: Any) -> None:
    assert list(for_each([], size, cache=None)) == []
    assert marked.pids(WORKER) == []


def test_results_come_as_they_end() -> None:
    slow_may_end = threading.Event()

    def work(_evaluator: Evaluator, _cache: Cache, item: str) -> str:
        if item == "slow":
            assert slow_may_end.wait(10)
        return item

    results = for_each(["slow", "quick"], work, cache=None, jobs=2)
    assert next(results) == (1, "quick")
    slow_may_end.set()
    assert list(results) == [(0, "slow")]


def test_each_thread_keeps_its_evaluator_and_its_cache(tmp_path: Path) -> None:
    seen: dict[int, set[tuple[int, int]]] = {}

    def work(evaluator: Evaluator, cache: Cache, item: int) -> None:
        cache.put_artefact(str(item), b"x")
        seen.setdefault(threading.get_ident(), set()).add((id(evaluator), id(cache)))
        time.sleep(0.01)

    list(for_each(range(20), work, cache=tmp_path / "c.sqlite", jobs=3))
    assert 1 < len(seen) <= 3
    assert all(len(pairs) == 1 for pairs in seen.values())
    cache = Cache(tmp_path / "c.sqlite")
    assert all(cache.artefact(str(item)) == b"x" for item in range(20))


def test_the_first_error_is_raised_and_no_worker_is_left(marked: Any) -> None:
    items = [source(1), Source("bad.ll", b"define"), *map(source, range(2, 6))]
    with pytest.raises(ParseError, match=r"bad\.ll"):
        list(for_each(items, size, cache=None, jobs=2))
    marked.wait_until_gone()


def test_workers_are_gone_after_the_last_result_and_after_giving_up(marked: Any) -> None:
    assert len(list(for_each([source(1), source(2)], size, cache=None, jobs=2))) == 2
    marked.wait_until_gone()
    results = for_each(list(map(source, range(8))), size, cache=None, jobs=2)
    next(results)
    results.close()
    marked.wait_until_gone()


def test_ctrl_c_ends_work_that_is_under_way(marked: Any) -> None:
    busy = ",".join(["gvn"] * 3_000_000)
    long = "define i32 @f(ptr %p) {{\n{}\nret i32 0 }}".format(
        "\n".join(f"%v{i} = load volatile i32, ptr %p" for i in range(1000))
    )

    def work(evaluator: Evaluator, _: Cache, item: int) -> None:
        job = Job(Source(f"{item}.ll", long.encode()), Plan(before=f"function({busy})"))
        evaluator.evaluate([job])

    def interrupt() -> None:
        marked.wait_for(WORKER, 2)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(for_each(range(6), work, cache=None, jobs=2))
    thread.join()
    marked.wait_until_gone()
    assert time.monotonic() - started < 10
