"""The policy `lm`: pipelines of a model, and the coreset's where there is none."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from agent import autotuners
from agent.lm import model
from agent.lm.export import export
from agent.lm.policy import LmPolicy
from agent.optimise import Settings, optimise
from agent.parts import after, explore
from agent.policy import SIMPLIFIED, CoresetPolicy, Terms, make_policy
from anghabench.store import CorpusFunction
from envs.evaluation import FunctionInfo, Source
from envs.evaluator import Evaluator
from ir_tools.errors import ModelError
from tests.agent.functions import C, functions, named
from tests.agent.lm import tiny

INFO = FunctionInfo("f", 9, False, True, True, ())


@pytest.fixture(scope="module")
def source(compile_c) -> Source:  # type: ignore[no-untyped-def]
    return compile_c(C, "a.c")


@pytest.fixture(scope="module")
def corpus(source: Source) -> list[CorpusFunction]:
    return functions(source)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model, in which no token is as likely as another."""
    for module in ("torch", "transformers", "onnxscript"):
        pytest.importorskip(module, reason="needs ozone[train]")
    path, vocabulary = tmp_path_factory.mktemp("policy"), tiny.vocabulary()
    chosen = tiny.untrained(path, vocabulary)
    model.save(chosen, vocabulary, path / "model", {})
    export(path / "model", path / "exported")
    return path / "exported"


def test_where_the_model_is_missing_the_coreset_stands_in_with_a_warning(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OZONE_MODEL", str(tmp_path))
    with Evaluator(1) as evaluator:
        settings = Settings(budget=3, policy="lm", accept=None)
        outcome = optimise(evaluator, source, settings)
        coreset = optimise(evaluator, source, dataclasses.replace(settings, policy="coreset"))
    (warning,) = outcome.warnings
    assert warning.startswith(f"a.c: cannot read {tmp_path / 'tokenizer.json'}: ")
    assert warning.endswith("; the coreset stands in for it")
    assert outcome.plan == coreset.plan


def test_a_models_files_that_are_missing_damaged_or_of_two_models_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OZONE_MODEL", str(tmp_path))
    with pytest.raises(ModelError, match=r"cannot read .*tokenizer.json"):
        make_policy("lm")
    other = tiny.vocabulary("mul")
    assert len(other) == len(tiny.vocabulary())
    (tmp_path / "tokenizer.json").write_bytes(other.json)
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    with pytest.raises(ModelError, match="are not of one model"):
        make_policy("lm")


def test_each_function_gets_pipelines_of_its_own_and_none_twice(
    folder: Path, corpus: list[CorpusFunction]
) -> None:
    policy, proposed = LmPolicy(folder), []
    with Evaluator(1) as evaluator:
        for function in corpus[:3]:
            explored = explore(evaluator, function, policy, 8)
            again = explore(evaluator, function, LmPolicy(folder), 3)
            assert again.tried == explored.tried[:3]
            proposed.append([pipeline for pipeline, _ in explored.tried])
    assert all(len({*each}) == 8 for each in proposed)
    assert any(one != other for one, other in itertools.combinations(proposed, 2))


@pytest.mark.parametrize("sampler", ["beam", "nucleus", "temperature"])
def test_other_samplers_give_as_many_the_same_for_a_seed(
    sampler: str, folder: Path, corpus: list[CorpusFunction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OZONE_MODEL", str(folder))
    function = named(corpus, "find")
    with Evaluator(1) as evaluator:
        simplified = after(evaluator, function, SIMPLIFIED)
    info = dataclasses.replace(INFO, simplified=simplified)
    proposed = [
        list(autotuners.make_policy(f"lm-{sampler}", Terms(seed)).propose(info, 6))
        for seed in (1, 1, 2)
    ]
    assert len(proposed[0]) == 6
    assert proposed[0] == proposed[1]
    assert (proposed[0] == proposed[2]) == (sampler == "beam")


def test_what_is_asked_for_is_a_part_of_the_prompt(
    folder: Path, corpus: list[CorpusFunction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OZONE_MODEL", str(folder))
    with Evaluator(1) as evaluator:
        info = dataclasses.replace(INFO, simplified=after(evaluator, corpus[0], SIMPLIFIED))
    size, text, fewer = (
        list(make_policy("lm", Terms(objective=each)).propose(info, 4))
        for each in ("size", "text", "instructions")
    )
    assert size == text != fewer


def test_a_whole_module_is_optimised_with_it(
    folder: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OZONE_MODEL", str(folder))
    monkeypatch.setattr(CoresetPolicy, "propose", None)  # which is not to stand in
    with Evaluator(1) as evaluator:
        outcome = optimise(evaluator, source, Settings(budget=4, policy="lm", accept=None))
    assert outcome.warnings == ()
    assert outcome.candidates == 4
    assert outcome.evaluation.size <= outcome.baseline.size


def test_what_has_no_compact_text_gets_the_coreset(
    folder: Path, corpus: list[CorpusFunction]
) -> None:
    policy = LmPolicy(folder)
    wanted = list(CoresetPolicy().propose(INFO, 5))
    assert list(policy.propose(INFO, 5)) == wanted
    broken = dataclasses.replace(INFO, simplified=named(corpus, "sum").bitcode[:100])
    assert list(policy.propose(broken, 5)) == wanted
