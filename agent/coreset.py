"""Chooses the coreset: the few pipelines that together serve all training functions best.

As in Liang et al. (ICML 2023), with local search for the pool: search every function for itself
from random beginnings; measure the winners on all functions; choose greedily, each time the
pipeline that saves most bytes beside those already chosen (submodular cover), and beside what `-Oz`
itself makes of the function, which is always there to fall back on. Last, passes that do not matter
are dropped from what was chosen: they cost every later compilation time.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as ProgressBar

from agent.minimise import without_passes
from agent.optimise import Objective, Search, Settings, inlined_by
from agent.output import write_file
from agent.policy import CoresetPolicy, Policy, atoms, random_pipeline
from agent.search import SearchPolicy
from anghabench.sources import Harvest, split_of
from envs.cache import Cache, default_path
from envs.evaluation import Job, Source
from envs.evaluator import Evaluator
from envs.parallel import for_each
from ir_tools.errors import OzoneError
from ir_tools.pipeline import Pipeline
from ir_tools.plan import OZ, OZ_FUNCTION, OZ_LATE, Plan
from ir_tools.target import TargetOptions

_SETTINGS = Settings(
    objective=Objective.SIZE, target=TargetOptions(relocation_model="module"), accept=None
)
_SHARED_SEEDS = 12  # random pipelines that every function's search begins with
_WITNESSES = 16  # modules that a pipeline matters most to, which say what it can do without

# (module, function) -> pipeline -> bytes
Table = dict[tuple[str, str], dict[str, float]]
Progress = Callable[[int], None]  # told how many modules a step has done

_LEAST_BITCODE, _MOST_BITCODE = 3_000, 90_000  # bytes of a module that takes part


@dataclass(frozen=True, slots=True)
class Wishes:
    """How much work to put into a coreset.

    Each of `rounds` costs `search_budget + pool` compilations of every module; a round's search
    begins with the coreset of the one before.
    """

    modules: int  # of each program, at most
    rounds: int
    search_budget: int
    pool: int  # pipelines measured on all modules
    size: int
    seed: int
    jobs: int | None


def rebuild(folder: Path, output: Path, wishes: Wishes, console: Console) -> None:
    """Choose a coreset from harvested bitcode and write it. Raises OzoneError."""
    sources = _sample(folder, wishes.modules, wishes.seed)
    if not sources:
        raise OzoneError(f"no bitcode in {folder}: run 'ozone data harvest {folder}' first")
    steps = 2 * wishes.rounds + 1
    with ProgressBar(console=console) as bar:
        task = bar.add_task("choosing", total=steps * len(sources))
        chosen = choose_coreset(sources, wishes, default_path(), lambda _: bar.advance(task))
    head = (
        f"# made by `ozone coreset`: {wishes}\n"
        f"# {len(sources)} modules; above each pipeline, bytes of all their functions with it\n"
    )
    lines = (f"# {size:.0f}\n{pipeline}\n" for pipeline, size in chosen)
    write_file(output, (head + "".join(lines)).encode())


def _sample(folder: Path, modules: int, seed: int) -> list[Source]:
    """At most so many modules of each training program: of middling size, none twice."""
    rng, sources = random.Random(seed), []
    programs = Harvest(folder).projects()
    for program in (path for path in programs if split_of(path.name) == "train"):
        unique = {path.read_bytes(): path for path in sorted(program.glob("*.bc"))}
        sizes = range(_LEAST_BITCODE, _MOST_BITCODE)
        fitting = [
            Source(f"{program.name}/{p.name}", d) for d, p in unique.items() if len(d) in sizes
        ]
        sources += rng.sample(fitting, min(modules, len(fitting)))
    return sources


def choose_coreset(
    sources: Sequence[Source], wishes: Wishes, cache: Path | None, progress: Progress
) -> list[tuple[Pipeline, float]]:
    """The coreset, in greedy order, with the bytes of all functions after each pipeline.

    Interrupted, it goes on from the cache. Raises OzoneError when a source cannot be read.
    """
    seeds = _seeds(wishes.seed)
    for round_ in range(wishes.rounds):
        policy = SearchPolicy(wishes.seed + round_, seeds=seeds)
        searched = measure(sources, policy, wishes.search_budget, cache, wishes.jobs, progress)
        pool = CoresetPolicy(_pool(searched, seeds, wishes.pool))
        measured = measure(sources, pool, wishes.pool, cache, wishes.jobs, progress)
        seeds = tuple(pipeline for pipeline, _ in _greedy(measured, wishes.size))
    shorter = CoresetPolicy(minimise(sources, seeds, measured, cache, wishes.jobs))
    measured = measure(sources, shorter, wishes.size, cache, wishes.jobs, progress)
    return _greedy(measured, wishes.size)


def _seeds(seed: int) -> tuple[Pipeline, ...]:
    """What the first round begins with: -Oz's own, and random pipelines."""
    rng, passes = random.Random(seed), atoms()
    own = (f"function({OZ_FUNCTION})", f"function({OZ_FUNCTION},{OZ_LATE})")
    shared = (random_pipeline(rng, passes) for _ in range(_SHARED_SEEDS))
    return (*map(Pipeline.parse, own), *shared)


