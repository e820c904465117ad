"""From a function's instructions to Python closures: `compile_function` makes its `Code` once.

A step is a function of the registers, a list: register 0 is the machine, 1 the result, the others
arguments, results of instructions and constants. The common case of plain integers is decided in
the step itself; everything else goes through `operations`. An instruction that is not understood
becomes a step that raises Unsupported, so that a run fails only where it gets there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import float_semantics as floats
from ir_tools.verify.interpreter import operations
from ir_tools.verify.interpreter.concrete import (
    POISON,
    Undefined,
    Unsupported,
    poison,
    spread,
    undef,
)
from ir_tools.verify.interpreter.storage import NULL

Registers = list[Any]
Step = Callable[[Registers], None]
Maker = Callable[["Builder", ir.Instruction, int], Step]
MACHINE, RESULT = 0, 1


@dataclass(slots=True)
class Edge:
    """A way into a block: where to go, and the block's phis' values on this way."""

    block: CompiledBlock
    sources: list[int] = field(default_factory=list)
    destinations: list[int] = field(default_factory=list)


@dataclass(slots=True)
class CompiledBlock:
    name: str
    steps: list[Step] = field(default_factory=list)
    cost: int = 0
    leave: Callable[[Registers], Edge | None] = lambda registers: None


@dataclass(slots=True)
class Code:
    """A function as closures. `registers` are those of a run before it begins, with all constants
    but `constants` in them, which depend on where a machine's memory is: it fills them once."""

    function: ir.Function
    registers: Registers
    parameters: list[int]
    constants: list[tuple[int, ir.Value]]
    entry: Edge


def compile_function(module: ir.Module, function: ir.Function, typed: bool = False) -> Code:
    """With `typed`, loads and stores check their types too: see `aliasing`."""
    return Builder(module, function, typed).code()


class Builder:
    """Assigns registers and makes the steps of one function."""

    def __init__(self, module: ir.Module, function: ir.Function, typed: bool = False) -> None:
        self.module, self.layout, self.function = module, module.layout, function
        self._typed = typed
        self.constants: list[tuple[int, ir.Value]] = []
        self._named: dict[str, int] = {}
        self.size = 2  # of the registers
        self._blocks = {block.name: CompiledBlock(block.name) for block in function.blocks}

    def code(self) -> Code:
        parameters = [self.named(p.name) for p in self.function.parameters]
        for block in self.function.blocks:
            self._fill(block)
        entry = Edge(self._blocks[self.function.blocks[0].name])
        registers: Registers = [None] * self.size
        others = []
        for index, value in self.constants:
            try:
                registers[index] = literal(value, self.layout)
            except Unsupported:
                others.append((index, value))
        return Code(self.function, registers, parameters, others, entry)

    def _new(self) -> int:
        self.size += 1
        return self.size - 1

    def named(self, name: str) -> int:
        """The register of an argument or of an instruction's result."""
        if name not in self._named:
            self._named[name] = self._new()
        return self._named[name]

    def slot(self, value: ir.Value) -> int:
        """The register that an operand is in."""
        operations.require_plain_pointers(value.type)
        if isinstance(value, ir.Local):
            return self.named(value.name)
        index = self._new()
        self.constants.append((index, value))
        return index

    def slots(self, instruction: ir.Instruction) -> list[int]:
        return [self.slot(operand) for operand in instruction.operands]

    def _fill(self, block: ir.Block) -> None:
        compiled = self._blocks[block.name]
        for instruction in block.instructions[:-1]:
            if instruction.opcode != "phi":
                compiled.steps.append(self.step(instruction))
        compiled.cost = len(block.instructions)
        try:
            compiled.leave = self._exit(block)
        except Unsupported as error:
            compiled.leave = _fails(error)

    def step(self, instruction: ir.Instruction) -> Step:
        from ir_tools.verify.interpreter import access_steps, aliasing, call_steps, pure_steps

        makers = {**pure_steps.MAKERS, **access_steps.MAKERS, **call_steps.MAKERS}
        try:
            operations.require_plain_pointers(instruction.type)
            maker = makers.get(instruction.opcode)
            if maker is None:
                raise Unsupported(f"{instruction.opcode}: {instruction}")
            destination = self.named(instruction.name) if instruction.name else self._new()
            step: Step = maker(self, instruction, destination)
            if self._typed and instruction.tbaa:
                value = instruction if instruction.opcode == "load" else instruction.operands[0]
                size, pointer = self.layout.extent(value.type).store, instruction.operands[-1]
                return aliasing.noted(step, self.slot(pointer), size, instruction)
            return step
        except Unsupported as error:
            return _fails(error)
        except KeyError as error:  # a type without a layout
            return _fails(Unsupported(f"{instruction.opcode} of {error}"))

    # control flow -------------------------------------------------------------------------------

    def _edge(self, from_: ir.Block, to: str) -> Edge:
        edge = Edge(self._blocks[to])
        target = next(block for block in self.function.blocks if block.name == to)
        for phi in target.instructions:
            if phi.opcode != "phi":
                break
            incoming = phi.operands[phi.targets.index(from_.name)]
            edge.sources.append(self.slot(incoming))
            edge.destinations.append(self.named(phi.name))
        return edge

    def _exit(self, block: ir.Block) -> Callable[[Registers], Edge | None]:
        last = block.terminator
        if last.opcode == "ret":
            return _return(self.slot(last.operands[0]) if last.operands else None)
        if last.opcode == "unreachable":
            return _unreachable
        if last.opcode not in ("br", "switch"):
            raise Unsupported(last.opcode)
        edges = [self._edge(block, target) for target in last.targets]
        if not last.operands:
            return lambda registers: edges[0]
        condition = self.slot(last.operands[0])
        if last.opcode == "br":
            return _branch(condition, *edges)
        return _switch(condition, edges[0], dict(zip(last.cases, edges[1:], strict=True)))


