"""What a build of a corpus has done already, so that it can be interrupted at any time.

One SQLite file: a row for each module that was taken apart, written as soon as that is done. It
holds pickles of our own making and is not for exchange; without it a build starts from nothing.
"""

from __future__ import annotations

import contextlib
import pickle
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ir_tools.errors import StoreError

_BUSY_S = 60.0


class Work:
    """Values by key. Safe for threads: each call has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS work (key TEXT PRIMARY KEY, value BLOB)")

    def get(self, key: str) -> Any:
        """The value, None where there is none."""
        with self._connection() as connection:
            row = connection.execute("SELECT value FROM work WHERE key = ?", (key,)).fetchone()
        return pickle.loads(zlib.decompress(row[0])) if row else None

    def put(self, key: str, value: Any) -> None:
        """Keep it. Raises StoreError when the disk is full."""
        data = zlib.compress(pickle.dumps(value), level=1)
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO work VALUES (?, ?)", (key, data))

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=_BUSY_S)
            try:
                connection.execute("PRAGMA synchronous=NORMAL")
                with connection:  # commits
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StoreError(
                f"{self._path}: {error}: free some space, or remove it to start afresh"
            ) from error
