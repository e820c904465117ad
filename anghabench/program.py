"""The values that datasets are made of, and programs from their sources.

A benchmark's bitcode is what clang -Oz hands to its optimiser; one of several files is linked.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ir_tools.clang import unoptimised_bitcode
from ir_tools.errors import BenchmarkError, ToolError, one_line
from ir_tools.llvm import Context, Module

# What a program of unknown age is compiled with: errors alone, the first of them, on one line.
_QUIET = ("-w", "-ferror-limit=1", "-fno-caret-diagnostics")


@dataclass(frozen=True, slots=True)
class Command:
    """How a program is linked, and run in a folder of its own.

    link       what clang is told besides the bitcode, for example `-lm`
    arguments  of the program; it is the only one to know what they mean
    stdin      what it reads there
    files      names and contents that lie in the folder before it starts
    timeout_s  for the unoptimised program, which takes a small part of it
    """

    link: tuple[str, ...] = ("-lm",)
    arguments: tuple[str, ...] = ()
    stdin: bytes = b""
    files: tuple[tuple[str, bytes], ...] = ()
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A program to be optimised; `run` is None where it has no `main`."""

    uri: str
    bitcode: bytes
    run: Command | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Benchmarks whose URIs begin with `name`.

    paths  what follows in the URI, for every benchmark, in an order that stays
    load   from the URI and its path to the benchmark; None where there is none of that path

    Both raise BenchmarkError when the dataset is not on this machine, saying how to get it.
    """

    name: str
    description: str
    licence: str
    paths: Callable[[], Iterator[str]]
    load: Callable[[str, str], Benchmark | None]
    size: int | None = None  # where counting the paths is no way to know it

    def uris(self) -> Iterator[str]:
        """The URIs of all benchmarks."""
        return (f"{self.name}/{urllib.parse.quote(path)}" for path in self.paths())

    def count(self) -> int:
        """How many benchmarks there are."""
        return sum(1 for _ in self.paths()) if self.size is None else self.size


def compiled(source: Path, flags: Sequence[str] = ()) -> bytes:
    """The unoptimised bitcode of a C or C++ file. Where the file lies makes no difference to it.

    Raises BenchmarkError with clang's first error, ToolError where there is no clang.
    """
    if not source.is_file():
        raise BenchmarkError(f"no such file: {source}")
    try:
        bitcode = unoptimised_bitcode(source, (*flags, *_QUIET))
    except ToolError as error:
        lines = [line for line in str(error).splitlines() if "error:" in line]
        if not lines:
            raise
        raise BenchmarkError(f"{source.name} does not compile: {one_line(lines[0])}") from error
    with Context() as context, context.parse(bitcode, source.name) as module:
        module.source_name = source.name
        return module.bitcode()


def linked(sources: Sequence[Path], flags: Sequence[str] = ()) -> bytes:
    """The unoptimised bitcode of a program of several files."""
    parts = [compiled(source, flags) for source in sources]
    if len(parts) == 1:
        return parts[0]
    with Context() as context, context.parse(parts[0], sources[0].name) as program:
        for source, part in zip(sources[1:], parts[1:], strict=True):
            program.link(context.parse(part, source.name))
        return program.bitcode()


def has_main(module: Module) -> bool:
    main = module.function("main")
    return main is not None and not main.is_declaration
