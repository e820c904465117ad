"""Episodes without Gymnasium: what LLVM does wrong is an outcome, and only its own run's."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from envs.evaluation import Source, Status
from envs.observations import View
from envs.pool import Limits
from envs.rewards import RewardSum
from envs.run import STARTS, Rules, Run, Workers
from envs.subject import Subject
from ir_tools.errors import BenchmarkError, ObservationError, ParseError
from ir_tools.verify.verdict import Effort
from tests.conftest import Marked
from tests.envs.material import CRASH, INVALID, LOOP, MARKED

QUICK = Effort(smt_s=2, execution_s=2)
LONG = ",".join(["gvn"] * 20_000)
PASSES = (
    "function(sroa<modify-cfg>)",
    "function(early-cse)",
    "function(instcombine<no-verify-fixpoint>)",
)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    shared = Workers(Limits(cpu_s=5), QUICK)
    yield shared
    shared.close()


def rules(reward: str = "IrInstructionCount", start: str = "unoptimised") -> Rules:
    return Rules(View.of("IrInstructionCount"), RewardSum.of(reward), STARTS[start])


def begin(workers: Workers, source: Source = LOOP, **chosen: str) -> Run:
    return Run(workers, Subject(source.name, source), rules(**chosen))


def count(run: Run) -> int:
    return int(run.observe("IrInstructionCount"))


def test_rewards_sum_to_the_difference_between_the_ends(workers: Workers) -> None:
    run = begin(workers)
    before = count(run)
    rewards = [run.step((text,)) for text in PASSES]
    assert sum(rewards) == run.earned == before - count(run)
    assert run.earned > 5


@pytest.mark.parametrize("start", STARTS)
def test_where_oz_ends_a_run_has_earned_one_and_that_is_where_it_may_start(
    workers: Workers, start: str
) -> None:
    run = begin(workers, reward="IrInstructionCountOz", start=start)
    run.step(("default<Oz>",))
    assert run.earned == pytest.approx(1.0 if start == "unoptimised" else 0.0)


def test_the_norm_is_the_unoptimised_benchmark_wherever_the_run_starts(workers: Workers) -> None:
    run = begin(workers)
    unoptimised = count(run)
    at_oz = begin(workers, reward="IrInstructionCountNorm", start="oz")
    optimised = count(at_oz)
    at_oz.step(("function(reg2mem)",))
    assert at_oz.earned == pytest.approx((optimised - count(at_oz)) / unoptimised)
    assert at_oz.earned < 0


@pytest.mark.parametrize(
    ("pipeline", "status", "message"),
    [
        (CRASH, Status.CRASH, "trigger-crash-function"),
        ("no-such-pass", Status.INVALID, "unknown pass name 'no-such-pass'"),
        (f"function({LONG})", Status.HANG, "CPU time"),
    ],
)
def test_what_llvm_does_wrong_ends_a_run_and_takes_its_earnings_back(
    pipeline: str, status: Status, message: str
) -> None:
    own = Workers(Limits(cpu_s=0.2), QUICK)
    run = begin(own)
    assert run.step(PASSES) > 0
    size, ir = count(run), run.observe("Ir")
    lost = run.step((pipeline,))
    assert run.failure is not None
    assert (run.failure.status, run.is_over) == (status, True)
    assert message in run.failure.message
    assert lost < 0
    assert run.earned == 0
    assert (count(run), run.observe("Ir")) == (size, ir)  # it is asked about the last good state
    own.close()


def test_what_a_run_has_lost_a_crash_does_not_give_back(workers: Workers) -> None:
    run = begin(workers)
    run.step(("function(sroa<modify-cfg>)",))
    gained = run.earned
    other = begin(workers, start="oz")
    other.step(("function(reg2mem)",))
    assert other.earned < 0 < gained
    assert other.step((CRASH,)) == 0
    assert other.earned < 0


def test_invalid_ir_is_an_outcome_where_code_is_generated(workers: Workers) -> None:
    run = Run(workers, Subject(LOOP.name, LOOP), rules("TextBytesOz"))
    run.step((INVALID,))
    assert run.failure is not None
    assert run.failure.status is Status.INVALID
    assert "Terminator found in the middle" in run.failure.message


def test_an_observation_that_llvm_cannot_make_is_an_error_that_costs_nothing_else(
    workers: Workers,
) -> None:
    run = begin(workers)
    run.step((INVALID,))
    with pytest.raises(ObservationError, match="no TextBytes of this state"):
        run.observe("TextBytes")
    assert run.failure is None
    assert run.step(PASSES) > 0


def test_a_state_of_which_a_tool_makes_nothing_ends_the_run_before_it(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(workers, Subject(LOOP.name, LOOP), rules("CyclesOz"))
    ir, folders = run.observe("Ir"), os.environ["PATH"]
    monkeypatch.setenv("PATH", "")  # llvm-mca is gone
    run.step(PASSES)
    assert run.failure is not None
    assert (run.failure.status, run.earned) == (Status.INVALID, 0)
    assert "llvm-mca" in run.failure.message
    monkeypatch.setenv("PATH", folders)
    assert (run.observe("Ir"), run.record().pipeline) == (ir, "always-inline")


def test_forks_survive_a_crash_and_go_on_as_if_nothing_had_been(workers: Workers) -> None:
    run = begin(workers)
    run.step(PASSES[:1])
    forks = [run.fork() for _ in range(3)]
    forks[0].step((CRASH,))
    assert forks[0].failure is not None
    for other in (run, *forks[1:]):
        other.step(PASSES[1:])
    texts = {other.observe("Ir") for other in (run, *forks[1:])}
    assert len(texts) == 1
    assert {other.earned for other in (run, *forks[1:])} == {run.earned}


def test_forks_go_their_own_ways(workers: Workers) -> None:
    run = begin(workers)
    run.step(PASSES[:1])
    other = run.fork()
    size = count(run)
    other.step(("function(reg2mem)",))
    assert count(run) == size < count(other)
    assert run.earned > other.earned
    assert (
        other.trajectory.pipeline == f"{run.trajectory.pipeline},invalidate<all>,function(reg2mem)"
    )


def test_a_worker_killed_between_steps_is_replaced_unnoticed(marked: Marked) -> None:
    own = Workers(Limits(), QUICK)
    run = begin(own)
    run.step(PASSES[:1])
    expected = run.fork()
    expected.step(PASSES[1:])
    (pid,) = marked.pids("envs.worker")
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while marked.pids("envs.worker") and time.monotonic() < deadline:
        time.sleep(0.01)
    run.step(PASSES[1:])
    assert run.failure is None
    assert run.observe("Ir") == expected.observe("Ir")
    own.close()
    marked.wait_until_gone()


def test_more_runs_than_a_worker_keeps_are_all_kept_by_name(workers: Workers) -> None:
    first = begin(workers)
    first.step(PASSES[:1])
    others = [first.fork() for _ in range(80)]
    for other in others:
        other.step(PASSES[1:2])
    for run in (first, others[0], others[-1]):
        run.step(PASSES[2:])
        assert run.failure is None
    assert others[0].observe("Ir") == others[-1].observe("Ir")


def test_an_answer_that_nobody_came_for_is_nobody_elses(workers: Workers) -> None:
    run, other = begin(workers), begin(workers)
    run.send(PASSES[:1])  # as when Ctrl-C came before the answer
    assert other.step(PASSES) == other.earned > 0
    assert run.receive() == run.earned > 0
    assert run.failure is None
    assert run.trajectory.history != other.trajectory.history


def test_what_the_author_asked_for_is_done_before_anything_is_earned(workers: Workers) -> None:
    run = begin(workers, MARKED)
    assert "call i32 @inlined" not in run.observe("Ir")
    before = run.observe("Ir").partition("@left")[2].partition("}")[0]
    run.step(("default<O3>", "function(sroa<modify-cfg>)"))
    ir = run.observe("Ir")
    assert "i32 @kept(i32" in ir.partition("@f(")[2]
    assert ir.partition("@left")[2].partition("}")[0].splitlines()[1:] == before.splitlines()[1:]


def test_a_prefix_earns_nothing_and_what_fails_of_it_is_left_out(workers: Workers) -> None:
    run = Run(workers, Subject(LOOP.name, LOOP), rules(), (PASSES[0], CRASH, PASSES[1]))
    assert run.earned == 0
    assert run.trajectory.history == (*STARTS["unoptimised"], *PASSES[:2])
    begun = run.record()
    assert begun.start == begun.pipeline


def test_a_benchmark_that_is_no_ir_is_the_callers_error(workers: Workers) -> None:
    with pytest.raises(ParseError, match=r"broken\.ll"):
        begin(workers, Source("broken.ll", b"define"))
    assert begin(workers).step(PASSES) > 0


def test_a_benchmark_that_llvm_cannot_compile_at_all_is_the_callers_error() -> None:
    own = Workers(Limits(memory_bytes=300 << 20), QUICK)
    huge = Source("huge.ll", b"@huge = constant [900000000 x i8] zeroinitializer")
    with pytest.raises(BenchmarkError, match=r"huge\.ll: LLVM cannot compile it at all \(oom"):
        Run(own, Subject(huge.name, huge), rules("TextBytes"))
    own.close()


def test_the_record_replays_the_last_good_state_and_names_what_came_next(workers: Workers) -> None:
    run = begin(workers)
    run.step(PASSES)
    run.step((CRASH,))
    record = run.record()
    assert (record.status, record.failed, record.reward) == (Status.CRASH, CRASH, 0)
    assert record.pipeline.split(",invalidate<all>,") == [*STARTS["unoptimised"], *PASSES]
    assert (record.benchmark, record.verdict, record.llvm[:3]) == ("loop.ll", "unverified", "22.")
