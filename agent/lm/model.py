"""The model: a Hugging Face causal LM, ours from scratch or any other one, with our vocabulary.

Ours is a small Llama (Touvron et al., 2023): rotary positions, RMSNorm, SwiGLU, tied embeddings. A
longer context than the one it was trained with is read by YaRN (Peng et al., ICLR 2024).

A folder of a model holds what Hugging Face saves, the vocabulary, and `ozone.json`, which says what
it fits. Needs the `train` extra.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.lm.data import TOKENIZER
from agent.lm.tokenizer import Marker, Vocabulary
from agent.output import write_file
from ir_tools.errors import ModelError, one_line

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

ABOUT = "ozone.json"

CONTEXT = 1024
"""Tokens that a model from scratch is trained on at once."""


def small(vocabulary: Vocabulary) -> PretrainedConfig:
    """About six million parameters."""
    return library().LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=vocabulary.marker(Marker.PAD),
        bos_token_id=vocabulary.marker(Marker.FUNCTION),
        eos_token_id=vocabulary.marker(Marker.END),
    )


def extended(config: PretrainedConfig, context: int) -> PretrainedConfig:
    """The configuration for a longer context than the one that the model was trained with.

    Raises ModelError for a model without rotary positions, or one that was extended before.
    """
    trained = config.max_position_embeddings
    if context > trained:
        rope = getattr(config, "rope_parameters", None) or {}
        if rope.get("rope_type") != "default":
            raise ModelError(f"the model has a context of {trained} tokens, not {context}")
        config.rope_parameters = {
            **rope, "rope_type": "yarn", "factor": context / trained,
            "original_max_position_embeddings": trained,
        }  # fmt: skip
        config.max_position_embeddings = context
    return config


def fresh(vocabulary: Vocabulary, config: Path | None, context: int) -> PreTrainedModel:
    """A model from scratch: ours, or of a `config.json` of any kind. Raises ModelError."""
    import torch

    transformers = library()
    ours = small(vocabulary)
    with _reporting(str(config)):
        chosen = ours
        if config is not None:
            values = json.loads(config.read_bytes())
            chosen = transformers.AutoConfig.for_model(**{**values, **_fitting(ours)})
        chosen = extended(chosen, context)
        return transformers.AutoModelForCausalLM.from_config(chosen, dtype=torch.float32)


def _fitting(config: PretrainedConfig) -> dict[str, int]:
    """What a configuration must have in common with the vocabulary."""
    names = ("vocab_size", "pad_token_id", "bos_token_id", "eos_token_id")
    return {name: getattr(config, name) for name in names}


def load(folder: Path, vocabulary: Vocabulary, context: int = 0) -> PreTrainedModel:
    """A model from a folder, in 32 bits, its embeddings made as many as the vocabulary has tokens.

    Raises ModelError where there is none, or where it was trained with another vocabulary.
    """
    import torch

    transformers = library()
    _check_vocabulary(folder, vocabulary)
    with _reporting(f"cannot load the model in {folder}"):
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        config = extended(config, context)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True
        )
    if model.get_input_embeddings().num_embeddings != len(vocabulary):
        model.resize_token_embeddings(len(vocabulary))
    return model


@contextlib.contextmanager
def _reporting(what: str) -> Iterator[None]:
    """Whatever goes wrong is a ModelError: libraries raise as many kinds as there are models."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{what}: {one_line(str(error))}") from error


def _check_vocabulary(folder: Path, vocabulary: Vocabulary) -> None:
    """Raises ModelError where tokens would mean something else than the model has learnt."""
    if (folder / ABOUT).exists():
        if about(folder)["vocabulary"] != vocabulary.fingerprint:
            raise ModelError(f"the model in {folder} has another vocabulary than the data")
    elif (folder / TOKENIZER).exists() and not vocabulary.extends(folder / TOKENIZER):
        raise ModelError(
            f"the data has another vocabulary than the model in {folder}: make it anew, with "
            f"'ozone train prepare --tokenizer {folder / TOKENIZER}'"
        )


def save(model: PreTrainedModel, vocabulary: Vocabulary, folder: Path, notes: Any) -> None:
    """Write all that a model's folder holds; `notes` say how it was made. Raises OzoneError."""
    try:
        model.save_pretrained(folder)
    except OSError as error:
        raise ModelError(f"cannot write {folder}: {error.strerror or error}") from error
    write_file(folder / TOKENIZER, vocabulary.json)
    values = {"vocabulary": vocabulary.fingerprint, **notes}
    write_file(folder / ABOUT, (json.dumps(values, indent=1) + "\n").encode())


def about(folder: Path) -> dict[str, Any]:
    """What a model's folder says of it. Raises ModelError."""
    try:
        found = json.loads((folder / ABOUT).read_bytes())
        return {"vocabulary": "", **found}
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{folder} holds no model of Ozone's: {one_line(str(error))}") from error


def library() -> Any:
    """transformers, on torch. Raises ModelError where they are not installed."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise ModelError("training needs torch: run \"pip install '.[train]'\"") from error
    del torch
    return transformers
