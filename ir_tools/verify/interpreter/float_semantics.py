"""What floating-point instructions mean, bit for bit: half, bfloat, float and double.

Functions take patterns (NaN among them) and return a pattern, a `Nan` where LLVM leaves sign and
payload open, POISON, or `Either` where LLVM leaves a choice. The environment is the default one:
round to nearest, ties to even, no traps; denormals are kept. x86_fp80, fp128 and ppc_fp128 are not
covered, nor are functions that no standard rounds for us (sin, exp, pow …).

Arithmetic goes through Python's floats, which are doubles: rounding a double's sum, difference,
product, quotient or square root once more to a narrower format here gives the correctly rounded
result, since a double has more than 2p + 2 bits of each of them.
"""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import FORMATS, POISON, Format, Nan, Unsupported
from ir_tools.verify.interpreter.semantics import signed

Result = Any  # an int, Nan, POISON or Either
_CODES: Final = {"half": "e", "float": "f", "double": "d"}


@dataclass(frozen=True, slots=True)
class Either:
    """One of several results; which one is LLVM's choice."""

    options: tuple[Result, ...]


def format_of(type_: ir.Type) -> Format:
    if isinstance(type_, ir.FloatType) and type_.name in FORMATS:
        return FORMATS[type_.name]
    raise Unsupported(f"values of type {type_}")


def decoder(type_: ir.FloatType) -> Callable[[int], float]:
    """From a pattern to Python's float, exactly."""
    form = format_of(type_)
    if type_.name == "bfloat":
        return lambda pattern: float(struct.unpack("<f", (pattern << 16).to_bytes(4, "little"))[0])
    unpack, size = struct.Struct(f"<{_CODES[type_.name]}").unpack, form.bits // 8
    return lambda pattern: float(unpack(pattern.to_bytes(size, "little"))[0])


def encoder(type_: ir.FloatType) -> Callable[[float], Result]:
    """From Python's float to the nearest pattern."""
    form = format_of(type_)
    if type_.name == "bfloat":
        return lambda x: _encode_slowly(x, form)
    pack = struct.Struct(f"<{_CODES[type_.name]}").pack

    def encode(x: float) -> Result:
        if x != x:
            return form.nan
        try:
            return int.from_bytes(pack(x), "little")
        except OverflowError:
            return form.infinity | (form.sign if x < 0 else 0)

    return encode


def _encode_slowly(x: float, form: Format) -> Result:
    if x != x:
        return form.nan
    sign = form.sign if math.copysign(1, x) < 0 else 0
    if math.isinf(x):
        return form.infinity | sign
    return sign | round_ratio(*abs(x).as_integer_ratio(), form)


def round_ratio(numerator: int, denominator: int, form: Format) -> int:
    """The pattern nearest to a non-negative rational number, ties to even."""
    if not numerator:
        return 0
    exponent = numerator.bit_length() - denominator.bit_length()
    if (
        numerator < denominator << exponent
        if exponent >= 0
        else numerator << -exponent < denominator
    ):
        exponent -= 1
    least = 2 - (1 << (form.bits - form.mantissa - 2))
    exponent = max(exponent, least)
    scale = form.mantissa - exponent
    if scale >= 0:
        numerator <<= scale
    else:
        denominator <<= -scale
    whole, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole & 1):
        whole += 1
    return min(((exponent - least) << form.mantissa) + whole, form.infinity)


def round_fraction(x: Fraction, form: Format) -> int:
    pattern = round_ratio(abs(x.numerator), x.denominator, form)
    return pattern | form.sign if x < 0 else pattern


# arithmetic ---------------------------------------------------------------------------------------


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    if a != a or not a or b != b:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1, b)


def _remainder(a: float, b: float) -> float:
    if math.isinf(a) or not b:
        return math.nan
    return math.fmod(a, b)


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "fadd": operator.add,
    "fsub": operator.sub,
    "fmul": operator.mul,
    "fdiv": _divide,
    "frem": _remainder,
}
# With these a result may differ from the one that IEEE prescribes.
LOOSE: Final = frozenset(("reassoc", "arcp", "contract", "afn"))


