"""Integer, cast, compare and vector operations on symbolic values.

Every operation takes operands as one use sees them (`Choices.use`) and answers a value; those that
can be immediate undefined behaviour answer the condition of it too. Floats are in `smt.floats`,
pointers in `smt.memory`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt.logic import FALSE, TRUE, both, choose, either, equal, negate
from ir_tools.verify.smt.values import Choices, Lanes, Scalar, UnsupportedError, Value

Bits: TypeAlias = Any  # z3.BitVecRef, which has no types


def number(value: int, bits: int) -> Scalar:
    return Scalar(z3.BitVecVal(value, bits), FALSE)


def truth(term: z3.BoolRef, poison: z3.BoolRef = FALSE, *operands: Scalar) -> Scalar:
    """A condition as an i1; `operands` are those whose undef it depends on."""
    bits = choose(term, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
    return Scalar(bits, poison, undefs(*operands))


def is_set(value: Scalar) -> z3.BoolRef:
    """Whether an i1 is true."""
    bits = value.bits
    if z3.is_bv_value(bits):
        return TRUE if bits.as_long() else FALSE
    if bits.decl().kind() == z3.Z3_OP_ITE and z3.is_bv_value(bits.arg(1)):
        then, other = bits.arg(1), bits.arg(2)
        if z3.is_bv_value(other) and then.as_long() != other.as_long():
            return bits.arg(0) if then.as_long() else negate(bits.arg(0))
    return bits == 1


def undefs(*operands: Scalar) -> frozenset[Bits]:
    return frozenset().union(*(each.undef for each in operands))


def poisons(*operands: Scalar) -> z3.BoolRef:
    return either(*(each.poison for each in operands))


def scalars(value: Value) -> list[Scalar]:
    """The scalars of a value, in order."""
    if isinstance(value, Scalar):
        return [value]
    return [scalar for lane in value.values for scalar in scalars(lane)]


def lanewise(operation: Callable[..., Scalar], *operands: Value) -> Value:
    """A scalar operation, element by element where the operands are vectors."""
    if all(isinstance(each, Scalar) for each in operands):
        return operation(*operands)
    lanes = [each.values for each in operands if isinstance(each, Lanes)]
    assert len(lanes) == len(operands)
    return Lanes(tuple(lanewise(operation, *row) for row in zip(*lanes, strict=True)))


def merge(condition: z3.BoolRef, then: Value, other: Value) -> Value:
    """`then` where the condition holds, else `other`, whatever their shape."""
    if then is other or z3.is_true(condition):
        return then
    if z3.is_false(condition):
        return other
    if isinstance(then, Lanes) and isinstance(other, Lanes):
        pairs = zip(then.values, other.values, strict=True)
        return Lanes(tuple(merge(condition, left, right) for left, right in pairs))
    assert isinstance(then, Scalar)
    assert isinstance(other, Scalar)
    return Scalar(
        choose(condition, then.bits, other.bits),
        choose(condition, then.poison, other.poison),
        then.undef | other.undef,
    )


# integer arithmetic -----------------------------------------------------------------------------

_ARITHMETIC: dict[str, Callable[[Bits, Bits], Bits]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "udiv": z3.UDiv,
    "sdiv": lambda x, y: x / y,
    "urem": z3.URem,
    "srem": z3.SRem,
    "shl": lambda x, y: x << y,
    "lshr": z3.LShR,
    "ashr": lambda x, y: x >> y,
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
}
_SHIFTS = ("shl", "lshr", "ashr")
_DIVISIONS = ("udiv", "sdiv", "urem", "srem")


def _wide(
    signed: bool, operation: Callable[[Bits, Bits], Bits], extra: int
) -> Callable[..., z3.BoolRef]:
    """Whether the exact result does not fit, found by calculating in more bits."""

    def overflows(x: Bits, y: Bits) -> z3.BoolRef:
        more = extra or x.size()
        extend = z3.SignExt if signed else z3.ZeroExt
        return operation(extend(more, x), extend(more, y)) != extend(more, operation(x, y))

    return overflows


def _multiply_overflows(signed: bool) -> Callable[[Bits, Bits], z3.BoolRef]:
    def overflows(x: Bits, y: Bits) -> z3.BoolRef:
        if not signed:
            return negate(z3.BVMulNoOverflow(x, y, False))
        return either(negate(z3.BVMulNoOverflow(x, y, True)), negate(z3.BVMulNoUnderflow(x, y)))

    return overflows


_ADD, _SUB = _ARITHMETIC["add"], _ARITHMETIC["sub"]
OVERFLOWS: dict[tuple[str, str], Callable[[Bits, Bits], z3.BoolRef]] = {
    ("add", "nsw"): _wide(True, _ADD, 1),
    ("add", "nuw"): _wide(False, _ADD, 1),
    ("sub", "nsw"): _wide(True, _SUB, 1),
    ("sub", "nuw"): z3.ULT,
    ("mul", "nsw"): _multiply_overflows(True),
    ("mul", "nuw"): _multiply_overflows(False),
    ("shl", "nsw"): lambda x, y: (x << y) >> y != x,
    ("shl", "nuw"): lambda x, y: z3.LShR(x << y, y) != x,
    ("udiv", "exact"): lambda x, y: z3.URem(x, y) != 0,
    ("sdiv", "exact"): lambda x, y: z3.SRem(x, y) != 0,
    ("lshr", "exact"): lambda x, y: z3.LShR(x, y) << y != x,
    ("ashr", "exact"): lambda x, y: (x >> y) << y != x,
    ("or", "disjoint"): lambda x, y: x & y != 0,
}


def binary(opcode: str, flags: frozenset[str], left: Scalar, right: Scalar) -> Scalar:
    """Arithmetic, shifts and logic; the undefined behaviour of divisions is apart."""
    x, y = left.bits, right.bits
    broken = [OVERFLOWS[opcode, flag](x, y) for flag in sorted(flags)]
    if opcode in _SHIFTS and not (z3.is_bv_value(y) and y.as_long() < x.size()):
        broken.append(z3.UGE(y, x.size()))
    poison = either(poisons(left, right), *map(z3.simplify, broken))
    return Scalar(z3.simplify(_ARITHMETIC[opcode](x, y)), poison, undefs(left, right))


def division_ub(opcode: str, left: Scalar, right: Scalar) -> z3.BoolRef:
    """Immediate undefined behaviour of a division: by zero or poison, or beyond the range."""
    if opcode not in _DIVISIONS:
        return FALSE
    ub = either(right.poison, equal(right.bits, z3.BitVecVal(0, right.bits.size())))
    if opcode in ("udiv", "urem"):
        return ub
    bits = left.bits.size()
    least = equal(left.bits, z3.BitVecVal(1 << bits - 1, bits))
    minus_one = equal(right.bits, z3.BitVecVal((1 << bits) - 1, bits))
    return either(ub, both(either(left.poison, least), minus_one))


# comparison and selection -----------------------------------------------------------------------

_COMPARISONS: dict[str, Callable[[Bits, Bits], z3.BoolRef]] = {
    "eq": equal,
    "ne": lambda x, y: negate(equal(x, y)),
    "ugt": z3.UGT,
    "uge": z3.UGE,
    "ult": z3.ULT,
    "ule": z3.ULE,
    "sgt": lambda x, y: x > y,
    "sge": lambda x, y: x >= y,
    "slt": lambda x, y: x < y,
    "sle": lambda x, y: x <= y,
}


def compare(predicate: str, flags: frozenset[str], left: Scalar, right: Scalar) -> Scalar:
    """icmp of integers."""
    x, y = left.bits, right.bits
    poison = poisons(left, right)
    if "samesign" in flags:
        poison = either(poison, (x < 0) != (y < 0))
    return truth(z3.simplify(_COMPARISONS[predicate](x, y)), poison, left, right)


def select(condition: Value, then: Value, other: Value) -> Value:
    """Poison where the condition is; else the chosen arm alone."""
    if isinstance(condition, Lanes):
        assert isinstance(then, Lanes)
        assert isinstance(other, Lanes)
        rows = zip(condition.values, then.values, other.values, strict=True)
        return Lanes(tuple(select(*row) for row in rows))
    chosen = merge(is_set(condition), then, other)
    return tainted(chosen, condition)


def tainted(value: Value, by: Scalar) -> Value:
    """The value, poison where `by` is, and as undef as `by` too."""
    if isinstance(value, Lanes):
        return Lanes(tuple(tainted(lane, by) for lane in value.values))
    return Scalar(value.bits, either(by.poison, value.poison), value.undef | by.undef)


def poisoned(value: Value, condition: z3.BoolRef) -> Value:
    """The value, poison where the condition holds."""
    return tainted(value, Scalar(z3.BitVecVal(0, 1), condition))


def freeze(value: Value, any_bits: Callable[[int], Bits]) -> Value:
    """One choice for all uses: of poison any value, of undef the one that this use saw."""
    if isinstance(value, Lanes):
        return Lanes(tuple(freeze(lane, any_bits) for lane in value.values))
    if z3.is_false(value.poison):
        return Scalar(value.bits, FALSE)
    return Scalar(choose(value.poison, any_bits(value.bits.size()), value.bits), FALSE)


# casts ------------------------------------------------------------------------------------------


def cast(opcode: str, flags: frozenset[str], value: Scalar, bits: int) -> Scalar:
    """trunc, zext and sext."""
    x, more = value.bits, bits - value.bits.size()
    poison = value.poison
    if opcode == "trunc":
        result = z3.Extract(bits - 1, 0, x)
        if "nuw" in flags:
            poison = either(poison, z3.ZeroExt(-more, result) != x)
        if "nsw" in flags:
            poison = either(poison, z3.SignExt(-more, result) != x)
    else:
        result = (z3.SignExt if opcode == "sext" else z3.ZeroExt)(more, x)
        if "nneg" in flags:
            poison = either(poison, x < 0)
    return Scalar(z3.simplify(result), poison, value.undef)


def bitcast(value: Value, bits: Sequence[int], little_endian: bool) -> list[Scalar]:
    """The bits of a value cut into pieces of those widths; poison as far as the bits reach.

    A piece that holds bits of several lanes is poison when one of them is.
    """
    lanes = scalars(value)
    if [lane.bits.size() for lane in lanes] == list(bits):
        return lanes
    if not little_endian:
        lanes, bits = lanes[::-1], bits[::-1]
    starts = _starts([lane.bits.size() for lane in lanes])
    pieces = []
    for low, width in zip(_starts(bits), bits, strict=True):
        parts = []
        for lane, start in zip(lanes, starts, strict=True):
            bottom, top = max(low, start), min(low + width, start + lane.bits.size())
            if bottom < top:
                part = z3.Extract(top - start - 1, bottom - start, lane.bits)
                parts.append(Scalar(part, lane.poison, lane.undef))
        pieces.append(_joined(parts))
    return pieces if little_endian else pieces[::-1]


def _starts(widths: Sequence[int]) -> list[int]:
    return [sum(widths[:index]) for index in range(len(widths))]


def _joined(parts: list[Scalar]) -> Scalar:
    """Parts from the lowest bits up as one."""
    bits = z3.Concat(*(part.bits for part in parts[::-1])) if len(parts) > 1 else parts[0].bits
    return Scalar(z3.simplify(bits), poisons(*parts), undefs(*parts))


# vectors and aggregates -------------------------------------------------------------------------


def any_poison(value: Value) -> Value:
    """Poison of the value's shape."""
    if isinstance(value, Lanes):
        return Lanes(tuple(map(any_poison, value.values)))
    return Scalar(z3.BitVecVal(0, value.bits.size()), TRUE)


