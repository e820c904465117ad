"""The encoding against LLVM and the interpreter, instruction by instruction."""

from __future__ import annotations

import dataclasses
import gc
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ir_tools.llvm import Context
from ir_tools.process import run_tool
from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import POISON, Concrete, Nan, Undef
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.interpreter import Outcome, Status, run
from ir_tools.verify.interpreter.refinement import judge
from ir_tools.verify.reader import read_module
from ir_tools.verify.smt import refine
from ir_tools.verify.smt.budget import Budget
from ir_tools.verify.smt.instructions import Instructions
from ir_tools.verify.smt.intrinsics import IMMEDIATE, base_name
from ir_tools.verify.smt.session import Session, Side
from ir_tools.verify.smt.state import Behaviour
from ir_tools.verify.smt.world import World
from ir_tools.verify.verdict import Kind
from tests.ir_tools.verify.smt import bodies

LAYOUT = (
    'target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-'
    'n8:16:32:64-S128"\ntarget triple = "x86_64-unknown-linux-gnu"\n'
)
# What folds constants, those that went through memory too.
_FOLDING = "sroa,instsimplify,early-cse<memssa>,simplifycfg,instsimplify"
# Supported without a case here, and why.
WITHOUT_A_CASE = {
    "addrspacecast": "there is one address space: what is supported is a cast to itself",
    "annotation": "has a metadata-like string; as ssa.copy",
    "codeview.annotation": "does nothing, with metadata",
    "dbg": "does nothing, with metadata; dropped on reading",
    "fake.use": "does nothing; variadic",
    "ptr.annotation": "as ssa.copy",
    "var.annotation": "does nothing",
}
# Reasons to leave something open; nothing else may be.
_OPEN = (
    "is uninterpreted",  # too dear for z3
    "a pointer is made from an integer",
    "incomplete quantifiers",  # undef, in what chooses among NaNs and zeros
)
_BUDGET_S = 4.0


@dataclass(frozen=True, slots=True)
class Case:
    """A body, what the interpreter says of it, and what LLVM makes of it, if that is a constant."""

    body: bodies.Body
    module: ir.Module
    name: str
    outcome: Outcome
    folded: ir.Value | None

    def __str__(self) -> str:
        return f"{'; '.join(self.body.lines)} [{self.outcome.status} {self.outcome.value}]"


def parsed(text: str | bytes) -> ir.Module:
    with Context() as context, context.parse(text) as module:
        return read_module(module)


def cases(seed: int, each: int, folder: Path) -> list[Case]:
    chosen = list(bodies.bodies(random.Random(seed), each))
    text = LAYOUT + bodies.module(chosen)
    source, target = folder / "bodies.ll", folder / "folded.bc"
    source.write_text(text)
    command = ["opt-22", f"-passes=function({_FOLDING})", str(source), "-o", str(target)]
    result = run_tool(command, timeout_s=60)
    assert result.returncode == 0, result
    module, folded = parsed(text), parsed(target.read_bytes())
    return [
        Case(body, module, name, run(module, name, Input()), _constant(folded.functions[name]))
        for name, body in ((f"f{index}", body) for index, body in enumerate(chosen))
    ]


def _constant(function: ir.Function) -> ir.Value | None:
    """What a function returns, if it does nothing else."""
    (*before, last) = function.instructions()
    if before or last.opcode != "ret" or isinstance(last.operands[0], ir.Expression):
        return None
    return last.operands[0]


# values -----------------------------------------------------------------------------------------


def as_constant(type_: ir.Type, value: Concrete) -> ir.Value | None:
    """The interpreter's value as IR; None where some of its bits only are undef."""
    match type_:
        case ir.VectorType(count, element) | ir.ArrayType(count, element):
            types = (element,) * count
        case ir.StructType(elements):
            types = elements
        case _:
            return _scalar(type_, value)
    if not isinstance(value, tuple):
        return None
    lanes = [as_constant(*each) for each in zip(types, value, strict=True)]
    return None if None in lanes else ir.Aggregate(type_, tuple(lanes))  # type: ignore[arg-type]


