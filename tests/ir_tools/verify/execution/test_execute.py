"""The laws of `execute`: right targets pass, each known-bad twin is refuted.

Machine code is tested apart from the interpreter's opinion of the target: `by_machine` ignores it.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable

import pytest

from ir_tools.verify.execution import execute as execution
from ir_tools.verify.execution.execute import execute, interpret
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.refinement import Judgement, Side, judge
from ir_tools.verify.verdict import Kind, Verdict

RUNS = 48

DECLARATIONS = """
%S = type { i32, i64 }
@counter = global i32 5
@table = internal constant [4 x i32] [i32 3, i32 1, i32 4, i32 1]
@hidden = internal global ptr null
declare i32 @g(i32)
declare void @h(ptr)
declare void @stop(i32) noreturn
declare i32 @log_all(ptr, ...)
declare i32 @twice(i32) memory(none) nounwind willreturn
declare double @measure(double, float)
declare %S @make(i8 signext, ptr byval(%S) align 8)
"""

# (what it shows, the parameters and result, the source, a right target, a wrong one)
TWINS = [
    ("a constant", "i32 (i32 %a)", "%r = add i32 %a, 7 ret i32 %r",
     "%m = sub i32 %a, -7 ret i32 %m", "%r = add i32 %a, 8 ret i32 %r"),
    ("an operand", "i64 (i64 %a, i64 %b)", "%r = sub i64 %a, %b ret i64 %r",
     "%n = sub i64 0, %b %r = add i64 %a, %n ret i64 %r", "%r = sub i64 %b, %a ret i64 %r"),
    ("a dropped store", "void (ptr %p)", "store i32 1, ptr %p ret void",
     "store i32 1, ptr %p ret void", "ret void"),
    ("an extra store", "void (ptr %p)", "%v = load i32, ptr %p ret void",
     "ret void", "store i8 9, ptr %p ret void"),
    ("a write out of bounds", "void (ptr byval(i32) align 4 %p, ptr dereferenceable(8) %q)",
     "store i8 1, ptr %q ret void", "store i8 1, ptr %q ret void",
     "store i8 1, ptr %q %e = getelementptr i8, ptr %q, i64 70000 store i8 1, ptr %e ret void"),
    ("a global", "void (i32 %a)", "store i32 %a, ptr @counter ret void",
     "%v = load i32, ptr @counter store i32 %a, ptr @counter ret void", "ret void"),
    ("a constant table", "i32 (i32 %a)",
     "%i = and i32 %a, 3 %p = getelementptr [4 x i32], ptr @table, i32 0, i32 %i"
     " %v = load i32, ptr %p ret i32 %v",
     "%i = and i32 %a, 3 %p = getelementptr i32, ptr @table, i32 %i"
     " %v = load i32, ptr %p ret i32 %v",
     "%i = and i32 %a, 1 %p = getelementptr i32, ptr @table, i32 %i"
     " %v = load i32, ptr %p ret i32 %v"),
    ("the order of calls", "void ()", "call i32 @g(i32 1) call i32 @g(i32 2) ret void",
     "call i32 @g(i32 1) call i32 @g(i32 2) ret void",
     "call i32 @g(i32 2) call i32 @g(i32 1) ret void"),
    ("a dropped call", "i32 (i32 %a)", "%r = call i32 @g(i32 %a) ret i32 0",
     "%r = call i32 @g(i32 %a) ret i32 0", "ret i32 0"),
    ("an added call", "i32 (i32 %a)", "%r = call i32 @g(i32 %a) ret i32 %r",
     "%r = call i32 @g(i32 %a) ret i32 %r",
     "%r = call i32 @g(i32 %a) call i32 @g(i32 0) ret i32 %r"),
    ("a pure call", "i32 (i32 %a)",
     "%r = call i32 @twice(i32 %a) %s = call i32 @twice(i32 %a) %t = xor i32 %r, %s ret i32 %t",
     "ret i32 0", "%r = call i32 @twice(i32 %a) ret i32 -1"),
    ("memory that a callee sees", "void (ptr %p)",
     "store i32 3, ptr %p call void @h(ptr %p) store i32 4, ptr %p ret void",
     "store i32 3, ptr %p call void @h(ptr %p) store i32 4, ptr %p ret void",
     "store i32 4, ptr %p call void @h(ptr %p) store i32 4, ptr %p ret void"),
    ("a local that a callee writes", "i32 ()",
     "%x = alloca i32 store i32 1, ptr %x call void @h(ptr %x) %v = load i32, ptr %x ret i32 %v",
     "%x = alloca i64 store i32 1, ptr %x call void @h(ptr %x) %v = load i32, ptr %x ret i32 %v",
     "%x = alloca i32 store i32 1, ptr %x call void @h(ptr %x) ret i32 1"),
    ("a call that does not return", "i32 (i32 %a)",
     "%c = icmp ult i32 %a, 4 br i1 %c, label %x, label %y\n"
     "x: call void @stop(i32 %a) unreachable\ny: ret i32 %a",
     "%c = icmp ugt i32 %a, 3 br i1 %c, label %y, label %x\n"
     "x: call void @stop(i32 %a) unreachable\ny: ret i32 %a",
     "ret i32 %a"),
    ("variable arguments", "void (i32 %a, double %d)",
     "call i32 (ptr, ...) @log_all(ptr @table, i32 %a, double %d, i64 7) ret void",
     "call i32 (ptr, ...) @log_all(ptr @table, i32 %a, double %d, i64 7) ret void",
     "call i32 (ptr, ...) @log_all(ptr @table, i32 %a, double %d, i64 8) ret void"),
    ("floating-point arguments", "double (double %d, float %f)",
     "%r = call double @measure(double %d, float %f) ret double %r",
     "%r = call double @measure(double %d, float %f) ret double %r",
     "%g = fneg float %f %r = call double @measure(double %d, float %g) ret double %r"),
    ("structures", "%S (i8 %a, ptr byval(%S) align 8 %s)",
     "%r = call %S @make(i8 signext %a, ptr byval(%S) align 8 %s) ret %S %r",
     "%r = call %S @make(i8 signext %a, ptr byval(%S) align 8 %s) ret %S %r",
     "%r = call %S @make(i8 signext %a, ptr byval(%S) align 8 %s)"
     " %t = insertvalue %S %r, i64 1, 1 ret %S %t"),
    ("a NaN", "double (double %d)", "%r = fadd double %d, 0x7FF8000000000000 ret double %r",
     "ret double 0x7FF8000000000000", "ret double 1.0"),
    ("a signed zero", "float (float %d)", "%r = fadd float %d, 0.0 ret float %r",
     "%r = fadd float 0.0, %d ret float %r", "ret float %d"),
    ("a pointer to a function", "i32 (ptr %f)", "%r = call i32 %f(i32 1) ret i32 %r",
     "%r = call i32 %f(i32 1) ret i32 %r", "%r = call i32 %f(i32 2) ret i32 %r"),
    ("a division", "i32 (i32 %a, i32 %b)", "%r = or i32 %b, 1 %q = udiv i32 %a, %r ret i32 %q",
     "%r = or i32 1, %b %q = udiv i32 %a, %r ret i32 %q",
     "%r = and i32 %b, 254 %q = udiv i32 %a, %r ret i32 %q"),
    ("a loop", "i32 (i32 %n)", "%m = and i32 %n, 7 ret i32 %m",
     "%m = urem i32 %n, 8 ret i32 %m",
     "%c = icmp eq i32 %n, 3 br i1 %c, label %x, label %y\nx: br label %x\n"
     "y: %m = and i32 %n, 7 ret i32 %m"),
    ("recursion without end", "i32 (i32 %n)", "ret i32 0", "ret i32 0",
     "%x = alloca [1000000 x i64] br label %y\ny: %s = call ptr @llvm.stacksave.p0()"
     " %z = alloca [1000000 x i64] store volatile i8 1, ptr %z br label %y"),
    ("a trap", "i32 (i32 %a)",
     "%c = icmp eq i32 %a, 1 br i1 %c, label %x, label %y\nx: call void @llvm.trap() unreachable\n"
     "y: ret i32 0",
     "%c = icmp ne i32 %a, 1 br i1 %c, label %y, label %x\nx: call void @llvm.trap() unreachable\n"
     "y: ret i32 0",
     "ret i32 0"),
    ("uninitialised memory", "i8 ()", "ret i8 0", "ret i8 0",
     "%x = alloca i8 %v = load i8, ptr %x ret i8 %v"),
    ("a vector", "<3 x i8> (<3 x i8> %v)",
     "%r = add <3 x i8> %v, <i8 1, i8 2, i8 3> ret <3 x i8> %r",
     "%r = sub <3 x i8> %v, <i8 -1, i8 -2, i8 -3> ret <3 x i8> %r",
     "%r = add <3 x i8> %v, <i8 1, i8 2, i8 4> ret <3 x i8> %r"),
    ("odd integers", "i5 (i5 noundef %a)", "%r = mul i5 %a, 3 ret i5 %r",
     "%s = shl i5 %a, 1 %r = add i5 %s, %a ret i5 %r", "%r = mul i5 %a, 5 ret i5 %r"),
]  # fmt: skip


def function(name: str, signature: str, body: str) -> str:
    result, _, parameters = signature.rpartition(" (")
    return f"define {result} @{name}({parameters} {{ {body} }}\n"


Execute = Callable[[tuple[bytes, str], tuple[bytes, str], int, int, float], Verdict]


def verdict(
    signature: str, source: str, target: str, runs: int = RUNS, by: Execute = execute
) -> Verdict:
    text = DECLARATIONS + function("src", signature, source) + function("tgt", signature, target)
    return by((text.encode(), "src"), (text.encode(), "tgt"), runs, 1, 20.0)


@pytest.fixture
def by_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter's opinion of the target does not count."""

    def without_law(source: Side, target: Side, given: Input, fuel: int) -> Judgement:
        judgement = judge(source, target, given, fuel)
        judgement.law = None
        return judgement

    monkeypatch.setattr(execution, "judge", without_law)


