"""A corpus has functions as Ozone's function pipelines meet them, each in a module of its own."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.optimise import inlined_by
from anghabench.duplicates import similarity
from anghabench.functions import DELETED, INLINE_ASM, Parts, instructions, shingles
from envs.evaluation import Job, Source
from envs.evaluator import Evaluator
from envs.pool import Reply, Request
from ir_tools import recipe
from ir_tools.canonical import canonical_text
from ir_tools.clang import unoptimised_bitcode
from ir_tools.llvm import Context
from ir_tools.partition import original_name
from ir_tools.plan import OZ, Plan
from ir_tools.target import TargetOptions

TARGET = TargetOptions(relocation_model="module")
C = """
static int once(int x) { return x * x + 3; }
int user(int n) { int s = 0; for (int i = 0; i < n; i++) s += once(i); return s; }
void nothing(void) {}
int barrier(int *p) { int v = *p; __asm__ volatile("" ::: "memory"); return v + *p; }
extern inline __attribute__((gnu_inline)) int copy(int a, int b) { return a * b - 7; }
int caller(int a) { return copy(a, a) + copy(3, a); }
__attribute__((optnone, noinline)) int debug(int a) { return a + a * 3; }
const char *message(int i) { return i ? "a compiler" : "a program"; }
"""
TIED = """
@labels = global [1 x ptr] [ptr blockaddress(@tied, %there)]
define i32 @tied(i32 %a) minsize optsize {
  %b = mul i32 %a, %a
  br label %there
there:
  ret i32 %b
}
"""


@pytest.fixture(scope="module")
def evaluator() -> Any:
    with Evaluator(1) as evaluator:
        yield evaluator


def taken_apart(evaluator: Evaluator, source: Source) -> Parts:
    (reply,) = evaluator.ask([Request("parts", source, (TARGET,))])
    assert isinstance(reply, Reply), reply
    assert isinstance(reply.value, Parts)
    return reply.value


@pytest.mark.parametrize("name", ["json", "tinyfs"])
def test_parts_are_what_the_optimiser_gives_a_pipeline(
    name: str, evaluator: Evaluator, examples: Mapping[str, Source]
) -> None:
    source = examples[name]
    (baseline,) = evaluator.evaluate([Job(source, Plan(before=OZ), TARGET)])
    info = evaluator.inspect(source)
    inlined = inlined_by(info, baseline)
    assert inlined
    functions = {f.name: "function(sroa)" for f in info.functions}
    job = Job(source, recipe.plan(functions, inlined), TARGET)
    expected = {}
    with Context() as context:
        for change in evaluator.changes(job, list(functions)):
            with context.parse(change.before) as module:
                expected[change.function] = canonical_text(module)
        parts = taken_apart(evaluator, source).parts
        found = {}
        for part in parts:
            with context.parse(part.bitcode) as module:
                found[part.function] = canonical_text(module)
                (function,) = module.defined_functions()
                assert function.name == part.symbol
                assert original_name(part.symbol) == part.function
                assert function.instruction_count == part.instructions
    assert len(found) > 10
    assert {**expected, **found} == expected


def test_what_is_left_out_is_counted_and_what_is_known_is_marked(
    evaluator: Evaluator, compile_c: Any
) -> None:
    parts = taken_apart(evaluator, compile_c(C, "c.c"))
    marks = {part.function: part.marks for part in parts.parts}
    assert marks == {
        "user": (), "barrier": (INLINE_ASM,), "caller": (), "copy": (DELETED,), "message": (),
    }  # fmt: skip
    assert parts.left_out == {"fewer than 3 instructions": 1, "not compiled for size": 1}


def test_functions_tied_by_computed_goto_are_left_out(evaluator: Evaluator) -> None:
    parts = taken_apart(evaluator, Source("tied.ll", TIED.encode()))
    assert (parts.parts, parts.left_out) == ((), {"tied to others by computed goto": 1})


def test_the_folder_makes_no_difference_and_debug_information_none_that_is_compared(
    evaluator: Evaluator, tmp_path: Path, clang: str
) -> None:
    found = []
    for folder, options in (("here", []), ("there/below", []), ("here", ["-g"])):
        path = tmp_path / folder / "c.c"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(C)
        source = Source(str(path), unoptimised_bitcode(path, options))
        found.append(taken_apart(evaluator, source).parts)
    first, elsewhere, debug = found
    assert first == elsewhere
    for one, other in zip(first, debug, strict=True):
        assert one == dataclasses.replace(other, bitcode=one.bitcode)
        assert b"c.c" in one.bitcode
        assert len(other.bitcode) < len(one.bitcode) + 200


def test_shingles_do_not_see_names_but_see_operations_and_constants(
    evaluator: Evaluator, compile_c: Any
) -> None:
    def of(text: str) -> bytes:
        (part,) = taken_apart(evaluator, compile_c(text, "one.c")).parts
        return part.shingles

    text = "int g(int); int f(int a, int b) { for (; a < b; a++) b -= g(a * 5) ^ a; return b; }"
    renamed = text.replace("g(", "other(").replace("f(", "z_f(")
    assert of(renamed) == of(text)
    assert 0.5 < similarity(of(text), of(text.replace("5", "7"))) < 1
    assert similarity(of(text), of("int f(int *p) { return p[1] << p[0]; }")) < 0.2


def test_a_function_shorter_than_a_shingle_has_one_all_the_same() -> None:
    assert len(shingles([])) == len(shingles(["  ret void"])) == 4
    assert shingles([]) != shingles(["  ret void"])


def test_text_in_quotes_is_no_value_and_no_symbol() -> None:
    lines = [f'  call void asm sideeffect "mov %{n}", "r"(i32 %{n}) #{n}' for n in (1, 2)]
    assert shingles(lines[:1]) != shingles(lines[1:])
    same = [re.sub(r'"mov %\d"', '"mov"', line) for line in lines]
    assert shingles(same[:1]) == shingles(same[1:])


def test_labels_are_no_instructions() -> None:
    text = "define void @f() {\n  br label %1\n\n1:\n  ret void\n}\n"
    assert instructions(text) == ["  br label %1", "  ret void"]
