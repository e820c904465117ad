"""The instructions of a module as LLVM's handles and numbers: what features and graphs read.

Handles are good for as long as nothing changes the module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ir_tools.libllvm import library

# LLVMOpcode, with the names that the IR has for them.
OPCODES = {
    1: "ret", 2: "br", 3: "switch", 4: "indirectbr", 5: "invoke", 7: "unreachable", 8: "add",
    9: "fadd", 10: "sub", 11: "fsub", 12: "mul", 13: "fmul", 14: "udiv", 15: "sdiv", 16: "fdiv",
    17: "urem", 18: "srem", 19: "frem", 20: "shl", 21: "lshr", 22: "ashr", 23: "and", 24: "or",
    25: "xor", 26: "alloca", 27: "load", 28: "store", 29: "getelementptr", 30: "trunc", 31: "zext",
    32: "sext", 33: "fptoui", 34: "fptosi", 35: "uitofp", 36: "sitofp", 37: "fptrunc", 38: "fpext",
    39: "ptrtoint", 40: "inttoptr", 41: "bitcast", 42: "icmp", 43: "fcmp", 44: "phi", 45: "call",
    46: "select", 49: "va_arg", 50: "extractelement", 51: "insertelement", 52: "shufflevector",
    53: "extractvalue", 54: "insertvalue", 55: "fence", 56: "cmpxchg", 57: "atomicrmw",
    58: "resume", 59: "landingpad", 60: "addrspacecast", 61: "cleanupret", 62: "catchret",
    63: "catchpad", 64: "cleanuppad", 65: "catchswitch", 66: "fneg", 67: "callbr", 68: "freeze",
    69: "ptrtoaddr",
}  # fmt: skip
NUMBERS = {name: number for number, name in OPCODES.items()}
FUNCTION_KIND, INTEGER_KIND, INSTRUCTION_KIND = 5, 18, 24  # LLVMValueKind
CONSTANT_KINDS = frozenset((*range(5, 22), 25, 26, 27))


@dataclass(frozen=True, slots=True)
class Block:
    """A basic block's handle, its instructions' handles and their opcodes."""

    handle: int
    instructions: list[int]
    opcodes: list[int]

    def successors(self) -> list[int]:
        """The handles of the blocks that the terminator names, as often as it does."""
        lib, terminator = library(), self.instructions[-1]
        count = lib.LLVMGetNumSuccessors(terminator)
        return [lib.LLVMGetSuccessor(terminator, index) for index in range(count)]


def blocks(function: int) -> Iterator[Block]:
    """The blocks of the function with that handle, in order; none where it is only declared."""
    lib = library()
    following, opcode = lib.LLVMGetNextInstruction, lib.LLVMGetInstructionOpcode
    block = lib.LLVMGetFirstBasicBlock(function)
    while block:
        instructions = []
        instruction = lib.LLVMGetFirstInstruction(block)
        while instruction:
            instructions.append(instruction)
            instruction = following(instruction)
        yield Block(block, instructions, list(map(opcode, instructions)))
        block = lib.LLVMGetNextBasicBlock(block)


def operands(instruction: int) -> list[int]:
    """The handles of the operands. The values of a switch's cases are none: see `case_values`."""
    lib = library()
    count = lib.LLVMGetNumOperands(instruction)
    return [lib.LLVMGetOperand(instruction, index) for index in range(count)]


def case_values(switch: int) -> list[int]:
    """The handles of the constants that a switch compares with."""
    lib = library()
    cases = range(1, lib.LLVMGetNumSuccessors(switch))
    return [lib.LLVMGetSwitchCaseValue(switch, case) for case in cases]
