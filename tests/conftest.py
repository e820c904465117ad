"""What all tests share: an environment that is not the user's, C to IR, who is still running."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envs.evaluation import Source
from ir_tools.clang import unoptimised_bitcode
from ir_tools.process import ToolResult, run_tool

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "anghabench" / "examples").glob("*.c"))

CompileC = Callable[..., Source]
RunModule = Callable[..., ToolResult]


@pytest.fixture(autouse=True)
def isolated_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's wishes, or reads or writes the user's cache."""
    for name in [name for name in os.environ if name.startswith("OZONE_")]:
        if name not in ("OZONE_CLANG", "OZONE_LIBLLVM"):  # where the tools are is the machine's
            monkeypatch.delenv(name)
    monkeypatch.setenv("OZONE_ALIVE_TV", "")  # or verdicts would depend on what is on the PATH
    monkeypatch.setenv("OZONE_CACHE", str(tmp_path / "cache" / "results.sqlite"))
    monkeypatch.setenv("OZONE_SERVER", "0")


@pytest.fixture(scope="session")
def clang() -> str:
    """The front end's command; skips where it is not installed."""
    found = shutil.which("clang-22")
    if found is None:
        pytest.skip("clang-22 is not installed")
    return found


@pytest.fixture(scope="session")
def compile_c(clang: str) -> CompileC:
    """Unoptimised bitcode of C text, as -Oz sees it before its first pass."""

    @functools.cache
    def compile_text(text: str, name: str = "test.c", *options: str) -> Source:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_text(text)
            return Source(name, unoptimised_bitcode(path, options))

    return compile_text


@pytest.fixture(scope="session")
def examples(clang: str) -> Mapping[str, Source]:
    """The shipped example programs, unoptimised, by name."""
    return {path.stem: Source(path.name, unoptimised_bitcode(path)) for path in EXAMPLES}


@pytest.fixture
def run_module(tmp_path: Path) -> RunModule:
    """Runs `python -m MODULE ARGUMENTS…` in an empty folder of its own."""

    def run(
        module: str,
        *arguments: str | Path,
        stdin: bytes | None = None,
        timeout_s: float = 60,
        **env: str,
    ) -> ToolResult:
        return run_tool(
            [sys.executable, "-m", module, *map(str, arguments)],
            timeout_s=timeout_s,
            stdin=stdin,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        )

    return run


class Marked:
    """The living processes that inherited an environment variable of ours."""

    def __init__(self) -> None:
        self.variable = f"TEST_MARK_{uuid.uuid4().hex}"

    def pids(self, containing: str = "") -> list[int]:
        """Those whose command line contains a text; zombies do not count."""
        return [
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit() and self._matches(folder, containing)
        ]

    def _matches(self, folder: Path, containing: str) -> bool:
        try:
            if self.variable.encode() not in (folder / "environ").read_bytes():
                return False
            return containing in (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it ended, or is somebody else's
            return False

    def wait_for(self, containing: str, count: int = 1, timeout_s: float = 20) -> list[int]:
        """Those processes, as soon as there are so many."""
        deadline = time.monotonic() + timeout_s
        while len(pids := self.pids(containing)) < count:
            assert time.monotonic() < deadline, f"no process '{containing}' appeared"
            time.sleep(0.02)
        return pids

    def wait_until_gone(self, timeout_s: float = 5) -> None:
        deadline = time.monotonic() + timeout_s
        while pids := self.pids():
            assert time.monotonic() < deadline, f"still running: {pids}"
            time.sleep(0.02)


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> Marked:
    """Marks every process that the test starts."""
    mark = Marked()
    monkeypatch.setenv(mark.variable, "1")
    return mark


@pytest.fixture(scope="session")
def shared() -> Path:
    """Research data that is not part of the project: pairs of functions with known verdicts."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no research data in {folder}")
    return folder
