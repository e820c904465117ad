"""LLVM 22 in process: contexts, modules, targets, pipelines and objects.

Nothing here isolates: a pipeline that crashes LLVM ends the process. Work on candidates belongs in
`envs.evaluator`'s workers.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ir_tools.errors import InvalidModuleError, ParseError, PipelineError, TargetError
from ir_tools.libllvm import DiagnosticHandler, library

_SEVERITY_ERROR = 0
_RETURN_STATUS = 2  # LLVMReturnStatusAction: report by value, neither print nor abort
_OBJECT_FILE = 1
_ASSEMBLY_FILE = 0
_CODEGEN_DEFAULT = 2  # what clang uses from -O2 to -Oz
_CODE_MODEL_DEFAULT = 0
_FUNCTION_INDEX = 0xFFFFFFFF  # LLVMAttributeFunctionIndex
_FUNCTION_TYPE = 9  # LLVMFunctionTypeKind
_RELOCATION_MODELS = {"default": 0, "static": 1, "pic": 2, "dynamic-no-pic": 3}


class Linkage(enum.IntEnum):
    """LLVMLinkage, the values of LLVM-C's enumeration that occur in C and C++ modules."""

    EXTERNAL = 0
    AVAILABLE_EXTERNALLY = 1
    LINK_ONCE_ANY = 2
    LINK_ONCE_ODR = 3
    WEAK_ANY = 5
    WEAK_ODR = 6
    APPENDING = 7
    INTERNAL = 8
    PRIVATE = 9
    EXTERNAL_WEAK = 12
    COMMON = 14

    @property
    def is_local(self) -> bool:
        """Nothing outside the module can name it."""
        return self in (Linkage.INTERNAL, Linkage.PRIVATE)


def _take_message(pointer: int | None) -> str:
    """The text of a message that LLVM allocated, which is then freed."""
    if not pointer:
        return ""
    text = ctypes.string_at(pointer).decode(errors="replace")
    library().LLVMDisposeMessage(pointer)
    return text


def _one_line(message: str) -> str:
    return " ".join(message.split())


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
            self.errors.append(_take_message(self._lib.LLVMGetDiagInfoDescription(info)))

    def take_errors(self) -> str:
        """The error diagnostics since the last call, as one line; empty when there were none."""
        message = _one_line("; ".join(self.errors))
        self.errors.clear()
        return message

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
            detail = self.take_errors() or _one_line(_take_message(message.value))
            raise ParseError(f"{name}: not readable as LLVM IR or bitcode: {detail}")
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


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """What a target machine is made from; the defaults are those of `opt` and `llc`.

    triple            empty for the module's own, and the host's where the module has none
    cpu, features     for functions that carry no `target-cpu` of their own
    relocation_model  `default`, `static`, `pic` or `dynamic-no-pic`; `module` for what clang's
                      `PIC Level` flag in the module says
    """

    triple: str = ""
    cpu: str = ""
    features: str = ""
    relocation_model: str = "default"


class Target:
    """A target machine: what passes ask for costs, and what emits objects.

    Raises TargetError when this LLVM has no such target.
    """

    def __init__(
        self, options: TargetOptions = TargetOptions(), module: Module | None = None
    ) -> None:
        lib = self._lib = library()
        triple = options.triple or (module.triple if module else "")
        self.triple = triple or _take_message(lib.LLVMGetDefaultTargetTriple())
        relocation = options.relocation_model
        if relocation == "module":
            relocation = "pic" if module and module.flag("PIC Level") else "static"
        if relocation not in _RELOCATION_MODELS:
            known = ", ".join(_RELOCATION_MODELS)
            raise TargetError(f"unknown relocation model '{relocation}': one of {known}")
        target, message = ctypes.c_void_p(), ctypes.c_void_p()
        if lib.LLVMGetTargetFromTriple(
            self.triple.encode(), ctypes.byref(target), ctypes.byref(message)
        ):
            raise TargetError(_one_line(_take_message(message.value)))
        self.handle: int | None = lib.LLVMCreateTargetMachine(
            target,
            self.triple.encode(),
            options.cpu.encode(),
            options.features.encode(),
            _CODEGEN_DEFAULT,
            _RELOCATION_MODELS[relocation],
            _CODE_MODEL_DEFAULT,
        )
        if not self.handle:
            raise TargetError(f"LLVM cannot make a target machine for '{self.triple}'")
        self.options: int = lib.LLVMCreatePassBuilderOptions()

    def size_of(self, variable: GlobalValue) -> int:
        """Bytes that the variable takes in memory."""
        lib = self._lib
        layout = lib.LLVMCreateTargetDataLayout(self.handle)
        size: int = lib.LLVMABISizeOfType(layout, lib.LLVMGlobalGetValueType(variable.handle))
        lib.LLVMDisposeTargetData(layout)
        return size

    def close(self) -> None:
        if self.handle:
            self._lib.LLVMDisposeTargetMachine(self.handle)
            self._lib.LLVMDisposePassBuilderOptions(self.options)
            self.handle = None

    def __enter__(self) -> Target:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


