"""One check: what source and target share, and what each side has of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import ops
from ir_tools.verify.smt.budget import Budget
from ir_tools.verify.smt.logic import FALSE, choose
from ir_tools.verify.smt.memory import Memory
from ir_tools.verify.smt.values import Choices, Scalar, UnsupportedError, Value
from ir_tools.verify.smt.world import World


@dataclass(slots=True)
class Side:
    """`src` or `tgt`: a function, and the choices that it makes."""

    name: str
    module: ir.Module
    function: ir.Function
    choices: Choices = field(init=False)

    def __post_init__(self) -> None:
        self.choices = Choices(self.name)


@dataclass(slots=True)
class Pure:
    """A call without side effects, so that an equal one answers the same."""

    callee: str | Scalar
    arguments: tuple[Value, ...]
    memory: Memory | None
    result: Value
    side: str
    happens: z3.BoolRef


@dataclass(slots=True)
class Session:
    """`with_undef`: arguments and results of calls may be undef."""

    source: Side
    target: Side
    world: World
    with_undef: bool = False
    pure: list[Pure] = field(default_factory=list)
    inputs: dict[str, Value] = field(default_factory=dict)

    layout: ir.Layout = field(init=False)

    def __post_init__(self) -> None:
        """Types that only one module mentions are laid out alike in both."""
        one, other = self.source.module.layout, self.target.module.layout
        if one.pointer_bits[0] != other.pointer_bits[0]:
            raise UnsupportedError("two data layouts")
        self.layout = replace(one, extents={**other.extents, **one.extents})

    @property
    def budget(self) -> Budget:
        return self.world.budget

    @property
    def choices(self) -> tuple[Choices, Choices]:
        return self.source.choices, self.target.choices

    def approximate(self, why: str) -> None:
        """A refutation may be spurious from now on."""
        self.world.weak_refutations.add(why)

    def memory(self, side: Side) -> Memory:
        return Memory.start(self.world, side.choices, self.layout)

    def width(self, type_: ir.Type) -> int:
        """Bits of a scalar of that type."""
        if isinstance(type_, ir.PointerType):
            if type_.space:
                raise UnsupportedError(f"a value of type {type_}")
            return self.world.pointer_width
        return self.layout.bits(type_)

    def shared(self, side: Side, name: str, type_: ir.Type, *, is_argument: bool) -> Value:
        """A value that comes from outside, the same on both sides; it may be poison or undef."""
        count = 0

        def make(scalar: ir.Type) -> Scalar:
            nonlocal count
            count += 1
            label = f"{name}.{count}" if count > 1 else name
            bits = self._bits(label, scalar, is_argument)
            poison = z3.Bool(f"{label}.poison")
            undef: frozenset[z3.BitVecRef] = frozenset()
            if self.with_undef and not isinstance(scalar, ir.PointerType):
                chosen = side.choices.undef(bits.size(), label.replace(".", ":"))
                bits = choose(z3.Bool(f"{label}.undef"), chosen.bits, bits)
                undef = chosen.undef
            return Scalar(bits, poison, undef)

        value = ops.shape(type_, make)
        self.inputs.setdefault(name, value)
        return value

    def _bits(self, label: str, type_: ir.Type, is_argument: bool) -> z3.BitVecRef:
        if not isinstance(type_, ir.PointerType):
            return z3.BitVec(label, self.width(type_))
        if is_argument:
            return self.world.argument(label)
        return self.world.unknown_pointer(z3.BitVec(label, self.world.pointer_width - 1))

    def defined(self, value: Value) -> Value:
        """The value without poison: for what is promised to be well defined."""
        if isinstance(value, Scalar):
            return Scalar(value.bits, FALSE, value.undef)
        return type(value)(tuple(map(self.defined, value.values)))
