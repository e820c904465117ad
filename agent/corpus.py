"""`ozone data build`: from sources of modules to a store of functions, each once.

In three steps, of which each is done for what is not done yet: modules are taken apart into
functions; it is decided which of them to keep; those are measured. What is finished lies in
`STORE/work`, so that a build goes on where it was, and adding to a corpus costs what is added.

Whatever LLVM or clang does to a module happens in processes of its own; what goes wrong is counted
by its reason and costs that module or function.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from agent.parts import TARGET
from anghabench import duplicates, functions, store
from anghabench.card import data_card
from anghabench.duplicates import Candidate
from anghabench.functions import Parts
from anghabench.harvest import Compiler
from anghabench.sources import Module, Source, reason
from anghabench.store import CorpusFunction, Measured
from anghabench.work import Work
from envs import evaluation
from envs.cache import Cache
from envs.evaluation import Evaluation, Job, Status
from envs.evaluator import Evaluator
from envs.parallel import for_each
from envs.pool import Death, Limits, Reply, Request
from ir_tools import clang, installed
from ir_tools.errors import OzoneError, StoreError, WorkerError
from ir_tools.llvm import Context
from ir_tools.plan import OZ, Plan
from ir_tools.process import own_module

_REVISION = 1  # raise it when `anghabench.functions.parts` makes something else of a module
_PLANS = {"o0": Plan(), "oz": Plan(before=OZ), "o3": Plan(before="default<O3>")}
_BATCH = 1000  # modules, or functions, that are in memory at once
_LIMITS = Limits(cpu_s=20.0)
_MOST = {"train": 3000, "held-out": 300}  # functions of one project: none has the last word
_FLEETING = (Status.HANG, Status.OOM, Status.KILLED)  # with other limits, or another day, it works


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a module has no parts."""

    reason: str
    lasting: bool = True  # there is no point in trying again


@dataclass(frozen=True, slots=True)
class Found:
    """A function on its way into the store: where it is from, and what is compared of it."""

    module: Module  # without its content
    key: str
    digest: str  # of the module's parts: of files that have one name, one comes first
    position: int
    candidate: Candidate

    @property
    def order(self) -> tuple[Any, ...]:
        """Held-out functions first, then those of real programs."""
        module = self.module
        return (
            module.split != "held-out", module.source != "debian",
            module.source, module.project, module.file, self.digest, self.position,
        )  # fmt: skip


@dataclass(slots=True)
class Counts:
    """What became of everything that was looked at, for the manifest."""

    modules: int = 0
    failed_modules: Counter[str] = field(default_factory=Counter)
    functions: int = 0  # that there are in the modules
    left_out: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    surplus: Counter[str] = field(default_factory=Counter)  # by project
    failed_functions: Counter[str] = field(default_factory=Counter)


def build(sources: Sequence[Source], folder: Path, jobs: int | None, console: Console) -> None:
    """Build the store in a folder. Raises OzoneError; then as when interrupted, work is kept."""
    bar = Progress(console=console, disable=not console.is_terminal)
    with store.locked(folder / "work"), bar:
        build = _Build(folder, jobs, bar)
        kept = build.balanced(build.kept(build.found(sources)))
        measured = build.measured(kept)
        versions = dict(itertools.chain(*(source.versions().items() for source in sources)))
        about = _about(build.counts, versions)
        store.write(folder, build.written(kept, measured), about)
    with contextlib.suppress(OSError):
        (folder / "DATA_CARD.md").write_text(data_card(folder))
    count = len(measured)
    console.print(f"{count} functions of {build.counts.modules} modules: see 'ozone data stats'")


def compiler() -> Compiler:
    """ozone-cc as a sieve: it keeps bitcode, and compiles as plain clang does."""
    argv, environment = own_module("agent.cc")
    return Compiler(
        command=shlex.join(argv),
        folder_variable="OZONE_HARVEST",
        environment=environment | {"OZONE_BUDGET": "0"},
    )


