"""The corpus on disk: functions in Parquet files, and a manifest that makes a rebuild checkable.

    STORE/manifest.json          what is in the store, and what it was made from and with
    STORE/functions/*.parquet    a file for each project, named after its content

The manifest is written last and replaced at once, so that a store is the old one or the new one
whenever its writer dies. Needs the `data` extra.

What is not covered: a reader that is still reading while another process replaces the store.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ir_tools.errors import StoreError, one_line

if TYPE_CHECKING:
    import pyarrow

Split = Literal["train", "held-out"]

_FORMAT = 1
_ROWS = 1024  # that are held in memory at once
_NAME_DIGITS = 12  # of a file's content hash
_MEASURED = ("o0", "oz", "o3")
_TUPLES = ("autophase", "marks")
_REBUILD = "make it anew with 'ozone data build'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """IR instructions, and bytes of the object of one part."""

    instructions: int
    text: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusFunction:
    """A function as a function pipeline of Ozone meets it, in a module of its own, the *part*.

    id         16 hex digits of the hash of its canonical IR
    source     where it is from: `debian`, `csmith`, …
    project, file, function, licence: provenance; the name is that before it was taken out
    symbol     its name in the part
    bitcode    the part: this function defined, everything else declared
    o0, oz, o3 what the part measures unoptimised, after -Oz and after -O3 (of the same IR, whose
               functions still have the attributes that ask for size)
    autophase  the part's features, see `ir_tools.features`
    marks      what else is known of it, see `anghabench.functions`
    """

    id: str
    source: str
    project: str
    file: str
    function: str
    licence: str
    split: Split
    symbol: str
    bitcode: bytes
    o0: Measured
    oz: Measured
    o3: Measured
    autophase: tuple[int, ...]
    marks: tuple[str, ...] = ()


def write(store: Path, functions: Iterable[CorpusFunction], about: Mapping[str, Any]) -> None:
    """Make this all that is in the store. `about` goes into the manifest, and must be JSON.

    The functions of a project come one after the other. Raises StoreError when somebody else is
    writing, or the disk is full; the store is then what it was.
    """
    with locked(store), _reporting(store):
        folder = store / "functions"
        folder.mkdir(exist_ok=True)
        groups = itertools.groupby(functions, key=lambda one: (one.source, one.project))
        shards = [_write_shard(folder, *key, rows) for key, rows in groups]
        content = _digest(shard["content"] for shard in shards)
        _replace(
            store / "manifest.json",
            {"format": _FORMAT, "content": content, "shards": shards, "about": about},
        )
        named = {shard["file"] for shard in shards}
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink()


def manifest(store: Path) -> dict[str, Any]:
    """The manifest. Raises StoreError where there is none, or none that we can read."""
    path = store / "manifest.json"
    try:
        found = json.loads(path.read_bytes())
        if found["format"] != _FORMAT:
            raise StoreError(f"{path} is of format {found['format']}, not {_FORMAT}: {_REBUILD}")
        return dict(found)
    except FileNotFoundError:
        raise StoreError(f"no corpus in {store}: make one with 'ozone data build'") from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is no manifest: {_REBUILD}") from error


def read(
    store: Path, split: Split | None = None, *, bitcode: bool = True
) -> Iterator[CorpusFunction]:
    """The functions of a split, or all, always in the same order; without bitcode it is empty.

    Raises StoreError at a file that is missing or not what the manifest says.
    """
    columns = [field.name for field in dataclasses.fields(CorpusFunction)]
    if not bitcode:
        columns.remove("bitcode")
    for shard in manifest(store)["shards"]:
        if split in (None, shard["split"]):
            yield from _read_shard(store / "functions" / shard["file"], shard, columns)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder, and be the only one that writes to it. Raises StoreError when one is."""
    with _reporting(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)  # which unlocks it, as the end of the process does


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(f"another process is writing to {folder}: wait until it ends") from None


@contextlib.contextmanager
def _reporting(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


# --- files -------------------------------------------------------------------------------------


@functools.cache
def _schema() -> pyarrow.Schema:
    pa = _pyarrow()
    measured = pa.struct([(field.name, pa.int64()) for field in dataclasses.fields(Measured)])
    types = {
        "bitcode": pa.binary(),
        "autophase": pa.list_(pa.int32()),
        "marks": pa.list_(pa.string()),
        **dict.fromkeys(_MEASURED, measured),
    }
    fields = dataclasses.fields(CorpusFunction)
    return pa.schema([(field.name, types.get(field.name, pa.string())) for field in fields])


def _write_shard(
    folder: Path, source: str, project: str, functions: Iterable[CorpusFunction]
) -> dict[str, Any]:
    """Write one project's file; its row in the manifest."""
    rows = _Tally()
    partial = folder / f".{os.getpid()}.partial"
    try:
        _write_parquet(partial, map(rows.add, functions))
        content = rows.content
        name = f"{_plain(source)}-{_plain(project)}-{content[:_NAME_DIGITS]}.parquet"
        sha256 = _file_hash(partial)
        os.replace(partial, folder / name)
    finally:
        partial.unlink(missing_ok=True)
    return {
        "file": name, "source": source, "project": project, "split": rows.split,
        "functions": rows.count, "content": content, "sha256": sha256,
    }  # fmt: skip


class _Tally:
    """Counts and hashes rows on their way; Parquet's own bytes depend on who wrote them."""

    def __init__(self) -> None:
        self.count = 0
        self.split = ""
        self._hash = hashlib.sha256()

    def add(self, function: CorpusFunction) -> dict[str, Any]:
        assert self.split in ("", function.split), f"{function.project} is on both sides"
        self.split = function.split
        self.count += 1
        self._hash.update(repr(function).encode())
        return dataclasses.asdict(function)

    @property
    def content(self) -> str:
        return self._hash.hexdigest()


def _write_parquet(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    import pyarrow.parquet

    with (
        path.open("wb") as file,
        pyarrow.parquet.ParquetWriter(file, _schema(), compression="zstd") as writer,
    ):
        while batch := list(itertools.islice(rows, _ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(batch, _schema()))


def _read_shard(
    path: Path, shard: Mapping[str, Any], columns: list[str]
) -> Iterator[CorpusFunction]:
    pa = _pyarrow()
    try:
        if _file_hash(path) != shard["sha256"]:
            raise StoreError(f"{path} is damaged or half-written: {_REBUILD}")
        with pa.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS, columns=columns):
                yield from map(_function, batch.to_pylist())
    except FileNotFoundError:
        raise StoreError(f"{path} is missing: {_REBUILD}") from None
    except (OSError, pa.ArrowException, TypeError) as error:
        raise StoreError(f"cannot read {path}: {one_line(str(error))}") from error


def _function(row: dict[str, Any]) -> CorpusFunction:
    row.setdefault("bitcode", b"")
    row |= {name: Measured(**row[name]) for name in _MEASURED}
    row |= {name: tuple(row[name]) for name in _TUPLES}
    return CorpusFunction(**row)


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise StoreError("the corpus needs pyarrow: run \"pip install '.[data]'\"") from error
    return pyarrow


def _replace(path: Path, value: Any) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
    os.replace(partial, path)


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-+") else "_" for c in name)
