"""Under which condition a point of a function is reached, as a conjunction of branch conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import z3

from ir_tools.verify.smt.logic import both, either, negate


@dataclass(frozen=True, slots=True)
class Path:
    """All of `literals` hold; they are kept by identity."""

    literals: dict[int, z3.BoolRef]

    @property
    def condition(self) -> z3.BoolRef:
        return both(*self.literals.values())

    def and_(self, term: z3.BoolRef) -> Path:
        if z3.is_true(term):
            return self
        return Path(self.literals | {term.get_id(): term})

    def without(self, other: Path) -> z3.BoolRef:
        """What this one says beyond the other."""
        return both(*(t for key, t in self.literals.items() if key not in other.literals))

    @property
    def is_impossible(self) -> bool:
        return any(
            z3.is_false(term) or negate(term).get_id() in self.literals
            for term in self.literals.values()
        )


def start() -> Path:
    return Path({})


def join(paths: Sequence[Path]) -> Path:
    """Where any of the paths ends: two that differ in one branch alone are the path before it."""
    kept = list(paths)
    while (pair := _complements(kept)) is not None:
        first, second = pair
        shared = {key: t for key, t in kept[first].literals.items() if key in kept[second].literals}
        kept = [each for i, each in enumerate(kept) if i not in pair] + [Path(shared)]
    common = set.intersection(*(set(each.literals) for each in kept))
    shared_path = Path({key: kept[0].literals[key] for key in sorted(common)})
    return shared_path.and_(either(*(each.without(shared_path) for each in kept)))


def _complements(paths: Sequence[Path]) -> tuple[int, int] | None:
    for first, left in enumerate(paths):
        for second in range(first + 1, len(paths)):
            right = paths[second]
            mine = [t for key, t in left.literals.items() if key not in right.literals]
            theirs = [t for key, t in right.literals.items() if key not in left.literals]
            if not mine or not theirs:
                return first, second
            if len(mine) == len(theirs) == 1 and negate(mine[0]).eq(theirs[0]):
                return first, second
    return None
