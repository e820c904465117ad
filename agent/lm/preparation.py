"""`ozone train prepare`: a corpus and its labels as tokens.

Only the training split is read. The projects whose names have the smallest hashes, about one in
fifteen, are for validation: what settings are chosen by. Of a function's labels, the best pipeline
by each objective becomes an answer, which counts by the root of what it saves; a function that
nothing improves is answered with a mark that says so.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import track

from agent.lm.data import ABOUT, TOKENIZER, TOKENS, Examples, Ragged
from agent.lm.prompt import HEAD, MOST, compact, prompt
from agent.lm.tokenizer import MARKERS, Marker, Vocabulary, extended, library, trained
from agent.optimise import Objective
from agent.output import write_file
from agent.parts import after
from agent.policy import SIMPLIFIED, atoms
from anghabench import labels, store
from anghabench.labels import Label
from anghabench.sources import reason
from anghabench.store import CorpusFunction
from envs.cache import Cache
from envs.evaluator import Evaluator
from envs.parallel import for_each
from ir_tools.errors import ModelError, OzoneError
from ir_tools.passes import Trust
from ir_tools.pipeline import Pipeline
from ir_tools.plan import OZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_OPTIMISED = 300  # tokens of optimised IR: longer ones cost too much of a row
_VALIDATION = 15  # one in so many projects


@dataclass(frozen=True, slots=True)
class Texts:
    """A function's compact text, simplified, and after its best pipeline ("" without one)."""

    simplified: str
    optimised: str


def prepare(
    folder: Path,
    labelled: Path | None,
    tokenizer: Path | None,
    output: Path,
    jobs: int | None,
    console: Console,
) -> dict[str, Any]:
    """Write the folder that training reads; what it was made from. Raises OzoneError.

    The vocabulary is learnt from the functions, or another model's, extended.
    """
    library()
    known = extended(tokenizer) if tokenizer else None
    rows = _by_function(labels.read(labelled)) if labelled else {}
    functions = list(store.read(folder, "train"))
    texts, left_out = _texts(functions, rows, jobs, console)
    kept = [one for one in functions if one.id in texts]
    if not kept:
        raise ModelError(f"no training functions in {folder}: 'ozone data build' makes some")
    vocabulary = known or trained(texts[one.id].simplified for one in kept)
    examples = _examples(kept, texts, rows, vocabulary)
    about = _about(folder, kept, examples, texts, vocabulary) | {"left_out": left_out}
    output.mkdir(parents=True, exist_ok=True)
    write_file(output / TOKENIZER, vocabulary.json)
    examples.write(output / TOKENS)
    about["tokens_hash"] = hashlib.sha256((output / TOKENS).read_bytes()).hexdigest()
    write_file(output / ABOUT, (json.dumps(about, indent=1) + "\n").encode())
    return about


Rows = Mapping[str, Sequence[Label]]


def _by_function(rows: Iterable[Label]) -> Rows:
    """Raises ModelError for labels with passes that the model is not to propose."""
    found: collections.defaultdict[str, list[Label]] = collections.defaultdict(list)
    known = {*atoms(Trust.PRODUCTION)}
    for row in rows:
        if row.pipeline != OZ and not known.issuperset(Pipeline.parse(row.pipeline).atoms()):
            raise ModelError(f"the labels have passes that are not in production: {row.pipeline}")
        found[row.id].append(row)
    return found


def _texts(
    functions: Sequence[CorpusFunction], rows: Rows, jobs: int | None, console: Console
) -> tuple[dict[str, Texts], dict[str, int]]:
    """By function; and how many have no compact text, by the reason."""

    def work(evaluator: Evaluator, _: Cache, function: CorpusFunction) -> Texts | OzoneError:
        best = _best(rows.get(function.id, ())).get(Objective.SIZE)
        optimised = ""
        if best and best.pipeline != OZ:
            with contextlib.suppress(OzoneError):
                optimised = compact(after(evaluator, function, best.pipeline))
        try:
            return Texts(compact(after(evaluator, function, SIMPLIFIED)), optimised)
        except OzoneError as error:
            return error

    texts, left_out = dict[str, Texts](), collections.Counter[str]()
    results = for_each(functions, work, cache=None, jobs=jobs)
    with contextlib.closing(results):
        for index, found in track(results, "reading", total=len(functions), console=console):
            if isinstance(found, Texts):
                texts[functions[index].id] = found
            else:
                left_out[reason(found)] += 1
    return texts, dict(left_out)


