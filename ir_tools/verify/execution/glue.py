"""IR between machine code and us: how a function is entered, and how its calls come back.

Built by LLVM itself for the types and attributes of each function, so that LLVM cares for the ABI.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ir_tools.libllvm import library
from ir_tools.llvm import Module
from ir_tools.symbols import Function

SLOT_ALIGN = 16  # of every argument in its buffer; the result has a buffer of its own
_VOID_KIND = 0  # LLVMVoidTypeKind
_PAINTED_BYTES = 1 << 14  # of the stack
_VA_LIST_BYTES = 64  # more than any ABI's


def slots(sizes: Iterable[int]) -> Iterator[int]:
    """Where each argument stands in the arguments' buffer, then where the buffer ends."""
    padded = (-(-size // SLOT_ALIGN) * SLOT_ALIGN for size in sizes)
    return itertools.accumulate(padded, initial=0)


@dataclass(frozen=True, slots=True)
class Model:
    """The type of a function, its calling convention, its attributes from the result's on."""

    type: int
    convention: int
    attributes: list[list[int]]

    @classmethod
    def of_function(cls, function: Function) -> Model:
        lib, handle = library(), function.handle
        count, get = lib.LLVMGetAttributeCountAtIndex, lib.LLVMGetAttributesAtIndex
        convention = lib.LLVMGetFunctionCallConv(handle)
        return cls._of(handle, function.value_type, convention, count, get)

    @classmethod
    def of_call(cls, call: int) -> Model:
        lib = library()
        count, get = lib.LLVMGetCallSiteAttributeCount, lib.LLVMGetCallSiteAttributes
        type_ = lib.LLVMGetCalledFunctionType(call)
        return cls._of(call, type_, lib.LLVMGetInstructionCallConv(call), count, get)

    @classmethod
    def _of(cls, handle: int, type_: int, convention: int, count: Any, get: Any) -> Model:
        found: list[list[int]] = []
        for index in range(library().LLVMCountParamTypes(type_) + 1):
            attributes = (ctypes.c_void_p * count(handle, index))()
            get(handle, index, attributes)
            found.append([attribute for attribute in attributes if attribute])
        return cls(type_, convention, found)


@functools.cache
def _jump_buffer() -> ctypes.Array[ctypes.c_longdouble]:
    """For setjmp; one is enough, since one function runs at a time."""
    return (ctypes.c_longdouble * 64)()


class Builder:
    """Builds the IR that is between the module and us."""

    def __init__(self, module: Module, callback: int) -> None:
        lib = self._lib = library()
        self._module = module
        context = self._context = module.context.handle
        self._builder = lib.LLVMCreateBuilderInContext(context)
        self._pointer = lib.LLVMPointerTypeInContext(context, 0)
        self._void = lib.LLVMVoidTypeInContext(context)
        self._byte, self._int, self._long = (
            lib.LLVMIntTypeInContext(context, n) for n in (8, 32, 64)
        )
        self._on_call = self._constant_pointer(callback)
        self._on_call_type = self._signature(self._int, self._int, self._pointer, self._pointer)
        self._jump = self._constant_pointer(ctypes.addressof(_jump_buffer()))

    def answer(self, number: int, model: Model) -> str:
        """The name of a new function that asks `on_call`."""
        lib, name = self._lib, f"ozone:stub{number}"
        stub = lib.LLVMAddFunction(self._module.handle, name.encode(), model.type)
        lib.LLVMSetFunctionCallConv(stub, model.convention)
        for index, attributes in enumerate(model.attributes):
            for attribute in attributes:
                lib.LLVMAddAttributeAtIndex(stub, index, attribute)
        self._begin(stub)
        result_type = lib.LLVMGetReturnType(model.type)
        types = self._parameter_types(model.type)
        values = [lib.LLVMGetParam(stub, index) for index in range(len(types))]
        if lib.LLVMIsFunctionVarArg(model.type):
            values.append(self._start_of_variable_arguments())
            types.append(self._pointer)
        *places, end = slots(map(self._size, types))
        arguments, result = self._room(end), self._room(self._size(result_type))
        for place, value in zip(places, values, strict=True):
            lib.LLVMBuildStore(self._builder, value, self._at(arguments, place))
        index = lib.LLVMConstInt(self._int, number, 0)
        leave = self._call(self._on_call_type, self._on_call, index, arguments, result)
        stays, leaves = self._fork(stub, leave)
        lib.LLVMPositionBuilderAtEnd(self._builder, leaves)
        jump_type = self._signature(self._void, self._pointer, self._int)
        jump = self._declare("longjmp", jump_type)
        self._call(jump_type, jump, self._jump, lib.LLVMConstInt(self._int, 1, 0))
        lib.LLVMBuildUnreachable(self._builder)
        lib.LLVMPositionBuilderAtEnd(self._builder, stays)
        self._return(result_type, result)
        return name

    def empty(self, function: Function) -> Function:
        """A new function of that type and conventions, which returns at once."""
        lib, model = self._lib, Model.of_function(function)
        handle = lib.LLVMAddFunction(self._module.handle, b"ozone:empty", model.type)
        lib.LLVMSetFunctionCallConv(handle, model.convention)
        for index, attributes in enumerate(model.attributes):
            for attribute in attributes:
                lib.LLVMAddAttributeAtIndex(handle, index, attribute)
        self._begin(handle)
        type_ = lib.LLVMGetReturnType(model.type)
        if lib.LLVMGetTypeKind(type_) == _VOID_KIND:
            lib.LLVMBuildRetVoid(self._builder)
        else:
            lib.LLVMBuildRet(self._builder, lib.LLVMGetPoison(type_))
        return Function(self._module, handle)

    def enter(self, function: Function, name: str = "ozone:enter") -> str:
        """The name of a new function that calls `function` with the arguments in their slots."""
        lib = self._lib
        type_ = self._signature(self._void, self._pointer, self._pointer)
        handle = lib.LLVMAddFunction(self._module.handle, name.encode(), type_)
        self._begin(handle)
        mark_type = self._signature(self._int, self._pointer)
        mark = Function(self._module, self._declare("_setjmp", mark_type))
        mark.add_attribute("returns_twice")
        first, again = self._fork(handle, self._call(mark_type, mark.handle, self._jump))
        lib.LLVMPositionBuilderAtEnd(self._builder, first)
        arguments, result = lib.LLVMGetParam(handle, 0), lib.LLVMGetParam(handle, 1)
        types = self._parameter_types(function.value_type)
        places = slots(map(self._size, types))
        values = [
            lib.LLVMBuildLoad2(self._builder, type_, self._at(arguments, place), b"")
            for type_, place in zip(types, places, strict=False)
        ]
        call = self._call(function.value_type, function.handle, *values)
        self._adopt_conventions(call, Model.of_function(function))
        if lib.LLVMGetTypeKind(lib.LLVMGetReturnType(function.value_type)) != _VOID_KIND:
            lib.LLVMBuildStore(self._builder, call, result)
        lib.LLVMBuildRetVoid(self._builder)
        lib.LLVMPositionBuilderAtEnd(self._builder, again)
        lib.LLVMBuildRetVoid(self._builder)
        return name

    def paint(self) -> str:
        """The name of a new function that leaves a byte all over the stack below its caller."""
        lib, name = self._lib, "ozone:paint"
        type_ = self._signature(self._void, self._byte)
        handle = lib.LLVMAddFunction(self._module.handle, name.encode(), type_)
        self._begin(handle)
        size = lib.LLVMConstInt(self._long, _PAINTED_BYTES, 0)
        room = self._room(_PAINTED_BYTES)
        lib.LLVMBuildMemSet(self._builder, room, lib.LLVMGetParam(handle, 0), size, SLOT_ALIGN)
        lib.LLVMBuildRetVoid(self._builder)
        return name

    # pieces -------------------------------------------------------------------------------------

    def _begin(self, function: int) -> None:
        block = self._lib.LLVMAppendBasicBlockInContext(self._context, function, b"")
        self._lib.LLVMPositionBuilderAtEnd(self._builder, block)

    def _fork(self, function: int, value: int) -> tuple[int, int]:
        """Branch on an integer to two new blocks: for zero, and for anything else."""
        lib = self._lib
        zero, other = (
            lib.LLVMAppendBasicBlockInContext(self._context, function, b"") for _ in range(2)
        )
        is_zero = lib.LLVMBuildIsNull(self._builder, value, b"")
        lib.LLVMBuildCondBr(self._builder, is_zero, zero, other)
        return zero, other

    def _return(self, type_: int, place: int) -> None:
        lib = self._lib
        if lib.LLVMGetTypeKind(type_) == _VOID_KIND:
            lib.LLVMBuildRetVoid(self._builder)
        else:
            lib.LLVMBuildRet(self._builder, lib.LLVMBuildLoad2(self._builder, type_, place, b""))

    def _start_of_variable_arguments(self) -> int:
        type_ = self._signature(self._void, self._pointer)
        room = self._room(_VA_LIST_BYTES)
        self._call(type_, self._declare("llvm.va_start.p0", type_), room)
        return room

    def _adopt_conventions(self, call: int, model: Model) -> None:
        self._lib.LLVMSetInstructionCallConv(call, model.convention)
        for index, attributes in enumerate(model.attributes):
            for attribute in attributes:
                self._lib.LLVMAddCallSiteAttribute(call, index, attribute)

    def _room(self, size: int) -> int:
        type_ = self._lib.LLVMArrayType2(self._byte, max(size, 1))
        room: int = self._lib.LLVMBuildAlloca(self._builder, type_, b"")
        self._lib.LLVMSetAlignment(room, SLOT_ALIGN)
        return room

    def _at(self, base: int, offset: int) -> int:
        index = (ctypes.c_void_p * 1)(self._lib.LLVMConstInt(self._long, offset, 0))
        place: int = self._lib.LLVMBuildGEP2(self._builder, self._byte, base, index, 1, b"")
        return place

    def _call(self, type_: int, function: int, *arguments: int) -> int:
        array = (ctypes.c_void_p * len(arguments))(*arguments)
        call: int = self._lib.LLVMBuildCall2(
            self._builder, type_, function, array, len(arguments), b""
        )
        return call

    def _declare(self, name: str, type_: int) -> int:
        raw = name.encode()
        known = self._lib.LLVMGetNamedFunction(self._module.handle, raw)
        handle: int = known or self._lib.LLVMAddFunction(self._module.handle, raw, type_)
        return handle

    def _signature(self, result: int, *parameters: int) -> int:
        array = (ctypes.c_void_p * len(parameters))(*parameters)
        type_: int = self._lib.LLVMFunctionType(result, array, len(parameters), 0)
        return type_

    def _parameter_types(self, function_type: int) -> list[int]:
        types = (ctypes.c_void_p * self._lib.LLVMCountParamTypes(function_type))()
        self._lib.LLVMGetParamTypes(function_type, types)
        return [handle for handle in types if handle]

    def _size(self, type_: int) -> int:
        lib = self._lib
        if lib.LLVMGetTypeKind(type_) == _VOID_KIND:
            return 0
        layout = lib.LLVMGetModuleDataLayout(self._module.handle)
        size: int = lib.LLVMABISizeOfType(layout, type_)
        return size

    def _constant_pointer(self, address: int) -> int:
        number = self._lib.LLVMConstInt(self._long, address, 0)
        pointer: int = self._lib.LLVMConstIntToPtr(number, self._pointer)
        return pointer
