"""Pure operations on whole values: poison, undef, Either and vectors around scalar functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import float_semantics as floats
from ir_tools.verify.interpreter.concrete import POISON, Format, Nan, Undef, Undefined, Unsupported
from ir_tools.verify.interpreter.float_semantics import Either
from ir_tools.verify.interpreter.storage import Memory, Pointer

UndefRule = Callable[..., "Undef | Either | int | None"]


class Operation:
    """One scalar function, lifted.

    Poison makes poison, except that a poison or undefined divisor is undefined behaviour. Undefined
    bits follow `undef_rule` where it has an answer; else they are chosen.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        undef_rule: UndefRule | None = None,
        divides: bool = False,
        flags: Set[str] = frozenset(),
        form: Format | None = None,
    ) -> None:
        self.function, self.undef_rule, self.divides = function, undef_rule, divides
        self.form = form if flags & {"nnan", "ninf"} else None
        self.flags = flags
        self.is_loose = bool(flags & floats.LOOSE)

    def __call__(self, memory: Memory, operands: Sequence[Any]) -> Any:
        if any(type(operand) is tuple for operand in operands):
            count = next(len(operand) for operand in operands if type(operand) is tuple)
            lanes = [o if type(o) is tuple else (o,) * count for o in operands]
            return tuple(self.scalar(memory, lane) for lane in zip(*lanes, strict=True))
        return self.scalar(memory, operands)

    def scalar(self, memory: Memory, operands: Sequence[Any]) -> Any:
        if self.divides and not isinstance(operands[1], int):
            raise Undefined("division by poison or undef")
        if any(operand is POISON for operand in operands):
            return POISON
        if any(isinstance(operand, Undef) for operand in operands):
            known = self.undef_rule(*operands) if self.undef_rule else None
            if isinstance(known, Either):
                return known.options[memory.choose("result", len(known.options))]
            if known is not None:
                return known
            # Every use of what comes out sees another value, and a branch on it is undefined: one
            # value stands for it only as long as nothing is concluded from the run.
            memory.choose("operation on undef", 1 << 64)
            operands = [memory.concrete(operand) for operand in operands]
        result = self.function(*operands)
        if isinstance(result, Either):
            result = result.options[memory.choose("result", len(result.options))]
        return self._kept(memory, operands, result) if self.flags else result

    def _kept(self, memory: Memory, operands: Sequence[Any], result: Any) -> Any:
        """The result under fast-math flags."""
        if self.form:
            for value in (*operands, result):
                if floats.breaks_promise(value, self.flags, self.form):
                    return POISON
        if self.is_loose or ("nsz" in self.flags and result in (0, self.form and self.form.sign)):
            memory.choose("fast-math result", 1 << 64)
        return result


def _parts(value: Any) -> tuple[int, int]:
    return (value, 0) if isinstance(value, int) else (value.value, value.mask)


def _made(value: int, mask: int) -> Any:
    return Undef(value & ~mask, mask) if mask else value


def _undef_and(a: Any, b: Any) -> Any:
    (x, m), (y, n) = _parts(a), _parts(b)
    return _made(x & y, m & (y | n) | n & (x | m))


def _undef_or(a: Any, b: Any) -> Any:
    (x, m), (y, n) = _parts(a), _parts(b)
    return _made(x | y, m & (~y | n) | n & (~x | m))


def _undef_xor(a: Any, b: Any) -> Any:
    (x, m), (y, n) = _parts(a), _parts(b)
    return _made(x ^ y, m | n)


def _undef_shl(bits: int) -> UndefRule:
    full = (1 << bits) - 1

    def rule(a: Any, b: Any) -> Any:
        (x, m) = _parts(a)
        return _made(x << b & full, m << b & full) if isinstance(b, int) and b < bits else None

    return rule


def _undef_lshr(bits: int) -> UndefRule:
    def rule(a: Any, b: Any) -> Any:
        (x, m) = _parts(a)
        return _made(x >> b, m >> b) if isinstance(b, int) and b < bits else None

    return rule


def _undef_sum(bits: int) -> UndefRule:
    """A sum with an undefined operand is undefined."""
    full = (1 << bits) - 1

    def rule(a: Any, b: Any) -> Any:
        return Undef(0, full) if full in (_parts(a)[1], _parts(b)[1]) else None

    return rule


def undef_rule(opcode: str, bits: int, flags: Set[str]) -> UndefRule | None:
    """How undefined bits pass an operation that has no flags, exactly; None where they do not."""
    if flags:
        return None
    simple: dict[str, UndefRule] = {"and": _undef_and, "or": _undef_or, "xor": _undef_xor}
    sized = {"shl": _undef_shl, "lshr": _undef_lshr, "add": _undef_sum, "sub": _undef_sum}
    return sized[opcode](bits) if opcode in sized else simple.get(opcode)


