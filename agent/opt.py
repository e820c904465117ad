"""`ozone opt`: read IR, find the best plan, write IR. A drop-in for `opt -passes=`."""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.optimise import Outcome, Settings, optimise
from agent.output import write_file
from agent.tally import Tally
from envs.evaluation import Artefact, Job, Source
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError

_STANDARD = "-"
_BEST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Files:
    """What is read and written; "-" is standard input or output."""

    input: str
    output: str = _STANDARD
    artefact: Artefact = Artefact.BITCODE
    report: Path | None = None  # JSON of everything


def run(files: Files, settings: Settings, evaluator: Evaluator, *, quiet: bool) -> None:
    """Optimise one file. Raises OzoneError before anything is written."""
    source = _read(files)
    outcome = optimise(evaluator, source, settings)
    for warning in outcome.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    _, data = evaluator.build(Job(source, outcome.plan, settings.target), files.artefact)
    _write(files.output, data)
    if files.report is not None:
        write_file(files.report, json.dumps(report(outcome, settings), indent=2).encode())
    if not quiet and settings.policy != "oz":
        print(describe(source.name, outcome, settings), file=sys.stderr)


def _read(files: Files) -> Source:
    reads, writes = files.input == _STANDARD, files.output == _STANDARD
    if (reads and not sys.stdin) or (writes and not sys.stdout):
        raise OzoneError("standard input or output is closed")
    if writes and files.artefact is not Artefact.IR and sys.stdout.isatty():
        raise OzoneError("bitcode does not belong on a terminal: use -S, or -o FILE")
    if reads:
        return Source("<stdin>", sys.stdin.buffer.read())
    try:
        return Source(files.input, Path(files.input).read_bytes())
    except OSError as error:
        raise OzoneError(f"cannot read {files.input}: {error.strerror}") from error


def _write(output: str, data: bytes) -> None:
    if output != _STANDARD:
        write_file(Path(output), data)
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise OzoneError(f"cannot write standard output: {error.strerror}") from error


def report(outcome: Outcome, settings: Settings) -> dict[str, object]:
    """Everything about an outcome, for machines."""
    return {
        "settings": dataclasses.asdict(settings),
        "improved": outcome.improved,
        "candidates": outcome.candidates,
        "baseline": _sizes(outcome, baseline=True),
        "ours": _sizes(outcome, baseline=False),
        "refused": dict(outcome.refused),
        "refutations": [dataclasses.asdict(each) for each in outcome.refutations],
        "failures": {str(status): count for status, count in outcome.failures.items()},
        "warnings": list(outcome.warnings),
        "functions": [dataclasses.asdict(choice) for choice in outcome.choices],
        "plan": dataclasses.asdict(outcome.plan),
    }


def _sizes(outcome: Outcome, *, baseline: bool) -> dict[str, int]:
    evaluation = outcome.baseline if baseline else outcome.evaluation
    names = ("size", "text", "rodata", "data", "eh_frame", "instructions")
    return {name: getattr(evaluation, name) for name in names}


def describe(name: str, outcome: Outcome, settings: Settings) -> str:
    """The summary for people: sizes, the functions that gained most, what it took."""
    objective = settings.objective
    before, after = objective.of(outcome.baseline), objective.of(outcome.evaluation)
    smaller = [c for c in outcome.choices if c.after < c.before]
    unit = "instructions" if objective == "instructions" else f"bytes of {objective}"
    lines = [
        f"{name}: {before} -> {after} {unit} ({percent(before, after)}), "
        f"{len(smaller)} of {len(outcome.baseline.functions)} functions smaller"
    ]
    for choice in sorted(smaller, key=lambda c: c.after - c.before)[:_BEST_SHOWN]:
        lines.append(f"  {choice.function}: {choice.before} -> {choice.after}  {choice.pipeline}")
    failed = ", ".join(f"{count} {status}" for status, count in outcome.failures.items())
    lines.append(f"  {outcome.candidates} candidates, failures survived: {failed or 'none'}")
    changed = [
        dataclasses.asdict(choice) for choice in outcome.choices if choice.before != choice.after
    ]
    lines.append(f"  {Tally.of(changed, outcome.refused)}")
    return "\n".join(lines)


def percent(before: int, after: int) -> str:
    """The change as `-3.1 %`."""
    return f"{100 * (after - before) / before:+.1f} %" if before else "0.0 %"
