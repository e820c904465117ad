"""The laws of `arena`: what is outside a block faults, or is seen to change."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from ir_tools.verify.execution.arena import Arena
from ir_tools.verify.execution.isolation import Death, Limits, Send, isolated

BASE = 0x10_0000_0000
END = BASE + 4096


def sent(use: Callable[[Arena], Any]) -> Any:
    def work(send: Send) -> None:
        send(use(Arena()))

    (*_, last) = isolated(work, Limits())
    return last


@pytest.mark.parametrize(
    ("place", "touched", "ends_in"),
    [
        (BASE, BASE - 1, Death("SIGSEGV")),
        (BASE, BASE, b"\0"),
        (END - 12, END - 1, b"\0"),
        (END - 12, END, Death("SIGSEGV")),
    ],
)
def test_a_byte_beyond_a_blocks_pages_faults(place: int, touched: int, ends_in: object) -> None:
    def use(arena: Arena) -> bytes:
        arena.place(place, 12)
        return ctypes.string_at(touched, 1)

    assert sent(use) == ends_in


@pytest.mark.parametrize("touched", [BASE, BASE + 99, BASE + 100, BASE + 5109, BASE + 5110])
def test_a_write_beside_a_block_is_seen(touched: int) -> None:
    def use(arena: Arena) -> int | None:
        arena.place(BASE + 100, 10)
        arena.place(BASE + 110, 5000)
        ctypes.memset(touched, 1, 1)
        return arena.spilled()

    assert sent(use) == (None if BASE + 100 <= touched < BASE + 5110 else touched)


def test_nothing_is_left_of_cleared_blocks() -> None:
    def use(arena: Arena) -> bytes:
        for _ in range(2):
            arena.place(BASE, 10000)
            found = ctypes.string_at(BASE, 10000)
            ctypes.memset(BASE, 1, 10000)
            arena.clear()
        return found

    assert sent(use) == bytes(10000)


def test_sealed_blocks_can_be_read_but_not_written() -> None:
    def use(arena: Arena) -> bytes:
        arena.place(BASE, 10)
        arena.seal(BASE, 10)
        return ctypes.string_at(BASE, 10)

    def misuse(arena: Arena) -> None:
        use(arena)
        ctypes.memset(BASE, 1, 1)

    assert sent(use) == bytes(10)
    assert sent(misuse) == Death("SIGSEGV")


def test_a_block_where_something_is_is_refused() -> None:
    buffer = ctypes.create_string_buffer(10)
    assert sent(lambda arena: arena.place(ctypes.addressof(buffer), 10)) == Death("exit status 1")
