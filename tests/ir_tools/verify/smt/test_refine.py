"""Refinement laws: for each, a target that keeps it and one that does not."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("z3")

from ir_tools.llvm import Context
from ir_tools.verify.reader import read_module
from ir_tools.verify.smt.budget import OUT_OF_BUDGET, OUT_OF_TIME
from ir_tools.verify.smt.refine import check
from ir_tools.verify.verdict import Kind, Verdict

_ACCEPTED = (Kind.PROVED, Kind.BOUNDED)


def judged(text: str, unroll: int = 4, timeout_s: float = 20) -> Verdict:
    """The verdict on @src and @tgt of a module."""
    with Context() as context, context.parse(text.encode(), "pair") as module:
        pair = read_module(module)
    return check((pair, "src"), (pair, "tgt"), unroll, timeout_s)


def functions(signature: str, source: str, target: str, declarations: str = "") -> str:
    """`signature` is `result (parameters)`; bodies are instructions."""
    result, parameters = signature.split(" ", 1)
    return (
        "\n".join(
            f"define {result} @{name}{parameters} {{\n{body}\n}}"
            for name, body in (("src", source), ("tgt", target))
        )
        + f"\n{declarations}"
    )


# signature, source, a target that refines it, one that does not, and why not
_EXPRESSIONS = [
    # wrapping, poison and their flags
    ("i8 (i8 %x)", "add i8 %x, 1", "sub i8 %x, -1", "add i8 %x, 2", "Value mismatch"),
    ("i8 (i8 %x)", "add nsw i8 %x, 1", "add i8 %x, 1", "add nuw i8 %x, 1", "more poisonous"),
    ("i8 (i8 %x)", "mul i8 %x, 4", "shl i8 %x, 2", "shl nsw i8 %x, 2", "more poisonous"),
    ("i8 (i8 %x, i8 %y)", "shl nuw i8 %x, %y", "shl i8 %x, %y", "lshr i8 %x, %y", "Value mismatch"),
    ("i8 (i8 %x)", "udiv exact i8 %x, 8", "lshr i8 %x, 3", "ashr i8 %x, 3", "Value mismatch"),
    ("i8 (i8 %x)", "udiv i8 %x, 8", "lshr i8 %x, 3", "lshr exact i8 %x, 3", "more poisonous"),
    ("i8 (i8 %x, i8 %y)", "or disjoint i8 %x, %y", "add i8 %x, %y", "and i8 %x, %y", "mismatch"),
    ("i8 (i8 %x, i8 %y)", "or i8 %x, %y", "or i8 %y, %x", "or disjoint i8 %x, %y", "poisonous"),
    ("i4 (i8 %x)", "trunc nuw i8 %x to i4", "trunc i8 %x to i4", "trunc nsw i8 %x to i4", "poison"),
    ("i8 (i4 %x)", "zext nneg i4 %x to i8", "sext i4 %x to i8", "zext i4 1 to i8", "mismatch"),
    ("i1 (i8 %x, i8 %y)", "icmp samesign ult i8 %x, %y", "icmp slt i8 %x, %y",
     "icmp sgt i8 %x, %y", "mismatch"),
    # undefined behaviour of divisions
    ("i8 (i8 %x)", "sdiv i8 %x, -1", "sub i8 0, %x", "sdiv i8 -128, %x", "more defined"),
    ("i8 (i8 %x, i8 %y)", "add i8 0, 0", "sub i8 0, 0", "udiv i8 0, %y", "more defined"),
    # poison and undef
    ("i8 (i8 noundef %x)", "freeze i8 %x", "add i8 %x, 0", "add i8 %x, poison", "poisonous"),
    ("i8 (i8 %x)", "freeze i8 poison", "add i8 0, 7", "add i8 poison, 7", "poisonous"),
    ("i8 (i8 %x)", "and i8 undef, 1", "add i8 0, 1", "add i8 0, 2", "mismatch"),
    ("i8 (i1 %c, i8 %x)", "select i1 %c, i8 %x, i8 poison", "select i1 true, i8 %x, i8 0",
     "select i1 %c, i8 poison, i8 %x", "poisonous"),
    # intrinsics
    ("i8 (i8 %x)", "call i8 @llvm.abs.i8(i8 %x, i1 true)", "call i8 @llvm.abs.i8(i8 %x, i1 false)",
     "call i8 @llvm.smax.i8(i8 %x, i8 0)", "mismatch"),
    ("i8 (i8 %x)", "call i8 @llvm.ctlz.i8(i8 %x, i1 false)", "call i8 @llvm.ctlz.i8(i8 %x, i1 0)",
     "call i8 @llvm.ctlz.i8(i8 %x, i1 true)", "poisonous"),
    ("i8 (i8 %x)", "call i8 @llvm.fshl.i8(i8 %x, i8 %x, i8 3)",
     "call i8 @llvm.fshr.i8(i8 %x, i8 %x, i8 5)", "call i8 @llvm.fshr.i8(i8 %x, i8 %x, i8 3)",
     "mismatch"),
    ("i8 (i8 %x, i8 %y)", "call i8 @llvm.usub.sat.i8(i8 %x, i8 %y)",
     "call i8 @llvm.usub.sat.i8(i8 %x, i8 %y)", "call i8 @llvm.ssub.sat.i8(i8 %x, i8 %y)",
     "mismatch"),
    # vectors: poison lane by lane
    ("<2 x i8> (<2 x i8> %x)", "add <2 x i8> %x, <i8 1, i8 poison>",
     "add <2 x i8> %x, <i8 1, i8 2>", "add <2 x i8> %x, <i8 poison, i8 1>", "poisonous"),
    ("i8 (<2 x i8> %x)", "extractelement <2 x i8> %x, i32 5", "add i8 0, poison",
     "freeze i8 poison", None),
    # floats
    ("float (float %x)", "fneg float %x", "fneg float %x", "fsub float 0.0, %x", "mismatch"),
    ("float (float noundef %x)", "fadd nsz float %x, 0.0", "fadd float %x, -0.0",
     "fadd float %x, 1.0",
     "mismatch"),
    ("i1 (half %x)", "fcmp uno half %x, 0.0", "fcmp une half %x, %x", "fcmp ord half %x, 0.0",
     "mismatch"),
    ("half (half %x)", "call half @llvm.canonicalize.f16(half 0xHFF00)", "fneg half 0xH7E00",
     "fneg half 0.0", "mismatch"),
    ("half (half %x)", "call half @llvm.canonicalize.f16(half %x)",
     "call half @llvm.canonicalize.f16(half %x)", "fadd half %x, 0.0", "mismatch"),
    ("i8 (half %x)", "call i8 @llvm.fptosi.sat.i8.f16(half %x)",
     "call i8 @llvm.fptosi.sat.i8.f16(half %x)", "fptosi half %x to i8", "poison"),
    ("i8 (half %x)", "fptosi half %x to i8", "call i8 @llvm.fptosi.sat.i8.f16(half %x)",
     "call i8 @llvm.fptoui.sat.i8.f16(half %x)", "mismatch"),
    ("i1200 (double %x)", "fptosi double %x to i1200", "fptosi double %x to i1200",
     "fptoui double %x to i1200", "poison"),
    ("i13 (bfloat %x)", "fptosi bfloat 0xR00C3 to i13", "add i13 0, 0", "add i13 1, 0", "mismatch"),
    ("i8 (half %x)", "fptosi half %x to i8", "fptosi half %x to i8", "fptoui half %x to i8",
     "poison"),
]  # fmt: skip
_INTRINSICS = """
declare i8 @llvm.abs.i8(i8, i1)
declare i8 @llvm.smax.i8(i8, i8)
declare i8 @llvm.ctlz.i8(i8, i1)
declare i8 @llvm.fshl.i8(i8, i8, i8)
declare i8 @llvm.fshr.i8(i8, i8, i8)
declare i8 @llvm.usub.sat.i8(i8, i8)
declare half @llvm.canonicalize.f16(half)
declare i8 @llvm.fptosi.sat.i8.f16(half)
declare i8 @llvm.fptoui.sat.i8.f16(half)
declare i8 @llvm.ssub.sat.i8(i8, i8)
"""


def _pair(signature: str, source: str, target: str) -> str:
    # A vector's result type has spaces.
    result, parameters = signature.split(" (", 1)
    bodies = [
        f"define {result} @{name}({parameters} {{\n%r = {line}\nret {result} %r\n}}"
        for name, line in (("src", source), ("tgt", target))
    ]
    return "\n".join([*bodies, _INTRINSICS])


@pytest.mark.parametrize(("signature", "source", "good", "bad", "reason"), _EXPRESSIONS)
def test_an_expression_is_refined_by_one_twin_and_not_by_the_other(
    signature: str, source: str, good: str, bad: str, reason: str | None
) -> None:
    assert judged(_pair(signature, source, source)).kind is Kind.PROVED
    assert judged(_pair(signature, source, good)).kind is Kind.PROVED
    if reason is None:
        return
    verdict = judged(_pair(signature, source, bad))
    assert verdict.kind is Kind.REFUTED
    assert reason in verdict.reason
    assert "source:" in verdict.counterexample


_LOOP = """
entry:
  br label %loop
