"""`ozone tune`: many files at once, C or IR, with progress; and the demonstration on our examples.

Everything measured is cached, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from agent.compile import compile_bitcode
from agent.compiled import Compiled, remember
from agent.optimise import Settings
from agent.output import write_file
from agent.report import Row, show
from envs.cache import Cache, default_path
from envs.evaluation import Source
from envs.evaluator import Evaluator
from envs.parallel import for_each
from ir_tools import clang
from ir_tools.errors import OzoneError
from ir_tools.process import run_tool

_RUN_TIMEOUT_S = 60.0
_IR_SUFFIXES = (".ll", ".bc")
_EXAMPLES = ("-std=c11",)


def load(path: Path, arguments: Sequence[str]) -> Source:
    """Unoptimised bitcode of a C file, or IR as it is. Raises OzoneError."""
    try:
        if path.suffix in _IR_SUFFIXES:
            return Source(str(path), path.read_bytes())
        path.stat()
    except OSError as error:
        raise OzoneError(f"cannot read {path}: {error.strerror}") from error
    return Source(str(path), clang.unoptimised_bitcode(path, arguments))


def compile_files(
    paths: Sequence[Path],
    arguments: Sequence[str],
    settings: Settings,
    *,
    jobs: int | None,
    console: Console,
) -> Iterator[tuple[Path, Compiled | OzoneError]]:
    """The object of each file, as they are finished, or what was wrong with it."""

    def work(evaluator: Evaluator, cache: Cache, path: Path) -> Compiled | OzoneError:
        try:
            source = load(path, arguments)
            return remember(
                cache, source.data, (source.name, arguments, settings),
                lambda: compile_bitcode(source, arguments, settings, evaluator),
            )  # fmt: skip
        except OzoneError as error:
            return error

    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("optimising", total=len(paths))
        for index, result in for_each(paths, work, cache=default_path(), jobs=jobs):
            progress.advance(task)
            yield paths[index], result


def tune(
    paths: Sequence[Path],
    arguments: Sequence[str],
    settings: Settings,
    *,
    jobs: int | None,
    output: Path | None,
    console: Console,
) -> tuple[list[Row], dict[Path, OzoneError]]:
    """Rows in the order of the paths, and the failures; objects go to the folder `output`."""
    if output is not None:
        _make_folder(output, paths)
    rows: dict[Path, Row] = {}
    errors: dict[Path, OzoneError] = {}
    for path, result in compile_files(paths, arguments, settings, jobs=jobs, console=console):
        if isinstance(result, OzoneError):
            errors[path] = result
            continue
        rows[path] = Row.of(str(path), result)
        if output is not None:
            write_file(output / f"{path.stem}.o", result.output)
    return [rows[path] for path in paths if path in rows], errors


def _make_folder(folder: Path, paths: Sequence[Path]) -> None:
    """The folder for the objects. Raises OzoneError; also where two objects would be one file."""
    twice = [name for name, n in Counter(path.stem for path in paths).items() if n > 1]
    if twice:
        raise OzoneError(f"cannot write {folder / twice[0]}.o twice: several inputs have that name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OzoneError(f"cannot write {folder}: {error.strerror}") from error


def demo(settings: Settings, *, jobs: int | None, console: Console) -> bool:
    """Shrink the example programs, run each before and after, show the table.

    True when every program passes its own checks both times and none grew.
    """
    with contextlib.ExitStack() as stack:
        examples = stack.enter_context(
            resources.as_file(resources.files("anghabench") / "examples")
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ozone-demo-")))
        paths = sorted(examples.glob("*.c"))
        results = dict(compile_files(paths, _EXAMPLES, settings, jobs=jobs, console=console))
        rows, checks = [], {}
        for path in paths:
            compiled = results[path]
            if isinstance(compiled, OzoneError):
                raise compiled
            rows.append(Row.of(path.name, compiled))
            checks[path.name] = _check(path, compiled, folder)
    show(rows, console, checks)
    return all(check == "ok" for check in checks.values()) and all(
        row.ours.size <= row.baseline.size for row in rows
    )


def _check(path: Path, compiled: Compiled, folder: Path) -> str:
    """`ok` when both programs pass their own checks and print the same, else what went wrong."""
    plain, ours = folder / f"{path.stem}-oz", folder / f"{path.stem}-ozone"
    image = folder / f"{path.stem}.o"
    image.write_bytes(compiled.output)
    clang.run_clang([*_EXAMPLES, "-Oz", str(path), "-o", str(plain)]).check()
    clang.run_clang([str(image), "-o", str(ours)]).check()
    before, after = (run_tool([str(p)], timeout_s=_RUN_TIMEOUT_S) for p in (plain, ours))
    for result in (before, after):
        if result.returncode:
            return f"FAIL: {Path(result.argv[0]).name}: {result.ending}"
    return "ok" if before.stdout == after.stdout else "FAIL: other output"
