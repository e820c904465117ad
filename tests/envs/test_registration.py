"""Gymnasium knows the environments, and nothing light knows Gymnasium."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

from ir_tools.process import run_tool

ROOT = Path(__file__).resolve().parents[2]


def python(script: str) -> str:
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return run_tool(argv, timeout_s=60, env=env).check().stdout.decode()


def test_importing_registers_and_registering_again_changes_nothing() -> None:
    said = python("""
        import gymnasium
        from envs.registration import register
        register()
        print(*(name for name in gymnasium.registry if name.startswith("ozone/")))
    """)
    assert said.split() == ["ozone/PassOrdering-v0", "ozone/PipelineChoice-v0"]


def test_gymnasium_finds_them_by_the_modules_name() -> None:
    said = python("""
        import gymnasium
        print(gymnasium.make("envs.registration:ozone/PipelineChoice-v0").action_space)
        print(gymnasium.make_vec("envs.registration:ozone/PassOrdering-v0", num_envs=2))
    """)
    assert said.splitlines()[0] == "Discrete(7)"
    assert said.splitlines()[1].startswith("PassOrderingVector(ozone/PassOrdering-v0")


def test_the_light_tool_imports_neither_gymnasium_nor_what_it_brings() -> None:
    said = python("""
        import sys
        import agent.cli, agent.cc, agent.opt, envs.worker, envs.session, envs.run
        print([name for name in ("gymnasium", "networkx", "numpy") if name in sys.modules])
    """)
    assert said.strip() == "[]"
