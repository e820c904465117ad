"""LLVM's types as `ir_tools.verify.ir`'s values, and what each takes in memory."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import re
from collections.abc import Callable
from typing import Any

from ir_tools.libllvm import library, take_message
from ir_tools.llvm import Module
from ir_tools.verify import ir

_FLOATS = {
    1: "half", 2: "float", 3: "double", 4: "x86_fp80", 5: "fp128", 6: "ppc_fp128", 18: "bfloat",
}  # fmt: skip
_MOST_LEAVES = 4096  # of a structure: one that nests others twice at each level is no tree


def elements(count: int, fill: Callable[[Any], object]) -> list[Any]:
    """The handles that an LLVM-C function writes into an array of that length."""
    handles = (ctypes.c_void_p * count)()
    fill(handles)
    return list(handles)


class Types:
    """Types by handle, and what each takes in memory."""

    def __init__(self, module: Module) -> None:
        lib = self._lib = library()
        self._data_layout = lib.LLVMGetModuleDataLayout(module.handle)
        self._types: dict[int, ir.Type] = {}
        self._extents: dict[ir.Type, ir.Extent] = {}
        self._leaves: dict[int, int] = {}  # elements of a structure, those inside it included
        self._spaces: dict[int, tuple[int, int]] = {}
        self._index_bits = _index_bits(lib.LLVMGetDataLayoutStr(module.handle).decode())

    def __getitem__(self, handle: int) -> ir.Type:
        if handle not in self._types:
            type_ = self._types[handle] = self._read(handle)
            if self._has_extent(type_) and self._lib.LLVMTypeIsSized(handle):
                self._extents[type_] = self._extent(handle, type_)
        return self._types[handle]

    def layout(self) -> ir.Layout:
        """The layout of every type that was read so far."""
        pointer = {space: bits for space, (bits, _) in self._spaces.items()}
        index = {space: bits for space, (_, bits) in self._spaces.items()}
        little = self._lib.LLVMByteOrder(self._data_layout) == 1
        return ir.Layout(self._extents, pointer, index, little)

    def space(self, number: int) -> None:
        """Note an address space."""
        if number not in self._spaces:
            bits = 8 * self._lib.LLVMPointerSizeForAS(self._data_layout, number)
            self._spaces[number] = bits, self._index_bits.get(number, bits)

    def _read(self, handle: int) -> ir.Type:
        lib, kind = self._lib, self._lib.LLVMGetTypeKind(handle)
        if kind in _FLOATS:
            return ir.FloatType(_FLOATS[kind])
        match kind:
            case 0:
                return ir.VoidType()
            case 8:
                return ir.IntType(lib.LLVMGetIntTypeWidth(handle))
            case 9:
                types = elements(
                    lib.LLVMCountParamTypes(handle),
                    functools.partial(lib.LLVMGetParamTypes, handle),
                )
                result = self[lib.LLVMGetReturnType(handle)]
                vararg = bool(lib.LLVMIsFunctionVarArg(handle))
                return ir.FunctionType(result, tuple(self[each] for each in types), vararg)
            case 10 if lib.LLVMTypeIsSized(handle):
                count = lib.LLVMGetNumContainedTypes(handle)
                handles = elements(count, functools.partial(lib.LLVMGetSubtypes, handle))
                structure = ir.StructType(
                    tuple(self[each] for each in handles), bool(lib.LLVMIsPackedStruct(handle))
                )
                self._leaves[handle] = sum(self._leaves.get(each, 1) for each in handles)
                small = self._leaves[handle] <= _MOST_LEAVES
                return structure if small else ir.OtherType(_large(structure))
            case 11:
                element = self[lib.LLVMGetElementType(handle)]
                return ir.ArrayType(lib.LLVMGetArrayLength2(handle), element)
            case 12:
                number = lib.LLVMGetPointerAddressSpace(handle)
                self.space(number)
                return ir.PointerType(number)
            case 13:
                element = self[lib.LLVMGetElementType(handle)]
                return ir.VectorType(lib.LLVMGetVectorSize(handle), element)
        return ir.OtherType(take_message(lib.LLVMPrintTypeToString(handle)))

    @staticmethod
    def _has_extent(type_: ir.Type) -> bool:
        return not isinstance(type_, ir.VoidType | ir.FunctionType | ir.OtherType)

    def _extent(self, handle: int, type_: ir.Type) -> ir.Extent:
        lib, layout = self._lib, self._data_layout
        count = len(type_.elements) if isinstance(type_, ir.StructType) else 0
        return ir.Extent(
            lib.LLVMStoreSizeOfType(layout, handle),
            lib.LLVMABISizeOfType(layout, handle),
            lib.LLVMABIAlignmentOfType(layout, handle),
            tuple(lib.LLVMOffsetOfElement(layout, handle, i) for i in range(count)),
        )


def _large(structure: ir.StructType) -> str:
    """A name for what it is: LLVM's text of it has addresses of this process."""
    return f"a large structure ({hashlib.sha256(str(structure).encode()).hexdigest()[:32]})"


def _index_bits(layout: str) -> dict[int, int]:
    """The index widths that a data layout states: `p[n]:size:abi[:preferred[:index]]`."""
    found = re.finditer(r"(?:^|-)p[a-z]*(\d*):\d+:\d+:\d+:(\d+)", layout)
    return {int(each[1] or 0): int(each[2]) for each in found}
