"""What a function may do to the caller's memory, by its attributes; a violation is undefined.

Covered, block by block: `memory(...)` of the function; `readonly`, `writeonly` and `readnone` of a
parameter, and `noalias`, where only one argument points to the block. An access that is allowed in
one way and forbidden in another counts as allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import Undefined
from ir_tools.verify.interpreter.operations import map_lanes
from ir_tools.verify.interpreter.storage import Memory, Pointer

READ, WRITE = 1, 2
_ARGUMENTS, _OTHER = 0, 6  # bits of `memory`, LLVM's MemoryEffects
EVERYTHING = 0xFFF


def effects(attributes: Mapping[str, Any]) -> int:
    """The mask of `memory`, two bits a kind of location."""
    mask = attributes.get("memory", EVERYTHING)
    assert isinstance(mask, int)
    return mask


def on_arguments(mask: int) -> int:
    return mask >> _ARGUMENTS & 3


def elsewhere(mask: int) -> int:
    return mask >> _OTHER & 3


def writes(mask: int) -> bool:
    """May it write memory that we see: not what is inaccessible to us?"""
    return bool(mask & 0xAA2)


def of_parameter(attributes: Mapping[str, Any]) -> int:
    """What may be done through a pointer parameter."""
    if "readnone" in attributes:
        return 0
    if "readonly" in attributes:
        return READ
    return WRITE if "writeonly" in attributes else READ | WRITE


def grant(memory: Memory, function: ir.Function, arguments: list[Any]) -> None:
    """Sets what the run may do to the caller's blocks."""
    mask = effects(function.attributes)
    memory.rights = _pair(elsewhere(mask))
    for parameter, value in zip(function.parameters, arguments, strict=True):
        if parameter.attributes.get("captures", 1) == 0 and isinstance(value, Pointer):
            memory.uncaptured.append(value)
    by_block: dict[str, int] = {}
    users: dict[str, int] = {}
    for parameter, value in zip(function.parameters, arguments, strict=True):
        if "byval" in parameter.attributes:
            continue
        rights = of_parameter(parameter.attributes) & on_arguments(mask)
        for name in _blocks(value):
            by_block[name] = by_block.get(name, 0) | rights
            users[name] = users.get(name, 0) + 1
    for parameter, value in zip(function.parameters, arguments, strict=True):
        shared = any(users.get(name, 0) > 1 for name in _blocks(value))
        if "noalias" in parameter.attributes and shared:
            raise Undefined(f"argument {parameter.name}: noalias, but another points there too")
    # Through a global the same memory may be reached: then what is allowed elsewhere counts too.
    for name, rights in by_block.items():
        allowed = rights | elsewhere(mask) if name.startswith("@") else rights
        memory.rights_by_name[name] = _pair(allowed)
        block = memory.blocks.get(name)
        if block is not None:
            block.readable = bool(allowed & READ)
            block.writable = bool(allowed & WRITE) and block.kind != "constant"


def _pair(rights: int) -> tuple[bool, bool]:
    return bool(rights & READ), bool(rights & WRITE)


def _blocks(value: Any) -> set[str]:
    names: set[str] = set()
    map_lanes(
        lambda lane: (
            names.add(lane.block.name)
            if isinstance(lane, Pointer) and lane.block is not None
            else None
        ),
        value,
    )
    return names