def described(folder: Path, beginning: str) -> str:
    """A function of the store as text. Raises StoreError where there is none, or several."""
    found = [one for one in store.read(folder) if one.id.startswith(beginning)]
    if len(found) != 1:
        few = "".join(f" {one.id}" for one in found[:3])
        raise StoreError(f"{len(found)} functions have an id that begins with {beginning}:{few}")
    (one,) = found
    with Context() as context, context.parse(one.bitcode, one.id) as module:
        text = str(module)
    values = dataclasses.asdict(one) | {"bitcode": f"{len(one.bitcode)} bytes"}
    values["autophase"] = " ".join(map(str, one.autophase))
    return "".join(f"; {name}: {value}\n" for name, value in values.items()) + text


def _about(counts: Counts, versions: Mapping[str, str]) -> dict[str, Any]:
    front_end = clang.run_clang(["--version"]).check().stdout.decode().splitlines()[0]
    return {
        "tools": {"llvm": installed.loaded_version(), "clang": front_end},
        "versions": dict(sorted(versions.items())),
        "limits": {
            "least_instructions": functions.LEAST_INSTRUCTIONS,
            "most_instructions": functions.MOST_INSTRUCTIONS,
            "shingle": functions.SHINGLE,
            "similar": duplicates.SIMILAR,
            "permutations": duplicates.PERMUTATIONS,
            "bands": duplicates.BANDS,
            "most_of_a_project": _MOST,
        },
        "counts": {f.name: getattr(counts, f.name) for f in dataclasses.fields(counts)},
    }


class _Build:
    """One build: its work so far, and its counts."""

    def __init__(self, folder: Path, jobs: int | None, bar: Progress) -> None:
        self._work = Work(folder / "work" / "modules.sqlite")
        self._evaluations = folder / "work" / "evaluations.sqlite"
        self._jobs = jobs
        self._bar = bar
        self._tools = f"{_REVISION} {installed.identity()} {clang.identity()}"
        self.counts = Counts()

    # --- modules to functions ------------------------------------------------------------------

    def found(self, sources: Sequence[Source]) -> list[Found]:
        """The functions of all modules, in the order in which they are preferred."""
        total = sum(1 for source in sources for _ in source.modules())
        task = self._bar.add_task("taking modules apart", total=total)
        modules = ((source, module) for source in sources for module in source.modules())
        found: list[Found] = []
        while batch := list(itertools.islice(modules, _BATCH)):
            for module, key, parts in self._taken_apart(batch):
                found += self._counted(module, key, parts)
                self._bar.advance(task)
        self._bar.console.print(f"{len(found)} functions of {self.counts.modules} modules")
        return sorted(found, key=lambda one: one.order)

    def _taken_apart(
        self, batch: list[tuple[Source, Module]]
    ) -> Iterator[tuple[Module, str, Parts | Failed]]:
        """What each module is taken apart into, in any order."""
        new = []
        for source, module in batch:
            key = hashlib.sha256(f"{self._tools} {module.key}".encode()).hexdigest()
            done = self._work.get(key)
            if done is None:
                new.append((source, module, key))
            else:
                yield module, key, done
        with contextlib.closing(
            for_each(new, _take_apart, cache=None, jobs=self._jobs, limits=_LIMITS)
        ) as results:
            for index, parts in results:
                _, module, key = new[index]
                if isinstance(parts, Parts) or parts.lasting:
                    self._work.put(key, parts)
                yield module, key, parts

    def _counted(self, module: Module, key: str, parts: Parts | Failed) -> Iterator[Found]:
        counts = self.counts
        counts.modules += 1
        if isinstance(parts, Failed):
            counts.failed_modules[parts.reason] += 1
            return
        counts.functions += len(parts.parts) + sum(parts.left_out.values())
        counts.left_out.update(parts.left_out)
        light = dataclasses.replace(module, content=b"")
        digest = hashlib.sha256(b"".join(part.bitcode for part in parts.parts)).hexdigest()
        for position, part in enumerate(parts.parts):
            candidate = Candidate(part.id, module.split, part.shingles)
            yield Found(light, key, digest, position, candidate)

    # --- which to keep ------------------------------------------------------------------------

    def kept(self, found: Sequence[Found]) -> list[Found]:
        """Those that are like no other that comes before."""
        task = self._bar.add_task("comparing functions", total=len(found))
        decide, kept = duplicates.Filter(), list[Found]()
        for one in found:
            removal = decide.removal(one.candidate)
            if removal is None:
                kept.append(one)
            else:
                self.counts.removed[removal] += 1
            self._bar.advance(task)
        self._bar.console.print(f"{len(kept)} of them once")
        return kept

    def balanced(self, kept: Sequence[Found]) -> list[Found]:
        """Of a large project, so many: those whose ids, which are hashes, come first."""
        taken, balanced = Counter[tuple[str, str]](), set[str]()
        for one in sorted(kept, key=lambda one: one.candidate.id):
            project = one.module.source, one.module.project
            taken[project] += 1
            if taken[project] <= _MOST[one.module.split]:
                balanced.add(one.candidate.id)
            else:
                self.counts.surplus["/".join(project)] += 1
        return [one for one in kept if one.candidate.id in balanced]

    # --- what they measure --------------------------------------------------------------------

    def measured(self, kept: Sequence[Found]) -> dict[tuple[str, int], dict[str, Measured]]:
        """What each function measures, where nothing went wrong."""
        task = self._bar.add_task("measuring functions", total=len(kept))
        groups = [list(group) for _, group in itertools.groupby(kept, key=lambda one: one.key)]
        measured: dict[tuple[str, int], dict[str, Measured]] = {}
        results = for_each(
            groups, self._measure, cache=self._evaluations, jobs=self._jobs, limits=_LIMITS
        )
        with contextlib.closing(results):
            for index, each in results:
                for one, values in zip(groups[index], each, strict=True):
                    if isinstance(values, Failed):
                        self.counts.failed_functions[values.reason] += 1
                    else:
                        measured[one.key, one.position] = values
                self._bar.advance(task, len(each))
        return measured

    def _measure(
        self, evaluator: Evaluator, _: Cache, group: list[Found]
    ) -> list[dict[str, Measured] | Failed]:
        """The same for functions of one module."""
        parts = self._work.get(group[0].key).parts
        return [_measure_one(evaluator, parts[one.position]) for one in group]

    # --- all together -------------------------------------------------------------------------

    def written(
        self, kept: Iterable[Found], measured: Mapping[tuple[str, int], Mapping[str, Measured]]
    ) -> Iterator[CorpusFunction]:
        """The functions of the store, project by project."""
        good = (one for one in kept if (one.key, one.position) in measured)
        for key, group in itertools.groupby(good, key=lambda one: one.key):
            parts = self._work.get(key).parts
            for one in group:
                part, module = parts[one.position], one.module
                yield CorpusFunction(
                    id=part.id,
                    source=module.source,
                    project=module.project,
                    file=module.file,
                    function=part.function,
                    licence=module.licence,
                    split=module.split,
                    symbol=part.symbol,
                    bitcode=part.bitcode,
                    autophase=part.autophase,
                    marks=part.marks,
                    **measured[key, one.position],
                )


