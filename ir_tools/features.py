"""Numbers that describe a module: InstCount, Autophase and the histogram of opcodes.

The spaces are CompilerGym's, computed from a live module in one pass and with the standard library
alone, so that a worker can answer with them after every step. As there, functions that are only
declared count among the functions.

What differs from CompilerGym, because LLVM 22's IR differs from LLVM 10's: pointers have no types,
so there are hardly any bitcasts; debug information is in records, which are no instructions.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass, field

from ir_tools.instructions import (
    CONSTANT_KINDS,
    FUNCTION_KIND,
    INTEGER_KIND,
    NUMBERS,
    OPCODES,
    Block,
    blocks,
    case_values,
    operands,
)
from ir_tools.libllvm import library
from ir_tools.llvm import Module

# CompilerGym's 70 names in its order, which is LLVM 10's; what LLVM has added since comes last.
# UserOp1 and UserOp2 are LLVM's own placeholders, of which no module has any.
_CATEGORIES = ("TotalInsts", "TotalBlocks", "TotalFuncs")
_OPCODE_NAMES = tuple(
    (
        "Ret Br Switch IndirectBr Invoke Resume Unreachable CleanupRet CatchRet CatchSwitch CallBr "
        "FNeg Add FAdd Sub FSub Mul FMul UDiv SDiv FDiv URem SRem FRem Shl LShr AShr And Or Xor "
        "Alloca Load Store GetElementPtr Fence AtomicCmpXchg AtomicRMW Trunc ZExt SExt FPToUI "
        "FPToSI UIToFP SIToFP FPTrunc FPExt PtrToInt IntToPtr BitCast AddrSpaceCast CleanupPad "
        "CatchPad ICmp FCmp PHI Call Select UserOp1 UserOp2 VAArg ExtractElement InsertElement "
        "ShuffleVector ExtractValue InsertValue LandingPad Freeze PtrToAddr"
    ).split()
)
INST_COUNT_NAMES = (*_CATEGORIES, *_OPCODE_NAMES)
AUTOPHASE_NAMES = tuple(
    (
        "BBNumArgsHi BBNumArgsLo onePred onePredOneSuc onePredTwoSuc oneSuccessor twoPred "
        "twoPredOneSuc twoEach twoSuccessor morePreds BB03Phi BBHiPhi BBNoPhi BeginPhi BranchCount "
        "returnInt CriticalCount NumEdges const32Bit const64Bit numConstZeroes numConstOnes "
        "UncondBranches binaryConstArg NumAShrInst NumAddInst NumAllocaInst NumAndInst BlockMid "
        "BlockLow NumBitCastInst NumBrInst NumCallInst NumGetElementPtrInst NumICmpInst "
        "NumLShrInst NumLoadInst NumMulInst NumOrInst NumPHIInst NumRetInst NumSExtInst "
        "NumSelectInst NumShlInst NumStoreInst NumSubInst NumTruncInst NumXorInst NumZExtInst "
        "TotalBlocks TotalInsts TotalMemInst TotalFuncs ArgsPhi testUnary"
    ).split()
)

_IR_NAMES = {"AtomicCmpXchg": "cmpxchg", "VAArg": "va_arg"}  # the others differ in case alone
_BR, _SWITCH, _PHI, _CALL = (NUMBERS[name] for name in ("br", "switch", "phi", "call"))
_MEMORY = [NUMBERS[n] for n in "getelementptr load store call invoke alloca".split()]
_BINARY = frozenset(range(NUMBERS["add"], NUMBERS["xor"] + 1))
_UNARY = frozenset(  # what LLVM derives from UnaryInstruction
    (
        *range(NUMBERS["trunc"], NUMBERS["bitcast"] + 1),
        *(NUMBERS[n] for n in "addrspacecast ptrtoaddr fneg alloca load va_arg".split()),
        *(NUMBERS[n] for n in "extractvalue freeze".split()),
    )
)
_INTEGER_TYPE = 8  # LLVMTypeKind
# What a block with so many edges in and out counts as; where that is no feature, it is not read.
_PREDECESSORS = {0: "noPred", 1: "onePred", 2: "twoPred"}
_SUCCESSORS = {0: "noSuccessor", 1: "oneSuccessor", 2: "twoSuccessor"}
_BOTH = {
    (1, 1): "onePredOneSuc", (1, 2): "onePredTwoSuc", (2, 1): "twoPredOneSuc", (2, 2): "twoEach",
}  # fmt: skip
_CONSTANT_WIDTHS = {32: "const32Bit", 64: "const64Bit"}


def inst_count(module: Module) -> list[int]:
    """The counts of INST_COUNT_NAMES."""
    opcodes, count = collections.Counter[int](), 0
    functions = [function.handle for function in module.functions()]
    for function in functions:
        for block in blocks(function):
            opcodes.update(block.opcodes)
            count += 1
    by_name = (opcodes[NUMBERS.get(_ir_name(name), 0)] for name in _OPCODE_NAMES)
    return [opcodes.total(), count, len(functions), *by_name]


def opcode_histogram(module: Module) -> dict[str, int]:
    """How many instructions there are of each opcode that occurs, by the IR's name for it."""
    opcodes = collections.Counter[int]()
    for function in module.functions():
        for block in blocks(function.handle):
            opcodes.update(block.opcodes)
    return {OPCODES[number]: opcodes[number] for number in sorted(opcodes)}


def autophase(module: Module) -> list[int]:
    """The 56 counts of AUTOPHASE_NAMES (Huang, Haj-Ali et al. 2019), as CompilerGym defines them.

    Edges count as often as a terminator names them, also those of unreachable blocks. A call
    counts for `returnInt` where it names its callee. `BeginPhi` counts blocks; constants count
    at every use, the values of a switch's cases among them.
    """
    autophase = _Autophase()
    for function in module.functions():
        autophase.add(function.handle)
    return autophase.values()