loop:
  %i = phi i8 [ 0, %entry ], [ %next, %loop ]
  %next = add i8 %i, 1
  %more = icmp ult i8 %next, LIMIT
  br i1 %more, label %loop, label %done
done:
  ret i8 %i
"""
_BRANCH = "br i1 %c, label %a, label %b\na:\nret i8 1\nb:\nret i8 0"
_FREEZE = "%f = freeze i1 %c\nbr i1 %f, label %a, label %b\na:\nret i8 1\nb:\nret i8 0"
_CALLS = "declare i8 @f(i8)\ndeclare i8 @pure(i8) memory(none) nounwind willreturn"
_TWICE = "%a = call i8 @f(i8 %x)\n%b = call i8 @f(i8 %x)\nret i8 %b"
_BODIES = [
    ("a branch on poison is undefined", "i8 (i1 %c)", _BRANCH, _FREEZE, None, ""),
    ("freeze stops that", "i8 (i1 %c)", _FREEZE, _FREEZE, _BRANCH, ""),
    ("unreachable may be anything", "i8 (i8 %x)", "unreachable", "ret i8 3", None, ""),
    ("but nothing is not unreachable", "i8 (i8 %x)", "ret i8 3", "ret i8 3", "unreachable", ""),
    ("calls are kept", "i8 (i8 %x)", _TWICE, _TWICE,
     "%a = call i8 @f(i8 %x)\nret i8 %a", _CALLS),
    ("in their order", "i8 (i8 %x)",
     "%a = call i8 @f(i8 1)\n%b = call i8 @f(i8 2)\nret i8 0",
     "%b = call i8 @f(i8 1)\n%a = call i8 @f(i8 2)\nret i8 0",
     "%b = call i8 @f(i8 2)\n%a = call i8 @f(i8 1)\nret i8 0", _CALLS),
    ("a call may not return", "i8 (i8 %x)", "%a = call i8 @f(i8 %x)\nunreachable",
     "%a = call i8 @f(i8 %x)\nret i8 5", "ret i8 5", _CALLS),
    ("a pure call answers the same", "i8 (i8 noundef %x)",
     "%a = call i8 @pure(i8 %x)\n%b = call i8 @pure(i8 %x)\n%r = sub i8 %a, %b\nret i8 %b",
     "%a = call i8 @pure(i8 %x)\nret i8 %a",
     None, _CALLS),
    ("loops end", "i8 (i8 %x)", _LOOP.replace("LIMIT", "4"), "ret i8 3", "ret i8 4", ""),
    ("a trap is seen", "void (i8 %x)", "call void @llvm.trap()\nunreachable",
     "call void @llvm.trap()\nunreachable", "ret void", "declare void @llvm.trap()"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("signature", "source", "good", "bad", "declarations"),
    [row[1:] for row in _BODIES],
    ids=[row[0] for row in _BODIES],
)
def test_control_flow_and_calls(
    signature: str, source: str, good: str, bad: str | None, declarations: str
) -> None:
    assert judged(functions(signature, source, good, declarations)).kind in _ACCEPTED
    if bad is not None:
        assert judged(functions(signature, source, bad, declarations)).kind is Kind.REFUTED


def test_a_loop_that_goes_on_is_bounded() -> None:
    text = functions("i8 (i8 %x)", _LOOP.replace("LIMIT", "%x"), _LOOP.replace("LIMIT", "%x"))
    verdict = judged(text, unroll=3)
    assert verdict.kind is Kind.BOUNDED
    assert verdict.unroll == 3


def test_a_loop_that_never_ends_within_the_bound_is_not_accepted() -> None:
    text = functions("i8 (i8 %x)", _LOOP.replace("LIMIT", "100"), "ret i8 7")
    assert judged(text, unroll=3).kind is Kind.UNKNOWN


def test_what_is_uninterpreted_is_refuted_by_the_interpreter_alone() -> None:
    source = "%r = frem double %x, %y\nret double %r"
    target = "%r = frem double %y, %x\nret double %r"
    same = functions("double (double %x, double %y)", source, source)
    assert judged(same).kind is Kind.PROVED
    verdict = judged(functions("double (double %x, double %y)", source, target))
    if verdict.kind is Kind.REFUTED:
        assert "the interpreter: " in verdict.counterexample
    else:
        assert "uninterpreted" in verdict.reason


_ORDERS = ("release", "monotonic")


def test_what_is_not_covered_is_named() -> None:
    text = functions("ptr (ptr %p)", *["%r = va_arg ptr %p, ptr\nret ptr %r"] * 2)
    verdict = judged(text)
    assert verdict.kind is Kind.UNKNOWN
    assert "va_arg" in verdict.reason
    assert not verdict.suspicion


def test_a_counterexample_that_nothing_confirms_is_a_suspicion() -> None:
    bodies = (f"store atomic i8 1, ptr %p {order}, align 1\nret void" for order in _ORDERS)
    verdict = judged(functions("void (ptr %p)", *bodies))
    assert verdict.kind is Kind.UNKNOWN
    assert verdict.suspicion in verdict.reason


def test_corners_are_asked_when_the_whole_is_too_hard() -> None:
    division = "%q = sdiv i32 %a, %b\n"
    source = "%r = srem i32 %a, %b\n" + division + "%s = xor i32 %r, %q\nret i32 %s"
    target = division + "%m = mul i32 %q, %b\n%r = sub i32 %m, %a\n%s = xor i32 %r, %q\nret i32 %s"
    text = functions("i32 (i32 %a, i32 %b)", source, target)
    assert judged(text).kind is Kind.REFUTED


@pytest.mark.parametrize(
    ("attribute", "body"),
    [("memory(none)", "store i8 1, ptr %p"), ("memory(read)", "store i8 1, ptr %p"),
     ("memory(write)", "%v = load i8, ptr %p")],
)  # fmt: skip
def test_a_target_that_breaks_its_own_promise_is_refuted(attribute: str, body: str) -> None:
    kept = f"define void @src(ptr %p) {{\n{body}\nret void\n}}\n"
    text = f"{kept}define void @tgt(ptr %p) {attribute} {{\n{body}\nret void\n}}\n"
    verdict = judged(text)
    assert verdict.kind is Kind.REFUTED
    assert "more defined" in verdict.reason


def test_a_promise_of_a_call_that_the_source_does_not_make_is_not_believed() -> None:
    source = "define void @src(ptr %p) {\ncall void @f(ptr %p)\nret void\n}\ndeclare void @f(ptr)\n"
    target = "define void @tgt(ptr %p) {\ncall void @f(ptr readonly %p)\nret void\n}\n"
    assert judged(source + target).kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    ("speed", "reason"), [(1, OUT_OF_BUDGET), (10, OUT_OF_BUDGET), (10_000, OUT_OF_TIME)]
)
def test_where_its_budget_ends_does_not_depend_on_the_clock(
    speed: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow machine is one whose clock is fast; only one that stands still is noticed."""
    squares = "%a = mul i32 %x, %x\n%b = mul i32 %y, %y\n%r = sub i32 %a, %b\nret i32 %r"
    product = "%a = add i32 %x, %y\n%b = sub i32 %x, %y\n%r = mul i32 %a, %b\nret i32 %r"
    text = functions("i32 (i32 %x, i32 %y)", squares, product)
    clock = time.process_time
    monkeypatch.setattr(time, "process_time", lambda: speed * clock())
    verdict = judged(text, timeout_s=0.1)
    assert verdict == Verdict(Kind.UNKNOWN, "smt", reason)
