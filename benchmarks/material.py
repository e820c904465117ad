"""What benchmarks work on: the example programs, harvested bitcode, single functions of both."""

from __future__ import annotations

import functools
import os
import random
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from envs.evaluation import Source
from ir_tools import clang
from ir_tools.errors import InvalidModuleError
from ir_tools.llvm import Context
from ir_tools.partition import extractable, split

_CFLAGS = ("-std=c11",)


@dataclass(frozen=True, slots=True)
class Options:
    """What a run of benchmarks may be told.

    folder   sources of Debian's programs, builds and caches
    quick    a tenth of the repetitions; figures are then only a sign that things work
    bitcode  a folder with more modules (`.bc`, at any depth), as `ozone data harvest` leaves them
    """

    folder: Path
    quick: bool = False
    bitcode: Path | None = None

    def times(self, count: int) -> int:
        """That many repetitions, or a tenth of them."""
        return max(1, count // 10) if self.quick else count


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """A module that defines one function, and the function's size."""

    source: Source
    function: str
    instructions: int


@functools.cache
def examples(*arguments: str) -> tuple[Source, ...]:
    """The example programs as clang hands them to its optimiser."""
    with resources.as_file(resources.files("anghabench") / "examples") as folder:
        paths, options = sorted(folder.glob("*.c")), (*_CFLAGS, *arguments)
        return tuple(Source(p.name, clang.unoptimised_bitcode(p, options)) for p in paths)


def modules(bitcode: Path | None) -> list[Source]:
    """The modules under that folder, the same one once; without a folder the examples."""
    if bitcode is None:
        return list(examples())
    unique = {path.read_bytes(): str(path) for path in sorted(bitcode.rglob("*.bc"))}
    return [Source(name, data) for data, name in unique.items()]


def functions(sources: Iterable[Source]) -> list[FunctionSource]:
    """Every function of the modules that can stand alone, in a module of its own."""
    found = []
    for source in sources:
        with Context() as context, context.parse(source.data, source.name) as module:
            for part in split(module, extractable(module)):
                with part:
                    (function,) = part.defined_functions()
                    name, count = function.name, function.instruction_count
                    found.append(
                        FunctionSource(Source(f"{source.name}:{name}", part.bitcode()), name, count)
                    )
    return found


def sample(bitcode: Path | None, count: int, least: int, seed: int = 0) -> list[FunctionSource]:
    """So many functions of `least` instructions or more, drawn at random; fewer where there are."""
    rng, sources = random.Random(seed), modules(bitcode)
    found: list[FunctionSource] = []
    rng.shuffle(sources)
    while sources and (bitcode is None or len(found) < 4 * count):
        try:
            found += [one for one in functions([sources.pop()]) if one.instructions >= least]
        except InvalidModuleError:  # what cannot be taken apart is no function to sample
            continue
    return rng.sample(found, min(count, len(found)))


def text(source: Source) -> str:
    """The module as textual IR."""
    with Context() as context, context.parse(source.data, source.name) as module:
        return str(module)


def script(name: str) -> str:
    """The path of one of our console scripts, beside the Python that runs this."""
    return str(Path(sys.executable).with_name(name))


def environment(folder: Path, **ozone: str) -> Mapping[str, str]:
    """Additions to the environment of an installed tool: byte code is cached, as pip leaves it."""
    byte_code = {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder.resolve() / "byte-code"),
    }
    return os.environ | byte_code | ozone
