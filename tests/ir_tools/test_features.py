"""`ir_tools.features`: each group of features by hand, and laws on real programs."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import llvmlite.binding
import pytest

from ir_tools.features import (
    AUTOPHASE_NAMES,
    INST_COUNT_NAMES,
    autophase,
    inst_count,
    opcode_histogram,
)
from ir_tools.llvm import Context
from ir_tools.process import run_tool
from ir_tools.target import Target
from tests.ir_tools.conftest import Program

ROOT = Path(__file__).parents[2]

DIAMOND = """
declare void @sink(i32)
define i32 @f(i1 %c, i32 %x) {
entry:
  br i1 %c, label %left, label %right
left:
  %a = add i32 %x, 1
  br label %join
right:
  %b = mul i32 %x, %x
  br label %join
join:
  %r = phi i32 [ %a, %left ], [ %b, %right ]
  call void @sink(i32 %r)
  ret i32 %r
}
"""

LOOP = """
define void @f(i1 %c) {
entry:
  br label %head
head:
  br i1 %c, label %head, label %exit
exit:
  ret void
}
"""

SWITCH = """
define i32 @f(i32 %x) {
entry:
  switch i32 %x, label %other [ i32 0, label %same
                                i32 7, label %same
                                i32 1, label %same ]
same:
  ret i32 5
other:
  ret i32 0
}
"""

CONSTANTS = """
@g = external global i32
define i64 @f(i64 %x, <2 x i32> %v) {
  %a = add i64 %x, 1
  %b = sub i64 0, %a
  %c = xor i64 %b, undef
  %d = and i64 %c, %a
  %e = trunc i64 %d to i16
  %f = or i16 %e, 1
  %w = add <2 x i32> %v, <i32 0, i32 1>
  %big = zext i64 %d to i128
  %shifted = lshr i128 %big, 18446744073709551616
  store i32 3, ptr @g
  %p = alloca i32, i32 1
  ret i64 %d
}
"""

CALLS = """
declare i32 @int()
declare void @nothing()
declare ptr @pointer()
declare <2 x i32> @vector()
define void @f(ptr %p) {
  %a = call i32 @int()
  call void @nothing()
  %b = call ptr @pointer()
  %c = call <2 x i32> @vector()
  %d = call i32 %p()
  %e = call i64 @int()
  ret void
}
"""

UNARY = """
define void @f(ptr %p, float %x, i64 %i, ptr %va) {
  %a = alloca i32
  %l = load i32, ptr %p
  %n = fneg float %x
  %t = trunc i64 %i to i8
  %q = inttoptr i64 %i to ptr
  %d = ptrtoaddr ptr %p to i64
  %s = addrspacecast ptr %p to ptr addrspace(1)
  %z = freeze i64 %i
  %v = va_arg ptr %va, i32
  %e = extractvalue { i32, i32 } zeroinitializer, 0
  %g = getelementptr i8, ptr %p, i64 %i
  %m = insertvalue { i32, i32 } poison, i32 %l, 1
  ret void
}
"""


def phis(blocks: int, each: int) -> str:
    """A function with a block of so many predecessors, and in it so many phis."""
    cases = " ".join(f"i32 {i}, label %b{i}" for i in range(1, blocks))
    sides = "\n".join(f"b{i}:\n  br label %join" for i in range(blocks))
    incoming = ", ".join(f"[ %x, %b{i} ]" for i in range(blocks))
    lines = "\n".join(f"  %p{i} = phi i32 {incoming}" for i in range(each))
    return (
        f"define void @f(i32 %x) {{\n  switch i32 %x, label %b0 [ {cases} ]\n{sides}\n"
        f"join:\n{lines}\n  ret void\n}}"
    )


def straight(instructions: int) -> str:
    """A function of one block with so many instructions."""
    body = "\n".join(f"  %{i} = add i8 %x, %x" for i in range(instructions - 1))
    return f"define void @f(i8 %x) {{\nentry:\n{body.replace('%0 =', '%first =')}\n  ret void\n}}"


def named(text: str, context: Context) -> dict[str, int]:
    with context.parse(text) as module:
        return dict(zip(AUTOPHASE_NAMES, autophase(module), strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            DIAMOND,
            {
                "TotalFuncs": 2, "TotalBlocks": 4, "TotalInsts": 8, "TotalMemInst": 1,
                "NumEdges": 4, "CriticalCount": 0, "onePred": 2, "twoPred": 1, "morePreds": 0,
                "oneSuccessor": 2, "twoSuccessor": 1, "onePredOneSuc": 2, "onePredTwoSuc": 0,
                "twoPredOneSuc": 0, "twoEach": 0, "BranchCount": 3, "NumBrInst": 3,
                "UncondBranches": 2, "NumPHIInst": 1, "BeginPhi": 1, "ArgsPhi": 2, "BBNoPhi": 3,
                "BB03Phi": 1, "BBHiPhi": 0, "BBNumArgsLo": 1, "BBNumArgsHi": 0, "BlockLow": 4,
                "BlockMid": 0, "NumAddInst": 1, "NumMulInst": 1, "NumCallInst": 1, "NumRetInst": 1,
                "returnInt": 0, "const32Bit": 1, "numConstOnes": 1, "binaryConstArg": 1,
            },
            id="a diamond",
        ),
        pytest.param(
            LOOP,
            {
                "NumEdges": 3, "CriticalCount": 1, "onePred": 1, "twoPred": 1, "twoEach": 1,
                "onePredTwoSuc": 0, "oneSuccessor": 1, "twoSuccessor": 1, "UncondBranches": 1,
            },
            id="the back edge of a loop is critical",
        ),
        pytest.param(
            SWITCH,
            {
                "NumEdges": 4, "CriticalCount": 3, "onePred": 1, "morePreds": 1, "twoSuccessor": 0,
                "oneSuccessor": 0, "BranchCount": 0, "const32Bit": 5, "numConstZeroes": 2,
                "numConstOnes": 1,
            },
            id="cases are constants, and edges as often as they are named",
        ),
        pytest.param(
            CONSTANTS,
            {
                "const32Bit": 2, "const64Bit": 2, "numConstOnes": 3, "numConstZeroes": 1,
                "binaryConstArg": 6, "NumAndInst": 1, "NumSubInst": 1, "NumXorInst": 1,
                "NumOrInst": 1, "NumTruncInst": 1, "NumZExtInst": 1, "NumLShrInst": 1,
                "NumAllocaInst": 1, "NumStoreInst": 1, "TotalMemInst": 2,
            },
            id="constants by width and value, whatever their type",
        ),
        pytest.param(
            CALLS,
            {"NumCallInst": 6, "returnInt": 1, "TotalMemInst": 6, "TotalFuncs": 5},
            id="a direct call of an integer function",
        ),
        pytest.param(
            UNARY,
            {"testUnary": 10, "TotalInsts": 13, "NumGetElementPtrInst": 1, "NumLoadInst": 1},
            id="unary is what LLVM derives from UnaryInstruction",
        ),
        pytest.param(
            phis(2, 2), {"BBNumArgsLo": 1, "BBNumArgsHi": 0, "ArgsPhi": 4, "BB03Phi": 1},
            id="few phis, few arguments",
        ),
        pytest.param(
            phis(3, 2), {"BBNumArgsLo": 0, "BBNumArgsHi": 1, "ArgsPhi": 6, "morePreds": 1},
            id="few phis, many arguments",
        ),
        pytest.param(
            phis(2, 4), {"BB03Phi": 0, "BBHiPhi": 1, "BeginPhi": 1, "NumPHIInst": 4},
            id="many phis",
        ),
        pytest.param(straight(14), {"BlockLow": 1, "BlockMid": 0}, id="a block of 14"),
        pytest.param(straight(15), {"BlockLow": 0, "BlockMid": 1}, id="a block of 15"),
        pytest.param(straight(500), {"BlockLow": 0, "BlockMid": 1}, id="a block of 500"),
        pytest.param(straight(501), {"BlockLow": 0, "BlockMid": 0}, id="a block of 501"),
    ],
)  # fmt: skip
def test_autophase_counts_as_by_hand(text: str, expected: dict[str, int], context: Context) -> None:
    counts = named(text, context)
    assert {name: counts[name] for name in expected} == expected


def test_inst_count_begins_with_compiler_gyms_seventy_in_its_order() -> None:
    assert INST_COUNT_NAMES[:5] == ("TotalInsts", "TotalBlocks", "TotalFuncs", "Ret", "Br")
    assert INST_COUNT_NAMES[69:] == ("Freeze", "PtrToAddr")
    assert len(set(INST_COUNT_NAMES)) == 71
    assert len(set(AUTOPHASE_NAMES)) == 56


def test_inst_count_counts_as_by_hand(context: Context) -> None:
    with context.parse(DIAMOND) as module:
        counts = dict(zip(INST_COUNT_NAMES, inst_count(module), strict=True))
        assert opcode_histogram(module) == {
            "ret": 1, "br": 3, "add": 1, "mul": 1, "phi": 1, "call": 1,
        }  # fmt: skip
    assert {name: count for name, count in counts.items() if count} == {
        "TotalInsts": 8, "TotalBlocks": 4, "TotalFuncs": 2,
        "Ret": 1, "Br": 3, "Add": 1, "Mul": 1, "PHI": 1, "Call": 1,
    }  # fmt: skip


def test_every_opcode_has_a_place_of_its_own(context: Context) -> None:
    with context.parse(UNARY) as module:
        counts = dict(zip(INST_COUNT_NAMES, inst_count(module), strict=True))
    once = "VAArg PtrToAddr AddrSpaceCast Freeze FNeg IntToPtr ExtractValue InsertValue".split()
    assert [counts[name] for name in once] == [1] * 8


def test_an_empty_module_has_no_features(context: Context) -> None:
    with context.parse("") as module:
        assert not any(autophase(module))
        assert not any(inst_count(module))
        assert opcode_histogram(module) == {}


@pytest.mark.parametrize("name", ["json.c", "vm.c", "fft.c"])
@pytest.mark.parametrize("pipeline", ["", "default<Oz>"])
def test_opcode_counts_are_llvmlites_and_add_up(
    name: str, pipeline: str, program: Program, context: Context
) -> None:
    with context.parse(program(name)) as module, Target(module=module) as target:
        module.run(pipeline, target)
        counts = dict(zip(INST_COUNT_NAMES, inst_count(module), strict=True))
        histogram = opcode_histogram(module)
        features = dict(zip(AUTOPHASE_NAMES, autophase(module), strict=True))
        theirs = llvmlite.binding.parse_assembly(str(module))
    blocks = [block for function in theirs.functions for block in function.blocks]
    assert histogram == Counter(i.opcode for block in blocks for i in block.instructions)
    assert counts["TotalInsts"] == sum(list(counts.values())[3:]) == sum(histogram.values())
    assert counts["TotalBlocks"] == len(blocks)
    assert counts["TotalFuncs"] == len(list(theirs.functions))
    for name in AUTOPHASE_NAMES:
        if name.startswith("Num") and name.endswith("Inst"):
            assert features[name] == counts[name.removeprefix("Num").removesuffix("Inst")]
    assert [features[key] for key in ("TotalInsts", "TotalBlocks", "TotalFuncs")] == list(
        counts.values()
    )[:3]


@pytest.mark.parametrize("name", ["json.c", "vm.c", "fft.c"])
@pytest.mark.parametrize("pipeline", ["", "default<Oz>"])
def test_autophase_reads_the_operands_that_llvmlite_reads(
    name: str, pipeline: str, program: Program, context: Context
) -> None:
    with context.parse(program(name)) as module, Target(module=module) as target:
        module.run(pipeline, target)
        features = dict(zip(AUTOPHASE_NAMES, autophase(module), strict=True))
        theirs = llvmlite.binding.parse_assembly(str(module))
    expected = Counter[str]()
    for function in theirs.functions:
        for instruction in (i for block in function.blocks for i in block.instructions):
            count_operands(instruction, expected)
    names = ("const32Bit", "const64Bit", "numConstZeroes", "numConstOnes", "binaryConstArg")
    assert {n: features[n] for n in (*names, "ArgsPhi", "testUnary")} == dict(expected)


BINARY_OPCODES = frozenset(
    "add fadd sub fsub mul fmul udiv sdiv fdiv urem srem frem shl lshr ashr and or xor".split()
)
UNARY_OPCODES = frozenset(
    "alloca load trunc zext sext fptoui fptosi uitofp sitofp fptrunc fpext ptrtoint inttoptr "
    "bitcast fneg va_arg extractvalue freeze addrspacecast ptrtoaddr".split()
)


def count_operands(instruction: llvmlite.binding.ValueRef, counts: Counter[str]) -> None:
    """What autophase says of an instruction's operands, from their texts."""
    operands = list(instruction.operands)
    constants = [str(operand) for operand in operands if operand.is_constant]
    if instruction.opcode == "switch":
        constants += re.findall(r"i\d+ -?\d+(?=, label)", str(instruction))
    for text in constants:
        counts["const32Bit"] += bool(re.fullmatch(r"i32 -?\d+", text))
        counts["const64Bit"] += bool(re.fullmatch(r"i64 -?\d+", text))
        counts["numConstZeroes"] += bool(re.fullmatch(r"i\d+ (0|false)", text))
        counts["numConstOnes"] += bool(re.fullmatch(r"i\d+ (1|true)", text))
    counts["binaryConstArg"] += instruction.opcode in BINARY_OPCODES and bool(constants)
    counts["ArgsPhi"] += len(operands) if instruction.opcode == "phi" else 0
    counts["testUnary"] += instruction.opcode in UNARY_OPCODES


@pytest.mark.parametrize("name", ["json.c", "vm.c"])
def test_autophase_partitions_the_blocks(name: str, program: Program, context: Context) -> None:
    with context.parse(program(name)) as module:
        features = dict(zip(AUTOPHASE_NAMES, autophase(module), strict=True))
        terminators = opcode_histogram(module)
    blocks = features["TotalBlocks"]
    assert features["BBNoPhi"] + features["BB03Phi"] + features["BBHiPhi"] == blocks
    assert features["BlockLow"] + features["BlockMid"] == blocks
    assert features["BBNumArgsLo"] + features["BBNumArgsHi"] == features["BeginPhi"]
    assert features["oneSuccessor"] == features["UncondBranches"]
    assert features["twoSuccessor"] >= terminators["br"] - features["UncondBranches"]


def test_features_need_nothing_but_the_standard_library() -> None:
    script = (
        "from ir_tools.llvm import Context; from ir_tools import features as f\n"
        f"m = Context().parse({SWITCH!r}); print(f.inst_count(m)[0], sum(f.autophase(m)) > 0)"
    )
    result = run_tool([sys.executable, "-S", "-c", script], timeout_s=60, cwd=ROOT).check()
    assert result.stdout.split() == [b"3", b"True"]
