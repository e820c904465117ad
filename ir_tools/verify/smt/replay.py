"""A counterexample of the solver's as an input of the interpreter, which is asked to confirm it.

Whatever the interpreter refutes is refuted: an input is one that a caller can make, however it was
found. That it sees no difference says something only if the input is all that the model says, which
`is_exact` answers: what calls write to memory, and what calls without effects answer, is not.

Not tried: a model in which a pointer that must not alias does, or one to the function's own memory
comes from outside.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import z3

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import (
    PLAIN,
    POISON,
    POISONED,
    SPECIAL,
    Address,
    Concrete,
    Image,
    Undef,
)
from ir_tools.verify.interpreter.given import POINTER_BYTES, Input
from ir_tools.verify.interpreter.refinement import Judgement, agree, judge
from ir_tools.verify.smt import effects
from ir_tools.verify.smt.library import is_library
from ir_tools.verify.smt.pointers import PRIVATE
from ir_tools.verify.smt.session import Session
from ir_tools.verify.smt.solve import Counterexample
from ir_tools.verify.smt.state import Behaviour
from ir_tools.verify.smt.values import Lanes, Scalar, Value

_FUEL = 20_000
_LARGEST = 1 << 14  # bytes of a block
_MOST_ALIGNED = 4096
_MOST_BLOCKS = 64
_MOST_CALLS = 8  # whose effects on memory are forbidden in one of the attempts
_SEEDS = 3
_TAKEN = ((0x40_0000_0000, 0x60_0000_0000), (0x7000_0000_0000, 0x7100_0000_0000))
_ALLOCATES = {"allocsize", "allockind"}
_APART = ("noalias", "byval", "sret")


@dataclass(frozen=True, slots=True)
class Replay:
    """What running both sides showed; `is_exact`: on just what the model says."""

    judgement: Judgement
    is_exact: bool

    @property
    def denies(self) -> bool:
        """Whether there is no difference although both could be run on just that input."""
        target = self.judgement.target
        chosen = target is None or target.choices
        return self.is_exact and self.judgement.counts and not chosen and not self.judgement.law


def replay(
    session: Session,
    behaviours: Iterable[Behaviour],
    laws: Iterable[z3.BoolRef],
    found: Counterexample,
) -> Replay | None:
    """The first of a few runs that breaks a law, else the first; None where none can be made."""
    model = _Model(session, list(behaviours), found)
    try:
        given = model.input(laws)
    except _CannotError:
        return None
    source, target = session.source, session.target
    modules = agree(source.module, target.module)
    sides = [(m, s.function.name) for m, s in zip(modules, (source, target), strict=True)]
    first = None
    for attempt in _attempts(given, model.callees):
        judgement = judge(sides[0], sides[1], attempt, _FUEL)
        if judgement.law:
            return Replay(judgement, model.is_exact)
        first = first or judgement
    return None if first is None else Replay(first, model.is_exact)


def _attempts(given: Input, callees: set[str]) -> Iterator[Input]:
    """The input, with calls that write nothing, that write something, or that do not return."""

    def again(**changes: object) -> Input:
        blocks = {
            name: dataclasses.replace(block, image=_copied(block.image))
            for name, block in given.blocks.items()
        }
        new = dataclasses.replace(given, blocks=blocks, limits={}, links={}, inventions=0)
        return dataclasses.replace(new, **changes)  # type: ignore[arg-type]

    if not callees:
        yield given
        return
    keys = (f"{name}#{number}" for name in sorted(callees) for number in range(_MOST_CALLS))
    yield again(limits=dict.fromkeys(keys, (0,)))
    yield from (again(seed=seed) for seed in range(1, _SEEDS))
    yield from (again(stop_at=number) for number in range(2))


def _copied(image: Image) -> Image:
    return dataclasses.replace(image, special=dict(image.special))


class _CannotError(Exception):
    """The model is no input of the interpreter's."""


@dataclass(slots=True)
class _Block:
    name: str
    number: int
    pointers: dict[int, Concrete] = field(default_factory=dict)


