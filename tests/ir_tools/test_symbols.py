"""Functions and variables of a module: what is read, changed and run on one alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ir_tools.llvm import Context, Module
from ir_tools.symbols import GlobalValue, Linkage
from ir_tools.target import Target

TEXT = """
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
    return context.parse(TEXT)


@pytest.fixture
def target(module: Module) -> Iterator[Target]:
    with Target(module=module) as opened:
        yield opened


def test_what_a_function_is_can_be_read_and_changed(module: Module) -> None:
    local = module.function("local")
    assert local is not None
    assert local.linkage is Linkage.INTERNAL
    assert local.has_attribute("minsize")
    local.remove_attribute("minsize")
    local.add_attribute("alwaysinline")
    assert not local.has_attribute("minsize")
    assert local.has_attribute("alwaysinline")
    assert [user.name if user else None for user in local.users()].count("caller") == 2
    assert None in local.users()  # the table of callbacks
    assert module.function("nobody") is None
    assert [f.name for f in module.defined_functions()] == ["local", "caller"]


def test_a_function_pipeline_changes_one_function(module: Module, target: Target) -> None:
    before = module.instruction_count
    caller, local = module.function("caller"), module.function("local")
    assert caller is not None
    assert local is not None
    caller.run("sroa", target)
    assert module.instruction_count == before
    local.run("function(sroa)", target)
    assert module.instruction_count == before - 3


def test_symbols_enumerate_everything(context: Context) -> None:
    module = context.parse("@v = global i32 0 @a = alias i32, ptr @v define void @f() { ret void }")
    assert [symbol.name for symbol in module.symbols()] == ["f", "v", "a"]
    assert all(isinstance(symbol, GlobalValue) for symbol in module.symbols())
