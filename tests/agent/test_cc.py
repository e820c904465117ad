"""`ozone-cc` as a build meets it: clang's files, clang's words, smaller objects."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from ir_tools.measure import object_sizes
from ir_tools.process import ToolResult, run_tool

ROOT = Path(__file__).resolve().parents[2]
CC = (sys.executable, "-m", "agent.cc")

FILES = {
    "a.c": """
        #include <stdio.h>
        #include "a.h"
        static int square(int x) { return x * x; }
        int sum(int n) { int s = 0; for (int i = 0; i < n; i++) s += square(i); return s; }
        int pick(int n) {
          switch (n) { case 0: return 3; case 1: return 9; case 2: return 27; case 3: return 81; }
          return n;
        }
        int main(void) { printf("%d %d %d\\n", sum(LIMIT), pick(2), pick(-4)); return 0; }
    """,
    "a.h": "#define LIMIT 10",
    "b.c": "int other(int x) { int y = x; for (int i = 0; i < 9; i++) y ^= y * i; return y; }",
    "uses_b.c": "int other(int); int main(void) { return other(1) != other(1); }",
    "warns.c": "int f(void) { int unused; return 3; }",
    "bad.c": "int f( { return 0; }",
    "asm.S": '.globl three\nthree: movl $3, %eax\n ret\n.section .note.GNU-stack,"",@progbits\n',
    "uses_asm.c": "int three(void); int main(void) { return three() - 3; }",
    "frame.c": "void g(char *); void f(void) { char a[5000]; g(a); }",
    "throws.cpp": """
        #include <cstdio>
        struct Noise { ~Noise() { std::puts("gone"); } };
        static int parse(int x) { Noise n; if (x > 2) throw x * 3; return x; }
        int main() {
          int s = 0;
          for (int i = 0; i < 5; i++) try { s += parse(i); } catch (int e) { s += e; }
          std::printf("%d\\n", s);
          return s == 24 ? 0 : 1;
        }
    """,
    "args.txt": "-DX=1 -c",
}


@pytest.fixture
def tree(clang: str, tmp_path: Path) -> Path:
    """A folder of sources."""
    return make_tree(tmp_path / "ours")


def make_tree(folder: Path) -> Path:
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(textwrap.dedent(text))
    (folder / "c").mkdir()
    return folder


def cc(tree: Path, line: str, budget: int = 1, **env: str) -> ToolResult:
    variables = os.environ | {"PYTHONPATH": str(ROOT), "OZONE_BUDGET": str(budget)} | env
    return run_tool([*CC, *line.split()], timeout_s=60, cwd=tree, env=variables)


def size(path: Path) -> int:
    return object_sizes(path.read_bytes()).size


# --- what clang does, the wrapper does -------------------------------------------------------


AT_OZ = (
    "-c a.c",
    "-c a.c -o x.o",
    "-O2 -g -c a.c -MD -o x.o",
    "-c a.c -MMD -MP -MF deps.d -MT some/target -o x.o",
    "-c a.c b.c -MD",
    "-S b.c",
    "-S a.c -o x.s",
    "-x c -c b.c -o x.o",
    "-Wall -c warns.c",
    "-Wall -Werror -c warns.c",
    "-c bad.c",
    "-c nothere.c",
    "-c a.c bad.c",
    "-c b.c -fno-such-option",
    "-c b.c -o /dev/null",
    "-std=c11 -Wall -Wextra -fPIC -ffunction-sections -fvisibility=hidden -DX -I. -c b.c",
    "-c frame.c -Wframe-larger-than=100",
    "-c a.c -MD -o ./x.o",
    "-S -MD b.c",
    "-c -MD -MFx.d a.c",
    "-c -Wp,-MD,x.d a.c",
    "-S -o - b.c",
    "-c b.c -Xclang -ast-dump",
    "-g -gsplit-dwarf -c b.c",
    "-fstack-usage -c b.c",
    "--output=x.o -c b.c",
    "--compile b.c",
    "-c uses_asm.c asm.S",
    "-MJ x.cdb -c a.c b.c",
    "-ftime-trace -c b.c -o x.o",
    "-Wall --serialize-diagnostics x.dia -c warns.c",
    "-Rpass-missed=.* -c a.c",
    "-S -c b.c",
    "-c throws.cpp",
    "-Xclang -dependency-file -Xclang x.d -Xclang -MT -Xclang b.o -c a.c",
)


@pytest.fixture(scope="module")
def common_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """For tests of anything but the object's contents: most of them compile the same files."""
    return str(tmp_path_factory.mktemp("cache") / "c.sqlite")


