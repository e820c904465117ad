"""The exported model says what the checkpoint says, for prompts and for branches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.cli import main
from agent.lm import model
from agent.lm.engine import Engine
from agent.lm.export import export
from agent.lm.tokenizer import Marker, Vocabulary
from agent.sampling import Grammar, greedy, priority
from ir_tools.errors import ModelError
from tests.agent.lm import tiny

torch = pytest.importorskip("torch", reason="needs ozone[train]")
pytest.importorskip("transformers", reason="needs ozone[train]")
pytest.importorskip("onnxscript", reason="needs ozone[train]")


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return tiny.vocabulary()


@pytest.fixture(scope="module")
def folder(vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engine")
    model.save(tiny.untrained(path, vocabulary), vocabulary, path / "model", {})
    arguments = ("export", path / "model", "-o", path / "exported")
    assert main(["train", *map(str, arguments)]) == 0
    return path


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return Engine(folder / "exported" / "model.onnx")


def wanted(folder: Path, vocabulary: Vocabulary, tokens: list[int]) -> np.ndarray:
    chosen = model.load(folder / "model", vocabulary).eval()
    with torch.no_grad():
        return chosen(torch.tensor([tokens])).logits[0, -1].numpy()


def distance(logits: np.ndarray, others: np.ndarray) -> float:
    """Relative to the others' own size."""
    return float(np.linalg.norm(logits - others) / np.linalg.norm(others))


NEAR = 0.06  # what weights in 8 bits may cost a model that was never trained


def test_branches_of_different_lengths_share_a_prompt(
    engine: Engine, folder: Path, vocabulary: Vocabulary
) -> None:
    prompt = [3, 300, 40, 7, 8, 9]
    root, logits = engine.read(prompt)
    assert distance(logits, wanted(folder, vocabulary, prompt)) < NEAR
    (one, _), _ = engine.advance([root, root], [11, 12])
    (two, other), after = engine.advance([one, root], [13, 14])
    assert distance(after[0], wanted(folder, vocabulary, [*prompt, 11, 13])) < NEAR
    assert distance(after[1], wanted(folder, vocabulary, [*prompt, 14])) < NEAR
    assert distance(after[1], wanted(folder, vocabulary, [*prompt[:-1], 14])) > 2 * NEAR
    assert (two.length, other.length) == (8, 7)
    # Whoever else is computed beside it changes nothing.
    _, alone = engine.advance([two], [15])
    _, beside = engine.advance([other, two, root], [16, 15, 17])
    assert beside[1] == pytest.approx(alone[0], abs=1e-4)


def test_samples_are_unique_and_the_first_is_greedy(engine: Engine, vocabulary: Vocabulary) -> None:
    grammar = Grammar(vocabulary.passes, vocabulary.marker(Marker.END), most=6, least=1)
    samples = priority(engine, [3, 300, 40, 7], grammar, 12)
    assert len({sample.tokens for sample in samples}) == 12
    assert samples[0].tokens == greedy(engine, [3, 300, 40, 7], grammar).tokens
    assert all(vocabulary.pipeline(sample.tokens).atoms() for sample in samples)


def test_what_is_no_model_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(ModelError, match=r"cannot read .*: No such file"):
        Engine(path)
    path.write_bytes((folder / "exported" / "model.onnx").read_bytes()[:-5000])
    with pytest.raises(ModelError, match="is no model") as caught:
        Engine(path)
    assert "\n" not in str(caught.value)


def test_a_longer_context_is_exported_as_it_was_extended(
    vocabulary: Vocabulary, tmp_path: Path
) -> None:
    chosen = tiny.untrained(tmp_path, vocabulary)
    model.save(chosen, vocabulary, tmp_path / "short", {})
    longer = model.load(tmp_path / "short", vocabulary, context=1024)
    model.save(longer, vocabulary, tmp_path / "model", {})
    export(tmp_path / "model", tmp_path / "exported")
    tokens = [3, 300, 40, *range(100, 400)]
    _, logits = Engine(tmp_path / "exported" / "model.onnx").read(tokens)
    assert distance(logits, wanted(tmp_path, vocabulary, tokens)) < NEAR


@pytest.mark.parametrize(
    ("others", "message"),
    [({"num_key_value_heads": 1}, "share keys"), ({"model_type": "qwen2"}, "of the kind 'qwen2'")],
)
def test_what_cannot_be_exported_is_said(
    others: dict[str, object], message: str, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    model.save(tiny.untrained(tmp_path, vocabulary, **others), vocabulary, tmp_path / "model", {})
    with pytest.raises(ModelError, match=message):
        export(tmp_path / "model", tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
