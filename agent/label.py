"""`ozone data label`: the best pipelines known for all functions of a corpus store.

A sample of the functions is searched first, and what won there is measured on all of the sample:
the pipelines that together serve it best are broadcast to all. Then each function is searched,
broadcast to and judged. What is finished is in a journal beside the output, so that a run may be
killed at any time and goes on where it was; labels are the same for any number of workers, on a
cluster or not, interrupted or not.

The broadcast pipelines are chosen once for an output, from training functions where there are any:
then nothing found on a held-out function gets into a label of another. Only where held-out ones are
labelled alone do they broadcast, to each other.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import hashlib
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agent.journal import Journal
from agent.labelling import (
    OBJECTIVES,
    Costs,
    Found,
    Outcome,
    Trials,
    Wishes,
    before_of,
    cost_of,
    label,
    ranked,
    search,
)
from agent.nvp import cover
from agent.optimise import Objective
from agent.output import write_file
from anghabench import labels
from anghabench.labels import Label
from anghabench.store import CorpusFunction
from envs.cache import Cache
from envs.evaluator import Evaluator
from envs.pool import Limits
from ir_tools.errors import OzoneError
from ir_tools.installed import identity

LIMITS = Limits(cpu_s=10.0)  # a pipeline that takes longer on one function is of no use
STAGES = ("coreset", "search", "broadcast", "verified")

_FORMAT = 4  # raise it when labels of the same wishes would be others
_SILENCE_S = 60.0  # in a file or a pipe, which shows no progress bar
_SAMPLE = 300  # functions whose winners may be broadcast
_SAMPLE_BUDGET = 300  # candidates of each of those, at least
_CONTENDERS = 300  # winners that are measured on all of them

# A function, and what an earlier search of it has found.
Task = tuple[CorpusFunction, Found | None]
# What goes into the journal, and how many evaluations it took; or why there is nothing.
Done = tuple[bytes, int] | OzoneError
ForEach = Callable[[Sequence[Task], Callable[[Evaluator, Cache, Task], Done]],
                   Iterator[tuple[int, Done]]]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Summary:
    """What a store's labels amount to; `reduction` is in percent, by objective and stage."""

    functions: int
    labelled: int
    skipped: dict[str, int]  # functions, by reason
    evaluations: int  # of all runs
    evaluations_per_s: float  # of this one
    reduction: dict[str, dict[str, float]]
    verdicts: dict[str, int]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    def show(self, console: Console) -> None:
        """A table for people."""
        table = Table("reduction, %", *STAGES, title=f"{self.labelled} functions labelled")
        for objective, stages in self.reduction.items():
            table.add_row(objective, *(f"{stages[stage]:.2f}" for stage in STAGES))
        console.print(table)
        verdicts = ", ".join(f"{count} {kind}" for kind, count in self.verdicts.items())
        console.print(f"{self.evaluations} evaluations; verdicts: {verdicts or 'none'}")
        for reason, count in self.skipped.items():
            console.print(f"skipped {count}: {reason}", markup=False)


def run(
    functions: Iterable[CorpusFunction],
    output: Path,
    wishes: Wishes,
    for_each: ForEach,
    console: Console,
) -> Summary:
    """Label what is not labelled yet. Raises OzoneError; what was finished is written by then."""
    path = output.with_name(f"{output.name}.journal")
    if output.is_file() and not path.exists():
        raise OzoneError(
            f"{output} has labels of another run: write to another file, and see --known"
        )
    journal = Journal(path)
    with contextlib.closing(journal):
        labelling = _Labelling(sorted(functions, key=lambda one: one.id), wishes, journal, for_each)
        try:
            with _bar(console) as bar:
                labelling.run(bar)
        finally:
            rows = (row for outcome in labelling.outcomes() for row in outcome.labels)
            write_file(output, labels.encode(rows))
        return labelling.summary()


def contenders(found: Iterable[Found]) -> list[str]:
    """The pipelines that won most on some functions.

    Each function has as much to say as any other: what counts is the share of its bytes, and of its
    instructions, that its winners save.
    """
    gains: collections.defaultdict[str, float] = collections.defaultdict(float)
    for one in found:
        before = before_of(one.measured)
        for index, objective in enumerate(OBJECTIVES):
            for text, costs in ranked(one.measured, objective)[:1]:
                gains[text] += 1 - costs[index] / before[index]
    return sorted(gains, key=lambda text: (-gains[text], text))[:_CONTENDERS]


