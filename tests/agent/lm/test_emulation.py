"""`ozone train evaluate`: what a model says of functions, against what LLVM makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.cli import main
from agent.lm import emulation, model
from agent.lm.emulation import Emulated
from agent.lm.export import export
from agent.lm.policy import LmPolicy
from agent.lm.prompt import MOST, compact, prompt
from agent.lm.tokenizer import Marker, trained
from agent.parts import after, baseline_job
from agent.policy import SIMPLIFIED
from agent.sampling import Grammar, Logits
from anghabench import store
from anghabench.store import CorpusFunction
from envs.evaluator import Evaluator
from ir_tools.pipeline import Pipeline
from tests.agent.functions import C, functions, named
from tests.agent.lm import tiny

PIPELINE = "function(sroa<modify-cfg>,gvn)"


@pytest.fixture(scope="module")
def corpus(compile_c) -> list[CorpusFunction]:  # type: ignore[no-untyped-def]
    return functions(compile_c(C, "a.c"), "held-out")


class Script:
    """A model that says what it is told to, whatever it is asked."""

    def __init__(self, prompt: int, tokens: list[int], size: int) -> None:
        self._prompt, self._tokens, self._size = prompt, tokens, size

    def _logits(self, position: int) -> Logits:
        logits = np.zeros(self._size)
        logits[self._tokens[min(position - self._prompt, len(self._tokens) - 1)]] = 9.0
        return logits

    def read(self, prompt: list[int]) -> tuple[int, Logits]:
        return len(prompt), self._logits(len(prompt))

    def advance(self, states: list[int], tokens: list[int]) -> tuple[list[int], Logits]:
        return [s + 1 for s in states], np.stack([self._logits(s + 1) for s in states])


def emulated(function: CorpusFunction, evaluator: Evaluator, **changed: Any) -> Emulated:
    """What comes of a model that knows all, but for what is changed."""
    shown = compact(after(evaluator, function, SIMPLIFIED))
    made = compact(after(evaluator, function, changed.get("pipeline", PIPELINE)))
    known = trained([shown, made, changed.get("text", "")], 1200)
    (oz,) = evaluator.evaluate([baseline_job(function)])
    marks = {each: known.marker(each) for each in Marker}
    policy = object.__new__(LmPolicy)
    policy.vocabulary = known
    policy.grammar = Grammar(known.passes, marks[Marker.END], 20, least=1)
    said = [
        *known.passes_of(Pipeline.parse(changed.get("pipeline", PIPELINE))), marks[Marker.END],
        marks[Marker.BEFORE], known.size(changed.get("before", oz.size)),
        marks[Marker.AFTER], known.size(oz.size), marks[Marker.OPTIMISED],
        *known.code(changed.get("text", made)), marks[Marker.END],
    ]  # fmt: skip
    start = len(prompt(known, shown, MOST)) + 1
    policy.engine = Script(start, said, len(known))  # type: ignore[assignment]
    return emulation._emulated(policy, evaluator, function)


def test_a_model_that_knows_all_is_right(corpus: list[CorpusFunction]) -> None:
    with Evaluator(1) as evaluator:
        found = emulated(named(corpus, "sum"), evaluator)
    assert found.text == "exact"
    assert found.before[0] == pytest.approx(found.before[1], rel=0.05)


def test_mistakes_are_told_apart(corpus: list[CorpusFunction]) -> None:
    with Evaluator(1) as evaluator:
        function = named(corpus, "both")
        wrong = emulated(function, evaluator, text="fn i32 (i32, i32)\nret i32 $0\n", before=900)
        assert (wrong.text, wrong.verdict) == ("valid", "refuted")
        assert wrong.before[0] == pytest.approx(900, rel=0.05)
        other = emulated(function, evaluator, text="fn i64 (i64)\nret i64 $0\n")
        assert (other.text, other.verdict) == ("valid", "NotComparableError")
        assert emulated(function, evaluator, text="fn i32 (i32\n").text == "nonsense"
        assert emulated(function, evaluator, text="ret i32 $0\n" * 500).text == "endless"


def test_the_report_counts() -> None:
    found = [
        Emulated((100, 100), (90, 100), "exact"),
        Emulated((50, 100), None, ""),
        Emulated((104, 100), (100, 100), "valid", "proved"),
    ]
    report = emulation._report(found, 2)
    assert (report.functions, report.skipped) == (3, 2)
    assert (report.before_error, report.before_known) == (0.04, pytest.approx(2 / 3))
    assert (report.after_error, report.after_known) == (0.05, 0.5)
    assert (report.texts, report.verdicts) == ({"exact": 1, "valid": 1}, {"proved": 1})


def test_the_command_asks_an_exported_model(
    corpus: list[CorpusFunction], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("torch", "transformers", "onnxscript"):
        pytest.importorskip(module, reason="needs ozone[train]")
    known = tiny.vocabulary()
    model.save(tiny.untrained(tmp_path, known), known, tmp_path / "model", {})
    export(tmp_path / "model", tmp_path / "exported")
    store.write(tmp_path / "store", corpus, {})
    arguments = [tmp_path / "exported", tmp_path / "store", "--json", tmp_path / "r.json"]
    assert main(["train", "evaluate", *map(str, arguments), "--functions", "2"]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["functions"] + report["skipped"] == 2
    assert '"before_error"' in capsys.readouterr().out
