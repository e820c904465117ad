"""Counterexamples are confirmed by the interpreter, and its differences are never proved away."""

from __future__ import annotations

import dataclasses
import itertools
import random

import pytest

pytest.importorskip("z3")

from benchmarks.mutants import mutants
from ir_tools.errors import OzoneError
from ir_tools.llvm import Context
from ir_tools.verify import ir
from ir_tools.verify.interpreter.inputs import inputs
from ir_tools.verify.interpreter.refinement import judge
from ir_tools.verify.reader import read_module
from ir_tools.verify.smt.refine import check
from ir_tools.verify.verdict import Kind, Verdict

_FUNCTIONS = {
    "mixed": """
define i8 @f(i8 %x, i8 %y, ptr %p) {
  %a = add nsw i8 %x, 3
  %b = sub i8 %a, %y
  %c = icmp slt i8 %b, 7
  %s = shl i8 %b, 2
  store i8 %s, ptr %p
  %m = mul i8 %s, 5
  %r = select i1 %c, i8 %m, i8 1
  ret i8 %r
}
""",
    "branches": """
define i32 @f(ptr %p, i32 %n) {
  %z = icmp eq i32 %n, 0
  br i1 %z, label %end, label %more
more:
  %v = load i32, ptr %p
  %d = udiv i32 %v, %n
  store i32 %d, ptr %p
  br label %end
end:
  %r = phi i32 [ 7, %0 ], [ %d, %more ]
  ret i32 %r
}
""",
    "calls": """
declare i32 @g(i32)
define i32 @f(i32 %x) {
  %a = call i32 @g(i32 %x)
  %c = icmp ugt i32 %a, 9
  %b = add i32 %a, 1
  %r = select i1 %c, i32 %b, i32 4
  ret i32 %r
}
""",
}


def _module(text: str) -> ir.Module:
    with Context() as context, context.parse(text.encode(), "mutant") as module:
        return read_module(module)


def _differs(source: ir.Module, target: ir.Module) -> bool:
    given = itertools.islice(inputs(source, "f", seed=1), 40)
    return any(judge((source, "f"), (target, "f"), each).law for each in given)


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_a_mutant_that_the_interpreter_tells_apart_is_never_proved(name: str) -> None:
    rng, source = random.Random(name), _module(_FUNCTIONS[name])
    refuted = 0
    for text in mutants(_FUNCTIONS[name].strip() + "\n", rng, 12):
        try:
            target = _module(text)
        except OzoneError:
            continue
        verdict = check((source, "f"), (target, "f"), unroll=2, timeout_s=4)
        if _differs(source, target):
            assert verdict.kind in (Kind.REFUTED, Kind.UNKNOWN)
        refuted += verdict.kind is Kind.REFUTED
    assert refuted


def _judged(source: str, target: str, timeout_s: float = 5) -> Verdict:
    return check((_module(source), "f"), (_module(target), "f"), unroll=2, timeout_s=timeout_s)


def test_a_refutation_shows_what_the_interpreter_saw() -> None:
    source = "define i8 @f(ptr %p) {\n %v = load i8, ptr %p\n ret i8 %v\n}"
    target = "define i8 @f(ptr %p) {\n ret i8 3\n}"
    verdict = _judged(source, target)
    assert verdict.kind is Kind.REFUTED
    assert "the interpreter: value mismatch" in verdict.counterexample


def test_a_budget_that_is_spent_says_so_and_not_that_time_is_over() -> None:
    header = "define i64 @f(i64 %x, i64 %y) {\n"
    source = header + " %a = mul i64 %x, %y\n %r = mul i64 %a, %a\n ret i64 %r\n}"
    target = (
        header + " %a = mul i64 %x, %x\n %b = mul i64 %a, %y\n %r = mul i64 %b, %y\n ret i64 %r\n}"
    )
    verdicts = [_judged(source, target, timeout_s=0.2) for _ in range(2)]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].kind is Kind.PROVED or "out of budget" in verdicts[0].reason


def test_an_external_global_of_opaque_type_is_named() -> None:
    text = "%o = type opaque\n@g = external global %o\ndefine ptr @f() {\n ret ptr @g\n}"
    module = _module(text)
    target = dataclasses.replace(module)
    verdict = check((module, "f"), (target, "f"), unroll=1, timeout_s=5)
    assert verdict.kind is Kind.PROVED or "@g" in verdict.reason
