"""A journal keeps what it was given, whatever happens to its writer, and has one at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from agent.journal import Journal
from ir_tools.errors import JournalError
from ir_tools.process import run_tool
from tests.conftest import ROOT

WRITER = """
import os, signal, sys
from pathlib import Path
from agent.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(1000):
    journal.put(str(number), b"x" * 1000)
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_put_is_there_after_the_writer_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.journal"
    for killed_at in (0, 700):
        argv = [sys.executable, "-c", WRITER, str(path), str(killed_at)]
        result = run_tool(argv, timeout_s=60, cwd=ROOT)
        assert result.returncode == -signal.SIGKILL
        with contextlib.closing(Journal(path)) as journal:
            assert all(journal.get(str(n)) == b"x" * 1000 for n in range(killed_at + 1))
            assert journal.get("1000") is None


def test_a_second_process_is_refused_as_long_as_the_first_lives(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    with contextlib.closing(Journal(path)), pytest.raises(JournalError, match="another run"):
        Journal(path)
    Journal(path).close()


def test_what_is_no_journal_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(os.urandom(9000))
    before = path.read_bytes()
    with pytest.raises(JournalError, match="damaged"):
        Journal(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot write"):
        Journal(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot write"):
        Journal(tmp_path / "file" / "a.journal")


def test_a_full_disk_is_an_error_and_what_was_put_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    script = f"ulimit -f 200; exec {sys.executable} -c '{WRITER}' {path} -1"
    result = run_tool(["bash", "-c", script], timeout_s=60, cwd=ROOT)
    assert b"JournalError: cannot write" in result.stderr
    assert b"run it again" in result.stderr
    with contextlib.closing(Journal(path)) as journal:
        assert journal.get("0") == b"x" * 1000
