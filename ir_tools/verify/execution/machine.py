"""One compiled function, run on an input and compared with what the interpreter says of the source.

What is compared: how the run ends, the result, the calls with what their callees could see, and at
the end every block that the caller can see, those that were never touched included. Also that
nothing was written beside the blocks. What the interpreter calls undefined or poison may be
anything. Before each run the stack is painted and the floating-point environment is the default.

What is not covered: where the function's own variables are, the floating-point flags, volatile
accesses, what was freed. Addresses of globals are not the interpreter's.

Must run in a child that may die: see `ir_tools.verify.execution.isolation`.
"""

from __future__ import annotations

import ctypes
import functools
import signal
from dataclasses import dataclass

from ir_tools.llvm import Module
from ir_tools.verify import ir
from ir_tools.verify.execution import image, jit
from ir_tools.verify.execution.arena import Arena
from ir_tools.verify.execution.glue import SLOT_ALIGN, slots
from ir_tools.verify.execution.replay import (
    Addresses,
    Different,
    Replay,
    Unjudged,
    code_blocks,
    compare,
    modelled,
    pointer_to_callee,
)
from ir_tools.verify.interpreter import interpreter, storage
from ir_tools.verify.interpreter.concrete import Address
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.interpreter import Outcome, Status

_SPACING = 1 << 22
_CALL_S = 0.004  # CPU time that answering a call may take, which compares memory


@dataclass(frozen=True, slots=True)
class Case:
    """An input, and what the interpreter says that the source does with it."""

    given: Input
    expected: Outcome

    @property
    def code_blocks(self) -> frozenset[str]:
        """Memory that is called: on a machine it holds code."""
        return code_blocks(self.expected)


