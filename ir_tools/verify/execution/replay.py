"""Calls that machine code makes, answered as the interpreter's unknown functions answered them.

The source's events are a script: the n-th call with effects must be the n-th event, with the same
arguments and the same memory before the callee's eyes. It then gets that event's answer, and its
writes happen. Pure calls may come in any order and number; they are answered by an event with the
same arguments. Allocations are real, and so are the library's functions that the interpreter has
models of: the C library's own, on real memory.

What is not covered (`Unjudged`): a call that the source never makes, of a pure function or of one
whose meaning LLVM knows; variable arguments that are not passed in registers of eight bytes.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Mapping

from ir_tools.verify import ir
from ir_tools.verify.execution import image
from ir_tools.verify.execution.glue import slots
from ir_tools.verify.interpreter import library_models
from ir_tools.verify.interpreter.concrete import Address, Concrete, Image
from ir_tools.verify.interpreter.given import POINTER_BYTES, Input
from ir_tools.verify.interpreter.interpreter import Event, Outcome, Status
from ir_tools.verify.interpreter.libraries import FREERS, OUTPUT, REWRITTEN

_VOLATILE = "volatile "
_ALLOCATORS = {"_Znwm": "malloc", "_Znam": "malloc", "malloc": "malloc", "calloc": "calloc"}
_GENERAL_END, _VECTOR_END = 48, 176  # of the registers that x86-64's va_start saves
_LIBC = ctypes.PyDLL(None)


class Different(Exception):
    """The machine does something else than the script; the message says what."""


class Unjudged(Exception):
    """The script has no answer; nothing can be said of this run."""


class Addresses:
    """Where blocks are: the caller's where they were put, the function's own where first met."""

    def __init__(self, fixed: Callable[[str], int | None]) -> None:
        self._fixed = fixed
        self._met: dict[str, int] = {}

    def __call__(self, pointer: Address) -> int | None:
        if pointer.block is None:
            return pointer.offset % (1 << 64)
        base = self._met.get(pointer.block)
        if base is None and pointer.block[0] != "%":
            base = self._fixed(pointer.block)
        return None if base is None else (base + pointer.offset) % (1 << 64)

    def meet(self, pointer: Address, address: int) -> None:
        """Learn where a block of the function's own is from a pointer to it."""
        if pointer.block and pointer.block[0] == "%":
            self._met.setdefault(pointer.block, (address - pointer.offset) % (1 << 64))

    def base(self, block: str) -> int | None:
        return self(Address(block, 0))


