"""The laws of `jit`: arguments in, result out, and callees answered by us."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from ir_tools.llvm import Context, Module
from ir_tools.verify.execution.arena import Arena
from ir_tools.verify.execution.isolation import Death, Limits, Send, isolated
from ir_tools.verify.execution.jit import Code, UnfitError, adopt_host, refuse

PLACE = 0x10_0000_0000
Calls = list[tuple[str, bytes]]


def execute(
    text: str,
    arguments: bytes = b"",
    answer: Callable[[str, bytes], bytes | None] = lambda name, given: b"",
    argument_bytes: int = 64,
) -> Any:
    """(result's buffer, calls) of @f, or what the process died of. No answer leaves @f."""

    def work(send: Send) -> None:
        calls: Calls = []

        def on_call(number: int, given: int, result: int) -> int:
            calls.append((code.stubs[number].callee, ctypes.string_at(given, argument_bytes)))
            value = answer(*calls[-1])
            if value:
                ctypes.memmove(result, value, len(value))
            return value is None

        with Context() as context:
            code = compiled(context, text, on_call)
            slots = ctypes.create_string_buffer(arguments, 256)
            result = ctypes.create_string_buffer(64)
            code.enter(ctypes.addressof(slots), ctypes.addressof(result))
            send((result.raw, calls))

    (*_, last) = isolated(work, Limits(cpu_s=1))
    return last


def compiled(context: Context, text: str, on_call: Callable[[int, int, int], int]) -> Code:
    """@f, with its callees and variables where `PLACE` begins, a MiB apart."""
    places: dict[str, int] = {}
    module = context.parse(text)
    adopt_host(module)
    place = lambda name: places.setdefault(name, PLACE + (len(places) << 20))  # noqa: E731
    code = Code(module, "f", on_call, place)
    arena, stubs = Arena(), {stub.callee: stub.address for stub in code.stubs}
    for name, place in places.items():
        if name in stubs:
            arena.jump(place, stubs[name])
        else:
            arena.place(place, 4096)
    return code


def slot(value: int, size: int = 16) -> bytes:
    return value.to_bytes(size, "little")


def test_arguments_go_in_and_a_structure_comes_out() -> None:
    result, _ = execute(
        """define { i8, i64, double } @f(i8 %a, i64 %b, double %c) {
             %1 = insertvalue { i8, i64, double } poison, i8 %a, 0
             %2 = insertvalue { i8, i64, double } %1, i64 %b, 1
             %3 = insertvalue { i8, i64, double } %2, double %c, 2
             ret { i8, i64, double } %3
           }""",
        slot(7) + slot(1 << 63) + slot(0x3FF8 << 48),
    )
    assert (result[0], result[8:24]) == (7, slot(1 << 63, 8) + slot(0x3FF8 << 48, 8))


def test_a_byval_argument_is_a_copy() -> None:
    buffer = ctypes.create_string_buffer(b"abcdefgh", 8)  # the child has it at the same address
    result, _ = execute(
        """define i64 @f(ptr byval(i64) %p, ptr %q) {
             store i64 0, ptr %p
             %1 = load i64, ptr %q
             ret i64 %1
           }""",
        2 * slot(ctypes.addressof(buffer)),
    )
    assert result[:8] == b"abcdefgh"


def test_a_declared_function_is_answered_with_its_arguments_seen() -> None:
    result, calls = execute(
        """declare signext i16 @g(i32, float)
           define i32 @f(i32 %a) {
             %1 = call signext i16 @g(i32 %a, float 1.0)
             %2 = sext i16 %1 to i32
             ret i32 %2
           }""",
        slot(5),
        lambda name, given: slot(0xFFFE, 2),
    )
    assert result[:4] == slot(0xFFFFFFFE, 4)
    ((name, given),) = calls
    assert (name, given[:4], given[16:20]) == ("g", slot(5, 4), slot(0x3F800000, 4))


def test_a_variadic_callee_is_told_where_the_others_are() -> None:
    _, calls = execute(
        """declare i32 @printf(ptr, ...)
           define void @f() {
             %1 = call i32 (ptr, ...) @printf(ptr null, i32 3)
             ret void
           }"""
    )
    ((name, given),) = calls
    assert (name, given[:8]) == ("printf", bytes(8))
    assert given[16:24] != bytes(8)


def test_a_call_that_is_not_answered_leaves_the_function() -> None:
    _, calls = execute(
        """declare void @stop()
           declare void @after()
           define void @f() {
             call void @stop()
             call void @after()
             ret void
           }""",
        answer=lambda name, given: None,
    )
    assert [name for name, _ in calls] == ["stop"]


def test_intrinsics_become_the_c_librarys_functions_not_the_modules() -> None:
    result, calls = execute(
        """declare ptr @memcpy(ptr, ptr, i64)
           declare double @fmod(double, double)
           @a = global [1000 x i8] zeroinitializer
           @b = external dso_local constant [1000 x i8]
           define double @f(i64 %n, double %x, double %y) {
             call void @llvm.memcpy.p0.p0.i64(ptr @a, ptr @b, i64 %n, i1 false)
             %1 = frem double %x, %y
             ret double %1
           }""",
        slot(1000) + slot(0x4014 << 48) + slot(0x4008 << 48),
    )
    assert (result[:8], calls) == (slot(0x4000 << 48, 8), [])


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("%1 = udiv i32 1, %n\n ret i32 %1", "SIGFPE"),
        ("%1 = load i32, ptr null\n ret i32 %1", "SIGSEGV"),
        ("call void @llvm.trap()\n ret i32 0", "SIGILL"),
        ("br label %1\n1: br label %1", "SIGXCPU"),
        ("%1 = alloca [9000000 x i8]\n store i8 1, ptr %1\n ret i32 0", "SIGSEGV"),
    ],
)
def test_a_trap_is_the_childs_death(body: str, how: str) -> None:
    assert execute(f"define i32 @f(i32 %n) {{\n {body}\n}}", slot(0)) == Death(how)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('target triple = "aarch64-linux-gnu"', "aarch64"),
        ('target datalayout = "E"', "data layout"),
        ("@x = thread_local global i32 0", "thread-local"),
    ],
)
def test_what_cannot_run_here_is_refused(text: str, reason: str) -> None:
    with Context() as context:
        module = context.parse(f"{text}\ndefine void @f() {{\n ret void\n}}")
        with pytest.raises(UnfitError, match=reason):
            compile_for_host(module)


