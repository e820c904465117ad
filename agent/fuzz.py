"""`ozone fuzz`: pipelines that miscompile, found on one function at a time and made small.

Each function is taken out of its module, so that nothing but the function itself can be wrong. What
a judge refutes is a finding: its pipeline loses every pass that does not matter, llvm-reduce takes
what it can from the function, and a folder with everything needed to file a report is written.
Crashes of LLVM are counted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.output import write_file
from agent.policy import random_pipeline
from agent.verify import describe
from envs.evaluation import Artefact, Job, Source
from envs.evaluator import Evaluator
from envs.verification import verify
from ir_tools.errors import OzoneError, WorkerError
from ir_tools.libllvm import loaded_version
from ir_tools.partition import original_name
from ir_tools.passes import Trust, catalogue
from ir_tools.pipeline import Pipeline
from ir_tools.plan import Plan
from ir_tools.process import run_tool
from ir_tools.verify.verdict import Effort, Kind, Side, Verdict

_REDUCERS = ("llvm-reduce-22", "llvm-reduce")
_REDUCTION_S = 180.0  # llvm-reduce writes what it has every time it got smaller
_STEP_S = 1.0  # for a judge of one step: most steps are no finding any more


@dataclass(frozen=True, slots=True)
class Wishes:
    """How much to try; `pipeline` stands for the random ones."""

    pipelines: int = 20  # for each function
    pipeline: Pipeline | None = None
    most_instructions: int = 60
    trust: Trust = Trust.PRODUCTION
    seed: int = 0
    reduce: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A function that a pipeline miscompiles."""

    source: Side
    pipeline: Pipeline
    target: bytes
    verdict: Verdict

    @property
    def name(self) -> str:
        digest = hashlib.sha256(self.source.data + str(self.pipeline).encode()).hexdigest()[:8]
        return f"{original_name(self.source.function)}-{digest}"


class Fuzzer:
    """Runs pipelines on functions; `tally` counts verdicts, crashes and what else came out."""

    def __init__(self, evaluator: Evaluator, effort: Effort, wishes: Wishes) -> None:
        self._evaluator = evaluator
        self._effort = effort
        self._wishes = wishes
        self.tally: Counter[str] = Counter()

    def functions(self, source: Source) -> list[Side]:
        """The functions of a module that are small enough, each in a module of its own."""
        info = self._evaluator.inspect(source)
        most = self._wishes.most_instructions
        names = [f.name for f in info.functions if f.instructions <= most]
        changes = self._evaluator.changes(Job(source, Plan()), names)
        return [Side(change.before, change.symbol) for change in changes if change.symbol]

    def findings(self, function: Side) -> Iterator[Finding]:
        """What the pipelines get wrong, with the pipelines minimised."""
        for pipeline in self._pipelines(function):
            finding = self.attempt(function, pipeline)
            if finding:
                yield self._minimised(finding)

    def _pipelines(self, function: Side) -> Iterator[Pipeline]:
        if self._wishes.pipeline is not None:
            yield self._wishes.pipeline
            return
        digest = hashlib.sha256(function.data).hexdigest()
        rng = random.Random(f"{self._wishes.seed} {digest}")
        passes = tuple(v for row in catalogue(self._wishes.trust) for v in row.variants)
        for _ in range(self._wishes.pipelines):
            yield random_pipeline(rng, passes)

    def attempt(self, function: Side, pipeline: Pipeline) -> Finding | None:
        """Run one pipeline on a function and judge what it makes of it."""
        source = Source(f"@{function.function}", function.data)
        try:
            job = Job(source, Plan(before=str(pipeline)))
            _, target = self._evaluator.build(job, Artefact.BITCODE)
        except WorkerError:
            self.tally["crash"] += 1
            return None
        except OzoneError:
            self.tally["invalid"] += 1
            return None
        pair = (function, Side(target, function.function))
        (verdict,) = verify(self._evaluator, [pair], self._effort)
        self.tally[str(verdict.kind)] += 1
        if verdict.kind is not Kind.REFUTED:
            return None
        return Finding(function, pipeline, target, verdict)

    def _minimised(self, finding: Finding) -> Finding:
        for index in reversed(range(len(finding.pipeline.atoms()))):
            shorter = finding.pipeline.delete(index)
            if shorter.atoms():
                finding = self.attempt(finding.source, shorter) or finding
        return finding

    def reduced(self, finding: Finding) -> Finding:
        """The finding on what llvm-reduce leaves of the function; itself where it is not there."""
        reducer = next(filter(None, map(shutil.which, _REDUCERS)), None)
        if reducer is None or not self._wishes.reduce:
            return finding
        with tempfile.TemporaryDirectory(prefix="ozone-fuzz-") as folder:
            data = _reduce(reducer, Path(folder), finding, self._effort)
        function = dataclasses.replace(finding.source, data=data)
        return self.attempt(function, finding.pipeline) or finding


def _reduce(reducer: str, folder: Path, finding: Finding, effort: Effort) -> bytes:
    """The smallest module found in time for which this very command still finds something."""
    before, after, script = folder / "before.bc", folder / "after.bc", folder / "interesting"
    before.write_bytes(finding.source.data)
    seconds = str(min(effort.smt_s, _STEP_S))
    command = [
        sys.executable, "-P", "-m", "agent.cli", "fuzz", "--no-reduce", "--most-instructions",
        str(10**9), "--pipeline", str(finding.pipeline), "--timeout", seconds,
        "--unroll", str(effort.unroll), "-j", "1",
    ]  # fmt: skip
    script.write_text(f'#!/bin/sh\n{shlex.join(command)} "$1" >/dev/null 2>&1\ntest $? -eq 1\n')
    script.chmod(0o755)
    argv = [reducer, f"--test={script}", str(before), "-o", str(after)]
    run_tool(argv, timeout_s=_REDUCTION_S, cwd=folder, env=os.environ | {"OZONE_CACHE": ""})
    return (after if after.exists() else before).read_bytes()


def fuzz(
    paths: Sequence[Path],
    fuzzer: Fuzzer,
    output: Path | None,
    say: Callable[[str], None],
    advance: Callable[[], None],
) -> int:
    """Try all functions of these modules; how many findings there are, each in its own folder."""
    found = 0
    for path in paths:
        try:
            source = Source(str(path), path.read_bytes())
        except OSError as error:
            raise OzoneError(f"cannot read {path}: {error.strerror}") from error
        for function in fuzzer.functions(source):
            for full in fuzzer.findings(function):
                found += 1
                finding = fuzzer.reduced(full)
                say(f"{path}: -passes='{finding.pipeline}'")
                target = Side(finding.target, finding.source.function)
                say(describe(finding.source, target, finding.verdict))
                if output is not None:
                    _write(output / finding.name, finding)
        advance()
    return found


def _write(folder: Path, finding: Finding) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OzoneError(f"cannot write {folder}: {error.strerror}") from error
    write_file(folder / "source.bc", finding.source.data)
    write_file(folder / "target.bc", finding.target)
    write_file(folder / "report.md", _report(finding).encode())


def _report(finding: Finding) -> str:
    command = shlex.join(["opt", f"-passes={finding.pipeline}", "source.bc", "-o", "target.bc"])
    check = shlex.join(
        ["ozone", "verify", "source.bc", "target.bc", "--function", finding.source.function]
    )
    target = Side(finding.target, finding.source.function)
    return (
        f"# A miscompile of @{finding.source.function}\n\nLLVM {loaded_version()}:\n\n"
        f"```sh\n{command}\n{check}\n```\n\n"
        f"```\n{describe(finding.source, target, finding.verdict)}\n```\n"
    )