class Replay:
    """The script of one run. `is_guess`: an answer was not in it, and differences say nothing."""

    def __init__(
        self,
        given: Input,
        expected: Outcome,
        addresses: Addresses,
        layout: ir.Layout,
        models: Mapping[str, ir.FunctionType],
    ) -> None:
        self._models = models
        self._given, self._expected = given, expected
        self._addresses, self._layout = addresses, layout
        calls = [event for event in expected.calls if not event.callee.startswith(_VOLATILE)]
        self._script = [event for event in calls if not event.is_pure and not event.is_output]
        self._pure = [event for event in calls if event.is_pure]
        self._outputs = [event for event in calls if event.is_output]
        self._code_blocks = code_blocks(expected)
        self._next = self._next_pure = 0
        self.is_guess = False
        self._named = {event.callee for event in calls}

    def call(self, callee: str, arguments: int, result: int) -> bool:
        """Answers a call; False: it does not return. Raises Different, Unjudged."""
        if callee not in self._named:  # the interpreter knew what it means, or never met it
            if callee in _ALLOCATORS or callee in FREERS:
                _allocate(callee, arguments, result)
                return True
            if callee in self._models:
                _library_call(callee, self._models[callee], arguments, result, self._layout)
                return True
        pure = self._pure_event(callee, arguments)
        if pure is None and callee in OUTPUT:
            pure = self._output(callee)
            if pure is None:  # the interpreter compares what is printed
                self.is_guess = True
                ctypes.c_uint32.from_address(result).value = 1
                return True
        if pure is not None:
            self._answer(pure, result)
            return True
        if self._next == len(self._script):
            if callee in REWRITTEN or any(event.callee == callee for event in self._pure):
                raise Unjudged(f"a call of {callee} that the source does not make")
            raise Different(f"calls {callee}, after the {self._next} calls of the source")
        event = self._script[self._next]
        if event.callee != callee:
            raise Different(f"calls {callee}, where the source calls {event.callee}")
        self._check(event, arguments)
        self._next += 1
        if event is self._expected.calls[-1] and self._expected.status is Status.EXITED:
            return False
        self._write(event)
        self._answer(event, result)
        return True

    def finish(self) -> None:
        """The run has come to its end. Raises Different when calls are missing."""
        if self._next < len(self._script):
            missing = self._script[self._next].callee
            raise Different(f"does not call {missing}, as the source does then")

    # before the call ----------------------------------------------------------------------------

    def _pure_event(self, callee: str, arguments: int) -> Event | None:
        """A pure event of that callee with these arguments, preferably the coming one."""
        for step in range(len(self._pure)):
            index = (self._next_pure + step) % len(self._pure)
            event = self._pure[index]
            if event.callee == callee and self._fits(event, arguments):
                self._next_pure = index + 1
                return event
        return None

    def _fits(self, event: Event, arguments: int) -> bool:
        try:
            self._check_arguments(event, arguments)
        except Different:
            return False
        return True

    def _output(self, callee: str) -> Event | None:
        """The next event of that output function; None where the source has none left."""
        for index, event in enumerate(self._outputs):
            if event.callee == callee:
                return self._outputs.pop(index)
        return None

    def _check(self, event: Event, arguments: int) -> None:
        self._check_arguments(event, arguments)
        where = f"at call {self._next} of {event.callee}"
        for name, wanted in event.memory.items():
            if name not in self._code_blocks:
                compare(name, wanted, self._addresses, where)
        for name in event.seen - event.memory.keys():
            if name in self._given.blocks and name not in self._code_blocks:
                compare(name, self._given.blocks[name].image, self._addresses, where)

    def _check_arguments(self, event: Event, arguments: int) -> None:
        places = self._places(event, arguments)
        for number, (wanted, type_, place) in enumerate(
            zip(event.arguments, event.types, places, strict=True)
        ):
            what = f"argument {number} of {event.callee}"
            if isinstance(type_, ir.PointerType) and isinstance(wanted, tuple):  # byval
                (pointer,) = (ctypes.c_uint64.from_address(place).value,)
                found, expected = ctypes.string_at(pointer, len(wanted)), _octets(wanted)
            else:
                expected = image.encode(wanted, type_, self._layout)
                found = ctypes.string_at(place, expected.size)
                if isinstance(wanted, Address):
                    self._addresses.meet(wanted, int.from_bytes(found, "little"))
            if image.mismatch(expected, found, self._addresses) is not None:
                raise Different(f"{what} is {found[::-1].hex()}, not {wanted}")

    def _places(self, event: Event, arguments: int) -> list[int]:
        """The addresses of the arguments: named ones in slots, variable ones behind a va_list."""
        named = len(event.types) if event.named is None else event.named
        sizes = [self._layout.extent(type_).alloc for type_ in event.types[:named]]
        *offsets, end = slots(sizes)
        places = [arguments + offset for offset in offsets]
        if event.named is not None:
            others = _VaList(ctypes.c_uint64.from_address(arguments + end).value)
            places += [others.place(type_, self._layout) for type_ in event.types[named:]]
        return places

    # effects ------------------------------------------------------------------------------------

    def _write(self, event: Event) -> None:
        for name, offset, raw, key in event.written:
            if name in self._code_blocks:
                continue
            base = self._addresses.base(name)
            if base is None:
                raise Unjudged(f"where {name} is, which {event.callee} writes to, is not known")
            data = linked(raw, key, self._given, self._addresses)
            ctypes.memmove(base + offset, data, len(data))

    def _answer(self, event: Event, result: int) -> None:
        if event.answer is None or event.result is None:
            return
        encoded = image.encode(event.answer, event.result, self._layout)
        image.write(encoded, result, self._addresses)


def linked(raw: bytes, key: str, given: Input, addresses: Addresses) -> bytes:
    """What a call writes, with the addresses of what the pointers in it point to."""
    data = bytearray(raw)
    for at in range(len(raw) - POINTER_BYTES + 1):
        link = given.links.get((key, at))
        address = addresses(link) if link else None
        if address is not None:
            data[at : at + POINTER_BYTES] = address.to_bytes(POINTER_BYTES, "little")
    return bytes(data)


