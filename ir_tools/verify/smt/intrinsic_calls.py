"""Calls of LLVM's intrinsics: which table each belongs to, and those that concern memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import intrinsics, ops
from ir_tools.verify.smt.intrinsics import base_name
from ir_tools.verify.smt.logic import either, equal, negate
from ir_tools.verify.smt.state import State
from ir_tools.verify.smt.values import Scalar, UnsupportedError, Value

if TYPE_CHECKING:
    from ir_tools.verify.smt.instructions import Instructions

_SIGNS = ("fabs", "copysign")
_ARITHMETIC = ("sqrt", "fma", "ceil", "floor", "trunc", "rint", "nearbyint", "round", "roundeven")
_EXTREMES = ("minnum", "maxnum", "minimum", "maximum", "minimumnum", "maximumnum")
_SATURATING = ("fptosi.sat", "fptoui.sat")
_FLOAT_REDUCTIONS = {
    "vector.reduce.fmin": "minnum",
    "vector.reduce.fmax": "maxnum",
    "vector.reduce.fminimum": "minimum",
    "vector.reduce.fmaximum": "maximum",
}
_Handler = Callable[[State, ir.Instruction, str], Value | None]


@dataclass(slots=True)
class IntrinsicCalls:
    instructions: Instructions
    _handlers: dict[str, _Handler] = field(init=False)

    def __post_init__(self) -> None:
        self._handlers = {
            **dict.fromkeys(intrinsics.SCALAR, self._scalar),
            **dict.fromkeys(intrinsics.WITH_OVERFLOW, self._with_overflow),
            **dict.fromkeys(intrinsics.COMPARES, self._three_way),
            **dict.fromkeys(intrinsics.REDUCTIONS, self._reduce),
            **dict.fromkeys(intrinsics.IDENTITIES, self._identity),
            **dict.fromkeys(intrinsics.NOTHING, self._nothing),
            **dict.fromkeys(_SIGNS, self._signs),
            **dict.fromkeys(_ARITHMETIC, self._float),
            **dict.fromkeys(_EXTREMES, self._extreme),
            **dict.fromkeys(_FLOAT_REDUCTIONS, self._reduce_floats),
            **dict.fromkeys(_SATURATING, self._saturated),
            "fmuladd": self._fmuladd,
            "is.fpclass": self._is_fpclass,
            "canonicalize": self._canonicalize,
            "assume": self._assume,
            "lifetime.start": self._lifetime,
            "lifetime.end": self._lifetime,
            "memcpy": self._copy,
            "memcpy.inline": self._copy,
            "memmove": self._copy,
            "memset": self._fill,
            "memset.inline": self._fill,
            "ptrmask": self._ptrmask,
            "launder.invariant.group": self._identity,
            "strip.invariant.group": self._identity,
        }

    @staticmethod
    def is_trap(callee: str) -> bool:
        return callee in ("llvm.trap", "llvm.ubsantrap")

    def execute(self, state: State, instruction: ir.Instruction) -> Value | None:
        assert instruction.call is not None
        callee = instruction.call.name
        name = base_name(callee, self._handlers.__contains__)
        if name not in self._handlers:
            raise UnsupportedError(f"the intrinsic {callee}")
        if instruction.call.bundles and name != "assume":
            raise UnsupportedError(f"{callee} with a bundle")
        if not name.startswith(("mem", "lifetime")):
            self._check_arguments(state, instruction)
        return self._handlers[name](state, instruction, name)

    def _check_arguments(self, state: State, instruction: ir.Instruction) -> None:
        """`noundef` arguments; other promises that would make them poison are not covered."""
        assert instruction.call is not None
        pairs = zip(instruction.operands, instruction.call.parameters, strict=False)
        for operand, promised in pairs:
            if {"nonnull", "align", "range", "nofpclass", "dereferenceable"} & set(promised):
                raise UnsupportedError(f"{instruction.call.name} with promises on its arguments")
            if "noundef" in promised:
                value = self.instructions.use(state, operand)
                state.fail(ops.ill_defined(value, self.instructions.side.choices))

    # integers -----------------------------------------------------------------------------------

    def _scalar(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        return intrinsics.calculate(name, self.instructions.uses(state, instruction))

    def _with_overflow(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        left, right = self.instructions.uses(state, instruction)
        return intrinsics.with_overflow(name, left, right)

    def _three_way(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        bits = ops.element_type(instruction.type).bits  # type: ignore[union-attr]
        return ops.lanewise(
            lambda x, y: intrinsics.three_way(name, bits, x, y),
            *self.instructions.uses(state, instruction),
        )

    def _reduce(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        (vector,) = self.instructions.uses(state, instruction)
        return ops.fold(intrinsics.REDUCTIONS[name], ops.scalars(vector))

    def _identity(self, state: State, instruction: ir.Instruction, _: str) -> Value:
        return self.instructions.value(state, instruction.operands[0])

    def _nothing(self, state: State, instruction: ir.Instruction, name: str) -> None:
        return None

    # floats -------------------------------------------------------------------------------------

    def _floats(self, instruction: ir.Instruction) -> ir.Type:
        return ops.element_type(instruction.operands[0].type)

    def _signs(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        floats, type_ = self.instructions.floats, self._floats(instruction)
        return ops.lanewise(
            lambda *each: floats.signs(name, instruction.flags, type_, *each),
            *self.instructions.uses(state, instruction),
        )

    def _float(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        self.instructions.check_denormals(name)
        floats, type_ = self.instructions.floats, self._floats(instruction)
        return ops.lanewise(
            lambda *each: floats.arithmetic(name, instruction.flags, type_, *each),
            *self.instructions.uses(state, instruction),
        )

    def _fmuladd(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        """Fused or not, as the compiler likes."""
        self.instructions.check_denormals(name)
        floats, type_ = self.instructions.floats, self._floats(instruction)
        flags, choices = instruction.flags, self.instructions.side.choices

        def fused_or_not(x: Scalar, y: Scalar, z: Scalar) -> Scalar:
            product = floats.arithmetic("fmul", flags, type_, x, y)
            apart = floats.arithmetic("fadd", flags, type_, product, z)
            fused = floats.arithmetic("fma", flags, type_, x, y, z)
            is_fused = choices.bits(1, "fused") == 1
            result = ops.merge(is_fused, fused, apart)
            assert isinstance(result, Scalar)
            return result

        return ops.lanewise(fused_or_not, *self.instructions.uses(state, instruction))

    def _extreme(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        self.instructions.check_denormals(name)
        floats, type_ = self.instructions.floats, self._floats(instruction)
        return ops.lanewise(
            lambda x, y: floats.extreme(name, instruction.flags, type_, x, y),
            *self.instructions.uses(state, instruction),
        )

    def _reduce_floats(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        self.instructions.check_denormals(name)
        floats, type_ = self.instructions.floats, self._floats(instruction)
        (vector,) = self.instructions.uses(state, instruction)
        opcode = _FLOAT_REDUCTIONS[name]
        return ops.fold(
            lambda x, y: floats.extreme(opcode, instruction.flags, type_, x, y),
            ops.scalars(vector),
        )

    def _saturated(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        self.instructions.check_denormals(name)
        floats, from_ = self.instructions.floats, self._floats(instruction)
        to = ops.element_type(instruction.type)
        return ops.lanewise(
            lambda x: floats.saturated(name == "fptosi.sat", x, from_, to),
            *self.instructions.uses(state, instruction),
        )

    def _is_fpclass(self, state: State, instruction: ir.Instruction, _: str) -> Value:
        value, mask = self.instructions.uses(state, instruction)
        assert isinstance(mask, Scalar)
        floats, type_ = self.instructions.floats, self._floats(instruction)
        return ops.lanewise(lambda x: floats.is_class(type_, x, mask.bits.as_long()), value)

    def _canonicalize(self, state: State, instruction: ir.Instruction, name: str) -> Value:
        self.instructions.check_denormals(name)
        floats, type_ = self.instructions.floats, self._floats(instruction)
        (value,) = self.instructions.uses(state, instruction)
        result = ops.lanewise(lambda x: floats.canonical(type_, x), value)
        return self.instructions.flagged(instruction, result)

    # promises -----------------------------------------------------------------------------------

    def _assume(self, state: State, instruction: ir.Instruction, _: str) -> None:
        assert instruction.call is not None
        condition = self.instructions.use(state, instruction.operands[0])
        assert isinstance(condition, Scalar)
        choices = self.instructions.side.choices
        state.fail(either(ops.ill_defined(condition, choices), negate(ops.is_set(condition))))
        for tag, operands in instruction.call.bundles:
            values = [self.instructions.use(state, each) for each in operands]
            self._bundle(state, tag, values)

    def _bundle(self, state: State, tag: str, values: list[Value]) -> None:
        """What an assume's operand bundle promises; breaking it is undefined behaviour."""
        if tag in ("ignore", "cold", "separate_storage"):
            if tag == "separate_storage":
                raise UnsupportedError("assume of separate storage")
            return
        choices, memory = self.instructions.side.choices, state.memory
        first = values[0]
        numbers = values[1:]
        if tag == "noundef":
            state.fail(ops.ill_defined(first, choices))
            return
        assert isinstance(first, Scalar)
        state.fail(ops.ill_defined(first, choices))
        if tag == "nonnull":
            state.fail(memory.is_null(first))
        elif tag == "align":
            self._assume_align(state, first, numbers)
        elif tag == "dereferenceable" and _is_number(numbers[0]):
            state.fail(negate(memory.dereferenceable(first, numbers[0].bits.as_long())))  # type: ignore[union-attr]
        else:
            raise UnsupportedError(f"assume with the bundle {tag}")

    def _assume_align(self, state: State, pointer: Scalar, numbers: list[Value]) -> None:
        address = state.memory.to_int(pointer)
        width = address.bits.size()
        align, *offsets = (_widened(each, width) for each in numbers)
        for offset in offsets:
            state.fail(offset.poison)
            address = Scalar(address.bits - offset.bits, address.poison, address.undef)
        state.fail(either(align.poison, address.poison))
        zero = z3.BitVecVal(0, width)
        rest = z3.URem(address.bits, align.bits)
        is_power = equal(align.bits & align.bits - 1, zero)
        broken = either(equal(align.bits, zero), negate(equal(rest, zero)))
        if z3.is_bv_value(align.bits):
            state.fail(either(z3.BoolVal(align.bits.as_long() == 0), negate(equal(rest, zero))))
            return
        state.fail(either(negate(is_power), broken))

    # memory -------------------------------------------------------------------------------------

    def _lifetime(self, state: State, instruction: ir.Instruction, name: str) -> None:
        pointer = self.instructions.use(state, instruction.operands[-1])
        assert isinstance(pointer, Scalar)
        if z3.is_true(pointer.poison):
            return
        if name == "lifetime.start":
            state.memory = state.memory.start_lifetime(pointer)
        else:
            state.memory = state.memory.end_lifetime(pointer)

    def _copy(self, state: State, instruction: ir.Instruction, name: str) -> None:
        destination, source, length = self._checked(state, instruction)
        state.memory, ub = state.memory.copy(
            destination, source, length, may_overlap=name == "memmove"
        )
        state.fail(ub)

    def _fill(self, state: State, instruction: ir.Instruction, _: str) -> None:
        destination, byte, length = self._checked(state, instruction)
        state.memory, ub = state.memory.fill(destination, byte, length)
        state.fail(ub)

    def _checked(self, state: State, instruction: ir.Instruction) -> list[Scalar]:
        """The operands of a copy or fill, with their attributes' promises."""
        self.instructions.addresses.check_rights(state, instruction)
        assert instruction.call is not None
        *operands, is_volatile = self.instructions.uses(state, instruction)
        if not isinstance(is_volatile, Scalar) or not z3.is_false(ops.is_set(is_volatile)):
            raise UnsupportedError("a volatile copy")
        promised = []
        for index, value in enumerate(operands):
            attributes = (*instruction.call.parameters, {}, {}, {})[index]
            type_ = instruction.operands[index].type
            kept = self.instructions.promises.kept(state, value, type_, attributes)
            assert isinstance(kept, Scalar)
            promised.append(kept)
        return promised

    def _ptrmask(self, state: State, instruction: ir.Instruction, _: str) -> Value:
        def masked(pointer: Scalar, mask: Scalar) -> Scalar:
            address = state.memory.to_int(pointer)
            offset = (address.bits & mask.bits) - address.bits
            step = Scalar(z3.simplify(offset), mask.poison, mask.undef | address.undef)
            result: Scalar = state.memory.gep(pointer, [(step, 1)], frozenset())
            return result

        return ops.lanewise(masked, *self.instructions.uses(state, instruction))


def _is_number(value: Value) -> bool:
    return isinstance(value, Scalar) and z3.is_bv_value(value.bits)


def _widened(value: Value, width: int) -> Scalar:
    assert isinstance(value, Scalar)
    size = value.bits.size()
    if size == width:
        return value
    return ops.cast("trunc" if size > width else "zext", frozenset(), value, width)
