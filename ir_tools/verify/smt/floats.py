"""Floating-point operations on bit patterns, through z3's theory or as uninterpreted functions.

half, bfloat, float and double are covered; the wider formats are moved and compared for identity
only. Arithmetic is by the theory where z3 decides it in reasonable time (`_IS_FAST`) and on
constants; else it is an uninterpreted function, equal on both sides, and the check is noted as
approximate. A result that is NaN is any that LLVM's language reference allows: the preferred one or
one of the operands' payloads, quieted or not, with either sign. The rounding mode is to nearest
even, and denormals are kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt.logic import FALSE, both, choose, either, lasting, negate
from ir_tools.verify.smt.ops import poisons, truth, undefs
from ir_tools.verify.smt.values import Choices, Scalar, UnsupportedError

_SORTS = {"half": (5, 11), "bfloat": (8, 8), "float": (8, 24), "double": (11, 53)}
_NEAREST = lasting(z3.RNE)
_UNMODELLED = frozenset({"reassoc", "arcp", "contract", "afn"})
_ROUNDINGS = {
    "ceil": lasting(z3.RTP),
    "floor": lasting(z3.RTN),
    "trunc": lasting(z3.RTZ),
    "rint": _NEAREST,
    "nearbyint": _NEAREST,
    "roundeven": _NEAREST,
    "round": lasting(z3.RNA),
}
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "fadd": lambda x, y: z3.fpAdd(_NEAREST, x, y),
    "fsub": lambda x, y: z3.fpSub(_NEAREST, x, y),
    "fmul": lambda x, y: z3.fpMul(_NEAREST, x, y),
    "fdiv": lambda x, y: z3.fpDiv(_NEAREST, x, y),
    "sqrt": lambda x: z3.fpSqrt(_NEAREST, x),
    "fma": lambda x, y, z: z3.fpFMA(_NEAREST, x, y, z),
}
_ARITHMETIC |= {
    name: functools.partial(z3.fpRoundToIntegral, mode) for name, mode in _ROUNDINGS.items()
}
# Formats for which the theory is used where operands are not constants.
_IS_FAST = {
    "fadd": ("half", "bfloat", "float", "double"),
    "fsub": ("half", "bfloat", "float", "double"),
    "fmul": ("half", "bfloat", "float"),
    "fdiv": ("half", "bfloat"),
    "sqrt": (),
    "fma": (),
} | dict.fromkeys(_ROUNDINGS, ("half", "bfloat", "float", "double"))
UNARY = ("sqrt", *_ROUNDINGS)

_COMPARISONS: dict[str, Callable[[z3.FPRef, z3.FPRef], z3.BoolRef]] = {
    "eq": z3.fpEQ,
    "gt": z3.fpGT,
    "ge": z3.fpGEQ,
    "lt": z3.fpLT,
    "le": z3.fpLEQ,
    "ne": lambda x, y: z3.Not(z3.fpEQ(x, y)),
}


def sort(type_: ir.Type) -> z3.FPSortRef:
    if not isinstance(type_, ir.FloatType) or type_.name not in _SORTS:
        raise UnsupportedError(f"arithmetic on {type_}")
    return z3.FPSort(*_SORTS[type_.name])


def _number(bits: z3.BitVecRef, type_: ir.Type) -> z3.FPRef:
    return z3.simplify(z3.fpBVToFP(bits, sort(type_)))


def _layout(type_: ir.Type) -> tuple[int, int]:
    """Bits in all, and of the fraction."""
    exponent, significand = _SORTS[type_.name]  # type: ignore[union-attr]
    return exponent + significand, significand - 1


def is_nan(bits: z3.BitVecRef, type_: ir.Type) -> z3.BoolRef:
    sort(type_)
    size, fraction = _layout(type_)
    return z3.simplify(
        both(_exponent_is_full(bits, size, fraction), _fraction(bits, fraction) != 0)
    )


def _exponent_is_full(bits: z3.BitVecRef, size: int, fraction: int) -> z3.BoolRef:
    return z3.Extract(size - 2, fraction, bits) == (1 << size - 1 - fraction) - 1


def _fraction(bits: z3.BitVecRef, fraction: int) -> z3.BitVecRef:
    return z3.Extract(fraction - 1, 0, bits)


def is_infinite(bits: z3.BitVecRef, type_: ir.Type) -> z3.BoolRef:
    sort(type_)
    size, fraction = _layout(type_)
    infinite = both(_exponent_is_full(bits, size, fraction), _fraction(bits, fraction) == 0)
    return z3.simplify(infinite)


def is_zero(bits: z3.BitVecRef) -> z3.BoolRef:
    return z3.simplify(z3.Extract(bits.size() - 2, 0, bits) == 0)


def sign(bits: z3.BitVecRef) -> z3.BitVecRef:
    return z3.Extract(bits.size() - 1, bits.size() - 1, bits)


def with_sign(bits: z3.BitVecRef, new: z3.BitVecRef) -> z3.BitVecRef:
    return z3.simplify(z3.Concat(new, z3.Extract(bits.size() - 2, 0, bits)))


class Floats:
    """The operations of one side; `choices` are its own, `approximations` are of the check."""

    def __init__(self, choices: Choices, approximations: set[str]) -> None:
        self._choices = choices
        self._approximations = approximations

    # arithmetic -----------------------------------------------------------------------------

    def arithmetic(
        self, opcode: str, flags: frozenset[str], type_: ir.Type, *operands: Scalar
    ) -> Scalar:
        """fadd … frem, fma, sqrt and the rounding functions."""
        operands = tuple(self._signs_ignored(each, flags) for each in operands)
        raw = self._result(opcode, flags, type_, operands)
        nan = self._nan(type_, raw, operands)
        result = Scalar(nan, poisons(*operands), undefs(*operands))
        return self.promised(flags, type_, self._signs_ignored(result, flags), *operands)

    def _result(
        self, opcode: str, flags: frozenset[str], type_: ir.Type, operands: tuple[Scalar, ...]
    ) -> z3.BitVecRef:
        """The result's bits, any where it is NaN."""
        bits = [z3.simplify(each.bits) for each in operands]
        name, is_plain = getattr(type_, "name", ""), not flags & _UNMODELLED
        constant = all(map(z3.is_bv_value, bits))
        if is_plain and opcode in _ARITHMETIC and (constant or name in _IS_FAST[opcode]):
            numbers = [_number(each, type_) for each in bits]
            if opcode in ("fadd", "fmul"):
                numbers.sort(key=z3.AstRef.get_id)
            return z3.simplify(z3.fpToIEEEBV(_ARITHMETIC[opcode](*numbers)))
        self._approximations.add(f"{opcode} {type_} is uninterpreted")
        if opcode in ("fadd", "fmul"):
            bits.sort(key=z3.AstRef.get_id)
        label = ".".join([opcode, str(type_), *sorted(flags & _UNMODELLED)])
        sorts = [each.sort() for each in bits]
        return z3.Function(label, *sorts, bits[0].sort())(*bits)

    def _nan(self, type_: ir.Type, raw: z3.BitVecRef, operands: tuple[Scalar, ...]) -> z3.BitVecRef:
        """The result with its NaN chosen."""
        sort(type_)
        size, fraction = _layout(type_)
        found = [is_nan(each.bits, type_) for each in operands]
        if z3.is_bv_value(raw) and z3.is_false(is_nan(raw, type_)):
            return raw
        choice = self._choices.bits(4, "nan")
        quiet = z3.BitVecVal(1 << fraction - 1, fraction)
        payload = quiet
        for index, (operand, nan) in enumerate(zip(operands, found, strict=True), 1):
            if not z3.is_false(nan):
                own = _fraction(operand.bits, fraction)
                own = choose(z3.Extract(2, 2, choice) == 1, own | quiet, own)
                picked = both(nan, z3.Extract(1, 0, choice) == index)
                payload = choose(picked, own, payload)
        ones = z3.BitVecVal((1 << size - 1 - fraction) - 1, size - 1 - fraction)
        nan = z3.Concat(z3.Extract(3, 3, choice), ones, payload)
        return z3.simplify(choose(either(is_nan(raw, type_), *found), nan, raw))

    def _signs_ignored(self, value: Scalar, flags: frozenset[str]) -> Scalar:
        """With `nsz`, a zero has either sign."""
        if "nsz" not in flags:
            return value
        chosen = with_sign(value.bits, self._choices.bits(1, "nsz"))
        return Scalar(choose(is_zero(value.bits), chosen, value.bits), value.poison, value.undef)

    @staticmethod
    def promised(
        flags: frozenset[str], type_: ir.Type, result: Scalar, *operands: Scalar
    ) -> Scalar:
        """Poison where `nnan` or `ninf` is broken by an operand or the result."""
        poison = result.poison
        for flag, test in (("nnan", is_nan), ("ninf", is_infinite)):
            if flag in flags:
                poison = either(poison, *(test(each.bits, type_) for each in (*operands, result)))
        return Scalar(result.bits, poison, result.undef)

    def flagged(self, flags: frozenset[str], type_: ir.Type, value: Scalar) -> Scalar:
        """What the flags of a select, phi or call make of its result."""
        return self.promised(flags, type_, self._signs_ignored(value, flags))

    # signs, comparison and choice -----------------------------------------------------------

    def signs(
        self, opcode: str, flags: frozenset[str], type_: ir.Type, *operands: Scalar
    ) -> Scalar:
        """fneg, fabs and copysign: of the bits, so exact for NaN."""
        if isinstance(type_, ir.FloatType) and type_.name == "ppc_fp128":
            raise UnsupportedError(f"{opcode} of {type_}")
        value = operands[0].bits
        new = {
            "fneg": lambda: ~sign(value),
            "fabs": lambda: z3.BitVecVal(0, 1),
            "copysign": lambda: sign(operands[1].bits),
        }[opcode]()
        result = Scalar(with_sign(value, new), poisons(*operands), undefs(*operands))
        result = self._signs_ignored(result, flags)
        return self.promised(flags, type_, result, *operands[:1]) if flags else result

    def compare(
        self, predicate: str, flags: frozenset[str], type_: ir.Type, left: Scalar, right: Scalar
    ) -> Scalar:
        """fcmp."""
        x, y = _number(left.bits, type_), _number(right.bits, type_)
        unordered = either(is_nan(left.bits, type_), is_nan(right.bits, type_))
        if predicate in ("true", "false"):
            holds = z3.BoolVal(predicate == "true")
        elif predicate in ("ord", "uno"):
            holds = unordered if predicate == "uno" else negate(unordered)
        else:
            ordered = z3.simplify(_COMPARISONS[predicate[1:]](x, y))
            join = either if predicate[0] == "u" else both
            holds = join(unordered if predicate[0] == "u" else negate(unordered), ordered)
        result = truth(holds, poisons(left, right), left, right)
        for flag, test in (("nnan", is_nan), ("ninf", is_infinite)):
            if flag in flags:
                broken = either(*(test(each.bits, type_) for each in (left, right)))
                result = Scalar(result.bits, either(result.poison, broken), result.undef)
        return result

    def extreme(
        self, opcode: str, flags: frozenset[str], type_: ir.Type, left: Scalar, right: Scalar
    ) -> Scalar:
        """minnum, maxnum, minimum, maximum, minimumnum and maximumnum.

        minnum and maxnum of zeros answer either; of a signaling NaN, a NaN or the other operand.
        """
        left, right = (self._signs_ignored(each, flags) for each in (left, right))
        x, y = left.bits, right.bits
        less = z3.fpLT(_number(x, type_), _number(y, type_))
        if opcode.startswith("max"):
            less = z3.fpGT(_number(x, type_), _number(y, type_))
        first = sign(x) == (1 if opcode.startswith("min") else 0)
        if opcode in ("minnum", "maxnum"):
            first = self._choices.bits(1, "zero") == 1
        zeros = both(is_zero(x), is_zero(y))
        number = choose(zeros, choose(first, x, y), choose(less, x, y))
        result = self._extreme_of_nan(opcode, type_, left, right, number)
        scalar = Scalar(z3.simplify(result), poisons(left, right), undefs(left, right))
        return self.promised(flags, type_, self._signs_ignored(scalar, flags), left, right)

    def _extreme_of_nan(
        self, opcode: str, type_: ir.Type, left: Scalar, right: Scalar, number: z3.BitVecRef
    ) -> z3.BitVecRef:
        x, y = left.bits, right.bits
        nan_x, nan_y = is_nan(x, type_), is_nan(y, type_)
        nan = self._nan(type_, choose(nan_x, x, y), (left, right))
        if opcode in ("minimum", "maximum"):
            return choose(either(nan_x, nan_y), nan, number)
        result = choose(both(nan_x, nan_y), nan, choose(nan_x, y, choose(nan_y, x, number)))
        if opcode in ("minnum", "maxnum"):
            signaling = either(self.is_signaling(x, type_), self.is_signaling(y, type_))
            result = choose(both(signaling, self._choices.bits(1, "snan") == 1), nan, result)
        return result

    @staticmethod
    def is_signaling(bits: z3.BitVecRef, type_: ir.Type) -> z3.BoolRef:
        fraction = _layout(type_)[1]
        return both(is_nan(bits, type_), z3.Extract(fraction - 1, fraction - 1, bits) == 0)

    # conversions ----------------------------------------------------------------------------

    def convert(
        self, opcode: str, flags: frozenset[str], value: Scalar, from_: ir.Type, to: ir.Type
    ) -> Scalar:
        """fpext, fptrunc, fptoui, fptosi, uitofp and sitofp."""
        if opcode in ("fpext", "fptrunc"):
            return self._resized(flags, value, from_, to)
        if opcode in ("uitofp", "sitofp"):
            make = z3.fpSignedToFP if opcode == "sitofp" else z3.fpUnsignedToFP
            bits = z3.simplify(z3.fpToIEEEBV(make(_NEAREST, value.bits, sort(to))))
            poison = either(value.poison, value.bits < 0) if "nneg" in flags else value.poison
            return self.flagged(flags, to, Scalar(bits, poison, value.undef))
        return self._to_integer(opcode == "fptosi", value, from_, to)

    def _resized(self, flags: frozenset[str], value: Scalar, from_: ir.Type, to: ir.Type) -> Scalar:
        source = self._signs_ignored(value, flags)
        raw = z3.fpToIEEEBV(z3.fpFPToFP(_NEAREST, _number(source.bits, from_), sort(to)))
        (_, old), (size, new) = _layout(from_), _layout(to)
        payload = _fraction(source.bits, old)
        if new > old:
            payload = z3.Concat(payload, z3.BitVecVal(0, new - old))
        elif new < old:
            payload = z3.Extract(old - 1, old - new, payload)
        full = z3.BitVecVal((1 << size - new) - 1, size - new)
        nan = is_nan(source.bits, from_)
        operand = choose(nan, z3.Concat(full, payload), z3.BitVecVal(0, size))
        bits = choose(nan, z3.BitVecVal(((1 << size) - 1) >> 1, size), z3.simplify(raw))
        chosen = self._nan(to, z3.simplify(bits), (Scalar(z3.simplify(operand), FALSE),))
        result = self._signs_ignored(Scalar(chosen, value.poison, value.undef), flags)
        result = self.promised(flags, to, result)
        return Scalar(
            result.bits,
            self.promised(flags, from_, Scalar(source.bits, result.poison)).poison,
            result.undef,
        )

    def _to_integer(self, signed: bool, value: Scalar, from_: ir.Type, to: ir.Type) -> Scalar:
        """Poison where the value, rounded to zero, does not fit."""
        bits, fits = _whole(signed, value.bits, from_, to)
        return Scalar(bits, either(value.poison, negate(fits)), value.undef)

    def saturated(self, signed: bool, value: Scalar, from_: ir.Type, to: ir.Type) -> Scalar:
        """fptosi.sat and fptoui.sat: the nearest that fits, and 0 for NaN."""
        bits, fits = _whole(signed, value.bits, from_, to)
        least = z3.BitVecVal(1 << to.bits - 1 if signed else 0, to.bits)  # type: ignore[union-attr]
        bound = choose(z3.simplify(sign(value.bits) == 1), least, z3.simplify(least - 1))
        zero = z3.BitVecVal(0, to.bits)  # type: ignore[union-attr]
        result = choose(fits, bits, choose(is_nan(value.bits, from_), zero, bound))
        return Scalar(z3.simplify(result), value.poison, value.undef)

    # classes --------------------------------------------------------------------------------

    def is_class(self, type_: ir.Type, value: Scalar, mask: int) -> Scalar:
        """llvm.is.fpclass; the mask's bits are those of the language reference."""
        return truth(class_test(value.bits, type_, mask), value.poison, value)

    def canonical(self, type_: ir.Type, value: Scalar) -> Scalar:
        """canonicalize: a product with 1, so that a NaN is any quiet one that this may give."""
        sort(type_)
        bits = value.bits
        quiet = z3.BitVecVal(1 << _layout(type_)[1] - 1, bits.size())
        product = self._nan(type_, bits, (value,))
        result = choose(is_nan(bits, type_), product | quiet, bits)
        return Scalar(z3.simplify(result), value.poison, value.undef)


