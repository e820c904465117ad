"""The server of a build: the same objects sooner, and nothing that it does can stop a build."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ir_tools.process import ToolResult, run_tool
from tests.conftest import CompileC, Marked

ROOT = Path(__file__).resolve().parents[2]
CC = (sys.executable, "-m", "agent.cc")

LOOP = "int {name}(int *p, int n) {{ int s = 0; for (int i = 0; i < n; i++) s += p[i]; return s; }}"
# A budget that nobody waits for.
LONG = "100000"


@pytest.fixture
def build(clang: str, tmp_path: Path, marked: Marked) -> Iterator[dict[str, str]]:
    """The environment of a build with a server, whose sockets are in a folder of its own."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.c").write_text(LOOP.format(name=name))
    with tempfile.TemporaryDirectory() as sockets:  # a socket's path must be short
        yield os.environ | {
            "PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": sockets, "OZONE_SERVER": "60",
            "OZONE_BUDGET": "3", "OZONE_POLICY": "coreset", "OZONE_CACHE": "",
        }  # fmt: skip
        for pid in marked.pids("agent.server"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def cc(folder: Path, env: dict[str, str], *line: str) -> ToolResult:
    return run_tool([*CC, *line], timeout_s=60, cwd=folder, env=env)


def started(folder: Path, env: dict[str, str], *line: str) -> subprocess.Popen[bytes]:
    heeding = ("env", "--default-signal=INT")  # which those in the background ignore
    return subprocess.Popen([*heeding, *CC, *line], cwd=folder, env=env, stderr=subprocess.DEVNULL)


def servers(marked: Marked) -> set[int]:
    """Those that no other server is the parent of."""
    found = set(marked.pids("agent.server"))
    return {pid for pid in found if parent(pid) not in found}


def parent(pid: int) -> int:
    """0 for one that has just ended."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def quiet_server(marked: Marked) -> int:
    """The one that runs, as soon as its forks have ended."""
    deadline = time.monotonic() + 10
    while len(pids := marked.pids("agent.server")) != 1:
        assert time.monotonic() < deadline, pids
        time.sleep(0.02)
    return pids[0]


def test_one_server_makes_what_a_compiler_alone_makes(
    build: dict[str, str], tmp_path: Path, marked: Marked
) -> None:
    names = ("a", "b", "c")
    alone = {}
    for name in names:
        cc(tmp_path, build | {"OZONE_SERVER": "0"}, "-c", f"{name}.c").check()
        alone[name] = (tmp_path / f"{name}.o").read_bytes()
        (tmp_path / f"{name}.o").unlink()
    assert not servers(marked)
    at_once = [started(tmp_path, build, "-c", f"{name}.c") for name in names]
    assert [process.wait() for process in at_once] == [0, 0, 0]
    assert {name: (tmp_path / f"{name}.o").read_bytes() for name in names} == alone
    server = quiet_server(marked)
    cc(tmp_path, build, "-c", "a.c").check()
    assert quiet_server(marked) == server


def test_a_server_that_has_nothing_to_do_ends(
    build: dict[str, str], tmp_path: Path, marked: Marked
) -> None:
    cc(tmp_path, build | {"OZONE_SERVER": "1"}, "-c", "a.c").check()
    marked.wait_until_gone()
    assert not list(Path(build["XDG_RUNTIME_DIR"]).rglob("*.sock"))


SCRIPT = """
import sys
from pathlib import Path
from agent.orders import Order, fulfil
from agent.server import ask
from ir_tools.errors import OzoneError
order = Order("x.c", Path(sys.argv[1]).read_bytes(), (), False, 3, "coreset", "size", "tested", 0)
"""


def script(folder: Path, env: dict[str, str], text: str, bitcode: bytes) -> str:
    """What a program prints that has an order of some bitcode."""
    (folder / "x.bc").write_bytes(bitcode)
    argv = [sys.executable, "-c", SCRIPT + text, str(folder / "x.bc")]
    return run_tool(argv, timeout_s=60, cwd=folder, env=env).check().stdout.decode()


def test_the_server_itself_makes_it_in_the_orders_folder_and_environment(
    build: dict[str, str], tmp_path: Path, compile_c: CompileC
) -> None:
    bitcode = compile_c(LOOP.format(name="x"), "x.c").data
    assert script(tmp_path, build, "print(ask(order, 60) == fulfil(order))", bitcode) == "True\n"
    other = tmp_path / "other"
    other.mkdir()
    script(other, build | {"OZONE_CACHE": "mine.sqlite"}, "assert ask(order, 60)", bitcode)
    with contextlib.closing(sqlite3.connect(other / "mine.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM results").fetchone()[0] > 0


def test_a_build_goes_on_when_its_server_is_killed(
    build: dict[str, str], tmp_path: Path, marked: Marked
) -> None:
    cc(tmp_path, build, "-c", "a.c").check()
    first = quiet_server(marked)
    os.kill(first, signal.SIGKILL)  # it leaves its socket
    result = cc(tmp_path, build, "-c", "b.c").check()
    assert not result.stderr
    assert servers(marked) - {first}


def test_an_object_whose_fork_is_killed_is_made_by_the_compiler(
    build: dict[str, str], tmp_path: Path, marked: Marked
) -> None:
    cc(tmp_path, build, "-c", "a.c").check()
    server = quiet_server(marked)
    slow = started(tmp_path, build | {"OZONE_BUDGET": LONG, "OZONE_POLICY": "random"}, "-c", "b.c")
    (fork,) = [pid for pid in marked.wait_for("agent.server", 3) if parent(pid) == server]
    os.kill(fork, signal.SIGKILL)
    marked.wait_for("envs.worker")  # which only the compiler spawns
    slow.terminate()
    slow.wait()
    assert servers(marked) == {server}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nobody_works_for_a_compiler_that_is_gone(
    number: signal.Signals, build: dict[str, str], tmp_path: Path, marked: Marked
) -> None:
    cc(tmp_path, build, "-c", "a.c").check()
    server = quiet_server(marked)
    slow = started(tmp_path, build | {"OZONE_BUDGET": LONG, "OZONE_POLICY": "random"}, "-c", "b.c")
    marked.wait_for("agent.server", 3)  # its fork, and the fork's worker
    slow.send_signal(number)
    slow.wait()
    deadline = time.monotonic() + 10
    while marked.pids() != [server]:
        assert time.monotonic() < deadline, marked.pids()
        time.sleep(0.02)
    assert not (tmp_path / "b.o").exists()
    cc(tmp_path, build, "-c", "c.c").check()


def test_a_folder_that_others_may_enter_is_not_used(
    build: dict[str, str], tmp_path: Path, marked: Marked
) -> None:
    folder = Path(build["XDG_RUNTIME_DIR"], f"ozone-{os.getuid()}")
    folder.mkdir()
    folder.chmod(0o755)
    cc(tmp_path, build, "-c", "a.c").check()
    assert (tmp_path / "a.o").exists()
    assert not servers(marked)


def test_an_orders_error_is_its_askers(build: dict[str, str], tmp_path: Path) -> None:
    text = """
try:
    ask(order, 60)
except OzoneError as error:
    print(error)
"""
    assert script(tmp_path, build, text, b"BC\xc0\xde but no more").startswith("x.c: ")
