"""Calls: which meaning a callee has. Intrinsics, allocation functions, bodies, and unknown ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import (
    allocation,
    attributes,
    effects,
    intrinsics,
    library_models,
    operations,
)
from ir_tools.verify.interpreter import float_semantics as floats
from ir_tools.verify.interpreter.concrete import POISON, Unsupported
from ir_tools.verify.interpreter.operations import Operation
from ir_tools.verify.interpreter.pure_steps import general_step, same_nan
from ir_tools.verify.interpreter.steps import MACHINE, Builder, Maker, Registers, Step


def _call(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    assert instruction.call is not None
    if isinstance(instruction.call.callee, ir.Other):
        raise Unsupported(f"a call of {instruction.call.callee}")
    name = instruction.call.name
    if name.startswith("llvm."):
        return _intrinsic(builder, instruction, destination)
    function = builder.module.functions.get(name)
    if function is not None and not function.blocks:
        known = allocation.meaning(function, instruction.call) or library_models.meaning(
            function, instruction.call, _tests(builder.function, instruction.name)
        )
        if known is not None:
            return _known(builder, instruction, destination, known)
    return _other_call(builder, instruction, destination)


def _tests(function: ir.Function, name: str) -> frozenset[str]:
    """The predicates by which a value is compared with zero; "" for any other use."""
    return frozenset(
        user.predicate if user.opcode == "icmp" and _is_zero(user.operands[1]) else ""
        for user in function.instructions()
        if any(isinstance(value, ir.Local) and value.name == name for value in user.operands)
    )


def _is_zero(value: ir.Value) -> bool:
    return value == ir.Zero(value.type) or (isinstance(value, ir.ConstantInt) and not value.value)


def _known(
    builder: Builder,
    instruction: ir.Instruction,
    destination: int,
    meaning: Callable[[Any, list[Any]], Any],
) -> Step:
    """A call whose meaning is a function of the machine and the arguments."""
    sources, call = builder.slots(instruction), instruction.call
    assert call is not None
    types = [operand.type for operand in instruction.operands]

    def step(registers: Registers) -> None:
        machine = registers[MACHINE]
        arguments = _checked(machine, call, types, [registers[index] for index in sources])
        registers[destination] = attributes.enforce(
            meaning(machine, arguments), call.type.result, call.result, machine.memory, "call"
        )

    return step


def _other_call(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    from ir_tools.verify.interpreter.unknown_calls import Unknown, indirect_name

    call = instruction.call
    assert call is not None
    if any(tag not in ("deopt",) for tag, _ in call.bundles):
        raise Unsupported(f"operand bundles of {instruction}")
    sources, types = builder.slots(instruction), [o.type for o in instruction.operands]
    callee = builder.slot(call.callee)
    module, promises = builder.module, instruction.metadata
    unknowns: dict[str, Unknown] = {}

    def step(registers: Registers) -> None:
        machine = registers[MACHINE]
        arguments = [registers[index] for index in sources]
        name = indirect_name(registers[callee])
        function = module.functions.get(name)
        if machine.inline and function and function.blocks and not function.may_be_replaced:
            if function.type != call.type:
                raise Unsupported(f"a call of {name} with another type")
            arguments = _checked(machine, call, types, arguments)
            value = machine.call(function, arguments)
            value = attributes.enforce(
                value, call.type.result, call.result, machine.memory, f"result of {name}"
            )
        else:
            if name not in unknowns:
                unknowns[name] = Unknown(module, name, call)
            value = unknowns[name](machine, name, types, arguments)
        registers[destination] = attributes.enforce(
            value, call.type.result, promises, machine.memory, f"result of {name}"
        )

    return step


def _checked(machine: Any, call: ir.Call, types: list[ir.Type], values: list[Any]) -> list[Any]:
    return [
        attributes.enforce(value, type_, promises, machine.memory, f"argument of {call.callee}")
        for value, type_, promises in zip(values, types, call.parameters, strict=True)
    ]


# intrinsics ---------------------------------------------------------------------------------------


def _intrinsic(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    call = instruction.call
    assert call is not None
    name, types = call.name, [operand.type for operand in instruction.operands]
    short = intrinsics.stem(name)
    if short in effects.IGNORED:
        return lambda registers: None
    if short in effects.EFFECTS:
        bundles = [(tag, [builder.slot(v) for v in values]) for tag, values in call.bundles]
        sources, meaning = builder.slots(instruction), effects.EFFECTS[short]
        context = effects.Context(call, types, instruction.type)

        def step(registers: Registers) -> None:
            arguments = [registers[index] for index in sources]
            given = [(tag, [registers[i] for i in indices]) for tag, indices in bundles]
            registers[destination] = meaning(registers[MACHINE], context, arguments, given)

        return step
    lane = intrinsics.scalar(name, types, instruction.type)
    if lane is not None:
        return _lanes(builder, instruction, destination, short, lane)
    fold = intrinsics.reduction(name, types[-1]) if types else None
    if fold is not None:
        return _fold(builder, instruction, destination, fold)
    raise Unsupported(name)


_NAN_RULES = {
    "fabs": same_nan,
    "copysign": same_nan,
    "is.fpclass": intrinsics.class_of_nan,
}


def _lanes(
    builder: Builder,
    instruction: ir.Instruction,
    destination: int,
    short: str,
    lane: Callable[..., Any],
) -> Step:
    leaf = operations.leaf_type(instruction.type)
    flags = instruction.flags if isinstance(leaf, ir.FloatType) else frozenset[str]()
    form = floats.format_of(leaf) if isinstance(leaf, ir.FloatType) else None
    rule = _NAN_RULES.get(short)
    operation = Operation(lane, rule, flags=flags, form=form)
    sources = builder.slots(instruction)
    step = general_step(destination, sources, operation)
    if short.endswith("with.overflow"):
        return _overflow(step, destination, instruction)
    assert instruction.call is not None
    return _promised(step, destination, instruction)


def _promised(step: Step, destination: int, instruction: ir.Instruction) -> Step:
    """With the attributes and metadata of the result."""
    assert instruction.call is not None
    promises = {**instruction.metadata, **instruction.call.result}
    if not promises:
        return step

    def checked(registers: Registers) -> None:
        step(registers)
        registers[destination] = attributes.enforce(
            registers[destination], instruction.type, promises, registers[MACHINE].memory, "call"
        )

    return checked


def _overflow(step: Step, destination: int, instruction: ir.Instruction) -> Step:
    """A pair, or for vectors a pair of vectors."""
    is_vector = isinstance(instruction.operands[0].type, ir.VectorType)

    def paired(registers: Registers) -> None:
        step(registers)
        result = registers[destination]
        if is_vector:
            pairs = [lane if lane is not POISON else (POISON, POISON) for lane in result]
            result = tuple(zip(*pairs, strict=True))
        registers[destination] = (POISON, POISON) if result is POISON else result

    return paired


def _fold(
    builder: Builder,
    instruction: ir.Instruction,
    destination: int,
    fold: Callable[[Any, Any], Any],
) -> Step:
    *start, vector = builder.slots(instruction)
    leaf = operations.leaf_type(instruction.type)
    form = floats.format_of(leaf) if isinstance(leaf, ir.FloatType) else None
    flags = instruction.flags if form else frozenset[str]()
    operation = Operation(fold, flags=flags, form=form)

    def step(registers: Registers) -> None:
        memory = registers[MACHINE].memory
        first, *rest = [registers[index] for index in start] + list(registers[vector])
        for lane in rest:
            first = operation(memory, (first, lane))
        registers[destination] = first

    return step


MAKERS: dict[str, Maker] = {"call": _call}
