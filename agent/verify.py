"""`ozone verify`: is the target a refinement of the source?"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envs.evaluation import Source
from envs.evaluator import Evaluator
from envs.verification import verify
from ir_tools.errors import NotComparableError, OzoneError
from ir_tools.verify.verdict import Effort, Kind, Side, Verdict

_HOLDS, _REFUTED, _OPEN = 0, 1, 2
BAD_INPUT = 3
_CODES = {
    Kind.PROVED: _HOLDS,
    Kind.BOUNDED: _HOLDS,
    Kind.REFUTED: _REFUTED,
    Kind.TESTED: _OPEN,
    Kind.UNKNOWN: _OPEN,
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to compare: files, and functions where they are named. None stands for the usual."""

    source: Path
    target: Path | None = None
    source_function: str | None = None
    target_function: str | None = None


def run(wishes: Wishes, effort: Effort, evaluator: Evaluator, *, as_json: bool) -> int:
    """Print a verdict for each pair; the exit code. Raises OzoneError for bad input."""
    pairs = _pairs(wishes, evaluator)
    verdicts = verify(evaluator, pairs, effort)
    if as_json:
        rows = [
            {"source": s.function, "target": t.function, **dataclasses.asdict(verdict)}
            for (s, t), verdict in zip(pairs, verdicts, strict=True)
        ]
        print(json.dumps(rows, indent=2))
    else:
        for (source, target), verdict in zip(pairs, verdicts, strict=True):
            print(describe(source, target, verdict))
    return exit_code(verdicts)


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 when all are proved or bounded, 1 when one is refuted, 2 otherwise."""
    codes = {_CODES[verdict.kind] for verdict in verdicts}
    return _REFUTED if _REFUTED in codes else max(codes, default=_HOLDS)


def describe(source: Side, target: Side, verdict: Verdict) -> str:
    """The verdict for people: a line, and the counterexample where there is one."""
    names = dict.fromkeys((f"@{source.function}", f"@{target.function}"))
    details = {
        Kind.BOUNDED: f", loops unrolled {verdict.unroll} times",
        Kind.TESTED: f", {verdict.inputs} inputs",
    }
    line = f"{' -> '.join(names)}: {verdict.kind}{details.get(verdict.kind, '')} ({verdict.judge})"
    if verdict.reason:
        line += f": {verdict.reason}"
    return f"{line}\n{verdict.counterexample}".rstrip()


def _pairs(wishes: Wishes, evaluator: Evaluator) -> list[tuple[Side, Side]]:
    source = _read(wishes.source)
    target = source if wishes.target is None else _read(wishes.target)
    if wishes.source_function and wishes.target_function:
        names = [(wishes.source_function, wishes.target_function)]
    elif wishes.target is None:
        names = twins(_defined(source, evaluator)) or [("src", "tgt")]
    else:
        there = _defined(target, evaluator)
        names = [(name, name) for name in _defined(source, evaluator) if name in there]
        if not names:
            raise NotComparableError(
                f"{wishes.source} and {wishes.target} define no function of the same name: "
                "use --src-fn and --tgt-fn"
            )
    _check(names, source, target, evaluator)
    return [(Side(source.data, first), Side(target.data, second)) for first, second in names]


def twins(names: Sequence[str]) -> list[tuple[str, str]]:
    """The functions `src…` with their `tgt…`, as files of test cases name them."""
    pairs = [(name, f"tgt{name[3:]}") for name in names if name.startswith("src")]
    return [pair for pair in pairs if pair[1] in names]


def _check(
    names: Sequence[tuple[str, str]], source: Source, target: Source, evaluator: Evaluator
) -> None:
    for side, index in ((source, 0), (target, 1)):
        defined = _defined(side, evaluator)
        for pair in names:
            if pair[index] not in defined:
                known = ", ".join(f"@{name}" for name in defined[:8]) or "none"
                raise NotComparableError(
                    f"{side.name} defines no function @{pair[index]}: defined are {known}"
                )


def _defined(source: Source, evaluator: Evaluator) -> list[str]:
    return [function.name for function in evaluator.inspect(source).functions]


def _read(path: Path) -> Source:
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise OzoneError(f"cannot read {path}: {error.strerror}") from error
    return Source(str(path), data)
