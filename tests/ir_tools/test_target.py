"""Targets: what is refused, and code for all that this LLVM was built with."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

import pytest

from ir_tools.errors import TargetError
from ir_tools.process import run_tool
from ir_tools.target import Target, TargetOptions

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "triple",
    [
        "x86_64-pc-linux-gnu",
        "i386-pc-linux-gnu",
        "aarch64-linux-gnu",
        "thumbv7m-none-eabi",
        "riscv32-unknown-elf",
        "avr",
        "wasm32-unknown-unknown",
        "arm64-apple-macos",
        "mips-linux-gnu",
        "powerpc64le-linux-gnu",
    ],
)
def test_objects_come_out_for_many_targets(triple: str) -> None:
    script = f"""
        from ir_tools.llvm import Context
        from ir_tools.measure import object_sizes
        from ir_tools.target import Target, TargetOptions
        with Context() as context, Target(TargetOptions(triple="{triple}")) as target:
            module = context.parse("define i32 @f(i32 %x) {{ %y = mul i32 %x, %x ret i32 %y }}")
            module.retarget(target)
            sizes = object_sizes(module.emit_object(target), ["f"])
        assert sizes.text > 0
        assert sizes.symbols.get("f", 1) <= sizes.text
    """
    # A process of its own: AVR's code generation turns off jump tables for all others.
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    run_tool(argv, timeout_s=30, env=os.environ | {"PYTHONPATH": str(ROOT)}).check()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TargetOptions(triple="pdp11-dec-unix"), "pdp11|target"),
        (TargetOptions(relocation_model="floating"), "one of default, static"),
    ],
)
def test_a_target_that_llvm_lacks_is_refused(options: TargetOptions, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Target(options)
