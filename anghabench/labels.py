"""The best pipelines known for functions of the corpus: our own measurements, in Parquet.

A label says what a pipeline makes of a function, by the function's `id` in `anghabench.store`. For
each objective those of a function are ranked, 0 the best. One file holds labels of any number of
functions; `read` takes a folder of such files as well. Needs the `data` extra.
"""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ir_tools.errors import StoreError, one_line

if TYPE_CHECKING:
    import pyarrow

_NUMBERS = ("before", "after", "evaluations")
_ROWS = 1 << 14  # that are held in memory at once
_ZSTD_LEVEL = 19
_NONE = "no labels in {}: make them with 'ozone data label'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One of the best pipelines known for a function.

    id           the function's
    objective    `size` (bytes in flash) or `instructions` (of IR, at no more bytes than -Oz)
    rank         0 for the best; each further one measures something else, and no less of it
    pipeline     of function and loop passes, or -Oz's own where nothing smaller is accepted
    before       what -Oz makes of it, in bytes or instructions
    after        what the pipeline does
    verdict      `proved`, `bounded` or `tested`; empty where no judge was asked: for -Oz's own, and
                 for those of a rank above 0
    evaluations  how many pipelines were measured on the function, for both objectives together
    """

    id: str
    objective: str
    rank: int
    pipeline: str
    before: int
    after: int
    verdict: str
    evaluations: int


def encode(labels: Iterable[Label]) -> bytes:
    """A Parquet file of these labels; the same bytes for the same labels in any order."""
    pa = _pyarrow()
    rows = sorted(labels, key=lambda one: (one.id, one.objective, one.rank))
    columns = {
        field.name: [getattr(row, field.name) for row in rows]
        for field in dataclasses.fields(Label)
    }
    file = io.BytesIO()
    pa.parquet.write_table(
        pa.table(columns, _schema()), file, compression="zstd", compression_level=_ZSTD_LEVEL
    )
    return file.getvalue()


def read(path: Path, but: Path | None = None) -> Iterator[Label]:
    """The labels of a file, or of the files in a folder but one, in order. Raises StoreError."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files and but is None:
        raise StoreError(_NONE.format(path))
    for file in files:
        if but is None or file.resolve() != but.resolve():
            yield from _read(file)


def _read(path: Path) -> Iterator[Label]:
    pa = _pyarrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            if file.schema_arrow != _schema():
                raise StoreError(f"{path} holds no labels, or those of another version of Ozone")
            for batch in file.iter_batches(_ROWS):
                yield from (Label(**row) for row in batch.to_pylist())
    except FileNotFoundError:
        raise StoreError(_NONE.format(path)) from None
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot read {path}: {one_line(str(error))}") from error


@functools.cache
def _schema() -> pyarrow.Schema:
    pa = _pyarrow()
    types = {"rank": pa.int8(), **dict.fromkeys(_NUMBERS, pa.int32())}
    return pa.schema([(f.name, types.get(f.name, pa.string())) for f in dataclasses.fields(Label)])


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise StoreError("labels need pyarrow: run \"pip install '.[data]'\"") from error
    return pyarrow
