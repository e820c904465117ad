"""Results on disk, shared by every process of the user: SQLite in WAL mode.

Two tables of one shape: evaluations (small JSON texts) and artefacts (finished outputs). A cache
that cannot be opened, read or written never stops the work: it is then simply not there.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envs.evaluation import Evaluation

_SCHEMA_VERSION = 1  # raise it when a stored value's meaning changes: old rows are dropped
_BUSY_S = 30.0
_MAX_BYTES = 1 << 30
_ENVIRONMENT_VARIABLE = "OZONE_CACHE"


def default_path() -> Path | None:
    """`$OZONE_CACHE` (empty: no cache), else the user's cache folder."""
    chosen = os.environ.get(_ENVIRONMENT_VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home, "ozone", "results.sqlite")


class Cache:
    """Evaluations and artefacts by key; `path` None keeps nothing.

    Safe for any number of processes; one object belongs to one thread.
    """

    def __init__(self, path: Path | None) -> None:
        self._database: sqlite3.Connection | None = None
        if path is not None:
            with contextlib.suppress(OSError, sqlite3.Error):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._database = self._open(path)

    @property
    def is_open(self) -> bool:
        """Whether anything is kept."""
        return self._database is not None

    def _open(self, path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=OFF")  # a lost row costs a compilation, no more
        if not self._is_current(database):
            database.execute("BEGIN IMMEDIATE")
            if not self._is_current(database):  # nobody was faster
                database.execute("DROP TABLE IF EXISTS results")
                database.execute(
                    "CREATE TABLE results (key TEXT PRIMARY KEY, value BLOB, used REAL)"
                )
                database.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
            database.execute("COMMIT")
        return database

    @staticmethod
    def _is_current(database: sqlite3.Connection) -> bool:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        return bool(version == _SCHEMA_VERSION)

    def _get(self, key: str) -> bytes | None:
        if self._database is None:
            return None
        with contextlib.suppress(sqlite3.Error):
            row = self._database.execute(
                "SELECT value FROM results WHERE key = ?", (key,)
            ).fetchone()
            return row[0] if row else None
        return None

    def _put(self, key: str, value: bytes) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute(
                    "INSERT OR REPLACE INTO results VALUES (?, ?, ?)", (key, value, time.time())
                )

    def evaluation(self, key: str) -> Evaluation | None:
        value = self._get(f"e{key}")
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a row that was spoilt
            return None if value is None else _decode(json.loads(value))
        return None

    def put_evaluation(self, key: str, evaluation: Evaluation) -> None:
        if self.is_open:
            self._put(f"e{key}", json.dumps(asdict(evaluation)).encode())

    def artefact(self, key: str) -> bytes | None:
        return self._get(f"a{key}")

    def put_artefact(self, key: str, value: bytes) -> None:
        self._put(f"a{key}", value)

    def close(self) -> None:
        """Close, after dropping the oldest half of the rows where the file outgrew its limit."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._shrink(self._database)
            self._database.close()
            self._database = None

    def _shrink(self, database: sqlite3.Connection) -> None:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
        if pages * page_bytes > _MAX_BYTES:
            (count,) = database.execute("SELECT count(*) FROM results").fetchone()
            database.execute(
                "DELETE FROM results WHERE key IN (SELECT key FROM results ORDER BY used LIMIT ?)",
                (count // 2,),
            )
            database.execute("VACUUM")


def code_identity(*packages: str) -> list[tuple[str, int, int]]:
    """Changes when Ozone's own code or data does: sizes and times of the files in these packages,
    and in the packages and folders within them."""
    root, found = Path(__file__).resolve().parent.parent, []
    folders = list(packages)
    for name in folders:  # which grows
        for entry in os.scandir(root / name):
            if entry.is_file():
                status = entry.stat()
                found.append((f"{name}/{entry.name}", status.st_size, status.st_mtime_ns))
            elif entry.name != "__pycache__":
                folders.append(f"{name}/{entry.name}")
    return sorted(found)


def _decode(row: dict[str, Any]) -> Evaluation:
    from envs.evaluation import Evaluation, Failure, Status  # not needed for artefacts, and slow

    row["status"] = Status(row["status"])
    row["functions"] = {name: (size, n) for name, (size, n) in row["functions"].items()}
    row["failures"] = tuple(
        Failure(failure["function"], Status(failure["status"]), failure["message"])
        for failure in row["failures"]
    )
    return Evaluation(**row)