def arithmetic(opcode: str, type_: ir.FloatType) -> Callable[[int, int], Result]:
    operation, decode, encode = _ARITHMETIC[opcode], decoder(type_), encoder(type_)

    def calculate(a: int, b: int) -> Result:
        return encode(operation(decode(a), decode(b)))

    return calculate


def fneg(type_: ir.FloatType) -> Callable[[int], Result]:
    sign = format_of(type_).sign
    return lambda a: a ^ sign


def breaks_promise(value: Result, flags: Set[str], form: Format) -> bool:
    """Is an operand or result one that nnan or ninf excludes?"""
    if isinstance(value, Nan):
        return "nnan" in flags
    if not isinstance(value, int):
        return False
    magnitude = value & (form.sign - 1)
    return ("nnan" in flags and magnitude > form.infinity) or (
        "ninf" in flags and magnitude == form.infinity
    )


def fcmp(predicate: str, type_: ir.FloatType) -> Callable[[int, int], int]:
    if predicate in ("true", "false"):
        answer = int(predicate == "true")
        return lambda a, b: answer
    decode = decoder(type_)
    unordered = int(predicate[0] == "u")
    if predicate in ("ord", "uno"):
        compare: Callable[[float, float], bool] = lambda x, y: predicate == "ord"  # noqa: E731
    else:
        compare = getattr(operator, predicate[1:])

    def answer_for(a: int, b: int) -> int:
        x, y = decode(a), decode(b)
        return unordered if x != x or y != y else int(compare(x, y))

    return answer_for


# casts --------------------------------------------------------------------------------------------


def fpcast(from_: ir.FloatType, to: ir.FloatType) -> Callable[[int], Result]:
    """fptrunc and fpext."""
    decode, encode = decoder(from_), encoder(to)
    return lambda a: encode(decode(a))


def to_integer(opcode: str, from_: ir.FloatType, bits: int) -> Callable[[int], Result]:
    """fptosi and fptoui: poison where the integer does not fit."""
    decode, is_signed = decoder(from_), opcode == "fptosi"
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if is_signed else (0, 1 << bits)

    def convert(a: int) -> Result:
        x = decode(a)
        if not math.isfinite(x):
            return POISON
        whole = math.trunc(x)
        return whole & ((1 << bits) - 1) if low <= whole < high else POISON

    return convert


def to_integer_saturated(is_signed: bool, from_: ir.FloatType, bits: int) -> Callable[[int], int]:
    decode = decoder(from_)
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if is_signed else (0, (1 << bits) - 1)

    def convert(a: int) -> int:
        x = decode(a)
        if x != x:
            return 0
        whole = (high if x > 0 else low) if math.isinf(x) else math.trunc(x)
        return min(max(whole, low), high) & ((1 << bits) - 1)

    return convert


def from_integer(opcode: str, bits: int, to: ir.FloatType, flags: Set[str]) -> Callable[[int], Any]:
    """sitofp and uitofp."""
    form, is_signed, nneg = format_of(to), opcode == "sitofp", "nneg" in flags

    def convert(a: int) -> Result:
        if nneg and a >> (bits - 1):
            return POISON
        x = signed(a, bits) if is_signed else a
        pattern = round_ratio(abs(x), 1, form)
        return pattern | form.sign if x < 0 else pattern

    return convert


# intrinsics ---------------------------------------------------------------------------------------


def fma(type_: ir.FloatType) -> Callable[[int, int, int], Result]:
    decode, encode, form = decoder(type_), encoder(type_), format_of(type_)

    def calculate(a: int, b: int, c: int) -> Result:
        x, y, z = decode(a), decode(b), decode(c)
        if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
            # No rounding is in play: zero times infinity and infinity minus itself are NaN.
            return encode(math.nan if x != x or y != y else _infinite_product(x, y) + z)
        exact = Fraction(x) * Fraction(y) + Fraction(z)
        if exact:
            return round_fraction(exact, form)
        product_sign = (a ^ b) & form.sign
        if not x or not y or z == 0:
            return product_sign if product_sign == c & form.sign else 0
        return 0

    return calculate


