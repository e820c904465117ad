"""What is printed is what counts, not by which function; and it does count."""

from __future__ import annotations

import pytest

from ir_tools.llvm import Context
from ir_tools.verify.interpreter.inputs import inputs
from ir_tools.verify.interpreter.refinement import judge
from ir_tools.verify.reader import read_module

TEXT = """
@stdout = external global ptr
@stderr = external global ptr
@x_nl = constant [3 x i8] c"x\\0A\\00"
@y_nl = constant [3 x i8] c"y\\0A\\00"
@x = constant [2 x i8] c"x\\00"
@d = constant [7 x i8] c"%d %c\\0A\\00"
@x_is_d = constant [8 x i8] c"x %% %d\\00"
@s_nl = constant [4 x i8] c"%s\\0A\\00"
declare i32 @printf(ptr, ...)
declare i32 @fprintf(ptr, ptr, ...)
declare i32 @puts(ptr)
declare i32 @fputs(ptr, ptr)
declare i32 @putchar(i32)
declare i32 @fputc(i32, ptr)
declare i64 @fwrite(ptr, i64, i64, ptr)
declare void @other()
define void @src(i32 %n, ptr %f) {
  SOURCE
  ret void
}
define void @tgt(i32 %n, ptr %f) {
  TARGET
  ret void
}
"""
ERR = "%e = load ptr, ptr @stderr\n"
CASES = [
    ("call i32 (ptr, ...) @printf(ptr @x_nl)", "call i32 @puts(ptr @x)", True),
    ("call i32 (ptr, ...) @printf(ptr @y_nl)", "call i32 @puts(ptr @x)", False),
    ("call i32 (ptr, ...) @printf(ptr @x)", "call i32 @putchar(i32 120)", True),
    ("call i32 (ptr, ...) @printf(ptr @x)", "call i32 @putchar(i32 121)", False),
    ("call i32 (ptr, ...) @printf(ptr @s_nl, ptr @x)", "call i32 @puts(ptr @x)", True),
    ("call i32 (ptr, ...) @printf(ptr @s_nl, ptr @x)", "call i32 @puts(ptr @x_nl)", False),
    (
        "call i32 @fputs(ptr @x_nl, ptr %f)",
        "call i64 @fwrite(ptr @x_nl, i64 2, i64 1, ptr %f)",
        True,
    ),
    (
        "call i32 @fputs(ptr @x_nl, ptr %f)",
        "call i64 @fwrite(ptr @x_nl, i64 1, i64 1, ptr %f)",
        False,
    ),
    ("call i64 @fwrite(ptr @x, i64 1, i64 1, ptr %f)", "call i32 @fputc(i32 120, ptr %f)", True),
    (
        f"{ERR}call i64 @fwrite(ptr @x, i64 1, i64 1, ptr %e)",
        "call i32 @fputc(i32 120, ptr %f)",
        False,
    ),
    (
        "call i32 @putchar(i32 120)\ncall void @other()",
        "call void @other()\ncall i32 @puts(ptr @x)",
        False,
    ),
    ("call i32 @putchar(i32 120)\ncall void @other()", "call void @other()", False),
    (
        "call i32 (ptr, ...) @printf(ptr @d, i32 %n, i32 120)",
        "call i32 (ptr, ...) @printf(ptr @d, i32 %n, i32 376)",
        True,
    ),
    (
        "call i32 (ptr, ...) @printf(ptr @d, i32 %n, i32 120)",
        "%m = add i32 %n, 1\ncall i32 (ptr, ...) @printf(ptr @d, i32 %m, i32 120)",
        False,
    ),
    (
        "call i32 (ptr, ...) @printf(ptr @x_is_d, i32 %n)",
        "call i32 @putchar(i32 120)\ncall i32 (ptr, ...) @printf(ptr @x_is_d, i32 %n)",
        False,
    ),
]


@pytest.mark.parametrize(("source", "target", "same"), CASES)
def test_calls_that_print_the_same_are_the_same(source: str, target: str, same: bool) -> None:
    text = TEXT.replace("SOURCE", source).replace("TARGET", target)
    with Context() as context, context.parse(text) as module:
        reading = read_module(module)
    made = zip(inputs(reading, "src", 0), range(12), strict=False)
    judgements = [judge((reading, "src"), (reading, "tgt"), given) for given, _ in made]
    assert any(judgement.counts for judgement in judgements)
    laws = {judgement.law for judgement in judgements} - {None}
    assert not laws if same else laws
