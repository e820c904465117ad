"""Runs of bytes as scalars, and how values of LLVM's types are laid out in them.

A run of bytes is a tuple of scalars in the order of their addresses, each of so many whole bytes
with the first byte lowest. Poison is the scalar's, so runs are cut no finer than what was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt.logic import choose, either
from ir_tools.verify.smt.values import Lanes, Scalar, UnsupportedError, Value

_MOST_LEAVES = 512


@dataclass(frozen=True, slots=True)
class Leaf:
    """One scalar of a type, so many bytes from the value's beginning."""

    offset: int
    size: int
    bits: int
    is_pointer: bool


def leaves(type_: ir.Type, layout: ir.Layout) -> list[Leaf]:
    """The scalars of a type, in order, as memory holds them."""
    found = list(_leaves(type_, layout, 0))
    if len(found) > _MOST_LEAVES:
        raise UnsupportedError(f"a load or store of {len(found)} scalars")
    return found


def _leaves(type_: ir.Type, layout: ir.Layout, at: int) -> Iterator[Leaf]:
    match type_:
        case ir.IntType(bits):
            size = (bits + 7) // 8
            if bits % 8 and not layout.little_endian:
                raise UnsupportedError(f"{type_} in big-endian memory")
            yield Leaf(at, size, bits, is_pointer=False)
        case ir.FloatType():
            yield Leaf(at, type_.bits // 8, type_.bits, is_pointer=False)
        case ir.PointerType(space):
            if space:
                raise UnsupportedError(f"{type_} in memory")
            bits = layout.pointer_bits[0]
            yield Leaf(at, bits // 8, bits, is_pointer=True)
        case ir.VectorType(count, element):
            bits = layout.bits(element)
            if bits % 8:
                raise UnsupportedError(f"{type_} in memory")  # see `packed`
            for index in range(count):
                yield from _leaves(element, layout, at + index * bits // 8)
        case ir.ArrayType(count, element):
            stride = layout.extent(element).alloc
            for index in range(count):
                yield from _leaves(element, layout, at + index * stride)
        case ir.StructType(elements):
            for offset, element in zip(layout.extent(type_).offsets, elements, strict=True):
                yield from _leaves(element, layout, at + offset)
        case _:
            raise UnsupportedError(f"{type_} in memory")


def packed(type_: ir.Type, layout: ir.Layout) -> int:
    """The bits of a vector whose elements are not whole bytes, 0 for every other type."""
    if isinstance(type_, ir.VectorType) and layout.bits(type_.element) % 8:
        return layout.bits(type_)
    return 0


def padding(type_: ir.Type, layout: ir.Layout) -> list[tuple[int, int]]:
    """Offset and size of the bytes in a structure or array that belong to no scalar: poison."""
    gaps, end = [], 0
    for leaf in leaves(type_, layout):
        if leaf.offset > end:
            gaps.append((end, leaf.offset - end))
        end = leaf.offset + leaf.size
    size = layout.extent(type_).store
    return [*gaps, (end, size - end)] if size > end else gaps


def scalars(value: Value) -> list[Scalar]:
    if isinstance(value, Scalar):
        return [value]
    return [each for lane in value.values for each in scalars(lane)]


def build(type_: ir.Type, parts: Iterator[Scalar]) -> Value:
    """The value of that type with those scalars."""
    match type_:
        case ir.VectorType(count, element) | ir.ArrayType(count, element):
            return Lanes(tuple(build(element, parts) for _ in range(count)))
        case ir.StructType(elements):
            return Lanes(tuple(build(each, parts) for each in elements))
    return next(parts)


# runs of bytes ----------------------------------------------------------------------------------


def size(run: Sequence[Scalar]) -> int:
    return sum(int(part.bits.size()) for part in run) // 8


def extract(part: Scalar, first: int, count: int) -> Scalar:
    """So many bytes of a scalar."""
    if first == 0 and count * 8 == part.bits.size():
        return part
    bits = z3.simplify(z3.Extract(8 * (first + count) - 1, 8 * first, part.bits))
    return Scalar(bits, part.poison, part.undef)


def cut(run: Sequence[Scalar], first: int, count: int) -> tuple[Scalar, ...]:
    """So many bytes of a run."""
    found, at = [], 0
    for part in run:
        length = part.bits.size() // 8
        begin, end = max(first, at), min(first + count, at + length)
        if begin < end:
            found.append(extract(part, begin - at, end - begin))
        at += length
    return tuple(found)


def joined(run: Sequence[Scalar]) -> Scalar:
    """A run as one number, poison if any byte of it is."""
    if len(run) == 1:
        return run[0]
    bits = z3.simplify(z3.Concat(*(part.bits for part in reversed(run))))
    undef = frozenset[z3.BitVecRef]().union(*(part.undef for part in run))
    return Scalar(bits, either(*(part.poison for part in run)), undef)


def in_memory(part: Scalar, count: int, layout: ir.Layout) -> Scalar:
    """A number as so many bytes: zeros above it, the first byte lowest."""
    bits = z3.simplify(z3.ZeroExt(8 * count - part.bits.size(), part.bits))
    if not layout.little_endian:
        bits = swapped(bits)
    return Scalar(bits, part.poison, part.undef)


def swapped(bits: z3.BitVecRef) -> z3.BitVecRef:
    """The bytes in the contrary order."""
    count = bits.size() // 8
    if count == 1:
        return bits
    return z3.simplify(z3.Concat(*(z3.Extract(8 * k + 7, 8 * k, bits) for k in range(count))))


def aligned(left: Sequence[Scalar], right: Sequence[Scalar]) -> Iterator[tuple[Scalar, Scalar]]:
    """Two runs of the same size, cut at the same places."""
    ends = sorted({*_ends(left), *_ends(right)})
    start = 0
    for end in ends:
        yield joined(cut(left, start, end - start)), joined(cut(right, start, end - start))
        start = end


def _ends(run: Sequence[Scalar]) -> Iterator[int]:
    end = 0
    for part in run:
        end += part.bits.size() // 8
        yield end


def chosen(condition: z3.BoolRef, then: Scalar, other: Scalar) -> Scalar:
    return Scalar(
        choose(condition, then.bits, other.bits),
        choose(condition, then.poison, other.poison),
        then.undef | other.undef,
    )


def chosen_run(
    condition: z3.BoolRef, then: Sequence[Scalar], other: Sequence[Scalar]
) -> tuple[Scalar, ...]:
    if z3.is_true(condition):
        return tuple(then)
    if z3.is_false(condition):
        return tuple(other)
    return tuple(chosen(condition, *parts) for parts in aligned(then, other))


def pack(value: Value, layout: ir.Layout) -> Scalar:
    """The lanes of a vector of odd elements as one number; all have to be poison together."""
    lanes = scalars(value)
    if not layout.little_endian or any(not each.poison.eq(lanes[0].poison) for each in lanes):
        raise UnsupportedError("store of a vector whose elements are not whole bytes")
    return joined(lanes)


def unpack(word: Scalar, count: int, layout: ir.Layout) -> list[Scalar]:
    """The lanes again."""
    if not layout.little_endian:
        raise UnsupportedError("load of a vector whose elements are not whole bytes")
    width = word.bits.size() // count
    lanes = [z3.Extract(width * k + width - 1, width * k, word.bits) for k in range(count)]
    return [Scalar(z3.simplify(bits), word.poison, word.undef) for bits in lanes]
