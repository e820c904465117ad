"""Carries out a `Plan` on a module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ir_tools.llvm import Module
from ir_tools.merge import merge
from ir_tools.partition import extract, extractable, split
from ir_tools.plan import Change, Plan
from ir_tools.symbols import Function
from ir_tools.target import Target


def prepare(module: Module, inline: Iterable[str], before: str, target: Target) -> Module:
    """A clone of the module after inlining and a pipeline: what function pipelines see."""
    prepared = module.clone()
    marked = [
        name
        for name in inline
        if (function := prepared.function(name)) and not function.has_attribute("alwaysinline")
    ]
    _each(prepared, marked, lambda function: function.add_attribute("alwaysinline"))
    prepared.run(before, target)
    # Whoever is left could not be inlined everywhere; the mark is ours, not the author's.
    _each(prepared, marked, lambda function: function.remove_attribute("alwaysinline"))
    return prepared


def _each(module: Module, names: list[str], change: Callable[[Function], None]) -> None:
    for name in names:
        function = module.function(name)
        if function is not None:
            change(function)


def apply(
    prepared: Module,
    plan: Plan,
    target: Target,
    lender: Module | None = None,
    on_function: Callable[[str], None] = lambda _: None,
) -> Module:
    """A new module: the plan's function pipelines, borrowed bodies and `after` on a prepared one.

    `on_function` is told each function's name before its pipeline runs, and "" before `after`, so
    that a crash can be blamed. Raises PipelineError, InvalidModuleError.
    """
    module = prepared.clone()
    try:
        _run_functions(module, plan, target, on_function)
        on_function("")
        if lender is not None:
            module = _borrow(module, lender, plan.borrowed)
        module.run(plan.after, target)
    except BaseException:
        module.close()
        raise
    return module


def changes(
    prepared: Module,
    plan: Plan,
    target: Target,
    names: Sequence[str],
    on_function: Callable[[str], None] = lambda _: None,
) -> list[Change]:
    """What the plan's function pipelines do to the functions `names` of a prepared module.

    Those that are not there any more are left out; those that cannot be taken out of their module
    (computed goto) have no symbol.
    """
    with prepared.clone() as module:
        _run_functions(module, plan, target, on_function)
        on_function("")
        alone = {*extractable(prepared)} & {*extractable(module)}
        there = [name for name in names if name in {f.name for f in module.defined_functions()}]
        found = [Change(name, "", b"", b"") for name in there if name not in alone]
        taken = [name for name in there if name in alone]
        for name, before, after in zip(
            taken, split(prepared, taken), split(module, taken), strict=True
        ):
            with before, after:
                (function,) = after.defined_functions()
                found.append(Change(name, function.name, before.bitcode(), after.bitcode()))
        return found


def _run_functions(
    module: Module, plan: Plan, target: Target, on_function: Callable[[str], None]
) -> None:
    chosen = dict(plan.functions) | dict.fromkeys(plan.borrowed, "")
    for function in list(module.defined_functions()):
        pipeline = chosen.get(name := function.name, plan.default)
        if pipeline:
            on_function(name)
            function.run(pipeline, target)


def _borrow(module: Module, lender: Module, names: Iterable[str]) -> Module:
    """The module with the lender's bodies; it is closed, and another one returned."""
    there = set(extractable(lender))
    with module, extract(lender, [name for name in names if name in there]) as part:
        return merge(module, [part])
