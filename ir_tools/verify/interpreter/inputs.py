"""Inputs for a function: `inputs(module, function, seed)` yields them without end, the same always.

Scalars are corner values, constants of the code and their neighbours, or random. A pointer argument
gets a block of its own; now and then it is null (unless `nonnull`, `dereferenceable` or `byval`
forbid it) or shares another argument's block (unless either is `noalias`). What memory holds beyond
that is invented when it is needed (see `given`).

With `tight`, the function is run on each input. One on which it is undefined, or does not end, is
replaced by a gentler one: smaller numbers, more memory. In every second one blocks shrink to what
the function used: an access beyond is then out of bounds for a target, as it may be for a caller.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import (
    POISON,
    Address,
    Concrete,
    Image,
    Unsupported,
    spread,
)
from ir_tools.verify.interpreter.given import STYLES, Input, Meter
from ir_tools.verify.interpreter.interpreter import Machine, Outcome, Status, run
from ir_tools.verify.interpreter.unknown_calls import leaf_pattern

_LEAST_BLOCK, _MOST_BLOCK = 256, 1 << 16
_GENTLEST = 2
_ENDED = (Status.RETURNED, Status.EXITED, Status.TRAPPED)
_ALIGNMENTS = (16,) * 12 + (8, 4, 2, 1)


def inputs(
    module: ir.Module,
    function: str,
    seed: int,
    tight: bool = True,
    with_poison: bool = False,
    fuel: int | Callable[[], int] = 20_000,
    meter: Meter | None = None,
    inline: bool = False,
) -> Iterator[Input]:
    """Inputs of a function of the module; `fuel` bounds each of the runs that `tight` makes, which
    are also of its callees if `inline`, `meter` all of them. Some arguments
    are poison if `with_poison`, which only the interpreter can run. None, if a parameter has a type
    that is not covered."""
    plan = _Plan(module, module.functions[function], with_poison)
    try:
        plan.input(seed, 0, 0)
    except Unsupported:
        return
    for number in range(1 << 30):
        for gentleness in range(_GENTLEST + 1):
            given = plan.input(seed * 1_000_003 + number, number, gentleness)
            given.meter = meter
            if not tight:
                break
            most = fuel if isinstance(fuel, int) else fuel()
            # Once is enough: what a run invents seldom changes how it would have gone with it.
            outcome = Machine(module, given, most >> 2 * gentleness, inline=inline).run(function)
            if outcome.status is Status.UNSUPPORTED or outcome.status in _ENDED:
                given = shrunk(given, outcome, plan.function) if number % 2 else given
                break
        yield given


def useful_inputs(
    module: ir.Module, function: str, seed: int, wanted: int, attempts: int, fuel: int = 20_000
) -> Iterator[tuple[Input, Outcome]]:
    """Inputs on which the function is defined and ends, with its outcome; at most `wanted`."""
    for given, _ in zip(inputs(module, function, seed, fuel=fuel), range(attempts), strict=False):
        outcome = run(module, function, given, fuel)
        if outcome.status in _ENDED:
            yield given, outcome
            wanted -= 1
            if not wanted:
                return


def shrunk(given: Input, outcome: Outcome, function: ir.Function) -> Input:
    """The same input; blocks that arguments lead to end where the run's last access to them ended,
    or where the function's attributes say that they end."""
    needed = {f"arg{i}": _promised_bytes(p) for i, p in enumerate(function.parameters)}
    smaller = dataclasses.replace(given, blocks={})
    for name, block in given.blocks.items():
        image, size = block.image, outcome.reach.get(name, block.image.size)
        size = min(max(size, needed.get(name, 1)), block.image.size)
        size = size if name.startswith("arg") else block.image.size
        special = {k: what for k, what in image.special.items() if k < size}
        align = block.address & -block.address
        cut = Image(image.data[:size], image.state[:size], special)
        smaller.place(name, cut, min(align, 64), block.is_lazy).is_constant = block.is_constant
    for block in smaller.blocks.values():
        smaller.relink(block.image)
    return smaller


