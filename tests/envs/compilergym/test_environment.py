"""`ozone-llvm-v0`: Ozone's own environment through CompilerGym's API, and its wrappers on it."""

from __future__ import annotations

import csv
import random
import shlex
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("envs.compilergym")

from compiler_gym.datasets import Benchmark
from compiler_gym.service import ConnectionOpts
from compiler_gym.wrappers import (
    ConstrainedCommandline,
    CycleOverBenchmarks,
    ForkOnStep,
    RandomOrderBenchmarks,
    TimeLimit,
)

from envs.compilergym import session
from envs.compilergym.environment import OzoneLlvmEnv
from envs.compilergym.tables import ACTIONS, Action
from envs.ordering import PassOrdering
from ir_tools.errors import ActionError, BenchmarkError
from ir_tools.process import run_tool
from tests.envs.compilergym.conftest import Make
from tests.envs.material import CRASH, INVALID, LOOP, TWO

SROA = next(number for number, action in enumerate(ACTIONS) if action.name == "sroa<modify-cfg>")
IDLE = next(number for number, action in enumerate(ACTIONS) if action.name == "expand-memcmp")
REWARDS = {
    "IrInstructionCount": "IrInstructionCount",
    "IrInstructionCountNorm": "IrInstructionCountNorm",
    "IrInstructionCountO3": "IrInstructionCountO3",
    "ObjectTextSizeBytes": "TextBytes",
    "ObjectTextSizeOz": "TextBytesOz",
}


def benchmark(source: Any = LOOP) -> Benchmark:
    return Benchmark.from_file_contents(f"benchmark://mine-v0/{source.name}", source.data)


def _body(ir: str) -> str:
    """Textual IR without the two lines that name its module."""
    return ir.split("\n", 2)[2]


@pytest.fixture
def env(make: Make) -> Any:
    return make(benchmark=benchmark(), observation_space="Autophase")


def test_times_can_neither_be_observed_nor_earned(env: Any) -> None:
    names = [*env.observation.spaces, *env.reward.spaces]
    assert "CyclesOz" in names
    assert not [name for name in names if name.startswith("Runtime")]


@pytest.mark.parametrize(("theirs", "ours"), REWARDS.items())
def test_it_observes_and_earns_what_the_gymnasium_environment_does(
    theirs: str, ours: str, make: Make
) -> None:
    rng = random.Random(theirs)
    env = make(benchmark=benchmark(TWO), observation_space="InstCount", reward_space=theirs)
    own = PassOrdering(TWO, "InstCount", ours)
    for _ in range(2):
        assert (env.reset() == own.reset()[0]).all()
        for _ in range(8):
            action = rng.randrange(len(ACTIONS))
            observation, reward, done, _ = env.step(action)
            expected, earned, terminated, _, _ = own.step(action)
            assert (observation == expected).all()
            assert (reward, done) == (pytest.approx(earned), terminated)
    assert _body(env.ir) == _body(own.observe("Ir"))
    own.close()


def test_opt_makes_the_same_ir_with_the_command_line(
    make: Make, clang: str, tmp_path: Path
) -> None:
    if not shutil.which("opt-22"):
        pytest.skip("opt-22 is not installed")
    rng = random.Random(1)
    env = make(benchmark="benchmark://examples-v0/json")
    env.reset()
    env.write_bitcode(tmp_path / "input.bc")
    env.multistep(rng.choices(range(len(ACTIONS)), k=15))
    opt, *rest = shlex.split(env.commandline())
    assert opt == "opt"
    run_tool(["opt-22", *rest], timeout_s=60, cwd=tmp_path).check()
    made = run_tool(["opt-22", "-S", "output.bc"], timeout_s=60, cwd=tmp_path).check()
    assert _body(made.stdout.decode()) == _body(env.ir)


def test_a_command_line_is_the_same_actions_again(env: Any) -> None:
    env.reset()
    actions = random.Random(2).choices(range(len(ACTIONS)), k=30)
    env.multistep(actions)
    for textformat in (False, True):
        line = env.commandline(textformat)
        assert env.commandline_to_actions(line) == actions
    changed = (
        line.replace("opt", "llc", 1),
        line.replace("always-inline,", ""),
        line.replace("-passes=always-inline", "-passes=always-inline,nonsense"),
        line.replace("input.ll", "x.ll"),
        "",
    )
    for other in changed:
        with pytest.raises(ValueError, match="not a command line of this environment"):
            env.commandline_to_actions(other)


def test_a_fork_goes_on_from_there_and_each_its_own_way(env: Any) -> None:
    env.reset()
    env.step(SROA)
    first, second = env.fork(), env.fork()
    assert first.ir == second.ir == env.ir
    assert (first.state.commandline, first.episode_reward) == (
        env.state.commandline,
        env.episode_reward,
    )
    simplify = env.action_space["function-simplification<Oz>"]
    assert first.step(simplify)[1] > 0
    assert second.ir == env.ir != first.ir
    reward = env.step(simplify)[1]
    assert reward == pytest.approx(first.episode_reward - second.episode_reward)
    assert first.ir == env.ir
    first.close()
    second.close()
    assert env.step(IDLE)[2] is False


def test_a_state_validates_and_one_that_says_otherwise_does_not(make: Make, clang: str) -> None:
    env = make(benchmark="benchmark://examples-v0/sha256")
    env.reset()
    env.multistep([SROA, IDLE, env.action_space["gvn"]])
    state = env.state
    result = env.validate()
    assert result.okay()
    assert result.reward_validated
    assert result.benchmark_semantics_validated
    assert env.validate(state).okay()
    state.reward += 1
    assert env.validate(state).reward_validation_failed
    state.commandline = "opt -mem2reg input.bc -o output.bc"
    assert env.validate(state).actions_replay_failed


