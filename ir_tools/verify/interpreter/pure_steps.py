"""Steps that touch no memory: arithmetic, comparisons, casts, vectors, aggregates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import float_semantics as floats
from ir_tools.verify.interpreter import operations, semantics
from ir_tools.verify.interpreter.concrete import POISON, Nan, Undef
from ir_tools.verify.interpreter.operations import Operation
from ir_tools.verify.interpreter.steps import MACHINE, Builder, Maker, Registers, Step
from ir_tools.verify.interpreter.storage import Pointer


def binary_step(destination: int, x: int, y: int, operation: Operation) -> Step:
    function = operation.function

    def step(registers: Registers) -> None:
        a, b = registers[x], registers[y]
        if type(a) is int and type(b) is int:
            registers[destination] = function(a, b)
        else:
            registers[destination] = operation(registers[MACHINE].memory, (a, b))

    return step


def unary_step(destination: int, x: int, operation: Operation) -> Step:
    function = operation.function

    def step(registers: Registers) -> None:
        a = registers[x]
        if type(a) is int:
            registers[destination] = function(a)
        else:
            registers[destination] = operation(registers[MACHINE].memory, (a,))

    return step


def general_step(destination: int, sources: list[int], operation: Operation) -> Step:
    def step(registers: Registers) -> None:
        operands = [registers[index] for index in sources]
        registers[destination] = operation(registers[MACHINE].memory, operands)

    return step


def _binary(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    leaf, opcode = operations.leaf_type(instruction.type), instruction.opcode
    assert isinstance(leaf, ir.IntType)
    operation = Operation(
        semantics.BINARY[opcode](leaf.bits, instruction.flags),
        operations.undef_rule(opcode, leaf.bits, instruction.flags),
        divides=opcode in semantics.DIVISIONS,
    )
    x, y = builder.slots(instruction)
    return binary_step(destination, x, y, operation)


def _float_binary(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    leaf = operations.leaf_type(instruction.type)
    form = floats.format_of(leaf)
    assert isinstance(leaf, ir.FloatType)
    function = floats.arithmetic(instruction.opcode, leaf)
    operation = Operation(function, flags=instruction.flags, form=form)
    return general_step(destination, builder.slots(instruction), operation)


def _fneg(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    leaf = operations.leaf_type(instruction.type)
    form = floats.format_of(leaf)
    assert isinstance(leaf, ir.FloatType)
    operation = Operation(
        floats.fneg(leaf), same_nan, flags=instruction.flags & {"nnan", "ninf"}, form=form
    )
    return general_step(destination, builder.slots(instruction), operation)


def same_nan(a: Any, *rest: Any) -> Any:
    """fneg, fabs and copysign change no payload; the sign was open already."""
    return a if isinstance(a, Nan) else None


def _icmp(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    leaf = operations.leaf_type(instruction.operands[0].type)
    x, y = builder.slots(instruction)
    if isinstance(leaf, ir.IntType):
        what = (instruction.predicate, leaf.bits, instruction.flags)
        operation = Operation(semantics.icmp(*what), operations.undef_icmp(*what))
        return binary_step(destination, x, y, operation)
    signed_ = semantics.icmp(instruction.predicate, builder.layout.bits(leaf), instruction.flags)

    def step(registers: Registers) -> None:
        memory = registers[MACHINE].memory
        registers[destination] = operations.pointer_compare(
            memory, lambda a, b: signed_(a, b) is not POISON and bool(signed_(a, b)),
            registers[x], registers[y],
        )  # fmt: skip

    return step


def _fcmp(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    leaf = operations.leaf_type(instruction.operands[0].type)
    form = floats.format_of(leaf)
    assert isinstance(leaf, ir.FloatType)
    flags = instruction.flags & {"nnan", "ninf"}
    operation = Operation(floats.fcmp(instruction.predicate, leaf), flags=flags, form=form)
    return general_step(destination, builder.slots(instruction), operation)


def _integer_cast(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    from_, to = (
        operations.leaf_type(type_) for type_ in (instruction.operands[0].type, instruction.type)
    )
    assert isinstance(from_, ir.IntType)
    assert isinstance(to, ir.IntType)
    opcode, flags = instruction.opcode, instruction.flags
    operation = Operation(
        semantics.INTEGER_CASTS[opcode](from_.bits, to.bits, flags),
        operations.undef_cast(opcode, to.bits, flags),
    )
    return unary_step(destination, builder.slot(instruction.operands[0]), operation)


def _float_cast(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    from_, to = (
        operations.leaf_type(type_) for type_ in (instruction.operands[0].type, instruction.type)
    )
    opcode, flags = instruction.opcode, instruction.flags
    function: Callable[[int], Any]
    if isinstance(from_, ir.FloatType) and isinstance(to, ir.FloatType):
        floats.format_of(to)
        function = floats.fpcast(from_, to)
    elif isinstance(from_, ir.FloatType) and isinstance(to, ir.IntType):
        function = floats.to_integer(opcode, from_, to.bits)
    else:
        assert isinstance(from_, ir.IntType)
        assert isinstance(to, ir.FloatType)
        function = floats.from_integer(opcode, from_.bits, to, flags)
    form = floats.format_of(to) if isinstance(to, ir.FloatType) else None
    operation = Operation(function, flags=flags & {"nnan", "ninf"}, form=form)
    return general_step(destination, builder.slots(instruction), operation)


def _bitcast(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    from_, to = instruction.operands[0].type, instruction.type
    source = builder.slot(instruction.operands[0])
    for type_ in (from_, to):
        if isinstance(operations.leaf_type(type_), ir.FloatType):
            floats.format_of(operations.leaf_type(type_))

    def step(registers: Registers) -> None:
        value = registers[source]
        if from_ != to:
            value = operations.bitcast(value, from_, to, registers[MACHINE].memory)
        registers[destination] = value

    return step


def _address_cast(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    """ptrtoint, ptrtoaddr, inttoptr."""
    source = builder.slot(instruction.operands[0])
    to = operations.leaf_type(instruction.type)
    mask = (1 << min(64, builder.layout.bits(to))) - 1

    def convert(memory: Any, value: Any) -> Any:
        if value is POISON:
            return POISON
        if isinstance(value, Undef):
            return Undef(value.value & mask, value.mask & mask)
        if isinstance(value, Pointer):
            return memory.to_integer(value) & mask
        return memory.from_integer(value & mask)

    def step(registers: Registers) -> None:
        memory = registers[MACHINE].memory
        registers[destination] = operations.map_lanes(
            lambda lane: convert(memory, lane), registers[source]
        )

    return step


def _select(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    condition, yes, no = builder.slots(instruction)
    leaf = operations.leaf_type(instruction.type)
    flags = instruction.flags & {"nnan", "ninf"}
    keep = None
    if flags and isinstance(leaf, ir.FloatType):
        keep = Operation(lambda a: a, same_nan, flags=flags, form=floats.format_of(leaf))

    def step(registers: Registers) -> None:
        chosen, memory = registers[condition], registers[MACHINE].memory
        if type(chosen) is int:
            value = registers[yes] if chosen else registers[no]
        else:
            value = operations.select(memory, chosen, registers[yes], registers[no])
        registers[destination] = keep(memory, (value,)) if keep else value

    return step


def _freeze(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    (source,), type_ = builder.slots(instruction), instruction.type

    def step(registers: Registers) -> None:
        value = registers[source]
        if type(value) is not int:
            value = operations.freeze(value, type_, registers[MACHINE].memory)
        registers[destination] = value

    return step


# vectors and aggregates ---------------------------------------------------------------------------


def _index(value: Any, memory: Any) -> Any:
    return value if value is POISON else memory.concrete(value)


def _extractelement(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    vector, position = builder.slots(instruction)

    def step(registers: Registers) -> None:
        lanes, index = registers[vector], _index(registers[position], registers[MACHINE].memory)
        inside = index is not POISON and index < len(lanes)
        registers[destination] = lanes[index] if inside else POISON

    return step


def _insertelement(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    vector, element, position = builder.slots(instruction)

    def step(registers: Registers) -> None:
        lanes, index = registers[vector], _index(registers[position], registers[MACHINE].memory)
        if index is POISON or index >= len(lanes):
            registers[destination] = (POISON,) * len(lanes)
        else:
            registers[destination] = (*lanes[:index], registers[element], *lanes[index + 1 :])

    return step


def _shufflevector(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    left, right = builder.slots(instruction)[:2]
    mask = instruction.indices

    def step(registers: Registers) -> None:
        lanes = registers[left] + registers[right]
        registers[destination] = tuple(POISON if i is None else lanes[i] for i in mask)

    return step


def _extractvalue(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    source, path = builder.slot(instruction.operands[0]), instruction.indices

    def step(registers: Registers) -> None:
        value = registers[source]
        for index in path:
            value = value[index]
        registers[destination] = value

    return step


def _insertvalue(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    aggregate, element = builder.slots(instruction)

    def insert(into: Any, path: tuple[Any, ...], value: Any) -> Any:
        if not path:
            return value
        here, *rest = path
        return (*into[:here], insert(into[here], tuple(rest), value), *into[here + 1 :])

    def step(registers: Registers) -> None:
        registers[destination] = insert(
            registers[aggregate], instruction.indices, registers[element]
        )

    return step


MAKERS: dict[str, Maker] = {
    **dict.fromkeys(semantics.BINARY, _binary),
    **dict.fromkeys(("fadd", "fsub", "fmul", "fdiv", "frem"), _float_binary),
    **dict.fromkeys(semantics.INTEGER_CASTS, _integer_cast),
    **dict.fromkeys(("fptrunc", "fpext", "fptosi", "fptoui", "sitofp", "uitofp"), _float_cast),
    **dict.fromkeys(("ptrtoint", "ptrtoaddr", "inttoptr"), _address_cast),
    "fneg": _fneg,
    "icmp": _icmp,
    "fcmp": _fcmp,
    "bitcast": _bitcast,
    "select": _select,
    "freeze": _freeze,
    "extractelement": _extractelement,
    "insertelement": _insertelement,
    "shufflevector": _shufflevector,
    "extractvalue": _extractvalue,
    "insertvalue": _insertvalue,
}
