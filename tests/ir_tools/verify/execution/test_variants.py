"""Inputs that a generator seldom makes."""

from __future__ import annotations

import itertools

import pytest

from ir_tools.llvm import Context
from ir_tools.verify.execution.variants import varied
from ir_tools.verify.interpreter.concrete import POISONED
from ir_tools.verify.interpreter.inputs import inputs
from ir_tools.verify.reader import read_module


@pytest.mark.parametrize("type_", ["i32", "float"])
def test_arguments_are_often_equal(type_: str) -> None:
    text = f"define void @f({type_} %a, {type_} %b) {{\nret void\n}}\n"
    with Context() as context, context.parse(text.encode(), "") as parsed:
        module = read_module(parsed)
    made = itertools.islice(varied(inputs(module, "f", 0), module.functions["f"]), 64)
    equal = [given for given in made if given.arguments[0] == given.arguments[1]]
    assert len(equal) >= 6


def test_a_promised_range_is_kept() -> None:
    text = "define void @f(i32 range(i32 5, 7) %a, i32 %b) {\nret void\n}\n"
    with Context() as context, context.parse(text.encode(), "") as parsed:
        module = read_module(parsed)
    made = itertools.islice(varied(inputs(module, "f", 0), module.functions["f"]), 64)
    assert {given.arguments[0] for given in made if isinstance(given.arguments[0], int)} == {5, 6}


def test_poison_fills_whole_words() -> None:
    text = "define void @f(ptr %a) {\nret void\n}\n"
    with Context() as context, context.parse(text.encode(), "") as parsed:
        module = read_module(parsed)
    made = itertools.islice(varied(inputs(module, "f", 0), module.functions["f"]), 512)
    images = [block.image.state for given in made for block in given.blocks.values()]
    words = {image[at : at + 8] for image in images for at in range(0, len(image), 8)}
    spoilt = {word for word in words if POISONED in word}
    assert spoilt == {bytes([POISONED]) * 8}
