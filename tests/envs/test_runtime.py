"""How long benchmarks run. Only large factors are asserted: the machine may be busy."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from anghabench.benchmarks import resolve
from anghabench.program import Benchmark, Command
from envs.cache import Cache
from envs.evaluation import Source
from envs.evaluator import Evaluator
from envs.ordering import PassOrdering
from envs.pool import Limits
from envs.runtime import Stopwatch, Unmeasured, compare, measure
from envs.significance import LOOKS, Comparison, Runtime, Timing
from ir_tools.errors import ObservationError
from tests.conftest import CompileC

QUICK = Timing(budget_s=1.0, inputs=2)
# Enough for the first look on a machine that is busy, and seldom for more.
MORE = Timing(budget_s=20.0, inputs=2, precision=0.3)

LOOP = """
target triple = "x86_64-pc-linux-gnu"
define {linkage} i32 @{name}(i32 %a) {{
entry:
  br label %head
head:
  %i = phi i32 [ 0, %entry ], [ %j, %head ]
  %s = phi i32 [ %a, %entry ], [ %t, %head ]
  %u = xor i32 %s, %i
  %t = mul i32 %u, 3
  %j = add nuw nsw i32 %i, 1
  %more = icmp ult i32 %j, {times}
  br i1 %more, label %head, label %out
out:
  ret i32 {result}
}}
"""


def looping(times: int, result: str = "%a", linkage: str = "", name: str = "f") -> bytes:
    return LOOP.format(times=times, result=result, linkage=linkage, name=name).encode()


def alone(data: bytes) -> Benchmark:
    return Benchmark("loop", data, None)


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator(1, Cache(None), Limits()) as started:
        yield started


def compared(found: Comparison | Unmeasured) -> Comparison:
    assert isinstance(found, Comparison), found
    return found


# functions ----------------------------------------------------------------------------------------


def test_a_function_that_loops_five_times_as_long_is_found_slower(evaluator: Evaluator) -> None:
    short, long = looping(400), looping(2000)
    slower = compared(compare(evaluator, alone(short), short, long, MORE))
    assert slower.is_significant
    assert slower.ratio > 2
    assert slower.saved < 0
    assert LOOKS[0] <= len(slower.samples) <= LOOKS[-1]


def test_the_same_machine_code_is_never_faster_whatever_the_ir_says(evaluator: Evaluator) -> None:
    one, other = looping(100), looping(100).replace(b"%i", b"%number").replace(b"head", b"again")
    assert one != other
    same = compared(compare(evaluator, alone(one), one, other, QUICK))
    assert same == compared(compare(evaluator, alone(one), one, one, QUICK))
    assert (same.ratio, same.samples, same.is_significant, same.saved) == (1, (), False, 0)


def test_a_function_has_a_time_with_an_interval(evaluator: Evaluator) -> None:
    found = measure(evaluator, alone(looping(1000)), looping(1000), MORE)
    assert isinstance(found, Runtime)
    assert found.low <= found.seconds <= found.high
    assert 1e-7 < found.seconds < 1e-3  # 2000 rounds at some clock or other


def test_of_a_module_all_that_others_may_call_is_timed(evaluator: Evaluator) -> None:
    rest = looping(2000, linkage="internal", name="unused") + looping(2000, name="h")
    both = looping(100) + rest.replace(b'target triple = "x86_64-pc-linux-gnu"', b"")
    faster = both.replace(b"2000", b"100")
    found = compared(compare(evaluator, alone(both), both, faster, MORE))
    assert found.is_significant
    assert found.ratio < 0.5


@pytest.mark.parametrize(
    ("version", "status", "reason"),
    [
        (looping(10, result="%t"), "different", "returns"),
        (
            looping(10).replace(b"icmp ult i32 %j, 10", b"icmp uge i32 %j, 0"),
            "hang",
            "does not end",
        ),
        (looping(10).replace(b"out:", b"out:\n call void @llvm.trap()"), "crash", "SIGILL"),
        (looping(10).replace(b"@f", b"@g"), "unsupported", "no function f is defined"),
    ],
)
def test_a_version_without_a_time_says_why(
    evaluator: Evaluator, version: bytes, status: str, reason: str
) -> None:
    found = compare(evaluator, alone(looping(10)), looping(10), version, QUICK)
    assert isinstance(found, Unmeasured)
    assert found.status == status
    assert reason in found.reason


def test_a_local_function_that_must_stay_is_timed(evaluator: Evaluator) -> None:
    used = b'\n@llvm.used = appending global [1 x ptr] [ptr @f], section "llvm.metadata"\n'
    short, long = (looping(times, linkage="internal") + used for times in (400, 2000))
    assert compared(compare(evaluator, alone(short), short, long, MORE)).is_significant


def test_what_nobody_can_call_has_no_time(evaluator: Evaluator) -> None:
    local = looping(10, linkage="internal")
    found = measure(evaluator, alone(local), local, QUICK)
    assert found == Unmeasured("unsupported", "it has no function that others may call")


# programs -----------------------------------------------------------------------------------------

COUNTING = """
#include <stdio.h>
int main(void) {
  volatile unsigned sum = 0;
  for (unsigned i = 0; i < TIMES; i++) sum += i & 3;
  puts("done");
  return 0;
}
"""


@pytest.fixture(scope="module")
def program(compile_c: CompileC) -> Benchmark:
    text = COUNTING.replace("TIMES", "20000000u")
    return Benchmark("counting", compile_c(text).data, Command())


def test_a_program_that_loops_twenty_times_as_long_is_found_slower(
    evaluator: Evaluator, program: Benchmark, compile_c: CompileC
) -> None:
    short = compile_c(COUNTING.replace("TIMES", "1000000u")).data
    before = os.sched_getaffinity(0)
    found = compared(compare(evaluator, program, program.bitcode, short, MORE))
    assert found.is_significant
    assert found.ratio < 0.5
    assert os.sched_getaffinity(0) == before


def test_an_example_has_a_time(evaluator: Evaluator, clang: str) -> None:
    example = resolve("benchmark://examples-v0/json")
    found = measure(evaluator, example, example.bitcode, QUICK)
    assert isinstance(found, Runtime)
    assert 0 < found.low <= found.seconds <= found.high < 1


def test_a_program_with_another_output_has_none(
    evaluator: Evaluator, program: Benchmark, compile_c: CompileC
) -> None:
    wrong = compile_c(COUNTING.replace("TIMES", "1000000u").replace("done", "gone")).data
    found = compare(evaluator, program, program.bitcode, wrong, QUICK)
    assert isinstance(found, Unmeasured)
    assert found.status == "different"
    assert "standard output differs" in found.reason


def test_the_same_program_is_never_faster(evaluator: Evaluator, program: Benchmark) -> None:
    found = compared(compare(evaluator, program, program.bitcode, program.bitcode, QUICK))
    assert not found.samples
    assert not found.is_significant


def test_what_does_not_link_has_no_time(evaluator: Evaluator, compile_c: CompileC) -> None:
    lost = Benchmark(
        "lost", compile_c("int lost(void); int main() { return lost(); }").data, Command()
    )
    found = measure(evaluator, lost, lost.bitcode, QUICK)
    assert isinstance(found, Unmeasured)
    assert found.status == "unsupported"
    assert "undefined" in found.reason


# in an environment --------------------------------------------------------------------------------


def test_an_environment_pays_for_time_that_a_pass_saves_and_for_nothing_else() -> None:
    # The loop's work is for nothing.
    env = PassOrdering(
        Source("loop.ll", looping(2000)), "IrInstructionCount", "RuntimeNorm", timing=MORE
    )
    env.reset()
    names = env.action_names
    assert env.step(names.index("globaldce"))[1] == 0
    assert env.step(names.index("loop-deletion"))[1] > 0.5
    env.close()


def test_a_benchmark_without_a_time_is_refused_with_the_reason() -> None:
    local = looping(10, linkage="internal")
    with contextlib.closing(Stopwatch(Limits(), QUICK)) as watch:
        with pytest.raises(ObservationError, match=r"loop has no Runtime \(unsupported: .*another"):
            watch.seconds(alone(local), local)
        with pytest.raises(ObservationError, match=r"\(different: "):
            watch.saved(alone(looping(10)), looping(10), looping(10, result="%t"))


@pytest.mark.parametrize("reward_space", ["Runtime", "RuntimeOz"])
def test_an_environment_refuses_such_a_benchmark_before_the_first_step(reward_space: str) -> None:
    nobodys = Source("nobodys.ll", looping(10, linkage="internal"))
    env = PassOrdering(nobodys, "Ir", reward_space, timing=QUICK)
    with contextlib.closing(env), pytest.raises(ObservationError, match="ll has no Runtime"):
        env.reset()


def test_what_is_asked_again_and_again_is_measured_once() -> None:
    one, other = looping(500), looping(5000)
    with contextlib.closing(Stopwatch(Limits(), MORE)) as watch:
        first = watch.seconds(alone(one), one), watch.gain(alone(one), one, other)
        assert first == (watch.seconds(alone(one), one), watch.gain(alone(one), one, other))
    assert first[0] > 0 > first[1]
