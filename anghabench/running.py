"""Programs linked, run and compared: does an optimised benchmark do what it did before?

What is compared: the exit code or signal, standard output and error, and every file left in the
folder that a program runs in. What is not: what no run shows. Programs that do not end, crash or
differ from run to run before they are optimised cannot be validated. It is no sandbox.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from anghabench.program import Benchmark, Command
from ir_tools.clang import AS_IT_IS, run_clang
from ir_tools.errors import BenchmarkError, one_line
from ir_tools.process import ToolResult, run_tool

_MEMORY_BYTES = 4 << 30
_PATIENCE = 2  # times the limit, for the optimised program: a busy machine is no difference
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class _Outcome:
    ending: str
    timed_out: bool
    outputs: tuple[tuple[str, bytes], ...]  # streams and files, by name


def link(bitcode: bytes, command: Command, folder: Path) -> Path:
    """The executable of a program, generated from the bitcode as it is, in that folder.

    Raises BenchmarkError with the linker's message.
    """
    source, program = folder / "program.bc", folder / "program"
    source.write_bytes(bitcode)
    result = run_clang((*AS_IT_IS, "-w", str(source), "-o", str(program), *command.link))
    if result.returncode or result.timed_out:
        lines = result.stderr.decode(errors="replace").splitlines()
        reason = next((line for line in lines if "error" in line or "undefined" in line), "")
        raise BenchmarkError(f"the program does not link: {one_line(reason) or result.ending}")
    return program


def run(program: Path, command: Command, place: Path, timeout_s: float) -> ToolResult:
    """Run a linked program once, in an empty folder beside it, which gets the command's files."""
    for name, content in command.files:
        (place / name).write_bytes(content)
    return run_tool(
        # The same name each time: programs print their own.
        [f"../{program.name}", *command.arguments],
        timeout_s=timeout_s, stdin=command.stdin, cwd=place, env={"LC_ALL": "C"},
        memory_limit_bytes=_MEMORY_BYTES,
    )  # fmt: skip


def validate(benchmark: Benchmark, bitcode: bytes) -> str | None:
    """How the benchmark, optimised to `bitcode`, differs from itself when it is run; None if not.

    Raises BenchmarkError where no comparison is possible.
    """
    if benchmark.run is None:
        raise BenchmarkError(f"{benchmark.uri} has no main: nothing to run")
    before = _reference(benchmark)
    if isinstance(before, str):
        raise BenchmarkError(f"{benchmark.uri} cannot be validated: {before}")
    try:
        after = _outcome(bitcode, benchmark.run, benchmark.run.timeout_s * _PATIENCE)
    except BenchmarkError as error:
        return str(error)
    return _difference(before, after)


@lru_cache(maxsize=64)
def _reference(benchmark: Benchmark) -> _Outcome | str:
    """What the unoptimised program does, the same twice; or why that tells nothing."""
    command = benchmark.run
    assert command is not None
    first = _outcome(benchmark.bitcode, command, command.timeout_s)
    if first.timed_out or first.ending.startswith("SIG"):
        return f"unoptimised, {first.ending}"
    difference = _difference(first, _outcome(benchmark.bitcode, command, command.timeout_s))
    return f"run twice, {difference}" if difference else first


def _outcome(bitcode: bytes, command: Command, timeout_s: float) -> _Outcome:
    with tempfile.TemporaryDirectory() as folder:
        program, place = link(bitcode, command, Path(folder)), Path(folder, "run")
        place.mkdir()
        result = run(program, command, place, timeout_s)
        left = sorted(file for file in place.rglob("*") if file.is_file())
        files = ((str(file.relative_to(place)), file.read_bytes()) for file in left)
        streams = (("standard output", result.stdout), ("standard error", result.stderr))
        return _Outcome(result.ending, result.timed_out, (*streams, *files))


def _difference(before: _Outcome, after: _Outcome) -> str | None:
    if before.ending != after.ending:
        return f"{before.ending} became {after.ending}"
    old, new = dict(before.outputs), dict(after.outputs)
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            return f"{name} is missing"
        if name not in old:
            return f"{name} is new"
        if old[name] != new[name]:
            return f"{name} differs: {_first(old[name], new[name])}"
    return None


def _first(old: bytes, new: bytes) -> str:
    """Where two contents begin to differ."""
    pairs = enumerate(zip(old, new, strict=False))
    place = next((i for i, (a, b) in pairs if a != b), min(len(old), len(new)))
    start = max(0, place - _SHOWN // 2)
    shown = (content[start : start + _SHOWN].decode(errors="replace") for content in (old, new))
    return f"at byte {place}, {' became '.join(map(repr, shown))}"