def broadcast(
    found: Sequence[Found], costs: Sequence[Sequence[Costs | None]], wishes: Wishes
) -> list[int]:
    """Which contenders to try on all functions: each adds most to those before it.

    `costs` are those of each contender on each function of `found`.
    """
    rows = [
        list(_gains(one, measured, objective))
        for one, measured in zip(found, costs, strict=True)
        for objective in OBJECTIVES
    ]
    return cover(np.array(rows), np.ones(len(rows)), wishes.broadcast) if rows else []


def _gains(found: Found, costs: Iterable[Costs | None], objective: Objective) -> Iterator[float]:
    """What each saves, as a share of what -Oz makes of the function; nothing where it is larger."""
    before = before_of(found.measured)
    for each in costs:
        cost = each and cost_of(each, before, objective)
        yield max(0.0, 1 - cost / before[OBJECTIVES.index(objective)]) if cost else 0.0


class _Labelling:
    """One run over some functions; its journal knows what was done before."""

    def __init__(
        self,
        functions: Sequence[CorpusFunction],
        wishes: Wishes,
        journal: Journal,
        for_each: ForEach,
    ) -> None:
        self._functions, self._wishes = functions, wishes
        self._journal, self._for_each = journal, for_each
        text = f"{_FORMAT} {wishes} {identity()}"
        self._prefix = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._skipped: dict[str, str] = {}  # why, by function
        self._evaluations, self._started = 0, time.monotonic()
        self._said = self._started

    def run(self, bar: Progress) -> None:
        """Do what is left to do."""
        pipelines = self._broadcast(bar)
        tasks = self._missing("label", self._functions)
        work = functools.partial(_label, self._wishes, pipelines)
        self._each("label", tasks, work, bar)

    def _broadcast(self, bar: Progress) -> list[str]:
        """Chosen once a side: functions that join the store later change nothing for the others."""
        trained = [one for one in self._functions if one.split == "train"]
        side = "train" if trained else "held-out"
        stored = self._get("broadcast", side)
        if stored is None:
            stored = json.dumps(self._chosen((trained or self._functions)[:_SAMPLE], bar)).encode()
            self._put("broadcast", side, stored)
        chosen: list[str] = json.loads(stored)
        return chosen

    def _chosen(self, sample: Sequence[CorpusFunction], bar: Progress) -> list[str]:
        """What the sample has to say on what is to be broadcast."""
        deep = dataclasses.replace(self._wishes, budget=max(self._wishes.budget, _SAMPLE_BUDGET))
        self._each("search", self._missing("search", sample), functools.partial(_search, deep), bar)
        found = {one.id: self._found(one) for one in sample}
        names = contenders(filter(None, found.values()))
        stage = f"measure {hashlib.sha256(repr(names).encode()).hexdigest()[:16]}"
        tasks = [task for task in self._missing(stage, sample) if task[1]]
        self._each(stage, tasks, functools.partial(_measure, names), bar)
        pairs = [(found[one.id], self._get(stage, one.id)) for one in sample]
        done = [(one, json.loads(zlib.decompress(costs))) for one, costs in pairs if one and costs]
        searched, costs = [one for one, _ in done], [each for _, each in done]
        return [names[index] for index in broadcast(searched, costs, self._wishes)]

    def _missing(self, stage: str, functions: Iterable[CorpusFunction]) -> list[Task]:
        return [(one, self._found(one)) for one in functions if self._get(stage, one.id) is None]

    def _each(
        self,
        stage: str,
        tasks: Sequence[Task],
        work: Callable[[Evaluator, Cache, Task], Done],
        bar: Progress,
    ) -> None:
        name = stage.partition(" ")[0]
        row = bar.add_task(name, total=len(tasks), rate=0)
        with contextlib.closing(self._for_each(tasks, work)) as results:  # type: ignore[type-var]
            for index, done in results:
                function = tasks[index][0].id
                if isinstance(done, OzoneError):
                    self._skipped[function] = str(done)
                else:
                    self._skipped.pop(function, None)
                    self._put(stage, function, done[0])
                    self._evaluations += done[1]
                bar.update(row, advance=1, rate=self._rate)
                self._say(bar.console, f"{name}: {bar.tasks[row].completed:.0f} of {len(tasks)}")

    def _say(self, console: Console, done: str) -> None:
        """A line now and then, where nobody sees the bar."""
        if not console.is_terminal and time.monotonic() - self._said > _SILENCE_S:
            self._said = time.monotonic()
            console.print(f"{done} functions, {self._rate:.0f} evaluations/s", highlight=False)

    @property
    def _rate(self) -> float:
        return self._evaluations / max(1e-9, time.monotonic() - self._started)

    def _found(self, function: CorpusFunction) -> Found | None:
        stored = self._get("search", function.id)
        return _decoded(stored) if stored else None

    def outcomes(self) -> Iterator[Outcome]:
        """Those of all functions that are done."""
        for function in self._functions:
            stored = self._get("label", function.id)
            if stored:
                fields = json.loads(stored)
                fields["labels"] = tuple(Label(**row) for row in fields["labels"])
                yield Outcome(**fields)

    def summary(self) -> Summary:
        """Of all functions, whenever they were done."""
        outcomes = list(self.outcomes())
        skipped = collections.Counter(self._skipped.values())
        verdicts: collections.Counter[str] = collections.Counter()
        for outcome in outcomes:
            verdicts.update(outcome.verdicts)
        return Summary(
            len(self._functions), len(outcomes), dict(skipped.most_common()),
            sum(outcome.labels[0].evaluations for outcome in outcomes), self._rate,
            _reduction(outcomes), dict(verdicts.most_common()),
        )  # fmt: skip

    def _get(self, stage: str, key: str) -> bytes | None:
        return self._journal.get(f"{stage} {self._prefix} {key}")

    def _put(self, stage: str, key: str, value: bytes) -> None:
        self._journal.put(f"{stage} {self._prefix} {key}", value)


