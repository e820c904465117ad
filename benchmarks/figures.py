"""What benchmarks return: figures with their spread, and the table that shows them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, measured `len(values)` times; its value is the median.

    The target, where the project has one, is `at_most` or `at_least`.
    """

    name: str
    values: tuple[float, ...]
    unit: str = "×"
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}"
        return f"≥ {self.at_least:g} {self.unit}" if self.at_least is not None else ""

    @property
    def met(self) -> bool | None:
        """None where there is no target."""
        if self.at_most is not None:
            return self.median <= self.at_most
        return self.median >= self.at_least if self.at_least is not None else None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name, "median": self.median, "unit": self.unit, "values": self.values,
            "target": self.target, "met": self.met, "note": self.note,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """A benchmark's figures, the plain data behind them, and more text where a table is no use."""

    figures: tuple[Figure, ...]
    data: Any = None
    text: str = ""


@dataclass(slots=True)
class Clock:
    """Wall seconds by name, added up over a repetition."""

    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        self.add(name, time.perf_counter() - started)
        return result

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds


def column(clocks: Iterable[Clock], name: str) -> tuple[float, ...]:
    """The seconds of that name in every repetition."""
    return tuple(clock.seconds[name] for clock in clocks)


def ratios(clocks: Iterable[Clock], above: str, below: str) -> tuple[float, ...]:
    """`above` divided by `below`, repetition by repetition."""
    return tuple(clock.seconds[above] / clock.seconds[below] for clock in clocks)


def show(figures: Iterable[Figure], console: Console) -> None:
    """Print the table: the median, the least and the greatest value, how often it was measured."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("figure", overflow="fold")
    for heading in ("median", "min–max", "n", "target", "met"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for figure in figures:
        spread = f"{min(figure.values):.4g}–{max(figure.values):.4g}"
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        table.add_row(
            figure.name, f"{figure.median:.4g} {figure.unit}", spread, str(len(figure.values)),
            figure.target, met, figure.note, style="bold red" if met == "NO" else None,
        )  # fmt: skip
    console.print(table)
