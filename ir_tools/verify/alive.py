"""alive-tv, the translation validator of Alive2, as a further judge where the user has it.

It is what `OZONE_ALIVE_TV` names (empty: none), or else the `alive-tv` on the PATH. What it prints
is read; its exit code is 0 for refutations too.

    proved    "seems to be correct", and no function of the pair has a loop
    bounded   the same, where there is one: alive-tv unrolls loops, and says nothing of the rest
    refuted   "doesn't verify", with an example in which no input is undef, as for our own judges
    unknown   anything else: a time-out, a crash, an approximation, words that we do not know

What is not covered: refutations of functions that call themselves, which alive-tv takes for calls
that may not return; functions of two files under two names, which it cannot pair.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ir_tools.errors import ToolError, one_line
from ir_tools.process import ToolResult, run_tool

if TYPE_CHECKING:  # they take a while, and ozone-cc asks for `identity` at every start
    from ir_tools.verify import ir
    from ir_tools.verify.verdict import Effort, Side, Verdict

    Pair = tuple[ir.Function, ir.Function]

ENVIRONMENT_VARIABLE = "OZONE_ALIVE_TV"
JUDGE = "alive-tv"
_QUERIES = 6  # whose time limit is each one's own; then the whole is ended
_SAFE_EXITS = ("br", "switch", "ret", "unreachable", "resume")

_CORRECT = re.compile(r"^Transformation seems to be correct!", re.M)
_WRONG = re.compile(
    r"^Transformation doesn't verify!\s+^ERROR: ([^\n]*)\n\s*^(Example:.*)", re.M | re.S
)
_ANSWERS = re.compile(r"^Transformation (?:seems|doesn't)", re.M)
_ERROR = re.compile(r"^ERROR: (.*)", re.M)
_SUMMARY = re.compile(r"^Summary:\s+(\d+) correct\D+(\d+) incorrect\D+(\d+) failed\D+(\d+) ", re.M)


def tool() -> str | None:
    """The alive-tv to ask, None for none. Raises ToolError where the one named is absent."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen == "":
        return None
    found = shutil.which(chosen or "alive-tv")
    if chosen and found is None:
        raise ToolError(f"{ENVIRONMENT_VARIABLE} names no program that can be run: {chosen}")
    return found and os.path.abspath(found)


def identity() -> str:
    """Changes when another alive-tv, or none, is asked."""
    found = tool()
    if found is None:
        return ""
    path = Path(found).resolve()
    status = path.stat()
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def check(program: str, source: Side, target: Side, effort: Effort, pair: Pair) -> Verdict:
    """What alive-tv says of a pair, whose functions are given as values too."""
    with tempfile.TemporaryDirectory(prefix="ozone-alive-") as folder:
        try:
            question = _question(Path(folder), source, target)
        except OSError as error:
            return _unknown(f"cannot write: {error.strerror}")
        if not question:
            return _unknown("pairs functions of two files by name")
        limits = (f"--smt-to={int(1000 * effort.smt_s)}", *_unrolling(effort.unroll))
        result = run_tool(
            [program, *limits, *question], timeout_s=_QUERIES * effort.smt_s + 1, cwd=folder
        )
    return _judged(result, effort, pair)


def _unrolling(times: int) -> tuple[str, str]:
    return f"--src-unroll={times}", f"--tgt-unroll={times}"


def _question(folder: Path, source: Side, target: Side) -> list[str]:
    """Files and names; nothing where alive-tv cannot be told which function is meant."""
    (folder / "source.ll").write_bytes(source.data)
    if source.data == target.data and source.function != target.function:
        return [f"--src-fn={source.function}", f"--tgt-fn={target.function}", "source.ll"]
    (folder / "target.ll").write_bytes(target.data)
    if source.function != target.function:
        return []
    return [f"--func={source.function}", "source.ll", "target.ll"]


def _judged(result: ToolResult, effort: Effort, pair: Pair) -> Verdict:
    if result.timed_out or result.signal_name:
        return _unknown(result.ending)
    said = b"\n".join((result.stdout, result.stderr)).decode(errors="replace")
    wrong, correct, errors = _WRONG.search(said), _CORRECT.search(said), _ERROR.findall(said)
    if len(_ANSWERS.findall(said)) > 1 or not _agrees(said, bool(wrong), bool(correct)):
        return _unknown("more than one answer")
    if wrong:
        return _refuted(wrong[1], wrong[2].partition("\nSummary:")[0].strip(), pair)
    if correct and not errors:
        return _correct(effort, pair)
    return _unknown(errors[0] if errors else "no answer that Ozone knows")


def _agrees(said: str, is_wrong: bool, is_correct: bool) -> bool:
    """Does the summary, which some versions leave out, count just this answer?"""
    summary = _SUMMARY.search(said)
    if summary is None or not (is_wrong or is_correct):
        return True
    return [*map(int, summary.groups())] == [int(is_correct), int(is_wrong), 0, 0]


def _correct(effort: Effort, pair: Pair) -> Verdict:
    from ir_tools.verify.verdict import Kind, Verdict

    if not any(map(_may_repeat, pair)):
        return Verdict(Kind.PROVED, JUDGE)
    reason = f"loops unrolled {effort.unroll} times"
    return Verdict(Kind.BOUNDED, JUDGE, reason, unroll=effort.unroll)


def _refuted(law: str, example: str, pair: Pair) -> Verdict:
    from ir_tools.verify.verdict import Kind, Verdict

    if re.search(r"= .*\bundef\b", example):
        return _unknown(f"{law}, where something is undef")
    if any(map(_calls_itself, pair)):
        return _unknown(f"perhaps: {law}; but the function calls itself")
    return Verdict(Kind.REFUTED, JUDGE, law.strip(), counterexample=example)


def _unknown(reason: str) -> Verdict:
    from ir_tools.verify.verdict import Kind, Verdict

    return Verdict(Kind.UNKNOWN, JUDGE, f"{JUDGE}: {one_line(reason)}")


def _may_repeat(function: ir.Function) -> bool:
    """Is there a cycle of blocks, or might there be?"""
    ends = {block.name: block.terminator for block in function.blocks}
    if any(end.opcode not in _SAFE_EXITS for end in ends.values()):
        return True
    follow = {name: set(end.targets) for name, end in ends.items()}
    while leaves := [name for name, targets in follow.items() if not targets & follow.keys()]:
        for name in leaves:
            del follow[name]
    return bool(follow)


def _calls_itself(function: ir.Function) -> bool:
    calls = (each.call for each in function.instructions() if each.call)
    return any(call.name == function.name for call in calls)