def extract_element(vector: Lanes, index: Scalar) -> Value:
    """Poison where the index is poison or beyond the end."""
    result = any_poison(vector.values[0])
    for position, lane in enumerate(vector.values):
        result = merge(_is_at(index, position), lane, result)
    return tainted(result, index)


def insert_element(vector: Lanes, element: Value, index: Scalar) -> Value:
    count = len(vector.values)
    lanes = tuple(
        merge(_is_at(index, position), element, lane) for position, lane in enumerate(vector.values)
    )
    beyond = FALSE
    if count < 1 << index.bits.size():
        beyond = z3.simplify(z3.UGE(index.bits, count))
    return tainted(poisoned(Lanes(lanes), beyond), index)


def _is_at(index: Scalar, position: int) -> z3.BoolRef:
    if position >> index.bits.size():
        return FALSE
    return equal(index.bits, z3.BitVecVal(position, index.bits.size()))


def shuffle(left: Lanes, right: Lanes, mask: Sequence[int | None]) -> Lanes:
    lanes = (*left.values, *right.values)
    return Lanes(tuple(any_poison(lanes[0]) if i is None else lanes[i] for i in mask))


def extract_value(aggregate: Value, indices: Sequence[int | None]) -> Value:
    for index in indices:
        assert isinstance(aggregate, Lanes)
        assert index is not None
        aggregate = aggregate.values[index]
    return aggregate