def parts(index: int) -> list[tuple[str, str, str]]:
    return [(row[1], row[2], row[index]) for row in TWINS]


NAMES = [row[0] for row in TWINS]


@pytest.mark.parametrize(("signature", "source", "target"), parts(3), ids=NAMES)
def test_a_right_target_is_tested(signature: str, source: str, target: str) -> None:
    found = verdict(signature, source, target)
    assert (found.kind, found.reason) == (Kind.TESTED, "")
    assert 8 <= found.inputs <= RUNS


@pytest.mark.parametrize(("signature", "source", "target"), parts(4), ids=NAMES)
def test_a_wrong_target_is_refuted(signature: str, source: str, target: str) -> None:
    found = verdict(signature, source, target)
    assert found.kind is Kind.REFUTED, found
    assert "input" in found.counterexample


@pytest.mark.parametrize(("signature", "source", "right"), parts(3), ids=NAMES)
def test_the_interpreter_alone_accepts_nothing(signature: str, source: str, right: str) -> None:
    found = verdict(signature, source, right, by=interpret)
    assert found.kind is Kind.UNKNOWN
    assert found.reason.startswith("no difference in the interpreter, on ")


@pytest.mark.parametrize(("signature", "source", "wrong"), parts(4), ids=NAMES)
def test_the_interpreter_alone_refutes_what_does_not_take_a_machine(
    signature: str, source: str, wrong: str
) -> None:
    alone, together = (verdict(signature, source, wrong, by=by) for by in (interpret, execute))
    if "machine code" in together.reason:
        assert alone.kind is Kind.UNKNOWN
    else:
        assert alone == together


