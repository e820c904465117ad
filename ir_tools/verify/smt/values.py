"""Symbolic values: bits, when they are poison, and what of them is undef.

A scalar is an integer, a float (as its bit pattern) or a pointer (as `smt.memory` packs it).
Vectors, arrays and structures are lanes of values: poison is element by element, as in LLVM.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TypeAlias

import z3


@dataclass(frozen=True, slots=True)
class Scalar:
    """`undef` are the variables in `bits` that stand for undef: every use may see other values."""

    bits: z3.BitVecRef
    poison: z3.BoolRef
    undef: frozenset[z3.BitVecRef] = frozenset()


@dataclass(frozen=True, slots=True)
class Lanes:
    values: tuple[Value, ...]


Value: TypeAlias = Scalar | Lanes


class UnsupportedError(Exception):
    """What the encoding does not know; the message names the instruction or the construct."""


class BudgetError(Exception):
    """A limit on the size of the formula, or on time, was reached; the message says which."""


@dataclass(slots=True)
class Choices:
    """The free variables of one side (`src` or `tgt`) that are neither inputs nor shared.

    For the target all of them are universally quantified, for the source existentially: a target
    refines when for whatever it does the source could have done the same.
    """

    side: str
    made: list[z3.ExprRef] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def bits(self, width: int, why: str) -> z3.BitVecRef:
        """A fresh choice, for undef, `freeze poison`, an allocation's address."""
        variable = z3.BitVec(f"{self.side}.{why}.{next(self._numbers)}", width)
        self.made.append(variable)
        return variable

    def undef(self, width: int) -> Scalar:
        variable = self.bits(width, "undef")
        return Scalar(variable, z3.BoolVal(False), frozenset({variable}))

    def use(self, value: Scalar) -> Scalar:
        """The value as one use of it sees it: with undef variables of its own."""
        if not value.undef:
            return value
        fresh = [(old, self.bits(old.size(), "undef")) for old in value.undef]
        return Scalar(
            z3.substitute(value.bits, *fresh),
            z3.substitute(value.poison, *fresh),
            frozenset(new for _, new in fresh),
        )
