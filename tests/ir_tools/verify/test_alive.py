"""alive-tv as a judge: what it prints, in all its forms, and what is made of it.

The program is a script that prints what alive-tv printed, since Debian has no alive-tv.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from envs.evaluator import Evaluator
from envs.verification import verify
from ir_tools.errors import ToolError
from ir_tools.verify import alive
from ir_tools.verify.ladder import by_alive
from ir_tools.verify.verdict import Effort, Kind, Side, Verdict, stronger

PRINTED = """
----------------------------------------
define i32 @f(i32 %x) {
#0:
  %y = add i32 %x, 1
  ret i32 %y
}
=>
define i32 @f(i32 %x) {
#0:
  ret i32 %x
}
"""
SUMMARY = """
Summary:
  {} correct transformations
  {} incorrect transformations
  {} failed-to-prove transformations
  {} Alive2 errors
"""
CORRECT = f"{PRINTED}Transformation seems to be correct!\n{SUMMARY.format(1, 0, 0, 0)}"
EQUAL = CORRECT.replace("correct!", "correct! (syntactically equal)")
EXAMPLE = """Example:
i32 %x = #x00000000 (0)

Source:
i32 %y = #x00000001 (1)

Target:
Source value: #x00000001 (1)
Target value: #x00000000 (0)"""
WRONG = (
    f"{PRINTED}Transformation doesn't verify!\n\nERROR: Value mismatch\n\n{EXAMPLE}\n"
    f"{SUMMARY.format(0, 1, 0, 0)}"
)
OLDER = f"{PRINTED}Transformation doesn't verify!\nERROR: Value mismatch\n\n{EXAMPLE}\n\n"
NO_SAY = {
    "Timeout": f"{PRINTED}ERROR: Timeout\n{SUMMARY.format(0, 0, 1, 0)}",
    "Could not translate 'f' to Alive IR": (
        "ERROR: Unsupported instruction: callbr\nERROR: Could not translate 'f' to Alive IR\n"
        f"{SUMMARY.format(0, 0, 0, 1)}"
    ),
    "Couldn't prove the correctness": (
        f"{PRINTED}ERROR: Couldn't prove the correctness of the transformation\nAlive2 "
        "approximated the semantics of the programs and therefore we\ncannot conclude whether "
        "the bug found is valid or not.\n\n"
        f"Approximations done:\n - Memory\n{SUMMARY.format(0, 0, 1, 0)}"
    ),
    "program doesn't type check!": (
        f"{PRINTED}Transformation doesn't verify!\nERROR: program doesn't type check!\n"
        f"{SUMMARY.format(0, 0, 0, 1)}"
    ),
    "where something is undef": WRONG.replace("%x = #x00000000 (0)", "%x = undef"),
    "more than one answer": CORRECT + CORRECT,
    "no answer that Ozone knows": "Could not read bitcode from 'source.ll'\n",
    "No such file": "ERROR: No such file\nTransformation seems to be correct!\n",
}
LINE = "define i32 @f(i32 %x) {\n%y = add i32 %x, 1\nret i32 %y\n}\n"
LOOP = """define i32 @f(i32 %x) {
  br label %loop
loop:
  %i = phi i32 [ 0, %0 ], [ %next, %loop ]
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, %x
  br i1 %more, label %loop, label %done
done:
  ret i32 %i
}
"""
RECURSIVE = "define i32 @f(i32 %x) {\n%y = call i32 @f(i32 %x)\nret i32 %y\n}\n"
EFFORT = Effort(unroll=3, smt_s=2.0)

Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Makes an alive-tv that runs some shell, notes its arguments, and is the one to ask."""

    def make(text: str) -> Path:
        path = tmp_path / "alive-tv"
        path.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/arguments\n{text}\n')
        path.chmod(0o755)
        monkeypatch.setenv(alive.ENVIRONMENT_VARIABLE, str(path))
        return path

    return make


def printing(text: str, then: str = "exit 0") -> str:
    return f"cat <<'END'\n{text}\nEND\n{then}"


def asked(source: str = LINE, target: str = LINE, names: tuple[str, str] = ("f", "f")) -> Verdict:
    sides = (Side(source.encode(), names[0]), Side(target.encode(), names[1]))
    verdict = by_alive(*sides, EFFORT)
    assert verdict is not None
    assert verdict.judge == "alive-tv"
    return verdict


@pytest.mark.parametrize("text", [CORRECT, EQUAL, CORRECT.partition("Summary")[0]])
def test_correct_is_proved_unless_there_is_a_loop(script: Script, text: str) -> None:
    script(printing(text))
    assert asked().kind is Kind.PROVED
    for pair in ((LOOP, LINE), (LINE, LOOP)):
        assert (asked(*pair).kind, asked(*pair).unroll) == (Kind.BOUNDED, 3)


@pytest.mark.parametrize("text", [WRONG, OLDER])
@pytest.mark.parametrize("code", [0, 1])  # it does not matter
def test_an_example_refutes(script: Script, text: str, code: int) -> None:
    script(printing(text, f"exit {code}"))
    verdict = asked(LOOP, LINE)
    assert (verdict.kind, verdict.reason) == (Kind.REFUTED, "Value mismatch")
    assert verdict.counterexample == EXAMPLE


@pytest.mark.parametrize("reason", NO_SAY)
def test_any_doubt_says_nothing(script: Script, reason: str) -> None:
    script(printing(NO_SAY[reason]))
    verdict = asked()
    assert verdict.kind is Kind.UNKNOWN
    assert verdict.reason.startswith("alive-tv: ")
    if reason != "Could not translate 'f' to Alive IR":  # the first of several errors is told
        assert reason in verdict.reason


@pytest.mark.parametrize(
    ("text", "summary"), [(CORRECT, (0, 1, 0, 0)), (WRONG, (1, 0, 0, 0)), (CORRECT, (1, 0, 1, 0))]
)
def test_an_answer_that_the_summary_contradicts_says_nothing(
    script: Script, text: str, summary: tuple[int, ...]
) -> None:
    script(printing(text.partition("\nSummary")[0] + SUMMARY.format(*summary)))
    assert asked().kind is Kind.UNKNOWN


def test_a_refutation_of_a_recursive_function_says_nothing(script: Script) -> None:
    script(printing(WRONG))
    assert asked(RECURSIVE, LINE).kind is asked(LINE, RECURSIVE).kind is Kind.UNKNOWN
    script(printing(CORRECT))
    assert asked(RECURSIVE, LINE).kind is Kind.PROVED


@pytest.mark.parametrize(
    ("end", "reason"), [("kill -SEGV $$", "SIGSEGV"), ("sleep 60", "timed out")]
)
def test_who_does_not_end_well_says_nothing(script: Script, end: str, reason: str) -> None:
    script(printing(CORRECT, end))
    sides = (Side(LINE.encode(), "f"),) * 2
    verdict = by_alive(*sides, Effort(smt_s=0.05))
    assert verdict is not None
    assert verdict.kind is Kind.UNKNOWN
    assert reason in verdict.reason


def test_it_is_told_which_functions_are_meant(script: Script, tmp_path: Path) -> None:
    path = script(printing(CORRECT))
    both = LINE + LINE.replace("@f", "@g")
    asked(both, LINE)
    asked(both, both, ("f", "g"))
    assert asked(both, LINE.replace("@f", "@g"), ("f", "g")).kind is Kind.UNKNOWN
    limits = "--smt-to=2000 --src-unroll=3 --tgt-unroll=3"
    assert (path.parent / "arguments").read_text().splitlines() == [
        f"{limits} --func=f source.ll target.ll",
        f"{limits} --src-fn=f --tgt-fn=g source.ll",
    ]


def test_which_one_is_asked(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = script(printing(CORRECT))
    assert alive.tool() == str(path)
    before = alive.identity()
    script(printing(WRONG))
    assert alive.identity() != before
    monkeypatch.setenv(alive.ENVIRONMENT_VARIABLE, "")
    assert alive.tool() is None
    assert alive.identity() == ""
    monkeypatch.delenv(alive.ENVIRONMENT_VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert alive.tool() == str(path)
    monkeypatch.setenv(alive.ENVIRONMENT_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(ToolError, match="OZONE_ALIVE_TV names no program that can be run"):
        alive.tool()


ASM = 'define i32 @f() {\n%x = call i32 asm "movl $$1, $0", "=r"()\nret i32 %x\n}\n'


def test_it_is_asked_in_a_worker_what_the_others_left_open(script: Script) -> None:
    """And only then; what it cannot say leaves the rest as it was."""
    hard = (Side(ASM.encode(), "f"), Side(ASM.replace("$$1", "$$2").encode(), "f"))
    easy = (Side(LINE.encode(), "f"), Side(LINE.replace("%x, 1", "1, %x").encode(), "f"))
    with Evaluator(1) as evaluator:
        path = script(printing(WRONG))
        assert [v.judge for v in verify(evaluator, [easy, hard], EFFORT)] == ["smt", "alive-tv"]
        assert len((path.parent / "arguments").read_text().splitlines()) == 1
        script(printing(CORRECT))
        assert verify(evaluator, [hard], EFFORT)[0].kind is Kind.PROVED
        script("exit 3")
        (open_,) = verify(evaluator, [hard], EFFORT)
    assert open_.kind is Kind.UNKNOWN
    assert "alive-tv: no answer that Ozone knows" in open_.reason


def test_a_better_verdict_of_a_later_judge_counts() -> None:
    unknown, bounded = Verdict(Kind.UNKNOWN, "smt", "too hard"), Verdict(Kind.BOUNDED, "smt")
    proved, theirs = Verdict(Kind.PROVED, alive.JUDGE), Verdict(Kind.BOUNDED, alive.JUDGE)
    refuted = Verdict(Kind.REFUTED, alive.JUDGE)
    assert stronger(unknown, proved) == stronger(bounded, proved) == proved
    assert stronger(unknown, theirs) == theirs
    assert stronger(bounded, theirs) == bounded
    assert stronger(bounded, refuted) == stronger(refuted, proved) == refuted
