"""The laws of `timing`: what runs, on what, and what is no time."""

from __future__ import annotations

import pytest

from ir_tools.verify.execution.timing import UnmeasurableError, race, same_code

DECLARATIONS = """
%S = type { i32, i64 }
@counter = global i32 5
@table = internal constant [4 x i32] [i32 3, i32 1, i32 4, i32 1]
@text = constant [3 x i8] c"hi\\00"
@alone = global i32 0
declare i32 @next(ptr)
declare i32 @once(i32) memory(none) nounwind willreturn
declare void @fill(ptr)
declare i32 @printf(ptr, ...)
declare i32 @puts(ptr)
declare i64 @strlen(ptr)
declare noalias ptr @malloc(i64)
declare void @free(ptr)
declare %S @make(i8 signext, ptr byval(%S) align 8)
define internal i32 @double(i32 %x) noinline {
  %y = shl i32 %x, 1
  ret i32 %y
}
"""

# (what it shows, parameters and result, a body, another one that does the same, one that does not)
BODIES = [
    ("arguments and results", "%S (i32 %a, i64 %b)",
     "%r = insertvalue %S { i32 1, i64 2 }, i64 %b, 1 ret %S %r",
     "%r = insertvalue %S { i32 1, i64 2 }, i64 %b, 1 ret %S %r",
     "%c = add i64 %b, 1 %r = insertvalue %S { i32 1, i64 2 }, i64 %c, 1 ret %S %r"),
    ("memory, put back between calls", "void (ptr dereferenceable(8) %p)",
     "%v = load i32, ptr %p %w = add i32 %v, 1 store i32 %w, ptr %p ret void",
     "%v = load i32, ptr %p %w = sub i32 %v, -1 store i32 %w, ptr %p ret void",
     "%v = load i32, ptr %p %w = add i32 %v, 2 store i32 %w, ptr %p ret void"),
    ("a variable", "i32 (i32 %a)",
     "%v = load i32, ptr @counter store i32 %a, ptr @counter ret i32 %v",
     "%v = load i32, ptr @counter store i32 %a, ptr @counter ret i32 %v",
     "%v = load i32, ptr @counter ret i32 %v"),
    ("a constant", "i32 (i32 %a)",
     "%i = and i32 %a, 3 %p = getelementptr [4 x i32], ptr @table, i32 0, i32 %i"
     " %v = load i32, ptr %p ret i32 %v",
     "%i = and i32 %a, 3 %p = getelementptr i32, ptr @table, i32 %i"
     " %v = load i32, ptr %p ret i32 %v",
     "ret i32 30"),
    ("answers to calls, one after the other", "i32 (ptr %p)",
     "%a = call i32 @next(ptr null) %b = call i32 @next(ptr null) %c = sub i32 %a, %b ret i32 %c",
     "%a = call i32 @next(ptr null) %b = call i32 @next(ptr null) %n = sub i32 0, %b"
     " %c = add i32 %a, %n ret i32 %c",
     "%a = call i32 @next(ptr null) %b = call i32 @next(ptr null) %c = sub i32 %b, %a"
     " %d = add i32 %c, 1 ret i32 %d"),
    ("the answer of a pure call, however often", "i32 (i32 %a)",
     "%b = call i32 @once(i32 3) ret i32 %b",
     "%b = call i32 @once(i32 3) %c = call i32 @once(i32 3) %d = and i32 %b, %c ret i32 %d",
     "%b = call i32 @once(i32 3) %c = xor i32 %b, 1 ret i32 %c"),
    ("another way to print", "i32 (i32 %a)",
     "%l = call i32 (ptr, ...) @printf(ptr @text) ret i32 %a",
     "%l = call i32 @puts(ptr @text) ret i32 %a",
     "%l = call i32 @puts(ptr @text) %b = xor i32 %a, 1 ret i32 %b"),
    ("what callees write to a local variable", "i32 (i32 %a)",
     "%l = alloca [4 x i32] call void @fill(ptr %l) %v = load i32, ptr %l ret i32 %v",
     "%s = alloca i64 %l = alloca [4 x i32] call void @fill(ptr %l) %v = load i32, ptr %l"
     " ret i32 %v",
     "%l = alloca [4 x i32] call void @fill(ptr %l) %v = load i32, ptr %l %w = xor i32 %v, 1"
     " ret i32 %w"),
    ("a structure from a call", "i64 (i64 %a)",
     "%l = alloca %S store %S { i32 1, i64 2 }, ptr %l"
     " %s = call %S @make(i8 signext -1, ptr byval(%S) align 8 %l)"
     " %r = extractvalue %S %s, 1 ret i64 %r",
     "%l = alloca %S store %S { i32 1, i64 2 }, ptr %l"
     " %s = call %S @make(i8 signext -1, ptr byval(%S) align 8 %l)"
     " %r = extractvalue %S %s, 1 ret i64 %r",
     "ret i64 77"),
    ("the C library", "i64 (i32 %a)",
     "%l = alloca i64 store i64 1684234849, ptr %l %n = call i64 @strlen(ptr %l) ret i64 %n",
     "ret i64 4", "ret i64 5"),
    ("allocations", "i32 (i32 %a)",
     "%p = call ptr @malloc(i64 8) store i32 %a, ptr %p %v = load i32, ptr %p"
     " call void @free(ptr %p) ret i32 %v",
     "ret i32 %a", "%b = add i32 %a, 1 ret i32 %b"),
    ("functions of the module", "i32 (i32 %a)",
     "%r = call i32 @double(i32 %a) ret i32 %r", "%r = shl i32 %a, 1 ret i32 %r",
     "%b = xor i32 %a, 1 %r = call i32 @double(i32 %b) ret i32 %r"),
]  # fmt: skip
IDS = [name for name, *_ in BODIES]

