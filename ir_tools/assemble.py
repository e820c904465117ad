"""IR or bitcode from anywhere to bitcode of this LLVM, read in a process of its own.

LLVM's readers may crash on what no LLVM has written, which must not end a training run.
"""

from __future__ import annotations

import sys

from ir_tools.errors import InvalidModuleError, OzoneError, ParseError, one_line
from ir_tools.llvm import Context
from ir_tools.process import own_module, run_tool

_TIMEOUT_S = 120.0
_MEMORY_BYTES = 4 << 30
_REFUSED = 65  # EX_DATAERR: Python itself ends with 1


def assemble(data: bytes, name: str) -> bytes:
    """The bitcode of textual IR or bitcode, verified. Raises ParseError with LLVM's message."""
    argv, environment = own_module("ir_tools.assemble", name)
    result = run_tool(
        argv, timeout_s=_TIMEOUT_S, stdin=data, env=environment, memory_limit_bytes=_MEMORY_BYTES
    )
    if result.returncode == _REFUSED:
        raise ParseError(result.stderr.decode(errors="replace").strip())
    if result.returncode or result.timed_out:
        raise ParseError(f"{one_line(name)}: LLVM cannot read it as IR or bitcode: {result.ending}")
    return result.stdout


def main() -> int:
    name = sys.argv[1]
    try:
        with Context() as context, context.parse(sys.stdin.buffer.read(), name) as module:
            sys.stdout.buffer.write(module.bitcode())
    except InvalidModuleError as error:
        print(f"{one_line(name)}: {error}", file=sys.stderr)
        return _REFUSED
    except OzoneError as error:  # which names it
        print(error, file=sys.stderr)
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
