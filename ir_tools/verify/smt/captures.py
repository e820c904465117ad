"""Which allocas' addresses may leave their function."""

from __future__ import annotations

from collections.abc import Iterator

from ir_tools.verify import ir

_PASSES_ON = ("getelementptr", "bitcast", "phi", "select", "freeze")
_USES = ("load", "icmp")
_HARMLESS = (
    "llvm.lifetime.", "llvm.memcpy.", "llvm.memmove.", "llvm.memset.", "llvm.assume", "llvm.dbg.",
)  # fmt: skip


def captured(function: ir.Function) -> frozenset[str]:
    """The names of those that anything but a plain access may see.

    An address that is stored, passed to a call, returned or made an integer counts as captured from
    the block's beginning, wherever that happens.
    """
    origins = {
        each.name: frozenset({each.name})
        for each in function.instructions()
        if each.opcode == "alloca"
    }
    while _spread(function, origins):
        pass
    found: set[str] = set()
    for instruction in function.instructions():
        for operand in _captures(instruction):
            found |= _origins(operand, origins)
    return frozenset(found)


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
