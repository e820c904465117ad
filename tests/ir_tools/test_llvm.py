"""LLVM in process: what is read, run, refused and emitted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ir_tools.errors import InvalidModuleError, ParseError, PipelineError
from ir_tools.installed import identity, loaded_version
from ir_tools.llvm import Context, Module
from ir_tools.target import Target

DATA = Path(__file__).parent / "data"
TEXT = """
source_filename = "text"
target triple = "x86_64-pc-linux-gnu"
@callbacks = constant [1 x ptr] [ptr @local]
define internal i32 @local(i32 %x) minsize optsize {
  %slot = alloca i32
  store i32 %x, ptr %slot
  %y = load i32, ptr %slot
  ret i32 %y
}
define i32 @caller(i32 %x) noinline {
  %y = call i32 @local(i32 %x)
  %z = call i32 @local(i32 %y)
  ret i32 %z
}
declare void @elsewhere()
"""


@pytest.fixture
def module(context: Context) -> Module:
    return context.parse(TEXT, "text")


@pytest.fixture
def target(module: Module) -> Iterator[Target]:
    with Target(module=module) as opened:
        yield opened


def test_text_and_bitcode_are_the_same_module(context: Context, module: Module) -> None:
    assert str(context.parse(module.bitcode(), "text")) == str(module)


def test_bitcode_of_llvm_14_with_typed_pointers_is_read(context: Context) -> None:
    old = context.parse((DATA / "llvm14.bc").read_bytes(), "old")
    function = old.function("sum")
    assert function is not None
    assert function.instruction_count == 12
    assert "ptr nocapture" in str(old) or "captures(none)" in str(old)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not readable|no code"),
        (b"BC\xc0\xde rest", "not readable"),
        (b"define i32 @f() { ret i33 0 }", "expected|type"),
        (b"define void @f() { unheard of }", "expected"),
    ],
)
def test_what_is_no_ir_is_refused_with_llvms_words(
    context: Context, data: bytes, message: str
) -> None:
    if not data:  # an empty file is an empty module, as for opt
        assert list(context.parse(data, "empty").functions()) == []
        return
    with pytest.raises(ParseError, match=message) as caught:
        context.parse(data, "bad input")
    assert "bad input" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_truncation_of_bitcode_is_refused(context: Context, module: Module) -> None:
    bitcode = module.bitcode()
    for length in range(4, len(bitcode) - 4, 97):
        with pytest.raises((ParseError, InvalidModuleError)):
            context.parse(bitcode[:length], "cut")


def test_a_pipeline_runs_and_a_broken_one_leaves_llvms_message(
    module: Module, target: Target
) -> None:
    with pytest.raises(PipelineError, match="unknown function pass 'srao'"):
        module.run("function(srao)", target)
    assert "alloca" in str(module)
    module.run("function(sroa)", target)
    assert "alloca" not in str(module)


def test_a_clone_is_another_module(module: Module, target: Target) -> None:
    with module.clone() as copy:
        copy.run("globaldce,function(sroa)", target)
        assert str(copy) != str(module)


def test_what_must_stay_is_known_by_name(context: Context) -> None:
    text = """
        @llvm.used = appending global [1 x ptr] [ptr @"of a b"], section "llvm.metadata"
        @llvm.compiler.used = appending global [1 x ptr] [ptr @v], section "llvm.metadata"
        @v = internal global i32 0
        @w = internal global ptr @v
        define internal void @"of a b"() { ret void }
    """
    with context.parse(text) as module:
        assert module.kept() == {"of a b", "v"}
    with context.parse("@used = global ptr null") as module:
        assert module.kept() == frozenset()


def test_an_invalid_module_is_refused(context: Context) -> None:
    with pytest.raises((InvalidModuleError, ParseError), match=r"dominate|terminator|entry"):
        context.parse("define i32 @f() { a: %x = add i32 %y, 1 %y = add i32 %x, 1 ret i32 %x }")


def test_inline_assembly_that_does_not_assemble_is_an_error_not_an_exit(context: Context) -> None:
    module = context.parse(
        'target triple = "x86_64-pc-linux-gnu"\n'
        'define void @f() { call void asm sideeffect "no such instruction", ""() ret void }'
    )
    with Target(module=module) as target, pytest.raises(InvalidModuleError, match="no code"):
        module.emit_object(target)


def test_assembly_names_the_function(module: Module, target: Target) -> None:
    assert b"caller:" in module.emit_assembly(target)


def test_the_version_and_identity_are_known() -> None:
    assert loaded_version().startswith("22.")
    assert identity() == identity() != ""
