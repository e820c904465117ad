"""Gymnasium knows the environments, and nothing light knows Gymnasium."""

from __future__ import annotations

import os
import sys
import textwrap
import tomllib
from pathlib import Path

from ir_tools.process import run_tool

ROOT = Path(__file__).resolve().parents[2]


def python(script: str) -> str:
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return run_tool(argv, timeout_s=60, env=env).check().stdout.decode()


def test_registering_twice_is_registering_once() -> None:
    said = python("""
        import gymnasium
        from envs.registration import register
        register()
        register()
        print(*(name for name in gymnasium.registry if name.startswith("ozone/")))
    """)
    assert said.split() == ["ozone/PassOrdering-v0", "ozone/PipelineChoice-v0"]


def test_gymnasium_is_told_where_to_register() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["gymnasium.envs"] == {"ozone": "envs.registration:register"}


def test_the_light_tool_imports_neither_gymnasium_nor_what_it_brings() -> None:
    said = python("""
        import sys
        import agent.cli, agent.cc, agent.opt, envs.worker, envs.session, envs.registration
        print([name for name in ("gymnasium", "networkx", "numpy") if name in sys.modules])
    """)
    assert said.strip() == "[]"
