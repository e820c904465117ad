"""Functions taken out: what a part is, and what cannot leave."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_tools.errors import InvalidModuleError
from ir_tools.llvm import Context, Module
from ir_tools.merge import merge
from ir_tools.partition import extract, extractable, original_name, split
from ir_tools.target import Target, TargetOptions

Program = Callable[..., bytes]

HEADER = 'target datalayout = "e-m:e-i64:64-n8:16:32:64-S128"\ntarget triple = "x86_64-linux-gnu"\n'


def emit(module: Module) -> bytes:
    with module.clone() as copy, Target(TargetOptions(relocation_model="module"), module) as target:
        return copy.emit_object(target)


def part_text(context: Context, ir: str, names: list[str], pipeline: str) -> str:
    part = extract(context.parse(HEADER + ir), names)
    with Target(module=part) as target:
        part.run(pipeline, target)
    return str(part)


def test_a_part_defines_what_was_asked_for_under_the_same_symbols(
    context: Context, program: Program
) -> None:
    module = context.parse(program("symbols.c"))
    part = extract(module, ["sectioned", "through", "weak", "twice"])
    part.verify()
    text = str(part)
    assert {original_name(function.name) for function in part.defined_functions()} == {
        "sectioned", "through", "weak", "twice"
    }  # fmt: skip
    assert re.search(r'define .*@sectioned\(.*section "hot"', text)
    assert re.search(r"define weak .*@weak\(", text)
    assert "declare i32 @alias(i32)" in text
    assert "declare i32 @indirect(i32)" in text
    assert "@data_alias = external global i32" in text
    assert re.search(r"@.ozone.calls = external hidden thread_local.* global i32", text)
    for absent in ("module asm", "llvm.used", "llvm.global_ctors", "banner", " alias ", " ifunc "):
        assert absent not in text
    assert (part.triple, part.data_layout) == (module.triple, module.data_layout)
    assert part.flag("PIC Level") == module.flag("PIC Level")


SUBSETS = st.lists(st.integers(0, 100), max_size=40)


@settings(max_examples=30, deadline=None)
@given(first=SUBSETS, second=SUBSETS)
def test_any_functions_can_be_extracted_together(
    program: Program, first: list[int], second: list[int]
) -> None:
    with Context() as context:
        module = context.parse(program("btree.c"))
        names = extractable(module)
        ones = {names[index % len(names)] for index in first}
        others = {names[index % len(names)] for index in second} - ones
        parts = [extract(module, ones), extract(module, others)]
        for part, wanted in zip(parts, (ones, others), strict=True):
            part.verify()
            assert {original_name(f.name) for f in part.defined_functions()} == wanted
        assert emit(merge(module, parts)) == emit(module)


@pytest.mark.parametrize(
    "names", [[], ["sum"], ["main", "add"], ["fib", "main", "add", "sum", "mul"]], ids=len
)
def test_split_gives_a_part_a_name_in_the_order_asked_for(
    context: Context, program: Program, names: list[str]
) -> None:
    parts = split(context.parse(program("data.c")), names)
    defined = [[original_name(f.name) for f in part.defined_functions()] for part in parts]
    assert defined == [[name] for name in names]


def test_constants_fold_in_a_part_and_variables_do_not(context: Context) -> None:
    ir = """
        @constant = internal constant i32 41
        @variable = internal global i32 42
        @weak = weak constant i32 43
        @sealed = linkonce_odr externally_initialized constant i32 44
        define i32 @f() { %v = load i32, ptr @constant ret i32 %v }
        define i32 @g() { %v = load i32, ptr @variable ret i32 %v }
        define i32 @h() { %v = load i32, ptr @weak ret i32 %v }
        define i32 @i() { %v = load i32, ptr @sealed ret i32 %v }
    """
    text = part_text(context, ir, ["f", "g", "h", "i"], "instsimplify")
    assert re.findall(r"ret i32 (\S+)", text) == ["41", "%v", "%v", "%v"]


def test_an_own_function_is_not_taken_for_the_librarys(context: Context) -> None:
    ir = """
        @s = private unnamed_addr constant [4 x i8] c"abc\\00"
        define internal i64 @strlen(ptr %s) { ret i64 7 }
        define i64 @f() { %n = call i64 @strlen(ptr @s) ret i64 %n }
    """
    text = part_text(context, ir, ["f"], "instcombine<no-verify-fixpoint>")
    assert "call i64 @.ozone.strlen" in text


def test_a_part_can_be_split_further(context: Context, program: Program) -> None:
    module = context.parse(program("data.c"))
    half = extract(module, ["main", "fib", "sum", "next_id"])
    inner = extract(half, [name for name in extractable(half) if original_name(name) == "fib"])
    assert emit(merge(module, [inner])) == emit(module)
    assert emit(merge(module, [merge(half, [inner])])) == emit(module)


# --- refusals ----------------------------------------------------------------------------------

TIED = """
    @labels = global [1 x ptr] [ptr blockaddress(@tied, %there)]
    @own = internal global [1 x ptr] [ptr blockaddress(@alone, %there)]
    define ptr @tied() {
      br label %there
    there:
      ret ptr @labels
    }
    define ptr @alone() {
      br label %there
    there:
      ret ptr @own
    }
    define ptr @one() {
      br label %there
    there:
      ret ptr null
    }
    define ptr @other() { ret ptr blockaddress(@one, %there) }
    define void @free() { ret void }
    declare void @declared()
"""


def test_functions_tied_by_addresses_of_blocks_stay(context: Context) -> None:
    module = context.parse(HEADER + TIED)
    assert extractable(module) == ["alone", "free"]
    for name in ("tied", "one", "other"):
        with pytest.raises(InvalidModuleError, match=f"'{name}'.*blocks"):
            extract(module, ["free", name])
    assert emit(merge(module, split(module, extractable(module)))) == emit(module)


@pytest.mark.parametrize("name", ["declared", "absent", "", "labels"])
def test_only_defined_functions_can_be_extracted(context: Context, name: str) -> None:
    with pytest.raises(InvalidModuleError, match=f"'{name}'.*does not define"):
        extract(context.parse(HEADER + TIED), [name])


def test_a_taken_name_is_refused(context: Context) -> None:
    ir = "@a = internal global i32 1 @.ozone.a = global ptr @a define void @f() { ret void }"
    module = context.parse(HEADER + ir)
    with pytest.raises(InvalidModuleError, match=r"'\.ozone\.a' is taken"):
        extract(module, ["f"])
    with pytest.raises(InvalidModuleError, match=r"'\.ozone\.a' is taken"):
        merge(module, [])
