"""The reference interpreter: `run(module, function, given) -> Outcome`.

    given = Input(arguments=(3, Address("arg1", 0)))      # see `given`; or from `inputs.inputs(…)`
    outcome = run(module, "f", given)
    outcome.status      how it ended (`Status`), outcome.reason says more
    outcome.value       None, an int, POISON, Undef, Nan, Address, or a tuple of those
    outcome.memory      name -> Image: the caller's blocks that were written, and what they reach
    outcome.calls       the events, in order: calls of unknown functions, volatile accesses
    outcome.choices     how often the run depended on something that LLVM leaves open

LLVM's rules for undefined behaviour, poison, undef and provenance are followed to the letter of
LangRef, with the exceptions that each module of this package names. Nothing is concluded here from
a run that made choices: `refinement.refines` compares two outcomes, and `refinement.judge` runs a
pair and takes care of choices. Choices are made by `chooser(kind, size) -> int below size`; without
one they are 0, and a comparison of addresses is what our addresses say.

Covered: every instruction on integers, half, bfloat, float, double, pointers of address space 0,
vectors and aggregates of them; loops, memory, calls, atomics as one thread sees them. Not covered,
`unsupported`: exceptions, indirect branches, inline assembly, va_arg, coroutines, other address
spaces, scalable vectors, big-endian targets, `null_pointer_is_valid`, denormals flushed to zero.
"""

from __future__ import annotations

import collections
import enum
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import attributes, rights
from ir_tools.verify.interpreter.access_steps import writer
from ir_tools.verify.interpreter.aliasing import Tags
from ir_tools.verify.interpreter.concrete import (
    POISONED,
    Address,
    Concrete,
    Image,
    Undefined,
    Unsupported,
)
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.operations import leaf_type, map_lanes
from ir_tools.verify.interpreter.output import Printed
from ir_tools.verify.interpreter.steps import (
    MACHINE,
    RESULT,
    Code,
    compile_function,
    constant,
    literal,
)
from ir_tools.verify.interpreter.storage import Block, Chooser, Memory, Pointer, image

_CONSTANTS, _FUNCTIONS, _SPACING = 0x50_0000_0000, 0x40_0000_0000, 1 << 20
_MOST_FRAMES = 100
_UNCHECKED = 2_000  # instructions between two looks at the clock
_COPIED = 512  # bytes that cost as much as an instruction
DENORMALS = ("denormal-fp-math", "denormal-fp-math-f32")
_MOST_RUNS = 8  # until no more memory is invented


class Status(enum.StrEnum):
    RETURNED = "returned"
    UB = "ub"
    TRAPPED = "trapped"
    EXITED = "exited"  # a call did not return
    OUT_OF_FUEL = "out of fuel"
    UNSUPPORTED = "unsupported"


@dataclass(slots=True)
class Event:
    """What the environment saw: a call of an unknown function, or a volatile access.

    `memory` is what the callee may have read, where the call said or the run had written anything
    that it may see. `is_pure`: it writes nothing that we can see, and is not compared.
    """

    callee: str
    arguments: tuple[Concrete, ...]
    memory: dict[str, Image] = field(default_factory=dict)
    is_pure: bool = False
    is_output: bool = False  # of a library that LLVM rewrites: what is printed is compared
    printed: Printed | None = None
    # What replays the call on a machine: the arguments' types, how many are named if it is
    # variadic, the result's type, the blocks that the callee may read, what it wrote (block,
    # offset, bytes, key of the links in it) and its answer.
    types: tuple[ir.Type, ...] = ()
    named: int | None = None
    result: ir.Type | None = None
    seen: frozenset[str] = frozenset()
    written: list[tuple[str, int, bytes, str]] = field(default_factory=list)
    answer: Concrete | None = None
    is_library: bool = False  # LLVM knows what it means, the interpreter does not


@dataclass(slots=True)
class Outcome:
    """How a run ended; see the module's docstring. `given` is the input with what was invented;
    `assumed`, functions with a body that were nevertheless treated as unknown; `instructions`, how
    many were executed; `reach`, how far each of the input's blocks was used, in bytes."""

    status: Status
    reason: str
    value: Concrete | None
    memory: dict[str, Image]
    calls: list[Event]
    choices: int
    given: Input
    assumed: frozenset[str] = frozenset()
    instructions: int = 0
    reach: dict[str, int] = field(default_factory=dict)
    is_doubtful: bool = False


