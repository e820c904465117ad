"""A `Plan`: how one module is compiled. Pass pipelines for its functions are chosen one by one.

What `-Oz` has simplified cannot be re-ordered, so the choice is given to every function before it
is simplified: inline first, then run each function's own pipeline in place, then what concerns the
whole module. `-Oz` itself is the plan `Plan(before="default<Oz>")`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ir_tools.llvm import Module
from ir_tools.merge import merge
from ir_tools.partition import extract, extractable, original_name, split
from ir_tools.symbols import Function
from ir_tools.target import Target

# LLVM 23 drops default<Os> and default<Oz> in favour of the attributes with O2: change it here.
OZ = "default<Oz>"
# The part of -Oz that simplifies one function, as one pass of LLVM 22.
OZ_FUNCTION = "function-simplification<Oz>"
# And what -Oz runs on functions after the last inlining, vectorisers apart.
OZ_LATE = (
    "drop-unnecessary-assumes,float2int,lower-constant-intrinsics,"
    "loop(loop-rotate<no-header-duplication>,loop-deletion),instcombine<no-verify-fixpoint>,"
    "simplifycfg<forward-switch-cond;switch-range-to-icmp;switch-to-arithmetic;switch-to-lookup;"
    "no-keep-loops;hoist-common-insts;sink-common-insts>,"
    "vector-combine,instcombine<no-verify-fixpoint>,sroa<preserve-cfg>,"
    "instcombine<no-verify-fixpoint>,loop-mssa(licm),instsimplify,div-rem-pairs,tailcallelim,"
    "simplifycfg"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The recipe for one compilation of a module. Pipelines are LLVM's text; empty ones do nothing.

    Steps, in order:
    inline     these functions are marked `alwaysinline` (write `always-inline` into `before`)
    before     a module pipeline
    functions  pairs (function, pipeline of function and loop passes), run on that function alone
    default    the pipeline of every defined function that `functions` does not name
    borrowed   these functions get the body that they have after `lender`
    after      a module pipeline

    `lender` is a module pipeline that runs in the place of `before`, on a copy. It must agree with
    `before` in what it does to signatures and globals, or the plan is invalid.
    """

    inline: tuple[str, ...] = ()
    before: str = ""
    functions: tuple[tuple[str, str], ...] = ()
    default: str = ""
    borrowed: tuple[str, ...] = ()
    lender: str = ""
    after: str = ""

    @property
    def digest(self) -> str:
        """A content hash that is stable between runs: 32 hexadecimal digits."""
        values = tuple(getattr(self, field.name) for field in dataclasses.fields(self))
        return hashlib.sha256(repr(values).encode()).hexdigest()[:32]

    def without(self, names: set[str]) -> Plan:
        """The same plan with the empty pipeline for these functions."""
        functions = dict(self.functions) | dict.fromkeys(names, "")
        return dataclasses.replace(self, functions=tuple(sorted(functions.items())))


def canonical(functions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """`Plan.functions` of a mapping, so that equal choices make equal plans."""
    return tuple(sorted(functions.items()))


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


@dataclass(frozen=True, slots=True)
class Change:
    """A function before and after its own pipeline, each in a module of its own, as bitcode.

    `symbol` is the function's name there.
    """

    function: str
    symbol: str
    before: bytes
    after: bytes


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
                symbol = next(f.name for f in after.functions() if original_name(f.name) == name)
                found.append(Change(name, symbol, before.bitcode(), after.bitcode()))
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
