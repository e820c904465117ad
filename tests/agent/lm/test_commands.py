"""`ozone train`, from programs to a policy: a small run, killed halfway."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ir_tools.llvm import Context
from tests.agent.lm import tiny
from tests.conftest import ROOT

for _library in ("torch", "transformers", "pyarrow"):
    pytest.importorskip(_library, reason=f"needs {_library}")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500), pytest.mark.filterwarnings("ignore")]

SFT = ("train", "sft", "data", "--epochs", "6", "--every", "5", "--rows", "4", "--fp32")


@pytest.fixture
def ozone(run_module: Any, clang: str) -> Any:
    def run(*arguments: str | Path, **env: str) -> bytes:
        result = run_module("agent.cli", *arguments, timeout_s=900, **env).check()
        return bytes(result.stdout)

    return run


def losses(folder: Path) -> list[float]:
    lines = map(json.loads, (folder / "losses.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def kill_after_a_checkpoint(folder: Path, *arguments: str | Path) -> None:
    """Start a run, and end it as soon as it has written its first checkpoint."""
    argv = [sys.executable, "-m", "agent.cli", *map(str, arguments)]
    run = subprocess.Popen(argv, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
    while run.poll() is None and not [*folder.glob("killed/checkpoint-*/trainer_state.json")]:
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL, "it was done before the kill"


def test_a_small_run_from_programs_to_a_policy_killed_halfway(ozone: Any, tmp_path: Path) -> None:
    ozone("data", "build", "-o", "corpus", "--examples")
    ozone("data", "label", "corpus", "-o", "labels.parquet", "--budget", "10")
    ozone("train", "prepare", "corpus", "--labels", "labels.parquet", "-o", "data")
    wishes = (*SFT, "--config", tiny.config(tmp_path))
    ozone(*wishes, "-o", "whole")
    kill_after_a_checkpoint(tmp_path, *wishes, "-o", "killed")
    ozone(*wishes, "-o", "killed")
    curve = losses(tmp_path / "whole")
    assert losses(tmp_path / "killed") == pytest.approx(curve, rel=1e-4)
    assert curve[-1] < curve[0]
    ozone("train", "export", "killed/model", "-o", "model")
    shutil.copy(ROOT / "anghabench" / "examples" / "sha256.c", tmp_path / "x.c")
    clang_22 = ["clang-22", "-Oz", "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c", "x.c"]
    subprocess.run(clang_22, cwd=tmp_path, check=True)
    ozone("opt", "x.bc", "-o", "y.bc", "--policy", "lm", "--json", "y.json", OZONE_MODEL="model")
    report = json.loads((tmp_path / "y.json").read_text())
    assert report["warnings"] == [], "the coreset stood in"
    with Context() as context, context.parse((tmp_path / "y.bc").read_bytes()) as module:
        assert module.defined_functions()
