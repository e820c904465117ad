"""Pointers as bit-vectors: a block's number above an offset into it.

A block's number has 16 bits. Those of blocks that the caller knows (arguments, globals, whatever is
loaded or returned by a call) begin with 00; those of allocations that this function makes begin
with 1, and with 11 where no pointer to the block can leave the function (`private`). So most
questions of "may these two be the same block?" are answered by looking at the terms, without the
solver.

The null pointer is all zeros: block 0 has no bytes, and lies at address 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import z3

from ir_tools.verify.smt.logic import FALSE, TRUE, both, choose, equal, negate

BLOCK_BITS = 16
LOCAL, PRIVATE = 1 << 15, 1 << 14  # bits of a block's number
_MOST_ALTERNATIVES = 8
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A pointer taken apart: `root + constant` bytes into `block`; `root` is None for zero."""

    bits: z3.BitVecRef
    block: z3.BitVecRef
    root: z3.BitVecRef | None
    constant: int

    @property
    def width(self) -> int:
        """Bits of an offset."""
        return int(self.bits.size()) - BLOCK_BITS

    @property
    def offset(self) -> z3.BitVecRef:
        return z3.simplify(z3.Extract(self.width - 1, 0, self.bits))

    @property
    def number(self) -> int | None:
        """The block's number where it is known."""
        return self.block.as_long() if z3.is_bv_value(self.block) else None

    @property
    def key(self) -> int:
        identity: int = self.bits.get_id()
        return identity

    def plus(self, distance: int) -> Place:
        """The place so many bytes further, without any check."""
        return place(join(self.block, self.offset + distance)) if distance else self

    def minus(self, other: Place) -> z3.BitVecRef:
        """The distance from another place in the same block."""
        return z3.simplify(self.offset - other.offset)

    def known_distance(self, other: Place) -> int | None:
        """How far it is beyond another place in the same block, where that is plain; signed."""
        mine, theirs = self.root, other.root
        if (mine is None) != (theirs is None):
            return None
        if mine is not None and theirs is not None and not mine.eq(theirs):
            return None
        distance = (self.constant - other.constant) % (1 << self.width)
        return distance - (1 << self.width) if distance >> (self.width - 1) else distance


def place(bits: z3.BitVecRef) -> Place:
    """Takes a pointer apart; one that is a choice between pointers stays whole."""
    bits = z3.simplify(bits)
    width = bits.size() - BLOCK_BITS
    block = z3.simplify(z3.Extract(width + BLOCK_BITS - 1, width, bits))
    offset = z3.simplify(z3.Extract(width - 1, 0, bits))
    if z3.is_bv_value(offset):
        return Place(bits, block, None, offset.as_long())
    if z3.is_app_of(offset, z3.Z3_OP_BADD) and z3.is_bv_value(offset.arg(0)):
        rest = offset.children()[1:]
        root = rest[0] if len(rest) == 1 else z3.simplify(z3.Sum(*rest))
        return Place(bits, block, root, offset.arg(0).as_long())
    return Place(bits, block, offset, 0)


def join(block: z3.BitVecRef | int, offset: z3.BitVecRef) -> z3.BitVecRef:
    number = z3.BitVecVal(block, BLOCK_BITS) if isinstance(block, int) else block
    return z3.simplify(z3.Concat(number, offset))


def moved(start: Place, distance: z3.BitVecRef) -> Place:
    """The place at a distance that is a term."""
    return place(join(start.block, start.offset + distance))


def null(width: int) -> z3.BitVecRef:
    return z3.BitVecVal(0, BLOCK_BITS + width)


def outside(bits: z3.BitVecRef) -> z3.BitVecRef:
    """A pointer to a block that the caller knows, from that many bits less two."""
    return z3.Concat(z3.BitVecVal(0, 2), bits)


def escaped(bits: z3.BitVecRef) -> z3.BitVecRef:
    """A pointer to any block but a private one, from that many bits less one."""
    top = bits.size() - 1
    return z3.Concat(z3.Extract(top, top, bits), z3.BitVecVal(0, 1), z3.Extract(top - 1, 0, bits))


def is_outside(block: z3.BitVecRef) -> bool:
    """Whether the term says plainly that the caller knows the block."""
    if z3.is_bv_value(block):
        return bool(block.as_long() < PRIVATE)
    return _starts_with_zeros(block, 2)


