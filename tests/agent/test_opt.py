"""`ozone opt` as a user meets it: a process, files, one line when something is wrong."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import cli
from envs.evaluation import Source
from ir_tools.llvm import Context
from ir_tools.passes import Scope, catalogue
from ir_tools.pipeline import Pipeline
from ir_tools.process import ToolResult, run_tool

ROOT = Path(__file__).resolve().parents[2]

TEXT = """
    static int twice(int x) { return 2 * x; }
    int sum(int n) { int s = 0; for (int i = 0; i < n; i++) s += twice(i) * n; return s; }
    int pick(int n) { switch (n) { case 0: return 3; case 1: return 9; case 2: return 27; }
                      return sum(n); }
"""


@pytest.fixture
def bitcode(compile_c: Any, tmp_path: Path) -> Path:
    path = tmp_path / "in.bc"
    path.write_bytes(compile_c(TEXT).data)
    return path


@pytest.fixture
def text(bitcode: Path, tmp_path: Path) -> Path:
    path = tmp_path / "in.ll"
    with Context() as context, context.parse(bitcode.read_bytes(), "in.bc") as module:
        path.write_text(str(module))
    return path


@pytest.fixture
def opt(run_module: Any) -> Any:
    """Runs `ozone opt` with a small budget."""

    def run(*arguments: str | Path, **options: Any) -> ToolResult:
        result: ToolResult = run_module("agent.cli", "opt", "--budget=2", *arguments, **options)
        return result

    return run


def readable(data: bytes) -> str:
    """The module as text, whatever it is; the name of the file it was read from is left out."""
    with Context() as context, context.parse(data, "m") as module:
        return str(module).partition("\n")[2]


def test_text_bitcode_and_standard_input_give_the_same_module(
    opt: Any, text: Path, bitcode: Path, tmp_path: Path
) -> None:
    results = {}
    for name, source in (("text", text), ("bitcode", bitcode)):
        result = opt(source, "-o", tmp_path / f"{name}.bc").check()
        assert (result.stdout, b"bytes of size" in result.stderr) == (b"", True)
        results[name] = (tmp_path / f"{name}.bc").read_bytes()
        assert results[name][:4] == b"BC\xc0\xde"
    results["stdin"] = opt(stdin=text.read_bytes()).check().stdout
    results["-"] = opt("-", "-S", stdin=bitcode.read_bytes()).check().stdout
    assert results["-"].startswith(b"; ModuleID = '<stdin>'")
    opt(text, "-S", "-o", tmp_path / "out.ll", "--quiet").check()
    results["-S -o"] = (tmp_path / "out.ll").read_bytes()
    modules = {re.sub(r'source_filename = ".*"', "", readable(data)) for data in results.values()}
    assert len(modules) == 1
    assert len(readable(results["text"])) < len(readable(bitcode.read_bytes()))


def test_quiet_is_quiet_and_the_summary_says_what_was_done(opt: Any, bitcode: Path) -> None:
    assert opt(bitcode, "-o", "x.bc", "-q").check().stderr == b""
    assert opt(bitcode, "-o", "x.bc", "--policy=oz").check().stderr == b""
    lines = opt(bitcode, "-o", "x.bc").check().stderr.decode().splitlines()
    assert re.match(
        r".*in\.bc: \d+ -> \d+ bytes of size \([+-]\d+\.\d %\), \d of 2 functions", lines[0]
    )
    assert lines[-2] == "  2 candidates, failures survived: none"
    assert lines[-1].startswith("  verdicts: ")


def test_the_report_says_everything(opt: Any, bitcode: Path, tmp_path: Path) -> None:
    opt(bitcode, "-o", "x.bc", "--json", tmp_path / "r.json", "--objective=text").check()
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["ours"]["text"] <= report["baseline"]["text"]
    assert report["improved"] == (report["ours"]["text"] < report["baseline"]["text"])
    assert report["candidates"] == 2
    assert report["settings"]["objective"] == "text"
    assert {choice["function"] for choice in report["functions"]} <= {"sum", "pick"}
    assert report["failures"] == {}


def test_a_second_run_is_from_the_cache_and_writes_the_same_bytes(
    opt: Any, bitcode: Path, tmp_path: Path
) -> None:
    outputs = []
    for name in ("a.bc", "b.bc", "c.bc"):
        if name == "c.bc":
            shutil.rmtree(tmp_path / "cache")
        opt(bitcode, "-o", name, "-j", "2" if name == "b.bc" else "1").check()
        outputs.append((tmp_path / name).read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]


def test_input_may_be_output_and_a_link_stays_one(opt: Any, bitcode: Path, tmp_path: Path) -> None:
    (tmp_path / "link.bc").symlink_to(bitcode)
    bitcode.chmod(0o640)
    before = bitcode.read_bytes()
    opt("link.bc", "-o", "link.bc").check()
    assert (tmp_path / "link.bc").is_symlink()
    assert bitcode.read_bytes() != before
    assert bitcode.stat().st_mode & 0o777 == 0o640


def test_a_module_without_minsize_is_warned_of(opt: Any) -> None:
    plain = b"define i32 @f(i32 %x) { ret i32 %x }"
    result = opt("-S", stdin=plain).check()
    assert b"warning: <stdin>: 1 of 1 functions lack the minsize attribute" in result.stderr
    assert b"warning" not in opt("-S", "-O2", stdin=plain).check().stderr


@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3", "-Os", "-Oz"])
def test_levels_are_baselines(level: str, text: Path, tmp_path: Path) -> None:
    for name, choice in (("a.ll", level), ("b.ll", f"-passes=default<{level[1:]}>")):
        argv = ["opt", choice, str(text), "-S", "-o", str(tmp_path / name), "--policy=oz"]
        assert cli.main(argv) == 0
    assert (tmp_path / "a.ll").read_text() == (tmp_path / "b.ll").read_text()


# --- the same as opt -------------------------------------------------------------------------


def random_pipelines(seed: int) -> Iterator[str]:
    """Production passes of all scopes, whole modules' too."""
    rng = random.Random(seed)
    passes = [variant for row in catalogue() for variant in row.variants]
    simple = [each for each in passes if each.scope is Scope.FUNCTION]
    while True:
        chosen = [rng.choice(passes if rng.random() < 0.6 else simple) for _ in range(8)]
        yield str(Pipeline.of(chosen[: rng.randint(1, 8)]))


