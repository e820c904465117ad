"""The model's vocabulary: pieces of IR text, passes, sizes and markers, as one tokenizer.

Pieces are learnt from compact IR (`agent.lm.encoding`) by byte-pair encoding (Sennrich et al., ACL
2016) and never cross the end of a line, so that a frequent instruction is one token. Each pass with
its parameters is one token, and so is a number of bytes or instructions, in steps of about six
percent. A marker says what comes next.

It is a `tokenizer.json` that Hugging Face's libraries read. Its `fingerprint` goes with data and
models that are made with it: what does not fit together is refused. Needs the `lm` extra.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from agent.policy import atoms
from ir_tools.errors import ModelError
from ir_tools.passes import Pass, Trust
from ir_tools.pipeline import Pipeline

SIZE = 4096
"""Tokens, of all kinds."""

_STEP = 1.06  # between two sizes that have tokens
_SIZES = 200  # of them, from 0 on
_EXACT = 17  # sizes below which each has its own: from here on a step is more than 1


class Marker(enum.StrEnum):
    """Tokens that say what comes next."""

    PAD = "<pad>"
    END = "<end>"
    FUNCTION = "<function>"  # IR of a function before any pipeline
    CUT = "<cut>"  # some of it is left out
    SMALLER = "<smaller>"  # a pipeline, for bytes
    FEWER = "<fewer>"  # a pipeline, for instructions
    OZ = "<oz>"  # in a pipeline's place: none that is known does better than -Oz
    BEFORE = "<before>"  # what -Oz makes of it, in bytes
    AFTER = "<after>"  # what the pipeline does
    OPTIMISED = "<optimised>"  # IR of the function after the pipeline
    PREFIX = "<prefix>"  # for filling in the middle
    SUFFIX = "<suffix>"
    MIDDLE = "<middle>"


MARKERS = {"size": Marker.SMALLER, "instructions": Marker.FEWER}
"""What pipelines for an objective follow."""


class Vocabulary:
    """Text, pipelines and sizes as tokens, and back. Raises ModelError for a file that is none."""

    def __init__(self, data: bytes, name: str = "tokenizer.json") -> None:
        self._tokenizer = _parsed(data, name)
        self._tokenizer.encode_special_tokens = True  # a string in IR may look like one of them
        self._data = data
        self._passes = {each: self._id(f"<{each.text}>", name) for each in atoms(Trust.PRODUCTION)}
        self._by_token = {token: each for each, token in self._passes.items()}
        self._markers = {marker: self._id(marker, name) for marker in Marker}
        self._first_size = self._id("<0>", name)

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Raises ModelError."""
        return cls(_read(path), str(path))

    def _id(self, token: str, name: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ModelError(f"{name} lacks the token {token}: it is of another version of Ozone")
        return int(found)

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    @functools.cached_property
    def fingerprint(self) -> str:
        """The same for vocabularies that mean the same."""
        vocabulary = sorted(self._tokenizer.get_vocab().items())
        return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()[:16]

    def extends(self, path: Path) -> bool:
        """Whether all tokens of a `tokenizer.json` are the same here. Raises ModelError."""
        ours, theirs = self._tokenizer.get_vocab(), _parsed(_read(path), str(path)).get_vocab()
        return all(ours.get(token) == number for token, number in theirs.items())

    @property
    def json(self) -> bytes:
        """The file."""
        return self._data

    def marker(self, marker: Marker) -> int:
        return self._markers[marker]

    @property
    def passes(self) -> tuple[int, ...]:
        """The tokens of all passes that a pipeline may have."""
        return tuple(self._by_token)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The tokens of all sizes."""
        return tuple(range(self._first_size, self._first_size + _SIZES))

    @functools.cached_property
    def words(self) -> tuple[int, ...]:
        """The tokens of text."""
        ours = {*self._markers.values(), *self.sizes, *self.passes}
        return tuple(token for token in range(len(self)) if token not in ours)

    def code(self, text: str) -> list[int]:
        """Compact IR as tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def text(self, tokens: Sequence[int]) -> str:
        """What `code` was given."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False))

    def pipeline(self, tokens: Iterable[int]) -> Pipeline:
        """The pipeline of these passes. Raises ModelError for another token."""
        try:
            return Pipeline.of([self._by_token[token] for token in tokens])
        except KeyError as error:
            raise ModelError(f"token {error} is no pass") from None

    def passes_of(self, pipeline: Pipeline) -> list[int]:
        """A pipeline as tokens. Raises ModelError where it has a pass that is not in production."""
        try:
            return [self._passes[each] for each in pipeline.atoms()]
        except KeyError as error:
            missing: Pass = error.args[0]
            raise ModelError(f"the model knows no pass '{missing.text}'") from None

    def size(self, count: int) -> int:
        """The token of a number of bytes or instructions."""
        return self._first_size + _bucket(count)

    def count(self, token: int) -> int | None:
        """What a size's token stands for; None for another token."""
        bucket = token - self._first_size
        return _counts()[bucket] if 0 <= bucket < _SIZES else None


@functools.cache
def _counts() -> tuple[int, ...]:
    """What the tokens of sizes stand for: all small ones, then in steps."""
    counts = list(range(_EXACT))
    exact = float(_EXACT)
    while len(counts) < _SIZES:
        counts.append(round(exact))
        exact *= _STEP
    return tuple(counts)


def _bucket(count: int) -> int:
    if count < _EXACT:
        return max(0, count)
    return min(_SIZES - 1, _EXACT + round(math.log(count / _EXACT, _STEP)))


def library() -> Any:
    """Hugging Face's tokenizers. Raises ModelError where they are not installed."""
    try:
        import tokenizers
    except ImportError as error:
        raise ModelError("a model needs tokenizers: run 'pip install tokenizers'") from error
    return tokenizers


def _parsed(data: bytes, name: str) -> Any:
    tokenizer = library().Tokenizer
    try:
        return tokenizer.from_buffer(data)
    except Exception as error:  # the library raises no narrower one
        raise ModelError(f"{name} is no tokenizer: {error}") from error


def trained(texts: Iterable[str], size: int = SIZE) -> Vocabulary:
    """A vocabulary learnt from compact IR, of at most `size` tokens."""
    library()
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer: Any = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(r"[^\n]*\n"), "isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=_special(),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return Vocabulary(tokenizer.to_str().encode())


def extended(path: Path) -> Vocabulary:
    """Another model's `tokenizer.json`, and our tokens after its own. Raises ModelError."""
    tokenizer = _parsed(_read(path), str(path))
    tokenizer.add_special_tokens(_special())
    return Vocabulary(tokenizer.to_str().encode(), str(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error


def _special() -> list[str]:
    """Our own tokens; those of sizes are neighbours."""
    sizes = (f"<{count}>" for count in range(_SIZES))
    return [*map(str, Marker), *sizes, *(f"<{each.text}>" for each in atoms(Trust.PRODUCTION))]
