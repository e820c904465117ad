"""Exact models of library functions on memory that LLVM folds, expands and merges.

strlen, memcmp, bcmp, strcmp, strncmp, strchr, strrchr, strspn, strcspn, strpbrk, strstr, memchr,
strcpy, stpcpy, strcat, memcpy, memmove, memset and abs. They read what they need and no more; of a
comparison that differs only the sign is known, and for `bcmp` not even that: the rest is a choice,
unless nobody looks at it. Other functions that LLVM knows are in `libraries`, without a model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import semantics
from ir_tools.verify.interpreter.concrete import POISON, Undefined
from ir_tools.verify.interpreter.storage import NULL, Pointer

Meaning = Callable[[Any, list[Any]], Any]
_FULL = (1 << 32) - 1
_EQUALITY = frozenset({"eq", "ne"})
_CLOSED = _EQUALITY | {"slt", "sgt", "sle", "sge"}, _EQUALITY  # tests of signs, of bcmp's


def _byte(machine: Any, pointer: Any, index: int) -> int:
    if not isinstance(pointer, Pointer):
        raise Undefined("a library function on poison or undef")
    machine.fuel -= 1
    at = Pointer(pointer.block, pointer.offset + index)
    block, offset = machine.memory.access(at, 1, 1, False)
    byte = machine.memory.concrete(machine.memory.load_integer(block, offset, 1))
    if not isinstance(byte, int):
        raise Undefined("a library function reads poison")
    return byte


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise Undefined("a library function on poison or undef")
    return value


def _string(machine: Any, pointer: Any) -> bytes:
    found = bytearray()
    while byte := _byte(machine, pointer, len(found)):
        found.append(byte)
    return bytes(found)


def _strlen(machine: Any, arguments: list[Any]) -> int:
    return len(_string(machine, arguments[0]))


def _sign(difference: int) -> int:
    return 0 if not difference else 1 if difference > 0 else _FULL


def _open(compare: Meaning) -> Meaning:
    """Only the sign of a difference is known; the rest is a choice."""

    def compared(machine: Any, arguments: list[Any]) -> Any:
        value = compare(machine, arguments)
        if value:
            machine.memory.choose("comparison", 1 << 64)
        return value

    return compared


def _memcmp(machine: Any, arguments: list[Any]) -> int:
    one, other, size = arguments[0], arguments[1], _number(arguments[2])
    for index in range(size):
        difference = _byte(machine, one, index) - _byte(machine, other, index)
        if difference:
            return _sign(difference)
    return 0


def _strncmp(machine: Any, arguments: list[Any]) -> int:
    one, other = arguments[:2]
    size = _number(arguments[2]) if len(arguments) > 2 else 1 << 62
    index = 0
    while index < size:
        a, b = _byte(machine, one, index), _byte(machine, other, index)
        if a != b:
            return _sign(a - b)
        if not a:
            return 0
        index += 1
    return 0


def _strchr(machine: Any, arguments: list[Any]) -> Pointer:
    text, wanted = arguments[0], _number(arguments[1]) & 0xFF
    index = 0
    while (byte := _byte(machine, text, index)) != wanted:
        if not byte:
            return NULL
        index += 1
    return Pointer(text.block, text.offset + index)


def _at(text: Any, index: int) -> Pointer:
    return NULL if index < 0 else Pointer(text.block, text.offset + index)


def _strrchr(machine: Any, arguments: list[Any]) -> Pointer:
    text, wanted = arguments[0], _number(arguments[1]) & 0xFF
    return _at(text, (_string(machine, text) + b"\0").rfind(wanted))


def _strspn(machine: Any, arguments: list[Any]) -> int:
    text, accepted = (_string(machine, each) for each in arguments)
    return len(text) - len(text.lstrip(accepted))


def _strcspn(machine: Any, arguments: list[Any]) -> int:
    text, rejected = (_string(machine, each) for each in arguments)
    return next((index for index, byte in enumerate(text) if byte in rejected), len(text))


def _strpbrk(machine: Any, arguments: list[Any]) -> Pointer:
    length = len(_string(machine, arguments[0]))
    index = _strcspn(machine, arguments)
    return _at(arguments[0], index if index < length else -1)


def _strstr(machine: Any, arguments: list[Any]) -> Pointer:
    text, wanted = (_string(machine, each) for each in arguments)
    return _at(arguments[0], text.find(wanted))


def _memchr(machine: Any, arguments: list[Any]) -> Pointer:
    start, wanted, size = arguments[0], _number(arguments[1]) & 0xFF, _number(arguments[2])
    for index in range(size):
        if _byte(machine, start, index) == wanted:
            return Pointer(start.block, start.offset + index)
    return NULL


def _copy(machine: Any, arguments: list[Any]) -> Any:
    to, from_, size = arguments[0], arguments[1], _number(arguments[2])
    if size:
        machine.fuel -= size // 8
        source, start = machine.memory.access(from_, size, 1, False)
        target, at = machine.memory.access(to, size, 1, True)
        machine.memory.copy(target, at, source, start, size)
    return to


def _memcpy(machine: Any, arguments: list[Any]) -> Any:
    to, from_, size = arguments
    if (
        isinstance(to, Pointer)
        and isinstance(from_, Pointer)
        and to.block is from_.block
        and 0 < abs(to.offset - from_.offset) < _number(size)
    ):
        raise Undefined("a copy to where it comes from")
    return _copy(machine, arguments)


def _strcpy(machine: Any, arguments: list[Any]) -> Any:
    return _memcpy(machine, [*arguments, _strlen(machine, arguments[1:]) + 1])


def _stpcpy(machine: Any, arguments: list[Any]) -> Any:
    length = _strlen(machine, arguments[1:])
    return _at(_memcpy(machine, [*arguments, length + 1]), length)


def _strcat(machine: Any, arguments: list[Any]) -> Any:
    to, from_ = arguments
    _strcpy(machine, [_at(to, _strlen(machine, [to])), from_])
    return to


def _memset(machine: Any, arguments: list[Any]) -> Any:
    to, byte, size = arguments[0], arguments[1], _number(arguments[2])
    if size:
        machine.fuel -= size // 8
        block, at = machine.memory.access(to, size, 1, True)
        machine.memory.fill(block, at, size, byte & 0xFF if isinstance(byte, int) else POISON)
    return to


def _abs(machine: Any, arguments: list[Any]) -> Any:
    value = arguments[0]
    if value is POISON or value == 1 << 31:
        return POISON
    return abs(semantics.signed(_number(machine.memory.concrete(value)), 32))


_BY_NAME: dict[str, tuple[Meaning, str]] = {
    "strlen": (_strlen, "i64 (ptr)"),
    "memcmp": (_memcmp, "i32 (ptr, ptr, i64)"),
    "bcmp": (_memcmp, "i32 (ptr, ptr, i64)"),
    "strcmp": (_strncmp, "i32 (ptr, ptr)"),
    "strncmp": (_strncmp, "i32 (ptr, ptr, i64)"),
    "strchr": (_strchr, "ptr (ptr, i32)"),
    "strrchr": (_strrchr, "ptr (ptr, i32)"),
    "strspn": (_strspn, "i64 (ptr, ptr)"),
    "strcspn": (_strcspn, "i64 (ptr, ptr)"),
    "strpbrk": (_strpbrk, "ptr (ptr, ptr)"),
    "strstr": (_strstr, "ptr (ptr, ptr)"),
    "strcpy": (_strcpy, "ptr (ptr, ptr)"),
    "stpcpy": (_stpcpy, "ptr (ptr, ptr)"),
    "strcat": (_strcat, "ptr (ptr, ptr)"),
    "memchr": (_memchr, "ptr (ptr, i32, i64)"),
    "memcpy": (_memcpy, "ptr (ptr, ptr, i64)"),
    "memmove": (_copy, "ptr (ptr, ptr, i64)"),
    "memset": (_memset, "ptr (ptr, i32, i64)"),
    "abs": (_abs, "i32 (i32)"),
}


def is_modelled(function: ir.Function) -> bool:
    known = _BY_NAME.get(function.name)
    is_builtin = "nobuiltin" not in function.attributes
    return is_builtin and known is not None and str(function.type) == known[1]


def meaning(function: ir.Function, call: ir.Call, tests: frozenset[str]) -> Meaning | None:
    """What a declared function does, if it is one of these, with their type; `tests` are the
    predicates that compare its result with zero, "" if something else is done with it."""
    if "nobuiltin" in call.attributes or not is_modelled(function):
        return None
    known = _BY_NAME[function.name][0]
    if known not in (_memcmp, _strncmp) or tests <= _CLOSED[function.name == "bcmp"]:
        return known
    return _open(known)