@pytest.mark.parametrize("line", AT_OZ)
def test_files_words_and_exit_codes_are_clangs(
    line: str, clang: str, tmp_path: Path, common_cache: str
) -> None:
    ours, theirs = make_tree(tmp_path / "ours"), make_tree(tmp_path / "theirs")
    result = cc(ours, line, OZONE_CACHE=common_cache)
    expected = run_tool([clang, *line.split(), "-Oz"], timeout_s=30, cwd=theirs)
    assert result.stderr == expected.stderr
    assert result.returncode == expected.returncode
    assert files(ours) == files(theirs)
    for name in files(theirs):
        if name.endswith((".d", ".cdb", ".dia")):
            assert without(ours, name) == without(theirs, name)
        if name.endswith(".o"):
            assert size(ours / name) <= size(theirs / name)


def without(folder: Path, name: str) -> bytes:
    """A file's content, but for the folder's own name."""
    return (folder / name).read_bytes().replace(bytes(folder), b"")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    "line",
    [
        "-E a.c",
        "-E a.c -MD -MF x.d -o a.i",
        "-M a.c",
        "-flto -O2 -c b.c",
        "-c -emit-llvm b.c",
        "-c @args.txt b.c",
        "-c b.c -o x.o uses_b.c",
        "-c asm.S",
        "-c -- b.c",
        "-c b.c --",
        "-ccc-print-phases -c b.c",
        "-save-temps -c b.c",
        "--save-temps=obj -c b.c -o c/x.o",
        "-MM a.c -MF x.d",
        "-fsyntax-only a.c",
        "-O0 -c a.c",
        "-Og -c a.c",
        "-fsanitize=undefined -c a.c",
        "--version",
        "",
    ],
)
def test_what_is_not_ours_is_clangs_to_the_byte(line: str, clang: str, tmp_path: Path) -> None:
    ours, theirs = make_tree(tmp_path / "ours"), make_tree(tmp_path / "theirs")
    result = cc(ours, line)
    expected = run_tool([clang, *line.split()], timeout_s=30, cwd=theirs)
    assert (result.returncode, result.stdout, result.stderr) == (
        expected.returncode, expected.stdout, expected.stderr,
    )  # fmt: skip
    assert files(ours) == files(theirs)
    for name in files(theirs):
        if (theirs / name).is_file():
            assert (ours / name).read_bytes() == (theirs / name).read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-c b.c -o no/where.o", "unable to open output file 'no/where.o'"),
        ("-c frame.c -Wframe-larger-than=100 -Werror", "error: stack frame size (50"),
        ("-c zonk.c", "error: invalid instruction mnemonic 'zonk'"),
    ],
)
def test_what_fails_after_the_front_end_fails_with_clangs_message(
    line: str, message: str, tree: Path
) -> None:
    (tree / "zonk.c").write_text('void f(void) { __asm__("zonk"); }')
    before = files(tree)
    result = cc(tree, line)
    assert result.returncode == 1
    assert message in result.stderr.decode()
    assert "Traceback" not in result.stderr.decode()
    assert files(tree) == before


def test_a_stale_object_of_a_file_that_no_longer_compiles_goes(tree: Path) -> None:
    (tree / "bad.o").write_text("stale")
    assert cc(tree, "-c bad.c").returncode == 1
    assert not (tree / "bad.o").exists()


