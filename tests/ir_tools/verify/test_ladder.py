"""The first rung, what is refused before it, and how judges' words are put together."""

from __future__ import annotations

import pytest

from ir_tools.errors import NotComparableError
from ir_tools.verify.ladder import by_identity
from ir_tools.verify.verdict import Accept, Effort, Kind, Side, Verdict, stronger

SOURCE = """
@table = constant [2 x i8] c"ab"
declare i32 @g(i32) memory(none)
define i32 @f(i32 %x, i1 %c) {
entry:
  br i1 %c, label %then, label %done
then:
  %y = call i32 @g(i32 %x)
  br label %done
done:
  %r = phi i32 [ %y, %then ], [ 1, %entry ]
  ret i32 %r
}
"""
RENAMED = """
@table = constant [2 x i8] c"ab"
declare i32 @g(i32) memory(none)
define i32 @f(i32, i1) {
  br i1 %1, label %3, label %5
3:
  %4 = call i32 @g(i32 %0)
  br label %5
5:
  %6 = phi i32 [ %4, %3 ], [ 1, %2 ]
  ret i32 %6
}
"""
TABLE = "define i8 @f() {\n%v = load i8, ptr @table\nret i8 %v\n}\n"


def identical(source: str, target: str, name: str = "f") -> bool:
    verdict = by_identity(Side(source.encode(), name), Side(target.encode(), name), Effort())
    return verdict is not None and verdict.kind is Kind.PROVED


def test_names_of_locals_and_blocks_mean_nothing() -> None:
    assert identical(SOURCE, RENAMED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[ 1, %2 ]", "[ 2, %2 ]"),
        ("call i32 @g(i32 %0)", "call i32 @g(i32 noundef %0)"),
        ("memory(none)", "memory(read)"),
        ("label %3, label %5", "label %5, label %3"),
        ("(i32, i1) {", "(i32 noundef, i1) {"),
    ],
)
def test_anything_else_means_something(old: str, new: str) -> None:
    assert old in RENAMED
    assert not identical(SOURCE, RENAMED.replace(old, new))


def test_globals_that_a_function_names_must_be_equal() -> None:
    table = '@table = constant [2 x i8] c"ab"\n'
    assert identical(table + TABLE, table + TABLE)
    assert not identical(table + TABLE, table.replace('"ab"', '"ac"') + TABLE)
    assert not identical(table + TABLE, table.replace("constant", "global") + TABLE)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("define i8 @f(i32 %x, i1 %c) {\nret i8 0\n}", "only functions of the same type"),
        ("define i32 @h() {\nret i32 0\n}", "no function @f: defined are @h"),
        ("declare i32 @f(i32, i1)", "no function @f: defined are none"),
    ],
)
def test_what_cannot_be_compared_is_refused(target: str, message: str) -> None:
    with pytest.raises(NotComparableError, match=message):
        identical(SOURCE, target)


UNKNOWN = Verdict(Kind.UNKNOWN, "smt", reason="too hard")
TESTED = Verdict(Kind.TESTED, "execution", inputs=9)
BOUNDED = Verdict(Kind.BOUNDED, "smt", unroll=4)
SUSPECTED = Verdict(Kind.UNKNOWN, "smt", reason="perhaps", suspicion="calls differ")
REFUTED = Verdict(Kind.REFUTED, "execution", reason="value mismatch", counterexample="%x = 1")


def test_a_difference_that_was_run_counts_against_a_bounded_proof() -> None:
    assert stronger(BOUNDED, REFUTED) == REFUTED
    assert stronger(BOUNDED, TESTED) == BOUNDED
    assert stronger(UNKNOWN, TESTED).kind is Kind.TESTED
    assert stronger(UNKNOWN, TESTED).reason == "too hard"
    both = stronger(UNKNOWN, Verdict(Kind.UNKNOWN, "execution", reason="no inputs"))
    assert both.reason == "too hard; no inputs"


def test_no_number_of_runs_lifts_a_suspicion() -> None:
    assert stronger(SUSPECTED, TESTED) == SUSPECTED
    assert stronger(SUSPECTED, REFUTED) == REFUTED


@pytest.mark.parametrize("verdict", [UNKNOWN, SUSPECTED, TESTED, BOUNDED, REFUTED])
def test_verdicts_survive_json(verdict: Verdict) -> None:
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_what_is_accepted() -> None:
    allowed = {
        accept: {kind for kind in Kind if accept.allows(Verdict(kind, "smt"))} for accept in Accept
    }
    assert allowed[Accept.PROVED] == {Kind.PROVED}
    assert allowed[Accept.BOUNDED] == {Kind.PROVED, Kind.BOUNDED}
    assert allowed[Accept.TESTED] == {Kind.PROVED, Kind.BOUNDED, Kind.TESTED}
