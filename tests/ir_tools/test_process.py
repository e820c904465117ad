"""Each test adversarially checks one promise of the door to external programs."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ir_tools.errors import ToolError
from ir_tools.process import ToolResult, exec_tool, on_one_core, run_tool, running_tool

MIB = 1 << 20


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def wait_until_dead(pid: int) -> None:
    """Return once the process is gone or a zombie that init has yet to collect."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} is still alive")


@contextlib.contextmanager
def interrupted_once_there_is(path: Path) -> Iterator[None]:
    """Ctrl-C, shortly after the program under test has written the file."""

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not (path.exists() and path.read_text()):
            time.sleep(0.02)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_output_exit_code_and_arguments_come_back_unchanged() -> None:
    result = run_tool(["sh", "-c", 'printf "$1"; echo err >&2; exit 3', "sh", "a b'$"], timeout_s=5)
    assert (result.returncode, result.stdout, result.stderr) == (3, b"a b'$", b"err\n")
    assert not result.timed_out
    assert result.signal_name is None


def test_stdin_larger_than_any_pipe_is_echoed_without_deadlock() -> None:
    data = os.urandom(8 * MIB)
    assert run_tool(["cat"], timeout_s=20, stdin=data).stdout == data


def test_without_stdin_a_reader_sees_the_end_at_once() -> None:
    assert run_tool(["cat"], timeout_s=5).check().stdout == b""


def test_big_output_on_both_streams() -> None:
    script = f"head -c {8 * MIB} /dev/zero; head -c {8 * MIB} /dev/zero >&2"
    result = run_tool(shell(script), timeout_s=20)
    assert (len(result.stdout), len(result.stderr)) == (8 * MIB, 8 * MIB)


def test_timeout_kills_the_program_and_its_grandchildren_and_keeps_output() -> None:
    result = run_tool(shell("sh -c 'sleep 60 & echo $!; wait' & wait"), timeout_s=0.5)
    assert result.timed_out
    assert result.wall_s < 5
    with pytest.raises(ToolError, match=r"timed out after 0\.\d s"):
        result.check()
    wait_until_dead(int(result.stdout))


def test_a_program_that_ignores_polite_signals_is_killed() -> None:
    result = run_tool(shell("trap '' TERM INT; while :; do sleep 0.1; done"), timeout_s=0.3)
    assert result.timed_out
    assert result.signal_name == "SIGKILL"


def test_a_grandchild_that_keeps_the_output_open_neither_delays_us_nor_survives() -> None:
    result = run_tool(shell("sleep 60 & echo $!"), timeout_s=20).check()
    assert result.wall_s < 5
    wait_until_dead(int(result.stdout))