PROGRAMS = (
    ("a.c -o prog", "285 27 -4"),
    ("a.c b.c -g -O2 -o prog", "285 27 -4"),
    ("-x c a.c -o prog", "285 27 -4"),
    ("b.c uses_b.c -o prog", ""),
    ("throws.cpp -lstdc++ -o prog", "gone\ngone\ngone\ngone\ngone\n24"),
    ("-fPIE -pie a.c -o prog", "285 27 -4"),
    ("-static a.c -o prog", "285 27 -4"),
)


@pytest.mark.parametrize(("line", "output"), PROGRAMS)
def test_compiling_and_linking_makes_a_program_that_runs(
    line: str, output: str, tree: Path, common_cache: str
) -> None:
    cc(tree, line, OZONE_CACHE=common_cache).check()
    result = run_tool([str(tree / "prog")], timeout_s=10).check()
    assert result.stdout.decode().strip() == output
    assert not list(tree.glob("*.o"))


LINKS = (
    "-Wall -Werror a.c -lm -Wl,--gc-sections -o prog",
    "-Werror -shared -fPIC b.c -o libb.so",
    "uses_asm.c asm.S -o prog",
    "-xc a.c -o prog",
    "-MD a.c -o prog",
)


@pytest.mark.parametrize("line", LINKS)
def test_one_step_builds_are_quiet_and_leave_clangs_files(
    line: str, clang: str, tmp_path: Path, common_cache: str
) -> None:
    ours, theirs = make_tree(tmp_path / "ours"), make_tree(tmp_path / "theirs")
    run_tool([clang, "-Oz", *line.split()], timeout_s=30, cwd=theirs).check()
    assert cc(ours, line, OZONE_CACHE=common_cache).check().stderr == b""
    assert {p.name for p in ours.iterdir()} == {p.name for p in theirs.iterdir()}


def test_objects_link_into_a_program_that_runs(tree: Path, clang: str) -> None:
    cc(tree, "-c throws.cpp -g -o t.o", budget=4).check()
    run_tool([clang, "t.o", "-lstdc++", "-o", "t"], timeout_s=30, cwd=tree).check()
    assert run_tool([str(tree / "t")], timeout_s=10).check().stdout.endswith(b"24\n")


def test_debug_information_is_kept(tree: Path, clang: str) -> None:
    cc(tree, "-g -c a.c", budget=3).check()
    found = run_tool(["llvm-dwarfdump-22", "--name=pick", "a.o"], timeout_s=20, cwd=tree)
    assert b"DW_TAG_subprogram" in found.stdout
    assert b"a.c" in found.stdout
    verified = run_tool(["llvm-dwarfdump-22", "--verify", "a.o"], timeout_s=20, cwd=tree)
    assert b"No errors." in verified.stdout


@pytest.mark.slow
def test_objects_of_real_programs_are_never_larger(clang: str, tmp_path: Path) -> None:
    for budget, source in enumerate(sorted((ROOT / "anghabench" / "examples").glob("*.c"))[::3]):
        ours, theirs = tmp_path / f"{source.stem}.o", tmp_path / f"{source.stem}-oz.o"
        cc(tmp_path, f"-c {source} -o {ours}", budget=1 + budget).check()
        run_tool([clang, "-Oz", "-c", str(source), "-o", str(theirs)], timeout_s=30).check()
        assert size(ours) <= size(theirs)


def test_a_precompiled_header_is_made_and_read(tree: Path) -> None:
    (tree / "a.c").write_text("int limit(void) { return LIMIT; }")
    cc(tree, "-include a.h -O2 -c a.c -o x.o").check()
    cc(tree, "-x c-header -O2 a.h -o x.pch").check()
    assert cc(tree, "-include-pch x.pch -O2 -c a.c").check().stderr == b""
    assert (tree / "a.o").read_bytes() == (tree / "x.o").read_bytes()


def test_a_source_on_standard_input_is_clangs(tree: Path) -> None:
    argv, text = [*CC, "-x", "c", "-", "-o", "prog"], b"int main(void) { return 7; }"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    run_tool(argv, timeout_s=60, stdin=text, cwd=tree, env=env).check()
    assert run_tool([str(tree / "prog")], timeout_s=10).returncode == 7