def undef_icmp(predicate: str, bits: int, flags: Set[str]) -> UndefRule | None:
    """A comparison is undefined where its operands' undefined bits decide it, exactly."""
    if flags:
        return None
    top = 1 << (bits - 1) if predicate[0] == "s" else 0
    relation = predicate[-2:]

    def bounds(value: Any) -> tuple[int, int]:
        """In unsigned order, into which signed order is turned by its top bit."""
        low, mask = _parts(value)
        return (low ^ top) & ~(mask & top), (low ^ top) | mask

    def rule(a: Any, b: Any) -> Any:
        if relation in ("eq", "ne"):
            (x, m), (y, n) = _parts(a), _parts(b)
            return int(relation == "ne") if (x ^ y) & ~(m | n) else Undef(0, 1)
        (least, most), (low, high) = bounds(a), bounds(b)
        if relation in ("gt", "le"):  # a > b is b < a
            (least, most), (low, high) = (low, high), (least, most)
        is_less = True if most < low else False if least >= high else None
        if is_less is None:
            return Undef(0, 1)
        return int(is_less) if relation in ("lt", "gt") else int(not is_less)

    return rule


def undef_cast(opcode: str, to: int, flags: Set[str]) -> UndefRule | None:
    if flags or opcode == "sext":
        return None
    full = (1 << to) - 1
    return lambda a: _made(a.value & full, a.mask & full)


# values as bits -----------------------------------------------------------------------------------


def to_bits(value: Any, type_: ir.Type, memory: Memory) -> tuple[int, int, int]:
    """The bits of a value in memory order: known ones, undefined ones, poison ones."""
    layout = memory.module.layout
    if isinstance(type_, ir.VectorType):
        bits = layout.bits(type_.element)
        known = mask = poison = 0
        for lane in reversed(value):
            x, m, p = to_bits(lane, type_.element, memory)
            known, mask, poison = known << bits | x, mask << bits | m, poison << bits | p
        return known, mask, poison
    if value is POISON:
        return 0, 0, (1 << layout.bits(type_)) - 1
    if isinstance(value, Pointer):
        return memory.to_integer(value), 0, 0
    return (*_parts(value), 0)


def from_bits(known: int, mask: int, poison: int, type_: ir.Type, memory: Memory) -> Any:
    layout = memory.module.layout
    if isinstance(type_, ir.VectorType):
        bits, lanes = layout.bits(type_.element), []
        full = (1 << bits) - 1
        for index in range(type_.count):
            k, m, p = (part >> index * bits & full for part in (known, mask, poison))
            lanes.append(from_bits(k, m, p, type_.element, memory))
        return tuple(lanes)
    if poison:
        return POISON
    if isinstance(type_, ir.PointerType):
        return Undef(known, mask) if mask else memory.from_integer(known)
    return as_float(_made(known, mask), type_) if mask else known


def as_float(value: Any, type_: ir.Type) -> Any:
    """A NaN of any payload, read back from memory, is one again."""
    if isinstance(value, Undef) and isinstance(type_, ir.FloatType):
        nan = floats.format_of(type_).nan
        if (value.value, value.mask) == (nan.value, nan.mask):
            return nan
    return value


def bitcast(value: Any, from_: ir.Type, to: ir.Type, memory: Memory) -> Any:
    if isinstance(value, Nan) and not isinstance(to, ir.FloatType):
        memory.choose("NaN", 1 << 64)
        value = value.canonical
    return from_bits(*to_bits(value, from_, memory), to, memory)


# choices ------------------------------------------------------------------------------------------


def freeze(value: Any, type_: ir.Type, memory: Memory) -> Any:
    match type_:
        case ir.VectorType(_, element) | ir.ArrayType(_, element):
            return tuple(freeze(lane, element, memory) for lane in value)
        case ir.StructType(elements):
            return tuple(
                freeze(lane, each, memory) for lane, each in zip(value, elements, strict=True)
            )
    if value is not POISON and (not isinstance(value, Undef) or isinstance(value, Nan)):
        return value
    if value is POISON:
        value = Undef(0, (1 << memory.module.layout.bits(type_)) - 1)
    chosen = memory.concrete(value)
    return memory.from_integer(chosen) if isinstance(type_, ir.PointerType) else chosen


def select(memory: Memory, condition: Any, yes: Any, no: Any) -> Any:
    if type(condition) is tuple:
        lanes = zip(condition, yes, no, strict=True)
        return tuple(select(memory, *lane) for lane in lanes)
    if condition is POISON:
        return map_lanes(lambda lane: POISON, yes)
    if not isinstance(condition, int):
        condition = memory.concrete(condition)
    return yes if condition else no


def map_lanes(function: Callable[[Any], Any], value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map_lanes(function, lane) for lane in value)
    return function(value)


def pointer_compare(memory: Memory, compare: Callable[[int, int], bool], a: Any, b: Any) -> Any:
    if type(a) is tuple:
        return tuple(pointer_compare(memory, compare, *lane) for lane in zip(a, b, strict=True))
    if a is POISON or b is POISON:
        return POISON
    if isinstance(a, Undef) or isinstance(b, Undef):
        return Undef(0, 1)
    return memory.compare(compare, a, b)


def leaf_type(type_: ir.Type) -> ir.Type:
    """Of a vector, its element's."""
    return type_.element if isinstance(type_, ir.VectorType) else type_


def require_plain_pointers(type_: ir.Type) -> None:
    leaf = leaf_type(type_)
    if isinstance(leaf, ir.PointerType) and leaf.space:
        raise Unsupported(f"pointers in address space {leaf.space}")
