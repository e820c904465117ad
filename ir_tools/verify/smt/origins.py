"""What pointers are based on, by the text: allocas, arguments, globals, or anything else."""

from __future__ import annotations

from collections.abc import Iterator

from ir_tools.verify import ir

LOCAL, ANYTHING = "local", "anything"
_PASSES_ON = (
    "getelementptr", "bitcast", "phi", "select", "freeze", "addrspacecast", "insertelement",
    "extractelement", "shufflevector", "insertvalue", "extractvalue",
)  # fmt: skip
_SAME = ("llvm.ptrmask", "llvm.launder", "llvm.strip")
# Of `captures`: what the result lets out in the low half, what goes other ways in the high half.
_NULLNESS, _ADDRESS, _RESULT, _ALL = 0x11, 0x33, 0x0F, 0xFF


class Origins:
    """Of a function's pointers: `local`, `arg0`, `global x` and `anything`."""

    def __init__(self, function: ir.Function) -> None:
        self._function = function
        self._known = {
            parameter.name: frozenset({f"arg{index}"})
            for index, parameter in enumerate(function.parameters)
        }
        while self._spread():
            pass

    def of(self, value: ir.Value) -> frozenset[str]:
        match value:
            case ir.Local(_, name):
                return self._known.get(name, frozenset())
            case ir.GlobalRef(_, name):
                return frozenset({f"global {name}"})
            case ir.Expression(instruction) if instruction.opcode in _PASSES_ON:
                return frozenset().union(*map(self.of, instruction.operands))
            case ir.ConstantInt() | ir.Zero() | ir.Undef() | ir.Poison():
                return frozenset()
        return frozenset({ANYTHING})

    def _spread(self) -> bool:
        changed = False
        for each in self._function.instructions():
            new = self._known.get(each.name, frozenset()) | self._result(each)
            if each.name and new != self._known.get(each.name):
                self._known[each.name], changed = new, True
        return changed

    def _result(self, instruction: ir.Instruction) -> frozenset[str]:
        if instruction.opcode == "alloca":
            return frozenset({LOCAL})
        is_same = instruction.call is not None and instruction.call.name.startswith(_SAME)
        if instruction.opcode in _PASSES_ON or is_same:
            return frozenset().union(*map(self.of, instruction.operands))
        if isinstance(instruction.type, ir.IntType | ir.FloatType | ir.VoidType):
            return frozenset()
        return frozenset({ANYTHING})

    def captures(self, argument: str, callee_mask: object) -> int:
        """All ways in which the function may let an argument out, as `captures` counts them."""
        mask = 0
        for instruction in self._function.instructions():
            for index, operand in enumerate(instruction.operands):
                if argument in self.of(operand):
                    mask |= self._captured(instruction, index, callee_mask)
        return mask

    @staticmethod
    def _captured(instruction: ir.Instruction, index: int, callee_mask: object) -> int:
        opcode = instruction.opcode
        if opcode in (*_PASSES_ON, "load") or (opcode == "store" and index == 1):
            return 0
        if opcode == "ret":
            return _RESULT
        if opcode == "icmp":
            other = instruction.operands[1 - index]
            return _NULLNESS if isinstance(other, ir.Zero) else _ADDRESS
        if instruction.call is not None:
            return int(callee_mask(instruction, index))  # type: ignore[operator]
        return _ALL


def accesses(instruction: ir.Instruction) -> Iterator[tuple[int, bool]]:
    """The operands that an instruction other than a call reads or writes through."""
    if instruction.opcode == "load":
        yield 0, False
    elif instruction.opcode == "store":
        yield 1, True
    elif instruction.call is not None:
        name = instruction.call.name
        if name.startswith(("llvm.memcpy", "llvm.memmove")):
            yield 0, True
            yield 1, False
        elif name.startswith("llvm.memset"):
            yield 0, True