def compile_for_host(module: Module) -> None:
    adopt_host(module)
    refuse(module, "f")


def test_variables_are_where_they_are_placed() -> None:
    def work(send: Send) -> None:
        with Context() as context:
            code = compiled(
                context,
                """@a = internal global i32 7
                   define dso_local i32 @f() {
                     %1 = load i32, ptr @a
                     store i32 3, ptr @a
                     ret i32 %1
                   }""",
                lambda number, given, result: 0,
            )
            ctypes.memmove(PLACE, slot(41, 4), 4)
            result = ctypes.create_string_buffer(4)
            code.enter(0, ctypes.addressof(result))
            send((result.raw, ctypes.string_at(PLACE, 4)))

    assert list(isolated(work, Limits())) == [(slot(41, 4), slot(3, 4))]


def test_what_a_function_finds_on_its_stack_is_the_paint() -> None:
    def work(send: Send) -> None:
        with Context() as context:
            code = compiled(
                context,
                """define i64 @f() {
                     %1 = alloca [100 x i64]
                     %2 = getelementptr i64, ptr %1, i64 50
                     %3 = load i64, ptr %2
                     ret i64 %3
                   }""",
                lambda number, given, result: 0,
            )
            result = ctypes.create_string_buffer(8)
            for byte in (1, 2):
                code.paint(byte)
                code.enter(0, ctypes.addressof(result))
                send(result.raw)

    assert list(isolated(work, Limits())) == [b"\1" * 8, b"\2" * 8]


def test_a_function_that_calls_itself_is_answered_too() -> None:
    result, calls = execute(
        """define i32 @f(i32 %n) {
             %1 = sub i32 %n, 1
             %2 = call i32 @f(i32 %1)
             ret i32 %2
           }""",
        slot(5),
        lambda name, given: slot(9, 4),
    )
    ((name, given),) = calls
    assert (name, given[:4], result[:4]) == ("f", slot(4, 4), slot(9, 4))
