"""Labelling: evaluations a second on single functions, on one worker and two, and on Ray.

A function's figure is in processor time, of this process and the worker's, for the whole search at
`ozone data label`'s usual budget: the share of other processes on the machine is not in it, though
they slow down caches. Then the same functions, on one worker, on two, and on a Ray node with two
processors where Ray is installed; these are by the wall, and mean something on a machine that does
nothing else. With `--bitcode DIR` functions are of harvested modules.

What is not measured: verdicts, which take longer than the search on many functions.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import itertools
import statistics
from collections.abc import Callable, Iterator

from agent.labelling import Wishes, search
from anghabench.store import CorpusFunction, Measured
from benchmarks.figures import Clock, Figure, Result, column
from benchmarks.material import FunctionSource, Options, sample
from envs import cluster, parallel
from envs.cache import Cache
from envs.evaluator import Evaluator

_FUNCTIONS = 40
_REPETITIONS = 3
_CHUNK = 8  # functions in a task of Ray's
_WISHES = Wishes(budget=200)

Way = Callable[..., Iterator[tuple[int, int]]]


def run(options: Options) -> Result:
    """Rates of functions one by one, and of all by several ways in turn."""
    functions = [_function(one) for one in sample(options.bitcode, options.times(_FUNCTIONS), 3)]
    rates = _rates(functions)
    median = statistics.median(rates)
    figures = [Figure("search, median function", (median,), "evaluations/s and core", None, 300)]
    clocks = [Clock() for _ in range(options.times(_REPETITIONS))]
    with _ways() as ways:
        for clock, (name, way) in itertools.product(clocks, ways.items()):
            total = clock.time(name, functools.partial(_evaluations, way, functions))
    for name in clocks[0].times:
        values = tuple(total / seconds for seconds in column(clocks, name))
        figures.append(Figure(f"search, {name}", values, "evaluations/s"))
    return Result(tuple(figures), {"rates": rates, "clocks": [one.as_json() for one in clocks]})


def _function(one: FunctionSource) -> CorpusFunction:
    unmeasured = Measured(instructions=0, text=0, size=0)
    return CorpusFunction(
        id=one.source.digest[:16], source="", project="", file="", function=one.function,
        licence="", split="train", symbol=one.function, bitcode=one.source.data,
        o0=unmeasured, oz=unmeasured, o3=unmeasured, autophase=(),
    )  # fmt: skip


def _rates(functions: list[CorpusFunction]) -> list[float]:
    """Evaluations a second of processor time, function by function."""
    rates = []
    with Evaluator(1) as evaluator:
        evaluator.start()
        _work(evaluator, Cache(None), functions[0])  # the worker loads LLVM
        for function in functions:
            clock = Clock()
            done = clock.time("search", functools.partial(_work, evaluator, Cache(None), function))
            rates.append(done / clock.times["search"].cpu)
    return rates


def _work(evaluator: Evaluator, _: Cache, function: CorpusFunction) -> int:
    return len(search(evaluator, function, _WISHES).measured)


def _evaluations(way: Way, functions: list[CorpusFunction]) -> int:
    return sum(count for _, count in way(functions, _work))


@contextlib.contextmanager
def _ways() -> Iterator[dict[str, Way]]:
    ways: dict[str, Way] = {
        name: functools.partial(parallel.for_each, cache=None, jobs=jobs)
        for jobs, name in ((1, "one worker"), (2, "two workers"))
    }
    with contextlib.ExitStack() as stack:
        if importlib.util.find_spec("ray"):
            from ray.cluster_utils import Cluster

            node = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
            stack.callback(node.shutdown)
            ways["Ray, two processors"] = functools.partial(
                cluster.for_each, address=node.address, chunk=_CHUNK
            )
        yield ways
