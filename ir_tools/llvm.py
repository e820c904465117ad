"""LLVM 22 in process: contexts and modules, what is run on them and emitted from them.

Nothing here isolates: a pipeline that crashes LLVM ends the process. Work on candidates belongs in
`envs.evaluator`'s workers.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from ir_tools.errors import InvalidModuleError, ParseError, PipelineError, one_line
from ir_tools.instructions import operands
from ir_tools.libllvm import DiagnosticHandler, library, take_message
from ir_tools.symbols import Function, GlobalValue
from ir_tools.target import Target

_SEVERITY_ERROR = 0
_RETURN_STATUS = 2  # LLVMReturnStatusAction: report by value, neither print nor abort
_OBJECT_FILE = 1
_ASSEMBLY_FILE = 0
_FUNCTION_TYPE = 9  # LLVMFunctionTypeKind
_KEEPING = "llvm.used", "llvm.compiler.used"


def _buffer_bytes(buffer: int) -> bytes:
    """The contents of an LLVMMemoryBuffer, which is then freed."""
    lib = library()
    data = ctypes.string_at(lib.LLVMGetBufferStart(buffer), lib.LLVMGetBufferSize(buffer))
    lib.LLVMDisposeMemoryBuffer(buffer)
    return data


class Context:
    """An LLVM context: owns types and collects the diagnostics of everything parsed in it.

    A context manager; modules must not outlive it.
    """

    def __init__(self) -> None:
        self._lib = library()
        self.handle: int | None = self._lib.LLVMContextCreate()
        self.errors: list[str] = []
        # LLVM's own handler exits the process on an error; the reference keeps ours alive.
        self._handler = DiagnosticHandler(self._on_diagnostic)
        self._lib.LLVMContextSetDiagnosticHandler(self.handle, self._handler, None)

    def _on_diagnostic(self, info: int, _: int | None) -> None:
        if self._lib.LLVMGetDiagInfoSeverity(info) == _SEVERITY_ERROR:
            self.errors.append(take_message(self._lib.LLVMGetDiagInfoDescription(info)))

    def take_errors(self) -> str:
        """The error diagnostics since the last call, as one line; empty when there were none."""
        message = one_line("; ".join(self.errors))
        self.errors.clear()
        return message

    def discard_names(self) -> None:
        """Forget the names of local values, in all that is parsed or made in it from now on.

        LLVM then reads no textual IR.
        """
        self._lib.LLVMContextSetDiscardValueNames(self.handle, True)

    def parse(self, data: bytes | str, name: str = "<memory>") -> Module:
        """A module from textual IR or bitcode (of this LLVM or an older one).

        `name` becomes the ModuleID. Raises ParseError with LLVM's message, InvalidModuleError when
        the module parses but does not verify.
        """
        raw = data.encode() if isinstance(data, str) else data
        title = name.encode(errors="surrogateescape")
        buffer = self._lib.LLVMCreateMemoryBufferWithMemoryRangeCopy(raw, len(raw), title)
        module, message = ctypes.c_void_p(), ctypes.c_void_p()
        failed = self._lib.LLVMParseIRInContext(
            self.handle, buffer, ctypes.byref(module), ctypes.byref(message)
        )
        if failed:
            detail = self.take_errors() or one_line(take_message(message.value))
            raise ParseError(f"{one_line(name)}: not readable as LLVM IR or bitcode: {detail}")
        assert module.value is not None
        parsed = Module(self, module.value)
        self.take_errors()
        parsed.verify()
        return parsed

    def close(self) -> None:
        if self.handle:
            self._lib.LLVMContextDispose(self.handle)
            self.handle = None

    def __enter__(self) -> Context:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


class Module:
    """A module of LLVM IR. A context manager; made by `Context.parse` or `clone`."""

    def __init__(self, context: Context, handle: int) -> None:
        self._lib = library()
        self.context = context
        self.handle: int | None = handle

    def clone(self) -> Module:
        return Module(self.context, self._lib.LLVMCloneModule(self.handle))

    def run(self, pipeline: str, target: Target) -> None:
        """Run a textual pipeline, as `opt -passes=`, in place. An empty one does nothing.

        Raises PipelineError with LLVM's message.
        """
        if pipeline:
            self.raise_pipeline_error(
                pipeline,
                self._lib.LLVMRunPasses(
                    self.handle, pipeline.encode(), target.handle, target.options
                ),
            )

    def run_without_target(self, pipeline: str) -> None:
        """Run module passes that ask no target for costs, such as `globaldce`, in place."""
        options = self._lib.LLVMCreatePassBuilderOptions()
        error = self._lib.LLVMRunPasses(self.handle, pipeline.encode(), None, options)
        self._lib.LLVMDisposePassBuilderOptions(options)
        self.raise_pipeline_error(pipeline, error)

    def raise_pipeline_error(self, pipeline: str, error: int | None) -> None:
        """Raises PipelineError where a run has returned an error or reported one."""
        if error:
            pointer = self._lib.LLVMGetErrorMessage(error)
            message = ctypes.string_at(pointer).decode(errors="replace")
            self._lib.LLVMDisposeErrorMessage(pointer)
            raise PipelineError(f"pipeline '{one_line(pipeline)}': {one_line(message)}")
        if self.context.errors:
            raise PipelineError(f"pipeline '{one_line(pipeline)}': {self.context.take_errors()}")

    def verify(self) -> None:
        """Raises InvalidModuleError with the verifier's message."""
        message = ctypes.c_void_p()
        if self._lib.LLVMVerifyModule(self.handle, _RETURN_STATUS, ctypes.byref(message)):
            raise InvalidModuleError(f"invalid IR: {one_line(take_message(message.value))}")
        self._lib.LLVMDisposeMessage(message)

    def link(self, other: Module) -> None:
        """Move everything of `other`, which is consumed, into this module.

        Raises InvalidModuleError where symbols clash.
        """
        handle, other.handle = other.handle, None
        if self._lib.LLVMLinkModules2(self.handle, handle):
            raise InvalidModuleError(f"modules do not link: {self.context.take_errors()}")

    def __str__(self) -> str:
        return take_message(self._lib.LLVMPrintModuleToString(self.handle))

    def bitcode(self) -> bytes:
        return _buffer_bytes(self._lib.LLVMWriteBitcodeToMemoryBuffer(self.handle))

    def emit_object(self, target: Target) -> bytes:
        """The object file. Code generation changes the module: it is of no further use.

        Raises InvalidModuleError with the code generator's message.
        """
        return self._emit(target, _OBJECT_FILE)

    def emit_assembly(self, target: Target) -> bytes:
        """As `emit_object`, but assembly text."""
        return self._emit(target, _ASSEMBLY_FILE)

    def _emit(self, target: Target, kind: int) -> bytes:
        message, buffer = ctypes.c_void_p(), ctypes.c_void_p()
        failed = self._lib.LLVMTargetMachineEmitToMemoryBuffer(
            target.handle, self.handle, kind, ctypes.byref(message), ctypes.byref(buffer)
        )
        if failed:
            raise InvalidModuleError(f"no code generated: {one_line(take_message(message.value))}")
        data = _buffer_bytes(buffer.value or 0)
        if self.context.errors:
            raise InvalidModuleError(f"no code generated: {self.context.take_errors()}")
        return data

    @property
    def triple(self) -> str:
        raw: bytes = ctypes.string_at(self._lib.LLVMGetTarget(self.handle))
        return raw.decode()

    @property
    def data_layout(self) -> str:
        raw: bytes = self._lib.LLVMGetDataLayoutStr(self.handle)
        return raw.decode()

    @property
    def source_name(self) -> str:
        """The name of the source file, which the front end has put there."""
        length = ctypes.c_size_t()
        start = self._lib.LLVMGetSourceFileName(self.handle, ctypes.byref(length))
        return ctypes.string_at(start, length.value).decode(errors="replace")

    @source_name.setter
    def source_name(self, name: str) -> None:
        raw = name.encode(errors="replace")
        self._lib.LLVMSetSourceFileName(self.handle, raw, len(raw))

    def retarget(self, target: Target) -> None:
        """Take on the target's triple and data layout."""
        lib = self._lib
        lib.LLVMSetTarget(self.handle, target.triple.encode())
        layout = lib.LLVMCreateTargetDataLayout(target.handle)
        lib.LLVMSetModuleDataLayout(self.handle, layout)
        lib.LLVMDisposeTargetData(layout)

    def flag(self, name: str) -> int | None:
        """The value of an integer module flag such as `PIC Level`; None when it is absent."""
        metadata = self._lib.LLVMGetModuleFlag(self.handle, name.encode(), len(name))
        if not metadata:
            return None
        value = self._lib.LLVMMetadataAsValue(self.context.handle, metadata)
        constant = self._lib.LLVMGetOperand(value, 0)
        return self._lib.LLVMConstIntGetZExtValue(constant) if constant else None

    def _each(
        self, first: str, following: str, make: Callable[[Module, int], Any]
    ) -> Iterator[Any]:
        handle = getattr(self._lib, first)(self.handle)
        step = getattr(self._lib, following)
        while handle:
            after = step(handle)  # read before the caller may delete or rename the value
            yield make(self, handle)
            handle = after

    def functions(self) -> Iterator[Function]:
        """Every function, declarations included, in module order."""
        return self._each("LLVMGetFirstFunction", "LLVMGetNextFunction", Function)

    def defined_functions(self) -> Iterator[Function]:
        return (function for function in self.functions() if not function.is_declaration)

    def globals(self) -> Iterator[GlobalValue]:
        """Every global variable, in module order."""
        return self._each("LLVMGetFirstGlobal", "LLVMGetNextGlobal", GlobalValue)

    def kept(self) -> frozenset[str]:
        """The names of what stays although nobody can be seen to use it: `__attribute__((used))`
        and the like."""
        lists = (each.initializer for each in self.globals() if each.name in _KEEPING)
        return frozenset(
            GlobalValue(self, handle).name for kept in lists if kept for handle in operands(kept)
        )

    def aliases(self) -> Iterator[GlobalValue]:
        return self._each("LLVMGetFirstGlobalAlias", "LLVMGetNextGlobalAlias", GlobalValue)

    def ifuncs(self) -> Iterator[GlobalValue]:
        return self._each("LLVMGetFirstGlobalIFunc", "LLVMGetNextGlobalIFunc", GlobalValue)

    def symbols(self) -> Iterator[GlobalValue]:
        """Everything that has, or could have, a name of module scope."""
        return itertools.chain(self.functions(), self.globals(), self.aliases(), self.ifuncs())

    def function(self, name: str) -> Function | None:
        handle = self._lib.LLVMGetNamedFunction(self.handle, name.encode(errors="surrogateescape"))
        return Function(self, handle) if handle else None

    def declare_like(self, symbol: GlobalValue, name: str) -> GlobalValue:
        """Add an external declaration that is like a symbol of any module of this context.

        An alias or ifunc becomes a function or a variable. LLVM adds a number to a taken name.
        Not copied: what belongs to definitions (comdat, metadata) and `dso_local`.
        """
        lib, old = self._lib, symbol.handle
        raw, value_type = name.encode(errors="surrogateescape"), symbol.value_type
        new: GlobalValue
        if lib.LLVMGetTypeKind(value_type) == _FUNCTION_TYPE:
            new = Function(self, lib.LLVMAddFunction(self.handle, raw, value_type))
        else:
            space = lib.LLVMGetPointerAddressSpace(lib.LLVMTypeOf(old))
            handle = lib.LLVMAddGlobalInAddressSpace(self.handle, value_type, raw, space)
            new = GlobalValue(self, handle)
            lib.LLVMSetThreadLocalMode(handle, lib.LLVMGetThreadLocalMode(old))
        lib.LLVMSetVisibility(new.handle, lib.LLVMGetVisibility(old))
        lib.LLVMSetUnnamedAddress(new.handle, lib.LLVMGetUnnamedAddress(old))
        symbol.copy_properties(new.handle)
        return new

    @property
    def instruction_count(self) -> int:
        return sum(function.instruction_count for function in self.defined_functions())

    def close(self) -> None:
        if self.handle:
            self._lib.LLVMDisposeModule(self.handle)
            self.handle = None

    def __enter__(self) -> Module:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()