@pytest.mark.usefixtures("by_machine")
@pytest.mark.parametrize(("signature", "source", "target"), parts(4), ids=NAMES)
def test_a_wrong_target_is_refuted_by_its_machine_code(
    signature: str, source: str, target: str
) -> None:
    found = verdict(signature, source, target)
    assert found.kind is Kind.REFUTED, found
    assert "machine code" in found.reason


def test_a_verdict_depends_on_the_seed_alone() -> None:
    signature, source, target = parts(4)[0]
    assert verdict(signature, source, target) == verdict(signature, source, target)


@pytest.mark.parametrize(
    ("signature", "source", "reason"),
    [
        ("void ()", 'call void asm sideeffect "", ""() ret void', "asm"),
        ("i32 (i32 %a)", "%r = udiv i32 %a, 0 ret i32 %r", "division by zero"),
        ("i32 (i32 %a)", "%r = freeze i32 undef ret i32 %r", "open"),
        ("void ()", "br label %x x: br label %x", "out of fuel"),
    ],
)
def test_what_cannot_be_judged_is_unknown(signature: str, source: str, reason: str) -> None:
    found = verdict(signature, source, source)
    assert found.kind is Kind.UNKNOWN
    assert reason in found.reason


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("define void @f() { ret void }", "define i8 @f() { ret i8 0 }", "the types differ"),
        ("define void @f() { ret void }", "declare void @f()", "no function f is defined"),
        ('target datalayout = "E" define void @f() { ret void }', "", "data layout"),
        ('define void @f() "denormal-fp-math"="positive-zero" { ret void }', "", "denormal"),
    ],
)
def test_a_pair_that_does_not_fit_is_unknown(source: str, target: str, reason: str) -> None:
    found = execute((source.encode(), "f"), ((target or source).encode(), "f"), RUNS, 1, 5.0)
    assert found.kind is Kind.UNKNOWN
    assert reason in found.reason


