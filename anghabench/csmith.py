"""Random C programs without undefined behaviour, from csmith (Yang et al., PLDI 2011).

A seed gives the same program wherever the same csmith runs; CompilerGym's `csmith-v0` is csmith
2.3.0, Debian's too. Programs print a checksum of their globals. Some take longer than any limit.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from anghabench.program import Benchmark, Command, Dataset, compiled
from ir_tools.errors import BenchmarkError, ToolError, UnknownBenchmarkError
from ir_tools.process import run_tool

_SEEDS = 1 << 32
_TIMEOUT_S = 60.0
_RUN_TIMEOUT_S = 10.0  # of those that end, most do so within milliseconds
_MEMORY_BYTES = 2 << 30
_HEADERS = ("include/csmith", "include/csmith-2.3.0", "include")  # below csmith's prefix
_INSTALL = "run 'apt-get install csmith libcsmith-dev'"


def _paths() -> Iterator[str]:
    return map(str, range(_SEEDS))


def _load(uri: str, path: str) -> Benchmark:
    if not (path.isascii() and path.isdecimal() and int(path) < _SEEDS):
        raise UnknownBenchmarkError(f"{uri}: a seed is a whole number below {_SEEDS}")
    return Benchmark(
        uri, _bitcode(int(path), _csmith()), Command(link=(), timeout_s=_RUN_TIMEOUT_S)
    )


def csmith_version() -> str:
    """What the installed csmith calls itself. Raises ToolError where there is none."""
    with tempfile.TemporaryDirectory() as folder:  # for the file that it leaves
        result = run_tool([_csmith(), "--version"], timeout_s=_TIMEOUT_S, cwd=folder).check()
    return result.stdout.decode(errors="replace").splitlines()[0].strip()


def _csmith() -> str:
    found = shutil.which("csmith")
    if found is None:
        raise ToolError(f"csmith not found: {_INSTALL}")
    return found


def _headers(csmith: str) -> Path:
    prefix = Path(os.path.realpath(csmith)).parent.parent
    for folder in (prefix / name for name in _HEADERS):
        if (folder / "csmith.h").is_file():
            return folder
    raise ToolError(f"csmith.h not found below {prefix}/include: {_INSTALL}")


@lru_cache(maxsize=64)
def _bitcode(seed: int, csmith: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:  # where csmith leaves a file of its own
        source = Path(folder, f"csmith-{seed}.c")
        result = run_tool(
            [csmith, "--seed", str(seed), "--output", str(source)],
            timeout_s=_TIMEOUT_S, cwd=folder, memory_limit_bytes=_MEMORY_BYTES,
        )  # fmt: skip
        if result.returncode or result.timed_out:
            raise BenchmarkError(f"csmith --seed {seed}: {result.ending}: take another seed")
        return compiled(source, (f"-I{_headers(csmith)}",))


CSMITH = Dataset(
    "generator://csmith-v0",
    "random C programs by seed, from csmith",
    "BSD-2-Clause, as csmith",
    _paths,
    _load,
    size=_SEEDS,
)
