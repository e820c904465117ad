"""A module as machine code in this process: one function to enter, its callees answered by us.

The code generator runs at its lowest level and no pass runs on the IR, so that what executes is
what the IR says; where the code is to be timed, at the level of a real build. The code may do
anything to the process: only a child that may die calls it (`ir_tools.verify.execution.machine`).

How it works: LLVM's MCJIT, with the module's own symbols renamed so that none is taken for the
process's, and the reverse: `llvm.memcpy` becomes a call of the C library even where the module
declares a `memcpy` of its own. Every function that is called has a stub that stores its arguments
in slots and calls back. `enter` does the reverse: it loads the arguments from slots, calls the
function by its own conventions and stores the result. Both are built as IR, so that LLVM cares for
the ABI. Also a function that the module defines is called through its stub, one that calls itself
included: only one function runs, unless the code is to be timed.

What is not covered (`UnfitError`): another triple or data layout than the host's, thread-local
variables, ifuncs.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ir_tools.libllvm import library, take_message
from ir_tools.llvm import Module
from ir_tools.partition import drop_module_level
from ir_tools.symbols import Function, Linkage
from ir_tools.target import Target
from ir_tools.verify.execution.glue import Builder, Model

_PREFIX, _ENTERED = "ozone.", "ozone:entered"
_FUNCTION_INDEX = 0xFFFFFFFF  # LLVMAttributeFunctionIndex
_CODEGEN_NONE, _CODEGEN_DEFAULT, _CODE_MODEL_JIT = 0, 2, 1

# (number of the callee, address of its arguments, address of its result) -> 0 to return from the
# call, else the function under test is left at once.
OnCall = Callable[[int, int, int], int]
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
# Holds the interpreter's lock: callbacks come back on the same thread.
_ENTER = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_PAINT = ctypes.PYFUNCTYPE(None, ctypes.c_uint8)


class UnfitError(Exception):
    """The module cannot run here; the message is the reason of an `unknown`."""


class _Options(ctypes.Structure):
    """LLVMMCJITCompilerOptions."""

    _fields_ = (
        ("optimisation_level", ctypes.c_uint),
        ("code_model", ctypes.c_int),
        ("no_frame_pointer_elimination", ctypes.c_int),
        ("enable_fast_isel", ctypes.c_int),
        ("memory_manager", ctypes.c_void_p),
    )


@functools.cache
def host() -> tuple[str, str]:
    """The triple and the data layout that code runs with here."""
    lib = library()
    with Target() as target:
        layout = lib.LLVMCreateTargetDataLayout(target.handle)
        text = take_message(lib.LLVMCopyStringRepOfTargetData(layout))
        lib.LLVMDisposeTargetData(layout)
        return target.triple, text


def adopt_host(module: Module) -> None:
    """Give a module that names no target the host's. Raises UnfitError for one of another target.

    Without a layout LLVM assumes one that belongs to no machine; the host's is as good.
    """
    triple, layout = host()
    if module.triple and module.triple.split("-")[0] != triple.split("-")[0]:
        raise UnfitError(f"code for {module.triple} does not run on {triple}")
    if module.data_layout not in ("", layout):
        raise UnfitError(f"the data layout '{module.data_layout}' is not the host's '{layout}'")
    with Target() as target:
        module.retarget(target)


def refuse(module: Module, function: str) -> None:
    """Raises UnfitError for what cannot run here, or would run differently."""
    lib, entered = library(), module.function(function)
    if entered is None or entered.is_declaration:
        raise UnfitError(f"no function {function} is defined")
    for variable in module.globals():
        if lib.LLVMGetThreadLocalMode(variable.handle):
            raise UnfitError(f"@{variable.name} is thread-local")
    for name in ("denormal-fp-math", "denormal-fp-math-f32"):
        raw = name.encode()
        if lib.LLVMGetStringAttributeAtIndex(entered.handle, _FUNCTION_INDEX, raw, len(raw)):
            raise UnfitError(f"it has {name}, which the interpreter knows nothing of")
    for ifunc in module.ifuncs():
        raise UnfitError(f"@{ifunc.name} is an ifunc")


@dataclass(frozen=True, slots=True)
class Stub:
    """What answers calls: of the function `callee`, or of an unknown pointer by call `site`."""

    address: int
    callee: str
    site: int | None


class Code:
    """A compiled function. It lives as long as the process: nothing in it is ever freed.

    enter        run the function on (arguments' address, result's address)
    enter_empty  the same for a function of its type that does nothing
    paint        fill the stack that the function will use with a byte
    stubs        what answers calls, by the number that `on_call` is told; for each call of an
                 unknown pointer, in the order of the text, there are `COPIES`

    Code that answers itself (`on_call` is the address of a function) is there to be timed: it is
    generated as in a real build, `padding` bytes further on than it would be.

    The module's other functions and its variables are where `places` says; what is there is the
    caller's business.
    """

    COPIES = 4

    def __init__(
        self,
        module: Module,
        function: str,
        on_call: OnCall | int,
        places: Callable[[str], int],
        padding: int = 0,
    ) -> None:
        is_timed = isinstance(on_call, int)
        answering = on_call if isinstance(on_call, int) else self._callback(on_call)
        entered = _isolate(module, function, with_callees=is_timed)
        _pad(module, padding)
        builder = Builder(module, answering)
        stubs = [
            (builder.answer(number, model), callee, site)
            for number, (model, callee, site) in enumerate(_callees(module, entered))
        ]
        enter, paint = builder.enter(entered), builder.paint()
        enter_empty = builder.enter(builder.empty(entered), "ozone:enter empty")
        placed = list(_placed(module, places))
        self._engine = engine(module, is_timed)
        for handle, address in placed:
            library().LLVMAddGlobalMapping(self._engine, handle, address)
        self.enter = _ENTER(self._address(enter))
        self.enter_empty = _ENTER(self._address(enter_empty))
        self.paint = _PAINT(self._address(paint))
        self.stubs = [Stub(self._address(name), callee, site) for name, callee, site in stubs]

    def _callback(self, on_call: OnCall) -> int:
        self._kept = _CALLBACK(on_call)
        return ctypes.cast(self._kept, ctypes.c_void_p).value or 0

    def _address(self, name: str) -> int:
        return address_in(self._engine, name)


def address_in(engine: int, name: str) -> int:
    """Where the code of a function is; generated when it is first asked for."""
    address: int = library().LLVMGetGlobalValueAddress(engine, name.encode())
    return address


def _pad(module: Module, size: int) -> None:
    """Let that many bytes be before the module's code."""
    if size:
        text = f".text\n.skip {size}".encode()
        library().LLVMSetModuleInlineAsm2(module.handle, text, len(text))


