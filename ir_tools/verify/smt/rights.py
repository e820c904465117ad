"""What a function may read and write by its own attributes, and what is done about a breach.

An access through a pointer that is plainly based on something forbidden is undefined behaviour. One
that may be is unsupported in a target that promises more than its source, and let be elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ir_tools.verify import ir
from ir_tools.verify.smt import effects as effect
from ir_tools.verify.smt.effects import Effects
from ir_tools.verify.smt.origins import LOCAL, Origins, accesses
from ir_tools.verify.smt.session import Session, Side
from ir_tools.verify.smt.values import UnsupportedError

_READ, _WRITE = 1, 2
_ARGUMENTS, _OTHER = 0, 6  # where their bits begin in the mask of `memory`
_BY_ATTRIBUTE = {"readnone": 0, "readonly": _READ, "writeonly": _WRITE}


@dataclass(slots=True)
class Rights:
    session: Session
    side: Side
    origins: Origins = field(init=False)

    def __post_init__(self) -> None:
        self.origins = Origins(self.side.function)

    def is_breach(self, instruction: ir.Instruction) -> bool:
        """Whether a load, store, copy or fill is forbidden."""
        for index, writes in accesses(instruction):
            origins = self.origins.of(instruction.operands[index])
            forbidden = {each for each in origins if not self._may(each, writes)}
            if forbidden and forbidden == origins:
                return True
            if forbidden:
                self._doubt(instruction)
        return False

    def check_call(
        self, instruction: ir.Instruction, effects: Effects, callee: ir.Function | None
    ) -> None:
        """What a callee does is only known from its promises."""
        allowed = effect.mask(self.side.function.attributes)
        if effects.memory & ~allowed & ~0b11:
            self._doubt(instruction)
        for index, operand in enumerate(instruction.operands):
            assert instruction.call is not None
            promised = effect.parameter(instruction.call, callee, index)
            needed = effects.memory & 3 if effects.memory != effect.mask({}) else 3
            for name, rights in _BY_ATTRIBUTE.items():
                if name in promised:
                    needed &= rights
            for origin in self.origins.of(operand):
                if needed & ~self._rights(origin):
                    self._doubt(instruction)

    def _may(self, origin: str, writes: bool) -> bool:
        if not writes and self._is_constant(origin):
            return True
        return bool(self._rights(origin) & (_WRITE if writes else _READ))

    def _is_constant(self, origin: str) -> bool:
        variable = self.side.module.variables.get(origin.removeprefix("global "))
        return origin.startswith("global ") and variable is not None and variable.is_constant

    def _rights(self, origin: str) -> int:
        """Reading and writing as bits."""
        if origin == LOCAL:
            return _READ | _WRITE
        mask = effect.mask(self.side.function.attributes)
        if not origin.startswith("arg"):
            return mask >> _OTHER & 3
        rights = mask >> _ARGUMENTS & 3
        attributes = self.side.function.parameters[int(origin[3:])].attributes
        for name, allowed in _BY_ATTRIBUTE.items():
            if name in attributes:
                rights &= allowed
        return rights

    def _doubt(self, instruction: ir.Instruction) -> None:
        if self.side is self.session.source or self.promises_no_more():
            self.session.approximate("what a function may access")
            return
        raise UnsupportedError(f"the target may not do this: {instruction}"[:120])

    def promises_no_more(self) -> bool:
        """Whether the target may access all that the source may, as far as they say."""
        source, target = self.session.source.function, self.session.target.function
        if effect.mask(source.attributes) & ~effect.mask(target.attributes):
            return False
        pairs = zip(source.parameters, target.parameters, strict=True)
        return all(
            name in one.attributes
            for one, other in pairs
            for name in _BY_ATTRIBUTE
            if name in other.attributes
        )