def _ir_name(name: str) -> str:
    return _IR_NAMES.get(name, name.lower())


@dataclass(slots=True)
class _Autophase:
    """The counts so far, and what is known of each operand and type met so far, by handle."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    opcodes: collections.Counter[int] = field(default_factory=collections.Counter)
    constants: dict[int, tuple[str, ...] | None] = field(default_factory=dict)
    types: dict[int, dict[int, tuple[str, ...]]] = field(default_factory=dict)

    def values(self) -> list[int]:
        counts, opcodes = self.counts, self.opcodes
        counts["TotalInsts"] = opcodes.total()
        counts["TotalMemInst"] = sum(opcodes[number] for number in _MEMORY)
        counts["BranchCount"] = opcodes[_BR]
        counts["testUnary"] = sum(opcodes[number] for number in _UNARY)
        for name in _OPCODE_NAMES:
            counts[f"Num{name}Inst"] = opcodes[NUMBERS.get(_ir_name(name), 0)]
        return [counts[name] for name in AUTOPHASE_NAMES]

    def add(self, function: int) -> None:
        body = list(blocks(function))
        successors = [block.successors() for block in body]
        predecessors = collections.Counter(edge for edges in successors for edge in edges)
        self.counts["TotalFuncs"] += 1
        self.counts["TotalBlocks"] += len(body)
        for block in body:  # so that nobody asks whether they are constants
            self.constants.update(dict.fromkeys((block.handle, *block.instructions)))
        for block, edges in zip(body, successors, strict=True):
            self.opcodes.update(block.opcodes)
            self._edges(predecessors[block.handle], [predecessors[edge] for edge in edges])
            if block.opcodes[-1] == _BR and len(edges) == 1:
                self.counts["UncondBranches"] += 1
            self._size(len(block.instructions))
            self._phis(block)
            self._instructions(block)

    def _edges(self, before: int, into: list[int]) -> None:
        """A block that so many edges lead to, and so many to each of its successors."""
        counts, after = self.counts, len(into)
        counts["NumEdges"] += after
        if after > 1:
            counts["CriticalCount"] += sum(edges > 1 for edges in into)
        counts[_PREDECESSORS.get(before, "morePreds")] += 1
        counts[_SUCCESSORS.get(after, "moreSuccessors")] += 1
        counts[_BOTH.get((before, after), "otherShape")] += 1

    def _size(self, instructions: int) -> None:
        if instructions < 15:
            self.counts["BlockLow"] += 1
        elif instructions <= 500:
            self.counts["BlockMid"] += 1

    def _phis(self, block: Block) -> None:
        lib, counts = library(), self.counts
        phis = block.opcodes.count(_PHI)  # which come first
        if not phis:
            counts["BBNoPhi"] += 1
            return
        incoming = phis * lib.LLVMCountIncoming(block.instructions[0])
        counts["BeginPhi"] += 1
        counts["BB03Phi" if phis <= 3 else "BBHiPhi"] += 1
        counts["ArgsPhi"] += incoming
        if incoming:
            counts["BBNumArgsHi" if incoming > 5 else "BBNumArgsLo"] += 1

    def _instructions(self, block: Block) -> None:
        for instruction, opcode in zip(block.instructions, block.opcodes, strict=True):
            used = operands(instruction)
            if opcode == _SWITCH:
                used += case_values(instruction)
            elif opcode == _CALL:
                self.counts["returnInt"] += self._returns_integer(instruction)
            has_constant = self._constants(used)
            self.counts["binaryConstArg"] += has_constant and opcode in _BINARY

    def _constants(self, used: list[int]) -> bool:
        """Count the constants among the operands; whether there are any."""
        counts, known, found = self.counts, self.constants, False
        for operand in used:
            if operand not in known:
                known[operand] = self._features(operand)
            features = known[operand]
            if features is not None:
                found = True
                for name in features:
                    counts[name] += 1
        return found

    def _features(self, operand: int) -> tuple[str, ...] | None:
        """The counts that a constant belongs to; None for what is no constant."""
        lib = library()
        kind = lib.LLVMGetValueKind(operand)
        if kind == INTEGER_KIND:
            type_ = lib.LLVMTypeOf(operand)
            if type_ not in self.types:
                self.types[type_] = _small_integers(type_)
            known = self.types[type_]
            return known.get(operand, known[0])
        return () if kind in CONSTANT_KINDS else None

    def _returns_integer(self, call: int) -> bool:
        lib = library()
        callee = lib.LLVMGetCalledValue(call)
        return bool(
            lib.LLVMGetValueKind(callee) == FUNCTION_KIND
            and lib.LLVMGetTypeKind(lib.LLVMTypeOf(call)) == _INTEGER_TYPE
            and lib.LLVMGetCalledFunctionType(call) == lib.LLVMGlobalGetValueType(callee)
        )


def _small_integers(type_: int) -> dict[int, tuple[str, ...]]:
    """The counts that integers of a type belong to: by handle for zero and one, under 0 others.

    LLVM has each constant once, so a handle is as good as the value, whatever its width.
    """
    lib = library()
    if lib.LLVMGetTypeKind(type_) != _INTEGER_TYPE:
        return {0: ()}
    width = _CONSTANT_WIDTHS.get(lib.LLVMGetIntTypeWidth(type_))
    every = (width,) if width else ()
    return {
        0: every,
        lib.LLVMConstInt(type_, 0, 0): (*every, "numConstZeroes"),
        lib.LLVMConstInt(type_, 1, 0): (*every, "numConstOnes"),
    }
