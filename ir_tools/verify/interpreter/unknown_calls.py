"""Calls of functions that nobody knows: events, with deterministic answers.

What such a function does is a pure function of the input's seed, of its name and of how many calls
with effects came before: it writes small numbers where it may, and returns a value that keeps the
promises of its result. Pointers that it returns, or that are loaded from what it wrote, lead to
invented memory. A call that is pure (writes nothing that we see) may be dropped, added, repeated:
its answer depends on its scalar arguments, and it is not compared. That it might not return, or
throw, is not held against a target that drops it.
"""

from __future__ import annotations

import math
import random
import zlib
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import attributes, rights
from ir_tools.verify.interpreter.concrete import Address, Undefined, spread
from ir_tools.verify.interpreter.given import POINTER_BYTES, small_words
from ir_tools.verify.interpreter.interpreter import Ended, Event, Machine, Status, plain
from ir_tools.verify.interpreter.libraries import OUTPUT, REWRITTEN
from ir_tools.verify.interpreter.operations import map_lanes
from ir_tools.verify.interpreter.output import printed
from ir_tools.verify.interpreter.storage import NULL, Block, Pointer

_MAY_BE_NULL = frozenset(("fflush", "perror"))  # of those that print
_FUEL = 20  # of a call, for each block that it sees
_MOST_WRITTEN = 64  # bytes that a call writes through a pointer argument
_MOST_FILLED = 1 << 14  # of a variable of the caller's: else what was never set is read soon


