"""What constant globals hold, as the events that would have written it."""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import bytes as runs
from ir_tools.verify.smt import pointers
from ir_tools.verify.smt.logic import FALSE, TRUE
from ir_tools.verify.smt.nodes import Event, Fill, Start, Write
from ir_tools.verify.smt.pointers import Place
from ir_tools.verify.smt.values import Scalar, UnsupportedError, Value
from ir_tools.verify.smt.world import World

_MOST_SEARCHED = 256  # bytes of a table that are read at an unknown offset


@dataclass(slots=True)
class Constants:
    """Contents by the block's number, made when they are first read."""

    world: World
    _known: dict[int, Event] = field(default_factory=dict)

    def contents(self, place: Place) -> Event | None:
        """What the place's block holds for ever, if that is a constant global of our own."""
        if place.number is None:
            return None
        block = self.world.block("", place.number)
        if block is None or not block.is_constant or block.size is None or block.is_open:
            return None
        if place.root is not None and block.size.as_long() > _MOST_SEARCHED:
            self.world.weak_refutations.add(f"the contents of @{block.variable}, which is large")
            return Start()
        if place.number not in self._known:
            self._known[place.number] = self._write(block.variable, place)
        return self._known[place.number]

    def _write(self, name: str, place: Place) -> Event:
        for module in (self.world.source, self.world.target):
            if name in module.variables:
                variable, layout = module.variables[name], module.layout
                break
        start = pointers.place(pointers.join(place.block, self.world.word(0)))
        assert variable.initializer is not None
        align = variable.align or layout.extent(variable.type).align
        return self._value(Start(), start, variable.initializer, layout, align)

    def _value(
        self, events: Event, at: Place, value: ir.Value, layout: ir.Layout, align: int
    ) -> Event:
        """The value's bytes from a place on; padding is undef, which is read as anything."""
        size = layout.extent(value.type).store
        known = min(align, at.constant & -at.constant) if at.constant else align
        match value:
            case ir.Data(type_, raw):
                if not layout.little_endian and layout.bits(type_.element) > 8:
                    raise UnsupportedError(f"{type_} in a big-endian global's initializer")
                word = int.from_bytes(raw, "little")
                return _write(events, at, size, z3.BitVecVal(word, 8 * size), known)
            case ir.Zero():
                zero = Scalar(z3.BitVecVal(0, 8), FALSE)
                return Fill(events, TRUE, at, self.world.word(size), zero) if size else events
            case ir.Aggregate(type_, elements):
                for offset, element in zip(_offsets(type_, layout), elements, strict=True):
                    events = self._value(events, at.plus(offset), element, layout, align)
                return events
        for leaf, part in zip(
            runs.leaves(value.type, layout), runs.scalars(self._evaluate(value)), strict=True
        ):
            place = at.plus(leaf.offset)
            if leaf.is_pointer:
                events = Write(events, TRUE, place, leaf.size, part, True, known)
            else:
                held = runs.in_memory(part, leaf.size, layout)
                events = Write(events, TRUE, place, leaf.size, held, False, known)
        return events

    def _evaluate(self, value: ir.Value) -> Value:
        match value:
            case ir.ConstantInt(ir.IntType(bits), number):
                return Scalar(z3.BitVecVal(number, bits), FALSE)
            case ir.ConstantFloat(type_, pattern):
                return Scalar(z3.BitVecVal(pattern, type_.bits), FALSE)
            case ir.GlobalRef(_, name):
                return Scalar(self.world.global_pointer(name), FALSE)
        if self.world.evaluate is None:
            raise UnsupportedError(f"constant {value} in a global's initializer")
        return self.world.evaluate(value)


def _write(events: Event, at: Place, size: int, bits: z3.BitVecRef, align: int) -> Event:
    return Write(events, TRUE, at, size, Scalar(bits, FALSE), False, align) if size else events


def _offsets(type_: ir.ArrayType | ir.StructType | ir.VectorType, layout: ir.Layout) -> list[int]:
    match type_:
        case ir.StructType():
            return list(layout.extent(type_).offsets)
        case ir.ArrayType(count, element):
            return [index * layout.extent(element).alloc for index in range(count)]
        case ir.VectorType(count, element):
            if layout.bits(element) % 8:
                raise UnsupportedError(f"{type_} in a global's initializer")
            return [index * layout.bits(element) // 8 for index in range(count)]
