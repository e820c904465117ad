"""The model as a policy: the pipelines that it holds for most likely, by priority sampling; and for
size, after the first of them, those that serve most functions, for when it is wrong.

A model's folder holds what `ozone train export` writes, `model.onnx` and `tokenizer.json`. It is
the one that ships, or the one that `OZONE_MODEL` names. A function that has no compact text gets
the coreset's pipelines.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from agent.lm.data import TOKENIZER
from agent.lm.engine import MODEL, Engine
from agent.lm.prompt import MOST, compact, prompt
from agent.lm.tokenizer import MARKERS, Marker, Vocabulary
from agent.names import model_folder
from agent.policy import CoresetPolicy, Proposals, coreset
from agent.sampling import Grammar, LanguageModel, Sample, beam, nucleus, priority
from envs.evaluation import FunctionInfo
from ir_tools.errors import EncodingError, ModelError, ParseError

_MOST_PASSES = 20  # of a pipeline
_TOP_P = 0.95  # of nucleus sampling
_FIRST = 2  # pipelines of the model, before the coreset's

Sampler = Callable[[LanguageModel, Sequence[int], Grammar, int, int], list[Sample]]
"""From a model, a prompt, a grammar, how many, and a seed."""

_SAMPLERS: Mapping[str, Sampler] = {
    "priority": lambda model, prompt, grammar, count, _: priority(model, prompt, grammar, count),
    "beam": lambda model, prompt, grammar, count, _: beam(model, prompt, grammar, count),
    "nucleus": lambda *asked: nucleus(*asked[:4], top_p=_TOP_P, seed=asked[4]),
    "temperature": lambda *asked: nucleus(*asked[:4], seed=asked[4]),
}


class LmPolicy:
    """Proposes what a language model holds for best. Raises ModelError where there is none.

    The empty pipeline is one of them: a function may be smallest as it was written.
    """

    adaptive = False
    reads_part = True

    def __init__(
        self,
        folder: Path | None = None,
        sampler: str = "priority",
        seed: int = 0,
        objective: str = "size",
    ) -> None:
        self.vocabulary, self.engine = _loaded(folder or model_folder())
        self._sample: Sampler = _SAMPLERS[sampler]
        self._seed = seed
        self._marker = self.vocabulary.marker(MARKERS.get(objective, Marker.SMALLER))
        end = self.vocabulary.marker(Marker.END)
        self.grammar = Grammar(self.vocabulary.passes, end, _MOST_PASSES)

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        try:
            text = compact(function.simplified)
        except (EncodingError, ParseError):
            yield from CoresetPolicy().propose(function, budget)
            return
        asked = [*prompt(self.vocabulary, text, MOST), self._marker]
        seed = random.Random(f"{self._seed} {function.name}").getrandbits(32)
        for sample in self._sample(self.engine, asked, self.grammar, budget, seed):
            yield self.vocabulary.pipeline(sample.tokens)


class CoveredPolicy:
    """The model's first pipelines, then the coreset's, then more of the model's; none twice.

    Two first, because on the validation projects more of them were no better, and each takes time.
    """

    adaptive = False
    reads_part = True

    def __init__(self, model: LmPolicy) -> None:
        self._model, self._fixed = model, coreset()

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        own = self._model.propose(function, min(budget, max(_FIRST, budget - len(self._fixed))))
        order = itertools.chain(itertools.islice(own, _FIRST), self._fixed, own)
        for pipeline in itertools.islice(dict.fromkeys(order), budget):  # noqa: UP028 - no sending
            yield pipeline


@functools.cache
def _loaded(folder: Path) -> tuple[Vocabulary, Engine]:
    """Once for all functions, and tried out: what fails is to fail here."""
    vocabulary, engine = Vocabulary.read(folder / TOKENIZER), Engine(folder / MODEL)
    if engine.vocabulary != vocabulary.fingerprint:
        raise ModelError(f"{folder}: {MODEL} and {TOKENIZER} are not of one model")
    state, _ = engine.read([vocabulary.marker(Marker.FUNCTION)])
    _, logits = engine.advance([state], [vocabulary.marker(Marker.SMALLER)])
    if not np.isfinite(logits).all():
        raise ModelError(f"{folder / MODEL} gives no numbers: train it anew")
    return vocabulary, engine