def test_a_folder_called_c_changes_nothing(tree: Path) -> None:
    cc(tree, "-c a.c -o plain.o").check()
    cc(tree, "-c a.c -I c -o folder.o").check()
    assert (tree / "plain.o").read_bytes() == (tree / "folder.o").read_bytes()


# --- the environment -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "symbol"),
    [
        ("-finstrument-functions", b"__cyg_profile_func_enter"),
        ("-fmemory-profile", b"__memprof_init"),
        ("-fexperimental-sanitize-metadata=all", b"__sanitizer_metadata"),
        ("-finstrument-functions-after-inlining", b"__cyg_profile_func_enter"),
        ("-fstack-protector-all", b"__stack_chk_fail"),
        ("-fsanitize=undefined", b"__ubsan_handle"),
        ("-fprofile-instr-generate", b"__llvm_prf"),
        ("--coverage", b"__llvm_gcov"),
    ],
)
def test_instrumentation_that_was_asked_for_is_there(
    flag: str, symbol: bytes, tree: Path, clang: str
) -> None:
    run_tool([clang, "-Oz", flag, "-c", "a.c", "-o", "oz.o"], timeout_s=30, cwd=tree).check()
    assert symbol in (tree / "oz.o").read_bytes(), "or the test shows nothing"
    cc(tree, f"{flag} -c a.c", budget=3).check()
    assert symbol in (tree / "a.o").read_bytes()


@pytest.mark.slow
def test_coroutines_work_and_do_not_take_for_ever(tree: Path, clang: str) -> None:
    (tree / "co.cpp").write_text(COROUTINE)
    compiled = cc(tree, "-std=c++20 -c co.cpp", budget=6)
    assert not compiled.timed_out
    run_tool([clang, "co.o", "-lstdc++", "-o", "co"], timeout_s=30, cwd=tree).check()
    run_tool([str(tree / "co")], timeout_s=10).check()
    assert compiled.wall_s < 20


COROUTINE = """
    #include <coroutine>
    struct Squares {
      struct promise_type {
        int value;
        Squares get_return_object() {
          return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(int x) { value = x; return {}; }
        void return_void() {}
        void unhandled_exception() {}
      };
      std::coroutine_handle<promise_type> handle;
    };
    static Squares squares(int n) { for (int i = 0; i < n; i++) co_yield i * i; }
    int main() {
      Squares s = squares(5);
      int sum = 0;
      for (s.handle.resume(); !s.handle.done(); s.handle.resume()) sum += s.handle.promise().value;
      s.handle.destroy();
      return sum - 30;
    }
"""


def test_an_unknown_variable_is_refused(tree: Path) -> None:
    result = cc(tree, "-c a.c", OZONE_BUDGE="3")
    assert result.returncode == 1
    assert result.stderr.startswith(b"ozone-cc: error: unknown variable OZONE_BUDGE: known are ")
    assert not (tree / "a.o").exists()


def test_variables_that_say_where_benchmarks_lie_are_none_of_its_business(tree: Path) -> None:
    result = cc(tree, "-c a.c", OZONE_BUDGET="0", OZONE_POLYBENCH="/nowhere")
    assert result.returncode == 0, result.stderr
    assert (tree / "a.o").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("OZONE_BUDGET", "many"), ("OZONE_POLICY", "best"), ("OZONE_OBJECTIVE", "speed")],
)
def test_a_value_that_makes_no_sense_is_refused(name: str, value: str, tree: Path) -> None:
    result = cc(tree, "-c a.c", **{name: value})
    assert result.returncode == 1
    assert result.stderr.startswith(f"ozone-cc: error: {name}={value} is ".encode())
    assert result.stderr.count(b"\n") == 1
    assert not (tree / "a.o").exists()