def _is_llvms(name: str) -> bool:
    return name.startswith("llvm.")


def _isolate(module: Module, name: str, with_callees: bool) -> Function:
    """Leave nothing but the function and what it uses, renamed; callees only as declarations,
    unless they are to run."""
    lib, function = library(), module.function(name)
    assert function is not None, name
    drop_module_level(module)
    for alias in module.aliases():
        lib.LLVMReplaceAllUsesWith(alias.handle, lib.LLVMAliasGetAliasee(alias.handle))
        alias.linkage = Linkage.INTERNAL
    for other in module.defined_functions():
        lib.LLVMSetComdat(other.handle, None)
        other.linkage = Linkage.INTERNAL if with_callees else Linkage.AVAILABLE_EXTERNALLY
    function.linkage = Linkage.EXTERNAL
    if not with_callees:
        itself = module.declare_like(function, "")  # what a recursive call calls
        lib.LLVMReplaceAllUsesWith(function.handle, itself.handle)
        function.name, itself.name = "", name
    function.name = _ENTERED
    module.run_without_target("elim-avail-extern,globaldce")
    for symbol in itertools.chain(module.functions(), module.globals()):
        if not _is_llvms(symbol.name) and symbol.name != _ENTERED:
            symbol.name = _PREFIX + symbol.name
            lib.LLVMSetComdat(symbol.handle, None)
            lib.LLVMSetSection(symbol.handle, b"")
    return function


def _callees(module: Module, entered: Function) -> list[tuple[Model, str, int | None]]:
    """What needs a stub: a model of its conventions, the name or the call site."""
    named: list[tuple[Model, str, int | None]] = [
        (Model.of_function(function), function.name.removeprefix(_PREFIX), None)
        for function in module.functions()
        if function.is_declaration and not _is_llvms(function.name)
    ]
    sites = (call for call in _calls(entered) if not _names_function(call))
    return named + [
        (Model.of_call(call), "", site)
        for site, call in enumerate(sites)
        for _ in range(Code.COPIES)
    ]


def _calls(function: Function) -> Iterator[int]:
    lib = library()
    block = lib.LLVMGetFirstBasicBlock(function.handle)
    while block:
        instruction = lib.LLVMGetFirstInstruction(block)
        while instruction:
            if lib.LLVMIsACallInst(instruction):
                yield instruction
            instruction = lib.LLVMGetNextInstruction(instruction)
        block = lib.LLVMGetNextBasicBlock(block)


def _names_function(call: int) -> bool:
    return bool(library().LLVMIsAFunction(library().LLVMGetCalledValue(call)))


def _placed(module: Module, places: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    """The handles of functions and variables that have a place, with their addresses."""
    lib = library()
    for symbol in itertools.chain(module.functions(), module.globals()):
        name = symbol.name
        if not name.startswith(_PREFIX):
            continue
        if lib.LLVMIsAGlobalVariable(symbol.handle):
            lib.LLVMSetInitializer(symbol.handle, None)
            symbol.linkage = Linkage.EXTERNAL
        if symbol.is_declaration:
            yield symbol.handle, places(name.removeprefix(_PREFIX))


def engine(module: Module, is_timed: bool) -> int:
    """The execution engine, which owns the module from here on. Raises UnfitError."""
    lib = library()
    lib.LLVMLinkInMCJIT()
    made, message = ctypes.c_void_p(), ctypes.c_void_p()
    level = _CODEGEN_DEFAULT if is_timed else _CODEGEN_NONE
    options = _Options(level, _CODE_MODEL_JIT, not is_timed, 0, None)
    if lib.LLVMCreateMCJITCompilerForModule(
        ctypes.byref(made), module.handle, ctypes.byref(options), ctypes.sizeof(options),
        ctypes.byref(message),
    ):  # fmt: skip
        raise UnfitError(f"no code generator: {take_message(message.value)}")
    module.handle = None
    assert made.value is not None
    return made.value
