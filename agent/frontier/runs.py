"""What each policy tried on each function, kept in a file as it is found.

A line of the file is one policy's run on one function at the largest budget; what it had found at
a smaller one is its beginning. Lines of other settings stay, and are not read. Half a line is
measured again.

What is not covered: a policy that would have begun differently, had it known of a smaller budget;
`search` takes more of its pipelines from the coreset when it has more to spend. And changes of the
policies' own code, or of another autotuner's version: take another folder then.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from agent.autotuners import make_policy
from agent.compiled import model_identity
from agent.optimise import Objective
from agent.parts import Explored, cost, explore
from agent.policy import Terms
from anghabench.store import CorpusFunction, Measured
from envs.cache import Cache
from envs.evaluation import Status
from envs.evaluator import Evaluator
from envs.parallel import for_each
from ir_tools.errors import OzoneError
from ir_tools.installed import identity

_FILE = "runs.jsonl"
_OF_A_COST = 4  # contenders that are kept: more of them make the same code, as a rule


Item = tuple[CorpusFunction, str]
"""A function, and the name of a policy."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A pipeline that beats -Oz by the objective: when it was tried, and what it measures."""

    index: int
    pipeline: str
    measured: Measured


@dataclass(frozen=True, slots=True)
class Run:
    """One policy on one function."""

    function: str
    policy: str
    baseline: Measured
    tried: int
    failures: Mapping[str, int]
    contenders: tuple[Contender, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the result of a run depends on, besides the function, LLVM and what policies know."""

    budget: int
    objective: Objective
    seed: int


def measure(
    functions: Sequence[CorpusFunction],
    policies: Sequence[str],
    settings: Settings,
    folder: Path,
    jobs: int | None,
    console: Console,
) -> list[Run]:
    """A run for each function and policy; those in the folder's file are taken from there.

    Functions of which not even -Oz can be measured are named and left out.
    """
    path, keys = folder / _FILE, {name: _key(settings, name) for name in policies}
    found = {(run.function, run.policy): run for run in _read(path, keys)}
    wanted = [(function, name) for function in functions for name in policies]
    missing = [(f, name) for f, name in wanted if (f.id, name) not in found]

    left_out = set()
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with path.open("ab") as file, Progress(*columns, console=console) as bar:
        file.write(b"\n" if file.tell() else b"")  # what is before may be half a line
        task = bar.add_task("measuring", total=len(wanted), completed=len(wanted) - len(missing))
        for (function, name), run in _runs(missing, settings, jobs):
            bar.advance(task)
            if isinstance(run, OzoneError):
                bar.console.print(f"left out: {run}", highlight=False)
                left_out.add(function.id)
                continue
            file.write(json.dumps({"key": keys[name]} | dataclasses.asdict(run)).encode() + b"\n")
            file.flush()
            found[function.id, name] = run
    return [found[f.id, name] for f, name in wanted if f.id not in left_out]


def _runs(
    items: Sequence[Item], settings: Settings, jobs: int | None
) -> Iterator[tuple[Item, Run | OzoneError]]:
    """What came of each item, as they end."""

    def work(evaluator: Evaluator, _: Cache, item: Item) -> Run | OzoneError:
        try:
            return _run(evaluator, *item, settings)
        except OzoneError as error:
            return error

    for index, run in for_each(items, work, cache=None, jobs=jobs):
        yield items[index], run


def _run(evaluator: Evaluator, function: CorpusFunction, name: str, settings: Settings) -> Run:
    policy = make_policy(name, Terms(settings.seed, objective=settings.objective))
    explored = explore(evaluator, function, policy, settings.budget, settings.objective)
    failures = Counter(str(m) for _, m in explored.tried if isinstance(m, Status))
    contenders = tuple(_contenders(explored, settings.objective))
    return Run(
        function.id, name, explored.baseline, len(explored.tried), dict(failures), contenders
    )


def _contenders(explored: Explored, objective: Objective) -> Iterator[Contender]:
    """Those that beat -Oz; the first few of each cost."""
    limit = cost(objective, explored.baseline, explored.baseline)
    of_a_cost: Counter[int] = Counter()
    for index, (pipeline, measured) in enumerate(explored.tried):
        if isinstance(measured, Status):
            continue
        price = cost(objective, measured, explored.baseline)
        if price is None or limit is None or price >= limit or of_a_cost[price] == _OF_A_COST:
            continue
        of_a_cost[price] += 1
        yield Contender(index, pipeline, measured)


def _key(settings: Settings, policy: str) -> str:
    """What all of a policy's runs must have in common."""
    data = resources.files("agent").joinpath("data")
    files = sorted((path for path in data.iterdir() if path.is_file()), key=lambda path: path.name)
    known = [path.read_bytes() for path in files]
    tools = f"{identity()} {model_identity() if policy.startswith('lm') else ''}"
    return hashlib.sha256(f"{tools} {settings} {known}".encode()).hexdigest()[:16]


def _read(path: Path, keys: Mapping[str, str]) -> Iterator[Run]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        with suppress(ValueError, KeyError, TypeError):  # half a line
            row = json.loads(line)
            if row.pop("key") == keys[row["policy"]]:
                yield _decoded(row)


def _decoded(row: dict[str, Any]) -> Run:
    contenders = tuple(
        Contender(c["index"], c["pipeline"], Measured(**c["measured"])) for c in row["contenders"]
    )
    return Run(**row | {"baseline": Measured(**row["baseline"]), "contenders": contenders})