LOOP = """
entry:
  br label %head
head:
  %i = phi i32 [ 0, %entry ], [ %j, %head ]
  %s = phi i32 [ %a, %entry ], [ %t, %head ]
  %u = xor i32 %s, %i
  %t = mul i32 %u, 3
  %j = add i32 %i, 1
  %more = icmp ult i32 %j, TIMES
  br i1 %more, label %head, label %out
out:
"""
TWICE = """
target triple = "x86_64-pc-linux-gnu"
define i32 @f(i32 %a) {
  %r = call i32 @work(i32 %a)
  ret i32 %r
}
define internal i32 @work(i32 %a) noinline {
"""


def module(signature: str, body: str) -> bytes:
    result, _, parameters = signature.partition(" ")
    return f"{DECLARATIONS}define {result} @f{parameters} {{ {body} }}".encode()


def looping(times: int) -> bytes:
    return (TWICE + LOOP.replace("TIMES", str(times)) + "  ret i32 %a }").encode()


def time(source: bytes, *versions: bytes) -> tuple[int, tuple[float, ...]]:
    """On how many inputs, and a sample."""
    with race((source, "f"), [(version, "f") for version in versions], 3, 0) as made:
        return made.inputs, made.sample(0)


@pytest.mark.parametrize(("signature", "body", "same", "_"), [row[1:] for row in BODIES], ids=IDS)
def test_versions_that_do_the_same_have_times(signature: str, body: str, same: str, _: str) -> None:
    inputs, seconds = time(
        module(signature, body), module(signature, body), module(signature, same)
    )
    assert inputs == 3
    assert all(0 < each < 1e-3 for each in seconds)


@pytest.mark.parametrize(("signature", "body", "_", "other"), [row[1:] for row in BODIES], ids=IDS)
def test_a_version_that_does_something_else_has_none(
    signature: str, body: str, _: str, other: str
) -> None:
    source = module(signature, body)
    with pytest.raises(UnmeasurableError, match=r"returns|memory differs") as caught:
        time(source, source, module(signature, other))
    assert caught.value.status == "different"


def test_callees_of_the_module_run_and_take_their_time() -> None:
    _, (short, long) = time(looping(100), looping(100), looping(2000))
    assert long > 5 * short > 0  # of twenty


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("hang", "br label %a a: br label %a", "does not end"),
        ("crash", "store volatile i32 1, ptr inttoptr (i64 8 to ptr) ret i32 %x", "SIGSEGV"),
        ("crash", "call void @llvm.trap() unreachable", "SIGILL"),
        ("unsupported", "%v = call i32 @next(ptr null) ret i32 %x", "more calls"),
        (
            "unsupported",
            "%v = call i32 @once(i32 %x) %w = call i32 @once(i32 9) ret i32 %x",
            "calls",
        ),
        ("unsupported", "%v = load i32, ptr @alone ret i32 %x", "@alone is thread-local"),
    ],
)
def test_a_version_that_cannot_be_timed_says_why(status: str, body: str, reason: str) -> None:
    source, version = module("i32 (i32 %x)", "ret i32 %x"), module("i32 (i32 %x)", body)
    if "thread-local" in reason:
        version = version.replace(b"@alone =", b"@alone = thread_local")
    with pytest.raises(UnmeasurableError, match=reason) as caught:
        time(source, version)
    assert caught.value.status == status


def test_a_source_without_inputs_says_why() -> None:
    source = module("i32 (i32 %x)", "unreachable")
    with pytest.raises(UnmeasurableError, match="no input that counts: ub") as caught:
        time(source, source)
    assert caught.value.status == "unsupported"


def test_the_same_code_is_known_by_its_bytes() -> None:
    one = b"define i32 @f(i32 %a) { %b = add i32 %a, 1 ret i32 %b }"
    other = b"define i32 @f(i32 %x) { entry: %sum = add i32 1, %x ret i32 %sum }"
    assert same_code(one, other)
    assert not same_code(one, b"define i32 @f(i32 %a) { %b = add i32 %a, 2 ret i32 %b }")
