"""The coreset is chosen greedily, from what all functions measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import policy
from agent.coreset import Table, Wishes, _sample, choose_coreset, measure, minimise
from agent.policy import CoresetPolicy, coreset
from envs.evaluation import Source
from ir_tools.pipeline import Pipeline

C = """
int first(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i] * 3; return s; }
int second(unsigned x) { switch (x) { case 1: return 7; case 2: return 9; default: return 0; } }
"""
WISHES = Wishes(modules=1, rounds=2, search_budget=6, pool=8, size=4, seed=3, jobs=2)


@pytest.fixture
def sources(compile_c) -> list[Source]:  # type: ignore[no-untyped-def]
    return [compile_c(C, "a.c"), compile_c(C.replace("* 3", "* 5"), "b.c")]


def test_each_pipeline_chosen_saves_more_and_no_two_are_equal(
    sources: list[Source], tmp_path: Path
) -> None:
    steps: list[int] = []
    chosen = choose_coreset(sources, WISHES, tmp_path / "cache", steps.append)
    pipelines, sizes = zip(*chosen, strict=True)
    assert 0 < len(chosen) <= WISHES.size
    assert len(set(pipelines)) == len(pipelines)
    assert list(sizes) == sorted(sizes, reverse=True)
    assert len(steps) == len(sources) * (2 * WISHES.rounds + 1)
    again = choose_coreset(sources, WISHES, tmp_path / "cache", steps.append)
    assert again == chosen
    assert choose_coreset(sources, WISHES, None, steps.append) == chosen


def test_passes_that_no_function_misses_are_dropped(sources: list[Source], tmp_path: Path) -> None:
    padded = Pipeline.parse(
        "function(sroa,lower-matrix-intrinsics,instcombine<no-verify-fixpoint>)"
    )
    other = Pipeline.parse("function(sroa,simplifycfg)")
    table = measure(sources, CoresetPolicy((padded, other)), 2, None, 1, lambda _: None)
    shorter = minimise(sources, (padded, other), table, None, jobs=1)
    assert len(shorter) == 2
    assert "lower-matrix-intrinsics" not in str(shorter[0])
    measured = measure(sources, CoresetPolicy(shorter), 2, None, 1, lambda _: None)
    assert _total(measured) <= _total(table)


def _total(table: Table) -> float:
    return sum(min(costs.values()) for costs in table.values())


def test_the_shipped_coreset_says_how_it_was_made_and_is_made_of_function_pipelines() -> None:
    text = (Path(policy.__file__).parent / "data" / "coreset.txt").read_text()
    assert text.startswith("# made by `ozone coreset`")
    assert len(coreset()) >= 20
    assert all(isinstance(p, Pipeline) and p.function_text for p in coreset())


def test_no_held_out_program_takes_part(tmp_path: Path) -> None:
    for number, program in enumerate(("zlib", "mawk", "mine", "lz4.partial")):
        (tmp_path / "bitcode" / program).mkdir(parents=True)
        (tmp_path / "bitcode" / program / "a.bc").write_bytes(bytes([number]) * 5000)
    sampled = _sample(tmp_path, 3, 0)
    assert [source.name for source in sampled] == ["mawk/a.bc", "mine/a.bc"]