def _fails(error: Unsupported) -> Callable[[Registers], Any]:
    def fail(registers: Registers) -> Any:
        raise Unsupported(str(error))

    return fail


def _return(source: int | None) -> Callable[[Registers], Edge | None]:
    def leave(registers: Registers) -> None:
        if source is not None:
            registers[RESULT] = registers[source]

    return leave


def _unreachable(registers: Registers) -> Edge | None:
    raise Undefined("unreachable was reached")


def _branch(condition: int, yes: Edge, no: Edge) -> Callable[[Registers], Edge | None]:
    def leave(registers: Registers) -> Edge:
        value = registers[condition]
        if type(value) is not int:
            raise Undefined(f"branch on {'poison' if value is POISON else 'undef'}")
        return yes if value else no

    return leave


def _switch(
    condition: int, default: Edge, cases: dict[int, Edge]
) -> Callable[[Registers], Edge | None]:
    def leave(registers: Registers) -> Edge:
        value = registers[condition]
        if type(value) is not int:
            raise Undefined(f"switch on {'poison' if value is POISON else 'undef'}")
        return cases.get(value, default)

    return leave


# constants ----------------------------------------------------------------------------------------


def constant(value: ir.Value, machine: Any) -> Any:
    """A constant operand as a value of the running machine."""
    match value:
        case ir.GlobalRef():
            return machine.global_pointer(value.name)
        case ir.Expression(instruction):
            return _evaluate(instruction, machine)
        case ir.Aggregate():
            return tuple(constant(element, machine) for element in value.elements)
    return literal(value, machine.module.layout)


def literal(value: ir.Value, layout: ir.Layout) -> Any:
    """A constant that is the same in every machine. Raises Unsupported for others."""
    match value:
        case ir.ConstantInt():
            return value.value
        case ir.ConstantFloat():
            floats.format_of(value.type)
            return value.pattern
        case ir.Zero():
            return zero(value.type)
        case ir.Undef():
            return undef(value.type, layout)
        case ir.Poison():
            return poison(value.type)
        case ir.Aggregate():
            return tuple(literal(element, layout) for element in value.elements)
        case ir.Data():
            return _data(value, layout)
    raise Unsupported(f"the constant {value}")


def zero(type_: ir.Type) -> Any:
    return spread(type_, lambda leaf: NULL if isinstance(leaf, ir.PointerType) else 0)


def _data(value: ir.Data, layout: ir.Layout) -> Any:
    size = layout.extent(value.type.element).store
    starts = range(0, size * value.type.count, size)
    return tuple(int.from_bytes(value.raw[at : at + size], "little") for at in starts)


def _evaluate(instruction: ir.Instruction, machine: Any) -> Any:
    """A constant expression, through the same steps."""
    builder = Builder(machine.module, ir.Function("", ir.FunctionType(ir.VoidType(), ()), ()))
    named = ir.Instruction(
        instruction.opcode, instruction.type, "%result", instruction.operands,
        flags=instruction.flags, predicate=instruction.predicate, subject=instruction.subject,
        indices=instruction.indices,
    )  # fmt: skip
    step = builder.step(named)
    registers: Registers = [machine] + [None] * builder.size
    for index, value in builder.constants:
        registers[index] = constant(value, machine)
    step(registers)
    return registers[builder.named("%result")]