def insert_value(aggregate: Value, element: Value, indices: Sequence[int | None]) -> Value:
    if not indices:
        return element
    assert isinstance(aggregate, Lanes)
    assert indices[0] is not None
    lanes, index = list(aggregate.values), indices[0]
    lanes[index] = insert_value(lanes[index], element, indices[1:])
    return Lanes(tuple(lanes))


def shape(type_: ir.Type, make: Callable[[ir.Type], Scalar]) -> Value:
    """A value of that type, scalar by scalar."""
    match type_:
        case ir.IntType() | ir.FloatType() | ir.PointerType():
            return make(type_)
        case ir.VectorType(count, element) | ir.ArrayType(count, element):
            if count > 1024:
                raise UnsupportedError(f"a value of type {type_}")
            return Lanes(tuple(shape(element, make) for _ in range(count)))
        case ir.StructType(elements):
            return Lanes(tuple(shape(element, make) for element in elements))
        case ir.VoidType():
            return Lanes(())
    raise UnsupportedError(f"a value of type {type_}")


def widths(type_: ir.Type, width: Callable[[ir.Type], int]) -> list[int]:
    """The widths of the scalars that a value of that type has."""
    if isinstance(type_, ir.VectorType):
        return [width(type_.element)] * type_.count
    return [width(type_)]