def _infinite_product(x: float, y: float) -> float:
    """x * y where only an infinity matters: no overflow of finite operands."""
    if math.isinf(x) or math.isinf(y):
        return x * y
    return 0.0


def fmuladd(type_: ir.FloatType) -> Callable[[int, int, int], Result]:
    """Fused or not: the compiler's choice."""
    fused, multiply, add = fma(type_), arithmetic("fmul", type_), arithmetic("fadd", type_)

    def calculate(a: int, b: int, c: int) -> Result:
        one, product = fused(a, b, c), multiply(a, b)
        two = product if isinstance(product, Nan) else add(product, c)
        return one if one == two else Either((two, one))

    return calculate


def sqrt(type_: ir.FloatType) -> Callable[[int], Result]:
    decode, encode, form = decoder(type_), encoder(type_), format_of(type_)

    def root(a: int) -> Result:
        x = decode(a)
        if x != x or x < 0:
            return form.nan
        return a if not x else encode(math.sqrt(x))

    return root


def canonicalize(type_: ir.FloatType) -> Callable[[int], Result]:
    """A product with 1."""
    decode, form = decoder(type_), format_of(type_)

    def canonical(a: int) -> Result:
        x = decode(a)
        return form.nan if x != x else a

    return canonical


def _half_away(x: float) -> float:
    whole = math.trunc(x)
    return whole + math.copysign(1, x) if abs(x - whole) >= 0.5 else whole


_ROUNDINGS: dict[str, Callable[[float], float]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "rint": round,
    "nearbyint": round,
    "roundeven": round,
    "round": _half_away,
}
ROUNDINGS: Final = frozenset(_ROUNDINGS)


def rounding(name: str, type_: ir.FloatType) -> Callable[[int], Result]:
    decode, encode, form = decoder(type_), encoder(type_), format_of(type_)
    round_ = _ROUNDINGS[name]

    def calculate(a: int) -> Result:
        x = decode(a)
        if x != x:
            return form.nan
        return a if math.isinf(x) else encode(math.copysign(float(round_(x)), x))

    return calculate


def extremum(name: str, type_: ir.FloatType) -> Callable[[int, int], Result]:
    """minnum, maxnum (a NaN gives the other, zeros as LLVM likes), minimum, maximum (a NaN gives
    NaN), minimumnum, maximumnum (a NaN gives the other); the last four put -0 below +0."""
    decode, form = decoder(type_), format_of(type_)
    takes_least = name.startswith("min")
    keeps_nan, loose = name in ("minimum", "maximum"), name in ("minnum", "maxnum")

    def calculate(a: int, b: int) -> Result:
        x, y = decode(a), decode(b)
        if x != x or y != y:
            if keeps_nan or (x != x and y != y):
                return form.nan
            nan, other = (a, b) if x != x else (b, a)
            is_signaling = not nan >> (form.mantissa - 1) & 1
            return Either((other, form.nan)) if loose and is_signaling else other
        if x == y:
            if a != b and loose:
                return Either((a, b))
            return max(a, b) if takes_least else min(a, b) if a != b else a
        return a if (x < y) == takes_least else b

    return calculate


def fabs(type_: ir.FloatType) -> Callable[[int], int]:
    rest = format_of(type_).sign - 1
    return lambda a: a & rest


def copysign(type_: ir.FloatType) -> Callable[[int, int], int]:
    sign = format_of(type_).sign
    return lambda a, b: a & (sign - 1) | b & sign


def fp_class(pattern: int, form: Format) -> int:
    """The bit of `llvm.is.fpclass` (and `nofpclass`) that a value has."""
    magnitude = pattern & (form.sign - 1)
    if magnitude > form.infinity:
        return 2 if pattern >> (form.mantissa - 1) & 1 else 1
    if magnitude == form.infinity:
        rank = 0
    elif magnitude >= 1 << form.mantissa:
        rank = 1
    else:
        rank = 2 if magnitude else 3
    return 1 << (2 + rank if pattern & form.sign else 9 - rank)
