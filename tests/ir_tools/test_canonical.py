"""`ir_tools.canonical`: equal functions have equal text, others do not, and it parses."""

from __future__ import annotations

import pytest

from ir_tools.canonical import canonical_text
from ir_tools.llvm import Context
from ir_tools.target import Target
from tests.ir_tools.conftest import Program

NAMED = """
source_filename = "one.c"
%struct.point = type { i32, %"class.odd; name" }
%"class.odd; name" = type { i8 }
define i32 @f(ptr %p, i1 %yes) !prof !9 {
start: ; a comment
  %x = getelementptr %struct.point, ptr %p, i32 0, i32 0
  %value = load i32, ptr %x, align 4, !range !0, !noundef !1
  br i1 %yes, label %more, label %out
more:
  br label %out
out:
  %r = phi i32 [ %value, %start ], [ 7, %more ]
  ret i32 %r
}
!named = !{!0}
!0 = !{i32 0, i32 9}
!1 = !{}
!9 = !{!"function_entry_count", i64 3}
"""
OTHER_NAMES = """
source_filename = "two.c"
%struct.vector = type { i32, %inner }
%inner = type { i8 }
define i32 @f(ptr %0, i1 %1) {
  %first = getelementptr %struct.vector, ptr %0, i32 0, i32 0
  %v = load i32, ptr %first, align 4
  br i1 %1, label %a, label %b

a:                                                ; preds = %2
  br label %b

b:                                                ; preds = %a, %2
  %phi = phi i32 [ %v, %2 ], [ 7, %a ]
  ret i32 %phi
}
"""
STRINGS = r"""
@text = global [22 x i8] c"; !5 %struct.a , !x !1"
@"; odd %b !3" = global i8 0
module asm "; comment %a !7"
define void @f() {
  call void asm sideeffect "nop ; !dbg !0 %x", ""(), !srcloc !4
  ret void
}
!4 = !{i64 11}
"""
ARGUMENT = """
declare i64 @llvm.read_register.i64(metadata)
define i64 @f() {
  %x = call i64 @llvm.read_register.i64(metadata !7), !mine !3
  ret i64 %x
}
!unrelated = !{!3}
!3 = !{!"gone"}
!7 = !{!"rsp"}
"""


def canonical(text: str) -> str:
    """In a context of its own, which has seen no other names of types."""
    with Context() as context, context.parse(text) as module:
        return canonical_text(module)


def test_equal_functions_have_equal_text() -> None:
    assert canonical(NAMED) == canonical(OTHER_NAMES)


def test_the_text_is_as_written_by_hand() -> None:
    assert canonical(NAMED).splitlines() == [
        "%t0 = type { i32, %t1 }",
        "%t1 = type { i8 }",
        "define i32 @f(ptr %0, i1 %1) {",
        "  %3 = getelementptr %t0, ptr %0, i32 0, i32 0",
        "  %4 = load i32, ptr %3, align 4",
        "  br i1 %1, label %5, label %6",
        "5:",
        "  br label %6",
        "6:",
        "  %7 = phi i32 [ %4, %2 ], [ 7, %5 ]",
        "  ret i32 %7",
        "}",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[ 7,", "[ 8,"),
        ("label %a, label %b", "label %b, label %a"),
        ("@f", "@g"),
        ("i32 0, i32 0", "i32 1, i32 0"),
        ("{ i32, %inner }", "{ i64, %inner }"),
        ("ptr %first, align 4", "ptr %first, align 1"),
    ],
)
def test_functions_that_differ_have_different_texts(old: str, new: str) -> None:
    assert old in OTHER_NAMES
    assert canonical(OTHER_NAMES.replace(old, new)) != canonical(NAMED)


def test_strings_and_quoted_names_are_left_alone() -> None:
    lines = canonical(STRINGS).splitlines()
    assert '@text = global [22 x i8] c"; !5 %struct.a , !x !1"' in lines
    assert '@"; odd %b !3" = global i8 0' in lines
    assert 'module asm "; comment %a !7"' in lines
    assert '  call void asm sideeffect "nop ; !dbg !0 %x", ""()' in lines
    assert canonical("\n".join(lines)).splitlines() == lines


def test_metadata_stays_where_it_is_an_argument() -> None:
    lines = canonical(ARGUMENT).splitlines()
    assert "  %1 = call i64 @llvm.read_register.i64(metadata !0)" in lines
    assert [line for line in lines if line.startswith("!")] == ['!0 = !{!"rsp"}']
    assert canonical("\n".join(lines)).splitlines() == lines


def test_the_name_of_a_module_does_not_break_its_text(context: Context) -> None:
    with context.parse("define void @f() { ret void }", "two\nlines") as module:
        assert canonical_text(module).splitlines()[0].startswith("define")


@pytest.mark.parametrize("pipeline", ["", "default<Oz>"])
@pytest.mark.parametrize("name", ["json.c", "vm.c", "fft.c"])
def test_the_text_of_programs_parses_and_is_its_own(
    name: str, pipeline: str, program: Program, context: Context
) -> None:
    with context.parse(program(name)) as module, Target(module=module) as target:
        module.run(pipeline, target)
        before, text = str(module), canonical_text(module)
        assert str(module) == before
        module.run("instnamer", target)
        assert canonical_text(module) == text
        with context.parse(text) as again:
            assert again.instruction_count == module.instruction_count
            assert canonical_text(again) == text
    assert canonical(text) == text


def test_debug_information_makes_no_difference(program: Program) -> None:
    with Context() as one, one.parse(program("json.c")) as plain:
        expected = canonical_text(plain)
    with Context() as other, other.parse(program("json.c", "-g")) as debug:
        assert canonical_text(debug) == expected


def test_names_are_kept_again_after_it(context: Context) -> None:
    with context.parse(NAMED) as module:
        canonical_text(module)
    with context.parse(NAMED) as module:
        assert "%value" in str(module)
