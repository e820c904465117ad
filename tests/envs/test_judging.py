"""Verdicts on episodes: refuted changes cost what was earned, and nobody is blamed for nothing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from envs.choice import PipelineChoice
from envs.environment import CompilerEnvironment
from envs.evaluation import Source
from envs.judging import is_local
from envs.ordering import PassOrdering
from ir_tools.verify.verdict import Effort
from tests.envs.material import LOOP, TWO

QUICK = Effort(smt_s=4, execution_s=4)
SMALL = Source(
    "small.ll",
    b"""target triple = "x86_64-pc-linux-gnu"
    define i32 @f(i32 %x) {
      %y = mul i32 %x, 2
      %z = add i32 %y, %x
      ret i32 %z
    }""",
)
LOOPS = Source(
    "sum.ll",
    b"""target triple = "x86_64-pc-linux-gnu"
    define i32 @f(ptr %p, i32 %n) {
    entry:
      %some = icmp sgt i32 %n, 0
      br i1 %some, label %loop, label %out
    loop:
      %i = phi i32 [ 0, %entry ], [ %j, %loop ]
      %s = phi i32 [ 0, %entry ], [ %t, %loop ]
      %q = getelementptr i32, ptr %p, i32 %i
      %v = load i32, ptr %q
      %t = add i32 %s, %v
      %j = add nsw i32 %i, 1
      %more = icmp slt i32 %j, %n
      br i1 %more, label %loop, label %out
    out:
      %r = phi i32 [ 0, %entry ], [ %t, %loop ]
      ret i32 %r
    }""",
)


@pytest.fixture(scope="module")
def shared_env() -> Iterator[PipelineChoice]:
    env = PipelineChoice(SMALL, "IrInstructionCount", verify="episode", effort=QUICK)
    yield env
    env.close()


def verdict(env: CompilerEnvironment, source: Source, *pipelines: str) -> tuple[str, str]:
    """What the judges say of these pipelines, and why it is no more."""
    env.reset(options={"benchmark": source})
    for pipeline in pipelines:
        env.run.step((pipeline,))
    env.run.judge()
    assert env.run.verdict is not None
    return str(env.run.verdict.kind), env.run.verdict.reason


def test_what_is_the_same_for_all_inputs_is_proved(shared_env: PipelineChoice) -> None:
    assert verdict(shared_env, SMALL, "function(instcombine<no-verify-fixpoint>)")[0] == "proved"


def test_where_nothing_changed_there_is_nothing_to_doubt(shared_env: PipelineChoice) -> None:
    assert verdict(shared_env, SMALL, "function(dce)") == ("proved", "")
    assert verdict(shared_env, TWO, "cgscc(inline<only-mandatory>)") == ("proved", "")


def test_a_single_function_is_judged_whatever_was_run_on_it(shared_env: PipelineChoice) -> None:
    assert verdict(shared_env, SMALL, "default<Oz>")[0] == "proved"
    assert verdict(shared_env, LOOP, "default<Oz>")[0] in ("bounded", "tested")


def test_functions_are_judged_one_by_one_between_what_has_no_verdict(
    shared_env: PipelineChoice,
) -> None:
    local = "function(sroa<modify-cfg>)"
    assert verdict(shared_env, TWO, local, "function(instsimplify)")[0] == "proved"
    kind, reason = verdict(shared_env, TWO, local, "ipsccp", local)
    assert kind == "unknown"
    assert reason == "'ipsccp' reaches beyond one function: no verdict"


def test_code_that_was_taken_out_of_the_one_function_is_nobodys_fault(
    shared_env: PipelineChoice,
) -> None:
    """A judge who does not look into the new function would see a call that was not there."""
    kind, reason = verdict(shared_env, LOOPS, "function(loop-simplify),loop-extract")
    assert kind == "unknown"
    assert "loop-extract' reaches beyond one function" in reason


def test_a_refuted_change_forfeits_what_was_earned_and_ends_the_episode(shared: Path) -> None:
    """Four functions that LLVM 22 miscompiles with experimental passes."""
    folder = shared / "miscompiles"
    with (folder / "PIPELINES.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    row = next(row for row in rows if row["file"].startswith("zstd_v07"))
    source = Source(row["file"], (folder / row["file"]).read_bytes())
    env = PipelineChoice(
        source, "IrInstructionCount", pipelines=[row["pipeline"]], verify="episode", effort=QUICK
    )
    env.reset()
    _, reward, terminated, truncated, info = env.step(0)
    assert (reward, terminated, truncated) == (0, True, False)
    assert info["verdict"] == "refuted"
    assert "source" in info["counterexample"]
    assert "error_type" not in info
    assert env.episode.verdict == "refuted"
    assert env.validate().ok
    assert "refuted" in str(env.render())
    env.close()


def test_judges_are_asked_when_the_episode_ends_or_after_each_step() -> None:
    passes = ["instcombine<no-verify-fixpoint>", "dce"]
    never = PassOrdering(SMALL, passes=passes, max_steps=2)
    never.reset()
    assert "verdict" not in never.step(0)[4]
    never.close()
    ends = PassOrdering(SMALL, passes=passes, max_steps=2, verify="episode", effort=QUICK)
    ends.reset()
    assert "verdict" not in ends.step(0)[4]
    *_, truncated, info = ends.step(1)
    assert (truncated, info["verdict"]) == (True, "proved")
    assert ends.validate().ok
    ends.close()
    each = PassOrdering(SMALL, passes=passes, verify="step", effort=QUICK)
    each.reset()
    assert [each.step(action)[4]["verdict"] for action in (0, 1, 0)] == ["proved"] * 3
    each.close()


@pytest.mark.parametrize(
    ("pipeline", "answer"),
    [
        ("function(sroa,loop-mssa(licm))", True),
        ("sroa,gvn", True),
        ("function(sroa),globaldce", False),
        ("cgscc(inline)", False),
        ("cgscc(function(gvn))", False),
        ("default<Oz>", False),
        ("function(", False),
    ],
)
def test_a_pipeline_is_local_where_it_runs_on_functions_alone(pipeline: str, answer: bool) -> None:
    assert is_local(pipeline) is answer
