"""What integer instructions mean, on concrete integers: one pure function an opcode.

Each factory takes what is fixed in the instruction (widths, flags, predicate) and returns a
function of unsigned integers that gives an unsigned integer or POISON, or raises Undefined. Poison
and undef operands are the caller's business; so are vectors, which go lane by lane.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Set
from typing import Any

from ir_tools.verify.interpreter.concrete import POISON, Undefined

Scalar = Any  # an unsigned int, or POISON
Binary = Callable[[int, int], Scalar]
Unary = Callable[[int], Scalar]


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def fits(value: int, bits: int) -> bool:
    """Is it a signed integer of that width?"""
    return -(1 << (bits - 1)) <= value < 1 << (bits - 1)


def _wrapping(operation: Callable[[int, int], int]) -> Callable[[int, Set[str]], Binary]:
    """add, sub, mul: with nuw and nsw the exact result must fit."""

    def make(bits: int, flags: Set[str]) -> Binary:
        mask, nsw, nuw = (1 << bits) - 1, "nsw" in flags, "nuw" in flags
        if not flags:
            return lambda a, b: operation(a, b) & mask

        def checked(a: int, b: int) -> Scalar:
            if nsw and not fits(operation(signed(a, bits), signed(b, bits)), bits):
                return POISON
            exact = operation(a, b)
            return POISON if nuw and exact != exact & mask else exact & mask

        return checked

    return make


def _udiv(bits: int, flags: Set[str]) -> Binary:
    exact = "exact" in flags

    def divide(a: int, b: int) -> Scalar:
        if not b:
            raise Undefined("division by zero")
        return POISON if exact and a % b else a // b

    return divide


def _urem(bits: int, flags: Set[str]) -> Binary:
    def remainder(a: int, b: int) -> Scalar:
        if not b:
            raise Undefined("remainder by zero")
        return a % b

    return remainder


def quotient(a: int, b: int) -> int:
    """Signed division that rounds towards zero."""
    return abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)


def _signed_operands(a: int, b: int, bits: int) -> tuple[int, int]:
    if not b:
        raise Undefined("division by zero")
    x, y = signed(a, bits), signed(b, bits)
    if y == -1 and a == 1 << (bits - 1):
        raise Undefined("signed division overflows")
    return x, y


def _sdiv(bits: int, flags: Set[str]) -> Binary:
    mask, exact = (1 << bits) - 1, "exact" in flags

    def divide(a: int, b: int) -> Scalar:
        x, y = _signed_operands(a, b, bits)
        return POISON if exact and x % y else quotient(x, y) & mask

    return divide


def _srem(bits: int, flags: Set[str]) -> Binary:
    mask = (1 << bits) - 1

    def remainder(a: int, b: int) -> Scalar:
        x, y = _signed_operands(a, b, bits)
        return (x - quotient(x, y) * y) & mask

    return remainder


def _shl(bits: int, flags: Set[str]) -> Binary:
    mask, nsw, nuw = (1 << bits) - 1, "nsw" in flags, "nuw" in flags

    def shift(a: int, b: int) -> Scalar:
        if b >= bits:
            return POISON
        exact = a << b
        if (nuw and exact > mask) or (nsw and not fits(signed(a, bits) << b, bits)):
            return POISON
        return exact & mask

    return shift


def _lshr(bits: int, flags: Set[str]) -> Binary:
    exact = "exact" in flags

    def shift(a: int, b: int) -> Scalar:
        if b >= bits or (exact and a & ((1 << b) - 1)):
            return POISON
        return a >> b

    return shift


def _ashr(bits: int, flags: Set[str]) -> Binary:
    mask, exact = (1 << bits) - 1, "exact" in flags

    def shift(a: int, b: int) -> Scalar:
        if b >= bits or (exact and a & ((1 << b) - 1)):
            return POISON
        return signed(a, bits) >> b & mask

    return shift


def _or(bits: int, flags: Set[str]) -> Binary:
    if "disjoint" in flags:
        return lambda a, b: POISON if a & b else a | b
    return operator.or_


BINARY: dict[str, Callable[[int, Set[str]], Binary]] = {
    "add": _wrapping(operator.add),
    "sub": _wrapping(operator.sub),
    "mul": _wrapping(operator.mul),
    "udiv": _udiv,
    "urem": _urem,
    "sdiv": _sdiv,
    "srem": _srem,
    "shl": _shl,
    "lshr": _lshr,
    "ashr": _ashr,
    "and": lambda bits, flags: operator.and_,
    "or": _or,
    "xor": lambda bits, flags: operator.xor,
}
DIVISIONS = frozenset(("udiv", "urem", "sdiv", "srem"))

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def comparison(predicate: str) -> Callable[[Any, Any], bool]:
    """Of Python's integers; unsigned predicates and eq, ne."""
    return _COMPARISONS[predicate if predicate in ("eq", "ne") else predicate[1:]]


def icmp(predicate: str, bits: int, flags: Set[str] = frozenset()) -> Binary:
    compare = comparison(predicate)
    if predicate[0] == "s":
        flip = 1 << (bits - 1)  # shifts the signed order onto the unsigned one
        plain: Binary = lambda a, b: 1 if compare(a ^ flip, b ^ flip) else 0  # noqa: E731
    else:
        plain = lambda a, b: 1 if compare(a, b) else 0  # noqa: E731
    if "samesign" in flags:
        return lambda a, b: POISON if (a ^ b) >> (bits - 1) else plain(a, b)
    return plain


def _trunc(from_: int, to: int, flags: Set[str]) -> Unary:
    mask, nsw, nuw = (1 << to) - 1, "nsw" in flags, "nuw" in flags

    def cut(a: int) -> Scalar:
        if (nuw and a > mask) or (nsw and not fits(signed(a, from_), to)):
            return POISON
        return a & mask

    return cut if flags else lambda a: a & mask


def _zext(from_: int, to: int, flags: Set[str]) -> Unary:
    if "nneg" in flags:
        return lambda a: POISON if a >> (from_ - 1) else a
    return lambda a: a


def _sext(from_: int, to: int, flags: Set[str]) -> Unary:
    mask, high = (1 << to) - 1, 1 << (from_ - 1)
    return lambda a: ((a ^ high) - high) & mask


INTEGER_CASTS: dict[str, Callable[[int, int, Set[str]], Unary]] = {
    "trunc": _trunc,
    "zext": _zext,
    "sext": _sext,
}
