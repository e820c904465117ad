"""Volatile and atomic accesses, and fences: events, as calls of functions that nobody knows are.

What other threads or devices do meanwhile may be anything that a call may do to memory, and what is
loaded is whatever they left. So a proof holds whatever they do; that one side lacks such an access
of the other is noted as approximate. An access that may store to an allocation of the function's
own, which no other thread can see, is not covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ir_tools.verify import ir
from ir_tools.verify.smt import effects as effect
from ir_tools.verify.smt import ops, pointers
from ir_tools.verify.smt.effects import Effects
from ir_tools.verify.smt.state import Event, State
from ir_tools.verify.smt.values import UnsupportedError, Value

if TYPE_CHECKING:
    from ir_tools.verify.smt.calls import Calls

_BY_ALL = ("nosync", "willreturn")  # a target that says so may not have such an access
_EFFECTS = Effects(effect.mask({}), returns=False, never_returns=False)
_PROMISES = frozenset({"nofree"})


def is_ordered(instruction: ir.Instruction) -> bool:
    return bool(instruction.ordering) or "volatile" in instruction.flags


@dataclass(slots=True)
class Ordered:
    calls: Calls

    def execute(self, state: State, instruction: ir.Instruction) -> None:
        self._check(instruction)
        instructions = self.calls.instructions
        instructions.session.approximate(f"{_kind(instruction)} accesses")
        instructions.addresses.check_rights(state, instruction)
        operands = tuple(instructions.uses(state, instruction))
        if instruction.opcode != "load" and any(map(self._may_be_own, operands)):
            raise UnsupportedError(f"{_kind(instruction)} {instruction.opcode} to a variable")
        event = Event(
            state.happens, state.count(), _name(instruction), operands, state.memory, _EFFECTS,
            _PROMISES, str(instruction), instructions.addresses.hidden(instruction),
        )  # fmt: skip
        self.calls.record(state, event)
        self.calls.forget(state, event)
        if instruction.name:
            result = self.calls.answer(instruction, event)
            state.values[instruction.name] = instructions.promises.loaded(
                state, result, instruction
            )

    def _check(self, instruction: ir.Instruction) -> None:
        """A target may not promise more than its source of what such an access does."""
        session = self.calls.instructions.session
        added = set(session.target.function.attributes) - set(session.source.function.attributes)
        is_restricted = not self.calls.instructions.addresses.rights.promises_no_more()
        if is_restricted or added.intersection(_BY_ALL):
            raise UnsupportedError(f"{instruction.opcode} where the target promises more")

    def _may_be_own(self, operand: Value) -> bool:
        width = self.calls.instructions.session.world.pointer_width
        return any(
            not pointers.never_private(place.block)
            for scalar in ops.scalars(operand)
            if scalar.bits.size() == width
            for _, place in pointers.resolve(scalar.bits)
        )


def _kind(instruction: ir.Instruction) -> str:
    return "volatile" if "volatile" in instruction.flags else "atomic"


def _name(instruction: ir.Instruction) -> str:
    """All that is the same in two accesses that are the same."""
    types = (str(each.type) for each in (*instruction.operands, instruction))
    words = (
        instruction.opcode, *sorted(instruction.flags), instruction.predicate,
        instruction.ordering, f"align {instruction.align}", *types,
    )  # fmt: skip
    return " ".join(filter(None, words))
