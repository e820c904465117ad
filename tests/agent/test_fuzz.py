"""`ozone fuzz` finds real miscompiles, makes them small, and remembers what it tried."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pytest

from agent.findings import Finding, Findings
from ir_tools import llvm_reduce
from ir_tools.pipeline import Pipeline
from ir_tools.process import run_tool, start_tool
from ir_tools.verify.verdict import Kind, Side, Verdict
from tests.conftest import ROOT, Marked, RunModule

MINIMAL = "attributor,attributor,function(newgvn)"
NAMES = ("lz4_getIndexOnHash", "zstd_copyCCtx", "zstd_v07_frameHeaderSize", "zstdmt_isOverlapped")
HARMLESS = "define i32 @f(i32 %x) {\n%y = add i32 %x, %x\nret i32 %y\n}\n"

needs_llvm_reduce = pytest.mark.skipif(
    llvm_reduce.find() is None, reason="llvm-reduce is not installed"
)


def miscompile(shared: Path, name: str) -> tuple[Path, str]:
    """The file and the long pipeline that was found first."""
    rows = (shared / "miscompiles" / "PIPELINES.tsv").read_text().splitlines()
    pipeline = next(row.split("\t")[1] for row in rows if row.startswith(name))
    return shared / "miscompiles" / f"{name}.ll", pipeline


def instructions(text: str) -> int:
    """Lines of one function's body that are no label."""
    body = re.search(r"^define .*?\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    assert body
    lines = [line for line in body[1].splitlines() if line.startswith("  ")]
    return sum(not line.startswith("  uselistorder") for line in lines)


def assert_it_can_be_followed(folder: Path, run_module: RunModule) -> None:
    """Do the report's commands do what they should?"""
    commands = re.search(r"^```sh\n(.*?)^```", (folder / "report.md").read_text(), re.M | re.S)
    assert commands
    optimise, _, check = map(shlex.split, commands[1].splitlines())
    opt = shutil.which("opt-22")
    if opt is not None:
        before = (folder / "target.ll").read_text()
        run_tool([opt, *optimise[1:]], timeout_s=60, cwd=folder).check()
        after = (folder / "target.ll").read_text()
        assert after.split("\n", 2)[2] == before  # all but ModuleID and source_filename
    paths = [str(folder / each) if each.endswith(".ll") else each for each in check[1:]]
    assert run_module("agent.cli", *paths).returncode == 1


def test_a_real_miscompile_is_found_and_what_does_not_matter_dropped(
    run_module: RunModule, tmp_path: Path, shared: Path
) -> None:
    file, pipeline = miscompile(shared, "zstdmt_isOverlapped")
    found = tmp_path / "found"
    arguments = (
        "agent.cli", "fuzz", str(file), "--pipeline", pipeline, "--reduce", "0",
        "--most-instructions", "200", "-o", str(found),
    )  # fmt: skip
    result = run_module(*arguments)
    assert result.returncode == 1, result.stdout.decode() + result.stderr.decode()
    (folder,) = filter(Path.is_dir, found.iterdir())
    names = ["original.ll", "report.md", "source.ll", "target.ll"]
    assert sorted(path.name for path in folder.iterdir()) == names
    report = (folder / "report.md").read_text()
    assert f"opt -S '-passes={MINIMAL}' source.ll -o target.ll" in report
    assert "LLVM 22." in report
    assert "**Value mismatch**" in report
    assert_it_can_be_followed(folder, run_module)
    again = run_module(*arguments)
    assert again.returncode == 0
    assert again.stdout.decode() == "0 found; nothing tried\n"


@needs_llvm_reduce
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_four_real_miscompiles_become_small_reports(
    run_module: RunModule, tmp_path: Path, shared: Path, name: str
) -> None:
    file, pipeline = miscompile(shared, name)
    result = run_module(
        "agent.cli", "fuzz", str(file), "--pipeline", pipeline, "--reduce", "300",
        "--most-instructions", "200", "-o", str(tmp_path / "found"), timeout_s=600,
    )  # fmt: skip
    assert result.returncode == 1, result.stdout.decode() + result.stderr.decode()
    (folder,) = filter(Path.is_dir, (tmp_path / "found").iterdir())
    assert f"# Wrong code with `-passes={MINIMAL}`" in (folder / "report.md").read_text()
    assert instructions((folder / "source.ll").read_text()) <= 16
    assert instructions((folder / "original.ll").read_text()) >= 30
    assert_it_can_be_followed(folder, run_module)


@needs_llvm_reduce
def test_interrupted_it_keeps_what_it_found(tmp_path: Path, shared: Path, marked: Marked) -> None:
    file, pipeline = miscompile(shared, "zstd_v07_frameHeaderSize")
    found = tmp_path / "found"
    argv = [
        sys.executable, "-m", "agent.cli", "fuzz", str(file), "--pipeline", pipeline,
        "--most-instructions", "200", "-o", str(found),
    ]  # fmt: skip
    with (tmp_path / "output").open("wb") as output:
        process = start_tool(
            argv, stdin=0, stdout=output, stderr=output,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    marked.wait_for("llvm-reduce", timeout_s=60)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130, (tmp_path / "output").read_text()
    (report,) = found.glob("*/report.md")
    assert MINIMAL in report.read_text()
    marked.wait_until_gone()


def test_it_finds_nothing_where_nothing_is_wrong(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "f.ll").write_text(HARMLESS)
    result = run_module("agent.cli", "fuzz", "corpus", "--pipelines", "3")
    assert result.returncode == 0, result.stdout.decode() + result.stderr.decode()
    assert result.stdout.decode().startswith("0 found; ")
    assert "unknown" not in result.stdout.decode()


def test_a_file_that_is_no_ir_stops_nothing(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "a.ll").write_text("define i32")
    (tmp_path / "b.ll").write_text(HARMLESS)
    result = run_module("agent.cli", "fuzz", "a.ll", "b.ll", "absent.ll", "--pipelines", "1")
    output = result.stdout.decode()
    assert result.returncode == 3, output + result.stderr.decode()
    assert "a.ll" in output
    assert "absent.ll" in output
    assert output.splitlines()[-1].startswith("0 found; 1 ")


def finding(function: str, pipeline: str, law: str) -> Finding:
    verdict = Verdict(Kind.REFUTED, "smt", law, "%x = 1")
    text = HARMLESS.replace("@f", f"@{function}").encode()
    return Finding(Side(text, function), Pipeline.parse(pipeline), text, verdict)


def test_a_pipeline_that_breaks_a_law_is_one_bug_whatever_the_function(tmp_path: Path) -> None:
    first = finding("f", "function(gvn)", "calls differ: an argument of call 0 of g")
    findings = Findings(tmp_path)
    findings.add(first, first)
    kept = Findings(tmp_path)  # as another run would find it
    same = finding("g", "function(gvn)", "Calls differ: 1 in the source, 2 in the target")
    assert kept.is_known(same)
    assert not kept.is_known(finding("f", "function(gvn)", "value mismatch"))
    assert not kept.is_known(finding("f", "function(sroa)", "calls differ"))
    kept.another(same, Path("x.bc"))
    (folder,) = filter(Path.is_dir, tmp_path.iterdir())
    assert (folder / "others.tsv").read_text() == "x.bc\tg\n"


@pytest.mark.parametrize(
    ("said", "reported"),
    [
        ("Transformation doesn't verify!\n\nERROR: Value mismatch\n\nExample:\nx", "agrees: Value"),
        ("Transformation seems to be correct!", "does not agree: proved."),
        ("ERROR: Timeout", "does not agree: unknown. alive-tv: Timeout."),
    ],
)
def test_the_report_tells_what_alive_tv_says(
    run_module: RunModule, tmp_path: Path, shared: Path, said: str, reported: str
) -> None:
    program = tmp_path / "alive-tv"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
    program.chmod(0o755)
    file, _ = miscompile(shared, "lz4_getIndexOnHash")
    result = run_module(
        "agent.cli", "fuzz", str(file), "--pipeline", MINIMAL, "--reduce", "0",
        "--most-instructions", "200", "-o", "found", OZONE_ALIVE_TV=str(program),
    )  # fmt: skip
    assert result.returncode == 1, result.stdout.decode() + result.stderr.decode()
    (report,) = tmp_path.glob("found/*/report.md")
    assert f"alive-tv {reported}" in report.read_text()
