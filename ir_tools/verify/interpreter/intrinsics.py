"""What LLVM's pure intrinsics mean: `scalar(name, types)` gives a function of concrete lanes.

An intrinsic that works lane by lane is described on scalars; the interpreter spreads it over
vectors. `vector.reduce` folds a vector. Those with effects are in `effects`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import float_semantics as floats
from ir_tools.verify.interpreter import semantics
from ir_tools.verify.interpreter.concrete import POISON, Nan, Unsupported
from ir_tools.verify.interpreter.semantics import fits, signed

Lane = Callable[..., Any]


def ordered(name: str, bits: int) -> Lane:
    flip = 1 << (bits - 1) if name[0] == "s" else 0
    pick: Callable[[int, int], int] = min if name.endswith("min") else max
    return lambda a, b: pick(a ^ flip, b ^ flip) ^ flip


def _abs(bits: int) -> Lane:
    least, mask = 1 << (bits - 1), (1 << bits) - 1

    def absolute(a: int, is_poison: int) -> Any:
        if a == least:
            return POISON if is_poison else a
        return -a & mask if a & least else a

    return absolute


def _ctlz(bits: int) -> Lane:
    return lambda a, is_poison: bits - a.bit_length() if a else POISON if is_poison else bits


def _cttz(bits: int) -> Lane:
    return lambda a, is_poison: (a & -a).bit_length() - 1 if a else POISON if is_poison else bits


def _bswap(bits: int) -> Lane:
    size = bits // 8
    return lambda a: int.from_bytes(a.to_bytes(size, "little"), "big")


def _bitreverse(bits: int) -> Lane:
    return lambda a: int(f"{a:0{bits}b}"[::-1], 2)


def _funnel(left: bool, bits: int) -> Lane:
    mask = (1 << bits) - 1

    def shift(a: int, b: int, amount: int) -> int:
        amount %= bits
        both = a << bits | b
        return both >> (bits - amount) & mask if left else both >> amount & mask

    return shift


def _clamp(value: int, is_signed: bool, bits: int) -> int:
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)
    return min(max(value, low), high) & ((1 << bits) - 1)


_EXACT: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
}


def _saturating(name: str, bits: int) -> Lane:
    """sadd, usub …: `name` has the sign, then the operation."""
    exact, is_signed = _EXACT[name[1:]], name[0] == "s"
    if is_signed:
        return lambda a, b: _clamp(exact(signed(a, bits), signed(b, bits)), True, bits)
    return lambda a, b: _clamp(exact(a, b), False, bits)


def _shift_saturating(is_signed: bool, bits: int) -> Lane:
    def shift(a: int, b: int) -> Any:
        if b >= bits:
            return POISON
        return _clamp((signed(a, bits) if is_signed else a) << b, is_signed, bits)

    return shift


def _overflowing(name: str, bits: int) -> Lane:
    exact, is_signed, mask = _EXACT[name[1:]], name[0] == "s", (1 << bits) - 1

    def calculate(a: int, b: int) -> tuple[int, int]:
        if is_signed:
            whole = exact(signed(a, bits), signed(b, bits))
            return whole & mask, int(not fits(whole, bits))
        whole = exact(a, b)
        return whole & mask, int(whole != whole & mask)

    return calculate


def _three_way(is_signed: bool, bits: int, result_bits: int) -> Lane:
    flip = 1 << (bits - 1) if is_signed else 0
    mask = (1 << result_bits) - 1
    return lambda a, b: ((a ^ flip) > (b ^ flip)) - ((a ^ flip) < (b ^ flip)) & mask


_INTEGERS: dict[str, Callable[[int], Lane]] = {
    **{n: functools.partial(ordered, n) for n in ("smin", "smax", "umin", "umax")},
    **{f"{n}.sat": functools.partial(_saturating, n) for n in ("sadd", "uadd", "ssub", "usub")},
    **{
        f"{sign}{n}.with.overflow": functools.partial(_overflowing, sign + n)
        for n in _EXACT
        for sign in "su"
    },
    "sshl.sat": functools.partial(_shift_saturating, True),
    "ushl.sat": functools.partial(_shift_saturating, False),
    "abs": _abs,
    "ctpop": lambda bits: int.bit_count,
    "ctlz": _ctlz,
    "cttz": _cttz,
    "bswap": _bswap,
    "bitreverse": _bitreverse,
    "fshl": functools.partial(_funnel, True),
    "fshr": functools.partial(_funnel, False),
}
_EXTREMA = ("minnum", "maxnum", "minimum", "maximum", "minimumnum", "maximumnum")
_FLOATS: dict[str, Callable[[ir.FloatType], Lane]] = {
    **{n: functools.partial(floats.rounding, n) for n in floats.ROUNDINGS},
    **{n: functools.partial(floats.extremum, n) for n in _EXTREMA},
    "fabs": floats.fabs,
    "copysign": floats.copysign,
    "sqrt": floats.sqrt,
    "canonicalize": floats.canonicalize,
    "fma": floats.fma,
    "fmuladd": floats.fmuladd,
}


def _element(type_: ir.Type) -> ir.Type:
    return type_.element if isinstance(type_, ir.VectorType) else type_


def stem(name: str) -> str:
    """`llvm.umul.with.overflow.i32` → `umul.with.overflow`."""
    words = name.split(".")[1:]
    while words and _is_type_suffix(words[-1]):
        words.pop()
    return ".".join(words)


def _is_type_suffix(word: str) -> bool:
    kind = word.lstrip("vnx0123456789") if word[:1] in "vn" else word
    return (kind[:1] in ("i", "f", "p") and kind[1:].isdigit()) or kind in ("bf16", "f16")


def scalar(name: str, arguments: Sequence[ir.Type], result: ir.Type) -> Lane | None:
    """The meaning of one lane of a call, or None when it is no such intrinsic."""
    short, first = stem(name), _element(arguments[0]) if arguments else None
    if short in _INTEGERS and isinstance(first, ir.IntType):
        return _INTEGERS[short](first.bits)
    if short in _FLOATS and isinstance(first, ir.FloatType):
        return _FLOATS[short](first)
    element = _element(result)
    if isinstance(element, ir.IntType):
        if short in ("scmp", "ucmp") and isinstance(first, ir.IntType):
            return _three_way(short[0] == "s", first.bits, element.bits)
        if short in ("fptosi.sat", "fptoui.sat") and isinstance(first, ir.FloatType):
            return floats.to_integer_saturated(short == "fptosi.sat", first, element.bits)
        if short == "is.fpclass" and isinstance(first, ir.FloatType):
            form = floats.format_of(first)
            return lambda a, mask: int(bool(floats.fp_class(a, form) & mask))
    return None


def class_of_nan(a: Any, mask: Any) -> Any:
    """`is.fpclass` of a NaN that may be quiet or signaling."""
    if not isinstance(a, Nan) or not isinstance(mask, int):
        return None
    return floats.Either((1, 0)) if mask & 3 in (1, 2) else int(mask & 3 == 3)


# `vector.reduce.X` of integers, as the binary operation that it folds with.
_REDUCTIONS = ("add", "mul", "and", "or", "xor")


def reduction(name: str, type_: ir.Type) -> Callable[[Any, Any], Any] | None:
    """The operation that a `vector.reduce` over that vector type folds with, or None."""
    short, element = stem(name), _element(type_)
    if not short.startswith("vector.reduce."):
        return None
    operation = short.removeprefix("vector.reduce.")
    if isinstance(element, ir.IntType):
        if operation in _REDUCTIONS:
            return semantics.BINARY[operation](element.bits, frozenset())
        if operation in ("smin", "smax", "umin", "umax"):
            return ordered(operation, element.bits)
    float_names = {
        "fmin": "minnum", "fmax": "maxnum", "fminimum": "minimum", "fmaximum": "maximum",
        "fadd": "fadd", "fmul": "fmul",
    }  # fmt: skip
    if isinstance(element, ir.FloatType) and operation in float_names:
        if operation in ("fadd", "fmul"):
            return _nan_through(floats.arithmetic(operation, element))
        return floats.extremum(float_names[operation], element)
    raise Unsupported(name)


def _nan_through(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: a if isinstance(a, Nan) else b if isinstance(b, Nan) else operation(a, b)
