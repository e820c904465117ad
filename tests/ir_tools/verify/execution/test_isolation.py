"""The laws of `isolation`: whatever the child does is a value in the parent."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ir_tools.verify.execution.isolation import Death, Limits, Send, isolated

LIMITS = Limits(cpu_s=1)


def ending_of(deed: Callable[[], Any], limits: Limits = LIMITS) -> list[Any]:
    def work(send: Send) -> None:
        send("begun")
        deed()
        send("done")

    return list(isolated(work, limits))


def test_what_the_child_sends_arrives_in_order() -> None:
    assert ending_of(lambda: None) == ["begun", "done"]


@pytest.mark.parametrize(
    ("deed", "how"),
    [
        (lambda: ctypes.string_at(8), "SIGSEGV"),
        (os.abort, "SIGABRT"),
        (lambda: os._exit(3), "exit status 3"),
        (lambda: ctypes.CDLL(None).exit(0), "exit status 0"),
        (lambda: 1 // 0, "exit status 1"),
        (lambda: bytearray(1 << 45), "exit status 1"),
        (lambda: [None for _ in iter(int, 1)], "SIGXCPU"),
    ],
)
def test_a_death_is_a_value(deed: Callable[[], Any], how: str) -> None:
    assert ending_of(deed) == ["begun", Death(how)]


def test_a_child_that_sleeps_is_ended_in_time() -> None:
    ending = ending_of(lambda: time.sleep(60), Limits(wall_s=1.0))
    assert ending[-1] == Death("no answer in time")


def test_the_child_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert ending_of(lambda: os.write(2, b"noise"))[-1] == "done"
    assert capfd.readouterr().err == ""


def test_closing_the_iterator_ends_the_child_and_its_children() -> None:
    def grandchild(send: Send) -> None:
        send(os.getpid())
        time.sleep(60)

    def work(send: Send) -> None:
        for message in isolated(grandchild, LIMITS):
            send((os.getpid(), message))

    messages = isolated(work, LIMITS)
    numbers = next(messages)
    messages.close()
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{n}/stat").exists() and not is_zombie(n) for n in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_zombie(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().split(") ")[1].startswith("Z")
    except OSError:
        return True
