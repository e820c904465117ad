"""The models of library functions agree with the C library, and know what is undefined."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from ir_tools.llvm import Context
from ir_tools.verify.interpreter.concrete import Address, Image
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.interpreter import Outcome, Status, run
from ir_tools.verify.reader import read_module

STRINGS = (b"", b"a", b"abc", b"cab", b"abcabc", b"bcd", b"xyz")
TEXT = """
declare i64 @strspn(ptr, ptr)
declare i64 @strcspn(ptr, ptr)
declare ptr @strpbrk(ptr, ptr)
declare ptr @strstr(ptr, ptr)
declare ptr @strcpy(ptr, ptr)
declare ptr @stpcpy(ptr, ptr)
declare ptr @strcat(ptr, ptr)
define i64 @f(ptr %p, ptr %q) {
  %r = call TYPE @NAME(ptr %p, ptr %q)
  ret i64 RESULT
}
"""


def called(name: str, one: bytes, other: bytes, offset: int = -1) -> Outcome:
    """The outcome of a call on two strings; the second is in the first from `offset` on."""
    is_number = name in ("strspn", "strcspn")
    text = TEXT.replace("NAME", name).replace("TYPE", "i64" if is_number else "ptr")
    text = text.replace("RESULT", "%r" if is_number else "%n")
    if not is_number:
        text = text.replace("  ret", "  %n = ptrtoint ptr %r to i64\n  ret")
    with Context() as context, context.parse(text) as module:
        reading = read_module(module)
    given = Input()
    data = one.ljust(32, b"\0")
    given.place("p", Image(data, bytes(32)), is_lazy=False)
    given.place("q", Image(other + b"\0", bytes(len(other) + 1)), is_lazy=False)
    second = Address("q", 0) if offset < 0 else Address("p", offset)
    given.arguments = (Address("p", 0), second)
    return run(reading, "f", given)


def results(name: str, one: bytes, other: bytes) -> Iterator[int]:
    """What the C library and the model say: a number, or an offset into the first string."""
    buffer, function = ctypes.create_string_buffer(one, 32), ctypes.CDLL(None)[name]
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_char_p], ctypes.c_uint64
    base = ctypes.addressof(buffer)
    outcome = called(name, one, other)
    assert outcome.status is Status.RETURNED
    for start, found in (
        (base, function(base, other)),
        (outcome.given.blocks["p"].address, outcome.value),
    ):
        yield found if name in ("strspn", "strcspn") or not found else found - start
    if name in ("strcpy", "stpcpy", "strcat"):
        memory = outcome.memory["p"].data if "p" in outcome.memory else one.ljust(32, b"\0")
        assert memory == buffer.raw


@pytest.mark.parametrize(
    "name", ["strspn", "strcspn", "strpbrk", "strstr", "strcpy", "stpcpy", "strcat"]
)
def test_a_model_agrees_with_the_c_library(name: str) -> None:
    for one in STRINGS:
        for other in STRINGS:
            expected, found = results(name, one, other)
            assert found == expected, (name, one, other)


def test_a_copy_to_where_it_comes_from_is_undefined() -> None:
    assert called("strcpy", b"abc", b"", offset=1).status is Status.UB
    assert called("strcpy", b"abc", b"", offset=8).status is Status.RETURNED