def _scalar(type_: ir.Type, value: Concrete) -> ir.Value | None:
    if value is POISON:
        return ir.Poison(type_)
    if isinstance(value, Nan):
        value = value.canonical
    if isinstance(value, Undef):
        return ir.Undef(type_) if value.mask == (1 << type_.bits) - 1 else None
    if not isinstance(value, int):
        return None
    make = ir.ConstantInt if isinstance(type_, ir.IntType) else ir.ConstantFloat
    return make(type_, value)  # type: ignore[arg-type]


def spoilt(value: ir.Value, concrete: Concrete, rng: random.Random) -> Iterator[ir.Value]:
    """The value with one scalar wrong: poison, and, where it is one number, another number."""
    if isinstance(value, ir.Aggregate):
        assert isinstance(concrete, tuple)
        places = list(range(len(value.elements)))
        rng.shuffle(places)
        for place in places:
            found = list(spoilt(value.elements[place], concrete[place], rng))
            for bad in found:
                lanes = [*value.elements[:place], bad, *value.elements[place + 1 :]]
                yield ir.Aggregate(value.type, tuple(lanes))
            if found:
                return
    elif concrete is not POISON:
        yield ir.Poison(value.type)
        if isinstance(concrete, Nan):
            yield ir.ConstantFloat(value.type, rng.choice((0, 1)))  # type: ignore[arg-type]
        elif not isinstance(value, ir.Undef):
            number = value.value if isinstance(value, ir.ConstantInt) else value.pattern  # type: ignore[union-attr]
            bit = 1 << rng.randrange(value.type.bits)  # type: ignore[union-attr]
            yield type(value)(value.type, number ^ bit)  # type: ignore[arg-type,call-arg]


# functions --------------------------------------------------------------------------------------


def returning(case: Case, value: ir.Value) -> tuple[ir.Module, str]:
    """A function of the same type that returns just that."""
    block = ir.Block("%0", (ir.Instruction("ret", ir.VoidType(), operands=(value,)),))
    function = dataclasses.replace(case.module.functions[case.name], blocks=(block,))
    return _with(case.module, function), case.name


def _with(module: ir.Module, function: ir.Function) -> ir.Module:
    return dataclasses.replace(module, functions={**module.functions, function.name: function})


class Pins:
    """Constants behind arguments: the body runs only where these are what the constants were."""

    def __init__(self, function: ir.Function) -> None:
        self._arguments: list[ir.Local] = []
        self._tests: list[ir.Instruction] = []
        self._condition: ir.Value = ir.ConstantInt(ir.IntType(1), 1)
        self.blocks = tuple(
            dataclasses.replace(block, instructions=tuple(map(self._pin, block.instructions)))
            for block in function.blocks
        )

    def _pin(self, instruction: ir.Instruction) -> ir.Instruction:
        if instruction.opcode in ("alloca", "ret"):
            return instruction
        name = (
            base_name(instruction.call.name, _IMMEDIATES.__contains__) if instruction.call else ""
        )
        kept = _IMMEDIATES.get(name, ())
        operands = tuple(
            each if index in kept else self._hidden(each)
            for index, each in enumerate(instruction.operands)
        )
        return dataclasses.replace(instruction, operands=operands)

    def _hidden(self, value: ir.Value) -> ir.Value:
        if not _is_number(value):
            return value
        argument = ir.Local(value.type, f"%pin{len(self._arguments)}")
        self._arguments.append(argument)
        truth, bits = ir.IntType(1), ir.IntType(_bits(value.type))
        left = self._test("bitcast", bits, argument)
        right = self._test("bitcast", bits, value)
        same = self._test("icmp", truth, left, right, predicate="eq")
        self._condition = self._test("and", truth, self._condition, same)
        return argument

    def _test(
        self, opcode: str, type_: ir.Type, *operands: ir.Value, predicate: str = ""
    ) -> ir.Local:
        name = f"%test{len(self._tests)}"
        self._tests.append(ir.Instruction(opcode, type_, name, operands, predicate=predicate))
        return ir.Local(type_, name)

    def around(self, function: ir.Function, blocks: tuple[ir.Block, ...]) -> ir.Function:
        """The function with these blocks, where the arguments are right."""
        result, void = function.type.result, ir.VoidType()
        targets = blocks[0].name, "%other"
        branch = ir.Instruction("br", void, operands=(self._condition,), targets=targets)
        leave = ir.Instruction("ret", void, operands=(ir.Zero(result),))
        return dataclasses.replace(
            function,
            type=ir.FunctionType(result, tuple(each.type for each in self._arguments)),
            parameters=tuple(
                ir.Parameter(each.type, each.name, {"noundef": 0}) for each in self._arguments
            ),
            blocks=(
                ir.Block("%pins", (*self._tests, branch)), *blocks, ir.Block("%other", (leave,))
            ),
        )  # fmt: skip


