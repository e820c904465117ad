"""What is kept of a function: never worse with more budget, never what a judge refuses."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from agent.frontier.runs import Contender, Run
from agent.frontier.winners import Judge, Winner, choose, kept
from agent.optimise import Objective
from anghabench.store import CorpusFunction, Measured
from ir_tools.verify.verdict import Accept, Kind, Verdict

BUDGETS = (1, 5, 10, 30)


def of(size: int) -> Measured:
    return Measured(instructions=size, text=size, size=size)


class Scripted(Judge):
    """Knows its verdicts; each pipeline makes something of its own, called by its first letter."""

    def __init__(self, verdicts: Mapping[str, Kind], accept: Accept | None = Accept.TESTED) -> None:
        super().__init__(None, None, accept)  # type: ignore[arg-type]
        self._script = verdicts

    @property
    def judged(self) -> int:
        return len(self._verdicts)

    def _judge(self, pipeline: str) -> None:
        self._results[pipeline] = result = pipeline[0]
        self._verdicts[result] = Verdict(self._script.get(result, Kind.TESTED), "script")


def run(*found: tuple[int, str, int]) -> Run:
    contenders = tuple(Contender(index, text, of(size)) for index, text, size in found)
    return Run("f", "p", of(100), 30, {}, contenders)


def test_a_refused_winner_gives_way_to_the_next_best() -> None:
    found = run((0, "a", 90), (3, "b", 80), (4, "c", 85), (20, "d", 70))
    judge = Scripted({"b": Kind.UNKNOWN, "d": Kind.REFUTED})
    result = kept(found, BUDGETS, Objective.SIZE, judge)
    assert [(w.pipeline, w.verdict) for _, w in result.values()] == [
        ("a", Kind.TESTED), ("c", Kind.TESTED), ("c", Kind.TESTED), ("c", Kind.TESTED),
    ]  # fmt: skip
    assert [(w.pipeline, w.verdict) for w, _ in result.values()] == [
        ("a", Kind.TESTED), ("b", Kind.UNKNOWN), ("b", Kind.UNKNOWN), ("d", Kind.REFUTED),
    ]  # fmt: skip


def test_oz_is_kept_where_nothing_is_acceptable_or_better() -> None:
    nothing = kept(run(), BUDGETS, Objective.SIZE, Scripted({}))
    assert set(nothing.values()) == {(Winner(of(100)), Winner(of(100)))}
    refused = kept(run((2, "a", 9)), BUDGETS, Objective.SIZE, Scripted({"a": Kind.UNKNOWN}))
    assert {judged for _, judged in refused.values()} == {Winner(of(100))}


def test_what_is_the_same_code_is_asked_about_once() -> None:
    found = run(*((i, f"a{i}", 50) for i in range(4)), *((4 + i, f"b{i}", 51) for i in range(4)))
    judge = Scripted({"a": Kind.UNKNOWN})
    assert kept(found, [30], Objective.SIZE, judge)[30][1].pipeline == "b0"
    assert judge.judged == 2


def test_judging_ends_somewhere() -> None:
    letters = "abcdefgh"
    found = run(*((i, letter, 50 + i) for i, letter in enumerate(letters)))
    judge = Scripted(dict.fromkeys(letters[:6], Kind.UNKNOWN))
    first = kept(found, [30], Objective.SIZE, judge)[30][1]
    assert (first.pipeline, judge.judged) == ("", 4)
    again = kept(found, [30], Objective.SIZE, judge)[30][1]
    assert again == first, "what was judged for another policy is no advantage"


def test_without_judges_the_best_is_kept() -> None:
    judge = Scripted({"a": Kind.REFUTED}, accept=None)
    result = kept(run((0, "b", 60), (7, "a", 50)), BUDGETS, Objective.SIZE, judge)
    assert [winner for _, winner in result.values()] == [
        Winner(of(60), "b"), Winner(of(60), "b"), Winner(of(50), "a"), Winner(of(50), "a"),
    ]  # fmt: skip
    assert judge.judged == 0


CONTENDERS = st.lists(
    st.tuples(st.integers(0, 29), st.sampled_from("abcdefgh"), st.integers(1, 99)),
    unique_by=lambda each: each[0],
)


@settings(deadline=None)
@given(CONTENDERS, st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(list(Kind))))
def test_no_budget_is_worse_than_a_smaller_one_or_than_oz_whatever_the_judges_say(
    found: list[tuple[int, str, int]], verdicts: dict[str, Kind]
) -> None:
    texts = [(index, f"{letter}{index}", size) for index, letter, size in sorted(found)]
    result = kept(run(*texts), BUDGETS, Objective.SIZE, Scripted(verdicts))
    for column in (0, 1):
        sizes = [100, *(result[budget][column].measured.size for budget in BUDGETS)]
        assert sizes == sorted(sizes, reverse=True)
    for free, judged in result.values():
        assert free.measured.size <= judged.measured.size
        assert not judged.pipeline or Accept.TESTED.allows(Verdict(judged.verdict, ""))
    within = kept(run(*texts), BUDGETS[:2], Objective.SIZE, Scripted(verdicts))
    assert all(result[budget] == within[budget] for budget in within), "prefixes are runs"


def test_real_judges_are_asked_about_the_part_before_and_after(
    parts: list[CorpusFunction],
) -> None:
    pipeline = "function(sroa,instcombine<no-verify-fixpoint>,simplifycfg)"
    by_name = {part.function: part for part in parts}
    chosen = [by_name["pick"], by_name["sum"]]  # small enough for a proof, and not
    runs = [
        Run(part.id, "p", of(999), 1, {}, (Contender(0, pipeline, part.oz),)) for part in chosen
    ]
    console = Console(quiet=True)
    first, second = choose(chosen, runs, [1], Objective.SIZE, Accept.PROVED, 1, console)
    proved = Winner(by_name["pick"].oz, pipeline, Kind.PROVED)
    tested = Winner(by_name["sum"].oz, pipeline, Kind.TESTED)
    assert first == {1: (proved, proved)}
    assert second == {1: (tested, Winner(of(999)))}