class Ended(Exception):
    """The run ends here, without undefined behaviour."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def run(
    module: ir.Module,
    function: str,
    given: Input,
    fuel: int = 100_000,
    chooser: Chooser | None = None,
    inline: bool = False,
    typed: bool = False,
) -> Outcome:
    """Runs a function. With `inline`, calls of functions that the module defines, and that no other
    module can replace, are run too; else they are unknown calls like those of declarations. With
    `typed`, what breaks the rules of type-based aliasing is undefined (`aliasing`).

    When memory had to be invented, the run is repeated on the completed input, so that the outcome
    is the same as that of any later run on it.
    """
    for _ in range(_MOST_RUNS):
        before = given.inventions
        outcome = Machine(module, given, fuel, chooser, inline, typed).run(function)
        if given.inventions == before:
            return outcome
    outcome.status, outcome.reason = Status.UNSUPPORTED, "its memory has no end"
    return outcome


_REMEMBERED = 100
_codes: dict[tuple[int, int, bool], tuple[ir.Module, ir.Function, Code]] = {}
_contents: dict[int, tuple[ir.Value, Image]] = {}  # of variables, by initialiser


def _code(module: ir.Module, function: ir.Function, typed: bool) -> Code:
    key = id(module), id(function), typed  # calls depend on the module's declarations
    known = _codes.get(key)
    if known is None or known[0] is not module or known[1] is not function:
        if len(_codes) > _REMEMBERED:
            _codes.clear()
        known = _codes[key] = module, function, compile_function(module, function, typed)
    return known[2]


class Machine:
    """One run."""

    MOST_BYTES = 1 << 20  # of an allocation

    def __init__(
        self,
        module: ir.Module,
        given: Input,
        fuel: int = 0,
        chooser: Chooser | None = None,
        inline: bool = False,
        typed: bool = False,
    ) -> None:
        self.module, self.given, self.inline, self._typed = module, given, inline, typed
        self.tags = Tags()
        self.memory = Memory(module, given, chooser)
        self.memory.make_global = self._make_global
        meter = given.meter
        self.fuel = self._full = min(fuel, meter.left) if meter else fuel
        self._checkpoint = self.fuel
        self.events: list[Event] = []
        self.calls_by_name = collections.Counter[str]()
        self.effects = 0  # events that are not pure
        self.frame: list[Block] = []
        self.assumed: set[str] = set()
        self._depth = 0
        self._templates: dict[int, tuple[Code, list[Any]]] = {}
        self._images: dict[str, tuple[int, Image]] = {}

    # a whole run --------------------------------------------------------------------------------

    def run(self, name: str) -> Outcome:
        value, status, reason = None, Status.RETURNED, ""
        try:
            value = self._enter(self.module.functions[name])
        except Undefined as error:
            status, reason = Status.UB, str(error)
        except Unsupported as error:
            status, reason = Status.UNSUPPORTED, str(error)
        except Ended as error:
            status, reason = error.status, str(error)
        if self.given.meter is not None:
            self.given.meter.left -= self._full - self.fuel
        if status is Status.RETURNED:
            self._forget(name)
        ended = status in (Status.RETURNED, Status.EXITED, Status.TRAPPED)
        seen = self.visible([], kept=[value]) if ended else []
        return Outcome(
            status,
            reason,
            plain(value),
            self.snapshot(seen),
            self.events,
            self.memory.choices,
            self.given,
            frozenset(self.assumed),
            self._full - self.fuel,
            {b.name: b.reach for b in self.memory.blocks.values() if b.name in self.given.blocks},
            self.memory.is_doubtful,
        )

    def _forget(self, name: str) -> None:
        """What `dead_on_return` arguments point to has no contents any more."""
        for parameter, value in zip(
            self.module.functions[name].parameters, self.given.arguments, strict=True
        ):
            if "dead_on_return" in parameter.attributes and isinstance(value, Address):
                block = self.memory.blocks.get(value.block or "")
                if block is not None:
                    block.state[:] = bytes([POISONED]) * block.size
                    block.version += 1

    def _enter(self, function: ir.Function) -> Any:
        if not self.module.layout.little_endian:
            raise Unsupported("big-endian memory")
        if not function.blocks:
            raise Unsupported(f"{function.name} has no body")
        if self.module.layout.pointer_bits.get(0, 64) != 64:
            raise Unsupported("pointers that are not 64 bits wide")
        for word in ("null_pointer_is_valid", *DENORMALS):
            if word in function.attributes:
                raise Unsupported(word)
        arguments = [self.living(value) for value in self.given.arguments]
        rights.grant(self.memory, function, arguments)
        for name in list(self.given.blocks):  # a callee sees all of it, whoever has looked
            self.memory.block(name)
        value = self.call(function, arguments)
        if "noreturn" in function.attributes:
            raise Undefined("a function that is noreturn returns")
        return value

    def living(self, value: Concrete) -> Any:
        """A plain value, with its pointers to blocks of this run."""
        return map_lanes(
            lambda lane: self.memory.pointer(lane) if isinstance(lane, Address) else lane, value
        )

    # functions ----------------------------------------------------------------------------------

    def call(self, function: ir.Function, arguments: list[Any]) -> Any:
        """Runs a function's body; returns its value."""
        if self._depth >= _MOST_FRAMES:
            raise Ended(Status.OUT_OF_FUEL, "too deep a recursion")
        code = _code(self.module, function, self._typed)
        registers = self._template(code).copy()
        for parameter, index, value in zip(
            function.parameters, code.parameters, arguments, strict=True
        ):
            registers[index] = self._argument(parameter, value)
        outer, self.frame = self.frame, []
        self._depth += 1
        self._execute(code, registers)
        self._depth -= 1
        for block in self.frame:
            block.live = False
        self.frame = outer
        where = f"result of {function.name}"
        type_, value = function.type.result, registers[RESULT]
        for parameter, argument in zip(function.parameters, arguments, strict=True):
            if "returned" in parameter.attributes and value != argument:
                raise Undefined(f"{where}: not argument {parameter.name}")
        return attributes.enforce(value, type_, function.result, self.memory, where)

    def _argument(self, parameter: ir.Parameter, value: Any) -> Any:
        where = f"argument {parameter.name}"
        value = attributes.enforce(value, parameter.type, parameter.attributes, self.memory, where)
        type_ = parameter.attributes.get("byval")
        if isinstance(type_, ir.IntType | ir.StructType | ir.ArrayType | ir.VectorType):
            return self.copy_of(value, type_, parameter)
        return value

    def copy_of(self, pointer: Any, type_: ir.Type, parameter: ir.Parameter) -> Pointer:
        """A byval argument's own copy."""
        size = self.module.layout.extent(type_).alloc
        align = parameter.attributes.get("align", self.module.layout.extent(type_).align)
        assert isinstance(align, int)
        block, offset = self.memory.access(pointer, size, 1, None)
        copy = self.memory.allocate(parameter.name, size, max(align, 1), "byval")
        self.memory.copy(copy, 0, block, offset, size)
        return Pointer(copy, 0)

    def _template(self, code: Code) -> list[Any]:
        """The registers with the constants in them."""
        if id(code) not in self._templates:
            template = code.registers.copy()
            template[MACHINE] = self
            for index, value in code.constants:
                try:
                    template[index] = constant(value, self)
                except Unsupported as error:
                    raise Unsupported(f"{error} in {code.function.name}") from error
            self._templates[id(code)] = code, template  # whose number is its own while it lives
        return self._templates[id(code)][1]

    def _execute(self, code: Code, registers: list[Any]) -> None:
        edge: Any = code.entry
        while edge is not None:
            block = edge.block
            if edge.sources:
                values = [registers[index] for index in edge.sources]
                for index, value in zip(edge.destinations, values, strict=True):
                    registers[index] = value
            self.fuel -= block.cost
            if self.fuel < self._checkpoint:
                self._check()
            for step in block.steps:
                step(registers)
            edge = block.leave(registers)

    def _check(self) -> None:
        """Is there fuel and time to go on until the next checkpoint?"""
        meter = self.given.meter
        if self.fuel < 0:
            raise Ended(Status.OUT_OF_FUEL, f"more than {self._full} instructions")
        if meter is not None and time.monotonic() > meter.deadline:
            raise Ended(Status.OUT_OF_FUEL, "the time is up")
        self._checkpoint = max(self.fuel - _UNCHECKED, 0)

    # globals ------------------------------------------------------------------------------------

    def global_pointer(self, name: str) -> Pointer:
        if name in self.module.aliases:
            pointer = constant(self.module.aliases[name].aliasee, self)
            assert isinstance(pointer, Pointer)
            return pointer
        return Pointer(self.memory.block(f"@{name}"), 0)

    def _make_global(self, block_name: str) -> Block | None:
        name = block_name.removeprefix("@")
        if name in self.module.functions:
            block = Block(block_name, 0, _address(_FUNCTIONS, name), "function")
            block.readable = block.writable = False
            return block
        variable = self.module.variables.get(name)
        if variable is None:
            return None
        if variable.space:
            raise Unsupported(f"@{name} in address space {variable.space}")
        extent = self.module.layout.extents.get(variable.type)
        size = extent.alloc if extent else 64
        if size > self.MOST_BYTES:
            raise Unsupported(f"@{name} of {size} bytes")
        known = variable.initializer is not None and not variable.may_be_replaced
        if known and variable.is_constant and not variable.externally_initialized:
            block = Block(block_name, size, _address(_CONSTANTS, name), "constant")
            self._initialise(block, variable)
            return block
        return self._mutable(block_name, size, variable, known and variable.is_local)

    def _mutable(self, name: str, size: int, variable: ir.Variable, initial: bool) -> Block:
        """A variable that is part of the input; one that only this module can write begins with
        its initialiser."""
        kind = "constant" if variable.is_constant else "input"
        if initial:
            given = self.given.place(name, Image(bytes(size), bytes(size)), 64, is_lazy=False)
            block = Block(name, size, given.address, kind)
            self._initialise(block, variable)
            given.image = image(block)
            return block
        given = self.given.add(name, size, 64)
        given.is_constant = variable.is_constant
        block = Block(name, size, given.address, kind)
        self.memory.write_image(block, given.image)
        block.initial = given.image.data
        return block

    def _initialise(self, block: Block, variable: ir.Variable) -> None:
        self.memory.adopt(block)  # before its contents, which may point to it
        value = variable.initializer
        assert value is not None
        known = _contents.get(id(value))
        if known is not None and known[0] is value:
            self.memory.write_image(block, known[1])
        elif isinstance(value, ir.Data):
            block.data[: len(value.raw)] = value.raw
        elif not isinstance(value, ir.Zero):
            self._write(block, variable.type, value)

    def _write(self, block: Block, type_: ir.Type, value: ir.Value) -> None:
        """Fill a block; with what is no other in any other machine, sooner the next time."""
        layout = self.module.layout
        try:
            contents, is_literal = literal(value, layout), True
        except Unsupported:
            contents, is_literal = constant(value, self), False
        writer(type_, layout)(self.memory, block, 0, contents)
        if is_literal:
            if len(_contents) > _REMEMBERED:
                _contents.clear()
            _contents[id(value)] = value, image(block)

    # what others see ----------------------------------------------------------------------------

    def observe(self, what: str, arguments: tuple[Any, ...]) -> None:
        self.events.append(Event(what, tuple(map(plain, arguments))))
        self.effects += 1

    def visible(self, values: list[Any], kept: list[Any]) -> list[Block]:
        """The blocks that somebody can reach from these values, from those who are kept, and from
        what has escaped; what those who are kept reach has escaped then too."""
        lasting = [block for block in self.memory.blocks.values() if block.escaped]
        found = self._reachable([*lasting, *_blocks(kept)], {})
        for block in found.values():
            block.escaped = True
        return list(self._reachable(_blocks(values), found).values())

    @staticmethod
    def _reachable(roots: list[Block], found: dict[str, Block]) -> dict[str, Block]:
        """What has been found, and what can be reached from the roots, by name."""
        found = found.copy()
        work = list(roots)
        while work:
            block = work.pop()
            if block.name in found:
                continue
            found[block.name] = block
            last: Pointer | None = None  # the eight bytes of a pointer say the same
            for what in block.special.values():
                if not isinstance(what, int) and what[0] is not last:
                    last = what[0]
                    if last.block is not None:
                        work.append(last.block)
        return found

    def snapshot(self, blocks: list[Block]) -> dict[str, Image]:
        """Those that the run has written or made, as plain values."""
        changed = (b for b in blocks if (b.local and b.live) or (b.version and not b.local))
        return {block.name: self._image(block) for block in changed}

    def _image(self, block: Block) -> Image:
        known = self._images.get(block.name)
        if known is None or known[0] != block.version:
            self.fuel -= block.size // _COPIED
            known = self._images[block.name] = block.version, image(block)
        return known[1]


def _blocks(values: list[Any]) -> list[Block]:
    """Those that the values' pointers point to."""
    found: list[Block] = []

    def note(lane: Any) -> None:
        if isinstance(lane, Pointer) and lane.block is not None:
            found.append(lane.block)

    map_lanes(note, tuple(values))
    return found


def _has_floats(function: ir.Function) -> bool:
    values = (v for i in function.instructions() for v in (i, *i.operands))
    return any(isinstance(leaf_type(value.type), ir.FloatType) for value in values)


def _address(base: int, name: str) -> int:
    return base + zlib.crc32(name.encode()) % (1 << 15) * _SPACING


def plain(value: Any) -> Any:
    """A value of a running machine, with addresses for pointers."""
    return map_lanes(lambda lane: lane.plain() if isinstance(lane, Pointer) else lane, value)