def without_predecessors(ir: str) -> str:
    """IR without the comments on each block's predecessors, whose order means nothing."""
    return re.sub(r" *; preds = .*", "", ir)


def both(source: Path, pipeline: str, folder: Path) -> tuple[str, str]:
    """What opt and ozone opt make of the same command line."""
    plain = run_tool(["opt-22", f"-passes={pipeline}", "-S", str(source)], timeout_s=30).check()
    output = folder / "ours.ll"
    argv = ["opt", "--policy", "oz", f"-passes={pipeline}", "-S", str(source), "-o", str(output)]
    assert cli.main(argv) == 0
    return plain.stdout.decode(), output.read_text()


@pytest.fixture(scope="module")
def inputs(
    examples: Mapping[str, Source], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    if shutil.which("opt-22") is None:
        pytest.skip("opt-22 is not installed")
    folder = tmp_path_factory.mktemp("inputs")
    for name, source in examples.items():
        (folder / f"{name}.bc").write_bytes(source.data)
    return {name: folder / f"{name}.bc" for name in examples}


def test_the_ir_is_opts_for_random_pipelines(
    inputs: Mapping[str, Path], bitcode: Path, tmp_path: Path
) -> None:
    sources = itertools.cycle([bitcode, bitcode, bitcode, inputs["sha256"]])
    for pipeline, source in zip(itertools.islice(random_pipelines(1), 20), sources, strict=False):
        theirs, ours = both(source, pipeline, tmp_path)
        assert without_predecessors(ours) == without_predecessors(theirs), (source.stem, pipeline)


def test_the_ir_is_opts_to_the_byte(inputs: Mapping[str, Path], tmp_path: Path) -> None:
    theirs, ours = both(inputs["vm"], "default<Oz>", tmp_path)
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_ir_is_opts_for_200_random_pipelines(
    inputs: Mapping[str, Path], tmp_path: Path
) -> None:
    """Every module has some forty functions."""
    for pipeline, name in zip(random_pipelines(2), [*inputs] * 25, strict=False):
        theirs, ours = both(inputs[name], pipeline, tmp_path)
        assert without_predecessors(ours) == without_predecessors(theirs), (name, pipeline)


# --- bad input -------------------------------------------------------------------------------


@pytest.fixture
def opt_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Any:
    """As `opt`, but in this process, which is quicker."""

    def run(*arguments: str | Path) -> ToolResult:
        monkeypatch.chdir(tmp_path)
        capfdbinary.readouterr()
        argv = ["opt", "--budget=2", *map(str, arguments)]
        code = cli.main(argv)
        return ToolResult(tuple(argv), code, *capfdbinary.readouterr(), False, 0.0)

    return run


def check_refused(result: ToolResult, *words: str) -> None:
    """One line on stderr that says what is wrong, and a failure."""
    said = result.stderr.decode()
    assert result.returncode in (1, 2), said
    assert not result.timed_out
    assert result.stdout == b""
    assert said.count("\n") == 1, said
    assert said.startswith("ozone: error: ")
    assert "Traceback" not in said
    for word in words:
        assert word in said


def newer(bitcode: bytes) -> bytes:
    """Bitcode of another epoch, which is how LLVM says that it cannot be read any more."""
    changed = bytearray(bitcode)
    changed[28] ^= 1 << 3  # where the identification block's EPOCH record has its value
    return bytes(changed)


BAD_INPUTS: dict[str, tuple[Any, list[str]]] = {
    "truncated bitcode": (lambda good: good[: len(good) // 3], ["in.bc", "can't skip to bit"]),
    "a header alone": (lambda good: good[:8], ["in.bc"]),
    "noise": (lambda good: random.Random(1).randbytes(3000), ["expected top-level entity"]),
    "another file": (lambda good: b"\x7fELF" + b"\0" * 200, ["expected top-level entity"]),
    "a newer LLVM's bitcode": (newer, ["Incompatible epoch"]),
    "a newer LLVM's text": (lambda good: b"define void @f() newest { ret void }", ["in.bc:1:18"]),
    "an unknown instruction": (lambda good: b"define void @f() {\n fancy\n}", ["in.bc:2:2"]),
    "IR that does not verify": (
        lambda good: (
            b"define i32 @f() {\n br label %a\na:\n %x = add i32 %y, 1\n"
            b" %y = add i32 1, 1\n ret i32 %x\n}"
        ),
        ["invalid IR", "dominate"],
    ),
    "an unknown target": (
        lambda good: b'target triple = "pdp11-dec-unix"\ndefine void @f() { ret void }',
        ["pdp11-dec-unix"],
    ),
    "assembly that does not assemble": (
        lambda good: b'define void @f() minsize { call void asm "zonk", ""() ret void }',
        ["zonk"],
    ),
}


@pytest.mark.parametrize(("spoil", "words"), BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_bad_input_is_one_line_and_the_old_output_stays(
    spoil: Any, words: list[str], opt: Any, bitcode: Path, tmp_path: Path
) -> None:
    bitcode.write_bytes(spoil(bitcode.read_bytes()))
    (tmp_path / "out.bc").write_text("old")
    check_refused(opt("in.bc", "-o", "out.bc"), *words)
    assert (tmp_path / "out.bc").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "in.bc", "out.bc"]


BAD_OPTIONS: dict[str, tuple[list[str], list[str]]] = {
    "a missing file": (["nothere.ll"], ["nothere.ll", "No such file"]),
    "a folder": (["."], ["Is a directory"]),
    "a file below a file": (["in.bc/x"], ["Not a directory"]),
    "an unknown pass": (["in.bc", "-passes=bogus"], ["unknown pass name 'bogus'"]),
    "a broken pipeline": (["in.bc", "-passes=function(sroa"], ["invalid pipeline"]),
    "a crash": (["in.bc", "-passes=trigger-crash-module"], ["SIGABRT", "trigger-crash-module"]),
    "an unknown triple": (["in.bc", "--target-triple=pdp11-dec-unix"], ["pdp11-dec-unix"]),
    "an unknown relocation model": (["in.bc", "--relocation-model=x"], ["relocation model 'x'"]),
    "no time": (["in.bc", "--timeout=0.000001"], ["in.bc"]),
    "no memory": (["in.bc", "--memory=50"], ["in.bc"]),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options_are_one_line_and_the_old_output_stays(
    arguments: list[str], words: list[str], opt_here: Any, bitcode: Path, tmp_path: Path
) -> None:
    (tmp_path / "out.bc").write_text("old")
    check_refused(opt_here(*arguments, "-o", "out.bc"), *words)
    assert (tmp_path / "out.bc").read_text() == "old"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--policy=best"],
        ["-O2", "-Oz"],
        ["-passes=gvn", "-Oz"],
        ["--budget=many"],
        ["--no-such-option"],
    ],
)
def test_wrong_usage_is_said_in_the_last_line(
    arguments: list[str], opt: Any, bitcode: Path, tmp_path: Path
) -> None:
    result = opt("in.bc", *arguments, "-o", "out.bc")
    said = result.stderr.decode()
    assert result.returncode in (1, 2)
    assert "Traceback" not in said
    assert "error: " in said.splitlines()[-1]
    assert arguments[0].strip("-").partition("=")[0] in said.splitlines()[-1]
    assert not (tmp_path / "out.bc").exists()


_SILENT = pytest.mark.xfail(strict=True, reason="LLVM takes it for none, and LLVM-C cannot ask")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--target-cpu=z9"], marks=_SILENT, id="unknown cpu"),
        pytest.param(["--target-features=+zz"], marks=_SILENT, id="unknown features"),
        pytest.param(["-passes=function(trigger-verifier-error)"], id="invalid output"),
    ],
)
def test_more_bad_options_are_one_line(arguments: list[str], opt: Any, bitcode: Path) -> None:
    check_refused(opt("in.bc", "-o", "out.bc", *arguments, timeout_s=3))