# By intrinsic: operands that have to be constants.
_IMMEDIATES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys((*IMMEDIATE, "is.fpclass"), (1,)),
    **dict.fromkeys(("memcpy", "memcpy.inline", "memmove", "memset", "memset.inline"), (2, 3)),
    "expect.with.probability": (2,),
    "prefetch": (1, 2, 3),
    "pseudoprobe": (0, 1, 2, 3),
}


def _is_number(value: ir.Value) -> bool:
    if isinstance(value, ir.Aggregate):
        return isinstance(value.type, ir.VectorType) and all(map(_is_number, value.elements))
    if isinstance(value, ir.Data):
        return isinstance(value.type, ir.VectorType)
    return isinstance(value, ir.ConstantInt | ir.ConstantFloat)


def _bits(type_: ir.Type) -> int:
    if isinstance(type_, ir.VectorType):
        return type_.count * _bits(type_.element)
    assert isinstance(type_, ir.IntType | ir.FloatType)
    return type_.bits


# comparing --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What the judge said that it should not have, and how often it said what it should."""

    wrong: list[str] = dataclasses.field(default_factory=list)
    open: list[str] = dataclasses.field(default_factory=list)
    right: int = 0

    def expect(
        self, kind: Kind, source: tuple[ir.Module, str], target: tuple[ir.Module, str], about: str
    ) -> None:
        said = refine.check(source, target, unroll=1, timeout_s=_BUDGET_S)
        if said.kind is kind:
            self.right += 1
            return
        line = f"{said.kind}, not {kind} ({said.reason}): {about}"
        is_open = said.kind is Kind.UNKNOWN and any(each in said.reason for each in _OPEN)
        (self.open if is_open else self.wrong).append(line)


def compare(case: Case, tally: Tally, rng: random.Random) -> None:
    """One case on its constants: what is right has to be proved, and what is wrong refuted."""
    here, type_ = (case.module, case.name), case.module.functions[case.name].type.result
    if case.folded is not None:
        target = returning(case, case.folded)
        tally.expect(Kind.PROVED, here, target, f"{case}, as LLVM folds it: {case.folded}")
    if case.outcome.status is Status.UB:
        anything = returning(case, ir.Zero(type_))
        tally.expect(Kind.PROVED, here, anything, f"{case}, undefined")
        tally.expect(Kind.REFUTED, anything, here, f"{case}, undefined in the target")
        return
    assert case.outcome.value is not None, case
    value = as_constant(type_, case.outcome.value)
    if value is None:
        return
    tally.expect(Kind.PROVED, here, returning(case, value), f"{case}")
    for bad in spoilt(value, case.outcome.value, rng):
        target = returning(case, bad)
        if not case.outcome.choices or judge(here, target, Input()).law is not None:
            tally.expect(Kind.REFUTED, here, target, f"{case}, not {bad}")


