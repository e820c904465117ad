"""The service as a process: it starts, answers, and ends with whoever started it."""

from __future__ import annotations

import sys
import textwrap
import time
from pathlib import Path

import pytest

pytest.importorskip("envs.compilergym")

from compiler_gym.service import ConnectionOpts

from envs.compilergym.environment import OzoneLlvmEnv
from ir_tools.errors import BenchmarkError
from ir_tools.process import run_tool
from tests.conftest import ROOT, Marked


def test_it_serves_and_ends_with_its_environment(marked: Marked, clang: str) -> None:
    env = OzoneLlvmEnv(observation_space="Programl")
    assert env.reset().number_of_nodes() > 10
    assert env.compiler_version.startswith("LLVM 22")
    assert len(marked.pids("envs.worker")) == 1
    env.close()
    marked.wait_until_gone()


def test_it_ends_when_its_client_is_killed(marked: Marked, tmp_path: Path) -> None:
    script = """
        import os, signal
        from envs.compilergym.environment import OzoneLlvmEnv
        env = OzoneLlvmEnv(benchmark="benchmark://examples-v0/sha256")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    argv = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)]
    assert run_tool(argv, timeout_s=60, cwd=ROOT).ending == "SIGKILL"
    marked.wait_until_gone(timeout_s=10)


def test_without_llvm_the_first_episode_says_so_at_once(clang: str) -> None:
    settings = ConnectionOpts(script_env={"OZONE_LIBLLVM": "/no/such/libLLVM.so"})
    env = OzoneLlvmEnv(connection_settings=settings)
    began = time.monotonic()
    with pytest.raises(BenchmarkError, match=r"/no/such/libLLVM\.so"):
        env.reset()
    assert time.monotonic() - began < 20
    env.close()