@dataclass(slots=True)
class _Model:
    """Makes an input of a model."""

    session: Session
    behaviours: list[Behaviour]
    found: Counterexample
    given: Input = field(default_factory=Input)
    callees: set[str] = field(default_factory=set)
    is_exact: bool = True
    _blocks: dict[int, _Block] = field(default_factory=dict)

    def input(self, laws: Iterable[z3.BoolRef]) -> Input:
        """Raises _CannotError."""
        self.is_exact = not self.session.pure
        parameters = self.session.source.function.parameters
        self.given.arguments = tuple(self._argument(i, p) for i, p in enumerate(parameters))
        self._answers()
        for number in self.session.world.global_names():
            self._block(number)
        for place, pointer in self._pointers(laws):
            self._point(place, pointer)
        self._check_aliases(parameters)
        for block in self._blocks.values():
            self._place(block)
        self._move()
        for each in self.given.blocks.values():
            self.given.relink(each.image)
        return self.given

    # values -------------------------------------------------------------------------------------

    def _number(self, term: z3.ExprRef) -> int:
        value = self.found.evaluate(term)
        if not z3.is_bv_value(value):
            raise _CannotError
        return int(value.as_long())

    def _holds(self, term: z3.BoolRef) -> bool:
        return bool(z3.is_true(self.found.evaluate(term)))

    def _argument(self, index: int, parameter: ir.Parameter) -> Concrete:
        value = self.session.inputs.get(f"arg{index}")
        if value is None:
            raise _CannotError
        return self._concrete(value, f"arg{index}")

    def _concrete(self, value: Value, name: str) -> Concrete:
        count = 0

        def make(value: Value) -> Concrete:
            nonlocal count
            if isinstance(value, Lanes):
                return tuple(map(make, value.values))
            count += 1
            return self._scalar(value, f"{name}.{count}" if count > 1 else name)

        return make(value)

    def _scalar(self, value: Scalar, name: str) -> Concrete:
        """`name` is what `Session.shared` calls it."""
        if self._holds(value.poison):
            return POISON
        size = value.bits.size()
        if self.session.with_undef and value.undef and self._holds(z3.Bool(f"{name}.undef")):
            return Undef(0, (1 << size) - 1)
        bits = self._number(value.bits)
        return self._address(bits) if size == self.session.world.pointer_width else bits

    def _address(self, bits: int) -> Address:
        width = self.session.world.width
        number, offset = bits >> width, bits & (1 << width) - 1
        if number == 0:
            return Address(None, offset)
        return Address(self._block(number).name, offset - (offset >> width - 1 << width))

    def _block(self, number: int) -> _Block:
        if number >= PRIVATE:
            raise _CannotError
        if number not in self._blocks:
            if len(self._blocks) == _MOST_BLOCKS:
                raise _CannotError
            known = self.session.world.global_names().get(number)
            name = f"@{known}" if known else f"block{len(self._blocks)}"
            self._blocks[number] = _Block(name, number)
        return self._blocks[number]

    # calls --------------------------------------------------------------------------------------

    def _answers(self) -> None:
        """What calls answer, of those that all have effects: the interpreter counts calls."""
        self.callees = {
            each.callee if isinstance(each.callee, str) else "*"
            for behaviour in self.behaviours
            for each in behaviour.events
        } - {"llvm.trap"}
        if not self.callees:
            return
        self.is_exact = False
        without = {str(each.callee) for each in self.session.pure} | {
            str(each.callee)
            for behaviour in self.behaviours
            for each in behaviour.events
            if not each.effects.writes
        }
        counts: dict[str, int] = {}
        for number in range(_MOST_CALLS):
            name = self._callee(number)
            if not name:
                break
            value = self.session.inputs.get(f"call{number}")
            value = next(
                (v for k, v in self.session.inputs.items() if k.startswith(f"call{number}.")), value
            )
            if value is None or name in without or self._promises_more(name):
                continue
            at = counts[name] = counts.get(name, -1) + 1
            try:
                self.given.answers[name, at] = self._concrete(value, f"call{number}")
            except _CannotError:
                continue

    def _promises_more(self, name: str) -> bool:
        """Whether something is known of its answers that the interpreter does not check."""
        if is_library(name):
            return True
        for side in (self.session.source, self.session.target):
            for each in side.function.instructions():
                if each.call and each.call.name == name:
                    callee = side.module.functions.get(name)
                    attributes = set(each.call.attributes) | set(
                        callee.attributes if callee else ()
                    )
                    if attributes & _ALLOCATES or "noalias" in effects.result(each.call, callee):
                        return True
        return False

    def _callee(self, number: int) -> str:
        """The name of what the source calls as its so many-th event."""
        for event in self.behaviours[0].events:
            happens = number in event.number and self._holds(event.happens)
            if happens and self._holds(event.number[number]) and isinstance(event.callee, str):
                return event.callee
        return ""

    # memory -------------------------------------------------------------------------------------

    def _pointers(self, laws: Iterable[z3.BoolRef]) -> Iterator[tuple[int, Concrete]]:
        """Where the formulas read pointers in the caller's memory, and which."""
        top = self.session.world.pointer_width - 2
        todo: list[z3.ExprRef] = list(laws)
        seen: set[int] = set()
        while todo:
            term = todo.pop()
            if term.get_id() in seen:
                continue
            seen.add(term.get_id())
            todo += term.children()
            if z3.is_select(term) and str(term.arg(0)) == "memory.pointers":
                place, found = self._number(term.arg(1)), self._number(term)
                poison = found >> top & 1
                yield place, POISON if poison else self._address(found & (1 << top) - 1)

    def _point(self, place: int, pointer: Concrete) -> None:
        width = self.session.world.width
        number, offset = place >> width, place & (1 << width) - 1
        if 0 < number < PRIVATE and offset <= _LARGEST - POINTER_BYTES:
            self._block(number).pointers[offset] = pointer

    def _check_aliases(self, parameters: tuple[ir.Parameter, ...]) -> None:
        """Raises _CannotError where a block has two names, or may not be written, but must."""
        inside = [p for block in self._blocks.values() for p in block.pointers.values()]
        answers = list(self.given.answers.values())
        for index, parameter in enumerate(parameters):
            own = self.given.arguments[index]
            if not isinstance(own, Address) or own.block is None:
                continue
            arguments = [a for i, a in enumerate(self.given.arguments) if i != index]
            if "writable" in parameter.attributes and not self._is_writable(own.block):
                raise _CannotError
            names = {p.block for p in _addresses((*arguments, *inside, *answers))}
            is_shared = own.block in names or own.block.startswith("@")
            if is_shared and any(name in parameter.attributes for name in _APART):
                raise _CannotError

    def _is_writable(self, name: str) -> bool:
        block = next(each for each in self._blocks.values() if each.name == name)
        return self._holds(self.session.world.caller_block(block.number).writable)

    def _place(self, block: _Block) -> None:
        size = self._size(block)
        if size is None:
            return
        terms = self.session.world.caller_block(block.number)
        data, state = self._bytes(block.number, size)
        special: dict[int, int | tuple[Address, int]] = {}
        for offset, pointer in sorted(block.pointers.items()):
            end = offset + POINTER_BYTES
            if end > size or any(k in special for k in range(offset, end)):
                continue
            kind = PLAIN
            if isinstance(pointer, Address) and pointer.block:
                kind = SPECIAL
                special.update({offset + k: (pointer, k) for k in range(POINTER_BYTES)})
            elif isinstance(pointer, Address):
                data[offset:end] = pointer.offset.to_bytes(POINTER_BYTES, "little")
            else:
                kind = POISONED
            state[offset:end] = bytes([kind]) * POINTER_BYTES
        image = Image(bytes(data), bytes(state), special, self._holds(terms.alive))
        base = self._number(terms.base)
        align = min(base & -base or 16, _MOST_ALIGNED)
        placed = self.given.place(block.name, image, align, is_lazy=False)
        placed.is_constant = not self._holds(terms.writable)

    def _size(self, block: _Block) -> int | None:
        """None for what the interpreter makes: functions, and globals whose contents are known."""
        world = self.session.world
        if not block.name.startswith("@"):
            size = self._number(world.caller_block(block.number).size)
            self.is_exact = self.is_exact and size <= _LARGEST
            return min(size, _LARGEST)
        name = block.name[1:]
        for module in (world.source, world.target):
            variable = module.variables.get(name)
            if variable is None:
                continue
            given = variable.initializer is None or variable.may_be_replaced
            if not given and (variable.is_constant or variable.is_local):
                self.is_exact = self.is_exact and variable.is_constant
                return None
            return min(module.layout.extent(variable.type).alloc, _LARGEST)
        return None

    def _bytes(self, number: int, size: int) -> tuple[bytearray, bytearray]:
        """The bytes of a block, and which of them are poison."""
        world = self.session.world
        width = world.pointer_width
        array = z3.Array("memory", z3.BitVecSort(width), z3.BitVecSort(10))
        written, term = dict[int, int](), self.found.model.eval(array, model_completion=True)
        while z3.is_store(term):
            array, at, value = term.children()
            written.setdefault(at.as_long(), value.as_long())
            term = array
        if not z3.is_const_array(term) or not z3.is_bv_value(term.arg(0)):
            raise _CannotError
        default = term.arg(0).as_long()
        data, state = bytearray([default & 0xFF]) * size, bytearray([_state(default)]) * size
        for place, byte in written.items():
            offset = place & (1 << world.width) - 1
            if place >> world.width == number and offset < size:
                data[offset], state[offset] = byte & 0xFF, _state(byte)
        return data, state

    def _move(self) -> None:
        """Put all blocks where the model says, if they fit there."""
        if not any(each.name() == "address" for each in self.found.model.decls()):
            return
        ranges = [*_TAKEN]
        bases: dict[str, int] = {}
        for block in self._blocks.values():
            if block.name in self.given.blocks:
                base = self._number(self.session.world.caller_block(block.number).base)
                end = base + self.given.blocks[block.name].image.size + 1
                if not base or end >> 64 or any(base < b and a < end for a, b in ranges):
                    self.is_exact = False
                    return
                ranges.append((base, end))
                bases[block.name] = base
        for name, base in bases.items():
            self.given.blocks[name].address = base


def _state(byte: int) -> int:
    return POISONED if byte >> 8 & 1 else PLAIN


def _addresses(values: Iterable[Concrete]) -> Iterator[Address]:
    for value in values:
        if isinstance(value, tuple):
            yield from _addresses(value)
        elif isinstance(value, Address):
            yield value
