"""How the bounds of a block hang together: facts that spare the solver arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import z3

from ir_tools.verify.smt.logic import both, implies
from ir_tools.verify.smt.pointers import Place

_MOST_PLACES = 16  # at known distances from one another
_FURTHEST = 1 << 40


@dataclass(slots=True)
class Bounds:
    """A place between two that are in a block is in it too: `facts` grows with what that says.

    Each holds by itself, because a block is smaller than half of the address space; they save the
    solver from finding out by adding numbers bit by bit.
    """

    facts: list[z3.BoolRef]
    _places: dict[tuple[int, int], dict[int, z3.BoolRef]] = field(default_factory=dict)
    _kept: list[tuple[z3.ExprRef, Place]] = field(default_factory=list)  # so that ids stay theirs

    def state(self, size: z3.BitVecRef, at: Place, inside: z3.BoolRef) -> None:
        """Note the term that says whether the place is in its block, of that size."""
        if at.root is None:
            return
        constant = at.constant
        if constant >> (at.width - 1):
            constant -= 1 << at.width
        known = self._places.setdefault((size.get_id(), at.root.get_id()), {})
        if constant in known or len(known) >= _MOST_PLACES or abs(constant) > _FURTHEST:
            return
        self._kept.append((size, at))
        self.facts += _between(constant, inside, known)
        known[constant] = inside


def _between(
    constant: int, inside: z3.BoolRef, known: dict[int, z3.BoolRef]
) -> Iterable[z3.BoolRef]:
    for one, other in itertools.combinations(known.items(), 2):
        (_, low), (_, middle), (_, high) = sorted(
            (one, other, (constant, inside)), key=lambda each: each[0]
        )
        yield implies(both(low, high), middle)
