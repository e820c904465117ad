"""What a call may do: the attributes of the call and of its callee, taken together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ir_tools.verify import ir

_ALL = 0xFFF
_ARGUMENTS, _INACCESSIBLE = 0b11, 0b1100
_READS, _WRITES = 0x555, 0xAAA
# What the program can see: neither inaccessible memory nor errno's own location.
_VISIBLE = _ALL & ~_INACCESSIBLE


@dataclass(frozen=True, slots=True)
class Effects:
    """`memory` is LLVM's mask: two bits a location, read and write."""

    memory: int
    returns: bool  # always, and normally: it neither unwinds, nor exits, nor loops for ever
    never_returns: bool

    @property
    def is_event(self) -> bool:
        """Whether it must happen as often as in the source, and in that order."""
        return not self.returns or bool(self.memory & _WRITES)

    @property
    def is_unrestricted(self) -> bool:
        return self.memory == _ALL

    @property
    def reads(self) -> bool:
        return bool(self.memory & _VISIBLE & _READS)

    @property
    def writes(self) -> bool:
        return bool(self.memory & _VISIBLE & _WRITES)

    @property
    def shows_memory(self) -> bool:
        """Whether the callee, or who is there when it does not return, can look at memory."""
        return self.reads or self.writes or not self.returns

    @property
    def writes_arguments_only(self) -> bool:
        return self.writes and not self.memory & _VISIBLE & _WRITES & ~_ARGUMENTS


def mask(attributes: Mapping[str, object]) -> int:
    """The `memory` attribute; without one, everything."""
    value = attributes.get("memory", _ALL)
    assert isinstance(value, int)
    return value & _ALL


def effects(call: ir.Call, callee: ir.Function | None, implied: frozenset[str]) -> Effects:
    """Of the call's and the callee's attributes, and those that the caller's imply."""
    attributes = set(call.attributes) | implied
    memory = mask(call.attributes)
    if callee is not None:
        attributes |= set(callee.attributes)
        memory &= mask(callee.attributes)
    returns = {"willreturn", "nounwind"} <= attributes
    return Effects(memory, returns, "noreturn" in attributes)


def parameter(call: ir.Call, callee: ir.Function | None, index: int) -> dict[str, object]:
    """The promises on an argument, of both."""
    found: dict[str, object] = {}
    if callee is not None and index < len(callee.parameters):
        found |= callee.parameters[index].attributes
    if index < len(call.parameters):
        found |= strongest(found, call.parameters[index])
    return found


def result(call: ir.Call, callee: ir.Function | None) -> dict[str, object]:
    found: dict[str, object] = dict(callee.result) if callee is not None else {}
    return found | strongest(found, call.result)


def strongest(known: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """Of two promises of a kind, the stronger, where that is a matter of numbers."""
    numbers = ("align", "dereferenceable", "dereferenceable_or_null")
    chosen = dict(new)
    for name in numbers:
        if name in known and name in new:
            chosen[name] = max(int(str(known[name])), int(str(new[name])))
    if "nofpclass" in known and "nofpclass" in new:
        chosen["nofpclass"] = known["nofpclass"] | new["nofpclass"]  # type: ignore[operator]
    return chosen
