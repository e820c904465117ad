"""Notebooks are committed as they ran: from top to bottom, without an error, small.

That they still run takes minutes and `ozone[rl]`, so only the slow test tries it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ir_tools.process import run_tool

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PACKAGES = ("agent", "anghabench", "envs", "ir_tools")
_MOST_BYTES = 100_000
_MOST_LINES = 20

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def outputs(path: Path, kind: str) -> list[dict[str, Any]]:
    found = (output for cell in code_cells(path) for output in cell["outputs"])
    return [output for output in found if output["output_type"] == kind]


@each
def test_a_notebook_was_executed_from_top_to_bottom(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each
def test_a_notebook_shows_no_error_and_no_warning(path: Path) -> None:
    assert outputs(path, "error") == []
    assert [one for one in outputs(path, "stream") if one["name"] == "stderr"] == []


@each
def test_a_notebook_is_small_and_names_no_folder_of_its_author(path: Path) -> None:
    assert path.stat().st_size < _MOST_BYTES
    assert not any(name in path.read_text() for name in ("/home/", "/tmp/", "/root/", "/work/"))


@each
def test_a_notebooks_code_names_what_there_is(path: Path) -> None:
    for cell in code_cells(path):
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in PACKAGES:
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, name.name) for name in node.names), node.module


def test_twenty_lines_lead_to_a_learning_curve() -> None:
    path = ROOT / "notebooks" / "environment.ipynb"
    code = "\n".join("".join(cell["source"]) for cell in code_cells(path))
    assert len([line for line in code.splitlines() if line.strip()]) <= _MOST_LINES
    assert any("image/png" in output["data"] for output in outputs(path, "display_data"))


@pytest.mark.slow
@each
def test_a_notebook_runs(path: Path) -> None:
    for module in ("nbmake", "sb3_contrib", "matplotlib"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install -e '.[envs,rl,notebooks]'")
    options = ["-p", "no:cacheprovider", "--timeout", "0"]
    command = [sys.executable, "-m", "pytest", *options, "--nbmake", str(path)]
    # More threads only wait for each other: the networks are small.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = run_tool(command, timeout_s=1500, cwd=ROOT, env=environment)
    assert result.returncode == 0, result.stdout.decode()