def _search(wishes: Wishes, evaluator: Evaluator, _: Cache, task: Task) -> Done:
    try:
        found = search(evaluator, task[0], wishes)
    except OzoneError as error:
        return error
    return zlib.compress(json.dumps(dataclasses.asdict(found)).encode()), len(found.measured)


def _measure(pipelines: Sequence[str], evaluator: Evaluator, _: Cache, task: Task) -> Done:
    """What each pipeline makes of a function that was searched."""
    function, found = task
    assert found is not None
    try:
        trials = Trials(evaluator, function, found.measured)
        trials.measure(pipelines)
    except OzoneError as error:
        return error
    costs = [trials.measured[text] for text in pipelines]
    return zlib.compress(json.dumps(costs).encode()), len(trials.measured) - len(found.measured)


def _label(
    wishes: Wishes, pipelines: Sequence[str], evaluator: Evaluator, _: Cache, task: Task
) -> Done:
    function, found = task
    try:
        outcome = label(evaluator, function, wishes, pipelines, found)
    except OzoneError as error:
        return error
    evaluations = outcome.labels[0].evaluations - (len(found.measured) if found else 0)
    return json.dumps(dataclasses.asdict(outcome)).encode(), evaluations


def _decoded(stored: bytes) -> Found:
    fields = json.loads(zlib.decompress(stored))

    def tuples(costs: dict[str, Any]) -> dict[str, Any]:
        return {key: value and tuple(value) for key, value in costs.items()}

    return Found(tuples(fields["measured"]), tuples(fields["stages"]))


def _reduction(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """In percent of what -Oz makes of all functions together."""
    reduction: dict[str, dict[str, float]] = {}
    for index, objective in enumerate(OBJECTIVES):
        before = sum(next(row.before for row in one.labels if row.objective == objective)
                     for one in outcomes)  # fmt: skip
        totals = {stage: sum(one.stages[stage][index] for one in outcomes) for stage in STAGES}
        reduction[str(objective)] = {
            stage: 100 * (1 - total / before) if before else 0.0 for stage, total in totals.items()
        }
    return reduction


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} evaluations/s"), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console)
