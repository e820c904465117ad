"""What a model is trained on, as tokens: made once from a corpus, small enough to travel.

    FOLDER/tokenizer.json   the vocabulary, learnt from the training split
    FOLDER/tokens.npz       `Examples`
    FOLDER/data.json        what it was made from, counts

A row of a batch holds several examples, packed. What an example's functions have in common, its
prompt, is there once, and its pipelines each follow the prompt alone: `Row.branches` says which
token sees which. Positions go on from the prompt for each of them.
"""

from __future__ import annotations

import dataclasses
import io
import json
import random
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.lm.tokenizer import Marker, Vocabulary
from agent.output import write_file
from ir_tools.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIM_RATE = 0.5  # of documents, as in DeepSeek-Coder

TOKENIZER, TOKENS, ABOUT = "tokenizer.json", "tokens.npz", "data.json"


@dataclass(frozen=True, slots=True)
class Ragged:
    """Lists of tokens, one after the other: list n is `flat[starts[n] : starts[n + 1]]`."""

    flat: NDArray[np.uint32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, lists: Iterable[Sequence[int]]) -> Ragged:
        each = [np.asarray(tokens, np.uint32) for tokens in lists]
        starts = np.cumsum([0, *map(len, each)])
        return cls(np.concatenate([*each, np.zeros(0, np.uint32)]), starts.astype(np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> list[int]:
        tokens: list[int] = self.flat[self.starts[index] : self.starts[index + 1]].tolist()
        return tokens


@dataclass(frozen=True, slots=True)
class Examples:
    """Functions as tokens, and what is known about them.

    code        the prompt of each function: see `agent.lm.prompt`
    validation  of each function, whether its project is kept for validation
    optimised   compact IR of each function after its best pipeline, which its first answer is;
                empty where it is too long
    owners      of each answer, its function; in ascending order
    answers     pipelines, each with the marker of its objective, its end and sizes
    weights     of each answer; 1 in the mean
    """

    code: Ragged
    validation: NDArray[np.bool_]
    optimised: Ragged
    owners: NDArray[np.int32]
    answers: Ragged
    weights: NDArray[np.float32]

    def write(self, path: Path) -> None:
        """Raises OzoneError."""
        arrays: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Ragged):
                arrays[f"{field.name}.flat"], arrays[f"{field.name}.starts"] = (
                    value.flat, value.starts,
                )  # fmt: skip
            else:
                arrays[field.name] = value
        data = io.BytesIO()
        np.savez_compressed(data, **arrays)
        write_file(path, data.getvalue())

    @classmethod
    def read(cls, path: Path) -> Examples:
        """Raises ModelError."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                values: dict[str, Any] = {
                    field.name: Ragged(arrays[f"{field.name}.flat"], arrays[f"{field.name}.starts"])
                    if field.type == "Ragged" else arrays[field.name]
                    for field in dataclasses.fields(cls)
                }  # fmt: skip
                return cls(**values)
        except FileNotFoundError:
            raise ModelError(f"no training data in {path.parent}: make it with 'ozone train "
                             "prepare'") from None  # fmt: skip
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} is damaged, or of another version: make it anew") from error


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens of several examples, each array of the same length.

    tokens     to be read
    targets    the next one of each
    weights    of each target in the loss; 0 where it is not to be learnt
    positions  from 0 in each example, on from its prompt in each branch
    examples   a number for each example, -1 in the padding at the end
    branches   0 in a prompt, other numbers in what follows it
    """

    tokens: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]
    positions: NDArray[np.int64]
    examples: NDArray[np.int32]
    branches: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Branch:
    """Tokens, of which each but the first is to be learnt with a weight of its own."""

    tokens: Sequence[int]
    weights: Sequence[float]  # one less


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt, and what may follow it: the branches begin with the prompt's last token."""

    prompt: Branch
    branches: tuple[Branch, ...] = ()

    def __len__(self) -> int:
        return len(self.prompt.weights) + sum(len(branch.weights) for branch in self.branches)


def documents(
    examples: Examples, vocabulary: Vocabulary, rng: random.Random, validation: bool
) -> Iterator[Example]:
    """Functions to learn the language of IR from, half of them with the middle moved to the end.

    Prefix, suffix, middle (Bavarian et al., 2022), cut anywhere.
    """
    end, order = vocabulary.marker(Marker.END), list(range(len(examples.code)))
    rng.shuffle(order)
    for index in order:
        if examples.validation[index] == validation:
            tokens = examples.code[index]
            if rng.random() < FIM_RATE:
                tokens = _moved(tokens, vocabulary, rng)
            tokens = [*tokens, end]
            yield Example(Branch(tokens, [1.0] * (len(tokens) - 1)))


