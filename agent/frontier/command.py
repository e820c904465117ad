"""`ozone bench`: measure, judge, count, and report."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import shlex
import statistics
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from agent.autotuners import make_policy
from agent.frontier import report
from agent.frontier.curves import Point, points
from agent.frontier.runs import Run, Settings, measure
from agent.frontier.winners import choose
from agent.optimise import Objective
from agent.parts import sample
from agent.policy import Terms
from anghabench import labels, store
from ir_tools.errors import OzoneError
from ir_tools.installed import loaded_version
from ir_tools.verify.verdict import Accept

_TOOLS = ("ozone", "numpy", "scikit-learn", "nevergrad", "opentuner")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to compare, and where to put it."""

    store: Path
    policies: tuple[str, ...]
    budgets: tuple[int, ...]
    functions: int | None  # all, or a sample of the held-out split
    objective: Objective
    accept: Accept | None
    seed: int
    folder: Path  # of what was measured, from which an interrupted run goes on
    jobs: int | None
    labels: Path | None = None  # the best that is known, to compare with
    json: Path | None = None
    plot: Path | None = None


def run(wishes: Wishes, console: Console) -> list[Point]:
    """The frontier, shown and written. Raises OzoneError."""
    _check(wishes)
    started = time.monotonic()
    held_out = list(store.read(wishes.store, "held-out"))
    functions = sample(held_out, wishes.functions or len(held_out), wishes.seed)
    if not functions:
        raise OzoneError(f"no held-out functions in {wishes.store}")
    settings = Settings(max(wishes.budgets), wishes.objective, wishes.seed)
    progress = Console(stderr=True)
    with store.locked(wishes.folder):
        runs = measure(functions, wishes.policies, settings, wishes.folder, wishes.jobs, progress)
    kept = choose(
        functions, runs, wishes.budgets, wishes.objective, wishes.accept, wishes.jobs, progress
    )
    projects = {function.id: function.project for function in functions}
    found = list(points(runs, kept, projects, wishes.objective))
    about = _about(wishes, projects, runs) | {"wall_s": round(time.monotonic() - started)}
    if wishes.labels is not None:
        about["best_known"] = _best_known(wishes.labels, {run.function for run in runs}, wishes)
    report.show(found, about, console)
    if wishes.json is not None:
        report.write_json(wishes.json, found, about)
    if wishes.plot is not None:
        report.plot(wishes.plot, found, about)
    return found


def _best_known(path: Path, functions: Collection[str], wishes: Wishes) -> dict[str, float]:
    """What labels save of the functions that have some, as a share of what -Oz makes of those."""
    rows = [
        row
        for row in labels.read(path)
        if row.id in functions and row.rank == 0 and row.objective == wishes.objective
    ]
    if not rows:
        raise OzoneError(f"{path} has no labels for {wishes.objective} of any of these functions")
    before, after = sum(row.before for row in rows), sum(row.after for row in rows)
    evaluations = statistics.fmean(row.evaluations for row in rows)
    return {"functions": len(rows), "evaluations": evaluations, "total": 1 - after / before}


def _check(wishes: Wishes) -> None:
    """What would fail only after hours."""
    if wishes.plot is not None and wishes.plot.suffix not in report.PLOT_SUFFIXES:
        raise OzoneError(f"cannot plot to '{wishes.plot}': end it in .png, .svg or .pdf")
    for name in wishes.policies:
        make_policy(name, Terms(wishes.seed, objective=wishes.objective))
    if wishes.labels is not None and not any(
        row.objective == wishes.objective for row in labels.read(wishes.labels)
    ):
        raise OzoneError(f"{wishes.labels} has no labels for {wishes.objective}")
    for path in filter(None, (wishes.json, wishes.plot)):
        if not path.absolute().parent.is_dir():
            raise OzoneError(f"cannot write {path}: there is no such folder")


def _about(wishes: Wishes, projects: Mapping[str, str], runs: Sequence[Run]) -> dict[str, Any]:
    """What the figures are of, and what it takes to get them once more."""
    functions = {run.function for run in runs}
    failures = {
        policy: sum((Counter(run.failures) for run in runs if run.policy == policy), Counter())
        for policy in wishes.policies
    }
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["ozone", *sys.argv[1:]]),
        "store": store.manifest(wishes.store)["content"],
        "functions": len(functions),
        "projects": len({projects[function] for function in functions}),
        "objective": wishes.objective.value,
        "accept": wishes.accept.value if wishes.accept else "unverified",
        "budgets": sorted(wishes.budgets),
        "seed": wishes.seed,
        "failures": failures,
        "tools": {"llvm": loaded_version(), "python": platform.python_version()} | _versions(),
    }


def _versions() -> dict[str, str]:
    installed = {each.name.lower() for each in importlib.metadata.distributions() if each.name}
    return {name: importlib.metadata.version(name) for name in _TOOLS if name in installed}
