"""llvm-reduce asks this process: what it may keep, how long it may take, what is left of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ir_tools import llvm_reduce
from tests.conftest import Marked

MODULE = b"""
declare i32 @g(i32)
define i32 @f(i32 %x, i32 %y) {
  %a = add i32 %x, 1
  %b = mul i32 %a, %y
  %c = call i32 @g(i32 %b)
  %d = sub i32 %c, %y
  ret i32 %d
}
"""


@pytest.fixture(scope="module")
def tool() -> str:
    found = llvm_reduce.find()
    if found is None:
        pytest.skip("llvm-reduce is not installed")
    return found


def test_each_module_that_holds_is_smaller_and_the_last_one_minimal(tool: str) -> None:
    kept: list[bytes] = []

    def holds(module: bytes) -> bool:
        if b"call i32 @g" in module:
            kept.append(module)
            return True
        return False

    assert llvm_reduce.shrink(tool, MODULE, holds, 60)
    assert b"mul" not in kept[-1]
    assert b"sub" not in kept[-1]
    assert len(kept[-1]) < len(MODULE)


def test_nothing_is_asked_twice(tool: str) -> None:
    asked: list[bytes] = []

    def holds(module: bytes) -> bool:
        asked.append(module)
        return b"@f" in module

    assert llvm_reduce.shrink(tool, MODULE, holds, 60)
    assert len(set(asked)) == len(asked) > 3


def test_what_does_not_hold_at_first_is_left_alone(tool: str) -> None:
    assert llvm_reduce.shrink(tool, MODULE, lambda _: False, 60)


def test_time_is_bounded_and_nothing_is_left_behind(
    tool: str, marked: Marked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def slow(module: bytes) -> bool:
        time.sleep(0.3)
        return b"@f" in module

    started = time.monotonic()
    assert not llvm_reduce.shrink(tool, MODULE, slow, 0.5)
    assert time.monotonic() - started < 5
    assert list(tmp_path.iterdir()) == []
    marked.wait_until_gone()


def test_an_interruption_ends_it(tool: str, marked: Marked) -> None:
    def interrupted(module: bytes) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        llvm_reduce.shrink(tool, MODULE, interrupted, 60)
    marked.wait_until_gone()
