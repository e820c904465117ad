"""Builds what `nvp` and `neighbour` know, from the training split of a corpus alone.

Search a sample of functions for themselves; measure the pipelines that won on more functions;
choose those that together serve them best, greedily, as `agent.coreset` does for whole modules;
then fit a regressor from a function's features to each one's normalised value (Liang et al. 2023).

What is not covered: objectives other than size.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import track

from agent.nvp import Knowledge, cover, features
from agent.optimise import Objective
from agent.parts import Explored, cost, explore, sample
from agent.policy import CoresetPolicy, Policy, coreset
from agent.search import SearchPolicy
from anghabench import store
from anghabench.store import CorpusFunction
from envs.cache import Cache, default_path
from envs.evaluator import Evaluator
from envs.parallel import for_each
from ir_tools.errors import OzoneError
from ir_tools.pipeline import Pipeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TREES = 40
_LEAST_IN_A_LEAF = 4
_FEATURES = 0.3  # share of them that a node chooses from


@dataclass(frozen=True, slots=True)
class Wishes:
    """How much work to put into it: `searched * search_budget + functions * pool` compilations."""

    functions: int
    searched: int
    search_budget: int
    pool: int
    size: int
    seed: int
    jobs: int | None


def rebuild(folder: Path, output: Path, wishes: Wishes, console: Console) -> None:
    """Measure, choose, fit, write. Interrupted, it goes on from the cache. Raises OzoneError."""
    _forest_class()  # or it is missing after hours
    training = list(store.read(folder, "train"))
    search = SearchPolicy(wishes.seed), wishes.search_budget
    searched = sample(training, wishes.searched, wishes.seed)
    found = _measure(searched, *search, wishes.jobs, console)
    pool = _pool(list(found.values()), wishes.pool)
    policy = CoresetPolicy(tuple(map(Pipeline.parse, pool)))
    functions = sample(training, wishes.functions, wishes.seed + 1)
    measured = _measure(functions, policy, len(pool), wishes.jobs, console)
    if not measured:
        raise OzoneError(f"no training functions in {folder}: 'ozone data build' makes some")
    costs, baselines = _table(list(measured.values()))
    chosen = cover(baselines[:, None] - costs, np.ones(len(costs)), wishes.size)
    known = np.array([features(f.bitcode) for f in functions if f.id in measured])
    pipelines = np.array([pool[index] for index in chosen])
    fit(pipelines, known, costs[:, chosen], baselines, wishes.seed).write(output)


def _measure(
    functions: Sequence[CorpusFunction],
    policy: Policy,
    budget: int,
    jobs: int | None,
    console: Console,
) -> dict[str, Explored]:
    """By function, in their order; without those of which not even -Oz can be measured."""

    def work(evaluator: Evaluator, _: Cache, function: CorpusFunction) -> Explored | None:
        with contextlib.suppress(OzoneError):
            return explore(evaluator, function, policy, budget)
        return None

    results = for_each(functions, work, cache=default_path(), jobs=jobs)
    tracked = dict(track(results, "measuring", total=len(functions), console=console))
    return {f.id: found for i, f in enumerate(functions) if (found := tracked[i]) is not None}


def _pool(found: Sequence[Explored], size: int) -> list[str]:
    """The shipped coreset, and what saved most bytes as the best pipeline of a function."""
    gains: Counter[str] = Counter()
    for explored in found:
        prices = _prices(explored)
        if prices and min(prices)[0] < explored.baseline.size:
            price, _, pipeline = min(prices)
            gains[pipeline] += explored.baseline.size - price
    ranked = sorted(gains, key=lambda text: (-gains[text], text))
    return list(dict.fromkeys([*map(str, coreset()), *ranked]))[:size]


def _prices(explored: Explored) -> list[tuple[int, int, str]]:
    each = ((cost(Objective.SIZE, m, explored.baseline), len(p), p) for p, m in explored.tried)
    return [(price, length, text) for price, length, text in each if price is not None]


def _table(measured: Sequence[Explored]) -> tuple[NDArray, NDArray]:
    """Sizes by function and pipeline, infinite for a failure; and those of -Oz."""
    rows = [
        [cost(Objective.SIZE, size, each.baseline) for _, size in each.tried] for each in measured
    ]
    costs = np.array([[np.inf if c is None else c for c in row] for row in rows], float)
    return costs, np.array([each.baseline.size for each in measured], float)


def fit(
    pipelines: NDArray, known: NDArray, costs: NDArray, baselines: NDArray, seed: int
) -> Knowledge:
    """A forest from features to values, with what it was fitted to.

    Functions that no pipeline improves teach it nothing. Raises OzoneError when there is no other.
    """
    saved = baselines[:, None] - costs
    most = saved.max(1)
    if not (most > 0).any():
        raise OzoneError("no pipeline improves a training function: measure more of both")
    values = np.clip(saved / np.maximum(most, 1)[:, None], -1, 1)
    known, values = known[most > 0], values[most > 0]
    forest = _forest_class()(
        _TREES, min_samples_leaf=_LEAST_IN_A_LEAF, max_features=_FEATURES, random_state=seed
    )
    forest.fit(known, values)
    return Knowledge(pipelines, known, values.astype(np.float16), **_arrays(forest, known))


def _forest_class() -> Any:
    try:
        from sklearn.ensemble import ExtraTreesRegressor
    except ImportError as error:
        raise OzoneError("this needs scikit-learn: run \"pip install '.[bench]'\"") from error
    return ExtraTreesRegressor


def _arrays(forest: Any, known: NDArray) -> dict[str, NDArray]:
    """The forest as `Knowledge` has it: the nodes of all trees one after the other."""
    trees = [tree.tree_ for tree in forest.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    left, right = (
        np.concatenate([getattr(t, side) + root for t, root in zip(trees, roots, strict=True)])
        for side in ("children_left", "children_right")
    )
    asks = np.concatenate([tree.feature for tree in trees])
    return {
        "roots": roots.astype(np.int32),
        "asks": np.maximum(asks, -1).astype(np.int16),
        "threshold": np.concatenate([tree.threshold for tree in trees]),
        "left": left.astype(np.int32),
        "right": right.astype(np.int32),
        "leaves": (forest.apply(known).T + roots[:, None]).astype(np.int32),
    }
