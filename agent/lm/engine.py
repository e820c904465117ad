"""An exported model at work: a prompt is read once, then branches grow from it side by side.

It is what `agent.lm.export` writes, run by onnxruntime; torch is not needed. What a branch has
computed is kept with it, so that going on costs one token, and the prompt's part is shared by all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.sampling import Logits
from ir_tools.errors import ModelError, one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = "model.onnx"

_HIDDEN = -1e9


@dataclass(frozen=True, slots=True)
class _State:
    """Keys and values: (layers, heads, tokens, width), of the prompt and of what follows it."""

    prompt: tuple[NDArray, NDArray]
    own: tuple[NDArray, NDArray]

    @property
    def length(self) -> int:
        """Tokens that it knows of."""
        return self.prompt[0].shape[2] + self.own[0].shape[2]


class Engine:
    """A `LanguageModel` of an ONNX file. Raises ModelError for one that is missing or damaged.

    `vocabulary` is the fingerprint of the one that it was trained with.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                "the model needs onnxruntime: run 'pip install onnxruntime'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # errors are raised
        try:
            self._session = onnxruntime.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            shapes = {each.name: each.shape for each in self._session.get_inputs()}
            self._layers, self._heads, _, self._width = shapes["prompt_keys"]
            self.vocabulary = self._session.get_modelmeta().custom_metadata_map["vocabulary"]
        except OSError as error:
            raise ModelError(f"cannot read {path}: {error.strerror}") from error
        except Exception as error:  # onnxruntime has a class for each thing that is wrong
            raise ModelError(f"{path} is no model: {one_line(str(error))[:200]}") from error

    def read(self, prompt: Sequence[int]) -> tuple[_State, Logits]:
        """The state after a prompt, and the logits of the next token, of shape (vocabulary,)."""
        nothing = np.zeros((self._layers, self._heads, 0, self._width), np.float32)
        own = nothing[:, None]
        tokens = np.array([prompt], np.int64)
        positions = np.arange(tokens.shape[1])[None]
        logits, keys, values = self._run(
            tokens, positions, (nothing, nothing), (own, own), np.zeros((1, 0), np.float32)
        )
        return _State((keys[:, 0], values[:, 0]), (nothing, nothing)), logits[0]

    def advance(
        self, states: Sequence[_State], tokens: Sequence[int]
    ) -> tuple[list[_State], Logits]:
        """Each state after one more token, and logits of shape (states, vocabulary).

        All states must be of one prompt.
        """
        prompt = states[0].prompt
        lengths = [state.own[0].shape[2] for state in states]
        own = (self._padded(states, 0, max(lengths)), self._padded(states, 1, max(lengths)))
        hidden = np.where(np.arange(max(lengths)) < np.array(lengths)[:, None], 0, _HIDDEN)
        positions = np.array([[state.length] for state in states])
        logits, keys, values = self._run(
            np.array(tokens, np.int64)[:, None], positions, prompt, own, hidden.astype(np.float32)
        )
        new = zip(states, keys.swapaxes(0, 1), values.swapaxes(0, 1), strict=True)
        return [_State(prompt, _appended(state.own, k, v)) for state, k, v in new], logits

    def _padded(self, states: Sequence[_State], which: int, length: int) -> NDArray:
        """(layers, states, heads, length, width)."""
        shape = (self._layers, len(states), self._heads, length, self._width)
        padded = np.zeros(shape, np.float32)
        for number, state in enumerate(states):
            known = state.own[which]
            padded[:, number, :, : known.shape[2]] = known
        return padded

    def _run(
        self,
        tokens: NDArray,
        positions: NDArray,
        prompt: tuple[NDArray, NDArray],
        own: tuple[NDArray, NDArray],
        hidden: NDArray,
    ) -> Any:
        inputs = (tokens, positions.astype(np.int64), *prompt, *own, hidden)
        names = (each.name for each in self._session.get_inputs())
        try:
            return self._session.run(None, dict(zip(names, inputs, strict=True)))
        except Exception as error:
            raise ModelError(f"the model failed: {one_line(str(error))[:200]}") from error


def _appended(
    own: tuple[NDArray, NDArray], key: NDArray, value: NDArray
) -> tuple[NDArray, NDArray]:
    return np.concatenate((own[0], key), axis=2), np.concatenate((own[1], value), axis=2)
