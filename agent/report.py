"""Tables for people, from finished objects."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from agent.compiled import Bytes, Compiled
from agent.opt import percent
from agent.tally import Tally
from ir_tools.errors import OzoneError


@dataclass(frozen=True, slots=True)
class Row:
    """One object: `clang -Oz`'s bytes and ours."""

    name: str
    baseline: Bytes
    ours: Bytes
    candidates: int
    failures: int
    verdicts: Tally

    @classmethod
    def of(cls, name: str, compiled: Compiled) -> Row:
        summary = compiled.summary
        failures = sum(summary["failures"].values())
        verdicts = Tally.of(summary["functions"], summary["refused"])
        return cls(
            name, compiled.baseline, compiled.ours, summary["candidates"], failures, verdicts
        )


def read_report(path: Path) -> Iterator[Row]:
    """The rows of an `OZONE_REPORT` file; the last one of each object counts.

    Raises OzoneError when it cannot be read.
    """
    records: dict[str, dict[str, Any]] = {}
    try:
        for line in path.read_text().splitlines():
            record = json.loads(line)
            records[record["output"]] = record
        for record in records.values():
            yield Row(
                record["source"],
                Bytes(**record["baseline"]),
                Bytes(**record["ours"]),
                record["candidates"],
                sum(record["failures"].values()),
                Tally.of(record["functions"], record["refused"]),
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OzoneError(f"{path} is no report of ozone-cc: {error}") from error


def as_json(rows: Iterable[Row]) -> str:
    """The rows for machines, one JSON array."""
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=2)


def show(rows: list[Row], console: Console, extra: dict[str, str] | None = None) -> None:
    """Print a table with totals; `extra` adds a last column by row name."""
    table = Table(
        title="bytes of each object: clang -Oz and Ozone",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
    )
    table.add_column("object", overflow="fold")
    for heading in ("size", "ours", "%", "text", "ours", "%", "tried", "failed"):
        table.add_column(heading, justify="right", no_wrap=True)
    if extra:
        table.add_column("runs")
    for row in rows:
        cells = _cells(row.baseline, row.ours, row.candidates, row.failures)
        table.add_row(row.name, *cells, *([extra.get(row.name, "")] if extra else []))
    if len(rows) > 1:
        total = _cells(
            _total(row.baseline for row in rows),
            _total(row.ours for row in rows),
            sum(row.candidates for row in rows),
            sum(row.failures for row in rows),
        )
        table.add_section()
        table.add_row(f"{len(rows)} objects", *total, style="bold")
    console.print(table)
    console.print(str(sum((row.verdicts for row in rows), Tally())), highlight=False)


def _cells(baseline: Bytes, ours: Bytes, candidates: int, failures: int) -> list[str]:
    return [
        str(baseline.size), str(ours.size), percent(baseline.size, ours.size).rstrip(" %"),
        str(baseline.text), str(ours.text), percent(baseline.text, ours.text).rstrip(" %"),
        str(candidates), str(failures),
    ]  # fmt: skip


def _total(sizes: Iterable[Bytes]) -> Bytes:
    columns = zip(*((s.size, s.text, s.rodata, s.data, s.eh_frame) for s in sizes), strict=True)
    return Bytes(*map(sum, columns))