OUTPUTS = {
    "a read-only folder": ("/proc/out.bc", "cannot write /proc/out.bc"),
    "a folder that is not there": ("no/where/out.bc", "No such file or directory"),
    "below a file": ("in.bc/out.bc", "Not a directory"),
    "a folder": ("/tmp", "Is a directory"),
    "a full disk": ("/dev/full", "cannot write /dev/full: No space left on device"),
}


@pytest.mark.parametrize(("output", "words"), OUTPUTS.values(), ids=OUTPUTS)
def test_an_output_that_cannot_be_written_is_one_line(
    output: str, words: str, opt_here: Any, bitcode: Path, tmp_path: Path
) -> None:
    check_refused(opt_here("in.bc", "-o", output), words)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "in.bc"]


def shell(script: str, tmp_path: Path) -> ToolResult:
    env = os.environ | {"PYTHONPATH": str(ROOT), "OPT": f"{sys.executable} -m agent.cli opt -q"}
    return run_tool(["sh", "-c", script], timeout_s=30, cwd=tmp_path, env=env)


def test_a_disk_that_fills_up_leaves_the_old_file(bitcode: Path, tmp_path: Path) -> None:
    (tmp_path / "out.bc").write_text("old")
    script = "ulimit -f 1; $OPT in.bc -o out.bc"  # no file may have more than 512 bytes
    result = shell(script, tmp_path)
    check_refused(result, "cannot write out.bc", "File too large")
    assert (tmp_path / "out.bc").read_text() == "old"
    assert not list(tmp_path.glob(".*"))


