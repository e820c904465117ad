"""Instructions on pointers and memory: what they ask of `smt.memory`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import ops
from ir_tools.verify.smt.captures import Captures
from ir_tools.verify.smt.logic import FALSE, TRUE
from ir_tools.verify.smt.rights import Rights
from ir_tools.verify.smt.state import State
from ir_tools.verify.smt.values import Lanes, Scalar, UnsupportedError, Value

if TYPE_CHECKING:
    from ir_tools.verify.smt.instructions import Instructions

_PLAIN = (ir.VoidType, ir.IntType, ir.FloatType)  # types without pointers


@dataclass(slots=True)
class Addresses:
    instructions: Instructions
    rights: Rights = field(init=False)
    captures: Captures = field(init=False)
    _names: dict[int, str] = field(default_factory=dict)  # of the allocas that blocks are from
    _loads_pointers: bool = field(init=False)
    _marked: frozenset[str] = field(init=False)  # allocas whose lifetime has markers

    def __post_init__(self) -> None:
        function = self.instructions.side.function
        self.rights = Rights(self.instructions.session, self.instructions.side)
        self.captures = Captures(function)
        self._loads_pointers = any(
            each.opcode == "load" and not isinstance(each.type, _PLAIN)
            for each in function.instructions()
        )
        self._marked = frozenset(
            operand.name
            for each in function.instructions()
            if each.call and each.call.name.startswith("llvm.lifetime.start")
            for operand in each.operands
            if isinstance(operand, ir.Local)
        )

    @property
    def captured(self) -> frozenset[str]:
        """The allocas whose addresses get out somewhere."""
        return self.captures.names

    def hidden(self, instruction: ir.Instruction) -> frozenset[int]:
        """The blocks of those whose addresses cannot have got out there yet."""
        inside = self.captures.inside(instruction)
        hidden = frozenset(number for number, name in self._names.items() if name in inside)
        if hidden and (self._loads_pointers or not isinstance(instruction.type, _PLAIN)):
            self.instructions.session.approximate("a variable whose address gets out later")
        return hidden

    def alloca(self, state: State, instruction: ir.Instruction) -> Value:
        """Dead until its lifetime starts, where it has markers."""
        (count,) = self.instructions.uses(state, instruction)
        assert isinstance(count, Scalar)
        assert instruction.subject is not None
        session = self.instructions.session
        unit = session.layout.extent(instruction.subject).alloc
        width = session.layout.pointer_bits[0]
        state.fail(count.poison)
        size = z3.simplify(_to_width(count, width).bits * unit)
        if not z3.is_bv_value(size):
            raise UnsupportedError("alloca of a size that is not constant")
        state.memory, pointer = state.memory.alloca(
            Scalar(size, FALSE),
            instruction.align,
            captured=instruction.name in self.captured,
            is_dead=instruction.name in self._marked,
        )
        self._names[pointer.bits.as_long() >> session.world.width] = instruction.name
        return pointer

    def load(self, state: State, instruction: ir.Instruction) -> Value:
        self.check_rights(state, instruction)
        pointer = self._pointer(state, instruction.operands[0])
        value, ub = state.memory.load(pointer, instruction.type, instruction.align)
        state.fail(ub)
        return self.instructions.promises.loaded(state, value, instruction)

    def store(self, state: State, instruction: ir.Instruction) -> Value:
        self.check_rights(state, instruction)
        value = self.instructions.use(state, instruction.operands[0])
        pointer = self._pointer(state, instruction.operands[1])
        type_ = instruction.operands[0].type
        state.memory, ub = state.memory.store(pointer, value, type_, instruction.align)
        state.fail(ub)
        return Lanes(())

    def check_rights(self, state: State, instruction: ir.Instruction) -> None:
        """An access that the function's own attributes forbid is undefined behaviour."""
        if self.rights.is_breach(instruction):
            state.fail(TRUE)

    def _pointer(self, state: State, value: ir.Value) -> Scalar:
        """Where an access goes: undefined behaviour where that is poison or undef."""
        pointer = self.instructions.use(state, value)
        assert isinstance(pointer, Scalar)
        state.fail(ops.ill_defined(pointer, self.instructions.side.choices))
        return pointer

    # getelementptr ------------------------------------------------------------------------------

    def getelementptr(self, state: State, instruction: ir.Instruction) -> Value:
        base, *indices = self.instructions.uses(state, instruction)
        if not isinstance(instruction.type, ir.VectorType):
            return self._gep(state, instruction, base, indices)
        count = instruction.type.count
        rows = [
            each.values if isinstance(each, Lanes) else (each,) * count for each in (base, *indices)
        ]
        lanes = (
            self._gep(state, instruction, row[0], list(row[1:])) for row in zip(*rows, strict=True)
        )
        return Lanes(tuple(lanes))

    def _gep(
        self, state: State, instruction: ir.Instruction, base: Value, indices: list[Value]
    ) -> Scalar:
        assert isinstance(base, Scalar)
        assert instruction.subject is not None
        layout = self.instructions.session.layout
        steps: list[tuple[Scalar, int]] = []
        type_ = outer = instruction.subject
        for position, index in enumerate(indices):
            assert isinstance(index, Scalar)
            if position and isinstance(type_, ir.StructType):
                member = index.bits.as_long()
                offset = layout.extent(type_).offsets[member]
                steps.append((ops.number(offset, layout.pointer_bits[0]), 1))
                type_ = type_.elements[member]
                continue
            if position:
                assert isinstance(type_, ir.ArrayType | ir.VectorType)
                outer, type_ = type_, type_.element
            steps.append((index, _stride(layout, outer, type_)))
        return state.memory.gep(base, steps, instruction.flags)

    # casts --------------------------------------------------------------------------------------

    def ptrtoint(self, state: State, instruction: ir.Instruction) -> Value:
        bits = ops.element_type(instruction.type).bits  # type: ignore[union-attr]
        return ops.lanewise(
            lambda x: _to_width(state.memory.to_int(x), bits),
            *self.instructions.uses(state, instruction),
        )

    ptrtoaddr = ptrtoint

    def inttoptr(self, state: State, instruction: ir.Instruction) -> Value:
        width = self.instructions.session.layout.pointer_bits[0]
        return ops.lanewise(
            lambda x: state.memory.from_int(_to_width(x, width)),
            *self.instructions.uses(state, instruction),
        )

    def addrspacecast(self, state: State, instruction: ir.Instruction) -> Value:
        raise UnsupportedError("addrspacecast")


def _stride(layout: ir.Layout, outer: ir.Type, element: ir.Type) -> int:
    """Bytes from one element to the next: in a vector they are packed."""
    if not isinstance(outer, ir.VectorType) or outer == element:
        return layout.extent(element).alloc
    if layout.bits(element) % 8:
        raise UnsupportedError(f"getelementptr into {outer}")
    return layout.bits(element) // 8


def _to_width(value: Scalar, bits: int) -> Scalar:
    size = value.bits.size()
    if size == bits:
        return value
    return ops.cast("trunc" if size > bits else "zext", frozenset(), value, bits)
