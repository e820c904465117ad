"""Local search over pipelines, one function at a time, started from the coreset."""

from __future__ import annotations

import random

from agent.policy import Proposals, atoms, coreset
from envs.evaluation import FunctionInfo
from ir_tools.passes import Pass, Trust
from ir_tools.pipeline import Pipeline

_SEED_SHARE = 2  # one in so many candidates, at least ten, comes from the coreset
_LEAST_SEEDS = 10
_MOVES = ("insert", "insert", "replace", "replace", "delete", "swap", "splice")
_MAX_TRIES = 20  # to find a neighbour that was not tried yet


class SearchPolicy:
    """Hill climbing: change the best pipeline known by one edit; equal results are accepted too.

    Moves insert, delete, replace or swap passes, or splice the tail of another good pipeline.
    Deletions that change nothing stay, which keeps the winner short. Deterministic for a seed.
    """

    adaptive = True
    reads_part = False

    def __init__(
        self,
        seed: int = 0,
        trust: Trust = Trust.PRODUCTION,
        seeds: tuple[Pipeline, ...] | None = None,
    ) -> None:
        self._seed = seed
        self._passes = atoms(trust)
        self._seeds = coreset() if seeds is None else seeds

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        rng = random.Random(f"{self._seed} {function.name}")
        tried: set[Pipeline] = set()
        measured: list[tuple[float, int, Pipeline]] = []

        def note(pipeline: Pipeline, cost: float | None) -> None:
            tried.add(pipeline)
            if cost is not None:
                measured.append((cost, len(measured), pipeline))

        seeds = self._seeds[: min(budget, max(_LEAST_SEEDS, budget // _SEED_SHARE))]
        for pipeline in seeds:
            note(pipeline, (yield pipeline))
        best = min(measured)[0::2] if measured else (float("inf"), Pipeline())
        for _ in range(budget - len(seeds)):
            pipeline = self._neighbour(rng, best[1], measured, tried)
            cost = yield pipeline
            note(pipeline, cost)
            if cost is not None and cost <= best[0]:
                best = (cost, pipeline)

    def _neighbour(
        self,
        rng: random.Random,
        pipeline: Pipeline,
        measured: list[tuple[float, int, Pipeline]],
        tried: set[Pipeline],
    ) -> Pipeline:
        for _ in range(_MAX_TRIES):
            changed = self._edit(rng, pipeline, measured)
            if changed not in tried:
                break
        return changed

    def _edit(
        self, rng: random.Random, pipeline: Pipeline, measured: list[tuple[float, int, Pipeline]]
    ) -> Pipeline:
        length = len(pipeline.atoms())
        move = rng.choice(_MOVES) if length > 1 else "insert"
        extra: Pass = rng.choice(self._passes)
        if move == "insert":
            return pipeline.insert(rng.randint(0, length), extra)
        if move == "replace":
            return pipeline.replace(rng.randrange(length), extra)
        if move == "delete":
            return pipeline.delete(rng.randrange(length))
        if move == "swap":
            return pipeline.swap(*rng.sample(range(length), 2))
        other = rng.choice(sorted(measured)[:5])[2].atoms() if measured else ()
        cut = rng.randint(0, length)
        return Pipeline.of([*pipeline.atoms()[:cut], *other[rng.randint(0, len(other)) :]])
