"""What a long run has finished so far: values by key in one SQLite file, safe at any kill.

A value that `put` returned from is there after the process dies. One process at a time: another
one is refused for as long as the first lives, and no longer.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ir_tools.errors import JournalError


class Journal:
    """Values by key. Raises JournalError: in use, damaged, or no room on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._reporting():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            with self._reporting():
                self._claim()
        except JournalError:
            self._database.close()
            raise

    def _claim(self) -> None:
        self._database.execute("PRAGMA locking_mode=EXCLUSIVE")  # until it is closed
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("BEGIN EXCLUSIVE")
        self._database.execute("CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, value BLOB)")
        self._database.execute("COMMIT")

    def get(self, key: str) -> bytes | None:
        with self._reporting():
            row = self._database.execute("SELECT value FROM done WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def put(self, key: str, value: bytes) -> None:
        with self._reporting():
            self._database.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", (key, value))

    def close(self) -> None:
        self._database.close()

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise JournalError(f"another run is writing to {self._path}: wait for it") from None
            raise JournalError(
                f"cannot write {self._path}: {error}; what is done is kept, run it again"
            ) from error
        except sqlite3.DatabaseError as error:
            raise JournalError(
                f"{self._path} is damaged ({error}): move it away to begin again"
            ) from error
        except OSError as error:
            raise JournalError(f"cannot write {self._path}: {error.strerror}") from error