class _Plan:
    """What the inputs of one function are made from."""

    def __init__(self, module: ir.Module, function: ir.Function, with_poison: bool) -> None:
        self.with_poison, self.gentleness = with_poison, 0
        self.module, self.function = module, function
        self.constants = sorted(_constants(function))
        self.block_bytes = _block_bytes(module, function)
        names: list[ir.Variable | ir.Function] = [*module.variables.values()]
        names += module.functions.values()
        self.globals = [g.name for g in names if not g.is_local and g.name[:5] != "llvm."]
        self.has_calls = any(i.call and not i.call.name.startswith("llvm.")
                             for i in function.instructions())  # fmt: skip

    def input(self, seed: int, number: int, gentleness: int) -> Input:
        rng = random.Random(seed)
        self.gentleness = gentleness
        size = min(self.block_bytes << 2 * gentleness, _MOST_BLOCK)
        given = Input(seed=seed, block_bytes=size, constants=tuple(self.constants))
        given.lead = size // 2 if gentleness or rng.random() < 0.3 else 0
        given.shares = rng.random() < (0.5 if gentleness else 0.2)
        if gentleness:
            given.style = rng.choice(("small", "zero") if gentleness == 1 else ("zero", "bytes"))
        elif number % 3 == 2:
            given.style = rng.choice((*STYLES, "constants"))
        if self.has_calls and rng.random() < 0.1:
            given.stop_at = rng.randrange(3)
        given.arguments = tuple(
            self._argument(given, index, parameter, rng, number)
            for index, parameter in enumerate(self.function.parameters)
        )
        return given

    def _argument(
        self, given: Input, index: int, parameter: ir.Parameter, rng: random.Random, number: int
    ) -> Concrete:
        if isinstance(parameter.type, ir.PointerType):
            return self._pointer(given, index, parameter, rng)
        may_be_poison = self.with_poison and "noundef" not in parameter.attributes
        if may_be_poison and not self.gentleness and rng.random() < 0.07:
            return spread(parameter.type, lambda leaf: POISON)
        return spread(parameter.type, lambda leaf: self._leaf(given, leaf, parameter, rng, number))

    def _leaf(
        self, given: Input, leaf: ir.Type, parameter: ir.Parameter, rng: random.Random, number: int
    ) -> Any:
        if isinstance(leaf, ir.FloatType):
            return leaf_pattern(leaf, rng)
        if isinstance(leaf, ir.PointerType):
            name = f"arg{parameter.name}.{len(given.blocks)}"
            given.add(name, given.block_bytes)
            return Address(name, 0)
        if not isinstance(leaf, ir.IntType):
            raise Unsupported(f"an argument of type {leaf}")
        limits = parameter.attributes.get("range")
        full = (1 << leaf.bits) - 1
        if isinstance(limits, tuple):
            low, high = limits
            likely, size = self._integer(leaf.bits, rng, number), (high - low) & full or full + 1
            return (
                likely & full if (likely - low) & full < size else low + rng.randrange(size) & full
            )
        return self._integer(leaf.bits, rng, number) & full

    def _integer(self, bits: int, rng: random.Random, number: int) -> int:
        """The first inputs are small; then constants, corners and random numbers come in."""
        fate = rng.random()
        if self.gentleness:
            return rng.choice((0, 1, 2, 4) if self.gentleness == 1 else (0, 1, 1))
        if number < 4 or fate < 0.4:
            return rng.choice((0, 1, 1, 2, 3, 4, 5, 7, 8, 16))
        if number % 5 == 4:
            return rng.choice((0, 1, -1, 1 << (bits - 1), (1 << (bits - 1)) - 1))
        if fate < 0.7 and self.constants:
            return rng.choice(self.constants) + rng.choice((-1, 0, 0, 1))
        if fate < 0.85:
            top = 1 << (bits - 1)
            return rng.choice((-1, -2, top, top - 1, top + 1, 1 << (bits // 2), ~top - 1))
        return rng.getrandbits(rng.choice((bits, bits, 8, 16)))

    def _pointer(
        self, given: Input, index: int, parameter: ir.Parameter, rng: random.Random
    ) -> Concrete:
        attributes = parameter.attributes
        needed = _number(attributes.get("dereferenceable", 0))
        or_null = _number(attributes.get("dereferenceable_or_null", 0))
        by_value = attributes.get("byval") or attributes.get("sret")
        if by_value:
            needed = max(needed, self.module.layout.extent(by_value).alloc)  # type: ignore[arg-type]
        fate = rng.random()
        if fate < 0.1 and not (self.gentleness or needed or by_value or "nonnull" in attributes):
            return Address(None, 0)
        if fate < 0.14 and self.globals and _may_alias(parameter) and not (needed or or_null):
            return Address(f"@{rng.choice(self.globals)}", 0)
        twins = [k for k, p in enumerate(self.function.parameters[:index]) if _may_alias(p)]
        if fate > 0.93 and twins and _may_alias(parameter) and not needed:
            known = given.blocks.get(f"arg{twin}") if (twin := rng.choice(twins)) + 1 else None
            if known:
                align = _number(attributes.get("align", 16))
                return Address(f"arg{twin}", rng.choice((0, 0, 16, 32)) // align * align)
        align = _number(attributes.get("align", 0)) or (
            16 if self.gentleness else rng.choice(_ALIGNMENTS)
        )
        lead = 0 if by_value or not self.gentleness else given.lead // 64 * 64
        given.add(f"arg{index}", lead + max(given.block_bytes, needed, or_null), align)
        return Address(f"arg{index}", lead)


def _promised_bytes(parameter: ir.Parameter) -> int:
    """At least; all of a block that is passed by value or filled by the function."""
    if {"byval", "sret"} & set(parameter.attributes):
        return 1 << 62
    names = ("dereferenceable", "dereferenceable_or_null")
    return max(1, *(_number(parameter.attributes.get(name, 0)) for name in names))


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _may_alias(parameter: ir.Parameter) -> bool:
    return isinstance(parameter.type, ir.PointerType) and not (
        {"noalias", "byval", "sret"} & set(parameter.attributes)
    )


def _operands(instructions: Iterable[ir.Instruction]) -> Iterator[ir.Value]:
    for instruction in instructions:
        for operand in instruction.operands:
            yield operand
            if isinstance(operand, ir.Expression):
                yield from _operands((operand.instruction,))


def _constants(function: ir.Function) -> set[int]:
    """The integers that the code compares with and calculates with."""
    found = {case for i in function.instructions() for case in i.cases}
    for operand in _operands(function.instructions()):
        if isinstance(operand, ir.ConstantInt):
            found.add(operand.value)
    return found


def _block_bytes(module: ir.Module, function: ir.Function) -> int:
    """Enough for every structure that the code steps through, and for loops over some elements."""
    most = _LEAST_BLOCK
    instructions = list(function.instructions())
    instructions += [o.instruction for o in _operands(instructions) if isinstance(o, ir.Expression)]
    for instruction in instructions:
        extent = module.layout.extents.get(instruction.subject) if instruction.subject else None
        if instruction.opcode == "getelementptr" and extent:
            indices = [i.value for i in instruction.operands[1:2] if isinstance(i, ir.ConstantInt)]
            furthest = max([i for i in indices if i < 1 << 16], default=15)
            most = max(most, extent.alloc * (furthest + 1) + 64)
    return min(most, _MOST_BLOCK)
