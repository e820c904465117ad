"""`anghabench.running`: each difference that a run can show, and what cannot be compared."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from anghabench.benchmarks import Benchmark, Command, resolve, validate
from anghabench.running import link, run
from ir_tools.errors import BenchmarkError
from tests.conftest import CompileC

PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  FILE *file = fopen("result", "w");
  fputs("as it was", file);
  fclose(file);
  puts(argv[0]);
  fputs("a word\\n", stderr);
  return 4;
}
"""


@pytest.fixture
def program(compile_c: CompileC) -> Benchmark:
    return Benchmark("file:///program.c", compile_c(PROGRAM).data, Command())


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("as it was", "as it is", r"result differs: at byte 6, 'as it was' became 'as it is'"),
        ("a word", "a wort", r"standard error differs: .*wort"),
        ("puts(argv[0])", 'puts("no")', "standard output differs"),
        ("return 4", "return 5", "exit code 4 became exit code 5"),
        ("return 4", "abort()", "exit code 4 became SIGABRT"),
        ('"result"', '"other"', "other is new"),
        ('fopen("result", "w")', 'fopen("/dev/null", "w")', "result is missing"),
        ("return 4", "for (;;) if (!argc) break; return 4", "exit code 4 became timed out after"),
        ("int main", "int niam", "does not link: .*main"),
    ],
)
def test_a_difference_is_found_and_told(
    old: str, new: str, difference: str, program: Benchmark, compile_c: CompileC
) -> None:
    assert old in PROGRAM
    quick = dataclasses.replace(program, run=Command(timeout_s=1))
    changed = compile_c(PROGRAM.replace(old, new)).data
    found = validate(quick, changed)
    assert found is not None
    assert "\n" not in found
    assert re.search(difference, found), found


def test_a_program_is_no_different_from_itself(program: Benchmark) -> None:
    assert validate(program, program.bitcode) is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("for (;;) if (!argc) break;", "cannot be validated: unoptimised, timed out"),
        ("abort();", "cannot be validated: unoptimised, SIGABRT"),
        ("system(\"date +%N\");", "cannot be validated: run twice, standard output differs"),
    ],
)  # fmt: skip
def test_programs_that_tell_nothing_are_not_compared(
    body: str, reason: str, compile_c: CompileC
) -> None:
    text = f"#include <stdlib.h>\nint main(int argc, char **argv) {{ {body} return 0; }}"
    benchmark = Benchmark("file:///x.c", compile_c(text).data, Command(timeout_s=1))
    for _ in range(2):
        with pytest.raises(BenchmarkError, match=reason):
            validate(benchmark, benchmark.bitcode)


def test_what_has_no_main_is_not_run() -> None:
    benchmark = resolve("benchmark://examples-v0/json#main")
    with pytest.raises(BenchmarkError, match="has no main: nothing to run"):
        validate(benchmark, benchmark.bitcode)


def test_a_program_gets_its_arguments_input_and_files(tmp_path: Path, compile_c: CompileC) -> None:
    text = """
    #include <stdio.h>
    int main(int argc, char **argv) {
      char line[9] = "", other[9] = "";
      fgets(line, 9, fopen("given", "r"));
      fgets(other, 9, stdin);
      printf("%s %s %s", argv[1], line, other);
    }
    """
    command = Command(arguments=("one; two",), stdin=b"three", files=(("given", b"four"),))
    executable = link(compile_c(text).data, command, tmp_path)
    place = tmp_path / "run"
    place.mkdir()
    result = run(executable, command, place, timeout_s=10)
    assert (result.stdout, result.returncode) == (b"one; two four three", 0)
