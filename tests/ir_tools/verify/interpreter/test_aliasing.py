"""A target may take two accesses in any order that their types let not touch the same memory."""

from __future__ import annotations

import pytest

from ir_tools.llvm import Context
from ir_tools.verify.interpreter.concrete import Address, Image
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.refinement import judge
from ir_tools.verify.reader import read_module

TEXT = """
define i32 @before(ptr %p, ptr %q) {
  %v = load i32, ptr %p, !tbaa !KIND
  store i32 7, ptr %q, !tbaa !int
  %w = load i32, ptr %p, !tbaa !KIND
  ret i32 %w
}
define i32 @after(ptr %p, ptr %q) {
  %v = load i32, ptr %p, !tbaa !KIND
  store i32 7, ptr %q, !tbaa !int
  ret i32 %v
}
!root = !{!"root"}
!char = !{!"char", !root, i64 0}
!1 = !{!"int", !char, i64 0}
!2 = !{!"float", !char, i64 0}
!3 = !{!"one", !1, i64 0, !2, i64 4}
!4 = !{!"two", !1, i64 0}
!int = !{!1, !1, i64 0}
!same = !{!1, !1, i64 0}
!other = !{!2, !2, i64 0}
!any = !{!char, !char, i64 0}
!member = !{!3, !1, i64 0}
"""
NUMBERS = {"root": 10, "char": 11, "int": 12, "same": 13, "other": 14, "any": 15, "member": 16}


@pytest.mark.parametrize(
    ("kind", "is_refuted"), [("same", True), ("any", True), ("member", True), ("other", False)]
)
def test_a_reordering_is_refuted_unless_types_allow_it(kind: str, is_refuted: bool) -> None:
    text = TEXT.replace("KIND", kind)
    for name, number in NUMBERS.items():
        text = text.replace(f"!{name} ", f"!{number} ").replace(f"!{name},", f"!{number},")
        text = text.replace(f"!{name}\n", f"!{number}\n")
    with Context() as context, context.parse(text) as parsed:
        module = read_module(parsed)
    given = Input((Address("arg0", 0), Address("arg0", 0)))
    given.place("arg0", Image(bytes(8), bytes(8)), 8, is_lazy=False)
    judgement = judge((module, "before"), (module, "after"), given)
    assert (judgement.law is not None) == is_refuted
    assert judgement.counts == is_refuted
