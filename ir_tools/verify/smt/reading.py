"""What memory holds at a place: a walk back through the events that `smt.nodes` records.

Bytes that may have been written by an event at an unknown distance are read one by one, unless both
accesses are aligned: an access that is not is undefined, so two aligned ones are apart or nested.

A pointer read where bytes were written, and the contrary, goes through the pointer's address. What
is read as a pointer where only a part of one was overwritten is an unknown function of both. In the
caller's memory a pointer and the bytes at the same place are independent: a proof holds for all
contents, but a counterexample may be one that cannot be, unless `World.tied` is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import z3

from ir_tools.verify.smt import bytes as runs
from ir_tools.verify.smt.logic import FALSE, TRUE, both, either, equal, negate
from ir_tools.verify.smt.nodes import Copy, Event, Fill, Forget, Merge, Start, Unknown, Write
from ir_tools.verify.smt.pointers import (
    Place,
    apart,
    by_place,
    escaped,
    is_number,
    is_outside,
    is_private,
    moved,
    never_private,
    outside,
    same_place,
)  # fmt: skip
from ir_tools.verify.smt.values import Choices, Scalar
from ir_tools.verify.smt.world import World

Run = tuple[Scalar, ...]


@dataclass(slots=True)
class Reader:
    """Reads one side's memories. `constant` reads a constant global, or says None."""

    world: World
    choices: Choices
    little_endian: bool
    constant: Callable[[Place], Event | None]
    _known: dict[tuple[Event, int, int, int], Run] = field(default_factory=dict)
    _pointers: dict[tuple[Event, int, int], Scalar] = field(default_factory=dict)
    _places: list[Place] = field(default_factory=list)  # so that no id is used again

    def bytes(self, event: Event, place: Place, count: int, align: int) -> Run:
        """That many bytes from the place on."""
        return self._past(self.constant(place) or event, place, count, align)

    def pointer(self, event: Event, place: Place, align: int) -> Scalar:
        return self._pointer_past(self.constant(place) or event, place, align)

    def _past(self, event: Event, place: Place, count: int, align: int) -> Run:
        key = event, place.key, count, align
        if key not in self._known:
            self._places.append(place)
            self.world.budget.step()
            self._known[key] = self._bytes(event, place, count, align)
        return self._known[key]

    def _pointer_past(self, event: Event, place: Place, align: int) -> Scalar:
        key = event, place.key, align
        if key not in self._pointers:
            self._places.append(place)
            self.world.budget.step()
            self._pointers[key] = self._pointer(event, place, align)
        return self._pointers[key]

    # bytes --------------------------------------------------------------------------------------

    def _bytes(self, event: Event, place: Place, count: int, align: int) -> Run:
        while True:
            match event:
                case Start():
                    return self._first_bytes(place, count)
                case Merge():
                    then = self._past(event.then, place, count, align)
                    return runs.chosen_run(
                        event.condition, then, self._past(event.other, place, count, align)
                    )
                case Unknown():
                    found = self._after_call(event, place)
                    if not z3.is_false(found):
                        rest = self._past(event.before, place, count, align)
                        return runs.chosen_run(found, self._select(event.key, place, count), rest)
                case Forget():
                    same = equal(event.block, place.block)
                    if not apart(event.block, place.block):
                        fresh = (self._undef(count),)
                        if z3.is_true(same):
                            return fresh
                        return runs.chosen_run(
                            same, fresh, self._past(event.before, place, count, align)
                        )
                case Write() | Fill() | Copy():
                    if not self._misses(event, place, count):
                        return self._written(event, place, count, align)
            event = event.before
            self.world.budget.step()

    def _misses(self, event: Write | Fill | Copy, place: Place, count: int) -> bool:
        if apart(event.place.block, place.block):
            return True
        distance = _distance(event, place)
        length = _length(event)
        if distance is None:
            return length == 0
        return distance + count <= 0 or (length is not None and distance >= length)

    def _written(self, event: Write | Fill | Copy, place: Place, count: int, align: int) -> Run:
        distance, length = _distance(event, place), _length(event)
        if distance is not None and length is not None:
            return self._overlapping(event, place, count, align, distance, length)
        rest = self._past(event.before, place, count, align)
        if isinstance(event, Write) and _nested(event, count, align):
            inside = self._inside(event, place)
            part = _shifted(self._bits(event), place.minus(event.place), count)
            return runs.chosen_run(both(event.condition, inside), (part,), rest)
        if count == 1:
            inside = both(event.condition, self._inside(event, place))
            return runs.chosen_run(inside, self._byte(event, place), rest)
        found: list[Scalar] = []
        for index in range(count):
            found += self._past(event, place.plus(index), 1, _further(align, index))
        return tuple(found)

    def _overlapping(
        self, event: Write | Fill | Copy, place: Place, count: int, align: int, distance: int,
        length: int,
    ) -> Run:  # fmt: skip
        """Read where an event wrote a known range that begins `distance` bytes before."""
        first, last = max(0, -distance), min(count, length - distance)
        if (first, last) == (0, count):
            found = self._part(event, place, distance, count, align)
            if z3.is_true(event.condition):
                return found
            rest = self._past(event.before, place, count, align)
            return runs.chosen_run(event.condition, found, rest)
        found_run: list[Scalar] = []
        for begin, end in ((0, first), (first, last), (last, count)):
            if begin < end:
                at = place.plus(begin)
                found_run += self._past(event, at, end - begin, _further(align, begin))
        return tuple(found_run)

    def _part(
        self, event: Write | Fill | Copy, place: Place, distance: int, count: int, align: int
    ) -> Run:
        """Bytes that an event wrote for certain, if it happened."""
        match event:
            case Write():
                return runs.cut([self._bits(event)], distance, count)
            case Fill():
                return (self._filler(event),) * count
            case Copy():
                return self.bytes(event.source, event.origin.plus(distance), count, 1)

    def _byte(self, event: Write | Fill | Copy, place: Place) -> Run:
        """The byte at an unknown distance in what the event wrote."""
        distance = place.minus(event.place)
        match event:
            case Write():
                return (_shifted(self._bits(event), distance, 1),)
            case Fill():
                return (self._filler(event),)
            case Copy():
                return self.bytes(event.source, moved(event.origin, distance), 1, 1)

    def _inside(self, event: Write | Fill | Copy, place: Place) -> z3.BoolRef:
        """Whether a place is in what the event wrote."""
        length = self.world.word(event.size) if isinstance(event, Write) else event.length
        if isinstance(event, Write) and event.size == 1:
            return same_place(event.place, place)
        return both(equal(event.place.block, place.block), z3.ULT(place.minus(event.place), length))

    # pointers -----------------------------------------------------------------------------------

    def _pointer(self, event: Event, place: Place, align: int) -> Scalar:
        count = self.world.width // 8
        while True:
            match event:
                case Start():
                    return self._first_pointer(place)
                case Merge():
                    then = self._pointer_past(event.then, place, align)
                    other = self._pointer_past(event.other, place, align)
                    return runs.chosen(event.condition, then, other)
                case Unknown():
                    found = self._after_call(event, place)
                    if not z3.is_false(found):
                        rest = self._pointer_past(event.before, place, align)
                        return runs.chosen(
                            found, self._select_pointer(event.key, place, escaped, 1), rest
                        )
                case Forget():
                    if not apart(event.block, place.block):
                        same = equal(event.block, place.block)
                        fresh = self.choices.undef(self.world.pointer_width)
                        if z3.is_true(same):
                            return fresh
                        return runs.chosen(
                            same, fresh, self._pointer_past(event.before, place, align)
                        )
                case Write() | Fill() | Copy():
                    if not self._misses(event, place, count):
                        return self._written_pointer(event, place, align)
            event = event.before
            self.world.budget.step()

    def _written_pointer(self, event: Write | Fill | Copy, place: Place, align: int) -> Scalar:
        count, distance, length = self.world.width // 8, _distance(event, place), _length(event)
        rest = self._pointer_past(event.before, place, align)
        if distance is not None and length is not None:
            whole = distance >= 0 and distance + count <= length
            found = (
                self._whole(event, place, distance) if whole else self._patched(event, place, rest)
            )
            return runs.chosen(event.condition, found, rest)
        if isinstance(event, Write) and event.size == count and _nested(event, count, align):
            same = both(event.condition, same_place(event.place, place))
            return runs.chosen(same, self._whole(event, event.place, 0), rest)
        overlaps = both(
            event.condition,
            equal(event.place.block, place.block),
            either(self._inside(event, place), self._reaches(event, place)),
        )
        found = self._patched(event, place, rest)
        if not isinstance(event, Write):
            found = runs.chosen(*self._ranged_pointer(event, place), found)
        return runs.chosen(overlaps, found, rest)

    def _whole(self, event: Write | Fill | Copy, place: Place, distance: int) -> Scalar:
        """A pointer wholly inside what an event wrote."""
        if isinstance(event, Write) and event.is_pointer:
            return event.value
        if isinstance(event, Copy):
            return self.pointer(event.source, event.origin.plus(distance), 1)
        word = runs.joined(self._part(event, place, distance, self.world.width // 8, 1))
        address = Scalar(self._ordered(word.bits), word.poison, word.undef)
        return self.world.from_address(address)

    def _ranged_pointer(self, event: Fill | Copy, place: Place) -> tuple[z3.BoolRef, Scalar]:
        """Whether a pointer is wholly in what was filled or copied, and then what it is."""
        distance, count = place.minus(event.place), self.world.word(self.world.width // 8)
        whole = both(z3.ULE(count, event.length), z3.ULE(distance, event.length - count))
        if isinstance(event, Copy):
            return whole, self.pointer(event.source, moved(event.origin, distance), 1)
        return whole, self._whole(event, place, 0)

    def _reaches(self, event: Write | Fill | Copy, place: Place) -> z3.BoolRef:
        """Whether an event began within the bytes of a pointer at the place."""
        return z3.ULT(event.place.minus(place), self.world.word(self.world.width // 8))

    def _patched(self, event: Write | Fill | Copy, place: Place, rest: Scalar) -> Scalar:
        """A pointer that was overwritten in part: an unknown function of all that it depends on."""
        self.world.weak_refutations.add("a part of a pointer in memory is overwritten")
        distance = place.minus(event.place)
        match event:
            case Write():
                new, more = self._bits(event), distance
            case Fill():
                new, more = event.byte, z3.Concat(distance, event.length)
            case Copy():
                origin = moved(event.origin, distance)
                new = runs.joined(self.bytes(event.source, origin, self.world.width // 8, 1))
                more = z3.Concat(distance, event.length)
        given = [rest.bits, rest.poison, new.bits, new.poison, more]
        name, sorts = f"patched.{type(event).__name__}", [each.sort() for each in given]
        bits = z3.Function(name, *sorts, z3.BitVecSort(rest.bits.size() - 1))(*given)
        poison = z3.Function(f"{name}.poison", *sorts, z3.BoolSort())(*given)
        return Scalar(escaped(bits), poison, rest.undef | new.undef)

    # where the walk ends ------------------------------------------------------------------------

    def _first_bytes(self, place: Place, count: int) -> Run:
        if is_outside(place.block):
            return self._select("memory", place, count)
        undef = (self._undef(count),)
        if place.number is not None:
            return undef
        is_local = _is_local(place.block)
        return runs.chosen_run(is_local, undef, self._select("memory", place, count))

    def _select(self, name: str, place: Place, count: int) -> Run:
        places = (place.plus(index) for index in range(count))
        return tuple(self._of_byte(self.world.byte(name, each)) for each in places)

    def _of_byte(self, byte: z3.BitVecRef) -> Scalar:
        return Scalar(z3.Extract(7, 0, byte), z3.Extract(8, 8, byte) == 1)

    def _undef(self, count: int) -> Scalar:
        return self.choices.undef(8 * count)

    def _filler(self, event: Fill) -> Scalar:
        return event.byte

    def _first_pointer(self, place: Place) -> Scalar:
        found = self._select_pointer("memory", place, outside, 2)
        if is_outside(place.block):
            return found
        undef = self.choices.undef(self.world.pointer_width)
        if place.number is not None:
            return undef
        return runs.chosen(_is_local(place.block), undef, found)

    def _select_pointer(
        self, name: str, place: Place, make: Callable[[z3.BitVecRef], z3.BitVecRef], less: int
    ) -> Scalar:
        top = self.world.pointer_width - less
        array = z3.Array(f"{name}.pointers", place.bits.sort(), z3.BitVecSort(top + 1))
        found = z3.Select(array, place.bits)
        poison = z3.Extract(top, top, found) == 1
        pointer = Scalar(make(z3.Extract(top - 1, 0, found)), poison)

        def tie() -> z3.BoolRef:
            joined = runs.joined(self._select(name, place, self.world.width // 8))
            same = self._ordered(self.address(pointer.bits)) == joined.bits
            return both(poison == joined.poison, either(poison, same))

        self.world.tie(found, tie)
        return pointer

    def _after_call(self, event: Unknown, place: Place) -> z3.BoolRef:
        """Whether an unknown call may have written there."""
        if is_private(place.block):
            return FALSE
        reached = TRUE if never_private(place.block) else z3.Not(_is_private(place.block))
        reached = both(reached, *(negate(is_number(place.block, n)) for n in event.hidden))
        if event.blocks is None:
            return both(event.condition, reached)
        same = [equal(b, place.block) for b in event.blocks if not apart(b, place.block)]
        return both(event.condition, reached, either(*same))

    def address(self, pointer: z3.BitVecRef) -> z3.BitVecRef:
        return by_place(pointer, lambda each: self.world.address(self.choices.side, each))

    def _bits(self, event: Write) -> Scalar:
        """What was written, as a number."""
        value = event.value
        if not event.is_pointer:
            return value
        bits = self.address(value.bits)
        return Scalar(self._ordered(bits), value.poison, value.undef)

    def _ordered(self, bits: z3.BitVecRef) -> z3.BitVecRef:
        """Between an address and its bytes, the first one lowest."""
        return bits if self.little_endian else runs.swapped(bits)


def _distance(event: Write | Fill | Copy, place: Place) -> int | None:
    """How far the place is from where the event began to write, where that is plain."""
    if not event.place.block.eq(place.block):
        return None
    return place.known_distance(event.place)


def _length(event: Write | Fill | Copy) -> int | None:
    if isinstance(event, Write):
        return event.size
    return event.length.as_long() if z3.is_bv_value(event.length) else None


def _nested(event: Write, count: int, align: int) -> bool:
    """Whether a read of an aligned power of two cannot overlap the event in part."""
    is_power = count & (count - 1) == 0
    return is_power and min(align, event.align) >= count and event.size % count == 0


def _further(align: int, distance: int) -> int:
    """The alignment so many bytes after a place of that alignment."""
    return align if distance == 0 else min(align, distance & -distance)


def _shifted(value: Scalar, distance: z3.BitVecRef, count: int) -> Scalar:
    """That many bytes at a distance, which is within the value."""
    width = value.bits.size()
    if width == 8 * count:
        return value
    if z3.is_bv_value(distance):
        return runs.extract(value, distance.as_long() % (width // 8), count)
    low = z3.Extract(min(width, distance.size()) - 1, 0, distance)
    wide = z3.ZeroExt(max(0, width - distance.size()), low)
    return Scalar(
        z3.Extract(8 * count - 1, 0, z3.LShR(value.bits, wide << 3)), value.poison, value.undef
    )


def _is_local(block: z3.BitVecRef) -> z3.BoolRef:
    return z3.Extract(15, 15, block) == 1


def _is_private(block: z3.BitVecRef) -> z3.BoolRef:
    return z3.Extract(15, 14, block) == 3
