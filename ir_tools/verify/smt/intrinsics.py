"""Intrinsics that calculate: a table by name, one scalar function each, applied lane by lane."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import z3

from ir_tools.verify.smt import ops
from ir_tools.verify.smt.logic import FALSE, TRUE, choose, either, equal
from ir_tools.verify.smt.values import Lanes, Scalar, Value

Bits: TypeAlias = Any  # z3.BitVecRef, which has no types


def _of_bits(result: Callable[..., Bits]) -> Callable[..., Scalar]:
    """An intrinsic that is poison exactly where an operand is."""

    def operation(*operands: Scalar) -> Scalar:
        bits = z3.simplify(result(*(each.bits for each in operands)))
        return Scalar(bits, ops.poisons(*operands), ops.undefs(*operands))

    return operation


def _least(bits: int) -> Bits:
    return z3.BitVecVal(1 << bits - 1, bits)


def _value(number: int, like: Bits) -> Bits:
    return z3.BitVecVal(number, like.size())


def _ones(x: Bits) -> Bits:
    size = x.size()
    return functools.reduce(
        lambda total, i: total + z3.ZeroExt(size - 1, z3.Extract(i, i, x)) if size > 1 else x,
        range(size),
        _value(0, x),
    )


def _leading(x: Bits) -> Bits:
    result = _value(x.size(), x)
    for i in range(x.size()):
        result = z3.If(z3.Extract(i, i, x) == 1, _value(x.size() - 1 - i, x), result)
    return result


def _trailing(x: Bits) -> Bits:
    result = _value(x.size(), x)
    for i in reversed(range(x.size())):
        result = z3.If(z3.Extract(i, i, x) == 1, _value(i, x), result)
    return result


def _counted(count: Callable[[Bits], Bits]) -> Callable[[Scalar, Scalar], Scalar]:
    """ctlz and cttz: of zero the width, or poison where the second operand says so."""

    def operation(value: Scalar, zero_is_poison: Scalar) -> Scalar:
        result = _of_bits(count)(value)
        if z3.is_false(ops.is_set(zero_is_poison)):
            return result
        return Scalar(
            result.bits,
            either(result.poison, equal(value.bits, _value(0, value.bits))),
            result.undef,
        )

    return operation


def _absolute(value: Scalar, least_is_poison: Scalar) -> Scalar:
    result = _of_bits(lambda x: z3.If(x < 0, -x, x))(value)
    if z3.is_false(ops.is_set(least_is_poison)):
        return result
    least = equal(value.bits, _least(value.bits.size()))
    return Scalar(result.bits, either(result.poison, least), result.undef)


def _bytes_reversed(x: Bits) -> Bits:
    return z3.Concat(*(z3.Extract(i + 7, i, x) for i in range(0, x.size(), 8)))


def _bits_reversed(x: Bits) -> Bits:
    if x.size() == 1:
        return x
    return z3.Concat(*(z3.Extract(i, i, x) for i in range(x.size())))


def _funnel(left: bool) -> Callable[[Bits, Bits, Bits], Bits]:
    def shifted(high: Bits, low: Bits, amount: Bits) -> Bits:
        size = high.size()
        if size & size - 1:
            steps = z3.URem(amount, _value(size, amount))
        else:
            steps = amount & _value(size - 1, amount)
        wide, steps = z3.Concat(high, low), z3.ZeroExt(size, steps)
        if left:
            return z3.Extract(2 * size - 1, size, wide << steps)
        return z3.Extract(size - 1, 0, z3.LShR(wide, steps))

    return shifted


def _bound(opcode: str, x: Bits) -> Bits:
    """Where a saturating operation stops."""
    size = x.size()
    if opcode[0] == "u":
        return _value(0 if opcode == "usub" else (1 << size) - 1, x)
    return z3.If(x < 0, _least(size), _value((1 << size - 1) - 1, x))


def _saturated(opcode: str) -> Callable[[Bits, Bits], Bits]:
    def operation(x: Bits, y: Bits) -> Bits:
        result = {"add": x + y, "sub": x - y, "shl": x << y}[opcode[1:]]
        flag = "nsw" if opcode[0] == "s" else "nuw"
        return z3.If(ops.OVERFLOWS[opcode[1:], flag](x, y), _bound(opcode, x), result)

    return operation


def _saturated_shift(opcode: str) -> Callable[[Scalar, Scalar], Scalar]:
    def operation(value: Scalar, amount: Scalar) -> Scalar:
        result = _of_bits(_saturated(opcode))(value, amount)
        beyond = z3.UGE(amount.bits, value.bits.size())
        return Scalar(result.bits, either(result.poison, z3.simplify(beyond)), result.undef)

    return operation


def _pick(better: Callable[[Bits, Bits], z3.BoolRef]) -> Callable[..., Scalar]:
    return _of_bits(lambda x, y: choose(z3.simplify(better(x, y)), x, y))


_PICKS: dict[str, Callable[[Bits, Bits], z3.BoolRef]] = {
    "smax": lambda x, y: x > y,
    "smin": lambda x, y: x < y,
    "umax": z3.UGT,
    "umin": z3.ULT,
}
SCALAR: dict[str, Callable[..., Scalar]] = {
    **{name: _pick(better) for name, better in _PICKS.items()},
    "abs": _absolute,
    "ctpop": _of_bits(_ones),
    "ctlz": _counted(_leading),
    "cttz": _counted(_trailing),
    "bswap": _of_bits(_bytes_reversed),
    "bitreverse": _of_bits(_bits_reversed),
    "fshl": _of_bits(_funnel(left=True)),
    "fshr": _of_bits(_funnel(left=False)),
    **{f"{name}.sat": _of_bits(_saturated(name)) for name in ("sadd", "uadd", "ssub", "usub")},
    **{f"{name}.sat": _saturated_shift(name) for name in ("sshl", "ushl")},
}
# Operands that are one i1 for all lanes.
IMMEDIATE = ("abs", "ctlz", "cttz")
WITH_OVERFLOW = tuple(f"{sign}{op}.with.overflow" for sign in "su" for op in ("add", "sub", "mul"))
COMPARES = ("scmp", "ucmp")
_REDUCTIONS: dict[str, Callable[[Scalar, Scalar], Scalar]] = {
    **{
        name: _of_bits(functools.partial(lambda op, x, y: ops._ARITHMETIC[op](x, y), name))
        for name in ("add", "mul", "and", "or", "xor")
    },
    **{name: SCALAR[name] for name in _PICKS},
}
REDUCTIONS = {f"vector.reduce.{name}": operation for name, operation in _REDUCTIONS.items()}
# They answer their first operand, or nothing.
IDENTITIES = (
    "expect", "expect.with.probability", "ssa.copy", "annotation", "ptr.annotation",
)  # fmt: skip
NOTHING = (
    "donothing", "sideeffect", "dbg", "pseudoprobe",
    "var.annotation", "codeview.annotation", "fake.use", "prefetch",
)  # fmt: skip


def base_name(callee: str, known: Callable[[str], bool]) -> str:
    """`smax` of `llvm.smax.v4i32`: the name without the types that it is overloaded with."""
    parts = callee.split(".")[1:]
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count]).removeprefix("experimental.")
        if known(name):
            return name
    return ".".join(parts)


def calculate(name: str, operands: list[Value]) -> Value:
    """An intrinsic of `SCALAR`, on scalars or on vectors."""
    if name in IMMEDIATE:
        value, flag = operands
        assert isinstance(flag, Scalar)
        return ops.lanewise(lambda scalar: SCALAR[name](scalar, flag), value)
    return ops.lanewise(SCALAR[name], *operands)


def with_overflow(name: str, left: Value, right: Value) -> Lanes:
    """{result, whether it wrapped}."""
    opcode, flag = name[1:4], "nsw" if name[0] == "s" else "nuw"

    def wrapped(x: Scalar, y: Scalar) -> Scalar:
        overflow = z3.simplify(ops.OVERFLOWS[opcode, flag](x.bits, y.bits))
        return ops.truth(overflow, ops.poisons(x, y), x, y)

    def result(x: Scalar, y: Scalar) -> Scalar:
        return ops.binary(opcode, frozenset(), x, y)

    return Lanes((ops.lanewise(result, left, right), ops.lanewise(wrapped, left, right)))


def three_way(name: str, bits: int, left: Scalar, right: Scalar) -> Scalar:
    """scmp and ucmp: -1, 0 or 1."""
    less = left.bits < right.bits if name == "scmp" else z3.ULT(left.bits, right.bits)
    same = equal(left.bits, right.bits)
    minus, zero, one = (z3.BitVecVal(number, bits) for number in (-1, 0, 1))
    result = z3.simplify(choose(less, minus, choose(same, zero, one)))
    return Scalar(result, ops.poisons(left, right), ops.undefs(left, right))


def truth_value(holds: bool) -> Scalar:
    return ops.truth(TRUE if holds else FALSE)
