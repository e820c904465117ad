"""Plans: what each step does, and what stays as the author wrote it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ir_tools.apply import apply, changes, prepare
from ir_tools.errors import InvalidModuleError, PipelineError
from ir_tools.llvm import Context, Module
from ir_tools.partition import extract
from ir_tools.plan import OZ, OZ_FUNCTION, OZ_LATE, Plan, canonical
from ir_tools.target import Target

TEXT = """
target triple = "x86_64-pc-linux-gnu"
define internal i32 @helper(i32 %x) minsize optsize {
  %slot = alloca i32
  store i32 %x, ptr %slot
  %y = load i32, ptr %slot
  %z = mul i32 %y, 3
  ret i32 %z
}
define i32 @first(i32 %x) minsize optsize {
  %y = call i32 @helper(i32 %x)
  ret i32 %y
}
define i32 @second(i32 %x) minsize optsize noinline {
  %slot = alloca i32
  store i32 %x, ptr %slot
  %y = load i32, ptr %slot
  ret i32 %y
}
"""


@pytest.fixture
def module() -> Iterator[Module]:
    with Context() as context:
        yield context.parse(TEXT)


@pytest.fixture
def target(module: Module) -> Iterator[Target]:
    with Target(module=module) as opened:
        yield opened


def compiled(module: Module, plan: Plan, target: Target) -> Module:
    lender = prepare(module, plan.inline, plan.lender, target) if plan.borrowed else None
    return apply(prepare(module, plan.inline, plan.before, target), plan, target, lender)


def test_the_baseline_is_the_plan_of_one_module_pipeline(module: Module, target: Target) -> None:
    direct = module.clone()
    direct.run(OZ, target)
    assert str(compiled(module, Plan(before=OZ), target)) == str(direct)


def test_each_function_gets_its_own_pipeline(module: Module, target: Target) -> None:
    result = compiled(module, Plan(functions=canonical({"second": "sroa"})), target)
    second, helper = result.function("second"), result.function("helper")
    assert second is not None
    assert helper is not None
    assert second.instruction_count == 1
    assert helper.instruction_count == 5
    result = compiled(module, Plan(functions=(("second", ""),), default="sroa"), target)
    assert str(result).count("alloca") == 1


def test_inlined_functions_are_gone_and_the_mark_is_not_left(
    module: Module, target: Target
) -> None:
    plan = Plan(inline=("helper",), before="always-inline,globaldce")
    assert [f.name for f in compiled(module, plan, target).defined_functions()] == [
        "first",
        "second",
    ]
    kept = compiled(module, Plan(inline=("helper",)), target)
    assert "alwaysinline" not in str(kept)


def test_a_mark_of_the_authors_stays(target: Target) -> None:
    with Context() as context:
        module = context.parse(TEXT.replace("%x) minsize", "%x) alwaysinline minsize", 1))
        assert "alwaysinline" in str(compiled(module, Plan(inline=("helper",)), target))


def test_borrowed_functions_have_the_lenders_body(module: Module, target: Target) -> None:
    plan = Plan(
        before="always-inline",
        functions=canonical({"first": "sroa", "second": "sroa"}),
        borrowed=("second",),
        lender="function(no-op-function)",
    )
    result = compiled(module, plan, target)
    first, second = result.function("first"), result.function("second")
    assert first is not None
    assert second is not None
    assert second.instruction_count == 4  # as the lender left it
    assert [f.name for f in result.defined_functions()] == ["helper", "first", "second"]


def test_a_lender_that_changes_signatures_is_refused(module: Module, target: Target) -> None:
    text = TEXT.replace("@helper(i32 %x)", "@helper(i32 %x, i32 %unused)", 1).replace(
        "@helper(i32 %x)", "@helper(i32 %x, i32 7)"
    )
    with Context() as context:
        plan = Plan(borrowed=("first",), lender="deadargelim")
        with pytest.raises(InvalidModuleError, match="cannot merge"):
            compiled(context.parse(text), plan, target)


def test_what_is_about_to_run_is_told(module: Module, target: Target) -> None:
    told: list[str] = []
    plan = Plan(functions=canonical({"first": "sroa", "second": "nonsense"}))
    with pytest.raises(PipelineError, match="nonsense"):
        apply(module.clone(), plan, target, on_function=told.append)
    assert told == ["first", "second"]


def test_changes_know_functions_of_a_part_by_their_names_there(
    module: Module, target: Target
) -> None:
    plan = Plan(default="sroa")
    names = ["helper", "second"]
    whole = {change.function: change for change in changes(module, plan, target, names)}
    with extract(module, names) as part:
        there = [function.name for function in part.defined_functions()]
        found = changes(part, plan, target, there)
    assert [(one.function, one.symbol) for one in found] == [(name, name) for name in there]
    assert there == [whole[name].symbol for name in names] == [".ozone.helper", "second"]
    assert all(one.after != one.before for one in found)


def test_digests_tell_plans_apart_and_stay_the_same() -> None:
    plans = [
        Plan(),
        Plan(inline=("a",)),
        Plan(before="a"),
        Plan(after="a"),
        Plan(functions=(("a", "b"),)),
        Plan(default="a"),
        Plan(borrowed=("a",)),
        Plan(lender="a"),
    ]
    assert len({plan.digest for plan in plans}) == len(plans)
    assert canonical({"b": "x", "a": "y"}) == (("a", "y"), ("b", "x"))
    assert Plan(functions=(("a", "b"),)).without({"a", "c"}).functions == (("a", ""), ("c", ""))


def test_ozs_own_function_pipelines_are_llvms(module: Module, target: Target) -> None:
    module.run(f"function({OZ_FUNCTION},{OZ_LATE})", target)
    assert "alloca" not in str(module)