def _best(rows: Iterable[Label]) -> dict[str, Label]:
    """By objective."""
    return {row.objective: row for row in rows if row.rank == 0}


def _examples(
    kept: Sequence[CorpusFunction], texts: Mapping[str, Texts], rows: Rows, vocabulary: Vocabulary
) -> Examples:
    owners, answers, saved = list[int](), list[list[int]](), list[int]()
    for index, one in enumerate(kept):
        for tokens, less in _answers(rows.get(one.id, ()), vocabulary):
            owners.append(index)
            answers.append(tokens)
            saved.append(less)
    each = [texts[one.id] for one in kept]
    return Examples(
        code=Ragged.of(prompt(vocabulary, one.simplified, MOST) for one in each),
        validation=np.array([is_validation(one.project) for one in kept]),
        optimised=Ragged.of(_optimised(one.optimised, vocabulary) for one in each),
        owners=np.array(owners, np.int32),
        answers=Ragged.of(answers),
        weights=_weights(saved),
    )


def is_validation(project: str) -> bool:
    """Whether a project's functions are for validation."""
    return hashlib.sha256(project.encode()).digest()[0] < 256 // _VALIDATION


def _optimised(text: str, vocabulary: Vocabulary) -> list[int]:
    code = vocabulary.code(text)
    if not code or len(code) > _MOST_OPTIMISED:
        return []
    return [vocabulary.marker(Marker.OPTIMISED), *code, vocabulary.marker(Marker.END)]


def _answers(rows: Sequence[Label], vocabulary: Vocabulary) -> Iterator[tuple[list[int], int]]:
    """The best pipeline by each objective, size first; and how much less it leaves than -Oz."""
    best = _best(rows)
    for objective, marker in MARKERS.items():
        if row := best.get(objective):
            tokens = [
                vocabulary.marker(marker), *_passes(row.pipeline, vocabulary),
                vocabulary.marker(Marker.END),
                vocabulary.marker(Marker.BEFORE), vocabulary.size(row.before),
                vocabulary.marker(Marker.AFTER), vocabulary.size(row.after),
            ]  # fmt: skip
            yield tokens, row.before - row.after


def _weights(saved: Sequence[int]) -> NDArray[np.float32]:
    """Of answers that save so much; 1 where nothing is saved, and in the mean of the others."""
    roots = np.sqrt(np.array(saved, np.float32))
    improved = roots > 0
    roots[improved] /= roots[improved].mean() if improved.any() else 1
    return np.where(improved, roots, np.float32(1))


def _passes(pipeline: str, vocabulary: Vocabulary) -> list[int]:
    if pipeline == OZ:
        return [vocabulary.marker(Marker.OZ)]
    return vocabulary.passes_of(Pipeline.parse(pipeline))


def _about(
    folder: Path,
    kept: Sequence[CorpusFunction],
    examples: Examples,
    texts: Mapping[str, Texts],
    vocabulary: Vocabulary,
) -> dict[str, Any]:
    """What the data was made from, and how compact it is."""
    lengths = np.array([len(vocabulary.code(texts[one.id].simplified)) for one in kept])
    lines = np.array([texts[one.id].simplified.count("\n") for one in kept])
    validation = {one.project for one in kept if is_validation(one.project)}
    return {
        "store": store.manifest(folder)["content"],
        "vocabulary": vocabulary.fingerprint,
        "tokens_in_vocabulary": len(vocabulary),
        "functions": len(kept),
        "validation": sorted(validation),
        "labelled": len(np.unique(examples.owners)),
        "answers": len(examples.answers),
        "tokens": int(len(examples.code.flat) + len(examples.answers.flat)),
        "tokens_per_line": float(np.median(lengths / lines)),  # most lines are an instruction
        "whole_share": float(np.mean(lengths <= MOST - HEAD)),
    }