def compare_pinned(case: Case, tally: Tally, rng: random.Random) -> None:
    """The same, with the constants behind arguments: the formulas themselves, not their folding."""
    function = case.module.functions[case.name]
    pins = Pins(function)

    def pinned(blocks: tuple[ir.Block, ...]) -> tuple[ir.Module, str]:
        return _with(case.module, pins.around(function, blocks)), case.name

    def result(value: ir.Value) -> tuple[ir.Module, str]:
        return pinned((ir.Block("%0", (ir.Instruction("ret", ir.VoidType(), operands=(value,)),)),))

    here = pinned(pins.blocks)
    if case.outcome.status is Status.UB:
        anything = result(ir.Zero(function.type.result))
        tally.expect(Kind.PROVED, here, anything, f"{case}, undefined, pinned")
        tally.expect(Kind.REFUTED, anything, here, f"{case}, undefined in the target, pinned")
        return
    assert case.outcome.value is not None, case
    value = as_constant(function.type.result, case.outcome.value)
    if value is None or case.outcome.choices:
        return
    tally.expect(Kind.PROVED, here, result(value), f"{case}, pinned")
    for bad in spoilt(value, case.outcome.value, rng):
        tally.expect(Kind.REFUTED, here, result(bad), f"{case}, pinned, not {bad}")


def compared(chosen: list[Case], seed: int) -> Tally:
    """All of them on their constants, and every fifth behind arguments too."""
    tally, rng = Tally(), random.Random(seed)
    gc.collect()
    gc.freeze()  # the judge collects garbage before every check
    for index, case in enumerate(chosen):
        compare(case, tally, rng)
        if index % 5 == seed % 5:
            compare_pinned(case, tally, rng)
    gc.unfreeze()
    return tally


# the laws ---------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_llvm_the_interpreter_and_the_judge_agree_on_every_instruction(tmp_path: Path) -> None:
    tally = compared(cases(7, 1, tmp_path), seed=7)
    assert not tally.wrong, tally.wrong[:20]
    assert tally.right > 800
    assert len(tally.open) < 0.05 * tally.right, tally.open[:20]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 108))
def test_they_agree_on_thousands(seed: int, tmp_path: Path) -> None:
    tally = compared(cases(seed, 2, tmp_path), seed)
    assert not tally.wrong, tally.wrong[:20]
    assert len(tally.open) < 0.05 * tally.right, tally.open[:20]


def test_every_instruction_that_is_supported_has_a_case() -> None:
    chosen = list(bodies.bodies(random.Random(1), 2))
    functions = parsed(LAYOUT + bodies.module(chosen)).functions.values()
    known = _supported()
    made = {
        base_name(each.call.name, known.__contains__) if each.call else each.opcode
        for function in functions
        for each in function.instructions()
    }
    assert known - made == set(WITHOUT_A_CASE)
    assert {"br", "switch", "phi", "unreachable", "ret"} <= made
    assert made - known == {"br", "switch", "phi", "unreachable", "ret"}


def _supported() -> set[str]:
    """The opcodes and intrinsics that the encoding knows, besides control flow."""
    module = parsed("define void @f() { ret void }")
    sides = [Side(name, module, module.functions["f"]) for name in ("src", "tgt")]
    world = World(module, module, budget=Budget(_BUDGET_S))
    made = Instructions(Session(*sides, world), sides[0], Behaviour())
    return {*made._handlers, *made.calls.intrinsics._handlers}


def test_a_wrong_value_is_noticed(tmp_path: Path) -> None:
    """The comparison itself can fail: a case whose outcome is another's."""
    chosen = [bodies.Body("add", "i8", (f"%r = add i8 1, {n}",)) for n in (2, 3)]
    module = parsed(LAYOUT + bodies.module(chosen))
    case = Case(chosen[0], module, "f0", run(module, "f1", Input()), None)
    for look in (compare, compare_pinned):
        tally = Tally()
        look(case, tally, random.Random(1))
        assert len(tally.wrong) == 1
        assert "refuted, not proved" in tally.wrong[0]
