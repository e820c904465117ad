"""Steps that touch memory: alloca, load, store, getelementptr, atomics (of one thread), fence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import attributes, intrinsics, operations, semantics
from ir_tools.verify.interpreter import float_semantics as floats
from ir_tools.verify.interpreter.concrete import POISON, Undef, Undefined, Unsupported
from ir_tools.verify.interpreter.semantics import signed
from ir_tools.verify.interpreter.steps import MACHINE, Builder, Maker, Registers, Step
from ir_tools.verify.interpreter.storage import Block, Memory, Pointer, zeros

Reader = Callable[[Memory, Block, int], Any]
Writer = Callable[[Memory, Block, int, Any], None]

# values in memory ---------------------------------------------------------------------------------


def reader(type_: ir.Type, layout: ir.Layout) -> Reader:
    """How a value of that type is read from bytes that may be accessed."""
    match type_:
        case ir.IntType(bits):
            return _integer_reader(bits, layout.extent(type_).store)
        case ir.FloatType():
            size = floats.format_of(type_).bits // 8
            return lambda memory, block, at: operations.as_float(
                memory.load_integer(block, at, size), type_
            )
        case ir.PointerType(0):
            return lambda memory, block, at: memory.load_pointer(block, at)
        case ir.VectorType(_, element) if not isinstance(element, ir.PointerType):
            if layout.bits(element) % 8:
                return _packed_reader(type_, layout)
    parts = [(offset, reader(part, layout)) for offset, part in _parts(type_, layout)]
    return lambda memory, block, at: tuple(read(memory, block, at + o) for o, read in parts)


def _integer_reader(bits: int, size: int) -> Reader:
    if bits == 8 * size:
        return lambda memory, block, at: memory.load_integer(block, at, size)

    def read(memory: Memory, block: Block, at: int) -> Any:
        """Bits beyond the width must be zero."""
        value = memory.load_integer(block, at, size)
        if isinstance(value, Undef):
            return Undef(value.value, value.mask & ((1 << bits) - 1))
        return POISON if value is POISON or value >> bits else value

    return read


def _packed_reader(type_: ir.VectorType, layout: ir.Layout) -> Reader:
    bits = layout.bits(type_)
    read = _integer_reader(bits, -(-bits // 8))

    def unpack(memory: Memory, block: Block, at: int) -> Any:
        value = read(memory, block, at)
        return operations.bitcast(value, ir.IntType(bits), type_, memory)

    return unpack


def _parts(type_: ir.Type, layout: ir.Layout) -> list[tuple[int, ir.Type]]:
    match type_:
        case ir.StructType(elements):
            return list(zip(layout.extent(type_).offsets, elements, strict=True))
        case ir.ArrayType(count, element):
            step = layout.extent(element).alloc
            return [(index * step, element) for index in range(count)]
        case ir.VectorType(count, element):
            step = layout.bits(element) // 8
            return [(index * step, element) for index in range(count)]
    raise Unsupported(f"values of type {type_} in memory")


def writer(type_: ir.Type, layout: ir.Layout) -> Writer:
    match type_:
        case ir.IntType() | ir.FloatType():
            size = layout.extent(type_).store
            return lambda memory, block, at, value: memory.store_integer(block, at, size, value)
        case ir.PointerType(0):
            return lambda memory, block, at, value: memory.store_pointer(block, at, value)
        case ir.VectorType(_, element) if not isinstance(element, ir.PointerType):
            if layout.bits(element) % 8:
                return _packed_writer(type_, layout)
    made: dict[int, Writer] = {}  # by the part's identity: an array's elements are all of one type
    parts = []
    for offset, part in _parts(type_, layout):
        if id(part) not in made:
            made[id(part)] = writer(part, layout)
        parts.append((offset, made[id(part)]))
    size = layout.extent(type_).store
    has_padding = isinstance(type_, ir.StructType)

    def write(memory: Memory, block: Block, at: int, value: Any) -> None:
        if has_padding:
            memory.store_integer(block, at, size, POISON)
        for (offset, put), lane in zip(parts, value, strict=True):
            put(memory, block, at + offset, lane)

    return write


def _packed_writer(type_: ir.VectorType, layout: ir.Layout) -> Writer:
    size = layout.extent(type_).store

    def write(memory: Memory, block: Block, at: int, value: Any) -> None:
        known, mask, poison = operations.to_bits(value, type_, memory)
        whole = POISON if poison else Undef(known, mask) if mask else known
        memory.store_integer(block, at, size, whole)

    return write


# instructions -------------------------------------------------------------------------------------


def _load(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    type_, layout = instruction.type, builder.layout
    source, size, align = builder.slot(instruction.operands[0]), _size(layout, type_), 0
    align, read = instruction.align, reader(type_, layout)
    promises, is_volatile = instruction.metadata, "volatile" in instruction.flags

    def step(registers: Registers) -> None:
        machine = registers[MACHINE]
        block, offset = machine.memory.access(registers[source], size, align, False)
        value = read(machine.memory, block, offset)
        if promises:
            value = attributes.enforce(value, type_, promises, machine.memory, "load")
        if is_volatile:
            machine.observe("volatile load", (registers[source],))
        registers[destination] = value

    if isinstance(type_, ir.IntType) and type_.bits == 8 * size and not (promises or is_volatile):
        return _quick_load(destination, source, size, align, step)
    return step


def _quick_load(destination: int, source: int, size: int, align: int, general: Step) -> Step:
    """A load of an integer where nothing is special about the bytes."""
    low, plain = max(align, 1) - 1, zeros(size)

    def step(registers: Registers) -> None:
        pointer = registers[source]
        if type(pointer) is Pointer:
            block, offset = pointer.block, pointer.offset
            if block is not None and offset >= 0:
                end = offset + size
                plain_here = block.state[offset:end] == plain and block.live and block.readable
                if plain_here and not block.address + offset & low:
                    if end > block.reach:
                        block.reach = end
                    registers[destination] = int.from_bytes(block.data[offset:end], "little")
                    return
        general(registers)

    return step


def _size(layout: ir.Layout, type_: ir.Type) -> int:
    return layout.extent(type_).store


def _store(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    type_, layout = instruction.operands[0].type, builder.layout
    value, target = builder.slots(instruction)
    size, align, write = _size(layout, type_), instruction.align, writer(type_, layout)
    is_volatile = "volatile" in instruction.flags

    def step(registers: Registers) -> None:
        machine = registers[MACHINE]
        block, offset = machine.memory.access(registers[target], size, align, True)
        write(machine.memory, block, offset, registers[value])
        if is_volatile:
            machine.observe("volatile store", (registers[target], registers[value]))

    return step


def _alloca(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    assert instruction.subject is not None
    unit = builder.layout.extent(instruction.subject).alloc
    count, align, label = builder.slot(instruction.operands[0]), instruction.align, instruction.name

    def step(registers: Registers) -> None:
        machine, number = registers[MACHINE], registers[count]
        if not isinstance(number, int):
            raise Undefined("alloca of an undefined size")
        if number * unit > machine.MOST_BYTES:
            raise Unsupported(f"alloca of {number * unit} bytes")
        block = machine.memory.allocate(label, number * unit, align, "alloca")
        machine.frame.append(block)
        registers[destination] = Pointer(block, 0)

    return step


def _strides(
    builder: Builder, instruction: ir.Instruction
) -> tuple[int, list[tuple[int, int, int]]]:
    """The constant part of an offset, and (register, bits, scale) of each variable index."""
    assert instruction.subject is not None
    layout, type_, fixed = builder.layout, instruction.subject, 0
    variable: list[tuple[int, int, int]] = []
    for position, index in enumerate(instruction.operands[1:]):
        if position and isinstance(type_, ir.StructType):
            assert isinstance(index, ir.ConstantInt | ir.Zero | ir.Aggregate | ir.Data)
            member = _splat(index)
            fixed += layout.extent(type_).offsets[member]
            type_ = type_.elements[member]
            continue
        if position:
            assert isinstance(type_, ir.ArrayType | ir.VectorType)
            packed = isinstance(type_, ir.VectorType)
            type_ = type_.element
        else:
            packed = False
        scale = layout.bits(type_) // 8 if packed else layout.extent(type_).alloc
        width = operations.leaf_type(index.type)
        assert isinstance(width, ir.IntType)
        if isinstance(index, ir.ConstantInt):
            fixed += signed(index.value, width.bits) * scale
        else:
            variable.append((builder.slot(index), width.bits, scale))
    return fixed, variable


def _splat(index: ir.Value) -> int:
    match index:
        case ir.ConstantInt():
            return index.value
        case ir.Zero():
            return 0
        case ir.Aggregate():
            return _splat(index.elements[0])
    raise Unsupported(f"getelementptr by {index}")


def _getelementptr(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    base, (fixed, variable) = builder.slot(instruction.operands[0]), _strides(builder, instruction)
    flags = instruction.flags
    move = _mover(flags)

    def general(registers: Registers, lane: int | None) -> Any:
        pointer, offset = _lane(registers[base], lane), fixed
        for index, bits, scale in variable:
            number = _lane(registers[index], lane)
            if not isinstance(number, int):
                if number is POISON:
                    return POISON
                number = registers[MACHINE].memory.concrete(number)
            step_ = signed(number, bits) * scale
            if ("nuw" in flags and number * scale >> 64) or (
                flags and not semantics.fits(step_, 64)
            ):
                return POISON
            offset += step_
        if isinstance(pointer, Pointer):
            return move(pointer, offset)
        return pointer if pointer is POISON or not offset else _moved_undef(pointer, flags)

    if isinstance(instruction.type, ir.VectorType):
        lanes = range(instruction.type.count)

        def vector(registers: Registers) -> None:
            registers[destination] = tuple(general(registers, lane) for lane in lanes)

        return vector
    if not variable:

        def constant(registers: Registers) -> None:
            pointer = registers[base]
            plain = type(pointer) is Pointer
            registers[destination] = move(pointer, fixed) if plain else general(registers, None)

        return constant

    def step(registers: Registers) -> None:
        registers[destination] = general(registers, None)

    return step


def _lane(value: Any, lane: int | None) -> Any:
    return value[lane] if type(value) is tuple and lane is not None else value


def _moved_undef(pointer: Undef, flags: frozenset[str]) -> Any:
    return POISON if "inbounds" in flags else pointer


def _mover(flags: frozenset[str]) -> Callable[[Pointer, int], Any]:
    """pointer + offset under a getelementptr's flags."""
    inbounds, nuw, nusw = (
        "inbounds" in flags,
        "nuw" in flags,
        "nusw" in flags or "inbounds" in flags,
    )

    def move(pointer: Pointer, offset: int) -> Any:
        block, at = pointer.block, pointer.offset + offset
        if not offset:
            return pointer
        if inbounds:
            size = block.size if block is not None else 0
            if block is None or not 0 <= at <= size or not 0 <= pointer.offset <= size:
                return POISON
        if nuw and (offset < 0 or pointer.address + offset >> 64):
            return POISON
        if nusw and not 0 <= pointer.address + offset < 1 << 64:
            return POISON
        if not -(1 << 63) <= at < 1 << 63:
            at = signed(at & (1 << 64) - 1, 64)
        return Pointer(block, at)

    return move


