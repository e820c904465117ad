"""Allocation functions: malloc, calloc, realloc, aligned_alloc, free and C++'s new and delete.

Recognised by name, or by `allockind`, in declarations that are not `nobuiltin`. An allocation
succeeds, or it fails where a chooser says so; LLVM may remove it, so it is no event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import rights
from ir_tools.verify.interpreter.concrete import Undefined
from ir_tools.verify.interpreter.libraries import FREERS
from ir_tools.verify.interpreter.storage import NULL, Pointer

Meaning = Callable[[Any, list[Any]], Any]
_ALIGN = 16


def _sized(size: Any) -> int:
    if not isinstance(size, int):
        raise Undefined("allocation of an undefined size")
    return size


def _new(machine: Any, size: int, align: int, may_fail: bool) -> Pointer:
    memory = machine.memory
    if size > machine.MOST_BYTES:
        memory.choose("allocation", 1 << 64)
        return NULL
    if may_fail and memory.choose("allocation", 2):
        return NULL
    return Pointer(memory.allocate("%heap", size, align, "heap"), 0)


def _malloc(machine: Any, arguments: list[Any]) -> Any:
    return _new(machine, _sized(arguments[0]), _ALIGN, True)


def _calloc(machine: Any, arguments: list[Any]) -> Any:
    size = _sized(arguments[0]) * _sized(arguments[1])
    pointer = _new(machine, size, _ALIGN, True)
    if pointer.block is not None:
        machine.memory.fill(pointer.block, 0, size, 0)
    return pointer


def _aligned_alloc(machine: Any, arguments: list[Any]) -> Any:
    return _new(machine, _sized(arguments[1]), max(_sized(arguments[0]), 1), True)


def _realloc(machine: Any, arguments: list[Any]) -> Any:
    old, size = arguments[0], _sized(arguments[1])
    if old == NULL:
        return _new(machine, size, _ALIGN, True)
    _check(old)
    pointer = _new(machine, size, _ALIGN, True)
    if pointer.block is not None:
        kept = min(size, old.block.size)
        machine.memory.copy(pointer.block, 0, old.block, 0, kept)
        _release(old)
    return pointer


def _operator_new(machine: Any, arguments: list[Any]) -> Any:
    return _new(machine, _sized(arguments[0]), _ALIGN, False)


def _check(pointer: Any) -> None:
    if not isinstance(pointer, Pointer) or pointer.block is None:
        raise Undefined("free of what was not allocated")
    if pointer.offset or not pointer.block.live or pointer.block.kind not in ("heap", "input"):
        raise Undefined(f"free of {pointer.plain()}")
    if pointer.block.name.startswith("@") and "[" not in pointer.block.name:
        raise Undefined(f"free of {pointer.plain()}")


def _release(pointer: Pointer) -> None:
    assert pointer.block is not None
    pointer.block.live = False
    pointer.block.version += 1


def _free(machine: Any, arguments: list[Any]) -> None:
    """Nothing, of address zero, whatever block a pointer there was made from."""
    (pointer, *_) = arguments
    if not isinstance(pointer, Pointer) or pointer.address:
        _check(pointer)
        _release(pointer)


_BY_NAME: dict[str, Meaning] = {
    "malloc": _malloc,
    "valloc": _malloc,
    "calloc": _calloc,
    "realloc": _realloc,
    "aligned_alloc": _aligned_alloc,
    "memalign": _aligned_alloc,
    "_Znwm": _operator_new,
    "_Znam": _operator_new,
    **dict.fromkeys(FREERS, _free),
}


def meaning(function: ir.Function, call: ir.Call) -> Meaning | None:
    """What a declared function does, if it allocates or frees."""
    if "nobuiltin" in call.attributes or "nobuiltin" in function.attributes:
        return None
    if not rights.effects(function.attributes) & rights.effects(call.attributes) & 0xAAA:
        return None  # it touches nothing
    known = _BY_NAME.get(function.name)
    if known is None or len(function.parameters) < 1 or function.type.is_vararg:
        return None
    return known
