"""What benchmarks return: figures with their spread, and the table that shows them."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from typing import Any, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

Answer = TypeVar("Answer")


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


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds by the clock on the wall, and of the processors that we and our children kept busy.

    Others on the machine lengthen the first, not the second.
    """

    wall: float
    cpu: float

    def __add__(self, other: Time) -> Time:
        return Time(self.wall + other.wall, self.cpu + other.cpu)


class Clock:
    """Times by name, added up over one repetition."""

    def __init__(self) -> None:
        self.times: dict[str, Time] = {}

    def time(self, name: str, work: Callable[[], Answer]) -> Answer:
        """What `work` returns; its time is added under `name`."""
        wall, cpu = time.perf_counter(), _cpu_seconds()
        answer = work()
        self.add(name, Time(time.perf_counter() - wall, _cpu_seconds() - cpu))
        return answer

    def add(self, name: str, time: Time) -> None:
        self.times[name] = self.times.get(name, Time(0, 0)) + time

    def as_json(self) -> dict[str, Any]:
        return {name: {"wall_s": time.wall, "cpu_s": time.cpu} for name, time in self.times.items()}


def children() -> list[int]:
    """The processes that this one has started and that still run."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def _cpu_seconds() -> float:
    """Of this process, of children that run and of all that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The kernel's number for a process's clock, as clock_getcpuclockid(3) makes it.
    running = sum(time.clock_gettime((~pid << 3) | 2) for pid in children())
    return time.process_time() + ended.ru_utime + ended.ru_stime + running


def column(clocks: Iterable[Clock], name: str, kind: str = "wall") -> tuple[float, ...]:
    """The seconds of that name in every repetition."""
    return tuple(getattr(clock.times[name], kind) for clock in clocks)


def ratios(
    clocks: Sequence[Clock], above: str, below: str, kind: str = "wall"
) -> tuple[float, ...]:
    """`above` divided by `below`, repetition by repetition."""
    return tuple(map(truediv, column(clocks, above, kind), column(clocks, below, kind)))


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
