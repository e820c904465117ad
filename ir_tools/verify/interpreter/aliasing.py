"""Type-based aliasing: may two accesses touch the same memory, by their `tbaa` tags?

Where two that may not do, and one of them writes, the run is undefined: LLVM may take them in any
order. A plain run takes no notice, since few runs need to know; a `typed` one checks every load and
store. What is doubtful counts as undefined here: members of structures within structures. Not
covered: what intrinsics copy, and `noalias` scopes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import Undefined
from ir_tools.verify.interpreter.storage import Pointer

Tag = tuple[int, ...]  # see `ir.Instruction.tbaa`


class Tags:
    """The tags of the accesses of a run, byte by byte; whether each was ever one of a write."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], dict[Tag, bool]] = {}

    def note(self, pointer: Any, size: int, tag: Tag, writes: bool) -> None:
        """Raises Undefined where an access and an earlier one may not touch the same byte."""
        if not isinstance(pointer, Pointer) or pointer.block is None:
            return
        for offset in range(pointer.offset, pointer.offset + size):
            seen = self._seen.setdefault((pointer.block.name, offset), {})
            for other, wrote in seen.items():
                if (writes or wrote) and not may_alias(tag, other):
                    raise Undefined(f"accesses of two types to {pointer.plain()}")
            seen[tag] = writes or seen.get(tag, False)


def may_alias(one: Tag, other: Tag) -> bool:
    base, _, access, *above = one
    its_base, _, its_access, *its_above = other
    if one == other:
        return True
    is_kind = access == its_access or access in its_above or its_access in above
    return is_kind and (base == access or its_base == its_access)


def noted(
    step: Callable[[list[Any]], None], source: int, size: int, access: ir.Instruction
) -> Callable[[list[Any]], None]:
    """A step that is a load or store, with a check of its type before it."""
    tag, writes = access.tbaa, access.opcode == "store"

    def checked(registers: list[Any]) -> None:
        registers[0].tags.note(registers[source], size, tag, writes)
        step(registers)

    return checked
