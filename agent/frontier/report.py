"""The frontier for people, as a table and a plot, and for machines, as JSON."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from agent.frontier.curves import METRICS, Point
from agent.output import write_file
from ir_tools.errors import OzoneError

PLOT_SUFFIXES = (".png", ".svg", ".pdf")
_KEPT = ("proved", "bounded", "tested", "unverified", "-Oz")


def show(points: Sequence[Point], about: Mapping[str, Any], console: Console) -> None:
    """Percent saved, in total and in the geometric mean, and how many functions of each verdict."""
    verdicts = [kind for kind in _KEPT if any(kind in point.verdicts for point in points)]
    table = Table(
        title=f"percent saved of -Oz's {about['objective']} on {about['functions']} functions of "
        f"{about['projects']} projects, accepted: {about['accept']}",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
        caption=f"kept: {'/'.join(verdicts)}; improved: percent of functions; 95 %: by bootstrap "
        f"over projects; unjudged: had nothing been judged",
    )
    metrics = (f"{metric} mean" for metric in METRICS)
    headings = ("budget", *metrics, "95 %", "unjudged", "improved", "kept", "refused")
    table.add_column("policy")
    for heading in headings:
        table.add_column(heading, justify="right", overflow="fold")
    for point in points:
        table.add_row(point.policy, *_cells(point, verdicts))
    console.print(table)
    if best := about.get("best_known"):
        console.print(_best_known(best))


def _best_known(best: Mapping[str, Any]) -> str:
    return (
        f"best known: {_percent(best['total'])} by {best['evaluations']:.0f} evaluations of each "
        f"of {best['functions']} functions"
    )


def _cells(point: Point, verdicts: Iterable[str]) -> Iterator[str]:
    yield str(point.budget)
    for metric in METRICS:
        yield f"{_percent(point.total[metric])} {_percent(point.geomean[metric])}"
    yield "–".join(map(_percent, point.interval or ()))
    yield _percent(point.unverified)
    yield f"{100 * point.improved:.0f}"
    yield "/".join(str(point.verdicts.get(kind, 0)) for kind in verdicts)
    yield ", ".join(f"{count} {kind}" for kind, count in sorted(point.refused.items()))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def write_json(path: Path, points: Iterable[Point], about: Mapping[str, Any]) -> None:
    """Everything, and what it takes to get it once more. Raises OzoneError."""
    rows = [dataclasses.asdict(point) for point in points]
    write_file(path, (json.dumps({"about": about, "points": rows}, indent=1) + "\n").encode())


def plot(path: Path, points: Sequence[Point], about: Mapping[str, Any]) -> None:
    """Reduction against budget; dotted, had nothing been judged.

    Intervals are left out: policies share their functions, and differ by less than each alone says.
    Raises OzoneError where matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OzoneError("a plot needs matplotlib: run \"pip install '.[bench]'\"") from error
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for policy in dict.fromkeys(point.policy for point in points):
        _draw(axes, [point for point in points if point.policy == policy], about["objective"])
    if best := about.get("best_known"):
        axes.axhline(100 * best["total"], ls="--", color="gray", label=_best_known(best))
    budgets = sorted({point.budget for point in points})
    axes.set_xscale("log")
    axes.set_xticks(budgets, map(str, budgets))
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("budget: pipelines tried on each function, besides -Oz's own")
    axes.set_ylabel(f"{about['objective']} saved of -Oz's, percent")
    axes.set_title(
        f"{about['functions']} held-out functions of {about['projects']} projects, "
        f"accepted: {about['accept']} (dotted: not judged)",
        fontsize="medium",
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format=path.suffix[1:], dpi=150)
    write_file(path, image.getvalue())


def _draw(axes: Any, points: Sequence[Point], objective: str) -> None:
    budgets = [point.budget for point in points]
    (line,) = axes.plot(
        budgets, [100 * p.total[objective] for p in points], marker="o", label=points[0].policy
    )
    unjudged = [100 * point.unverified for point in points]
    axes.plot(budgets, unjudged, ":", color=line.get_color(), alpha=0.7)