# atomics ------------------------------------------------------------------------------------------

_UPDATES: dict[str, Callable[[int], Callable[[int, int], Any]]] = {
    "0": lambda bits: lambda old, new: new,
    "1": lambda bits: semantics.BINARY["add"](bits, frozenset()),
    "2": lambda bits: semantics.BINARY["sub"](bits, frozenset()),
    "3": lambda bits: semantics.BINARY["and"](bits, frozenset()),
    "4": lambda bits: lambda old, new: ~(old & new) & (1 << bits) - 1,
    "5": lambda bits: semantics.BINARY["or"](bits, frozenset()),
    "6": lambda bits: semantics.BINARY["xor"](bits, frozenset()),
    "7": lambda bits: intrinsics.ordered("smax", bits),
    "8": lambda bits: intrinsics.ordered("smin", bits),
    "9": lambda bits: intrinsics.ordered("umax", bits),
    "10": lambda bits: intrinsics.ordered("umin", bits),
}  # LLVMAtomicRMWBinOp


def _atomicrmw(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    pointer, operand = builder.slots(instruction)
    type_, layout = instruction.type, builder.layout
    if not isinstance(type_, ir.IntType) or instruction.predicate not in _UPDATES:
        raise Unsupported(f"{instruction}")
    update = operations.Operation(_UPDATES[instruction.predicate](type_.bits))
    read, write, size = reader(type_, layout), writer(type_, layout), _size(layout, type_)
    align = instruction.align

    def step(registers: Registers) -> None:
        memory = registers[MACHINE].memory
        block, at = memory.access(registers[pointer], size, align, True)
        old = read(memory, block, at)
        write(memory, block, at, update(memory, (old, registers[operand])))
        registers[destination] = old

    return step


def _cmpxchg(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    pointer, expected, new = builder.slots(instruction)
    type_, layout = instruction.operands[1].type, builder.layout
    if not isinstance(type_, ir.IntType):
        raise Unsupported(f"{instruction}")
    read, write, size = reader(type_, layout), writer(type_, layout), _size(layout, type_)
    same, align = operations.Operation(lambda a, b: int(a == b)), instruction.align

    def step(registers: Registers) -> None:
        memory = registers[MACHINE].memory
        block, at = memory.access(registers[pointer], size, align, True)
        old = read(memory, block, at)
        hit = same(memory, (old, registers[expected]))
        if not isinstance(hit, int):
            raise Undefined("cmpxchg of poison")
        if hit:
            write(memory, block, at, registers[new])
        registers[destination] = (old, hit)

    return step


def _fence(builder: Builder, instruction: ir.Instruction, destination: int) -> Step:
    return lambda registers: None


MAKERS: dict[str, Maker] = {
    "load": _load,
    "store": _store,
    "alloca": _alloca,
    "getelementptr": _getelementptr,
    "atomicrmw": _atomicrmw,
    "cmpxchg": _cmpxchg,
    "fence": _fence,
}