class Unknown:
    """One call in the text, with what the declaration and the call site say together."""

    def __init__(self, module: ir.Module, name: str, call: ir.Call) -> None:
        function = module.functions.get(name)
        self.name, self.call = name, call
        self.result_type = call.type.result
        self.attributes = {**(function.attributes if function else {}), **call.attributes}
        self.effects = rights.effects(call.attributes) & (
            rights.effects(function.attributes) if function else rights.EVERYTHING
        )
        self.result = {**(function.result if function else {}), **call.result}
        declared = [p.attributes for p in function.parameters] if function else []
        own = list(call.parameters)
        width = max(len(declared), len(own))
        declared += [{}] * (width - len(declared))
        own += [{}] * (width - len(own))
        self.parameters = [{**a, **b} for a, b in zip(declared, own, strict=True)]
        self.is_pure = not rights.writes(self.effects)
        is_builtin = "nobuiltin" not in self.attributes
        self.prints = is_builtin and name in OUTPUT
        self.is_library = is_builtin and name in REWRITTEN
        self.has_body = bool(function and function.blocks and not function.may_be_replaced)

    def __call__(self, machine: Machine, name: str, types: list[ir.Type], values: list[Any]) -> Any:
        """Makes the call; `name` is the callee's, for indirect ones that of the pointer."""
        values = self._checked(machine, types, values)
        if self.has_body:
            machine.assumed.add(name)
        number = machine.effects
        machine.effects += not self.is_pure
        key = f"{name}#{number}"
        if self.is_pure:
            key = f"{key if self.effects else name}({self._scalars(machine, values)})"
        visible = self._pass(machine, values)
        machine.fuel -= _FUEL * (1 + len(visible))
        event = self._event(machine, name, values, visible)
        event.types, event.result = tuple(types), self.result_type
        event.printed = printed(machine, name, values) if self.prints else None
        event.named = len(self.call.type.parameters) if self.call.type.is_vararg else None
        machine.events.append(event)
        if self.prints and any(value == NULL for value in self._needed(name, values)):
            raise Undefined(f"{name} of a null pointer")
        if self.is_library:
            machine.memory.choose(f"library function {name}", 1 << 64)
            machine.events[-1].is_library = True
        self._stop(machine, number)
        if not self.prints:
            self._write(machine, key, values, visible)
        answer = self._answer(machine, key, name, types, values)
        event.answer = plain(answer)
        return answer

    # before -------------------------------------------------------------------------------------

    def _needed(self, name: str, values: list[Any]) -> list[Any]:
        """The arguments of a function that prints that may not be null. What `fwrite` writes may,
        where it writes nothing."""
        if name in _MAY_BE_NULL:
            return []
        named = values[: len(self.call.type.parameters)]
        return named[-1:] if name.startswith("fwrite") else named

    def _checked(self, machine: Machine, types: list[ir.Type], values: list[Any]) -> list[Any]:
        return [
            attributes.enforce(value, type_, promises, machine.memory, f"argument of {self.name}")
            if promises
            else value
            for value, type_, promises in zip(
                values, types, [*self.parameters, *([{}] * len(values))], strict=False
            )
        ]

    def _scalars(self, machine: Machine, values: list[Any]) -> str:
        """What the answer of a pure call depends on; an open argument is a choice."""

        def text(lane: Any) -> str:
            if not attributes.is_defined(lane):
                machine.memory.choose("argument of a pure call", 1 << 64)
                return "any"
            if isinstance(lane, Pointer):
                local = lane.block is not None and lane.block.local
                return "local" if local else str(lane.plain())
            return str(lane)

        return ", ".join(str(map_lanes(text, value)) for value in values)

    def _pass(self, machine: Machine, values: list[Any]) -> list[Block]:
        """The blocks that the callee sees; what it may keep has escaped."""
        kept = [v for v, p in zip(values, self._promises(values), strict=True) if _keeps(p)]
        visible = machine.visible(values, kept)
        for value in kept:
            if isinstance(value, Pointer) and machine.memory.is_uncaptured(value):
                machine.memory.is_doubtful = True  # undefined behaviour if it does capture it
        return visible

    def _promises(self, values: list[Any]) -> list[Any]:
        return (self.parameters + [{}] * len(values))[: len(values)]

    def _event(self, machine: Machine, name: str, values: list[Any], visible: list[Block]) -> Event:
        arguments = []
        for value, promises in zip(values, self._promises(values), strict=True):
            by_value = promises.get("byval")
            if by_value is not None:
                arguments.append(self._bytes(machine, value, by_value))
            else:
                arguments.append(plain(value))
        read = [] if self.is_pure or self.prints else self._read(values, visible)
        event = Event(name, tuple(arguments), machine.snapshot(read), self.is_pure, self.prints)
        event.seen = frozenset(block.name for block in read)
        return event

    def _bytes(self, machine: Machine, value: Any, type_: ir.Type) -> Any:
        """What a byval argument holds."""
        size = machine.module.layout.extent(type_).alloc
        block, offset = machine.memory.access(value, size, 1, None)
        return tuple(plain(machine.memory.load_integer(block, offset + k, 1)) for k in range(size))

    def _read(self, values: list[Any], visible: list[Block]) -> list[Block]:
        if rights.elsewhere(self.effects) & rights.READ:
            return visible
        if rights.on_arguments(self.effects) & rights.READ:
            names = {v.block.name for v in values if isinstance(v, Pointer) and v.block}
            return [block for block in visible if block.name in names]
        return []

    def _stop(self, machine: Machine, number: int) -> None:
        if "noreturn" in self.attributes:
            raise Ended(Status.EXITED, f"{self.name} does not return")
        may_stop = "willreturn" not in self.attributes  # what throws is not covered
        if may_stop and not self.is_pure and machine.given.stop_at == number and not self.prints:
            raise Ended(Status.EXITED, f"{self.name} did not return")

    # effects ------------------------------------------------------------------------------------

    def _write(self, machine: Machine, key: str, values: list[Any], visible: list[Block]) -> None:
        own = [rights.of_parameter(p) for p in self._promises(values)]
        mask, *allowed = machine.given.limit(key, (self.effects, *own))
        if not rights.writes(mask):
            return
        pointed = set()
        for index, (value, promises) in enumerate(zip(values, self._promises(values), strict=True)):
            if not isinstance(value, Pointer) or value.block is None or "byval" in promises:
                continue
            pointed.add(value.block.name)
            may = allowed[index] & rights.on_arguments(mask)
            if may & rights.WRITE:
                self._scribble(machine, f"{key}.{index}", value.block, value.offset)
        if rights.elsewhere(mask) & rights.WRITE:
            for block in visible:
                if block.name in pointed or block.local or block.kind != "input":
                    continue
                if zlib.crc32(f"{machine.given.seed} {key} {block.name}".encode()) % 5 == 0:
                    self._scribble_word(machine, key, block)

    def _scribble(self, machine: Machine, key: str, block: Block, offset: int) -> None:
        """Through an argument: all of what is near, a word, or nothing; all of a variable."""
        rng = machine.given.random(key)
        fate, room = rng.random(), block.size - offset
        if (fate < 0.2 and not block.local) or offset < 0 or room <= 0:
            return
        size = min(room, _MOST_WRITTEN if fate < 0.8 else POINTER_BYTES)
        raw = small_words(rng, size, 5)
        if block.local and room > size:
            raw = (raw * (-(-room // size)))[: min(room, _MOST_FILLED)]
        self._put(machine, key, block, offset, raw)

    def _scribble_word(self, machine: Machine, key: str, block: Block) -> None:
        rng = machine.given.random(key, block.name)
        if block.size >= POINTER_BYTES:
            offset = rng.randrange(block.size // POINTER_BYTES) * POINTER_BYTES
            raw = rng.randrange(5).to_bytes(POINTER_BYTES, "little")
            self._put(machine, f"{key}.{block.name}", block, offset, raw)

    def _put(self, machine: Machine, key: str, block: Block, offset: int, raw: bytes) -> None:
        if not block.live or block.kind in ("constant", "function"):
            return
        machine.events[-1].written.append((block.name, offset, raw, key))
        block.version += 1
        end = offset + len(raw)
        block.data[offset:end], block.state[offset:end] = raw, bytes(len(raw))
        first = offset + -(block.address + offset) % POINTER_BYTES
        for at in range(first, end - POINTER_BYTES + 1, POINTER_BYTES):
            word = raw[at - offset : at - offset + POINTER_BYTES]
            block.origins[at] = (key, at - offset, word)
            link = machine.given.links.get((key, at - offset))
            if link is not None:
                machine.memory.store_pointer(block, at, machine.memory.pointer(link))

    # the answer ---------------------------------------------------------------------------------

    def _answer(
        self, machine: Machine, key: str, name: str, types: list[ir.Type], values: list[Any]
    ) -> Any:
        if isinstance(self.result_type, ir.VoidType):
            return None
        for value, type_, promises in zip(values, types, self._promises(values), strict=True):
            if "returned" in promises and type_ == self.result_type:
                return value
        number = machine.calls_by_name[name]
        machine.calls_by_name[name] += 1
        if (name, number) in machine.given.answers:
            value = machine.living(machine.given.answers[name, number])
        else:
            rng = machine.given.random(key, "answer")
            value = spread(
                self.result_type, lambda leaf: self._leaf(machine, key, leaf, rng, values)
            )
        where = f"result of {name}"
        return attributes.enforce(value, self.result_type, self.result, machine.memory, where)

    def _leaf(
        self, machine: Machine, key: str, leaf: ir.Type, rng: random.Random, values: list[Any]
    ) -> Any:
        if isinstance(leaf, ir.PointerType):
            return self._fresh(machine, key, rng, values)
        bits = machine.module.layout.bits(leaf)
        if isinstance(leaf, ir.FloatType):
            return leaf_pattern(leaf, rng)
        full = (1 << bits) - 1
        limits = self.result.get("range")
        if isinstance(limits, tuple):
            low, high = limits
            return low + rng.randrange((high - low) % (full + 1) or full + 1) & full
        corners = (0, 0, 1, 2, 3, full, rng.getrandbits(bits), 1 << (bits - 1))
        return rng.choice(corners) & full

    def _allocated(self, values: list[Any]) -> int:
        """Bytes that `allocsize` promises."""
        where = self.attributes.get("allocsize")
        if not isinstance(where, int):
            return 0
        indices = [where >> 32] + ([where & 0xFFFFFFFF] if where & 0xFFFFFFFF != 0xFFFFFFFF else [])
        sizes = [values[index] for index in indices]
        return min(math.prod(size if isinstance(size, int) else 0 for size in sizes), 1 << 20)

    def _fresh(self, machine: Machine, key: str, rng: random.Random, values: list[Any]) -> Pointer:
        must = "nonnull" in self.result or "dereferenceable" in self.result
        if rng.random() < 0.3 and not must:
            return Pointer(None, 0)
        given = machine.given
        if "noalias" in self.result:  # nobody else may get at it, and our callees would
            machine.memory.choose("noalias result", 1 << 64)
        if key not in given.blocks:
            needed = self.result.get("dereferenceable", 0)
            align = self.result.get("align", 16)
            assert isinstance(needed, int)
            assert isinstance(align, int)
            needed = max(needed, self._allocated(values))
            given.add(key, max(given.block_bytes, needed), max(align, 16))
            given.inventions += 1
        return machine.memory.pointer(Address(key, 0))


def _keeps(promises: Any) -> bool:
    return promises.get("captures", 1) != 0 and "byval" not in promises


def leaf_pattern(leaf: ir.FloatType, rng: random.Random) -> int:
    """A floating-point value: corners and small numbers."""
    from ir_tools.verify.interpreter.float_semantics import encoder, format_of

    form = format_of(leaf)
    corners = (0, form.sign, form.infinity, form.quiet, 1, rng.getrandbits(form.bits))
    if rng.random() < 0.3:
        return rng.choice(corners)
    pattern = encoder(leaf)(rng.choice((0.5, 1.0, -1.0, 2.0, 3.0, 10.0, -7.25, 100.0)))
    assert isinstance(pattern, int)
    return pattern


def indirect_name(pointer: Any) -> str:
    """The callee of an indirect call."""
    if not isinstance(pointer, Pointer) or pointer.block is None:
        raise Undefined("call of a pointer to no function")
    block = pointer.block
    if block.kind == "function":
        return block.name.removeprefix("@")
    return f"*{block.name}" + (f"+{pointer.offset}" if pointer.offset else "")
