"""What came of an experiment, as a table and as a chart."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.baselines.comparison import Row
from agent.baselines.methods import Outcome

if TYPE_CHECKING:
    from agent.baselines.ppo import Point

_HEAD = """\
| steps a function | method | text against -Oz | instructions against -Oz | against random search |
|---|---|---|---|---|
"""
_SMOOTHED = 4  # updates
_INCHES, _DPI = (9.0, 3.6), 100
_COLOURS = {"random": "#888888", "greedy": "#d08000", "ppo": "#0060b0"}
_OZ_LINE = {"color": "black", "linewidth": 1, "linestyle": ":", "label": "-Oz"}


def markdown(rows: Iterable[Row], outcomes: Iterable[Outcome]) -> str:
    """The comparison, and the verdicts on each method's best."""
    lines = (
        f"| {row.steps} | {row.method} | {row.text_bytes} | {row.instructions} "
        f"| {row.against_random} |\n"
        for row in rows
    )
    verdicts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    # Some episodes, and greedy with some budgets, found the same.
    judged = [(one.method, one.function, one.passes, one.verdict) for one in outcomes]
    for method, _, _, verdict in dict.fromkeys(judged):
        if verdict:
            verdicts[method][verdict] += 1
    said = (
        f"- {method}: " + ", ".join(f"{count} {kind}" for kind, count in found.most_common())
        for method, found in verdicts.items()
    )
    return (
        _HEAD
        + "".join(lines)
        + "\nVerdicts on the best of each function:\n\n"
        + "\n".join(said)
        + "\n"
    )


def chart(path: Path, curve: Sequence[Point], rows: Sequence[Row], field: str) -> None:
    """The learning curve, and what each method reaches with its steps on held-out functions.

    `field` is the size that was to be small, as an outcome calls it.
    """
    from matplotlib.figure import Figure

    figure = Figure(_INCHES, _DPI, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    left.set_ylabel(f"{field.replace('_', ' ')} against -Oz")
    _draw_curve(left, curve)
    _draw_rows(right, rows, field)
    figure.savefig(path)


def _draw_curve(axes: Any, curve: Sequence[Point]) -> None:
    import numpy as np

    steps = np.array([point.steps for point in curve])
    sizes = np.array([point.against_oz for point in curve])
    width = min(_SMOOTHED, len(curve))
    smooth = np.convolve(sizes, np.ones(width) / width, "valid")
    axes.plot(steps, sizes, ".", color="#a0c0e0", markersize=3, label="one update")
    axes.plot(steps[width - 1 :], smooth, color=_COLOURS["ppo"], label=f"mean of {width}")
    axes.axhline(1.0, **_OZ_LINE)
    axes.set(xlabel="steps of training", title="training functions, one episode")
    axes.legend()


def _draw_rows(axes: Any, rows: Sequence[Row], field: str) -> None:
    for method, colour in _COLOURS.items():
        found = [row for row in rows if row.method == method]
        steps = [row.steps for row in found]
        means = [getattr(row, field).mean for row in found]
        axes.plot(steps, means, "o-", color=colour, label=method)
    axes.axhline(1.0, **_OZ_LINE)
    budgets = sorted({row.steps for row in rows})
    axes.set(xscale="log", xlabel="steps for each function", title="held-out functions")
    axes.set_xticks(budgets, labels=map(str, budgets))
    axes.minorticks_off()
    axes.legend()