def measure(
    sources: Sequence[Source],
    policy: Policy,
    budget: int,
    cache: Path | None,
    jobs: int | None,
    progress: Progress,
) -> Table:
    """Bytes of every function under every pipeline that the policy proposes for it."""

    def work(evaluator: Evaluator, _: Cache, source: Source) -> Table:
        return _explore(evaluator, source, policy, budget)

    table: Table = {}
    for done, (_, part) in enumerate(for_each(sources, work, cache=cache, jobs=jobs), 1):
        table |= part
        progress(done)
    return dict(sorted(table.items()))


def _explore(evaluator: Evaluator, source: Source, policy: Policy, budget: int) -> Table:
    """The same for one module; -Oz's own bodies are among the pipelines."""
    info = evaluator.inspect(source)
    job = Job(source, Plan(before=OZ), _SETTINGS.target, own_sections=True)
    (baseline,) = evaluator.evaluate([job])
    search = Search(evaluator, source, info, _SETTINGS)
    table: Table = {}
    for name, tried in search.explore(policy, inlined_by(info, baseline), budget).items():
        if name in baseline.functions:
            tried.append((OZ, _SETTINGS.objective.of_function(baseline.functions[name])))
        costs = {pipeline: cost for pipeline, cost in tried if cost is not None}
        table[source.name, name] = costs
    return table


def minimise(
    sources: Sequence[Source],
    coreset: Sequence[Pipeline],
    table: Table,
    cache: Path | None,
    jobs: int | None,
) -> tuple[Pipeline, ...]:
    """The same pipelines without the passes that none of their witnesses misses."""
    by_name = {source.name: source for source in sources}

    def work(evaluator: Evaluator, _: Cache, pipeline: Pipeline) -> Pipeline:
        others = {OZ, *map(str, coreset)} - {str(pipeline)}
        rest = {key: _least(costs, others) for key, costs in table.items()}
        witnesses = [by_name[name] for name in _witnesses(table, rest, str(pipeline))]
        least = _bytes_with(pipeline, evaluator, witnesses, rest)

        def holds(shorter: Pipeline) -> bool:
            nonlocal least
            found = _bytes_with(shorter, evaluator, witnesses, rest)
            if found[0] > least[0] or found[1] > least[1]:
                return False
            least = found
            return True

        return without_passes(pipeline, holds)

    return tuple(result for _, result in sorted(for_each(coreset, work, cache=cache, jobs=jobs)))


def _bytes_with(
    pipeline: Pipeline,
    evaluator: Evaluator,
    witnesses: Iterable[Source],
    rest: Mapping[tuple[str, str], float],
) -> tuple[float, float]:
    """What the witnesses' functions take with the coreset, and with this pipeline alone.

    The latter keeps what helps functions that others happen to serve better: without it the coreset
    fits its witnesses, and less well the functions of other programs.
    """
    policy = CoresetPolicy((pipeline,))
    parts = [_explore(evaluator, source, policy, 1) for source in witnesses]
    costs = {key: each for part in parts for key, each in part.items() if key in rest}
    alone = {key: each.get(str(pipeline), max(each.values())) for key, each in costs.items()}
    return sum(min(rest[key], alone[key]) for key in alone), sum(alone.values())


def _least(costs: Mapping[str, float], pipelines: Iterable[str]) -> float:
    return min((costs[text] for text in pipelines if text in costs), default=float("inf"))


def _witnesses(table: Table, rest: Mapping[tuple[str, str], float], pipeline: str) -> list[str]:
    """The modules that lose most bytes without the pipeline."""
    gains: Counter[str] = Counter()
    for (module, function), costs in table.items():
        gain = rest[module, function] - costs.get(pipeline, float("inf"))
        if 0 < gain < float("inf"):
            gains[module] += int(gain)
    return sorted(gains, key=lambda name: (-gains[name], name))[:_WITNESSES]


def _pool(table: Table, seeds: Iterable[Pipeline], size: int) -> tuple[Pipeline, ...]:
    """The pipelines that won most bytes over -Oz's own, and the seeds."""
    gains: Counter[str] = Counter()
    own = f"function({OZ_FUNCTION})"
    for measured in table.values():
        costs = {text: cost for text, cost in measured.items() if text != OZ}
        if costs:
            best = min(costs, key=lambda text: (costs[text], len(text), text))
            gains[best] += int(costs.get(own, costs[best]) - costs[best])
    ranked = sorted(gains, key=lambda text: (-gains[text], text))
    texts = dict.fromkeys([*map(str, seeds), *ranked])
    return tuple(Pipeline.parse(text) for text in list(texts)[:size])


def _greedy(table: Table, size: int) -> list[tuple[Pipeline, float]]:
    """Greedy submodular cover of the functions, by bytes, beginning with what -Oz makes of them."""
    complete = {key: costs for key, costs in table.items() if costs}
    best = {key: costs.get(OZ, max(costs.values())) for key, costs in complete.items()}
    chosen: list[tuple[Pipeline, float]] = []
    pool = sorted({text for costs in complete.values() for text in costs} - {OZ})
    while pool and len(chosen) < size:
        gain = {text: _gain(text, complete, best) for text in pool}
        text = max(pool, key=gain.__getitem__)
        if gain[text] <= 0 and chosen:
            break
        pool.remove(text)
        for key, costs in complete.items():
            best[key] = min(best[key], costs.get(text, best[key]))
        chosen.append((Pipeline.parse(text), sum(best.values())))
    return chosen


def _gain(
    text: str,
    table: Mapping[tuple[str, str], Mapping[str, float]],
    best: Mapping[tuple[str, str], float],
) -> float:
    return sum(max(0.0, best[key] - costs.get(text, best[key])) for key, costs in table.items())
