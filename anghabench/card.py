"""The data card: what is in a store, counted, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from anghabench import store

_COLUMNS = ("instructions", "text", "size")
# Instructions of a part, before any pipeline: the histogram's upper bounds.
_BOUNDS = (10, 20, 50, 100, 200, 500, 1000, 2000)


def statistics(folder: Path) -> dict[str, Any]:
    """Everything that the card says. Raises StoreError."""
    manifest = store.manifest(folder)
    projects: dict[str, dict[str, Any]] = {}
    splits, sizes, marks = Counter[str](), Counter[str](), Counter[str]()
    licences = Counter[str]()
    totals = {name: Counter[str]() for name in ("o0", "oz", "o3")}
    for one in store.read(folder, bitcode=False):
        row = projects.setdefault(
            f"{one.source}/{one.project}",
            {"split": one.split, "licence": one.licence, "functions": 0, "oz_size": 0},
        )
        row["functions"] += 1
        row["oz_size"] += one.oz.size
        splits[one.split] += 1
        licences[one.licence] += 1
        marks.update(one.marks)
        sizes[_bin(one.o0.instructions)] += 1
        for name, total in totals.items():
            measured = getattr(one, name)
            total.update(instructions=measured.instructions, text=measured.text, size=measured.size)
    about = manifest["about"]
    return {
        "content": manifest["content"],
        "functions": splits.total(),
        "splits": dict(splits),
        "projects": projects,
        "licences": dict(licences.most_common()),
        "instructions": {name: sizes[name] for name in map(_bin, _BOUNDS)},
        "marks": dict(marks),
        "totals": {name: {c: total[c] for c in _COLUMNS} for name, total in totals.items()},
        "removed_share": _removed_share(about.get("counts", {}), splits.total()),
        **about,
    }


def _bin(instructions: int) -> str:
    bound = next((bound for bound in _BOUNDS if instructions <= bound), _BOUNDS[-1])
    return f"≤ {bound}"


def _removed_share(counts: Mapping[str, Any], kept: int) -> float:
    """Of all functions that fit, the share that is like another one."""
    removed = sum(counts.get("removed", {}).values())
    return removed / (removed + kept) if removed else 0.0


def data_card(folder: Path) -> str:
    """The card as Markdown. Raises StoreError."""
    found = statistics(folder)
    counts = found.get("counts", {})
    return "\n".join(
        (
            "# Data card",
            "",
            f"{found['functions']} functions of {len(found['projects'])} projects, taken out of "
            f"{counts.get('modules', 0)} modules. Content hash {found['content'][:16]}.",
            *_section("Splits", _shares(found["splits"])),
            *_section("Projects", _projects(found["projects"], found.get("versions", {}))),
            *_section("Licences", _shares(found["licences"])),
            *_section("Instructions, unoptimised", _shares(found["instructions"])),
            *_section("Measured", _measured(found["totals"])),
            *_section("Marks", _shares(found["marks"], found["functions"])),
            f"\n{100 * found['removed_share']:.1f} % of the functions that fit were left out as "
            f"duplicates; similar means a Jaccard similarity of instructions, "
            f"{found.get('limits', {}).get('shingle')} in a row, of at least "
            f"{found.get('limits', {}).get('similar')}.",
            *_section("Left out as duplicates", _shares(counts.get("removed", {}))),
            *_section("Left out of large projects", _shares(counts.get("surplus", {}))),
            *_section("Left out for other reasons", _shares(counts.get("left_out", {}))),
            *_section("Failed functions", _shares(counts.get("failed_functions", {}))),
            *_section("Failed modules", _shares(counts.get("failed_modules", {}))),
            *_section("Made with", [("tool", "version"), *found.get("tools", {}).items()]),
            "",
        )
    )


Row = tuple[object, ...]


def _section(title: str, rows: Iterable[Row]) -> list[str]:
    """A heading and a table, of which the first row is the head; nothing where that is all."""
    head, *body = rows
    if not body:
        return []
    lines = [head, ("---",) * len(head), *body]
    return ["", f"## {title}", "", *(f"| {' | '.join(map(str, line))} |" for line in lines)]


def _shares(counts: Mapping[str, int], total: int | None = None) -> list[Row]:
    whole = total or sum(counts.values()) or 1
    rows = [(name, count, f"{100 * count / whole:.1f} %") for name, count in counts.items()]
    return [("", "functions", "share"), *rows]


def _projects(projects: Mapping[str, Mapping[str, Any]], versions: Mapping[str, str]) -> list[Row]:
    rows: list[Row] = [("project", "version", "split", "licence", "functions", "bytes at -Oz")]
    for name, row in projects.items():
        version = versions.get(name.partition("/")[2], "")
        rows.append((name, version, row["split"], row["licence"], row["functions"], row["oz_size"]))
    return rows


def _measured(totals: Mapping[str, Mapping[str, int]]) -> list[Row]:
    return [("", *_COLUMNS), *((name, *(t[c] for c in _COLUMNS)) for name, t in totals.items())]
