"""What the tests of `ir_tools` share: a context, and programs as unoptimised bitcode."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ir_tools.clang import unoptimised_bitcode
from ir_tools.llvm import Context

DATA = Path(__file__).parent / "data"
EXAMPLES = Path(__file__).parents[2] / "anghabench" / "examples"

Program = Callable[..., bytes]


@pytest.fixture
def context() -> Iterator[Context]:
    with Context() as opened:
        yield opened


@pytest.fixture(scope="session")
def program(clang: str) -> Program:
    """Unoptimised bitcode of a file of `data` or of the examples, by its name and clang's flags."""
    folders = (DATA, DATA / "programs", EXAMPLES)

    @functools.cache
    def compile_program(name: str, *flags: str) -> bytes:
        source = next(folder / name for folder in folders if (folder / name).exists())
        return unoptimised_bitcode(source, flags)

    return compile_program