def _whole(
    signed: bool, bits: z3.BitVecRef, from_: ir.Type, to: ir.Type
) -> tuple[z3.BitVecRef, z3.BoolRef]:
    """The number rounded to zero, and whether the type has it.

    By shifts: z3's own conversion leaves open what does not fit, and may then give up.
    """
    assert isinstance(to, ir.IntType)
    magnitude, fits = _magnitude(bits, from_, to.bits)
    negative, limit = sign(bits) == 1, z3.BitVecVal(1 << to.bits - signed, magnitude.size())
    least = limit if signed else z3.BitVecVal(0, magnitude.size())
    fits = both(fits, z3.simplify(z3.ULE(magnitude, z3.If(negative, least, limit - 1))))
    result = z3.Extract(to.bits - 1, 0, z3.If(negative, -magnitude, magnitude))
    return z3.simplify(result), fits


def _magnitude(bits: z3.BitVecRef, type_: ir.Type, count: int) -> tuple[z3.BitVecRef, z3.BoolRef]:
    """The digits before the point, and whether these are no more than `count`."""
    sort(type_)
    size, fraction = _layout(type_)
    wide = size - 1 - fraction
    one = (1 << wide - 1) - 1  # the exponent of numbers from 1 to 2
    width = max(count, fraction + 1, wide) + 1
    exponent = z3.ZeroExt(width - wide, z3.Extract(size - 2, fraction, bits))
    digits = z3.Concat(z3.BitVecVal(1, width - fraction), _fraction(bits, fraction))
    left, right = exponent - (one + fraction), one + fraction - exponent
    whole = z3.If(z3.UGE(exponent, one + fraction), digits << left, z3.LShR(digits, right))
    fits = z3.ULT(exponent, min(one + count, (1 << wide) - 1))  # the greatest are no numbers
    return z3.simplify(whole), z3.simplify(fits)


def class_test(bits: z3.BitVecRef, type_: ir.Type, mask: int) -> z3.BoolRef:
    """Whether a float is of one of the classes in a mask: of is.fpclass and of `nofpclass`."""
    sort(type_)
    size, fraction = _layout(type_)
    exponent = z3.Extract(size - 2, fraction, bits)
    nan, zero, infinite = is_nan(bits, type_), is_zero(bits), is_infinite(bits, type_)
    quiet = z3.Extract(fraction - 1, fraction - 1, bits) == 1
    negative = sign(bits) == 1
    subnormal = both(exponent == 0, negate(zero))
    normal = negate(either(nan, infinite, exponent == 0))
    tests = [both(nan, negate(quiet)), both(nan, quiet)]
    tests += [both(negative, each) for each in (infinite, normal, subnormal, zero)]
    tests += [both(negate(negative), each) for each in (zero, subnormal, normal, infinite)]
    return z3.simplify(either(*(test for i, test in enumerate(tests) if mask >> i & 1)))
