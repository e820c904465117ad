"""Messages that quote any input stay one printable line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ir_tools.errors import ParseError, PipelineError, one_line
from ir_tools.llvm import Context, Target


@given(st.text(max_size=3000))
def test_any_message_becomes_one_printable_line_of_bounded_length(message: str) -> None:
    line = one_line(message)
    assert line.isprintable()
    assert len(line) <= 10_020  # a character that is not printable takes ten at most


def test_a_plain_message_is_as_it_was() -> None:
    assert one_line("a.ll:1:2: error:\n  expected\t'é'\n") == "a.ll:1:2: error: expected 'é'"


def test_what_llvm_says_about_garbage_is_printable() -> None:
    garbage = b"\x1b[31mred\x07\x9b" + bytes(range(1, 256)) * 20
    with Context() as context:
        with pytest.raises(ParseError) as caught:
            context.parse(garbage, "a\x1b[0m.ll")
        assert str(caught.value).isprintable()
        with Target() as target, context.parse("define void @f() { ret void }") as module:
            with pytest.raises(PipelineError, match="unknown pass name") as caught_too:
                module.run("\x1b[31m" + "x" * 100_000, target)
            assert str(caught_too.value).isprintable()
            assert len(str(caught_too.value)) < 3_000
