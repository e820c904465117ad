"""From cheap to dear: are two functions the same, is one a refinement, do they behave alike?

The rungs: identical after renaming, then SMT (`ir_tools.verify.smt`), then alive-tv where there is
one (`ir_tools.verify.alive`), then execution (`ir_tools.verify.execution`). Each is a function of
its own, since a solver may have to be killed: `envs` runs them in workers, one by one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from ir_tools.errors import NotComparableError
from ir_tools.llvm import Context
from ir_tools.verify import ir
from ir_tools.verify.constants import with_constants
from ir_tools.verify.reader import read_module
from ir_tools.verify.verdict import Effort, Kind, Side, Verdict

Pair = tuple[tuple[ir.Module, ir.Function], tuple[ir.Module, ir.Function]]


def read_pair(source: Side, target: Side) -> Pair:
    """Both sides as values. Raises ParseError, NotComparableError."""
    first, second = _read(source), _read(target)
    if first[1].type != second[1].type:
        raise NotComparableError(
            f"@{first[1].name} is a {first[1].type} and @{second[1].name} a {second[1].type}: "
            "only functions of the same type can be compared"
        )
    if first[0].layout.pointer_bits != second[0].layout.pointer_bits:
        raise NotComparableError("the modules are for machines with other pointers")
    return first, (with_constants(second[0], first[0]), second[1])


def _read(side: Side) -> tuple[ir.Module, ir.Function]:
    with Context() as context, context.parse(side.data, f"@{side.function}") as parsed:
        module = read_module(parsed)
    function = module.functions.get(side.function)
    if function is None or not function.blocks:
        defined = [name for name, each in module.functions.items() if each.blocks]
        known = ", ".join(f"@{name}" for name in defined[:8]) or "none"
        raise NotComparableError(f"no function @{side.function}: defined are {known}")
    return module, function


def by_identity(source: Side, target: Side, effort: Effort) -> Verdict | None:
    """Proved, when both are the same but for names; None otherwise."""
    (source_module, source_function), (target_module, target_function) = read_pair(source, target)
    if canonical(source_function) != canonical(target_function):
        return None
    used = set(_globals(target_function))
    if _meanings(source_module, used) != _meanings(target_module, used):
        return None
    return Verdict(Kind.PROVED, "identical")


def by_smt(source: Side, target: Side, effort: Effort) -> Verdict:
    """What the solver says within its time."""
    (source_module, one), (target_module, other) = read_pair(source, target)
    sizes = [sum(1 for _ in function.instructions()) for function in (one, other)]
    most = effort.smt_instructions
    if most is not None and max(sizes) > most:
        reason = f"{max(sizes)} instructions are too many for SMT with this little time"
        return Verdict(Kind.UNKNOWN, "smt", reason, of_source=sizes[0] > most)
    from ir_tools.verify.smt import refine  # z3 takes a while to load

    return refine.check(
        (source_module, source.function), (target_module, target.function),
        unroll=effort.unroll, timeout_s=effort.smt_s,
    )  # fmt: skip


def by_alive(source: Side, target: Side, effort: Effort) -> Verdict | None:
    """What alive-tv says, where there is one."""
    from ir_tools.verify import alive

    program = alive.tool()
    if program is None:
        return None
    (_, one), (_, other) = read_pair(source, target)
    return alive.check(program, source, target, effort, (one, other))


def by_execution(source: Side, target: Side, effort: Effort) -> Verdict:
    """What running both on generated inputs says."""
    from ir_tools.verify.execution.execute import execute

    return _run(execute, source, target, effort)


def by_interpretation(source: Side, target: Side, effort: Effort) -> Verdict:
    """What execution says without machine code: refuted, or unknown."""
    from ir_tools.verify.execution.execute import interpret

    return _run(interpret, source, target, effort)


def _run(judge: Callable[..., Verdict], source: Side, target: Side, effort: Effort) -> Verdict:
    read_pair(source, target)
    return judge(
        (source.data, source.function), (target.data, target.function),
        runs=effort.runs, seed=effort.seed, timeout_s=effort.execution_s,
    )  # fmt: skip


def canonical(function: ir.Function) -> ir.Function:
    """The function with its locals and blocks numbered in order."""
    names: dict[str, str] = {}
    for name in _locals(function):
        names.setdefault(name, f"%{len(names)}")
    return dataclasses.replace(
        function,
        name="",
        is_local=False,
        may_be_replaced=False,
        parameters=tuple(
            dataclasses.replace(each, name=names[each.name]) for each in function.parameters
        ),
        blocks=tuple(
            ir.Block(names[block.name], tuple(_renamed(i, names) for i in block.instructions))
            for block in function.blocks
        ),
    )


def _locals(function: ir.Function) -> Iterator[str]:
    for parameter in function.parameters:
        yield parameter.name
    for block in function.blocks:
        yield block.name
        yield from (each.name for each in block.instructions if each.name)


def _renamed(instruction: ir.Instruction, names: Mapping[str, str]) -> ir.Instruction:
    return dataclasses.replace(
        instruction,
        name=names.get(instruction.name, ""),
        operands=tuple(_value(each, names) for each in instruction.operands),
        targets=tuple(names[target] for target in instruction.targets),
        call=instruction.call and _call(instruction.call, names),
    )


def _call(call: ir.Call, names: Mapping[str, str]) -> ir.Call:
    bundles = tuple((tag, tuple(_value(v, names) for v in values)) for tag, values in call.bundles)
    return dataclasses.replace(call, callee=_value(call.callee, names), bundles=bundles)


def _value(value: ir.Value, names: Mapping[str, str]) -> ir.Value:
    return ir.Local(value.type, names[value.name]) if isinstance(value, ir.Local) else value


def _globals(function: ir.Function) -> list[str]:
    """Every global that the function names, directly or in a constant."""
    found: list[str] = []
    pending: list[ir.Value] = []
    for instruction in function.instructions():
        pending += instruction.operands
        if instruction.call:
            pending.append(instruction.call.callee)
            pending += [value for _, values in instruction.call.bundles for value in values]
    while pending:
        match pending.pop():
            case ir.GlobalRef(_, name):
                found.append(name)
            case ir.Expression(instruction):
                pending += instruction.operands
            case ir.Aggregate(_, elements):
                pending += elements
    return found


def _meanings(module: ir.Module, names: set[str]) -> dict[str, object]:
    """What these globals are: for a function its type and attributes, not its body."""
    meanings: dict[str, object] = {}
    for name in names:
        if name in module.functions:
            function = module.functions[name]
            parameters = tuple(each.attributes for each in function.parameters)
            meanings[name] = (function.type, function.attributes, function.result, parameters)
        else:
            meanings[name] = module.variables.get(name) or module.aliases.get(name)
    return meanings
