"""Wrong targets: real functions with one seeded mistake, of the kinds that compilers make.

A mutation changes one line of a function's text: a constant by one, two operands' places, a
predicate, a store that is dropped, a flag that promises too much.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

_PREDICATES = {
    "eq": "ne", "ne": "eq", "slt": "sle", "sle": "slt", "sgt": "sge", "sge": "sgt", "ult": "ule",
    "ule": "ult", "ugt": "uge", "uge": "ugt",
}  # fmt: skip
_SWAPPABLE = re.compile(
    r"( = (?:sub|sdiv|udiv|srem|urem|shl|lshr|ashr|icmp \w+)(?: nuw| nsw| exact| samesign)* \S+ )"
    r"([^,\s]+), ([^,\s]+)"
)
_FLAGGABLE = re.compile(r"( = (?:add|sub|mul|shl)) (?!nuw|nsw)")
_CONSTANT = re.compile(r"(?<=[ ,])(-?\d+)(?=[,\n]|$)")


def _off_by_one(line: str, rng: random.Random) -> str | None:
    if not re.search(r" = (?:add|sub|mul|and|or|xor|shl|lshr|ashr|icmp|select|phi)|^  ret ", line):
        return None
    found = [*_CONSTANT.finditer(line)]
    if not found:
        return None
    chosen = rng.choice(found)
    return f"{line[: chosen.start()]}{int(chosen[1]) + rng.choice((-1, 1))}{line[chosen.end() :]}"


def _swapped(line: str, rng: random.Random) -> str | None:
    found = _SWAPPABLE.search(line)
    if not found or found[2] == found[3]:
        return None
    return f"{line[: found.start()]}{found[1]}{found[3]}, {found[2]}{line[found.end() :]}"


def _flipped(line: str, rng: random.Random) -> str | None:
    found = re.search(r" icmp (?:samesign )?(\w+) ", line)
    return line.replace(f" {found[1]} ", f" {_PREDICATES[found[1]]} ", 1) if found else None


def _dropped(line: str, rng: random.Random) -> str | None:
    return "" if line.startswith("  store ") else None


def _flagged(line: str, rng: random.Random) -> str | None:
    changed = _FLAGGABLE.sub(rf"\1 {rng.choice(('nuw', 'nsw'))} ", line, count=1)
    return changed if changed != line else None


_MUTATIONS: tuple[Callable[[str, random.Random], str | None], ...] = (
    _off_by_one,
    _swapped,
    _flipped,
    _dropped,
    _flagged,
)


def mutants(text: str, rng: random.Random, count: int) -> Iterator[str]:
    """At most `count` different wrong versions of a module that defines one function."""
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("define "))
    places = [
        (index, mutation)
        for index in range(start + 1, lines.index("}", start))
        for mutation in _MUTATIONS
        if mutation(lines[index], rng) is not None
    ]
    for index, mutation in rng.sample(places, min(count, len(places))):
        changed = mutation(lines[index], rng)
        yield "\n".join((*lines[:index], changed or "", *lines[index + 1 :]))
