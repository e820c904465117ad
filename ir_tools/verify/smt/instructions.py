"""What each instruction does to the state, by opcode.

Loads, stores and the like are `smt.memory`'s, calls are in `smt.calls`, atomic and volatile
accesses in `smt.ordered`. Exceptions and va_arg are not covered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import ops
from ir_tools.verify.smt.addresses import Addresses
from ir_tools.verify.smt.calls import Calls
from ir_tools.verify.smt.floats import Floats
from ir_tools.verify.smt.logic import FALSE
from ir_tools.verify.smt.ordered import Ordered, is_ordered
from ir_tools.verify.smt.promises import Promises
from ir_tools.verify.smt.session import Session, Side
from ir_tools.verify.smt.state import Behaviour, State
from ir_tools.verify.smt.values import Lanes, Scalar, UnsupportedError, Value

_INTEGER = (
    "add", "sub", "mul", "udiv", "sdiv", "urem", "srem", "shl", "lshr", "ashr", "and", "or", "xor",
)  # fmt: skip
_FLOAT = ("fadd", "fsub", "fmul", "fdiv", "frem")
_RESIZING = ("trunc", "zext", "sext")
_CONVERTING = ("fpext", "fptrunc", "fptoui", "fptosi", "uitofp", "sitofp")
_POINTER = (
    "alloca", "load", "store", "getelementptr", "ptrtoint", "ptrtoaddr", "inttoptr",
    "addrspacecast", )  # fmt: skip


@dataclass(slots=True)
class Instructions:
    session: Session
    side: Side
    behaviour: Behaviour
    floats: Floats = field(init=False)
    promises: Promises = field(init=False)
    addresses: Addresses = field(init=False)
    calls: Calls = field(init=False)
    ordered: Ordered = field(init=False)
    _handlers: dict[str, Callable[[State, ir.Instruction], Value]] = field(init=False)

    def __post_init__(self) -> None:
        self.floats = Floats(self.side.choices, self.session.world.weak_refutations)
        self.promises = Promises(self.session, self.side)
        self.addresses = Addresses(self)
        self.calls = Calls(self)
        self.ordered = Ordered(self.calls)
        self._handlers = {
            **dict.fromkeys(_INTEGER, self._binary),
            **dict.fromkeys(_FLOAT, self._float),
            **dict.fromkeys(_RESIZING, self._resize),
            **dict.fromkeys(_CONVERTING, self._convert),
            **{name: getattr(self.addresses, name) for name in _POINTER},
            "fneg": self._fneg,
            "icmp": self._icmp,
            "fcmp": self._fcmp,
            "select": self._select,
            "freeze": self._freeze,
            "bitcast": self._bitcast,
            "extractelement": self._extractelement,
            "insertelement": self._insertelement,
            "shufflevector": self._shufflevector,
            "extractvalue": self._extractvalue,
            "insertvalue": self._insertvalue,
        }

    def execute(self, state: State, instruction: ir.Instruction) -> bool:
        """Carry it out; False where nothing follows it."""
        if instruction.opcode == "call":
            return self.calls.execute(state, instruction)
        if is_ordered(instruction):
            self.ordered.execute(state, instruction)
            return True
        result = self.evaluate(state, instruction)
        if instruction.name:
            state.values[instruction.name] = result
        return True

    def evaluate(self, state: State, instruction: ir.Instruction) -> Value:
        handler = self._handlers.get(instruction.opcode)
        if handler is None:
            raise UnsupportedError(f"{instruction.opcode}")
        return handler(state, instruction)

    # operands -----------------------------------------------------------------------------------

    def use(self, state: State, value: ir.Value) -> Value:
        """An operand as this use of it sees it."""
        return self.refreshed(self.value(state, value))

    def refreshed(self, value: Value) -> Value:
        if isinstance(value, Lanes):
            return Lanes(tuple(map(self.refreshed, value.values)))
        return self.side.choices.use(value)

    def uses(self, state: State, instruction: ir.Instruction) -> list[Value]:
        return [self.use(state, operand) for operand in instruction.operands]

    def value(self, state: State, value: ir.Value) -> Value:
        """An operand; its undef is not chosen yet."""
        match value:
            case ir.Local(_, name):
                return state.values[name]
            case ir.ConstantInt(type_, number):
                return ops.number(number, type_.bits)
            case ir.ConstantFloat(type_, pattern):
                return ops.number(pattern, type_.bits)
            case ir.Zero(type_) | ir.Undef(type_) | ir.Poison(type_):
                return ops.shape(type_, self._plain(value))
            case ir.Aggregate(_, elements):
                return Lanes(tuple(self.value(state, each) for each in elements))
            case ir.Data(type_, raw):
                return self._data(type_, raw)
            case ir.GlobalRef(_, name):
                return Scalar(self.session.world.global_pointer(name), FALSE)
            case ir.Expression(instruction):
                return self.evaluate(state, instruction)
        raise UnsupportedError(f"the operand {value}")

    def _plain(self, value: ir.Value) -> Callable[[ir.Type], Scalar]:
        def make(type_: ir.Type) -> Scalar:
            width = self.session.width(type_)
            if isinstance(value, ir.Undef):
                return self.side.choices.undef(width)
            zero = z3.BitVecVal(0, width)
            return Scalar(zero, z3.BoolVal(isinstance(value, ir.Poison)))

        return make

    def _data(self, type_: ir.ArrayType | ir.VectorType, raw: bytes) -> Value:
        width = self.session.width(type_.element)
        order = "little" if self.session.layout.little_endian else "big"
        size = len(raw) // max(type_.count, 1)
        numbers = [
            int.from_bytes(raw[i : i + size], order)  # type: ignore[arg-type]
            for i in range(0, len(raw), size or 1)
        ]
        return Lanes(tuple(ops.number(number, width) for number in numbers))

    # arithmetic ---------------------------------------------------------------------------------

    def _binary(self, state: State, instruction: ir.Instruction) -> Value:
        opcode, flags = instruction.opcode, instruction.flags
        left, right = self.uses(state, instruction)
        for pair in zip(ops.scalars(left), ops.scalars(right), strict=True):
            state.fail(ops.division_ub(opcode, *pair))
        return ops.lanewise(lambda x, y: ops.binary(opcode, flags, x, y), left, right)

    def _float(self, state: State, instruction: ir.Instruction) -> Value:
        self.check_denormals(instruction.opcode)
        type_ = ops.element_type(instruction.type)
        return ops.lanewise(
            lambda x, y: self.floats.arithmetic(instruction.opcode, instruction.flags, type_, x, y),
            *self.uses(state, instruction),
        )

    def check_denormals(self, opcode: str) -> None:
        """Functions that flush denormals are not covered."""
        if any(name.startswith("denormal") for name in self.side.function.attributes):
            raise UnsupportedError(f"{opcode} where denormals are not kept")

    def _fneg(self, state: State, instruction: ir.Instruction) -> Value:
        type_ = ops.element_type(instruction.type)
        return ops.lanewise(
            lambda x: self.floats.signs("fneg", instruction.flags, type_, x),
            *self.uses(state, instruction),
        )

    def _resize(self, state: State, instruction: ir.Instruction) -> Value:
        bits = self.session.width(ops.element_type(instruction.type))
        return ops.lanewise(
            lambda x: ops.cast(instruction.opcode, instruction.flags, x, bits),
            *self.uses(state, instruction),
        )

    def _convert(self, state: State, instruction: ir.Instruction) -> Value:
        self.check_denormals(instruction.opcode)
        from_ = ops.element_type(instruction.operands[0].type)
        to = ops.element_type(instruction.type)
        return ops.lanewise(
            lambda x: self.floats.convert(instruction.opcode, instruction.flags, x, from_, to),
            *self.uses(state, instruction),
        )

    def _icmp(self, state: State, instruction: ir.Instruction) -> Value:
        left, right = self.uses(state, instruction)
        predicate, flags = instruction.predicate, instruction.flags
        if isinstance(ops.element_type(instruction.operands[0].type), ir.PointerType):
            if "samesign" in flags:
                raise UnsupportedError("icmp samesign of pointers")
            return ops.lanewise(lambda x, y: state.memory.compare(predicate, x, y), left, right)
        return ops.lanewise(lambda x, y: ops.compare(predicate, flags, x, y), left, right)

    def _fcmp(self, state: State, instruction: ir.Instruction) -> Value:
        self.check_denormals("fcmp")
        type_ = ops.element_type(instruction.operands[0].type)
        return ops.lanewise(
            lambda x, y: self.floats.compare(instruction.predicate, instruction.flags, type_, x, y),
            *self.uses(state, instruction),
        )

    # values moved about -------------------------------------------------------------------------

    def _select(self, state: State, instruction: ir.Instruction) -> Value:
        condition = self.use(state, instruction.operands[0])
        arms = [self.value(state, arm) for arm in instruction.operands[1:]]
        return self.flagged(instruction, ops.select(condition, *arms))

    def flagged(self, instruction: ir.Instruction, value: Value) -> Value:
        """What fast-math flags make of the result of a select, phi or call."""
        flags = instruction.flags & {"nnan", "ninf", "nsz"}
        type_ = ops.element_type(instruction.type)
        if not flags or not isinstance(type_, ir.FloatType):
            return value
        return ops.lanewise(lambda x: self.floats.flagged(flags, type_, x), value)

    def _freeze(self, state: State, instruction: ir.Instruction) -> Value:
        value = self.use(state, instruction.operands[0])
        return ops.freeze(value, self._any_bits)

    def _any_bits(self, width: int) -> z3.BitVecRef:
        """What freeze makes of poison; of a pointer, none to a block that cannot be reached."""
        world = self.session.world
        if width != world.pointer_width:
            return self.side.choices.bits(width, "freeze")
        return world.unknown_pointer(self.side.choices.bits(width - 1, "freeze"))

    def _bitcast(self, state: State, instruction: ir.Instruction) -> Value:
        value = self.use(state, instruction.operands[0])
        before, after = instruction.operands[0].type, instruction.type
        pointers = [isinstance(ops.element_type(each), ir.PointerType) for each in (before, after)]
        if all(pointers) and before == after:
            return value
        if any(pointers):
            raise UnsupportedError(f"bitcast from {before} to {after}")
        widths = ops.widths(after, self.session.width)
        pieces = ops.bitcast(value, widths, self.session.layout.little_endian)
        return Lanes(tuple(pieces)) if isinstance(after, ir.VectorType) else pieces[0]

    def _extractelement(self, state: State, instruction: ir.Instruction) -> Value:
        vector = self.value(state, instruction.operands[0])
        index = self.use(state, instruction.operands[1])
        assert isinstance(vector, Lanes)
        assert isinstance(index, Scalar)
        return ops.extract_element(vector, index)

    def _insertelement(self, state: State, instruction: ir.Instruction) -> Value:
        vector, element = (self.value(state, each) for each in instruction.operands[:2])
        index = self.use(state, instruction.operands[2])
        assert isinstance(vector, Lanes)
        assert isinstance(index, Scalar)
        return ops.insert_element(vector, element, index)

    def _shufflevector(self, state: State, instruction: ir.Instruction) -> Value:
        left, right = (self.value(state, each) for each in instruction.operands[:2])
        assert isinstance(left, Lanes)
        assert isinstance(right, Lanes)
        return ops.shuffle(left, right, instruction.indices)

    def _extractvalue(self, state: State, instruction: ir.Instruction) -> Value:
        return ops.extract_value(self.value(state, instruction.operands[0]), instruction.indices)

    def _insertvalue(self, state: State, instruction: ir.Instruction) -> Value:
        aggregate, element = (self.value(state, each) for each in instruction.operands[:2])
        return ops.insert_value(aggregate, element, instruction.indices)