class Machine:
    """A function as machine code. Its globals are at addresses of its own, from `base` on.

    `answering` is the address of a function that answers calls instead of us, and `padding` what
    `jit.Code` says of it: for code that is timed (`timing`).
    """

    def __init__(
        self,
        module: Module,
        reading: ir.Module,
        function: str,
        base: int,
        hang_s: float,
        answering: int | None = None,
        padding: int = 0,
    ) -> None:
        self._reading, self._function = reading, reading.functions[function]
        self._next, self._hang_s = base, hang_s
        self._globals: dict[str, int] = {}
        self._filled = 0  # of them
        self._lasting, self._arena = Arena(), Arena()
        self._models = modelled(reading)
        self._code = jit.Code(module, function, answering or self._on_call, self._place, padding)
        self._stub_of = {stub.callee: stub.address for stub in self._code.stubs if stub.callee}
        self._pointees: dict[int, str] = {}  # by the number of a stub of an unknown pointer
        self._fill_globals()
        layout = reading.layout
        types = [parameter.type for parameter in self._function.parameters]
        *self._slots, end = slots(layout.extent(type_).alloc for type_ in types)
        self._arguments = ctypes.create_string_buffer(end + SLOT_ALIGN)
        result = self._function.type.result
        size = 0 if isinstance(result, ir.VoidType) else layout.extent(result).alloc
        self._result = ctypes.create_string_buffer(size + SLOT_ALIGN)
        self._replay: Replay | None = None
        self._seconds = hang_s
        self._trouble: Exception | None = None

    def differs(self, case: Case, paint: int) -> str | None:
        """Run it; the first difference from what is expected. Raises Unjudged."""
        addresses = Addresses(functools.partial(self._address, case.given))
        self._replay = Replay(
            case.given, case.expected, addresses, self._reading.layout, self._models
        )
        self._trouble = None
        self._seconds = self._hang_s + _CALL_S * len(case.expected.calls)
        try:
            self._prepare(case, addresses)
            self._enter(paint)
            if self._trouble:
                raise self._trouble
            self._compare(case, addresses)
        except Different as difference:
            if self._replay.is_guess:
                raise Unjudged("another output function") from difference
            return str(difference)
        finally:
            self._arena.clear()
        return None

    # globals ------------------------------------------------------------------------------------

    def _place(self, name: str) -> int:
        """The address of a global or function, for as long as the process lives."""
        if name not in self._globals:
            variable = self._reading.variables.get(name)
            extent = variable and self._reading.layout.extents.get(variable.type)
            size = extent.alloc if extent else 64
            align = max(variable.align if variable else 0, extent.align if extent else 16, 16)
            start, self._next = self._next, self._next + _SPACING + size // _SPACING * _SPACING
            page = -(-size // 4096) * 4096
            self._globals[name] = start + (page - size) // align * align
        return self._globals[name]

    def _fill_globals(self) -> None:
        """What does not change from run to run; the contents of constants may need more places."""
        while self._filled < len(self._globals):
            name, address = list(self._globals.items())[self._filled]
            if name in self._stub_of:
                self._lasting.jump(address, self._stub_of[name])
            elif name in self._reading.variables:
                self._fill_constant(name, address)
            self._filled += 1

    def _fill_constant(self, name: str, address: int) -> None:
        """The contents of a constant, once and for all; other variables come with each input."""
        memory = interpreter.Machine(self._reading, Input()).memory
        block = memory.block(f"@{name}")
        if block.name in memory.given.blocks:
            return
        self._lasting.place(address, block.size)
        image.write(storage.image(block), address, Addresses(self._address_of_global))
        self._lasting.seal(address, block.size)

    def _address_of_global(self, block: str) -> int | None:
        return self._place(block[1:]) if block[0] == "@" else None

    def _address(self, given: Input, block: str) -> int | None:
        name = block[1:] if block[0] == "@" else ""
        if name in self._globals:
            return self._globals[name]
        if block in given.blocks:
            return given.blocks[block].address
        if name in self._reading.variables or name in self._reading.functions:
            address = self._place(name)  # the input leads there, this side's code does not
            self._fill_globals()
            return address
        return None

    # a run --------------------------------------------------------------------------------------

    def _prepare(self, case: Case, addresses: Addresses) -> None:
        self._pointees.clear()
        for event in case.expected.calls:
            if event.callee not in self._stub_of and event.callee not in self._pointees.values():
                self._make_callable(event, addresses)
        for name, block in case.given.blocks.items():
            address = addresses.base(name)
            if address is not None and name not in case.code_blocks:
                self._arena.place(address, block.image.size)
                image.write(block.image, address, addresses)
        ctypes.memset(self._arguments, 0, len(self._arguments))
        for place, parameter, value in zip(
            self._slots, self._function.parameters, case.given.arguments, strict=True
        ):
            encoded = image.encode(value, parameter.type, self._reading.layout)
            image.write(encoded, ctypes.addressof(self._arguments) + place, addresses)

    def _make_callable(self, event: interpreter.Event, addresses: Addresses) -> None:
        """Let what the interpreter called by a pointer be called."""
        if event.callee[0] == "*":
            address = addresses(pointer_to_callee(event))
        else:
            address = self._globals.get(event.callee)
        if address is None:  # nobody can have the pointer, or it is no call: a volatile access
            return
        site = self._site(event)
        for number, stub in enumerate(self._code.stubs):
            if stub.site is not None and stub.site == site and number not in self._pointees:
                self._pointees[number] = event.callee
                self._arena.jump(address, stub.address)
                return
        raise Unjudged(f"a call of {event.callee}")

    def _site(self, event: interpreter.Event) -> int | None:
        """The call in the text that an event may come from, by its type."""
        calls = [
            i.call
            for i in self._function.instructions()
            if i.opcode == "call" and i.call and not isinstance(i.call.callee, ir.GlobalRef)
        ]
        for site, call in enumerate(calls):
            named = call.type.parameters
            if call.type.result == event.result and named == event.types[: len(named)]:
                return site
        return None

    def _enter(self, paint: int) -> None:
        ctypes.memset(self._result, paint, len(self._result))
        _libm().fesetenv(ctypes.c_void_p(-1))
        signal.setitimer(signal.ITIMER_PROF, self._seconds)  # SIGPROF ends the process
        self._code.paint(paint)
        self._code.enter(ctypes.addressof(self._arguments), ctypes.addressof(self._result))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _libm().fesetenv(ctypes.c_void_p(-1))

    def _on_call(self, number: int, arguments: int, result: int) -> int:
        """Answers a call of the machine's; nothing may be raised through its frames."""
        try:
            assert self._replay is not None
            callee = self._code.stubs[number].callee or self._pointees.get(number, "*")
            return 0 if self._replay.call(callee, arguments, result) else 1
        except Exception as trouble:
            self._trouble = trouble
            return 1

    def _compare(self, case: Case, addresses: Addresses) -> None:
        assert self._replay is not None
        self._replay.finish()
        self._compare_end(case, addresses)

    def _compare_end(self, case: Case, addresses: Addresses) -> None:
        expected = case.expected
        if expected.status is Status.TRAPPED:
            raise Different("does not trap, as the source does")
        if expected.status is Status.RETURNED and expected.value is not None:
            self._compare_result(expected, addresses)
        for name, block in case.given.blocks.items():
            if name not in case.code_blocks:
                compare(name, expected.memory.get(name, block.image), addresses, "at the end")
        spilled = self._arena.spilled()
        if spilled is not None:
            raise Different(f"writes out of bounds, at {spilled:#x}")

    def _compare_result(self, expected: Outcome, addresses: Addresses) -> None:
        assert expected.value is not None
        type_ = self._function.type.result
        wanted = image.encode(expected.value, type_, self._reading.layout)
        found = self._result.raw[: wanted.size]
        if isinstance(expected.value, Address):
            addresses.meet(expected.value, int.from_bytes(found, "little"))
        if image.mismatch(wanted, found, addresses) is not None:
            raise Different(f"returns 0x{found[::-1].hex()}, not {_words(expected.value)}")


def _words(value: object) -> str:
    return f"{value:#x}" if isinstance(value, int) else str(value)


@functools.cache
def _libm() -> ctypes.CDLL:
    return ctypes.CDLL("libm.so.6")