@functools.cache
def _attribute_kind(name: str) -> int:
    kind: int = library().LLVMGetEnumAttributeKindForName(name.encode(), len(name))
    assert kind, f"no enum attribute '{name}'"
    return kind


class GlobalValue:
    """A function, global variable, alias or ifunc of a module; valid while the module is."""

    def __init__(self, module: Module, handle: int) -> None:
        self._lib = library()
        self.module = module
        self.handle = handle

    @property
    def name(self) -> str:
        length = ctypes.c_size_t()
        start = self._lib.LLVMGetValueName2(self.handle, ctypes.byref(length))
        return ctypes.string_at(start, length.value).decode(errors="surrogateescape")

    @name.setter
    def name(self, name: str) -> None:
        raw = name.encode(errors="surrogateescape")
        self._lib.LLVMSetValueName2(self.handle, raw, len(raw))

    @property
    def linkage(self) -> Linkage:
        return Linkage(self._lib.LLVMGetLinkage(self.handle))

    @linkage.setter
    def linkage(self, linkage: Linkage) -> None:
        self._lib.LLVMSetLinkage(self.handle, linkage)

    @property
    def is_declaration(self) -> bool:
        return bool(self._lib.LLVMIsDeclaration(self.handle))

    @property
    def value_type(self) -> int:
        """The handle of the type of a function, or of what a variable or an alias stands for."""
        handle: int = self._lib.LLVMGlobalGetValueType(self.handle)
        return handle

    @property
    def initializer(self) -> int | None:
        """The handle of a variable's initializer; None for a declaration or anything else."""
        is_variable = self._lib.LLVMIsAGlobalVariable(self.handle)
        return self._lib.LLVMGetInitializer(self.handle) if is_variable else None

    @property
    def initializer_text(self) -> str:
        """The initializer as IR; empty when there is none."""
        initializer = self.initializer
        return _take_message(self._lib.LLVMPrintValueToString(initializer)) if initializer else ""

    def _copy_properties(self, new: int) -> None:
        """Give the declaration `new` what only a variable, or only a function, has."""
        lib, old = self._lib, self.handle
        if lib.LLVMIsAGlobalVariable(old):
            lib.LLVMSetSection(new, lib.LLVMGetSection(old))
            lib.LLVMSetAlignment(new, lib.LLVMGetAlignment(old))
            lib.LLVMSetGlobalConstant(new, lib.LLVMIsGlobalConstant(old))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Function(GlobalValue):
    """A function, defined or declared."""

    def has_attribute(self, name: str) -> bool:
        """Whether the function carries the enum attribute, for example `minsize`."""
        kind = _attribute_kind(name)
        return bool(self._lib.LLVMGetEnumAttributeAtIndex(self.handle, _FUNCTION_INDEX, kind))

    def attribute_at(self, index: int, name: str) -> int | None:
        """The handle of an enum or type attribute of the result (0) or of a parameter (from 1)."""
        kind = _attribute_kind(name)
        handle: int | None = self._lib.LLVMGetEnumAttributeAtIndex(self.handle, index, kind)
        return handle

    def add_attribute(self, name: str) -> None:
        attribute = self._lib.LLVMCreateEnumAttribute(
            self.module.context.handle, _attribute_kind(name), 0
        )
        self._lib.LLVMAddAttributeAtIndex(self.handle, _FUNCTION_INDEX, attribute)

    def _copy_properties(self, new: int) -> None:
        lib, old = self._lib, self.handle
        lib.LLVMSetSection(new, lib.LLVMGetSection(old))
        lib.LLVMSetAlignment(new, lib.LLVMGetAlignment(old))
        lib.LLVMSetFunctionCallConv(new, lib.LLVMGetFunctionCallConv(old))
        for index in (*range(lib.LLVMCountParams(old) + 1), _FUNCTION_INDEX):
            attributes = (ctypes.c_void_p * lib.LLVMGetAttributeCountAtIndex(old, index))()
            lib.LLVMGetAttributesAtIndex(old, index, attributes)
            for attribute in attributes:
                lib.LLVMAddAttributeAtIndex(new, index, attribute)

    def remove_attribute(self, name: str, index: int = _FUNCTION_INDEX) -> None:
        self._lib.LLVMRemoveEnumAttributeAtIndex(self.handle, index, _attribute_kind(name))

    @property
    def instruction_count(self) -> int:
        lib, count = self._lib, 0
        next_instruction = lib.LLVMGetNextInstruction
        block = lib.LLVMGetFirstBasicBlock(self.handle)
        while block:
            instruction = lib.LLVMGetFirstInstruction(block)
            while instruction:
                count += 1
                instruction = next_instruction(instruction)
            block = lib.LLVMGetNextBasicBlock(block)
        return count

    @property
    def is_valid(self) -> bool:
        return not self._lib.LLVMVerifyFunction(self.handle, _RETURN_STATUS)

    def users(self) -> list[Function | None]:
        """For each use, the function whose instruction it is; None for one in a constant."""
        lib, found = self._lib, list[Function | None]()
        use = lib.LLVMGetFirstUse(self.handle)
        while use:
            user = lib.LLVMGetUser(use)
            host = None
            if lib.LLVMIsAInstruction(user):
                host = lib.LLVMGetBasicBlockParent(lib.LLVMGetInstructionParent(user))
            found.append(Function(self.module, host) if host else None)
            use = lib.LLVMGetNextUse(use)
        return found

    def run(self, pipeline: str, target: Target) -> None:
        """Run a pipeline of function and loop passes on this function alone, in place.

        Raises PipelineError with LLVM's message.
        """
        self.module._raise_pipeline_error(
            pipeline,
            self._lib.LLVMRunPassesOnFunction(
                self.handle, pipeline.encode(), target.handle, target.options
            ),
        )


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
            self._raise_pipeline_error(
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
        self._raise_pipeline_error(pipeline, error)

    def _raise_pipeline_error(self, pipeline: str, error: int | None) -> None:
        if error:
            pointer = self._lib.LLVMGetErrorMessage(error)
            message = ctypes.string_at(pointer).decode(errors="replace")
            self._lib.LLVMDisposeErrorMessage(pointer)
            raise PipelineError(f"pipeline '{pipeline}': {_one_line(message)}")
        if self.context.errors:
            raise PipelineError(f"pipeline '{pipeline}': {self.context.take_errors()}")

    def verify(self) -> None:
        """Raises InvalidModuleError with the verifier's message."""
        message = ctypes.c_void_p()
        if self._lib.LLVMVerifyModule(self.handle, _RETURN_STATUS, ctypes.byref(message)):
            raise InvalidModuleError(f"invalid IR: {_one_line(_take_message(message.value))}")
        self._lib.LLVMDisposeMessage(message)

    def link(self, other: Module) -> None:
        """Move everything of `other`, which is consumed, into this module.

        Raises InvalidModuleError where symbols clash.
        """
        handle, other.handle = other.handle, None
        if self._lib.LLVMLinkModules2(self.handle, handle):
            raise InvalidModuleError(f"modules do not link: {self.context.take_errors()}")

    def __str__(self) -> str:
        return _take_message(self._lib.LLVMPrintModuleToString(self.handle))

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
            raise InvalidModuleError(f"no code generated: {_take_message(message.value)}")
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
        symbol._copy_properties(new.handle)
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