def element_type(type_: ir.Type) -> ir.Type:
    """What an operation works on: a vector's element, or the type itself."""
    return type_.element if isinstance(type_, ir.VectorType) else type_


# being well defined, and refinement -------------------------------------------------------------


def ill_defined(value: Value, choices: Choices) -> z3.BoolRef:
    """Whether a value is poison or undef: where that is undefined behaviour."""
    return either(*(_ill_defined(scalar, choices) for scalar in scalars(value)))


def _ill_defined(value: Scalar, choices: Choices) -> z3.BoolRef:
    if not value.undef:
        return value.poison
    value, other = choices.use(value), choices.use(value)
    return either(value.poison, other.poison, negate(equal(value.bits, other.bits)))


def refined(
    source: Value, target: Value, choices: tuple[Choices, Choices] | None = None
) -> z3.BoolRef:
    """Whether the target's value is allowed by the source's.

    With `choices`, where someone else sees the values: then what is undef in the target has to be
    so in the source, which two looks at it tell.
    """
    terms = []
    for left, right in zip(scalars(source), scalars(target), strict=True):
        terms.append(_refined(left, right))
        if right.undef and choices:
            terms.append(_refined(choices[0].use(left), choices[1].use(right)))
    return both(*terms)


def _refined(source: Scalar, target: Scalar) -> z3.BoolRef:
    same = both(negate(target.poison), equal(source.bits, target.bits))
    return either(source.poison, same)


def fold(operation: Callable[[Scalar, Scalar], Scalar], lanes: Sequence[Scalar]) -> Scalar:
    return functools.reduce(operation, lanes)
