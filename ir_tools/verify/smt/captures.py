"""Which allocas' addresses may leave their function."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from ir_tools.verify import ir

_PASSES_ON = ("getelementptr", "bitcast", "phi", "select", "freeze")
_USES = ("load", "icmp")
_HARMLESS = (
    "llvm.lifetime.", "llvm.memcpy.", "llvm.memmove.", "llvm.memset.", "llvm.assume", "llvm.dbg.",
)  # fmt: skip


Point = tuple[str, int]  # a block, and how many instructions of it come before


class Captures:
    """Where a function's allocas are captured.

    An address that is stored, passed to a call, returned or made an integer counts as captured from
    the block's beginning, and at all points that can be reached from there.
    """

    def __init__(self, function: ir.Function) -> None:
        self._function = function
        self._points: dict[int, Point] = {}
        self._where: dict[str, set[Point]] = {}
        origins = _all_origins(function)
        for block in function.blocks:
            for index, instruction in enumerate(block.instructions):
                self._points[id(instruction)] = block.name, index
                for operand in _captures(instruction):
                    for name in _origins(operand, origins):
                        self._where.setdefault(name, set()).add((block.name, index))
        self.names = frozenset(self._where)

    def inside(self, instruction: ir.Instruction) -> frozenset[str]:
        """Those of `names` that are captured neither before the instruction nor by it."""
        point = self._points.get(id(instruction))
        if point is None:
            return frozenset()
        return frozenset(
            name
            for name, where in self._where.items()
            if not any(self._leads(capture, point) for capture in where)
        )

    def _leads(self, start: Point, end: Point) -> bool:
        is_before = start[0] == end[0] and start[1] <= end[1]
        return is_before or end[0] in self._reached[start[0]]

    @functools.cached_property
    def _reached(self) -> dict[str, frozenset[str]]:
        """The blocks that come after each, which it may be itself."""
        following = {
            block.name: frozenset(block.instructions[-1].targets) for block in self._function.blocks
        }
        while True:
            further = {
                name: found.union(*(following[each] for each in found))
                for name, found in following.items()
            }
            if further == following:
                return following
            following = further


def _all_origins(function: ir.Function) -> dict[str, frozenset[str]]:
    origins = {
        each.name: frozenset({each.name})
        for each in function.instructions()
        if each.opcode == "alloca"
    }
    while _spread(function, origins):
        pass
    return origins


def _spread(function: ir.Function, origins: dict[str, frozenset[str]]) -> bool:
    """Hand origins on to results; whether there was anything new."""
    changed = False
    for each in function.instructions():
        if each.opcode in _PASSES_ON:
            old = origins.get(each.name, frozenset())
            new = old.union(*(_origins(operand, origins) for operand in each.operands))
            if new != old:
                origins[each.name] = new
                changed = True
    return changed


def _captures(instruction: ir.Instruction) -> Iterator[ir.Value]:
    """The operands that the instruction lets out."""
    if instruction.opcode in (*_PASSES_ON, *_USES, "alloca"):
        return
    if instruction.opcode == "store":
        yield instruction.operands[0]
        return
    if instruction.call and instruction.call.name.startswith(_HARMLESS):
        return
    yield from instruction.operands
    if instruction.call:
        yield instruction.call.callee


def _origins(value: ir.Value, origins: dict[str, frozenset[str]]) -> frozenset[str]:
    return origins.get(value.name, frozenset()) if isinstance(value, ir.Local) else frozenset()
