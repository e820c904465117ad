"""What code is generated for: a target machine, and the options that it is made from.

Code generation itself is `Module.emit_object`, in `ir_tools.llvm`.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from ir_tools.errors import TargetError, one_line
from ir_tools.libllvm import library, take_message

if TYPE_CHECKING:
    from ir_tools.llvm import Module
    from ir_tools.symbols import GlobalValue

_CODEGEN_DEFAULT = 2  # what clang uses from -O2 to -Oz
_CODE_MODEL_DEFAULT = 0
_RELOCATION_MODELS = {"default": 0, "static": 1, "pic": 2, "dynamic-no-pic": 3}


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
        self.triple = triple or take_message(lib.LLVMGetDefaultTargetTriple())
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
            raise TargetError(one_line(take_message(message.value)))
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
        size: int = lib.LLVMABISizeOfType(layout, variable.value_type)
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
