"""`ozone verify`: verdicts, exit codes, and what each refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.verify import exit_code
from ir_tools.verify.verdict import Kind, Verdict
from tests.conftest import RunModule

SAME = """
define i32 @src(i32 %x) {
  %y = add i32 %x, %x
  ret i32 %y
}
define i32 @tgt(i32 %x) {
  %y = shl i32 %x, 1
  ret i32 %y
}
"""
WRONG = SAME.replace("shl i32 %x, 1", "shl i32 %x, 2")
WEAKER = SAME.replace("shl i32", "shl nuw i32")
LOOP = """
define i32 @src(i32 %n) {
entry:
  br label %head
head:
  %i = phi i32 [ 0, %entry ], [ %next, %head ]
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, %n
  br i1 %more, label %head, label %done
done:
  ret i32 %i
}
define i32 @tgt(i32 %n) {
  %zero = icmp eq i32 %n, 0
  %less = sub i32 %n, 1
  %r = select i1 %zero, i32 0, i32 %less
  ret i32 %r
}
"""
OPAQUE = """
define i32 @src() {
  %x = call i32 asm "movl $$1, $0", "=r"()
  ret i32 %x
}
define i32 @tgt() {
  %x = call i32 asm "movl $$2, $0", "=r"()
  ret i32 %x
}
"""


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (SAME, 0, ["proved (smt)"]),
        (WRONG, 1, ["refuted", "%x = ", "source", "target"]),
        (WEAKER, 1, ["refuted", "poison"]),
        (LOOP, 0, ["bounded, loops unrolled 4 times"]),
        (OPAQUE, 2, ["unknown"]),
    ],
)
def test_the_exit_code_says_what_the_words_say(
    run_module: RunModule, tmp_path: Path, text: str, code: int, words: list[str]
) -> None:
    result = run_module("agent.cli", "verify", write(tmp_path, "pair.ll", text))
    output = result.stdout.decode()
    assert result.returncode == code, output + result.stderr.decode()
    assert output.startswith("@src -> @tgt: ")
    assert all(word in output for word in words), output


def test_two_files_are_compared_function_by_function(run_module: RunModule, tmp_path: Path) -> None:
    same = SAME.replace("i32 %x)", "i32 noundef %x)")  # or x + x is more than x << 1
    one = write(tmp_path, "one.ll", same.replace("@tgt", "@other"))
    two = write(tmp_path, "two.ll", same.replace("@src", "@other").replace("@tgt", "@src"))
    all_of_them = run_module("agent.cli", "verify", one, two, "--json")
    rows = json.loads(all_of_them.stdout)
    assert all_of_them.returncode == 0
    assert [(row["source"], row["target"]) for row in rows] == [("src", "src"), ("other", "other")]
    assert {row["kind"] for row in rows} == {"proved"}
    named = run_module("agent.cli", "verify", one, two, "--src-fn", "src", "--tgt-fn", "other")
    assert named.stdout.decode().strip() == "@src -> @other: proved (identical)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.ll"], "cannot read absent.ll"),
        (["broken.ll"], "not readable as LLVM IR"),
        (["pair.ll", "--function", "f"], "defines no function @f: defined are @src, @tgt"),
        (["pair.ll", "--src-fn", "src"], "--src-fn and --tgt-fn go together"),
        (["pair.ll", "other.ll"], "define no function of the same name"),
        (["types.ll"], "only functions of the same type"),
        ([], "required: SRC"),
        (["pair.ll", "--unroll", "0"], "0 is less than 1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_3(
    run_module: RunModule, tmp_path: Path, arguments: list[str], message: str
) -> None:
    write(tmp_path, "pair.ll", SAME)
    write(tmp_path, "broken.ll", "define i32 @src(")
    write(tmp_path, "other.ll", "define void @f() {\nret void\n}")
    write(tmp_path, "types.ll", SAME.replace("i32 @tgt(i32 %x)", "i32 @tgt(i32 %x, i32 %z)"))
    result = run_module("agent.cli", "verify", *arguments)
    assert result.returncode == 3
    assert message in result.stderr.decode()
    assert "Traceback" not in result.stderr.decode()
    assert not result.stdout


def test_one_refutation_outweighs_all_proofs() -> None:
    def code(*kinds: Kind) -> int:
        return exit_code([Verdict(kind, "smt") for kind in kinds])

    assert code(Kind.PROVED, Kind.BOUNDED) == 0
    assert code(Kind.PROVED, Kind.TESTED) == code(Kind.UNKNOWN) == 2
    assert code(Kind.PROVED, Kind.UNKNOWN, Kind.REFUTED) == 1