def pointer_to_callee(event: Event) -> Address:
    """What an indirect call of the interpreter's called: `*block` or `*block+8`."""
    found = re.fullmatch(r"\*(.*?)([+-]\d+)?", event.callee)
    assert found is not None, event.callee
    block, offset = found.groups()
    return Address(block, int(offset or 0))


def code_blocks(outcome: Outcome) -> frozenset[str]:
    """Names of the blocks that were called."""
    indirect = (event for event in outcome.calls if event.callee[0] == "*")
    return frozenset(pointer_to_callee(event).block or "" for event in indirect)


def compare(name: str, wanted: Image, addresses: Addresses, where: str) -> None:
    """Raises Different unless the block is as wanted, as far as it is known where it is."""
    base = addresses.base(name)
    if base is None or not wanted.is_live or not wanted.size:
        return
    found = ctypes.string_at(base, wanted.size)
    index = image.mismatch(wanted, found, addresses)
    if index is not None:
        byte = f"{found[index]:#04x}, not {wanted.data[index]:#04x}"
        raise Different(f"memory differs {where}: byte {index} of {name} is {byte}")


def _octets(values: tuple[Concrete, ...]) -> Image:
    octet = ir.IntType(8)
    type_ = ir.ArrayType(len(values), octet)
    one = ir.Extent(1, 1, 1)
    extents: Mapping[ir.Type, ir.Extent] = {
        octet: one, type_: ir.Extent(len(values), len(values), 1)
    }  # fmt: skip
    return image.encode(values, type_, ir.Layout(extents, {}, {}))


def modelled(module: ir.Module) -> dict[str, ir.FunctionType]:
    """The declared functions that the interpreter has models of."""
    return {
        name: function.type
        for name, function in module.functions.items()
        if not function.blocks and library_models.is_modelled(function)
    }


def _library_call(
    callee: str, type_: ir.FunctionType, arguments: int, result: int, layout: ir.Layout
) -> None:
    """The C library's answer. All arguments and results are integers or pointers."""
    sizes = [layout.extent(parameter).alloc for parameter in type_.parameters]
    values = [
        int.from_bytes(ctypes.string_at(arguments + place, size), "little")
        for place, size in zip(slots(sizes), sizes, strict=False)
    ]
    function = _LIBC[callee]
    function.argtypes = [ctypes.c_uint64 if size == 8 else ctypes.c_uint32 for size in sizes]
    function.restype = ctypes.c_uint64
    size = layout.extent(type_.result).alloc
    ctypes.memmove(result, int(function(*values)).to_bytes(8, "little"), size)


def _allocate(callee: str, arguments: int, result: int) -> None:
    """Real memory, never freed: what is freed is not looked at again."""
    if callee in FREERS:
        return
    size, other = (ctypes.c_uint64.from_address(arguments + at).value for at in (0, 16))
    bytes_ = size * other if callee == "calloc" else size
    buffer = ctypes.create_string_buffer(max(bytes_, 1))
    _kept.append(buffer)
    ctypes.c_uint64.from_address(result).value = ctypes.addressof(buffer)


_kept: list[object] = []


class _VaList:
    """Reads x86-64's va_list: offsets into the saved registers, then what is on the stack."""

    def __init__(self, address: int) -> None:
        at = ctypes.c_uint32.from_address, ctypes.c_uint64.from_address
        self._general, self._vector = at[0](address).value, at[0](address + 4).value
        self._stack, self._registers = at[1](address + 8).value, at[1](address + 16).value

    def place(self, type_: ir.Type, layout: ir.Layout) -> int:
        """Where the next argument is, which is of that type."""
        size = -(-layout.extent(type_).alloc // 8) * 8
        if isinstance(type_, ir.FloatType) and size == 8:
            if self._vector < _VECTOR_END:
                self._vector += 16
                return self._registers + self._vector - 16
        elif isinstance(type_, ir.IntType | ir.PointerType) and size == 8:
            if self._general < _GENERAL_END:
                self._general += 8
                return self._registers + self._general - 8
        else:
            raise Unjudged(f"a variable argument of type {type_}")
        self._stack += size
        return self._stack - size
