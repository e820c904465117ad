"""A vocabulary, data and a configuration that are small enough to train on in a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from agent.lm.data import ABOUT, TOKENIZER, TOKENS, Examples, Ragged
from agent.lm.tokenizer import Marker, Vocabulary, trained

CONFIG: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 256,
    "tie_word_embeddings": True,
}  # fmt: skip


def vocabulary(operation: str = "add") -> Vocabulary:
    """Of as many tokens for another operation of so many letters."""
    return trained([f"{operation} i32 $0, {number}\nret i32 ^1\n" for number in range(50)], 700)


def write(folder: Path, count: int = 100) -> Vocabulary:
    """A folder of data: of what is added, the answer says whether it is odd. Multiples of ten are
    for validation."""
    known = vocabulary()
    numbers = [7 * n % 50 for n in range(count)]
    texts = [f"add i32 $0, {n}\nret i32 ^1\n" for n in numbers]
    code = [[known.marker(Marker.FUNCTION), known.size(2), *known.code(t)] for t in texts]
    marks = [known.marker(each) for each in (Marker.SMALLER, Marker.END)]
    sizes = [known.marker(Marker.BEFORE), known.size(9), known.marker(Marker.AFTER), known.size(8)]
    answers = [[marks[0], known.passes[n % 2], marks[1], *sizes] for n in numbers]
    folder.mkdir(parents=True)
    Examples(
        Ragged.of(code), np.arange(count) % 10 == 0, Ragged.of([[]] * count),
        np.arange(count, dtype=np.int32), Ragged.of(answers), np.ones(count, np.float32),
    ).write(folder / TOKENS)  # fmt: skip
    (folder / TOKENIZER).write_bytes(known.json)
    (folder / ABOUT).write_text(json.dumps({"vocabulary": known.fingerprint}))
    return known


def config(folder: Path) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


def untrained(folder: Path, known: Vocabulary, **others: Any) -> Any:
    """A model in which no token is as likely as another. Needs torch."""
    import torch

    from agent.lm import model

    torch.manual_seed(3)
    path = config(folder)
    path.write_text(json.dumps(CONFIG | others))
    chosen = model.fresh(known, path, CONFIG["max_position_embeddings"])
    for weight in chosen.parameters():
        weight.data.mul_(4.0)
    return chosen