def test_a_full_standard_output_is_one_line(bitcode: Path, tmp_path: Path) -> None:
    result = shell("$OPT in.bc > /dev/full", tmp_path)
    check_refused(result, "cannot write standard output: No space left on device")


def test_a_reader_that_has_seen_enough_is_no_disaster(bitcode: Path, tmp_path: Path) -> None:
    result = shell("$OPT in.bc -S | head -c 5", tmp_path)
    assert result.stdout == b"; Mod"
    assert b"Traceback" not in result.stderr
    assert b"Exception" not in result.stderr


@pytest.mark.parametrize("script", ["$OPT - -o x.bc <&-", "$OPT in.bc -S >&-"])
def test_closed_standard_streams_are_one_line(script: str, bitcode: Path, tmp_path: Path) -> None:
    check_refused(shell(script, tmp_path))


def test_a_missing_llvm_is_one_line(opt: Any, bitcode: Path) -> None:
    check_refused(opt("in.bc", OZONE_LIBLLVM="/nonexistent"), "apt-get install libllvm22")


def test_a_file_name_that_is_not_utf_8_is_read(opt: Any, bitcode: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.bc")
    bitcode.rename(tmp_path / name)
    code = opt(name, "-o", "out.bc").returncode
    assert code == 0


def test_an_empty_module_is_written(opt: Any) -> None:
    for data in (b"", b"; nothing\n"):
        result = opt("-S", "-q", stdin=data).check()
        assert result.stderr == b""
        assert readable(result.stdout).strip() == 'source_filename = "<stdin>"'


def test_bitcode_is_kept_from_terminals(opt: Any, bitcode: Path, tmp_path: Path) -> None:
    if shutil.which("script") is None:
        pytest.skip("script is not installed")
    command = f"{sys.executable} -m agent.cli opt in.bc"
    argv = ["script", "--quiet", "--return", "--command", command, "/dev/null"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    result = run_tool(argv, timeout_s=30, cwd=tmp_path, env=env)
    assert result.returncode == 1
    assert b"bitcode does not belong on a terminal" in result.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_function_of_200_000_instructions_is_optimised(opt: Any, tmp_path: Path) -> None:
    lines = ["define i32 @long(i32 %v0, ptr %p) minsize optsize {"]
    for i in range(50_000):
        lines += [
            f"%w{i} = load i32, ptr %p",
            f"%x{i} = xor i32 %v{i}, %w{i}",
            f"%v{i + 1} = mul i32 %x{i}, {2 * i + 3}",
            f"store i32 %v{i + 1}, ptr %p",
        ]
    (tmp_path / "long.ll").write_text("\n".join([*lines, "ret i32 %v50000 }"]))
    result = opt("long.ll", "-o", "out.bc", "--json", "r.json", timeout_s=500)
    if result.returncode:
        check_refused(result, "long.ll")
        assert not (tmp_path / "out.bc").exists()
    else:
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["ours"]["size"] <= report["baseline"]["size"]
        assert (tmp_path / "out.bc").read_bytes()[:2] == b"BC"
