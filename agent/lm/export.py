"""From a Hugging Face checkpoint to what the tool runs: one ONNX graph, for prompts and for steps.

    tokens, positions         (branches, new)
    prompt_keys, …_values     (layers, heads, prompt, width): the same for all branches
    keys, values              (layers, branches, heads, past, width): each branch's own
    hidden                    (branches, past): added to the attention's logits, for padding

    logits                    (branches, vocabulary), after the last of the new tokens
    new_keys, new_values      (layers, branches, heads, new, width)

A prompt is read as one branch without past; then any number of branches share its keys and values,
none of which is ever copied. The weights of products are in 8 bits, those of a block with a scale
of their own, as what they are multiplied by is then: a step takes as long as reading them does.
Needs the `train` extra, and models of Llama's kind.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.lm.card import CARD
from agent.lm.data import TOKENIZER
from agent.lm.engine import MODEL
from agent.lm.model import load
from agent.lm.tokenizer import Vocabulary
from agent.output import write_file
from ir_tools.errors import ModelError

if TYPE_CHECKING:
    import torch

INPUTS = (
    "tokens", "positions", "prompt_keys", "prompt_values", "keys", "values", "hidden",
)  # fmt: skip
OUTPUTS = ("logits", "new_keys", "new_values")

_OPSET = 20
_BLOCK = 128  # weights with a scale of their own
_INT8 = 4  # onnxruntime's level of accuracy for what weights in 8 bits are multiplied by


def export(folder: Path, output: Path) -> None:
    """Write a folder with the graph of a model, its vocabulary and its card. Raises ModelError."""
    try:
        import onnx
        import torch
    except ImportError as error:
        raise ModelError("exporting needs onnx: run \"pip install '.[train]'\"") from error
    vocabulary = Vocabulary.read(folder / TOKENIZER)
    model = load(folder, vocabulary)
    _check(model.config)
    step = _step(model)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch's own parts will want of each other
        program = torch.onnx.export(
            step, _sample(model.config), dynamo=True, opset_version=_OPSET,
            input_names=list(INPUTS), output_names=list(OUTPUTS), dynamic_shapes=_shapes(),
            verbose=False,
        )  # fmt: skip
    graph = _quantised(program.model_proto)
    _halve(graph.graph)
    graph.metadata_props.add(key="vocabulary", value=vocabulary.fingerprint)
    onnx.checker.check_model(graph)
    output.mkdir(parents=True, exist_ok=True)
    write_file(output / MODEL, graph.SerializeToString())
    write_file(output / TOKENIZER, vocabulary.json)
    with contextlib.suppress(FileNotFoundError):  # another library's model has none
        write_file(output / CARD, (folder / CARD).read_bytes())


def _check(config: Any) -> None:
    """Raises ModelError for a model that the graph is not made for."""
    heads, width = config.num_attention_heads, getattr(config, "head_dim", None)
    if config.model_type != "llama":
        raise ModelError(f"a model of the kind '{config.model_type}' cannot be exported yet")
    if config.num_key_value_heads != heads or (width and width * heads != config.hidden_size):
        raise ModelError("a model whose heads share keys cannot be exported yet")


def _sample(config: Any) -> tuple[torch.Tensor, ...]:
    """Inputs of sizes that no two dimensions share, none of them another one as well: whatever is
    equal here, the export takes to be equal always."""
    import torch

    heads, width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    layers, branches, new, prompt, past = config.num_hidden_layers, 7, 11, 13, 17
    shared = (torch.randn(layers, heads, prompt, width) for _ in range(2))
    own = (torch.randn(layers, branches, heads, past, width) for _ in range(2))
    tokens = torch.zeros(branches, new, dtype=torch.int64)
    return tokens, tokens + prompt, *shared, *own, torch.zeros(branches, past)


def _shapes() -> tuple[dict[int, Any], ...]:
    from torch.export import Dim

    branches, new, prompt, past = (Dim.DYNAMIC for _ in range(4))
    fresh, shared = {0: branches, 1: new}, {2: prompt}
    own = {1: branches, 3: past}
    return fresh, fresh, shared, shared, own, own, {0: branches, 1: past}


def _quantised(graph: Any) -> Any:
    """The same, with the weights of products in 8 bits."""
    from onnxruntime.quantization import matmul_nbits_quantizer as library

    logging.getLogger(library.__name__).setLevel(logging.WARNING)  # it names each node
    config = library.DefaultWeightOnlyQuantConfig(
        block_size=_BLOCK, is_symmetric=True, accuracy_level=_INT8, bits=8
    )
    quantizer = library.MatMulNBitsQuantizer(graph, algo_config=config)
    quantizer.process()
    return quantizer.model.model


def _halve(graph: Any) -> None:
    """Store what is large yet, embeddings, in 16 bits: a cast before its use, done at loading."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size > 1024:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _step(model: Any) -> Any:
    import torch

    class Step(torch.nn.Module):
        """Llama, of which all branches of a batch share a prompt."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = model.model
            heads = model.config.num_attention_heads
            self.heads, self.width = heads, model.config.hidden_size // heads
            rotary = model.model.rotary_emb  # which knows of YaRN
            self.register_buffer("frequencies", rotary.inv_freq)
            # Apart from the embeddings, which are not multiplied by.
            self.register_buffer("head", model.lm_head.weight.T.clone())
            self.scale = float(rotary.attention_scaling)

        def forward(
            self,
            tokens: torch.Tensor,
            positions: torch.Tensor,
            prompt_keys: torch.Tensor,
            prompt_values: torch.Tensor,
            keys: torch.Tensor,
            values: torch.Tensor,
            hidden: torch.Tensor,
        ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            state = self.inner.embed_tokens(tokens)
            angles = positions[:, :, None].float() * self.frequencies
            angles = torch.cat((angles, angles), -1)[:, None]  # the same for all heads
            turn = angles.cos() * self.scale, angles.sin() * self.scale
            new = tokens.shape[1]
            ahead = torch.ones(new, new).triu(1) * -1e9
            added_keys, added_values = [], []
            for number, layer in enumerate(self.inner.layers):
                attention = layer.self_attn
                normal = layer.input_layernorm(state)
                query = _turned(self._heads(attention.q_proj(normal)), turn)
                key = _turned(self._heads(attention.k_proj(normal)), turn)
                value = self._heads(attention.v_proj(normal))
                added_keys.append(key)
                added_values.append(value)
                state = state + attention.o_proj(
                    self._attend(
                        query, key, value, prompt_keys[number], prompt_values[number],
                        keys[number], values[number], hidden, ahead,
                    )
                )  # fmt: skip
                state = state + layer.mlp(layer.post_attention_layernorm(state))
            logits = self.inner.norm(state[:, -1]) @ self.head
            return logits, torch.stack(added_keys), torch.stack(added_values)

        def _heads(self, flat: torch.Tensor) -> torch.Tensor:
            """(branches, new, heads * width) as (branches, heads, new, width)."""
            return flat.unflatten(-1, (self.heads, self.width)).transpose(1, 2)

        def _attend(
            self,
            query: torch.Tensor,
            key: torch.Tensor,
            value: torch.Tensor,
            prompt_key: torch.Tensor,
            prompt_value: torch.Tensor,
            past_key: torch.Tensor,
            past_value: torch.Tensor,
            hidden: torch.Tensor,
            ahead: torch.Tensor,
        ) -> torch.Tensor:
            branches, heads, new, width = query.shape
            # All branches' queries meet the prompt in one product.
            flat = query.transpose(0, 1).reshape(heads, branches * new, width)
            shared = (flat @ prompt_key.transpose(1, 2)).reshape(heads, branches, new, -1)
            past = query @ past_key.transpose(2, 3) + hidden[:, None, None]
            here = query @ key.transpose(2, 3) + ahead
            logits = torch.cat((shared.transpose(0, 1), past, here), -1) * width**-0.5
            share = logits.softmax(-1)
            ends = prompt_key.shape[1], prompt_key.shape[1] + past_key.shape[2]
            first = share[..., : ends[0]].transpose(0, 1).reshape(heads, branches * new, ends[0])
            found = (first @ prompt_value).reshape(heads, branches, new, width).transpose(0, 1)
            found = found + share[..., ends[0] : ends[1]] @ past_value
            found = found + share[..., ends[1] :] @ value
            return found.transpose(1, 2).flatten(2)

    def _turned(each: torch.Tensor, turn: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Rotary positions (Su et al., 2021)."""
        half = each.shape[-1] // 2
        other = torch.cat((-each[..., half:], each[..., :half]), -1)
        return each * turn[0] + other * turn[1]

    return Step().eval()
