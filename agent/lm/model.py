"""The model: a Hugging Face causal LM, ours from scratch or any other one, with our vocabulary.

Ours is a small Llama (Touvron et al., 2023): rotary positions, RMSNorm, SwiGLU, tied embeddings. A
longer context than the one it was trained with is read by YaRN (Peng et al., ICLR 2024).

A folder of a model holds what Hugging Face saves, the vocabulary, and `ozone.json`, which says what
it fits. Needs the `train` extra.
"""

from __future__ import annotations

import json
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
    return _transformers().LlamaConfig(
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
    """The configuration for a longer context than the one that the model was trained with."""
    trained = config.max_position_embeddings
    if context > trained:
        config.rope_parameters = {
            **config.rope_parameters, "rope_type": "yarn", "factor": context / trained,
            "original_max_position_embeddings": trained,
        }  # fmt: skip
        config.max_position_embeddings = context
    return config


def fresh(vocabulary: Vocabulary, config: Path | None, seed: int) -> PreTrainedModel:
    """A model from scratch: ours, or of a `config.json` of any kind. Raises ModelError."""
    transformers = _transformers()
    transformers.set_seed(seed)
    if config is None:
        return transformers.AutoModelForCausalLM.from_config(small(vocabulary))
    try:
        values = json.loads(config.read_bytes()) | {"vocab_size": len(vocabulary)}
        chosen = transformers.AutoConfig.for_model(**values)
        return transformers.AutoModelForCausalLM.from_config(chosen)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{config}: {one_line(str(error))}") from error


def load(folder: Path, vocabulary: Vocabulary) -> PreTrainedModel:
    """A model from a folder, its embeddings made as many as the vocabulary has tokens.

    Raises ModelError where there is none, or where it is one of ours of another vocabulary.
    """
    if (folder / ABOUT).exists() and about(folder)["vocabulary"] != vocabulary.fingerprint:
        raise ModelError(f"the model in {folder} has another vocabulary than the data")
    try:
        model = _transformers().AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # what is damaged raises as many kinds as there are libraries
        raise ModelError(f"cannot load the model in {folder}: {one_line(str(error))}") from error
    if model.get_input_embeddings().num_embeddings != len(vocabulary):
        model.resize_token_embeddings(len(vocabulary))
    return model


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


def _transformers() -> Any:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise ModelError("training needs torch: run \"pip install '.[train]'\"") from error
    del torch
    return transformers
