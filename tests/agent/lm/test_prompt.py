"""`agent.lm.prompt`: what the model is shown of a function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lm.prompt import HEAD, compact, prompt
from agent.lm.tokenizer import Marker, Vocabulary, trained
from agent.parts import job
from agent.policy import SIMPLIFIED
from anghabench.store import CorpusFunction
from envs.evaluator import Evaluator
from ir_tools.errors import EncodingError
from tests.agent.functions import C, functions, named


@pytest.fixture(scope="module")
def corpus(compile_c) -> list[CorpusFunction]:  # type: ignore[no-untyped-def]
    return functions(compile_c(C, "a.c"))


@pytest.fixture(scope="module")
def vocabulary(corpus: list[CorpusFunction]) -> Vocabulary:
    return trained([compact(function.bitcode) for function in corpus], 1024)


def test_a_simplified_function_is_much_shorter(corpus: list[CorpusFunction]) -> None:
    function = named(corpus, "sum")
    with Evaluator(1) as evaluator:
        (change,) = evaluator.changes(job(function, SIMPLIFIED), ["sum"])
    before, after = compact(change.before), compact(change.after)
    assert "alloca" in before
    assert "alloca" not in after
    assert len(after) < len(before) / 2


def test_what_is_not_one_function_is_refused() -> None:
    with pytest.raises(EncodingError, match="0 functions are defined"):
        compact(b"@x = global i32 0\n")


@given(lines=st.integers(1, 80), most=st.integers(HEAD + 6, 60))
def test_a_prompt_is_never_longer_than_it_may_be(
    vocabulary: Vocabulary, lines: int, most: int
) -> None:
    text = "".join(f"add i32 $0, {number}\n" for number in range(lines))
    tokens = prompt(vocabulary, text, most)
    assert tokens[0] == vocabulary.marker(Marker.FUNCTION)
    assert tokens[1] == vocabulary.size(lines)
    code, cut = tokens[HEAD:], vocabulary.marker(Marker.CUT)
    if cut not in code:
        assert vocabulary.text(code) == text
        return
    assert len(tokens) == most
    first, last = code[: code.index(cut)], code[code.index(cut) + 1 :]
    assert text.startswith(vocabulary.text(first))
    assert text.endswith(vocabulary.text(last))
    assert 0 <= len(first) - len(last) <= 1


def test_a_prompt_says_how_much_there_is_of_what_even_of_a_function_too_long_to_be_shown(
    vocabulary: Vocabulary,
) -> None:
    text = ":\n" + "load i32, ptr $0\n" * 12 + "icmp eq i32 ^1, 0\nret void\n"
    counts = [vocabulary.count(token) for token in prompt(vocabulary, text, HEAD + 2)[1:HEAD]]
    assert counts == [15, 1, 0, 0, 0, 0, 1, 0, 12, 0, 0, 0]