def test_ctrl_c_kills_the_grandchildren_and_is_raised(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(KeyboardInterrupt), interrupted_once_there_is(pid_file):
        run_tool(["sh", "-c", 'sleep 60 & echo $! > "$1"; wait', "sh", str(pid_file)], timeout_s=30)
    wait_until_dead(int(pid_file.read_text()))


def test_what_a_program_and_its_children_take_of_the_cpu_is_told_apart_from_waiting() -> None:
    waiting = run_tool(["sleep", "0.3"], timeout_s=10)
    assert waiting.cpu_s < 0.3 <= waiting.wall_s
    work = "import os, time\nwhile time.process_time() < 0.3: pass\n"
    alone = run_tool([sys.executable, "-c", work], timeout_s=60)
    parent = f"import os\nif os.fork(): os.wait()\nelse:\n exec({work!r})"
    forked = run_tool([sys.executable, "-c", parent], timeout_s=60)
    assert min(alone.cpu_s, forked.cpu_s) >= 0.3
    assert waiting == run_tool(["sleep", "0.3"], timeout_s=10)


def test_a_thread_and_what_it_starts_can_be_kept_on_one_core() -> None:
    before = os.sched_getaffinity(0)
    with on_one_core():
        assert len(os.sched_getaffinity(0)) == 1
        tell = [sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"]
        assert run_tool(tell, timeout_s=60).stdout.decode().strip() == str(os.sched_getaffinity(0))
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGTERM"])
def test_death_by_a_signal_has_its_name(name: str) -> None:
    result = run_tool(shell(f"kill -{name[3:]} $$"), timeout_s=5)
    assert result.signal_name == name
    with pytest.raises(ToolError, match=f": {name}"):
        result.check()


def test_the_error_can_be_pasted_and_ends_with_the_last_lines_of_stderr() -> None:
    argv = shell("for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 2")
    with pytest.raises(ToolError) as caught:
        run_tool(argv, timeout_s=5).check()
    first, *lines = str(caught.value).splitlines()
    assert first == f"{shlex.join(argv)}: exit code 2"
    assert [line.strip() for line in lines] == [f"line {i}" for i in range(3, 8)]


def test_memory_limit_reaches_the_program() -> None:
    program = "import time; time.sleep(0.2); x = bytearray(400 << 20); print('got')"
    argv = [sys.executable, "-c", program]
    result = run_tool(argv, timeout_s=20, memory_limit_bytes=256 * MIB)
    assert b"MemoryError" in result.stderr
    assert run_tool(argv, timeout_s=20).check().stdout == b"got\n"


def test_directory_and_environment(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "OZONE_TEST": "yes"}
    result = run_tool(shell("pwd; echo $OZONE_TEST $HOME"), timeout_s=5, cwd=tmp_path, env=env)
    assert result.check().stdout.decode().split() == [str(tmp_path.resolve()), "yes"]


def test_equality_ignores_the_wall_time() -> None:
    assert run_tool(["true"], timeout_s=5) == run_tool(["true"], timeout_s=5)


@pytest.mark.parametrize("start", [lambda argv: run_tool(argv, timeout_s=5), exec_tool])
@pytest.mark.parametrize("program", ["no-such-program-here", "/dev/null"])
def test_a_program_that_cannot_start_is_a_tool_error(start, program) -> None:
    with pytest.raises(ToolError, match=rf"^{program} --flag: cannot be started: "):
        start([program, "--flag"])


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="nowhere"):
        run_tool(["true"], timeout_s=5, cwd=tmp_path / "nowhere")


def test_exec_shares_our_output_and_returns_what_a_shell_would(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert exec_tool(shell("echo seen; exit 7")) == 7
    assert exec_tool(shell("kill -SEGV $$")) == 128 + signal.SIGSEGV
    assert capfd.readouterr().out == "seen\n"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("trap 'kill $!; exit 5' INT; sleep 30 & echo ready > \"$1\"; wait", 5),
        ('echo ready > "$1"; exec sleep 30', None),
        ("trap 'kill $!; exit 0' INT; sleep 30 & echo ready > \"$1\"; wait", None),
        ("trap '' INT; echo ready > \"$1\"; sleep 0.5", None),
    ],
)
def test_exec_passes_ctrl_c_on_and_raises_it_unless_the_program_has_an_answer(
    script: str, expected: int | None, tmp_path: Path
) -> None:
    handler = signal.getsignal(signal.SIGINT)
    ready = tmp_path / "ready"
    argv = ["sh", "-c", script, "sh", str(ready)]
    with interrupted_once_there_is(ready):
        if expected is None:
            with pytest.raises(KeyboardInterrupt):
                exec_tool(argv)
        else:
            assert exec_tool(argv) == expected
    assert signal.getsignal(signal.SIGINT) is handler


UNWINDING = """
import os, signal, sys
from ir_tools.process import exec_tool, unwinding

def main():
    try:
        return {body}
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # make and `timeout` send a second one
        print("cleaned", flush=True)

{before}
print("code", unwinding(main))
"""


def unwound(body: str, before: str = "") -> ToolResult:
    script = UNWINDING.format(body=body, before=before)
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return run_tool([sys.executable, "-c", script], timeout_s=20, env=env)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "body",
    [
        "os.kill(os.getpid(), {n})",
        "exec_tool(['sh', '-c', 'kill -{n} $PPID; exec sleep 30'])",
        "exec_tool(['sh', '-c', 'trap : {n}; kill -{n} $PPID'])",
    ],
)
def test_a_signal_that_ends_us_does_so_after_cleaning_up(body: str, number: int) -> None:
    result = unwound(body.format(n=int(number)))
    assert result.stdout == b"cleaned\n"
    assert result.stderr == b""
    assert result.returncode == -number


def test_what_nohup_ignores_stays_ignored_in_us_and_in_the_program() -> None:
    ignore = "for n in (signal.SIGHUP, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)"
    body = "exec_tool(['sh', '-c', 'kill -HUP $PPID; kill -HUP $$; exit 3'])"
    result = unwound(body, ignore)
    assert (result.returncode, result.stdout) == (0, b"cleaned\ncode 3\n")


def test_a_running_tools_descriptor_tells_its_end() -> None:
    with running_tool(["true"]) as ended:
        assert select.select([ended], [], [], 10)[0]


def test_a_running_tool_dies_with_its_children_when_it_is_no_longer_wanted(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    script = f"sleep 60 & echo $$ $! >{note}.new; mv {note}.new {note}; wait"
    with running_tool(shell(script)) as ended:
        while not note.exists():
            time.sleep(0.02)
        assert not select.select([ended], [], [], 0)[0]
    for pid in map(int, note.read_text().split()):
        wait_until_dead(pid)
