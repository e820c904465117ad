"""A Ray cluster does what this machine does, and what it loses, it does again."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.label import LIMITS, run
from agent.labelling import Wishes
from envs import cluster, parallel
from envs.cache import Cache
from envs.evaluation import Job, Source
from envs.evaluator import Evaluator
from ir_tools.errors import ClusterError, ParseError
from ir_tools.plan import OZ, Plan

ray = pytest.importorskip("ray")
# Ray's own processes and sockets are not tidied up to Python's taste.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def two_nodes() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    yield nodes
    nodes.shutdown()


def source(index: int) -> Source:
    text = f"define i32 @f(i32 %a) minsize optsize {{ %b = mul i32 %a, {index}\n ret i32 %b }}"
    return Source(f"{index}.ll", text.encode())


def size(evaluator: Evaluator, _: Cache, item: Source) -> int:
    (evaluation,) = evaluator.evaluate([Job(item, Plan(before=OZ))])
    return evaluation.text


def slow_size(evaluator: Evaluator, cache: Cache, item: Source) -> int:
    time.sleep(1)
    return size(evaluator, cache, item)


def test_every_item_has_its_result_also_where_a_node_is_lost_under_way(two_nodes: Any) -> None:
    items = [source(index) for index in range(24)]
    with Evaluator(1) as evaluator:
        expected = [size(evaluator, Cache(None), item) for item in items]
    results = dict(cluster.for_each(items, size, address=two_nodes.address, chunk=5))
    assert [results[index] for index in range(len(items))] == expected
    under_way = cluster.for_each(items, slow_size, address=two_nodes.address, chunk=3)
    index, result = next(under_way)
    two_nodes.remove_node(next(iter(two_nodes.worker_nodes)), allow_graceful=False)
    results = dict(under_way) | {index: result}
    assert [results[index] for index in range(len(items))] == expected


def test_an_error_of_the_work_is_raised_here_as_it_was_there(two_nodes: Any) -> None:
    broken = Source("broken.ll", b"define i32 @f(")
    with pytest.raises(ParseError, match=r"broken\.ll"):
        list(cluster.for_each([source(1), broken], size, address=two_nodes.address))


def test_labels_are_those_of_this_machine(two_nodes: Any, compile_c: Any, tmp_path: Path) -> None:
    from rich.console import Console

    from tests.agent.functions import C, functions

    corpus, wishes = functions(compile_c(C, "a.c")), Wishes(budget=10, seed=3)
    ways = {
        "here": functools.partial(parallel.for_each, cache=None, jobs=2, limits=LIMITS),
        "there": functools.partial(
            cluster.for_each, address=two_nodes.address, limits=LIMITS, chunk=2
        ),
    }
    for name, way in ways.items():
        run(corpus, tmp_path / name, wishes, way, Console(quiet=True))
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()


def test_a_cluster_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ClusterError) as caught:
        list(cluster.for_each([source(1)], size, address="127.0.0.1:1"))
    assert "127.0.0.1:1" in str(caught.value)
    assert "\n" not in str(caught.value)
