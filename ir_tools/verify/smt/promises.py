"""Attributes and metadata that promise something of a value, and what breaking them means.

Broken, most make the value poison; `noundef` (also with one of the others) and the sizes that are
dereferenceable make it undefined behaviour. Where one side promises what the other does not, and
this encoding cannot check it, the construct is unsupported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import floats, ops
from ir_tools.verify.smt.logic import FALSE, both, either, equal, negate
from ir_tools.verify.smt.session import Session, Side
from ir_tools.verify.smt.state import State
from ir_tools.verify.smt.values import Lanes, Scalar, UnsupportedError, Value

# Of parameters: they change what the callee or the caller does in ways that are not modelled.
_UNSUPPORTED = (
    "byval", "byref", "inalloca", "preallocated", "swifterror", "swiftasync", "nest",
    "dead_on_return", "elementtype",
)  # fmt: skip


def in_range(bits: z3.BitVecRef, bounds: Sequence[int]) -> z3.BoolRef:
    """Whether a number is in one of the half-open intervals, which may wrap around."""
    size = bits.size()
    found = []
    for low, high in zip(bounds[::2], bounds[1::2], strict=True):
        first, last = z3.BitVecVal(low, size), z3.BitVecVal(high, size)
        above, below = z3.ULE(first, bits), z3.ULT(bits, last)
        if low == high:
            found.append(z3.BoolVal(low != 0))
        else:
            found.append(both(above, below) if low < high else either(above, below))
    return z3.simplify(either(*found))


@dataclass(frozen=True, slots=True)
class Promises:
    session: Session
    side: Side

    def argument(self, state: State, index: int, parameter: ir.Parameter) -> Value:
        """A parameter as the function sees it."""
        unsupported = [name for name in _UNSUPPORTED if name in parameter.attributes]
        if unsupported:
            raise UnsupportedError(f"a parameter with {unsupported[0]}")
        value = self._input(index, parameter)
        return self.kept(state, value, parameter.type, parameter.attributes)

    def _input(self, index: int, parameter: ir.Parameter) -> Value:
        """What the caller passes."""
        name = f"arg{index}"
        value = self.session.shared(self.side, name, parameter.type, is_argument=True)
        if "noundef" in self.session.source.function.parameters[index].attributes:
            return self.session.defined(value)
        return value

    def returned(self, state: State, value: Value) -> Value:
        """The function's result, with what its attributes promise."""
        function = self.side.function
        value = self.kept(state, value, function.type.result, function.result)
        for parameter in function.parameters:
            if "returned" in parameter.attributes and not self.session.with_undef:
                index = function.parameters.index(parameter)
                shared = self._input(index, parameter)
                value = _same_as(value, shared)
        return value

    def loaded(self, state: State, value: Value, instruction: ir.Instruction) -> Value:
        """What a load or call answers, with its metadata."""
        metadata = instruction.metadata
        attributes: dict[str, object] = {
            name: bounds[0] if bounds else 0
            for name, bounds in metadata.items()
            if name not in ("range", "noalias.addrspace")
        }
        if "range" in metadata:
            attributes["range"] = metadata["range"]
        return self.kept(state, value, instruction.type, attributes)

    def kept(
        self, state: State, value: Value, type_: ir.Type, attributes: Mapping[str, object]
    ) -> Value:
        """The value, poison where a promise is broken; or undefined behaviour in the state."""
        result = self._with_poison(state, value, type_, attributes)
        for name in ("dereferenceable", "dereferenceable_or_null"):
            if name in attributes:
                assert isinstance(result, Scalar)
                state.fail(negate(self._dereferenceable(state, result, name, attributes[name])))
        if "noundef" in attributes:
            state.fail(ops.ill_defined(result, self.side.choices))
            result = self.session.defined(result)
        return result

    def _with_poison(
        self, state: State, value: Value, type_: ir.Type, attributes: Mapping[str, object]
    ) -> Value:
        if isinstance(type_, ir.VoidType):
            return value
        if isinstance(value, Lanes):
            if isinstance(type_, ir.StructType):
                types: Sequence[ir.Type] = type_.elements
            else:
                types = [type_.element] * len(value.values)  # type: ignore[union-attr]
            return Lanes(
                tuple(
                    self._with_poison(state, lane, each, attributes)
                    for lane, each in zip(value.values, types, strict=True)
                )
            )
        broken = self._broken(state, value, type_, attributes)
        return Scalar(value.bits, either(value.poison, broken), value.undef)

    def _broken(
        self, state: State, value: Scalar, type_: ir.Type, attributes: Mapping[str, object]
    ) -> z3.BoolRef:
        broken = FALSE
        if isinstance(type_, ir.PointerType):
            if "nonnull" in attributes:
                broken = either(broken, self._is_null(state, value))
            align = attributes.get("align", 0)
            if isinstance(align, int) and align > 1:
                broken = either(broken, negate(state.memory.aligned(value, align)))
        if isinstance(type_, ir.IntType) and "range" in attributes:
            bounds = attributes["range"]
            assert isinstance(bounds, tuple)
            broken = either(broken, negate(in_range(value.bits, bounds)))
        if isinstance(type_, ir.FloatType) and "nofpclass" in attributes:
            mask = attributes["nofpclass"]
            assert isinstance(mask, int)
            broken = either(broken, floats.class_test(value.bits, type_, mask))
        return broken

    def _is_null(self, state: State, value: Scalar) -> z3.BoolRef:
        return state.memory.is_null(value)

    def _dereferenceable(self, state: State, value: Scalar, name: str, size: object) -> z3.BoolRef:
        assert isinstance(size, int)
        holds = both(negate(value.poison), state.memory.dereferenceable(value, size))
        if name == "dereferenceable":
            return holds
        return either(holds, both(negate(value.poison), self._is_null(state, value)))


def _same_as(value: Value, other: Value) -> Value:
    """Poison where the two differ."""
    if isinstance(value, Lanes) and isinstance(other, Lanes):
        pairs = zip(value.values, other.values, strict=True)
        return Lanes(tuple(_same_as(*pair) for pair in pairs))
    assert isinstance(value, Scalar)
    assert isinstance(other, Scalar)
    differs = either(other.poison, negate(equal(value.bits, other.bits)))
    return Scalar(value.bits, either(value.poison, differs), value.undef)
