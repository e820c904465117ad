"""A `Plan`: how one module is compiled. Pass pipelines for its functions are chosen one by one.

What `-Oz` has simplified cannot be re-ordered, so the choice is given to every function before it
is simplified: inline first, then run each function's own pipeline in place, then what concerns the
whole module. `-Oz` itself is the plan `Plan(before="default<Oz>")`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from ir_tools.llvm import Function, Module, Target


# LLVM 23 drops default<Os> and default<Oz> in favour of the attributes with O2: change it here.
OZ = "default<Oz>"
# The part of -Oz that simplifies one function, as one pass of LLVM 22.
OZ_FUNCTION = "function-simplification<Oz>"


@dataclass(frozen=True, slots=True)
class Plan:
    """The recipe for one compilation of a module. Pipelines are LLVM's text; empty ones do nothing.

    Steps, in order:
    inline     these functions are marked `alwaysinline` (write `always-inline` into `before`)
    before     a module pipeline
    functions  pairs (function, pipeline of function and loop passes), run on that function alone
    default    the pipeline of every defined function that `functions` does not name
    after      a module pipeline
    """

    inline: tuple[str, ...] = ()
    before: str = ""
    functions: tuple[tuple[str, str], ...] = ()
    default: str = ""
    after: str = ""

    @classmethod
    def of(
        cls,
        functions: Mapping[str, str],
        *,
        inline: tuple[str, ...] = (),
        before: str = "",
        after: str = "",
    ) -> Plan:
        """A plan whose function pipelines are in canonical order, so that equal plans are equal."""
        return cls(tuple(sorted(inline)), before, tuple(sorted(functions.items())), "", after)

    @property
    def digest(self) -> str:
        """A content hash that is stable between runs: 32 hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:32]

    def without(self, names: set[str]) -> Plan:
        """The same plan with the empty pipeline for these functions."""
        functions = dict(self.functions) | dict.fromkeys(names, "")
        return dataclasses.replace(self, functions=tuple(sorted(functions.items())))


def prepare(module: Module, plan: Plan, target: Target) -> Module:
    """A clone of the module after the plan's inlining and `before`: what function pipelines see."""
    prepared = module.clone()
    marked = [
        name
        for name in plan.inline
        if (function := prepared.function(name)) and not function.has_attribute("alwaysinline")
    ]
    _each(prepared, marked, lambda function: function.add_attribute("alwaysinline"))
    prepared.run(plan.before, target)
    # Whoever is left could not be inlined everywhere; the mark is ours, not the author's.
    _each(prepared, marked, lambda function: function.remove_attribute("alwaysinline"))
    return prepared


def _each(module: Module, names: list[str], change: Callable[[Function], None]) -> None:
    for name in names:
        function = module.function(name)
        if function is not None:
            change(function)


def apply(
    prepared: Module, plan: Plan, target: Target, on_function: Callable[[str], None] = lambda _: None
) -> None:
    """Run the function pipelines and `after` on a prepared module, in place.

    `on_function` is told each function's name before its pipeline runs, and "" before `after`, so
    that a crash can be blamed. Raises PipelineError, whose pipeline is the offending one.
    """
    chosen = dict(plan.functions)
    for function in list(prepared.defined_functions()):
        pipeline = chosen.get(name := function.name, plan.default)
        if pipeline:
            on_function(name)
            function.run(pipeline, target)
    on_function("")
    prepared.run(plan.after, target)
