"""CompilerGym's command-line tools on `ozone-llvm-v0`, started as its users start them."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest.importorskip("envs.compilergym")

from compiler_gym import CompilerEnvState, CompilerEnvStateWriter

from tests.conftest import RunModule

C = "int f(int n) { int s = 0; for (int i = 0; i < n; i++) s += 2 * i; return s; }"
PLAIN = "compiler_gym.bin."


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "x.c"
    path.write_text(C)
    return path


def test_gym_finds_the_plugin_where_ozone_is_installed() -> None:
    found = {each.value for each in entry_points(group="gym.envs")}
    assert "envs.gym_plugin:load" in found, "the installed Ozone is an old one: run 'make setup'"


def test_a_plain_tool_knows_the_environment(run_module: RunModule) -> None:
    result = run_module(f"{PLAIN}service", "--ls_env").check()
    assert "ozone-llvm-v0" in result.stdout.decode().splitlines()


def test_a_tool_that_there_is_not_is_named(run_module: RunModule) -> None:
    result = run_module("envs.compilergym", "no_such_tool")
    assert result.returncode == 1
    assert b"random_search" in result.stderr


def test_what_random_search_finds_validates(
    run_module: RunModule, program: Path, clang: str, tmp_path: Path
) -> None:
    """The plain command to its end, on C; then its result, by their validation."""
    out = tmp_path / "out"
    out.mkdir()
    search = ["--env=ozone-llvm-v0", f"--benchmark=file:///{program}", "--runtime=8", "--nproc=1"]
    result = run_module(f"{PLAIN}random_search", *search, "--patience=20", f"--output_dir={out}")
    assert "Replaying actions from best solution found" in result.check().stdout.decode()
    about = json.loads((out / "random_search.json").read_text())
    assert about["benchmark"] == program.as_uri()
    last = (out / "random_search_progress.csv").read_text().splitlines()[-1]
    found = CompilerEnvState(
        benchmark=about["benchmark"],
        commandline=(out / "random_search_best_actions_commandline.txt").read_text().strip(),
        walltime=1,
        reward=float(last.rpartition(",")[2]),
    )
    assert found.reward >= 0
    with CompilerEnvStateWriter((tmp_path / "states.csv").open("w")) as writer:
        writer.write_state(found)
        found.reward += 1
        writer.write_state(found)
    result = run_module(f"{PLAIN}validate", "--env=ozone-llvm-v0", tmp_path / "states.csv")
    shown = result.stdout.decode()
    assert (result.returncode, shown.count("✅"), shown.count("❌")) == (1, 1, 1), shown


@pytest.mark.slow
def test_the_command_that_puts_protobuf_right_runs_the_same_tools(
    run_module: RunModule, program: Path, clang: str, tmp_path: Path
) -> None:
    shown = run_module("envs.compilergym", "service", "--env=ozone-llvm-v0").check().stdout.decode()
    for name in ("benchmark://examples-v0", "Autophase", "IrInstructionCountOz", "loop-rotate"):
        assert name in shown
    search = ["--env=ozone-llvm-v0", f"--benchmark=file:///{program}", "--runtime=2", "--nproc=2"]
    run_module("envs.compilergym", "random_search", *search, f"--output_dir={tmp_path}").check()
