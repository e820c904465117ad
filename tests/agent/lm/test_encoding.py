"""`agent.lm.encoding`: compact text of a function, and a module that defines it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from agent.lm.encoding import decode, encode
from envs.evaluation import Source
from ir_tools.canonical import canonical_text
from ir_tools.errors import EncodingError
from ir_tools.llvm import Context
from ir_tools.partition import extractable, split

LOOKUP = (
    """
%struct.pair = type { i64, ptr }
@.ozone.table = available_externally hidden constant [2 x i32] [i32 3, i32 4], align 4
@.ozone.long = available_externally hidden constant [64 x i8] c"{{a}}", align 16
define internal fastcc noundef i32 @.ozone.lookup(ptr noundef nonnull %0, i32 noundef %1) #0 {{
  %3 = icmp eq ptr %0, null
  br i1 %3, label %9, label %4
4:
  %5 = load i32, ptr %0, align 4, !range !0
  %6 = call i64 @strlen(ptr noundef %0) #1
  %7 = load i16, ptr %0, align 1
  %8 = call ptr @.ozone.helper(i32 noundef %5, ptr @.ozone.table, ptr @.ozone.long)
  switch i32 %5, label %9 [
    i32 1, label %4
  ]
9:
  %10 = phi i32 [ 0, %2 ], [ %5, %4 ]
  ret i32 %10
}}
declare i64 @strlen(ptr)
declare ptr @.ozone.helper(i32, ptr, ptr) #2
attributes #0 = {{ minsize nounwind optsize "target-cpu"="x86-64" }}
attributes #1 = {{ minsize optsize }}
attributes #2 = {{ noreturn "no-trapping-math"="true" }}
!0 = !{{i32 0, i32 9}}
""".replace("{{a}}", "a" * 64)
    .replace("{{", "{")
    .replace("}}", "}")
)
LOOKUP_ENCODED = """\
@g1 = constant [2 x i32] [i32 3, i32 4]
fn fastcc i32 (ptr, i32) nounwind
icmp eq ptr $0, null
br i1 ^1, label ~2, label ~1
:
load i32, ptr $0
call i64 @strlen(ptr $0)
load i16, ptr $0, align 1
call ptr @g0(i32 ^3, ptr @g1, ptr @g2) noreturn
switch i32 ^4, label ~1 [ i32 1, label ~0 ]
:
phi i32 [ 0, ~-2 ], [ ^4, ~-1 ]
ret i32 ^1
"""
HARD = r"""
@g = external thread_local global i32
@text = private unnamed_addr constant [6 x i8] c"%1 \22^\00"
define void @f(ptr byval({ i64, ptr }) align 8 %0, <{ i8, i32 }> %1, ...) {
  %3 = alloca [4 x i32], align 16
  %4 = call ptr @llvm.threadlocal.address.p0(ptr @g)
  %5 = call i32 (ptr, ...) @printf(ptr @text, i32 1, double 0x7FF8000000000000)
  %6 = tail call fastcc signext i8 @odd({ i32, i64 } { i32 1, i64 2 }, <2 x i32> <i32 1, i32 2>)
  call void asm sideeffect "nop ; %1 $0 ^1", "r"(i32 %5)
  %7 = insertvalue { i32, ptr } undef, ptr @f, 1
  %8 = cmpxchg ptr %3, i32 0, i32 1 acquire monotonic, align 4
  store atomic i32 1, ptr %3 release, align 4
  %9 = call fastcc ptr %4(ptr %3) #0
  unreachable
}
declare i32 @printf(ptr, ...)
declare fastcc signext i8 @odd({ i32, i64 }, <2 x i32>)
attributes #0 = { noreturn }
"""


def again(compact: str) -> str:
    """The compact text of what a compact text decodes to."""
    return encode(canonical(decode(compact)))


def canonical(text: str) -> str:
    with Context() as context, context.parse(text.encode(), "test") as module:
        module.verify()
        return canonical_text(module)


def test_a_function_has_this_text() -> None:
    assert encode(canonical(LOOKUP)) == LOOKUP_ENCODED


@pytest.mark.parametrize("text", [LOOKUP, HARD])
def test_what_is_decoded_has_the_same_text(text: str) -> None:
    compact = encode(canonical(text))
    assert again(compact) == compact


def test_strings_are_left_alone() -> None:
    assert '"nop ; %1 $0 ^1"' in encode(canonical(HARD))
    assert '"nop ; %1 $0 ^1"' in decode(encode(canonical(HARD)))


def test_equal_functions_have_equal_texts_wherever_they_stand() -> None:
    moved = LOOKUP.replace(".ozone.helper", "aid").replace(".ozone.table", "rows")
    assert encode(canonical(moved)) == LOOKUP_ENCODED


def test_every_function_of_the_examples_comes_back(examples: Mapping[str, Source]) -> None:
    texts = [text for source in examples.values() for text in parts(source)]
    assert len(texts) > 100
    for text in texts:
        compact = encode(text)
        assert again(compact) == compact


def parts(source: Source) -> Iterator[str]:
    with Context() as context, context.parse(source.data, source.name) as module:
        for part in split(module, extractable(module)):
            with part:
                yield canonical_text(part)


@pytest.mark.parametrize("compact", ["", "ret void\n", "fn i32 (ptr\nret i32 0\n"])
def test_what_has_no_head_is_refused(compact: str) -> None:
    with pytest.raises(EncodingError, match="head"):
        decode(compact)


@pytest.mark.parametrize("call", ["call void @g0(i32 1", "call i32 ptr) @g0(i32 1)"])
def test_a_bracket_without_its_other_half_is_refused(call: str) -> None:
    with pytest.raises(EncodingError, match="bracket"):
        decode(f"fn void ()\n{call}\nret void\n")


def test_a_module_of_two_functions_is_refused() -> None:
    with pytest.raises(EncodingError, match="2 functions"):
        encode(canonical(LOOKUP + "define void @other() {\n  ret void\n}\n"))