@pytest.mark.parametrize("how", ["os.abort()", "os._exit(0)", "ctypes.string_at(8)"])
def test_machine_code_that_cannot_be_made_is_unknown(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object) -> None:
        exec(how, {"os": os, "ctypes": ctypes})

    monkeypatch.setattr(execution, "Machine", die)
    found = verdict(*parts(3)[0])
    assert found.kind is Kind.UNKNOWN
    assert "no machine code" in found.reason


def test_hundreds_of_inputs_take_less_than_a_second_or_two() -> None:
    started = time.process_time()
    assert verdict(*parts(3)[0], runs=300).inputs > 200
    assert time.process_time() - started < 2


LIBRARY = """
declare i32 @strcmp(ptr, ptr)
declare i64 @strlen(ptr)
declare i32 @g(i32)
declare void @returns(ptr) willreturn memory(readwrite)
"""


@pytest.mark.parametrize(
    ("body", "other"),
    [
        # Only whether they are equal matters: strcmp's number is open, and nobody looks at it.
        ("%c = call i32 @strcmp(ptr %p, ptr %p) %r = icmp eq i32 %c, 0 ret i1 %r", "ret i1 true"),
        # Machine code makes the call itself, between calls of a function that is not known.
        (
            "%a = call i32 @g(i32 1) %n = call i64 @strlen(ptr %p) %b = call i32 @g(i32 2)"
            " %r = icmp ult i64 %n, 3 ret i1 %r",
            "%a = call i32 @g(i32 1) %b = call i32 @g(i32 2) ret i1 false",
        ),
    ],
)
def test_a_library_function_is_the_c_librarys(body: str, other: str) -> None:
    first = f"{LIBRARY}define i1 @f(ptr %p) {{ {body} }}".encode()
    second = f"{LIBRARY}define i1 @f(ptr %p) {{ {other} }}".encode()
    assert execute((first, "f"), (first, "f"), RUNS, 1, 20.0).kind is Kind.TESTED
    expected = Kind.TESTED if "strcmp" in body else Kind.REFUTED
    assert execute((first, "f"), (second, "f"), RUNS, 1, 20.0).kind is expected


