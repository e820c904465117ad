"""`ozone tune`, `ozone report` and `ozone demo`: tables and files from many modules."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ir_tools.llvm import Context
from ir_tools.measure import object_sizes
from ir_tools.process import ToolResult, run_tool

ROOT = Path(__file__).resolve().parents[2]
ONE = """
    static int square(int x) { return x * x; }
    int sum(int n) { int s = 0; for (int i = 0; i < n; i++) s += square(i); return s; }
"""
TWO = """
    #ifndef WANTED
    #error not wanted
    #endif
    int pick(int n) {
      switch (n) { case 0: return 3; case 1: return 9; case 2: return 27; case 3: return 81; }
      return n;
    }
"""


@pytest.fixture
def inputs(compile_c: Any, tmp_path: Path) -> Path:
    """one.c, two.c (which wants -DWANTED), three.bc and four.ll."""
    (tmp_path / "one.c").write_text(ONE)
    (tmp_path / "two.c").write_text(TWO)
    data = compile_c(ONE.replace("sum", "total"), "three.c").data
    (tmp_path / "three.bc").write_bytes(data)
    with Context() as context, context.parse(data) as module:
        (tmp_path / "four.ll").write_text(str(module).replace("total", "altogether"))
    return tmp_path


@pytest.fixture
def tune(run_module: Any) -> Any:
    def run(*arguments: str | Path, **env: str) -> ToolResult:
        result: ToolResult = run_module("agent.cli", "tune", "--budget=2", *arguments, **env)
        return result

    return run


def test_all_kinds_of_files_are_tuned_and_tabled_in_order(
    tune: Any, inputs: Path, clang: str
) -> None:
    names = ["two.c", "one.c", "four.ll", "three.bc"]
    options = ["--cflags", "-DWANTED -g0", "-o", "out/objects", "--json", "r.json"]
    result = tune(*names, *options, COLUMNS="150").check()
    assert result.stderr == b""
    rows = json.loads((inputs / "r.json").read_text())
    assert [row["name"] for row in rows] == names
    table = result.stdout.decode()
    assert [name for line in table.splitlines() for name in names if name in line] == names
    assert "4 objects" in table
    for row in rows:
        image = (inputs / "out" / "objects" / f"{Path(row['name']).stem}.o").read_bytes()
        assert object_sizes(image).size == row["ours"]["size"] <= row["baseline"]["size"]
        assert (row["candidates"], row["failures"]) == (2, 0)
    argv = [clang, "-Oz", "-c", "one.c", "-o", "oz.o"]
    run_tool(argv, timeout_s=30, cwd=inputs).check()
    oz = object_sizes((inputs / "oz.o").read_bytes())
    assert rows[1]["baseline"]["size"] == oz.size


def test_the_errors_of_some_files_do_not_lose_the_others(tune: Any, inputs: Path) -> None:
    (inputs / "bad.bc").write_bytes(b"BC\xc0\xdenothing")
    (inputs / "odd.ll").write_text('target triple = "pdp11-dec"\ndefine void @f() { ret void }')
    files = ["bad.bc", "one.c", "two.c", "nothere.c", "odd.ll", "three.bc"]
    result = tune(*files, "--json", "r.json")
    assert result.returncode == 1
    assert [row["name"] for row in json.loads((inputs / "r.json").read_text())] == [
        "one.c", "three.bc",
    ]  # fmt: skip
    said = result.stderr.decode()
    assert "Traceback" not in said
    assert "ozone: nothere.c: cannot read nothere.c: No such file or directory" in said
    assert "ozone: bad.bc: bad.bc: not readable as LLVM IR or bitcode" in said
    assert "not wanted" in said
    assert "pdp11" in said


def test_with_nothing_but_errors_there_is_no_table(tune: Any, inputs: Path) -> None:
    result = tune("nothere.c")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.count(b"\n") == 1


def test_a_second_run_is_from_the_cache_whatever_the_number_of_workers(
    tune: Any, inputs: Path
) -> None:
    outputs = []
    for folder, jobs in (("a", "2"), ("b", "1")):
        tune("one.c", "three.bc", "-o", folder, "-j", jobs).check()
        outputs.append([path.read_bytes() for path in sorted((inputs / folder).iterdir())])
    assert outputs[0] == outputs[1]
    without = tune("one.c", "three.bc", "-o", "c", OZONE_CACHE="")
    assert without.returncode == 0
    assert [path.read_bytes() for path in sorted((inputs / "c").iterdir())] == outputs[0]


def test_files_of_one_name_in_two_folders_keep_their_objects(tune: Any, inputs: Path) -> None:
    for folder, text in (("x", ONE), ("y", ONE.replace("sum", "another"))):
        (inputs / folder).mkdir()
        (inputs / folder / "same.c").write_text(text)
    result = tune("x/same.c", "y/same.c", "-o", "out")
    assert result.returncode or len([*(inputs / "out").rglob("*.o")]) == 2


@pytest.mark.parametrize(
    "folder",
    [
        "one.c",
        "one.c/below",
    ],
)
def test_an_output_folder_that_cannot_be_is_one_line(folder: str, tune: Any, inputs: Path) -> None:
    result = tune("three.bc", "-o", folder)
    assert result.returncode == 1
    assert result.stderr.startswith(b"ozone: error: cannot write ")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_a_signal_ends_everything(number: int, code: int, inputs: Path, marked: Any) -> None:
    examples = [str(path) for path in sorted((ROOT / "anghabench" / "examples").glob("*.c"))]
    argv = [sys.executable, "-m", "agent.cli", "tune", "--budget=400", "-j2", *examples]
    results: list[ToolResult] = []
    (inputs / "tmp").mkdir()
    env = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(inputs / "tmp")}
    thread = threading.Thread(
        target=lambda: results.append(run_tool(argv, timeout_s=60, cwd=inputs, env=env))
    )
    thread.start()
    marked.wait_for("envs.worker", 2)
    (parent,) = marked.pids("agent.cli")
    os.kill(parent, number)
    thread.join()
    assert results[0].returncode == code
    assert b"Traceback" not in results[0].stderr
    assert results[0].wall_s < 15
    marked.wait_until_gone()
    assert list((inputs / "tmp").iterdir()) == []


def test_a_report_sums_up_a_build(run_module: Any, inputs: Path) -> None:
    env = {"OZONE_REPORT": str(inputs / "build.jsonl"), "OZONE_BUDGET": "2"}
    for _ in range(2):  # an object that is built again counts once
        run_module("agent.cc", "-c", "-DWANTED", "one.c", "two.c", **env).check()
    assert len((inputs / "build.jsonl").read_text().splitlines()) == 4
    shown = run_module("agent.cli", "report", "build.jsonl", "--json", "r.json", COLUMNS="150")
    assert b"2 objects" in shown.check().stdout
    rows = json.loads((inputs / "r.json").read_text())
    assert [row["name"] for row in rows] == ["one.c", "two.c"]
    for row in rows:
        image = (inputs / row["name"].replace(".c", ".o")).read_bytes()
        assert object_sizes(image).size == row["ours"]["size"]


@pytest.mark.parametrize("text", ["{", "[]", '{"output": "x"}', "\xff"])
def test_a_file_that_is_no_report_is_one_line(text: str, run_module: Any, inputs: Path) -> None:
    (inputs / "bad.jsonl").write_bytes(text.encode("latin-1"))
    result = run_module("agent.cli", "report", "bad.jsonl")
    assert result.returncode == 1
    assert result.stderr.startswith(b"ozone: error: bad.jsonl is no report of ozone-cc")
    assert result.stderr.count(b"\n") == 1


def test_a_missing_report_is_one_line_and_an_empty_one_is_no_error(
    run_module: Any, inputs: Path
) -> None:
    missing = run_module("agent.cli", "report", "nothere")
    assert (missing.returncode, missing.stderr.count(b"\n")) == (1, 1)
    (inputs / "empty").touch()
    assert run_module("agent.cli", "report", "empty").returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_shrinks_the_examples_which_still_pass_their_checks(
    run_module: Any, clang: str
) -> None:
    result = run_module("agent.cli", "demo", timeout_s=500, COLUMNS="150").check()
    lines = result.stdout.decode().splitlines()
    programs = [line for line in lines if ".c " in line]
    assert len(programs) == len([*(ROOT / "anghabench" / "examples").glob("*.c")])
    assert all(line.rstrip().endswith("ok") for line in programs)
    (total,) = [line for line in lines if "objects" in line and "bytes" not in line]
    assert " -" in total


@pytest.mark.slow
def test_a_demo_of_little_ambition_passes_too(run_module: Any, clang: str) -> None:
    result = run_module("agent.cli", "demo", "--budget=0", COLUMNS="150").check()
    assert result.stdout.count(b" ok") == len([*(ROOT / "anghabench" / "examples").glob("*.c")])
