"""`agent.lm.tokenizer`: text, pipelines and sizes as tokens, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lm.encoding import encode
from agent.lm.tokenizer import Marker, Vocabulary, extended, trained
from agent.policy import atoms
from envs.evaluation import Source
from ir_tools.canonical import canonical_text
from ir_tools.errors import ModelError
from ir_tools.llvm import Context
from ir_tools.partition import extractable, split
from ir_tools.pipeline import Pipeline
from tests.agent.functions import C


@pytest.fixture(scope="module")
def texts(compile_c) -> list[str]:  # type: ignore[no-untyped-def]
    source: Source = compile_c(C, "a.c")
    found = []
    with Context() as context, context.parse(source.data, source.name) as module:
        for part in split(module, extractable(module)):
            with part:
                found.append(encode(canonical_text(part)))
    return found


@pytest.fixture(scope="module")
def vocabulary(texts: list[str]) -> Vocabulary:
    return trained(texts, 1024)


def test_text_comes_back_and_takes_few_tokens(vocabulary: Vocabulary, texts: list[str]) -> None:
    for text in texts:
        tokens = vocabulary.code(text)
        assert vocabulary.text(tokens) == text
        assert len(tokens) < 3 * text.count("\n")
    assert len(vocabulary) <= 1024


@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_comes_back(vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.text(vocabulary.code(text)) == text


def test_a_string_that_looks_like_a_marker_is_not_one(vocabulary: Vocabulary) -> None:
    text = '@g0 = constant [9 x i8] c"<end><sink><0>"\n'
    tokens = vocabulary.code(text)
    assert vocabulary.text(tokens) == text
    assert not {vocabulary.marker(each) for each in Marker} & {*tokens}
    assert not {*vocabulary.passes} & {*tokens}


@given(chosen=st.lists(st.sampled_from(atoms()), max_size=20))
def test_each_pass_is_one_token(vocabulary: Vocabulary, chosen: list) -> None:  # type: ignore[type-arg]
    pipeline = Pipeline.of(chosen)
    tokens = vocabulary.passes_of(pipeline)
    assert len(tokens) == len(chosen)
    assert vocabulary.pipeline(tokens) == pipeline


def test_what_is_no_pass_is_refused(vocabulary: Vocabulary) -> None:
    with pytest.raises(ModelError, match="is no pass"):
        vocabulary.pipeline([vocabulary.marker(Marker.END)])
    with pytest.raises(ModelError, match="knows no pass 'always-inline'"):
        vocabulary.passes_of(Pipeline.parse("always-inline"))


@given(count=st.integers(0, 600_000))
def test_sizes_come_back_within_a_few_percent(vocabulary: Vocabulary, count: int) -> None:
    again = vocabulary.count(vocabulary.size(count))
    assert again is not None
    assert abs(again - count) <= (count > 16) * (0.5 + 0.03 * count)
    assert vocabulary.size(count) <= vocabulary.size(count + 1)
    assert vocabulary.count(vocabulary.marker(Marker.PAD)) is None


def test_it_is_the_same_from_a_file_and_for_the_same_texts(
    vocabulary: Vocabulary, texts: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(vocabulary.json)
    assert Vocabulary.read(path).fingerprint == vocabulary.fingerprint
    assert trained(texts, 1024).fingerprint == vocabulary.fingerprint
    assert trained(texts[:2], 1024).fingerprint != vocabulary.fingerprint


def test_a_file_that_is_none_or_of_another_catalogue_is_refused(
    vocabulary: Vocabulary, tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(ModelError, match=r"cannot read .*: No such file"):
        Vocabulary.read(path)
    path.write_bytes(vocabulary.json[:-100])
    with pytest.raises(ModelError, match="is no tokenizer"):
        Vocabulary.read(path)
    path.write_bytes(json.dumps(json.loads(vocabulary.json)).replace("<sink>", "<sunk>").encode())
    with pytest.raises(ModelError, match="lacks the token <sink>"):
        Vocabulary.read(path)


def test_another_models_vocabulary_keeps_its_tokens_and_gets_ours(
    texts: list[str], tmp_path: Path
) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    other = Tokenizer(models.BPE())
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "<pad>"], initial_alphabet=alphabet
    )
    other.train_from_iterator(["int main(void) { return 0; }"], trainer)
    path = tmp_path / "other.json"
    path.write_text(other.to_str())
    vocabulary = extended(path)
    assert vocabulary.extends(path)
    assert vocabulary.code(texts[0]) == other.encode(texts[0], add_special_tokens=False).ids
    assert vocabulary.marker(Marker.PAD) == 1
    assert min(vocabulary.passes) >= other.get_vocab_size()
    assert vocabulary.count(vocabulary.size(12)) == 12
    assert not trained(texts, 1024).extends(path)
    path.write_text("{}")
    with pytest.raises(ModelError, match=r"other.json is no tokenizer"):
        extended(path)
