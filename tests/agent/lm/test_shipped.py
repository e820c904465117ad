"""The model that ships, as the tool asks it: without torch."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.lm import emulation
from agent.lm.policy import CoveredPolicy, LmPolicy
from agent.names import model_folder
from agent.optimise import Settings, optimise
from agent.parts import explore
from agent.policy import CoresetPolicy, Proposals, Terms, atoms, coreset, make_policy
from anghabench.store import CorpusFunction
from envs.evaluation import FunctionInfo, Source
from envs.evaluator import Evaluator
from ir_tools.passes import Trust
from ir_tools.pipeline import Pipeline
from ir_tools.process import run_tool
from tests.agent.functions import C, functions

MOST_BYTES = 25_000_000
LONG = (
    "extern int f(int, int);\nint long_one(int *p) { int s = 0;\n"
    + "".join(f"s += f(p[{n}], s); if (s > {n}) p[{n + 1}] = s;\n" for n in range(2000))
    + "return s; }\n"
)


@pytest.fixture(scope="module")
def policy() -> LmPolicy:
    return LmPolicy()


@pytest.fixture(scope="module")
def corpus(compile_c) -> list[CorpusFunction]:  # type: ignore[no-untyped-def]
    return functions(compile_c(C, "a.c"))


def test_it_is_small_and_has_a_card() -> None:
    assert model_folder().is_relative_to(Path(__file__).parents[3] / "agent")
    assert sum(path.stat().st_size for path in model_folder().iterdir()) < MOST_BYTES
    card = (model_folder() / "MODEL_CARD.md").read_text()
    assert all(f"\n## {part}\n" in card for part in ("Data", "Run", "Loss", "Evaluation", "Limits"))


def test_it_proposes_production_passes_and_none_twice(
    policy: LmPolicy, corpus: list[CorpusFunction]
) -> None:
    known = {*atoms(Trust.PRODUCTION)}
    with Evaluator(1) as evaluator:
        for function in corpus:
            tried = [pipeline for pipeline, _ in explore(evaluator, function, policy, 10).tried]
            assert len({*tried}) == 10
            assert all(known.issuperset(Pipeline.parse(each).atoms()) for each in tried)


def test_it_knows_what_oz_makes_of_a_function(
    policy: LmPolicy, corpus: list[CorpusFunction]
) -> None:
    """Which it does not where the prompt is not what it was trained on."""
    with Evaluator(1) as evaluator:
        found = [emulation._emulated(policy, evaluator, function) for function in corpus]
    errors = [abs(said - size) / size for said, size in (each.before for each in found)]
    assert statistics.median(errors) < 0.2


def test_its_two_best_pipelines_come_before_the_coreset_and_none_comes_twice(
    policy: LmPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = coreset()
    one, other = (Pipeline.parse(f"function({name},{name},{name})") for name in ("adce", "gvn"))
    asked = []

    def propose(_: LmPolicy, __: FunctionInfo, budget: int) -> Iterator[Pipeline]:
        asked.append(budget)
        yield from [one, fixed[3], other][:budget]

    monkeypatch.setattr(LmPolicy, "propose", propose)
    covered = CoveredPolicy(policy)
    info = FunctionInfo("f", 9, False, True, True, ())
    wanted = [one, fixed[3], *fixed[:3], *fixed[4:], other]
    for budget in (0, 1, 2, 3, 9, len(fixed)):
        assert list(covered.propose(info, budget)) == wanted[:budget]
    assert list(covered.propose(info, 60)) == wanted
    assert asked == [0, 1, 2, 2, 2, 2, 30]


def test_for_instructions_it_is_asked_alone(policy: LmPolicy, corpus: list[CorpusFunction]) -> None:
    alone = make_policy("lm", Terms(objective="instructions"))
    with Evaluator(1) as evaluator:
        fewer, smaller = (
            [pipeline for pipeline, _ in explore(evaluator, corpus[0], one, 3).tried]
            for one in (alone, policy)
        )
    assert isinstance(alone, LmPolicy)
    assert fewer != smaller


def test_a_function_far_beyond_the_context_gets_pipelines_of_its_own(
    policy: LmPolicy,
    compile_c,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    monkeypatch.setattr(CoresetPolicy, "propose", None)
    (function,) = functions(compile_c(LONG, "long.c"))
    with Evaluator(1) as evaluator:
        assert len(explore(evaluator, function, policy, 2).tried) == 2


def test_it_is_who_is_asked_by_default(
    compile_c,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    asked, propose = set(), LmPolicy.propose

    def spy(self: LmPolicy, function: FunctionInfo, budget: int) -> Proposals:
        asked.add(function.name)
        return propose(self, function, budget)

    monkeypatch.setattr(LmPolicy, "propose", spy)
    source: Source = compile_c(C, "a.c")
    with Evaluator(1) as evaluator:
        outcome = optimise(evaluator, source, Settings(budget=4))
    assert outcome.warnings == ()
    assert asked == {each.function for each in functions(source)}


def test_to_ask_it_takes_no_torch() -> None:
    code = "import sys, agent.lm.policy as p; p.LmPolicy(); sys.exit('torch' in sys.modules)"
    run_tool([sys.executable, "-c", code], timeout_s=60).check()