def is_number(block: z3.BitVecRef, number: int) -> z3.BoolRef:
    """Whether it is the block of that number, one of the function's own allocations."""
    return FALSE if is_outside(block) else equal(block, z3.BitVecVal(number, BLOCK_BITS))


def is_private(block: z3.BitVecRef) -> bool:
    return bool(z3.is_bv_value(block) and block.as_long() & LOCAL and block.as_long() & PRIVATE)


def never_private(block: z3.BitVecRef) -> bool:
    """Whether the term says plainly that the block is not a private one."""
    if z3.is_bv_value(block):
        return not is_private(block)
    if is_outside(block):
        return True
    if not z3.is_app_of(block, z3.Z3_OP_CONCAT):
        return False
    first, second = block.arg(0), block.arg(1)
    return bool(first.size() == 1 and z3.is_bv_value(second) and second.as_long() == 0)


def _starts_with_zeros(term: z3.BitVecRef, bits: int) -> bool:
    if not z3.is_app_of(term, z3.Z3_OP_CONCAT):
        return False
    first = term.arg(0)
    return bool(z3.is_bv_value(first) and first.size() >= bits and first.as_long() == 0)


def apart(left: z3.BitVecRef, right: z3.BitVecRef) -> bool:
    """Whether two blocks are plainly not the same."""
    if z3.is_bv_value(left) and z3.is_bv_value(right):
        return bool(left.as_long() != right.as_long())
    for one, other in ((left, right), (right, left)):
        if z3.is_bv_value(one):
            if is_private(one) and never_private(other):
                return True
            if one.as_long() & LOCAL and is_outside(other):
                return True
    return False


def resolve(bits: z3.BitVecRef) -> list[tuple[z3.BoolRef, Place]]:
    """The places that a pointer may be, with the conditions, which exclude one another."""
    found = _split(bits, TRUE)
    return found if len(found) <= _MOST_ALTERNATIVES else [(TRUE, place(bits))]


def _split(bits: z3.BitVecRef, under: z3.BoolRef) -> list[tuple[z3.BoolRef, Place]]:
    parts = _choice(bits)
    if parts is None:
        return [(under, place(bits))]
    condition, then, other = parts
    whole = same_block(condition, then, other)
    if whole is not None:
        return [(under, place(whole))]
    found = [
        *_split(then, both(under, condition)),
        *_split(other, both(under, negate(condition))),
    ]
    return found if len(found) <= _MOST_ALTERNATIVES else [(under, place(bits))]


def _choice(bits: z3.BitVecRef) -> tuple[z3.BoolRef, z3.BitVecRef, z3.BitVecRef] | None:
    """A choice between pointers to different blocks, also where it is inside a concatenation."""
    if z3.is_app_of(bits, z3.Z3_OP_ITE):
        condition, then, other = bits.children()
        return condition, then, other
    if not z3.is_app_of(bits, z3.Z3_OP_CONCAT):
        return None
    parts, at = bits.children(), 0
    for index, part in enumerate(parts):
        if at >= BLOCK_BITS:
            break
        if z3.is_app_of(part, z3.Z3_OP_ITE):
            condition, *arms = part.children()
            then, other = (z3.Concat(*parts[:index], arm, *parts[index + 1 :]) for arm in arms)
            return condition, then, other
        at += part.size()
    return None


def same_block(
    condition: z3.BoolRef, then: z3.BitVecRef, other: z3.BitVecRef
) -> z3.BitVecRef | None:
    """The choice between two pointers as one pointer with a chosen offset, where that is right."""
    first, second = place(then), place(other)
    if not first.block.eq(second.block):
        return None
    return join(first.block, z3.If(condition, first.offset, second.offset))


def by_place(bits: z3.BitVecRef, find: Callable[[Place], z3.ExprRef]) -> z3.ExprRef:
    """What `find` says of each place that a pointer may be, chosen by its condition."""
    *others, (_, last) = resolve(bits)
    result = find(last)
    for condition, each in reversed(others):
        result = choose(condition, find(each), result)
    return result


def same_place(left: Place, right: Place) -> z3.BoolRef:
    if apart(left.block, right.block):
        return FALSE
    if left.block.eq(right.block):
        return equal(left.offset, right.offset)
    return equal(left.bits, right.bits)


def power_of_two_in(number: int) -> int:
    """The largest power of two that divides it."""
    return number & -number