def test_a_callee_that_is_willreturn_returns() -> None:
    """So that a store after it may move before it, if the callee does not see the memory."""
    text = LIBRARY.replace("memory(readwrite)", "memory(inaccessiblemem: readwrite)")
    call, store = "call void @returns(ptr null)", "store i32 1, ptr %p"
    first = f"{text}define void @f(ptr %p) {{ {call} {store} ret void }}".encode()
    second = f"{text}define void @f(ptr %p) {{ {store} {call} ret void }}".encode()
    assert execute((first, "f"), (second, "f"), RUNS, 1, 20.0).kind is Kind.TESTED


def test_a_pair_whose_every_run_is_long_takes_no_longer_than_its_time() -> None:
    body = (
        "br label %l l: %i = phi i64 [ 0, %0 ], [ %n, %l ] %n = add i64 %i, 1"
        " %c = icmp eq i64 %n, -1 br i1 %c, label %e, label %l e: ret void"
    )
    text = f"define void @f() {{ {body} }}".encode()
    start = time.monotonic()
    assert execute((text, "f"), (text, "f"), 1000, 1, 1.0).kind is Kind.UNKNOWN
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(
    "store",
    [
        "store ptr null, ptr %p",
        "store i64 0, ptr %p",
        "call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 8, i1 false)",
    ],
)
def test_a_null_pointer_stays_one_where_memory_was_zero(store: str) -> None:
    head = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)\ndeclare void @g(ptr)\n"
    body = f"call void @g(ptr %p) %o = load ptr, ptr %p {store}"
    first = f"{head}define ptr @f(ptr %p) {{ {body} %q = load ptr, ptr %p ret ptr %q }}".encode()
    second = f"{head}define ptr @f(ptr %p) {{ {body} ret ptr null }}".encode()
    assert execute((first, "f"), (second, "f"), 200, 1, 20.0).kind is Kind.TESTED


_COUNTING = """
define i32 @NAME(i32 %n) {
entry:
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %loop ]
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, 900
  br i1 %more, label %loop, label %done
done:
  %r = xor i32 %i, %n
  ret i32 %r
}
"""


def test_what_it_says_when_its_budget_ends_does_not_depend_on_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow machine is one whose clock is fast; only one that stands still is noticed."""
    sides = [(_COUNTING.replace("NAME", name).encode(), name) for name in ("src", "tgt")]
    clock, verdicts = time.monotonic, []
    for speed in (1, 4, 10_000):
        monkeypatch.setattr(time, "monotonic", lambda speed=speed: speed * clock())
        verdicts.append(execute(*sides, runs=RUNS, seed=1, timeout_s=0.1))
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].reason.startswith("only ")
    assert verdicts[2] == Verdict(Kind.UNKNOWN, "execution", execution.OUT_OF_TIME)


def test_inputs_lead_to_constants_that_only_the_source_knows() -> None:
    body = """
define i32 @f(ptr %p) {
  %null = icmp eq ptr %p, null
  br i1 %null, label %none, label %some
none:
  ret i32 -1
some:
  %v = load i8, ptr %p
  %w = zext i8 %v to i32
  ret i32 %w
}"""
    source = f'@a = constant [2 x i8] c"a\\00"\n@b = constant [2 x i8] c"b\\00"\n{body}'
    found = execute((source.encode(), "f"), (body.encode(), "f"), runs=128, seed=0, timeout_s=5)
    assert (found.kind, found.reason) == (Kind.TESTED, "")
