"""Constants whose contents only the source still has."""

from __future__ import annotations

import pytest

from ir_tools.llvm import Context
from ir_tools.verify import ir
from ir_tools.verify.constants import with_constants
from ir_tools.verify.reader import read_module


def read(text: str) -> ir.Module:
    with Context() as context, context.parse(text.encode(), "") as parsed:
        return read_module(parsed)


def known(source: str, target: str) -> bool:
    """Whether the target learns what @c holds."""
    found = with_constants(read(target), read(source)).variables["c"]
    return found.initializer is not None


@pytest.mark.parametrize("target", ["@c = external constant i8", "@d = constant i8 2"])
def test_the_target_learns_what_a_constant_holds(target: str) -> None:
    assert known("@c = available_externally constant i8 1", target)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("@c = global i8 1", "@c = external global i8"),
        ("@c = weak constant i8 1", "@c = external constant i8"),
        ("@c = constant i8 1", "@c = external global i8"),
    ],
)
def test_it_learns_nothing_of_what_may_be_another(source: str, target: str) -> None:
    assert not known(source, target)