def test_what_the_judges_refute_does_not_validate(
    make: Make, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that LLVM 22 miscompiles with experimental passes."""
    with (shared / "miscompiles" / "PIPELINES.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    row = next(row for row in rows if row["file"].startswith("zstd_v07"))
    monkeypatch.setattr(session, "ACTIONS", (Action("bad", row["pipeline"], ""), *ACTIONS[1:]))
    env = make(benchmark=(shared / "miscompiles" / row["file"]).as_uri())
    env.reset()
    env.step(1)
    assert env.refutation() is None
    env.reset()
    env.step(0)
    assert "source" in env.refutation()
    result = env.validate()
    assert result.benchmark_semantics_validation_failed
    assert "source" in str(result.errors[0].data)


@pytest.mark.parametrize(("pipeline", "kind"), [(CRASH, "crash"), (INVALID, "invalid")])
def test_a_failure_of_llvm_ends_the_episode_and_forfeits_but_the_service_lives(
    pipeline: str, kind: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ACTIONS", (Action("bad", pipeline, ""), *ACTIONS[1:]))
    env = make(benchmark=benchmark(), observation_space="ObjectTextSizeBytes")
    before = env.reset()
    earned = env.step(SROA)[1]
    fork = env.fork()
    observation, reward, done, info = env.step(0)
    assert (reward, done, info["error_type"]) == (-earned, True, kind)
    assert fork.step(SROA)[2] is False
    fork.close()
    assert info["error_details"]
    assert observation < before  # the last good state
    assert env.episode_reward == 0
    with pytest.raises(ValueError, match=r"the episode is over: call reset\(\)"):
        env.step(SROA)
    assert env.reset() == before
    assert env.step(SROA)[1] == earned


@pytest.mark.parametrize("action", [-1, 10_000, 1.5, "gvn", np.int64(-3)])
def test_what_is_no_action_is_an_error_and_the_episode_goes_on(action: Any, env: Any) -> None:
    env.reset()
    with pytest.raises(ActionError, match=f"take one of 0 to {len(ACTIONS) - 1}"):
        env.multistep([action])
    assert env.step(np.int64(SROA))[2] is False
    assert env.actions == [SROA]


def test_ir_that_llvm_does_not_read_is_an_error_at_once_and_the_next_benchmark_works(
    env: Any,
) -> None:
    began = time.monotonic()
    broken = Benchmark.from_file_contents("benchmark://mine-v0/broken.ll", b"define")
    with pytest.raises(BenchmarkError, match=r"broken\.ll"):
        env.reset(benchmark=broken)
    assert time.monotonic() - began < 20
    assert env.reset(benchmark=benchmark()) in env.observation_space


def test_a_file_is_what_it_is_when_the_episode_begins(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "x.ll"
    path.write_bytes(LOOP.data)
    env = make(benchmark=path.as_uri(), observation_space="IrInstructionCount")
    first = env.reset()
    path.write_bytes(TWO.data)
    assert env.reset(benchmark=path.as_uri()) != first
    path.unlink()
    with pytest.raises(BenchmarkError, match="no such file"):
        env.reset(benchmark=path.as_uri())
    path.write_bytes(LOOP.data)
    assert env.reset(benchmark=path.as_uri()) == first


def test_a_service_that_cannot_start_is_an_error_at_once() -> None:
    began = time.monotonic()
    settings = ConnectionOpts(script_env={"PATH": "/nowhere"}, init_max_attempts=1)
    with pytest.raises(Exception, match="Service terminated with returncode"):
        OzoneLlvmEnv(connection_settings=settings)
    assert time.monotonic() - began < 20


# --- CompilerGym's wrappers ---------------------------------------------------------------------


def test_a_time_limit_ends_an_episode(env: Any) -> None:
    limited = TimeLimit(env, max_episode_steps=2)
    limited.reset()
    assert limited.step(SROA)[2] is False
    fork = limited.fork()
    *_, done, info = limited.step(IDLE)
    assert done
    assert info["TimeLimit.truncated"]
    assert fork.step(IDLE)[2] is True
    fork.close()


def test_a_constrained_command_line_has_those_passes_alone(env: Any) -> None:
    constrained = ConstrainedCommandline(env, flags=["gvn", "sroa<modify-cfg>"])
    assert constrained.action_space.names == ["gvn", "sroa<modify-cfg>"]
    constrained.reset()
    constrained.step(1)
    assert env.actions == [SROA]
    assert constrained.actions == [1]
    assert constrained.state.commandline == env.commandline()


@pytest.mark.parametrize("wrapper", [CycleOverBenchmarks, RandomOrderBenchmarks])
def test_benchmarks_take_turns(wrapper: Any, env: Any, tmp_path: Path) -> None:
    uris = []
    for source in (LOOP, TWO):
        (tmp_path / source.name).write_bytes(source.data)
        uris.append((tmp_path / source.name).as_uri())
    turns = wrapper(env, uris)
    seen = []
    for _ in range(12):
        turns.reset()
        seen.append(str(turns.benchmark))
    assert set(seen) == set(uris)
    assert wrapper is RandomOrderBenchmarks or seen == uris * 6


def test_a_step_can_be_undone(env: Any) -> None:
    undoable = ForkOnStep(env)
    undoable.reset()
    before = undoable.observation["Ir"]
    undoable.step(SROA)
    assert undoable.observation["Ir"] != before
    undoable.undo()
    assert (undoable.observation["Ir"], undoable.actions) == (before, [])