def _take_apart(evaluator: Evaluator, _: Cache, item: tuple[Source, Module, str]) -> Parts | Failed:
    source, module, _key = item
    try:
        bitcode = source.bitcode(module)
    except OzoneError as error:
        return Failed(reason(error))
    request = Request("parts", evaluation.Source(module.file, bitcode), (TARGET,))
    (reply,) = evaluator.ask([request])
    if isinstance(reply, Reply):
        parts: Parts = reply.value
        return parts
    if isinstance(reply, Death):
        return Failed(_cause(reply.status, reply.message), reply.status not in _FLEETING)
    return Failed(reason(reply))


def _measure_one(evaluator: Evaluator, part: functions.Part) -> dict[str, Measured] | Failed:
    source = evaluation.Source(part.id, part.bitcode)
    try:
        results = evaluator.evaluate([Job(source, plan, TARGET) for plan in _PLANS.values()])
    except WorkerError:  # we are being interrupted
        raise
    except OzoneError as error:
        return Failed(reason(error))
    for name, result in zip(_PLANS, results, strict=True):
        if not result.ok:
            return Failed(f"{name}: {_cause(result.status, result.message)}")
    return {name: _sizes(result) for name, result in zip(_PLANS, results, strict=True)}


def _sizes(result: Evaluation) -> Measured:
    return Measured(instructions=result.instructions, text=result.text, size=result.size)


def _cause(status: Status, message: str) -> str:
    """The kind of a failure, and the signal of a crash: what many have in common."""
    return f"{status}: {message.partition(':')[0]}" if status is Status.CRASH else str(status)
