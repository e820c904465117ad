"""`ozone train prepare`: tokens of a corpus's training split, and of what its labels say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from agent.cli import main
from agent.lm.data import ABOUT, TOKENIZER, TOKENS, Examples
from agent.lm.preparation import is_validation
from agent.lm.tokenizer import Marker, Vocabulary
from agent.output import write_file
from anghabench import labels, store
from anghabench.labels import Label
from anghabench.store import CorpusFunction
from ir_tools.plan import OZ
from tests.agent.functions import C, functions, named

pytest.importorskip("pyarrow", reason="needs ozone[data]")

BEST, NEXT = "function(sroa<modify-cfg>,gvn)", "function(early-cse,loop(loop-rotate))"


def row(function: CorpusFunction, rank: int, pipeline: str, after: int, **others: object) -> Label:
    label = Label(
        id=function.id, objective="size", rank=rank, pipeline=pipeline, before=100, after=after,
        verdict="", evaluations=9,
    )  # fmt: skip
    return dataclasses.replace(label, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def corpus(compile_c) -> list[CorpusFunction]:  # type: ignore[no-untyped-def]
    return functions(compile_c(C, "a.c"))


def prepared(folder: Path, every: list[CorpusFunction], rows: list[Label]) -> Path:
    store.write(folder / "store", every, {})
    write_file(folder / "labels.parquet", labels.encode(rows))
    arguments = ("--labels", folder / "labels.parquet", "-o", folder / "data", "-j", "2")
    assert main(["train", "prepare", str(folder / "store"), *map(str, arguments)]) == 0
    return folder / "data"


def test_the_best_pipeline_is_the_answer_and_counts_by_the_root_of_what_it_saves(
    corpus: list[CorpusFunction], tmp_path: Path
) -> None:
    gained, kept = named(corpus, "sum"), named(corpus, "both")
    fewer = row(gained, 0, NEXT, 9, objective="instructions", before=12)
    rows = [
        fewer,  # files have it first
        row(gained, 0, BEST, 80),
        row(gained, 1, NEXT, 80),
        row(kept, 0, OZ, 100),
    ]
    folder = prepared(tmp_path, corpus, rows)
    vocabulary = Vocabulary.read(folder / TOKENIZER)
    examples = Examples.read(folder / TOKENS)
    about = json.loads((folder / ABOUT).read_text())
    assert about["functions"] == len(examples.code) == len(corpus)
    assert about["labelled"] == 2
    assert about["answers"] == len(examples.answers) == 3
    answers: dict[int, list[tuple[Marker, str, int, float]]] = {}
    for n, owner in enumerate(examples.owners.tolist()):
        tokens, end = examples.answers[n], vocabulary.marker(Marker.END)
        passes = tokens[1 : tokens.index(end)]
        is_oz = passes == [vocabulary.marker(Marker.OZ)]
        marker = next(m for m in Marker if vocabulary.marker(m) == tokens[0])
        after = vocabulary.count(tokens[-1])
        assert after is not None
        pipeline = OZ if is_oz else str(vocabulary.pipeline(passes))
        answers.setdefault(owner, []).append((marker, pipeline, after, float(examples.weights[n])))
    of_kept, of_gained = sorted(answers.values(), key=len)
    assert [each[:2] for each in of_kept] == [(Marker.SMALLER, OZ)]
    assert [each[:2] for each in of_gained] == [(Marker.SMALLER, BEST), (Marker.FEWER, NEXT)]
    assert [each[2] for each in of_gained] == pytest.approx([80, 9], rel=0.035)
    roots = np.sqrt([20, 3])
    assert [each[3] for each in of_gained] == pytest.approx(roots / roots.mean())
    assert of_kept[0][3] == 1
    optimised = [n for n in range(len(corpus)) if examples.optimised[n]]
    assert len(optimised) == 1
    text = vocabulary.text(examples.optimised[optimised[0]][1:-1])
    assert text.startswith("fn i32 (ptr, i32)")
    assert "alloca" not in text


def test_what_the_empty_pipeline_leaves_is_optimised_ir_too(
    corpus: list[CorpusFunction], tmp_path: Path
) -> None:
    gained = named(corpus, "sum")
    folder = prepared(tmp_path, corpus, [row(gained, 0, "", 80)])
    vocabulary = Vocabulary.read(folder / TOKENIZER)
    examples = Examples.read(folder / TOKENS)
    (optimised,) = filter(None, map(examples.optimised.__getitem__, range(len(corpus))))
    assert "alloca" in vocabulary.text(optimised[1:-1])


def test_held_out_functions_are_not_read(compile_c, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    held_out = functions(compile_c(C, "b.c"), "held-out")
    other = [dataclasses.replace(one, project="other") for one in functions(compile_c(C, "a.c"))]
    folder = prepared(tmp_path, sorted(held_out[:3] + other, key=lambda one: one.project), [])
    assert len(Examples.read(folder / TOKENS).code) == len(other)


def test_a_corpus_without_training_functions_is_refused(
    compile_c,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],  # type: ignore[no-untyped-def]
) -> None:
    store.write(tmp_path / "store", functions(compile_c(C, "b.c"), "held-out"), {})
    arguments = ["train", "prepare", str(tmp_path / "store"), "-o", str(tmp_path / "data")]
    assert main(arguments) == 1
    assert "no training functions in" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_few_projects_are_for_validation() -> None:
    share = sum(is_validation(f"project {number}") for number in range(3000)) / 3000
    assert 1 / 18 < share < 1 / 13
