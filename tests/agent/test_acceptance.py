"""What a judge refuses gives way to the next best pipeline, and in the end to -Oz's own body."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from agent import acceptance
from agent.optimise import Outcome, Settings, optimise
from envs.evaluation import Artefact, Job, Source
from envs.evaluator import Evaluator
from ir_tools.plan import Plan
from ir_tools.target import TargetOptions
from ir_tools.verify.verdict import Accept, Effort, Kind, Side, Verdict

Judge = Callable[[Side, Side], Verdict]
PROVED = Verdict(Kind.PROVED, "smt")
REFUTED = Verdict(Kind.REFUTED, "execution", "value mismatch", "%x = 1")
UNKNOWN = Verdict(Kind.UNKNOWN, "smt", "too hard")
TARGET = TargetOptions(relocation_model="module")


@pytest.fixture
def judged_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Judge], list[tuple[str, bytes]]]:
    """Puts a scripted judge in the place of the real ones; what it was asked."""

    def script(judge: Judge) -> list[tuple[str, bytes]]:
        asked: list[tuple[str, bytes]] = []

        def verify(
            evaluator: Evaluator, pairs: Sequence[tuple[Side, Side]], effort: Effort
        ) -> list[Verdict]:
            asked.extend((target.function, target.data) for _, target in pairs)
            return [judge(source, target) for source, target in pairs]

        monkeypatch.setattr(acceptance, "verify", verify)
        return asked

    return script


def search(source: Source, evaluator: Evaluator, accept: Accept | None) -> Outcome:
    return optimise(evaluator, source, Settings(budget=10, target=TARGET, accept=accept))


@pytest.fixture
def evaluator() -> Iterator[Evaluator]:
    with Evaluator(2) as pool:
        yield pool


def test_every_function_with_a_pipeline_of_its_own_is_judged(
    examples: Mapping[str, Source], evaluator: Evaluator, judged_by: Callable[[Judge], list[object]]
) -> None:
    asked = judged_by(lambda source, target: PROVED)
    outcome = search(examples["json"], evaluator, Accept.PROVED)
    assert outcome.improved
    assert outcome.plan == search(examples["json"], evaluator, None).plan
    own = {c.function for c in outcome.choices if c.function not in outcome.plan.borrowed}
    assert len(asked) >= len(own) > 0
    assert {c.verdict for c in outcome.choices if c.function in own} == {"proved"}
    assert not outcome.refused


def test_what_is_refuted_once_gives_way_to_another_pipeline(
    examples: Mapping[str, Source], evaluator: Evaluator, judged_by: Callable[[Judge], list[object]]
) -> None:
    seen: set[str] = set()

    def first_time_wrong(source: Side, target: Side) -> Verdict:
        known = target.function in seen
        seen.add(target.function)
        return PROVED if known else REFUTED

    judged_by(first_time_wrong)
    free, held = (
        search(examples["json"], evaluator, None),
        search(examples["json"], evaluator, Accept.TESTED),
    )
    before, after = dict(free.plan.functions), dict(held.plan.functions)
    kept = [name for name in after if name not in held.plan.borrowed and name in before]
    assert all(
        after[name] != before[name] or name in free.plan.borrowed
        for name in kept
        if any(c.function == name and c.verdict for c in held.choices)
    )
    assert held.refused["refuted"] == len(seen)
    assert free.evaluation.size <= held.evaluation.size <= held.baseline.size


@pytest.mark.parametrize("verdict", [REFUTED, UNKNOWN])
def test_where_nothing_is_accepted_every_function_is_ozs_own(
    examples: Mapping[str, Source],
    evaluator: Evaluator,
    judged_by: Callable[[Judge], list[object]],
    verdict: Verdict,
) -> None:
    judged_by(lambda source, target: verdict)
    outcome = search(examples["json"], evaluator, Accept.TESTED)
    assert outcome.evaluation.size <= outcome.baseline.size
    assert all(not choice.verdict for choice in outcome.choices)
    _, data = evaluator.build(Job(examples["json"], outcome.plan, TARGET), Artefact.OBJECT)
    assert data


@pytest.mark.parametrize("of_source", [False, True])
def test_where_the_source_cannot_be_judged_no_other_pipeline_is(
    examples: Mapping[str, Source],
    evaluator: Evaluator,
    judged_by: Callable[[Judge], list[tuple[str, bytes]]],
    of_source: bool,
) -> None:
    verdict = Verdict(Kind.UNKNOWN, "execution", "too few inputs count", of_source=of_source)
    asked = judged_by(lambda source, target: verdict)
    outcome = search(examples["json"], evaluator, Accept.TESTED)
    assert outcome.evaluation.size <= outcome.baseline.size
    again = len(asked) - len({function for function, _ in asked})
    assert not again if of_source else again


def test_a_function_that_is_best_as_it_was_needs_no_judge() -> None:
    plan = Plan(functions=(("f", "gvn"),))
    tried = {"f": [("gvn", 40.0), ("sroa", 42.0), ("", 45.0)]}
    for of_source, best in ((True, ""), (False, "sroa")):
        judged = {("f", "gvn"): Verdict(Kind.UNKNOWN, "execution", of_source=of_source)}
        left = acceptance._without(plan, list(judged), judged, tried, {"f": 50.0})
        assert left.functions == (("f", best),)
        assert not left.borrowed
