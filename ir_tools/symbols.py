"""What has a name in a module: functions, global variables, aliases and ifuncs.

Each is a view of LLVM's own value and copies nothing; `ir_tools.llvm.Module` gives them out.
"""

from __future__ import annotations

import ctypes
import enum
import functools
from typing import TYPE_CHECKING

from ir_tools.libllvm import library, take_message

if TYPE_CHECKING:
    from ir_tools.llvm import Module
    from ir_tools.target import Target

_RETURN_STATUS = 2  # LLVMReturnStatusAction: report by value, neither print nor abort
_FUNCTION_INDEX = 0xFFFFFFFF  # LLVMAttributeFunctionIndex


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
    def is_constant(self) -> bool:
        """Whether it is a variable that nobody may write to."""
        return bool(
            self._lib.LLVMIsAGlobalVariable(self.handle)
            and self._lib.LLVMIsGlobalConstant(self.handle)
        )

    @property
    def initializer(self) -> int | None:
        """The handle of a variable's initializer; None for a declaration or anything else."""
        is_variable = self._lib.LLVMIsAGlobalVariable(self.handle)
        return self._lib.LLVMGetInitializer(self.handle) if is_variable else None

    @property
    def initializer_text(self) -> str:
        """The initializer as IR; empty when there is none."""
        initializer = self.initializer
        return take_message(self._lib.LLVMPrintValueToString(initializer)) if initializer else ""

    def copy_properties(self, new: int) -> None:
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

    def copy_properties(self, new: int) -> None:
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
        self.module.raise_pipeline_error(
            pipeline,
            self._lib.LLVMRunPassesOnFunction(
                self.handle, pipeline.encode(), target.handle, target.options
            ),
        )