def test_a_missing_clang_is_one_line(tree: Path) -> None:
    result = cc(tree, "-c a.c", OZONE_CLANG="/no/clang")
    assert result.returncode == 1
    assert result.stderr.startswith(b"ozone-cc: error: /no/clang")
    assert result.stderr.count(b"\n") == 1


def test_without_an_optimiser_the_object_is_clangs_and_a_warning_says_so(
    tree: Path, clang: str
) -> None:
    result = cc(tree, "-c a.c -MD", OZONE_LIBLLVM="/nonexistent").check()
    assert result.stderr.startswith(b"ozone-cc: warning: a.c: ")
    assert result.stderr.endswith(b"; the object is clang -Oz's\n")
    assert result.stderr.count(b"\n") == 1
    run_tool([clang, "-Oz", "-c", "a.c", "-o", "oz.o"], timeout_s=30, cwd=tree).check()
    assert (tree / "a.o").read_bytes() == (tree / "oz.o").read_bytes()
    assert (tree / "a.d").exists()


def test_warnings_are_printed_once_even_then(tree: Path) -> None:
    result = cc(tree, "-Wall -c warns.c", OZONE_LIBLLVM="/nonexistent").check()
    assert result.stderr.count(b"[-Wunused-variable]") == 1


def test_a_model_that_is_missing_is_warned_of_and_fails_no_build(tree: Path) -> None:
    missing = {"OZONE_POLICY": "lm", "OZONE_MODEL": str(tree / "none")}
    for _ in range(2):  # from the cache as well
        result = cc(tree, "-c a.c", budget=2, **missing).check()
        assert b"ozone-cc: warning: a.c: cannot read " in result.stderr
        assert b"the coreset stands in for it\n" in result.stderr
    cc(tree, "-c a.c -o coreset.o", budget=2).check()
    assert (tree / "a.o").read_bytes() == (tree / "coreset.o").read_bytes()


def test_the_budget_0_is_plain_oz(tree: Path, clang: str) -> None:
    warned = cc(tree, "-Wall -c warns.c", budget=0).check()
    assert warned.stderr.count(b"[-Wunused-variable]") == 1
    cc(tree, "-c a.c -o ours.o", budget=0).check()
    run_tool([clang, "-Oz", "-c", "a.c", "-o", "oz.o"], timeout_s=30, cwd=tree).check()
    assert (tree / "ours.o").read_bytes() == (tree / "oz.o").read_bytes()


def test_the_bitcode_of_every_object_is_harvested(tree: Path) -> None:
    cc(tree, "-c a.c b.c", budget=0, OZONE_HARVEST=str(tree / "kept" / "here")).check()
    kept = sorted((tree / "kept" / "here").iterdir())
    assert [path.name.partition("-")[0] for path in kept] == ["a", "b"]
    assert all(path.read_bytes()[:2] == b"BC" for path in kept)


@pytest.mark.parametrize("name", ["OZONE_REPORT", "OZONE_HARVEST"])
def test_a_record_that_cannot_be_written_is_one_line(name: str, tree: Path) -> None:
    result = cc(tree, "-c b.c", **{name: "/proc/nothing/here"})
    assert result.stderr.startswith(b"ozone-cc: ")
    assert result.stderr.count(b"\n") == 1


def test_a_second_run_is_from_the_cache_and_has_the_same_bytes(tree: Path) -> None:
    report = tree / "report.jsonl"
    outputs = []
    for flags in ("-c", "-c", "-c -DUNUSED"):
        cc(tree, f"{flags} a.c", budget=2, OZONE_REPORT=str(report)).check()
        outputs.append((tree / "a.o").read_bytes())
    records = [json.loads(line) for line in report.read_text().splitlines()]
    assert [record["from_cache"] for record in records][:2] == [False, True]
    assert len(set(outputs)) == 1
    for record in records:
        assert (record["source"], record["output"]) == ("a.c", str(tree / "a.o"))
        assert record["ours"]["size"] == size(tree / "a.o") <= record["baseline"]["size"]
        assert record["candidates"] == 2


