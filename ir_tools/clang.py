"""The C and C++ front end, and clang's own code generation: clang 22 as a process.

`clang-22` where it is installed, else the same clang inside the `ziglang` package.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ir_tools.errors import ToolError
from ir_tools.process import ToolResult, exec_tool, run_tool

_ENVIRONMENT_VARIABLE = "OZONE_CLANG"
_TIMEOUT_S = 600.0
# What makes clang stop before its own optimiser; the functions keep -Oz's minsize and optsize.
UNOPTIMISED = ("-Oz", "-Xclang", "-disable-llvm-passes", "-c", "-emit-llvm")
# Generate code from IR as it is. Options that only the front end reads are silently unused.
AS_IT_IS = ("-Oz", "-Xclang", "-disable-llvm-passes", "-Qunused-arguments")


@functools.cache
def clang() -> tuple[str, ...]:
    """The command that starts clang 22.

    Raises ToolError, with what to install, where there is none.
    """
    chosen = os.environ.get(_ENVIRONMENT_VARIABLE)
    if chosen:
        return tuple(shlex.split(chosen))
    found = shutil.which("clang-22")
    if found:
        return (found,)
    import importlib.util  # slow

    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc")
    raise ToolError(
        "clang 22 not found: run 'apt-get install clang-22' or 'pip install ziglang==0.17.1', "
        f"or set {_ENVIRONMENT_VARIABLE}"
    )


def identity() -> str:
    """Changes when another clang is installed: its path, size and time of modification."""
    path = Path(shutil.which(clang()[0]) or clang()[0]).resolve()
    stat = path.stat()
    return f"{path} {stat.st_size} {stat.st_mtime_ns}"


def run_clang(arguments: Sequence[str]) -> ToolResult:
    """Run clang quietly. Raises ToolError when it cannot be started; look at the result's code."""
    return run_tool((*clang(), *arguments), timeout_s=_TIMEOUT_S)


def exec_clang(arguments: Sequence[str]) -> int:
    """Run clang in our place, on our terminal; its exit code."""
    return exec_tool((*clang(), *arguments))


def unoptimised_bitcode(source: Path, arguments: Sequence[str] = ()) -> bytes:
    """The bitcode of a C or C++ file as -Oz sees it before its first pass.

    Raises ToolError with clang's own messages.
    """
    argv = (*arguments, *UNOPTIMISED, str(source), "-o", "-")
    return run_clang(argv).check().stdout
