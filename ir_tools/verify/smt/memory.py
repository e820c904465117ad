"""Memory of one side at one point of a function, as a value.

    world = World(source, target, assumptions)
    memory = Memory.start(world, choices, layout)       # one for each side, with its own choices

    value, ub = memory.load(pointer, type, align)
    memory, ub = memory.store(pointer, value, type, align)
    memory, pointer = memory.alloca(size, align, captured=name in Captures(function).names)
    memory = memory.merge(condition, other)             # self where the condition holds
    memory, ub = memory.copy(target, origin, length, may_overlap=…)
    memory, ub = memory.fill(target, byte, length)
    memory = memory.start_lifetime(p), memory.end_lifetime(p)
    memory, pointer = memory.malloc(size, align, is_zeroed=…);  memory, ub = memory.free(p)
    memory = memory.havoc(key, …)                       # after an unknown call
    memory.gep(pointer, steps, flags), .compare(predicate, a, b), .to_int(p), .from_int(i), .null()
    memory.dereferenceable(p, n), .aligned(p, n), .is_null(p)
    refines(world, source, target)                      # in smt.observing, with refined_value

Operands are as one use sees them (`Choices.use`); what is loaded may be undef, so each of its uses
has to be refreshed. Undefined behaviour comes back as a condition, for the caller to guard with the
path's. Accesses after it mean nothing. A pointer that is undef
may not be accessed, wherever it would point to.

Covered: every type of address space 0 that is made of whole bytes, and integers and vectors of
other widths in little-endian memory. Not covered (UnsupportedError): other address spaces,
thread-local variables, aliases, vectors of odd elements with poison in some of them. The extra bits
of an integer that is not whole bytes are stored as zeros and ignored by loads. Undef in the memory
of the caller and `noalias` are not modelled: the source is taken to be defined where it may not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import addressing, ops, pointers
from ir_tools.verify.smt import bytes as runs
from ir_tools.verify.smt.constants import Constants
from ir_tools.verify.smt.liveness import alive
from ir_tools.verify.smt.logic import FALSE, TRUE, both, either, equal, negate
from ir_tools.verify.smt.nodes import (
    Alive,
    Copy,
    Event,
    Fill,
    Forget,
    Life,
    MayFree,
    Merge,
    MergeLife,
    SetAlive,
    Start,
    Unknown,
    Write,
)  # fmt: skip
from ir_tools.verify.smt.pointers import LOCAL, Place, by_place, resolve
from ir_tools.verify.smt.reading import Reader
from ir_tools.verify.smt.tags import TagReader
from ir_tools.verify.smt.values import BudgetError, Choices, Scalar, UnsupportedError, Value
from ir_tools.verify.smt.world import World

_LONGEST_WORD = 64  # bytes that are filled at once as one number


@dataclass(frozen=True, slots=True)
class Memory:
    """Immutable; every change is a new one."""

    reader: Reader
    tags: TagReader | None
    layout: ir.Layout
    events: Event
    life: Life

    @classmethod
    def start(cls, world: World, choices: Choices, layout: ir.Layout) -> Memory:
        constants = Constants(world)
        given = world, choices, layout.little_endian, constants.contents
        return cls(Reader(*given), TagReader(*given), layout, Start(), Alive())

    @property
    def world(self) -> World:
        return self.reader.world

    @property
    def side(self) -> str:
        return self.reader.choices.side

    # accesses -----------------------------------------------------------------------------------

    def load(self, pointer: Scalar, type_: ir.Type, align: int) -> tuple[Value, z3.BoolRef]:
        size = self.layout.extent(type_).store
        ub = self._fault(pointer, self.world.word(size), align)
        width = runs.packed(type_, self.layout)
        kind: ir.Type = ir.IntType(width) if width else type_
        found = None
        try:
            for condition, place in reversed(resolve(pointer.bits)):
                parts = self._read(place, kind, align)
                found = (
                    parts
                    if found is None
                    else [runs.chosen(condition, *pair) for pair in zip(parts, found, strict=True)]
                )
        except RecursionError:
            raise BudgetError("memory has too long a history") from None
        assert found is not None
        if width and isinstance(type_, ir.VectorType):
            found = runs.unpack(found[0], type_.count, self.layout)
        return runs.build(type_, iter(found)), ub

    def _read(self, place: Place, type_: ir.Type, align: int) -> list[Scalar]:
        found = []
        for leaf in runs.leaves(type_, self.layout):
            at, known = place.plus(leaf.offset), _aligned(align, leaf.offset)
            if leaf.is_pointer:
                found.append(self.reader.pointer(self.events, at, known))
                continue
            word = runs.joined(self.reader.bytes(self.events, at, leaf.size, known))
            bits = word.bits if self.layout.little_endian else runs.swapped(word.bits)
            bits = z3.simplify(z3.Extract(leaf.bits - 1, 0, bits))
            found.append(Scalar(bits, word.poison, word.undef))
        return found

    def store(
        self, pointer: Scalar, value: Value, type_: ir.Type, align: int
    ) -> tuple[Memory, z3.BoolRef]:
        size = self.layout.extent(type_).store
        ub = self._fault(pointer, self.world.word(size), align, writes=True)
        if width := runs.packed(type_, self.layout):
            value, type_ = runs.pack(value, self.layout), ir.IntType(width)
        events = self.events
        for condition, place in resolve(pointer.bits):
            events = self._written(events, condition, place, value, type_, align)
        return replace(self, events=events), ub

    def _written(
        self, events: Event, condition: z3.BoolRef, place: Place, value: Value, type_: ir.Type,
        align: int,
    ) -> Event:  # fmt: skip
        parts = zip(runs.leaves(type_, self.layout), runs.scalars(value), strict=True)
        for leaf, part in parts:
            at, known = place.plus(leaf.offset), _aligned(align, leaf.offset)
            held = part if leaf.is_pointer else runs.in_memory(part, leaf.size, self.layout)
            events = Write(events, condition, at, leaf.size, held, leaf.is_pointer, known)
        for offset, size in _gaps(type_, self.layout):
            poison = Scalar(z3.BitVecVal(0, 8 * size), TRUE)
            events = Write(events, condition, place.plus(offset), size, poison, False, 1)
        return events

    def _fault(
        self, pointer: Scalar, count: z3.BitVecRef, align: int, writes: bool = False
    ) -> z3.BoolRef:
        """Whether an access of so many bytes is undefined behaviour."""

        def is_fine(place: Place) -> z3.BoolRef:
            world, side = self.world, self.side
            facts = [
                addressing.in_bounds(world, side, place, count),
                alive(world, side, self.life, place.block),
                addressing.aligned(world, side, place, align),
            ]
            if writes:
                facts.append(world.writable(side, place.block))
            return both(*facts)

        nothing = equal(count, self.world.word(0))
        fine = either(nothing, by_place(pointer.bits, is_fine))
        return z3.simplify(either(ops.ill_defined(pointer, self.reader.choices), negate(fine)))

    # allocations --------------------------------------------------------------------------------

    def alloca(
        self, size: Scalar, align: int, captured: bool = True, is_dead: bool = False
    ) -> tuple[Memory, Scalar]:
        """A block of the stack. `captured`: its address may leave the function (`smt.captures`);
        `is_dead`: until `start_lifetime`."""
        bits = self._word(size.bits)
        block = self.world.allocate(self.side, bits, max(align, 1), captured, is_stack=True)
        memory = self
        if is_dead:
            number = z3.BitVecVal(block.number, pointers.BLOCK_BITS)
            memory = replace(self, life=SetAlive(self.life, TRUE, number, alive=False))
        return memory, self._pointer(block.number)

    def malloc(
        self, size: Scalar, align: int = 16, is_zeroed: bool = False, can_fail: bool = True
    ) -> tuple[Memory, Scalar]:
        """A block of the heap, or null: on both sides together."""
        bits = self._word(size.bits)
        block = self.world.allocate(self.side, bits, align, captured=True, is_stack=False)
        pointer, memory = self._pointer(block.number), self
        if is_zeroed:
            place = pointers.place(pointer.bits)
            zero = Scalar(z3.BitVecVal(0, 8), FALSE)
            memory = replace(self, events=self._filled(TRUE, place, bits, zero))
        if not can_fail:
            return memory, pointer
        fails = z3.Bool(f"allocation.fails.{block.number & ~LOCAL}")
        null = pointers.null(self.world.width)
        return memory, Scalar(z3.If(fails, null, pointer.bits), size.poison)

    def free(self, pointer: Scalar) -> tuple[Memory, z3.BoolRef]:
        """Null is let be; all else has to be the beginning of a living block of the heap."""
        life, null = self.life, self.is_null(pointer)

        def is_fine(place: Place) -> z3.BoolRef:
            lives = alive(self.world, self.side, self.life, place.block)
            heap = self.world.is_heap(self.side, place.block)
            return both(lives, heap, equal(place.offset, self.world.word(0)))

        ub = either(pointer.poison, negate(either(null, by_place(pointer.bits, is_fine))))
        for condition, place in resolve(pointer.bits):
            life = SetAlive(life, both(condition, negate(null)), place.block, alive=False)
        return replace(self, life=life), z3.simplify(ub)

    def start_lifetime(self, pointer: Scalar) -> Memory:
        return self._lifetime(pointer, starts=True)

    def end_lifetime(self, pointer: Scalar) -> Memory:
        return self._lifetime(pointer, starts=False)

    def _lifetime(self, pointer: Scalar, starts: bool) -> Memory:
        place = pointers.place(pointer.bits)
        if place.number is None or not place.number & LOCAL:
            raise UnsupportedError("lifetime marker of something other than one alloca")
        events = Forget(self.events, place.block) if starts else self.events
        life = SetAlive(self.life, TRUE, place.block, alive=starts)
        return replace(self, events=events, life=life)

    def _pointer(self, number: int) -> Scalar:
        return Scalar(pointers.join(number, self.world.word(0)), FALSE)

    def _word(self, bits: z3.BitVecRef) -> z3.BitVecRef:
        """An unsigned number at the width of offsets."""
        width = self.world.width
        if bits.size() < width:
            return z3.simplify(z3.ZeroExt(width - bits.size(), bits))
        return z3.simplify(z3.Extract(width - 1, 0, bits))

    # blocks of bytes ----------------------------------------------------------------------------

    def fill(
        self, target: Scalar, byte: Scalar, length: Scalar, align: int = 1
    ) -> tuple[Memory, z3.BoolRef]:
        """`memset`."""
        count = self._word(length.bits)
        fault = self._fault(target, count, align, writes=True)
        ub = either(length.poison, self._unless_empty(count, fault, target))
        memory = self
        for condition, place in resolve(target.bits):
            events = memory._filled(condition, place, count, byte, align)
            memory = replace(memory, events=events)
        return memory, ub

    def _filled(
        self, condition: z3.BoolRef, place: Place, count: z3.BitVecRef, byte: Scalar, align: int = 1
    ) -> Event:
        if z3.is_bv_value(count) and 0 < count.as_long() <= _LONGEST_WORD:
            size = count.as_long()
            word = z3.simplify(z3.RepeatBitVec(size, byte.bits))
            value = Scalar(word, byte.poison, byte.undef)
            return Write(self.events, condition, place, size, value, False, align)
        return Fill(self.events, condition, place, count, byte)

    def copy(
        self, target: Scalar, origin: Scalar, length: Scalar, may_overlap: bool,
        aligns: tuple[int, int] = (1, 1),
    ) -> tuple[Memory, z3.BoolRef]:  # fmt: skip
        """`memmove`, or `memcpy`, whose blocks have to be apart or the same."""
        count = self._word(length.bits)
        faults = [
            self._fault(target, count, aligns[0], True),
            self._fault(origin, count, aligns[1]),
        ]
        memory = self
        for here, place in resolve(target.bits):
            for there, start in resolve(origin.bits):
                condition = both(here, there)
                if not may_overlap:
                    faults.append(both(condition, self._overlap(place, start, count)))
                if place.key != start.key:
                    event = Copy(
                        memory.events, condition, place, count, self.events, start, aligns[0]
                    )
                    memory = replace(memory, events=event)
        fault = self._unless_empty(count, either(*faults), target, origin)
        return memory, z3.simplify(either(length.poison, fault))

    def _unless_empty(
        self, count: z3.BitVecRef, fault: z3.BoolRef, *pointers: Scalar
    ) -> z3.BoolRef:
        """The fault, where there is a byte to move. Of none through poison opinions differ: the
        language reference allows it, and Alive2 does not."""
        nothing = z3.simplify(equal(count, self.world.word(0)))
        if not z3.is_false(z3.simplify(both(nothing, either(*(p.poison for p in pointers))))):
            self.world.weak_refutations.add("no bytes are moved, perhaps through poison")
        return both(negate(nothing), fault)

    def _overlap(self, left: Place, right: Place, count: z3.BitVecRef) -> z3.BoolRef:
        if pointers.apart(left.block, right.block):
            return FALSE
        ahead, behind = left.minus(right), right.minus(left)
        return both(
            equal(left.block, right.block),
            ahead != 0,
            either(z3.ULT(ahead, count), z3.ULT(behind, count)),
        )

    # control flow and calls ---------------------------------------------------------------------

    def merge(self, condition: z3.BoolRef, other: Memory) -> Memory:
        """This memory where the condition holds, else the other."""
        if z3.is_false(condition):
            return other
        events, life = self.events, self.life
        if z3.is_true(condition):
            return self
        if events is not other.events:
            events = Merge(condition, events, other.events)
        if life is not other.life:
            life = MergeLife(condition, life, other.life)
        return replace(self, events=events, life=life)

    def havoc(
        self, key: str, reached: Sequence[Scalar] | None = None, writes: bool = True,
        frees: bool = True, condition: z3.BoolRef = TRUE, hidden: frozenset[int] = frozenset(),
    ) -> Memory:  # fmt: skip
        """Memory after an unknown call: source and target give matching calls the same key.

        `reached` is what the callee may write through, where that is only its arguments; of the
        blocks that are `hidden` it knows nothing. A call that neither writes nor frees leaves
        memory alone.
        """
        events, life = self.events, self.life
        if writes:
            blocks = (
                None
                if reached is None
                else tuple(place.block for each in reached for _, place in resolve(each.bits))
            )
            events = Unknown(events, key, condition, blocks, hidden)
        if frees:
            life = MayFree(life, key, condition)
        return replace(self, events=events, life=life)

    # pointers -----------------------------------------------------------------------------------

    def null(self) -> Scalar:
        return addressing.null(self.world)

    def gep(
        self, pointer: Scalar, steps: Sequence[tuple[Scalar, int]], flags: frozenset[str]
    ) -> Scalar:
        """`pointer` moved by each index × scale bytes; indices are sign-extended."""
        index_bits = self.layout.index_bits.get(0, 0)
        return addressing.gep(self.world, self.side, pointer, steps, flags, index_bits)

    def compare(self, predicate: str, left: Scalar, right: Scalar) -> Scalar:
        return addressing.compare(self.world, self.reader.choices, predicate, left, right)

    def to_int(self, pointer: Scalar) -> Scalar:
        bits = addressing.address(self.world, self.side, pointer.bits)
        return Scalar(bits, pointer.poison, pointer.undef)

    def from_int(self, address: Scalar) -> Scalar:
        """From an integer as wide as an address."""
        return self.world.from_address(address)

    def is_null(self, pointer: Scalar) -> z3.BoolRef:
        return addressing.is_null(self.world, self.side, pointer)

    def aligned(self, pointer: Scalar, align: int) -> z3.BoolRef:
        return by_place(
            pointer.bits, lambda each: addressing.aligned(self.world, self.side, each, align)
        )

    def dereferenceable(self, pointer: Scalar, count: int) -> z3.BoolRef:
        """Whether so many bytes can be read, whatever the alignment."""
        return negate(self._fault(pointer, self.world.word(count), 1))


def _aligned(align: int, offset: int) -> int:
    return min(align, pointers.power_of_two_in(offset)) if offset else align


def _gaps(type_: ir.Type, layout: ir.Layout) -> list[tuple[int, int]]:
    is_aggregate = isinstance(type_, ir.StructType | ir.ArrayType)
    return runs.padding(type_, layout) if is_aggregate else []