def test_the_output_depends_on_what_was_asked_for(tree: Path) -> None:
    contents = set()
    for flags in ("", "-g", "-ffunction-sections"):
        cc(tree, f"-c a.c {flags} -o x.o").check()
        contents.add((tree / "x.o").read_bytes())
    assert len(contents) == 3
    cc(tree, "-S a.c -o x.s").check()
    assert b"pick:" in (tree / "x.s").read_bytes()


def test_parallel_compilers_share_a_cache_and_agree(tree: Path, tmp_path: Path) -> None:
    results: dict[str, ToolResult] = {}

    def compile_one(name: str) -> None:
        results[name] = cc(tree, f"-c a.c -o {name}.o", budget=3)

    threads = [threading.Thread(target=compile_one, args=(name,)) for name in "pqrs"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(result.returncode, result.stderr) for result in results.values()} == {(0, b"")}
    assert len({(tree / f"{name}.o").read_bytes() for name in "pqrs"}) == 1
    shutil.rmtree(tmp_path / "cache")
    compile_one("alone")
    assert (tree / "alone.o").read_bytes() == (tree / "p.o").read_bytes()


@pytest.mark.parametrize("cache", ["", "/proc/no.sqlite", "/dev/full"])
def test_no_cache_is_no_trouble(cache: str, tree: Path) -> None:
    assert cc(tree, "-c b.c", OZONE_CACHE=cache).check().stderr == b""


def test_a_build_with_make_works(tree: Path) -> None:
    (tree / "Makefile").write_text(
        "CFLAGS = -O2 -MMD\n"
        "all: prog libother.a\n"
        "\t./prog\n"
        "prog: a.o\n\t$(CC) $(LDFLAGS) $^ -o $@ -lm\n"
        "libother.a: b.o\n\tar rcs $@ $^\n"
        "-include a.d b.d\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT), "OZONE_BUDGET": "1"}
    argv = ["make", "-j2", f"CC={' '.join(CC)}"]
    first = run_tool(argv, timeout_s=60, cwd=tree, env=env).check()
    assert b"285 27 -4" in first.stdout
    again = run_tool([*argv, "-s"], timeout_s=60, cwd=tree, env=env).check()
    assert again.stdout == b"285 27 -4\n"
    (tree / "a.h").write_text("#define LIMIT 20")
    assert b"2470 27 -4" in run_tool(argv, timeout_s=60, cwd=tree, env=env).check().stdout


ENDINGS = ((signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGHUP, -1))


@pytest.mark.parametrize(("number", "code"), ENDINGS)
@pytest.mark.parametrize("busy", ["clang-22", "envs.worker"])
def test_a_signal_leaves_no_process_no_object_and_no_temporary_file(
    busy: str, number: int, code: int, tree: Path, clang: str, marked: Any
) -> None:
    source = ROOT / "anghabench" / "examples" / "json.c"
    if busy == "clang-22":
        source = tree / "waits.c"
        os.mkfifo(source)
    (tree / "tmp").mkdir()
    results = []

    def compile_it() -> None:
        line = f"-c {source} -o x.o"
        results.append(cc(tree, line, budget=500, TMPDIR=str(tree / "tmp")))

    thread = threading.Thread(target=compile_it)
    thread.start()
    marked.wait_for(busy)
    (compiler,) = marked.pids("-m agent.cc")
    os.kill(compiler, number)
    thread.join()
    assert results[0].returncode == code
    assert b"Traceback" not in results[0].stderr
    marked.wait_until_gone()
    assert not (tree / "x.o").exists()
    assert list((tree / "tmp").iterdir()) == []


def test_ozone_cc_is_the_same_command(tree: Path, run_module: Any) -> None:
    cc(tree, "-c b.c -o ours.o").check()
    argv = ["cc", "-c", tree / "b.c", "-o", tree / "theirs.o"]
    run_module("agent.cli", *argv, OZONE_BUDGET="1").check()
    assert size(tree / "ours.o") == size(tree / "theirs.o")
    shown = run_module("agent.cli", "cc", "--version").check().stdout
    assert b"clang version 22" in shown
