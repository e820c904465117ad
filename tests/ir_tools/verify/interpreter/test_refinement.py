"""Whole functions of C programs: `-Oz` is never refuted, and a wrong change is."""

from __future__ import annotations

import re
from collections.abc import Callable

from ir_tools.llvm import Context
from ir_tools.verify import ir
from ir_tools.verify.interpreter.inputs import inputs
from ir_tools.verify.interpreter.refinement import agree, judge
from ir_tools.verify.reader import read_module

FUEL = 5_000


def both(bitcode: bytes, change: Callable[[str], str]) -> tuple[ir.Module, ir.Module]:
    """A program whose functions all are external, and what `change` makes of its text."""
    with Context() as context:
        with context.parse(bitcode) as module:
            text = re.sub("^define internal", "define", str(module), flags=re.MULTILINE)
        with context.parse(text) as module, context.parse(change(text)) as changed:
            return agree(read_module(module), read_module(changed))


def optimised(text: str) -> str:
    with Context() as context, context.parse(text) as module:
        module.run_without_target("default<Oz>")
        return str(module)


def refuted(source: ir.Module, target: ir.Module, attempts: int) -> tuple[set[str], int]:
    """The functions that are, and how many inputs counted."""
    wrong, counted = set(), 0
    for name, function in source.functions.items():
        twin = target.functions.get(name)
        if not function.blocks or not twin or not twin.blocks or name == "main":
            continue
        if sum(1 for _ in function.instructions()) > 100:
            continue
        made = zip(inputs(source, name, 1, fuel=FUEL), range(attempts), strict=False)
        for given, _ in made:
            judgement = judge((source, name), (target, name), given, FUEL)
            counted += judgement.counts
            if judgement.law:
                wrong.add(f"{name}: {judgement.law}")
                break
    return wrong, counted


def test_what_oz_makes_is_not_refuted(program: Callable[..., bytes]) -> None:
    wrong, counted = refuted(*both(program("json.c"), optimised), attempts=6)
    assert not wrong
    assert counted > 60


def test_a_wrong_constant_is_refuted(program: Callable[..., bytes]) -> None:
    def worse(text: str) -> str:
        return re.sub(r"(= add (?:nsw |nuw )*i\d+ %[\w.]+), 1\b", r"\1, 2", text)

    wrong, _ = refuted(*both(program("json.c"), worse), attempts=6)
    assert wrong


CHOICES = """
declare i1 @llvm.is.constant.i32(i32)
define i32 @same(i32 %x) {
  %c = call i1 @llvm.is.constant.i32(i32 %x)
  br i1 %c, label %one, label %other
one:
  %a = add i32 %x, %x
  ret i32 %a
other:
  %b = shl i32 %x, 1
  ret i32 %b
}
define i32 @differ(i32 %x) {
  %c = call i1 @llvm.is.constant.i32(i32 %x)
  %v = select i1 %c, i32 %x, i32 1000
  ret i32 %v
}
"""


def test_an_input_counts_where_all_choices_lead_to_the_same() -> None:
    with Context() as context, context.parse(CHOICES) as module:
        reading = read_module(module)
    for name, counts in (("same", True), ("differ", False)):
        made = zip(inputs(reading, name, 1, fuel=FUEL), range(4), strict=False)
        found = {judge((reading, name), (reading, name), given).counts for given, _ in made}
        assert found == {counts}