def _moved(tokens: list[int], vocabulary: Vocabulary, rng: random.Random) -> list[int]:
    first, second = sorted(rng.choices(range(len(tokens) + 1), k=2))
    prefix, middle, suffix = tokens[:first], tokens[first:second], tokens[second:]
    marks = [vocabulary.marker(each) for each in (Marker.PREFIX, Marker.SUFFIX, Marker.MIDDLE)]
    return [marks[0], *prefix, marks[1], *suffix, marks[2], *middle]


@dataclass(frozen=True, slots=True)
class Parts:
    """How much each token of a part counts in the loss.

    There are many tokens of IR for each of a pipeline. So a pipeline's count for more; and of
    functions that nothing improves, and of optimised IR, an epoch has only a share.
    """

    code: float = 0.02  # the prompt itself
    passes: float = 1.0
    sizes: float = 0.1
    optimised: float = 0.02
    share: float = 0.25


def answered(
    examples: Examples, vocabulary: Vocabulary, parts: Parts, rng: random.Random, validation: bool
) -> Iterator[Example]:
    """Functions with all their answers, for validation all functions."""
    share = 1.0 if validation else parts.share
    nothing = vocabulary.marker(Marker.OZ)
    bounds = np.searchsorted(examples.owners, np.arange(len(examples.code) + 1))
    order = list(range(len(examples.code)))
    rng.shuffle(order)
    for index in order:
        first, last = int(bounds[index]), int(bounds[index + 1])
        if examples.validation[index] != validation or first == last:
            continue
        improved = any(nothing not in examples.answers[each] for each in range(first, last))
        if improved or rng.random() < share:
            optimised = examples.optimised[index] if rng.random() < share else []
            yield _answered(examples, vocabulary, parts, index, range(first, last), optimised)


def _answered(
    examples: Examples,
    vocabulary: Vocabulary,
    parts: Parts,
    index: int,
    answers: Iterable[int],
    optimised: list[int],
) -> Example:
    prompt = examples.code[index]
    ends, branches = prompt[-1], list[Branch]()
    for answer in answers:
        tokens, weight = examples.answers[answer], float(examples.weights[answer])
        passes = tokens.index(vocabulary.marker(Marker.END))  # the first is the objective's marker
        weights = [0.0, *[parts.passes * weight] * passes]
        weights += [parts.sizes * weight] * (len(tokens) - len(weights))
        if not branches:  # the best one, which the optimised IR is of
            tokens, weights = tokens + optimised, weights + [parts.optimised] * len(optimised)
        branches.append(Branch([ends, *tokens], weights))
    return Example(Branch(prompt, [parts.code] * (len(prompt) - 1)), tuple(branches))


def packed(examples: Iterable[Example], length: int, pad: int) -> Iterator[Row]:
    """Rows of so many tokens, first fit; what is longer than a row loses its last branches."""
    open_rows: list[list[Example]] = []
    room: list[int] = []
    for example in (fitting(each, length) for each in examples):
        at = next((n for n, left in enumerate(room) if left >= len(example)), None)
        if at is None:
            if len(room) == _OPEN:
                fullest = room.index(min(room))
                yield _row(open_rows.pop(fullest), length, pad)
                room.pop(fullest)
            open_rows.append([])
            room.append(length)
            at = len(room) - 1
        open_rows[at].append(example)
        room[at] -= len(example)
    for row in open_rows:
        yield _row(row, length, pad)


_OPEN = 16  # rows that are being filled at once


def fitting(example: Example, length: int) -> Example:
    """The example without what a row has no room for."""
    prompt = Branch(example.prompt.tokens[: length + 1], example.prompt.weights[:length])
    left, branches = length - len(prompt.weights), list[Branch]()
    for branch in example.branches:
        if len(branch.weights) <= left:
            branches.append(branch)
            left -= len(branch.weights)
    return Example(prompt, tuple(branches))


def _row(examples: Sequence[Example], length: int, pad: int) -> Row:
    row = Row(
        np.full(length, pad, np.int64), np.full(length, pad, np.int64),
        np.zeros(length, np.float32), np.zeros(length, np.int64),
        np.full(length, -1, np.int32), np.zeros(length, np.int32),
    )  # fmt: skip
    at = 0
    for number, example in enumerate(examples):
        begins = 0
        for which, branch in enumerate((example.prompt, *example.branches)):
            count = len(branch.weights)
            here = slice(at, at + count)
            row.tokens[here] = branch.tokens[:-1]
            row.targets[here] = branch.tokens[1:]
            row.weights[here] = branch.weights
            row.positions[here] = np.arange(begins, begins + count)
            row.examples[here] = number
            row.branches[here] = which
            at += count
            begins = len(example.prompt.weights)
    return row


def about(folder: Path) -> dict[str, Any]:
    """What the data was made from. Raises ModelError."""
    try:
        found: dict[str, Any] = json.loads((folder / ABOUT).read_bytes())
        return found
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {folder / ABOUT}: {error}") from error
