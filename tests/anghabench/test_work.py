"""Finished work survives whatever happens to the process that did it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from anghabench.work import Work
from ir_tools.errors import StoreError
from ir_tools.process import run_tool

ROOT = Path(__file__).resolve().parents[2]
_WRITER = """
import os, signal, sys
from pathlib import Path
from anghabench.work import Work
work = Work(Path(sys.argv[1]))
for number in range(100):
    work.put(str(number), bytes(1000))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_values_come_back_and_new_ones_replace_old_ones(tmp_path: Path) -> None:
    work = Work(tmp_path / "w.sqlite")
    assert work.get("a") is None
    work.put("a", (1, b"\0"))
    work.put("a", (2, b"\xff" * 10_000))
    assert Work(tmp_path / "w.sqlite").get("a") == (2, b"\xff" * 10_000)
    assert (tmp_path / "w.sqlite").stat().st_size < 20_000


def test_what_a_killed_process_has_put_is_there(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite"
    result = run_tool([sys.executable, "-c", _WRITER, str(path)], timeout_s=60, cwd=ROOT)
    assert result.returncode == -signal.SIGKILL
    assert all(Work(path).get(str(number)) == bytes(1000) for number in range(100))


def test_threads_may_share_it(tmp_path: Path) -> None:
    work = Work(tmp_path / "w.sqlite")

    def put(first: int) -> None:
        for number in range(first, first + 20):
            work.put(str(number), number)

    threads = [threading.Thread(target=put, args=(first,)) for first in (0, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [work.get(str(number)) for number in range(60)] == list(range(60))


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "w.sqlite").write_bytes(os.urandom(5000))
    with pytest.raises(StoreError, match="remove it to start afresh") as caught:
        Work(tmp_path / "w.sqlite")
    assert len(str(caught.value).splitlines()) == 1


_FULL = """
import os, resource, sys
from pathlib import Path
from anghabench.work import Work
from ir_tools.errors import StoreError
work = Work(Path(sys.argv[1]))
work.put("small", 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    work.put("large", os.urandom(1_000_000))
except StoreError as error:
    print(error, work.get("small"))
"""


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FULL, str(tmp_path / "w.sqlite")]
    printed = run_tool(command, timeout_s=60, cwd=ROOT).check().stdout.decode()
    assert "free some space" in printed
    assert printed.endswith(" 1\n")
    assert len(printed.splitlines()) == 1
    assert Work(tmp_path / "w.sqlite").get("small") == 1
