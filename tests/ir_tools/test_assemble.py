"""`ir_tools.assemble`: IR of any origin becomes bitcode, or an error of one line."""

from __future__ import annotations

import random

import pytest

from ir_tools.assemble import assemble
from ir_tools.errors import ParseError
from ir_tools.llvm import Context
from tests.ir_tools.conftest import DATA, Program


def test_text_and_bitcode_become_the_same_bitcode(program: Program, context: Context) -> None:
    with context.parse(program("freestanding.c")) as module:
        expected, text = module.bitcode(), str(module)
    assert assemble(text.encode(), "<memory>") == expected
    assert assemble(expected, "<memory>") == expected


def test_another_targets_triple_is_kept(context: Context) -> None:
    text = b'target triple = "riscv64-unknown-elf"\ndefine void @f() { ret void }'
    with context.parse(assemble(text, "f.ll")) as module:
        assert module.triple == "riscv64-unknown-elf"


def test_bitcode_of_an_older_llvm_is_read(context: Context) -> None:
    with context.parse(assemble((DATA / "llvm14.bc").read_bytes(), "old.bc")) as module:
        assert list(module.defined_functions())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"define i32 @f( {", id="bad text"),
        pytest.param(b"define i32 @f() { ret i64 1 }", id="bad types"),
        pytest.param(b"define void @f() { %x = add i32 %x, 1\n ret void }", id="not verifying"),
        pytest.param(b"BC\xc0\xde" + bytes(40), id="only the magic number"),
        pytest.param(random.Random(0).randbytes(2000), id="noise"),
    ],
)
def test_what_is_no_ir_is_an_error_of_one_line_with_its_name(data: bytes) -> None:
    with pytest.raises(ParseError, match=r"mine\.bc") as caught:
        assemble(data, "mine.bc")
    assert "\n" not in str(caught.value)


def test_truncated_or_altered_bitcode_never_ends_the_caller(program: Program) -> None:
    whole, chance = program("freestanding.c"), random.Random(7)
    for _ in range(12):
        altered = bytearray(whole[: chance.randrange(100, len(whole))])
        for _ in range(20):
            altered[chance.randrange(len(altered))] = chance.randrange(256)
        with pytest.raises(ParseError):
            assemble(bytes(altered), "altered.bc")
