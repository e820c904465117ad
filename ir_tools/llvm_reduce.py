"""llvm-reduce, with its questions answered in this process.

For each module that it thinks of, thousands of them, llvm-reduce starts a program and looks at the
exit code. Ours is a shell script that hands on the file's name through one named pipe and reads the
answer from another, which takes about a millisecond: any Python takes longer to start.

What is covered: a time limit; no file and no process outlives the call, Ctrl-C included. Should
this process be killed with SIGKILL, the script says no to everything, and llvm-reduce ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ir_tools.process import running_tool

_NAMES = ("llvm-reduce-22", "llvm-reduce")
_YES, _NO = b"0\n", b"1\n"
_SCRIPT = """\
#!/bin/sh
kill -0 {process} && echo "$1" >{questions} && read answer <{answers} && exit "$answer"
exit 1
"""


def find() -> str | None:
    """The llvm-reduce of this machine."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def shrink(tool: str, module: bytes, holds: Callable[[bytes], bool], timeout_s: float) -> bool:
    """Look for smaller modules, textual IR, for which `holds`; whether the search came to its end.

    Every module for which it does is smaller than the one before: the last of them is the result.
    It must hold for `module`, or nothing is tried. Raises ToolError.
    """
    deadline, known = time.monotonic() + timeout_s, dict[bytes, bool]()
    with (
        tempfile.TemporaryDirectory(prefix="ozone-reduce-") as folder,
        _pipe(Path(folder, "questions")) as questions,
        _pipe(Path(folder, "answers")) as answers,
    ):
        source = Path(folder, "source.ll")
        source.write_bytes(module)
        argv = [tool, f"--test={_script(folder)}", str(source), "-o", f"{source}.reduced", "-j=1"]
        with running_tool(argv, env=os.environ | {"TMPDIR": folder}) as ended:
            while time.monotonic() < deadline:
                left_s = max(0.0, deadline - time.monotonic())
                ready = select.select([questions, ended], [], [], left_s)[0]
                if questions in ready:
                    name = os.read(questions, select.PIPE_BUF).decode().removesuffix("\n")
                    candidate = Path(name).read_bytes()
                    if candidate not in known:  # half of them are asked about twice
                        known[candidate] = holds(candidate)
                    os.write(answers, _YES if known[candidate] else _NO)
                elif ended in ready:
                    return True
    return False


def _script(folder: str) -> Path:
    pipes = {name: shlex.quote(os.path.join(folder, name)) for name in ("questions", "answers")}
    script = Path(folder, "holds")
    script.write_text(_SCRIPT.format(process=os.getpid(), **pipes))
    script.chmod(0o700)
    return script


@contextlib.contextmanager
def _pipe(path: Path) -> Iterator[int]:
    """A named pipe, open at both ends, so that neither side waits for the other to open it."""
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
