"""Intrinsics that touch memory, make promises, or end the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter import attributes
from ir_tools.verify.interpreter.concrete import POISON, UNDEF, Undef, Undefined, Unsupported
from ir_tools.verify.interpreter.interpreter import Ended, Status
from ir_tools.verify.interpreter.storage import NULL, Pointer

Bundles = list[tuple[str, list[Any]]]


@dataclass(frozen=True, slots=True)
class Context:
    call: ir.Call
    types: list[ir.Type]
    result: ir.Type


Effect = Callable[[Any, Context, list[Any], Bundles], Any]

# No meaning for the result of a program.
IGNORED = frozenset(
    "dbg.value dbg.declare dbg.label dbg.assign sideeffect donothing prefetch var.annotation "
    "experimental.noalias.scope.decl invariant.end pseudoprobe fake.use instrprof.increment".split()
)


def _assume(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> None:
    if arguments[0] != 1 or not isinstance(arguments[0], int):
        raise Undefined("assume of what is not true")
    for tag, values in bundles:
        _assume_bundle(machine, tag, values)


def _assume_bundle(machine: Any, tag: str, values: list[Any]) -> None:
    if tag in ("cold", "ignore", "separate_storage"):
        return
    subject = values[0]
    if not attributes.is_defined(subject):
        raise Undefined(f"assume: {tag} of an undefined value")
    if tag == "noundef":
        return
    if tag == "align":
        moved = values[2] if len(values) > 2 else 0
        if not _aligned(subject, values[1], moved):
            raise Undefined("assume: not aligned")
    elif tag == "nonnull":
        if subject == NULL:
            raise Undefined("assume: null")
    elif tag == "dereferenceable":
        if not attributes.is_dereferenceable(subject, values[1]):
            raise Undefined("assume: not dereferenceable")
    else:
        raise Unsupported(f"assume with the bundle {tag}")


def _aligned(subject: Any, align: Any, moved: Any) -> bool:
    if not isinstance(align, int) or not isinstance(moved, int) or not isinstance(subject, Pointer):
        return False
    return bool(align) and (subject.address - moved) % align == 0


def _expect(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> Any:
    return arguments[0]


def _trap(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> None:
    raise Ended(Status.TRAPPED, context.call.name)


def _length(value: Any) -> int:
    if not isinstance(value, int):
        raise Undefined("a length that is undefined")
    return value


def _align_of(context: Context, index: int) -> int:
    attributes_ = context.call.parameters[index] if context.call.parameters else {}
    align = attributes_.get("align", 1)
    return align if isinstance(align, int) else 1


def _copy(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> None:
    to, from_, size = arguments[0], arguments[1], _length(arguments[2])
    _check_alignment(context, arguments, (0, 1))
    if not size:
        return
    source, start = machine.memory.access(from_, size, 1, False)
    target, at = machine.memory.access(to, size, 1, True)
    is_move = "memmove" in context.call.name
    if source is target and not is_move and start != at and abs(start - at) < size:
        raise Undefined("memcpy between overlapping ranges")
    machine.fuel -= size // 8
    machine.memory.copy(target, at, source, start, size)


def _check_alignment(context: Context, arguments: list[Any], indices: tuple[int, ...]) -> None:
    for index in indices:
        if not attributes.is_aligned(arguments[index], _align_of(context, index)):
            raise Undefined(f"{context.call.name}: a misaligned pointer")


def _fill(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> None:
    to, byte, size = arguments[0], arguments[1], _length(arguments[2])
    _check_alignment(context, arguments, (0,))
    if size:
        machine.fuel -= size // 8
        block, at = machine.memory.access(to, size, 1, True)
        machine.memory.fill(block, at, size, byte)


def _lifetime(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> None:
    pointer = arguments[-1]
    if not isinstance(pointer, Pointer) or pointer.block is None:
        if pointer is POISON:
            return
        raise Undefined("lifetime of no block")
    block = pointer.block
    if block.kind != "alloca":
        return
    block.live = "start" in context.call.name
    block.state[:] = bytes([UNDEF]) * block.size
    block.version += 1


def _stack(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> Any:
    """Blocks between stacksave and stackrestore live on until the function returns."""
    return NULL


def _same_pointer(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> Any:
    return arguments[0]


def _ptrmask(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> Any:
    def mask(pointer: Any, bits: Any) -> Any:
        if pointer is POISON or bits is POISON:
            return POISON
        bits = machine.memory.concrete(bits)
        if isinstance(pointer, Undef):
            raise Unsupported("ptrmask of undef")
        cut = pointer.address & ~bits
        if pointer.block is not None and pointer.block.local and cut % pointer.block.align:
            machine.memory.choose("address", 1 << 64)
        return Pointer(pointer.block, pointer.offset - cut)

    pointer, bits = arguments
    if isinstance(pointer, tuple):
        return tuple(mask(*lane) for lane in zip(pointer, bits, strict=True))
    return mask(pointer, bits)


def _is_constant(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> Any:
    return machine.memory.choose("is.constant", 2)


def _objectsize(machine: Any, context: Context, arguments: list[Any], bundles: Bundles) -> Any:
    """Unknown, or the size: LLVM's choice."""
    bits = machine.module.layout.bits(context.result)
    machine.memory.choose("objectsize", 1 << 64)
    return 0 if arguments[1] else (1 << bits) - 1


EFFECTS: dict[str, Effect] = {
    "assume": _assume,
    "expect": _expect,
    "expect.with.probability": _expect,
    "annotation": _expect,
    "ssa.copy": _expect,
    "trap": _trap,
    "debugtrap": _trap,
    "ubsantrap": _trap,
    "memcpy": _copy,
    "memcpy.inline": _copy,
    "memmove": _copy,
    "memset": _fill,
    "memset.inline": _fill,
    "lifetime.start": _lifetime,
    "lifetime.end": _lifetime,
    "stacksave": _stack,
    "stackrestore": lambda machine, context, arguments, bundles: None,
    "invariant.start": _stack,
    "launder.invariant.group": _same_pointer,
    "strip.invariant.group": _same_pointer,
    "threadlocal.address": _same_pointer,
    "ptr.annotation": _same_pointer,
    "ptrmask": _ptrmask,
    "is.constant": _is_constant,
    "objectsize": _objectsize,
}
