"""The labels of one function: measured, minimal, judged, and never worse than -Oz."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from collections.abc import Callable, Iterator

import pytest

from agent.labelling import (
    OBJECTIVES,
    Outcome,
    Trials,
    Wishes,
    _labels,
    cost_of,
    label,
    ranked,
    search,
    shared,
)
from agent.optimise import Objective
from anghabench.store import CorpusFunction
from envs.evaluation import Job, Source
from envs.evaluator import Evaluator
from ir_tools.errors import OzoneError
from ir_tools.pipeline import Pipeline
from ir_tools.plan import OZ, Plan
from ir_tools.target import TargetOptions
from ir_tools.verify.verdict import Accept
from tests.agent.functions import C, functions, named

TARGET = TargetOptions(relocation_model="module")
WISHES = Wishes(budget=30, seed=1)


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator(1) as evaluator:
        yield evaluator


@pytest.fixture(scope="module")
def corpus(compile_c) -> list[CorpusFunction]:  # type: ignore[no-untyped-def]
    return functions(compile_c(C, "a.c"))


@pytest.fixture(scope="module")
def outcomes(evaluator: Evaluator, corpus: list[CorpusFunction]) -> dict[str, Outcome]:
    return {one.id: label(evaluator, one, WISHES, []) for one in corpus}


Measure = Callable[[CorpusFunction, str], tuple[int, int]]


@pytest.fixture(scope="module")
def measure() -> Iterator[Measure]:
    """Bytes and instructions, by a worker that knows nothing of what was measured before."""
    with Evaluator(1) as other:

        def measure(function: CorpusFunction, pipeline: str) -> tuple[int, int]:
            own = Plan(functions=((function.symbol, pipeline),))
            plan = Plan(before=OZ) if pipeline == OZ else own
            source = Source(uuid.uuid4().hex, function.bitcode)
            (one,) = other.evaluate([Job(source, plan, TARGET)])
            assert one.ok
            assert not one.failures
            return one.size, one.instructions

        yield measure


def test_a_label_is_what_its_pipeline_measures_and_never_more_than_oz(
    corpus: list[CorpusFunction], outcomes: dict[str, Outcome], measure: Measure
) -> None:
    improved = 0
    for function in corpus:
        oz = measure(function, OZ)
        for row in outcomes[function.id].labels:
            found = measure(function, row.pipeline)
            index = OBJECTIVES.index(Objective(row.objective))
            assert (row.before, row.after) == (oz[index], found[index])
            assert row.after < row.before or (row.pipeline == OZ and row.after == row.before)
            assert found[0] <= oz[0]  # no instruction is saved with bytes
            improved += row.rank == 0 and row.after < row.before
    assert improved >= 3


def test_a_function_has_one_winner_for_each_objective_and_better_ones_first(
    outcomes: dict[str, Outcome],
) -> None:
    for outcome in outcomes.values():
        for objective in OBJECTIVES:
            rows = [row for row in outcome.labels if row.objective == objective]
            assert [row.rank for row in rows] == [*range(len(rows))]
            assert 1 <= len(rows) <= 4
            assert [row.after for row in rows] == sorted(row.after for row in rows)
    assert any(row.rank > 0 for outcome in outcomes.values() for row in outcome.labels)


def test_winners_have_an_accepted_verdict_unless_they_are_ozs(outcomes: dict[str, Outcome]) -> None:
    winners = [row for one in outcomes.values() for row in one.labels if row.rank == 0]
    assert {row.verdict for row in winners if row.pipeline == OZ} <= {""}
    kinds = {row.verdict for row in winners if row.pipeline != OZ}
    assert kinds
    assert kinds <= {"proved", "bounded", "tested"}


def test_no_pass_of_a_winner_can_be_dropped(
    corpus: list[CorpusFunction], outcomes: dict[str, Outcome], measure: Measure
) -> None:
    longest = 0
    for function in corpus:
        for row in outcomes[function.id].labels:
            if row.rank or row.pipeline == OZ:
                continue
            pipeline = Pipeline.parse(row.pipeline)
            longest = max(longest, length := len(pipeline.atoms()))
            for position in range(length) if length > 1 else ():
                shorter = measure(function, str(pipeline.delete(position)))
                cost = cost_of(shorter, measure(function, OZ), Objective(row.objective))
                assert cost is None or cost > row.after, (row.pipeline, position)
    assert longest > 1


def test_the_same_function_has_the_same_labels_again(
    corpus: list[CorpusFunction], outcomes: dict[str, Outcome]
) -> None:
    with Evaluator(1) as evaluator:
        for function in reversed(corpus):
            assert label(evaluator, function, WISHES, []) == outcomes[function.id]


def test_a_search_kept_from_before_gives_the_same_labels(
    evaluator: Evaluator, corpus: list[CorpusFunction], outcomes: dict[str, Outcome]
) -> None:
    found = search(evaluator, corpus[0], WISHES)
    assert label(evaluator, corpus[0], WISHES, [], found) == outcomes[corpus[0].id]


def test_each_stage_is_as_good_as_the_one_before(outcomes: dict[str, Outcome]) -> None:
    for outcome in outcomes.values():
        stages = [outcome.stages[stage] for stage in ("coreset", "search", "broadcast")]
        for earlier, later in itertools.pairwise(stages):
            assert all(after <= before for after, before in zip(later, earlier, strict=True))
        winners = tuple(row.after for row in outcome.labels if row.rank == 0)
        assert outcome.stages["verified"] == winners


def test_a_broadcast_pipeline_wins_where_search_did_not_find_as_much(
    evaluator: Evaluator, corpus: list[CorpusFunction], outcomes: dict[str, Outcome]
) -> None:
    little = Wishes(budget=1)
    found = 0
    for function in corpus:
        best = outcomes[function.id].labels[0]
        without = label(evaluator, function, little, [])
        helped = label(evaluator, function, little, [best.pipeline] if best.pipeline != OZ else [])
        assert helped.labels[0].after == min(best.after, without.labels[0].after)
        found += helped.stages["broadcast"] < helped.stages["search"]
    assert found


def test_what_is_not_accepted_gives_way_to_the_next_best_and_in_the_end_to_oz(
    evaluator: Evaluator, corpus: list[CorpusFunction], outcomes: dict[str, Outcome]
) -> None:
    """Loops cannot be proved with this little effort, only bounded or tested."""
    strict = Wishes(budget=30, seed=1, accept=Accept.PROVED)
    gave_way = 0
    for function in corpus:
        rows = label(evaluator, function, strict, []).labels
        for row, usual in zip(
            (row for row in rows if row.rank == 0),
            (row for row in outcomes[function.id].labels if row.rank == 0),
            strict=True,
        ):
            assert row.verdict == ("" if row.pipeline == OZ else "proved")
            assert usual.after <= row.after <= row.before
            if usual.verdict not in ("proved", ""):
                assert row.pipeline != usual.pipeline
                gave_way += 1
    assert gave_way


def test_of_equal_pipelines_the_shortest_comes_first_and_failures_not_at_all() -> None:
    costs = {OZ: (10, 5), "longer": (8, 4), "short": (8, 4), "bad": None, "worse": (10, 5)}
    assert [text for text, _ in ranked(costs, Objective.SIZE)] == ["short", "longer"]


def test_of_equal_pipelines_those_that_are_preferred_come_first_and_keep_their_passes(
    evaluator: Evaluator, corpus: list[CorpusFunction]
) -> None:
    costs = {
        OZ: (10, 5),
        "short": (8, 4),
        "function(gvn,adce)": (8, 4),
        "second": (8, 4),
        "c": (9, 4),
    }
    preferred = ["c", "function(gvn,adce)", "second"]
    trials = Trials(evaluator, corpus[0], costs, preferred)
    assert trials.minimised(Objective.SIZE) == "function(gvn,adce)"
    assert [text for text, _ in trials.candidates(Objective.SIZE)] == ["function(gvn,adce)", "c"]


def test_what_the_other_objective_found_later_is_ranked_above_no_judged_winner(
    evaluator: Evaluator, corpus: list[CorpusFunction]
) -> None:
    costs = {OZ: (10, 5), "winner": (8, 4), "later": (7, 4), "next": (9, 4)}
    trials = Trials(evaluator, corpus[0], costs)
    rows = list(_labels("f", trials, Objective.SIZE, "winner", "proved"))
    assert [(row.pipeline, row.rank, row.verdict) for row in rows] == [
        ("winner", 0, "proved"), ("next", 1, ""),
    ]  # fmt: skip


def test_instructions_saved_with_bytes_in_flash_are_not_saved() -> None:
    costs = {OZ: (10, 5), "larger": (11, 1), "equal": (10, 4)}
    assert [text for text, _ in ranked(costs, Objective.INSTRUCTIONS)] == ["equal"]


def test_shared_pipelines_are_the_same_for_all_and_within_the_budget() -> None:
    wishes = Wishes(budget=200, seed=4)
    chosen, drawn = shared(wishes)
    assert (chosen, drawn) == shared(wishes)
    assert drawn != shared(Wishes(budget=200, seed=5))[1]
    assert 0 < len(chosen) + len(drawn) < wishes.own
    assert shared(Wishes(budget=1)) == ([], [])


def test_a_function_that_oz_cannot_compile_is_an_error(
    evaluator: Evaluator, corpus: list[CorpusFunction]
) -> None:
    broken = dataclasses.replace(named(corpus, "sum"), bitcode=b"not bitcode")
    with pytest.raises(OzoneError, match="not readable"):
        label(evaluator, broken, WISHES, [])
