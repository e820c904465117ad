"""Build time of real programs with `CC=ozone-cc make -j2` against plain `clang -Oz`.

For each program, in turns, from a clean tree each time: clang; `ozone-cc` at budget 10 with no
cache (cold); the same with the cache that this left (cached). The time is make's, by the wall;
`configure`, which runs the compiler too, and processor time are apart in the note. A last cold
build with -j1 shows that neither -j nor the cache changes a byte of any object.

What is not measured: other budgets and policies, C++ programs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import statistics
from pathlib import Path

from anghabench import debian
from benchmarks.figures import Clock, Figure, Result, column, ratios
from benchmarks.material import Options, environment, script
from ir_tools import clang

_PROGRAMS = ("zlib", "lua5.4")
_REPETITIONS = 3
_BUDGET = "10"
_JOBS = 2
_AT_MOST = {"cold": 6.0, "cached": 1.3}


def run(options: Options) -> Result:
    """Cold and cached build times, and the objects that depend on -j or on the cache."""
    figures: list[Figure] = []
    data = {}
    for name in _PROGRAMS:
        bench = _Program(debian.recipes()[name], options.folder)
        clocks = [bench.repetition() for _ in range(options.times(_REPETITIONS))]
        figures += _figures(name, clocks)
        figures.append(bench.identity())
        data[name] = [clock.as_json() for clock in clocks]
    return Result(tuple(figures), data)


def _figures(name: str, clocks: list[Clock]) -> list[Figure]:
    figures = []
    for kind, limit in _AT_MOST.items():
        ours, clang_s = (statistics.median(column(clocks, one)) for one in (kind, "clang"))
        cpu, configure = (
            statistics.median(ratios(clocks, *pair))
            for pair in ((kind, "clang", "cpu"), (f"configure {kind}", "configure clang"))
        )
        note = f"{ours:.1f} s against {clang_s:.1f} s; cpu {cpu:.1f} ×, configure {configure:.1f} ×"
        label = f"{name} -j{_JOBS}, {kind}: time against clang -Oz"
        figures.append(Figure(label, ratios(clocks, kind, "clang"), at_most=limit, note=note))
    return figures


class _Program:
    """One program, built again and again in the same place."""

    def __init__(self, recipe: debian.Recipe, folder: Path) -> None:
        self._recipe, self._folder = recipe, folder
        self._cache = folder / "build.sqlite"
        self._report = folder / "build.report.json"
        self._images: dict[str, dict[str, str]] = {}

    def repetition(self) -> Clock:
        clock = Clock()
        self._build("clang", clock, clang.clang()[0])
        self._forget()
        for kind in ("cold", "cached"):
            self._build(kind, clock, script("ozone-cc"))
        return clock

    def identity(self) -> Figure:
        """How many objects differ between cold builds with -j1 and -j2 and cached ones."""
        cached = [json.loads(line)["from_cache"] for line in self._report.read_text().splitlines()]
        self._forget()
        self._build("cold -j1", Clock(), script("ozone-cc"), jobs=1)
        reference = self._images["cold -j1"]
        differing = {
            path
            for kind in ("cold", "cached")
            for path, _ in self._images[kind].items() ^ reference.items()
        }
        note = f"of {len(reference)}; from the cache {sum(cached)} of {len(cached)}"
        name = f"{self._recipe.name}: objects that depend on -j or the cache"
        return Figure(name, (len(differing),), "", at_most=0, note=note)

    def _forget(self) -> None:
        for path in self._folder.glob(f"{self._cache.name}*"):
            path.unlink()

    def _build(self, kind: str, clock: Clock, compiler: str, jobs: int = _JOBS) -> None:
        """Build from a clean tree and keep the objects' hashes."""
        debian.clean(self._recipe, self._folder)
        tree = debian.fetch(self._recipe, self._folder)
        self._report.unlink(missing_ok=True)
        env = environment(self._folder, OZONE_CACHE=str(self._cache), OZONE_BUDGET=_BUDGET)
        make = dataclasses.replace(self._recipe, configure="")
        configure = dataclasses.replace(self._recipe, build="true")
        clock.time(f"configure {kind}", lambda: debian.build(configure, tree, cc=compiler, env=env))
        env = {**env, "OZONE_REPORT": str(self._report)}
        clock.time(kind, lambda: debian.build(make, tree, cc=compiler, jobs=jobs, env=env))
        self._images[kind] = _objects(tree)


def _objects(tree: Path) -> dict[str, str]:
    """A hash of every object in a tree."""
    return {
        str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(tree.rglob("*.o"))
    }
