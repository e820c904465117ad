"""Symbolic values: bits, when they are poison, and what of them is undef.

A scalar is an integer, a float (as its bit pattern) or a pointer (as `smt.memory` packs it).
Vectors, arrays and structures are lanes of values, so that poison is element by element as in LLVM.
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
    _used: set[z3.BitVecRef] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def bits(self, width: int, why: str) -> z3.BitVecRef:
        """A fresh choice, for undef, `freeze poison`, an allocation's address."""
        variable = z3.BitVec(f"{self.side}.{why}.{next(self._numbers)}", width)
        self.made.append(variable)
        return variable

    def undef(self, width: int, of: str = "") -> Scalar:
        """`of` names what is undef, where that is something that both sides know."""
        variable = self.bits(width, f"undef {of}".strip())
        return Scalar(variable, z3.BoolVal(False), frozenset({variable}))

    def use(self, value: Scalar) -> Scalar:
        """The value as one use of it sees it: with undef variables of its own.

        The first use of a variable may keep it.
        """
        again = value.undef & self._used
        self._used |= value.undef
        if not again:
            return value
        order = sorted(again, key=lambda each: int(each.decl().name().rsplit(".", 1)[1]))
        fresh = [(old, self.bits(old.size(), kind(old))) for old in order]
        self._used.update(new for _, new in fresh)
        return Scalar(
            z3.substitute(value.bits, *fresh),
            z3.substitute(value.poison, *fresh),
            value.undef - again | {new for _, new in fresh},
        )


def kind(choice: z3.ExprRef) -> str:
    """What a choice was made for."""
    return str(choice.decl().name()).split(".")[1]
