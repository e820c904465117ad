"""Promises that the target makes and the source does not: checked, or unsupported.

A target that breaks a promise of its own is undefined where the source is not. Those of values are
in `smt.promises`; here are those on what a function and its calls do.
"""

from __future__ import annotations

from ir_tools.verify import ir
from ir_tools.verify.smt import effects as effect
from ir_tools.verify.smt.library import is_library
from ir_tools.verify.smt.origins import Origins
from ir_tools.verify.smt.session import Session
from ir_tools.verify.smt.values import UnsupportedError

# Harmless: they are hints, or concern code generation, or are checked elsewhere.
_HARMLESS = frozenset({
    "alwaysinline", "cold", "convergent", "inreg", "minsize", "mustprogress", "noext", "noinline",
    "noprofile", "noreturn", "optnone", "optsize", "signext", "zeroext", "uwtable", "immarg",
    "nobuiltin", "nocreateundeforpoison", "noduplicate",
    "align", "dereferenceable", "dereferenceable_or_null", "nofpclass", "nonnull", "noundef",
    "range", "returned",
})  # fmt: skip
_HARMLESS_INTRINSICS = ("llvm.lifetime.", "llvm.mem", "llvm.assume", "llvm.dbg.")
# What a function has, if all that it calls has one of these.
_BY_CALLS = {
    "nofree": ("nofree",),
    "nosync": ("nosync",),
    "nounwind": ("nounwind",),
    "willreturn": ("willreturn",),
    "norecurse": ("norecurse", "nocallback"),
    "nocallback": ("nocallback",),
}
_BY_ACCESS = ("memory", "readnone", "readonly", "writeonly")  # see `smt.rights`
_DOUBTFUL_IN_SOURCE = frozenset({"noalias", "sret", "writable", "captures", "dead_on_unwind"})


def check_added(session: Session) -> None:
    """Raises UnsupportedError for what cannot be checked."""
    source, target = session.source.function, session.target.function
    for name in sorted(set(target.attributes) - set(source.attributes) - _HARMLESS):
        if name in _BY_CALLS:
            if not all(_has(session, call, name) for call in _calls(target)):
                raise UnsupportedError(f"the target is {name}, and so must be all that it calls")
        elif name not in _BY_ACCESS:
            raise UnsupportedError(f"the target is {name}")
    for index, (one, other) in enumerate(zip(source.parameters, target.parameters, strict=True)):
        _check_parameter(session, index, one.attributes, other.attributes)
    for name, value in target.result.items():
        if name not in _HARMLESS and source.result.get(name) != value:
            raise UnsupportedError(f"the target's result is {name}")
    _check_source(session)


def _check_source(session: Session) -> None:
    """What makes the source less defined than this encoding knows."""
    source = session.source.function
    doubtful = {name for each in source.parameters for name in each.attributes}
    doubtful &= _DOUBTFUL_IN_SOURCE
    if doubtful:
        session.approximate(f"a parameter with {', '.join(sorted(doubtful))}")
    if source.is_local:
        session.approximate("a local function, whose callers are known")


def _check_parameter(
    session: Session, index: int, source: ir.Attributes, target: ir.Attributes
) -> None:
    for name, value in target.items():
        if name in _HARMLESS or name in _BY_ACCESS or source.get(name) == value:
            continue
        if name == "captures" and not _captures(session, index) & ~int(str(value)):
            continue
        if name == "nofree" and all(
            _has(session, c, name) for c in _calls(session.target.function)
        ):
            continue
        raise UnsupportedError(f"the target adds {name}")


def _captures(session: Session, index: int) -> int:
    """The ways in which the target may let an argument out."""

    def of_call(instruction: ir.Instruction, operand: int) -> int:
        assert instruction.call is not None
        callee = session.target.module.functions.get(instruction.call.name)
        promised = effect.parameter(instruction.call, callee, operand)
        if "returned" in promised:
            return 0xFF
        mask = promised.get("captures", 0xFF)
        assert isinstance(mask, int)
        if instruction.call.name.startswith(_HARMLESS_INTRINSICS):
            return 0
        return 0xFF if mask & 0x0F else mask  # the result is not followed

    return Origins(session.target.function).captures(f"arg{index}", of_call)


def _calls(function: ir.Function) -> list[ir.Instruction]:
    return [each for each in function.instructions() if each.call is not None]


def _has(session: Session, instruction: ir.Instruction, name: str) -> bool:
    """Whether what is called is known to have an attribute, or one that is as good."""
    assert instruction.call is not None
    called = instruction.call.name
    callee = session.target.module.functions.get(called)
    if called.startswith("llvm."):
        return True
    attributes = set(instruction.call.attributes) | set(session.source.function.attributes)
    if callee is not None:
        attributes |= set(callee.attributes)
    memory = effect.mask(instruction.call.attributes)
    memory &= effect.mask(callee.attributes if callee else {})
    if name == "nofree" and not memory & 0xAAA:
        return True
    if name == "norecurse" and is_library(called):
        return True
    return bool(attributes & set(_BY_CALLS[name]))
