"""The model as a policy: the pipelines that it holds for most likely, by priority sampling.

A model's folder holds what `ozone train export` writes, `model.onnx` and `tokenizer.json`, and is
named by `OZONE_MODEL`. A function that has no compact text gets the coreset's pipelines.
"""

from __future__ import annotations

import os
from pathlib import Path

from agent.lm.data import TOKENIZER
from agent.lm.engine import MODEL, Engine
from agent.lm.prompt import MOST, compact, prompt
from agent.lm.tokenizer import Marker, Vocabulary
from agent.names import MODEL_VARIABLE
from agent.policy import CoresetPolicy, Proposals
from agent.sampling import Grammar, priority
from envs.evaluation import FunctionInfo
from ir_tools.errors import EncodingError, ModelError, ParseError

_MOST_PASSES = 20  # of a pipeline


class LmPolicy:
    """Proposes what a language model holds for best. Raises ModelError where there is none."""

    adaptive = False
    reads_part = True

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or _folder()
        self._vocabulary = Vocabulary.read(folder / TOKENIZER)
        self._engine = Engine(folder / MODEL)
        if self._engine.tokens != len(self._vocabulary):
            raise ModelError(f"{folder}: {MODEL} and {TOKENIZER} are not of one model")
        end = self._vocabulary.marker(Marker.END)
        self._grammar = Grammar(self._vocabulary.passes, end, _MOST_PASSES, least=1)

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        try:
            text = compact(function.simplified)
        except (EncodingError, ParseError):
            yield from CoresetPolicy().propose(function, budget)
            return
        asked = [*prompt(self._vocabulary, text, MOST), self._vocabulary.marker(Marker.SMALLER)]
        for sample in priority(self._engine, asked, self._grammar, budget):
            yield self._vocabulary.pipeline(sample.tokens)


def _folder() -> Path:
    named = os.environ.get(MODEL_VARIABLE)
    if not named:
        raise ModelError(f"no model: name the folder of one by {MODEL_VARIABLE}")
    return Path(named)
