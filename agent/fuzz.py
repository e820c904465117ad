"""`ozone fuzz`: pipelines that miscompile, found on one function at a time and made small.

Each function is taken out of its module, so that nothing but the function itself can be wrong. What
a judge refutes is a finding: its pipeline loses every pass and parameter that does not matter, and
llvm-reduce takes what it can from the function as long as a judge still refutes, by the same law. A
refutation shows an input on which the source has no undefined behaviour, so a finding cannot lose
its point on the way. Crashes of LLVM are counted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.findings import NOT_ASKED, Finding, Findings
from agent.minimise import minimal
from agent.policy import random_pipeline
from envs.evaluation import Artefact, Job, Source
from envs.evaluator import Evaluator
from envs.verification import RUNGS, verify
from ir_tools import llvm_reduce
from ir_tools.errors import NotComparableError, OzoneError, WorkerError
from ir_tools.installed import identity
from ir_tools.passes import Trust, catalogue
from ir_tools.pipeline import Pipeline
from ir_tools.plan import Plan
from ir_tools.verify import alive
from ir_tools.verify.verdict import Effort, Kind, Side

_SUFFIXES = (".bc", ".ll")
# The interpreter shows most differences in 20 ms; a proof that there is none may take seconds.
_INTERPRETED, _SOLVED = ("interpretation",), ("interpretation", "smt")
_CHEAP = ((12, _INTERPRETED), (64, _INTERPRETED), (64, _SOLVED))  # inputs to run, and judges
_CHEAP_S = 1.0  # for each judge


@dataclass(frozen=True, slots=True)
class Wishes:
    """How much to try; `pipeline` stands for the random ones, None as `reduce_s` for no reduction.

    A function counts as tried under equal wishes only.
    """

    pipelines: int = 20  # for each function
    pipeline: Pipeline | None = None
    most_instructions: int = 60
    trust: Trust = Trust.PRODUCTION
    seed: int = 0
    reduce_s: float | None = 60.0  # for each finding


Judges = tuple[Effort, Sequence[str]]


class Fuzzer:
    """Runs pipelines on functions; `tally` counts verdicts on different results, and crashes."""

    def __init__(self, evaluator: Evaluator, effort: Effort, wishes: Wishes) -> None:
        self._evaluator = evaluator
        self._thorough: Judges = (effort, RUNGS)
        seconds = min(effort.smt_s, _CHEAP_S)
        cheap = dataclasses.replace(effort, smt_s=seconds, execution_s=seconds)
        self._cheap: list[Judges] = [
            (dataclasses.replace(cheap, runs=runs), rungs) for runs, rungs in _CHEAP
        ]
        self._wishes = wishes
        self.tally: Counter[str] = Counter()

    def functions(self, source: Source) -> Iterator[Side]:
        """The functions of a module that are small enough, each in a module of its own, as text."""
        info = self._evaluator.inspect(source)
        most = self._wishes.most_instructions
        names = [f.name for f in info.functions if f.instructions <= most]
        for change in self._evaluator.changes(Job(source, Plan()), names):
            if change.symbol:
                yield Side(self._run(Side(change.before, change.symbol), ""), change.symbol)

    def key(self, function: Side) -> str:
        """What a function counts as tried under."""
        text = f"{identity()} {self._wishes} {self._thorough} "
        return hashlib.sha256(text.encode() + function.data).hexdigest()[:32]

    def findings(self, function: Side) -> Iterator[Finding]:
        """What the pipelines get wrong, with the pipelines minimised."""
        made = self._made(function)
        pairs = [(function, Side(target, function.function)) for target in made]
        try:
            verdicts = verify(self._evaluator, pairs, *self._thorough)
        except NotComparableError:  # a function of another type
            self.tally["invalid"] += len(pairs)
            return
        self.tally.update(str(verdict.kind) for verdict in verdicts)
        for (target, pipeline), verdict in zip(made.items(), verdicts, strict=True):
            if verdict.kind is Kind.REFUTED:
                yield self.minimised(Finding(function, pipeline, target, verdict))

    def _made(self, function: Side) -> dict[bytes, Pipeline]:
        """What pipelines make of a function, and the first one that does."""
        made: dict[bytes, Pipeline] = {}
        for pipeline in self._pipelines(function):
            try:
                made.setdefault(self._run(function, str(pipeline)), pipeline)
            except OzoneError as error:
                self.tally["crash" if isinstance(error, WorkerError) else "invalid"] += 1
        return made

    def _pipelines(self, function: Side) -> Iterator[Pipeline]:
        if self._wishes.pipeline is not None:
            yield self._wishes.pipeline
            return
        digest = hashlib.sha256(function.data).hexdigest()
        rng = random.Random(f"{self._wishes.seed} {digest}")
        passes = tuple(v for row in catalogue(self._wishes.trust) for v in row.variants)
        for _ in range(self._wishes.pipelines):
            yield random_pipeline(rng, passes)

    def minimised(self, finding: Finding) -> Finding:
        """The finding with the shortest pipeline, judged thoroughly once more."""
        judges, _ = self._cheapest(finding)
        shorter = {finding.pipeline: finding}

        def holds(pipeline: Pipeline) -> bool:
            found = self._attempt(finding.source, pipeline, judges)
            if found:
                shorter[pipeline] = found
            return found is not None

        best = minimal(finding.pipeline, holds)
        return self._attempt(finding.source, best, self._thorough) or shorter[best]

    def reduce(self, finding: Finding, keep: Callable[[Finding], None]) -> None:
        """Tell `keep` of the finding, the same law broken, on ever smaller functions."""
        tool, seconds = llvm_reduce.find(), self._wishes.reduce_s
        if tool is None or seconds is None:
            return
        judges, same = self._cheapest(finding)

        def holds(module: bytes) -> bool:
            smaller = Side(module, finding.source.function)
            found = self._attempt(smaller, finding.pipeline, judges)
            if found is None or found.law != same.law:
                return False
            keep(found)
            return True

        llvm_reduce.shrink(tool, finding.source.data, holds, seconds)

    def second_opinion(self, finding: Finding) -> str:
        """What alive-tv says, for the report."""
        if alive.tool() is None:
            return NOT_ASKED
        pair = (finding.source, Side(finding.target, finding.source.function))
        (verdict,) = verify(self._evaluator, [pair], self._thorough[0], ("alive",))
        if verdict.kind is Kind.REFUTED:
            return f"alive-tv agrees: {verdict.reason}\n\n```\n{verdict.counterexample}\n```"
        return f"alive-tv does not agree: {verdict.kind}. {verdict.reason}".rstrip(". ") + "."

    def _cheapest(self, finding: Finding) -> tuple[Judges, Finding]:
        """The first judges who refute what the thorough ones did, and how they do."""
        for judges in self._cheap:
            found = self._attempt(finding.source, finding.pipeline, judges)
            if found:
                return judges, found
        return self._thorough, finding

    def _attempt(self, function: Side, pipeline: Pipeline, judges: Judges) -> Finding | None:
        """Run a pipeline on a function and judge what it makes of it."""
        try:
            target = self._run(function, str(pipeline))
            pair = (function, Side(target, function.function))
            (verdict,) = verify(self._evaluator, [pair], *judges)
        except OzoneError:
            return None
        is_wrong = verdict.kind is Kind.REFUTED
        return Finding(function, pipeline, target, verdict) if is_wrong else None

    def _run(self, function: Side, pipeline: str) -> bytes:
        """What `opt -S` makes of it. Raises OzoneError."""
        job = Job(Source(f"@{function.function}", function.data), Plan(before=pipeline))
        return self._evaluator.build(job, Artefact.IR)[1]


class Run:
    """Over many modules; `say` is told of each finding."""

    def __init__(self, fuzzer: Fuzzer, findings: Findings, say: Callable[[str], None]) -> None:
        self._fuzzer, self._findings, self._say = fuzzer, findings, say
        self.found = 0
        self.unreadable = 0

    def module(self, path: Path) -> None:
        """Try all functions that were not tried before. A file that is no IR stops nothing."""
        try:
            functions = list(self._fuzzer.functions(Source(str(path), path.read_bytes())))
        except (OSError, OzoneError) as error:
            self._say(f"{path}: {error}")
            self.unreadable += 1
            return
        for function in functions:
            key = self._fuzzer.key(function)
            if not self._findings.is_tried(key):
                for finding in self._fuzzer.findings(function):
                    self._add(path, finding)
                self._findings.tried(key)

    def _add(self, path: Path, finding: Finding) -> None:
        self.found += 1
        if self._findings.is_known(finding):
            self._say(f"{path}: once more: -passes='{finding.pipeline}'")
            self._findings.another(finding, path)
            return
        smaller, opinion = [finding], NOT_ASKED
        try:
            self._fuzzer.reduce(finding, smaller.append)
            smaller.append(self._fuzzer.minimised(smaller[-1]))
            opinion = self._fuzzer.second_opinion(smaller[-1])
        finally:  # what there is when the user has had enough
            self._findings.add(finding, smaller[-1], opinion)
            self._say(f"{path}: -passes='{smaller[-1].pipeline}'\n{smaller[-1]}")

    def __str__(self) -> str:
        outcomes = [f"{count} {name}" for name, count in self._fuzzer.tally.most_common()]
        return f"{self.found} found; {', '.join(outcomes) or 'nothing tried'}"


def modules(paths: Sequence[Path]) -> list[Path]:
    """The files, and those of IR and bitcode in the folders, in order."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
        found += inside if path.is_dir() else [path]
    return found
