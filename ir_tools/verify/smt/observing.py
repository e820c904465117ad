"""Refinement of memories: all that the caller, or a callee, can see in them.

Only what was written on either side is compared, place by place: all else is as it was. Bytes are
compared with bytes, and pointers with pointers where either side wrote a pointer. Where a pointer
was, there has to be one still: its address as a number is less. Of what was copied, pointers are
looked for at every eighth byte; which ones lie across these is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import z3

from ir_tools.verify.smt import addressing, ops, pointers
from ir_tools.verify.smt import bytes as runs
from ir_tools.verify.smt.liveness import alive
from ir_tools.verify.smt.logic import FALSE, TRUE, both, either, equal, implies, negate
from ir_tools.verify.smt.memory import Memory
from ir_tools.verify.smt.nodes import (
    Copy,
    Event,
    Fill,
    Forget,
    Life,
    MayFree,
    Merge,
    MergeLife,
    SetAlive,
    Unknown,
    Write,
)  # fmt: skip
from ir_tools.verify.smt.pointers import Place, moved
from ir_tools.verify.smt.values import BudgetError, Choices, Scalar, Value
from ir_tools.verify.smt.world import World

_EACH_BYTE = 256  # a longer range is compared at an arbitrary byte of it


def refines(
    world: World, source: Memory, target: Memory, at_return: bool = True,
    values_only: bool = False, hidden: frozenset[int] = frozenset(),
) -> z3.BoolRef:  # fmt: skip
    """Whether the target's memory is one that the source's allows.

    `at_return` the function's own stack is gone; before a call it is visible where it was captured,
    but for the blocks that are `hidden`.
    `values_only`: whatever a number in place of a pointer loses. What breaks this breaks both, and
    without the doubts of `World.weak_mismatches`.
    Arbitrary bytes are free variables named `byte.*`: the formula is meant for all of them.
    """
    if values_only:
        source, target = replace(source, tags=None), replace(target, tags=None)
    try:
        facts = [
            _same_range(world, source, target, event, at_return)
            for event in _changes(source, target)
            if event.place.number not in hidden
        ]
    except RecursionError:
        raise BudgetError("memory has too long a history") from None
    return both(*facts, *_same_lives(world, source, target, at_return))


def _changes(source: Memory, target: Memory) -> Iterator[Write | Fill | Copy]:
    """The writes of either side, each place once."""
    seen: set[tuple[int, int, bool, int]] = set()
    for memory in (source, target):
        for event in _events(memory.events):
            if isinstance(event, Write):
                key = event.place.key, event.size, event.is_pointer, event.align
            elif isinstance(event, Fill | Copy):
                key = event.place.key, -event.length.get_id(), isinstance(event, Copy), 1
            else:
                continue
            if key not in seen:
                seen.add(key)
                yield event


def _events(last: Event) -> list[Event]:
    """All events of a history, each once."""
    found: dict[Event, None] = {}
    todo: list[Event] = [last]
    while todo:
        event = todo.pop()
        if event in found:
            continue
        found[event] = None
        match event:
            case Merge(_, then, other):
                todo += [other, then]
            case Write() | Fill() | Copy() | Forget() | Unknown():
                todo.append(event.before)
    return list(found)


def _same_range(
    world: World, source: Memory, target: Memory, event: Write | Fill | Copy, at_return: bool
) -> z3.BoolRef:
    """Whether the target refines the source wherever that event wrote."""
    if not _is_visible(world, source, target, event.place, at_return):
        return TRUE
    seen = _seen(world, source, event.place, at_return)
    if isinstance(event, Write):
        if event.is_pointer:
            same = _same_pointer(source, target, event.place, event.align)
        else:
            same = _same_bytes(world, source, target, event.place, event.size, event.align)
        return implies(seen, same)
    length = event.length
    if z3.is_bv_value(length) and length.as_long() <= _EACH_BYTE:
        count = length.as_long()
        facts = [_same_bytes(world, source, target, event.place, count, 1)]
        if isinstance(event, Copy):
            facts += _same_words(source, target, event.place, count)
        return implies(seen, both(*facts))
    distance = z3.BitVec(f"byte.{event.place.key}", world.width)
    at = moved(event.place, distance)
    facts = [_same_bytes(world, source, target, at, 1, 1)]
    if isinstance(event, Copy):
        same = _same_pointer(source, target, at, 1)
        facts.append(implies(z3.URem(distance, world.width // 8) == 0, same))
    return implies(both(seen, z3.ULT(distance, length)), both(*facts))


def _same_words(source: Memory, target: Memory, place: Place, count: int) -> Iterator[z3.BoolRef]:
    """Whether pointers that were copied are the same, at distances that suit them."""
    size = source.world.width // 8
    for distance in range(0, count - size + 1, size):
        at = place.plus(distance)
        tags = source.tags.bytes(source.events, at, size, 1) if source.tags else ()
        if not source.tags or not all(_is_zero(part.bits) for part in tags):
            yield _same_pointer(source, target, at, 1)


def _is_visible(
    world: World, source: Memory, target: Memory, place: Place, at_return: bool
) -> bool:
    if pointers.is_private(place.block):
        return False
    blocks = [
        world.block(memory.side, place.number)
        for memory in (source, target)
        if place.number is not None
    ]
    return not (at_return and any(block and block.is_stack for block in blocks))


def _seen(world: World, source: Memory, place: Place, at_return: bool) -> z3.BoolRef:
    """Whether a block that is a term is one that can be seen, and is alive."""
    lives = alive(world, source.side, source.life, place.block)
    if pointers.is_outside(place.block) or place.number is not None:
        return lives
    top = pointers.BLOCK_BITS - 1
    private = z3.Extract(top, top - 1, place.block) == 3
    on_stack = world.is_stack(source.side, place.block) if at_return else FALSE
    return both(lives, negate(either(private, on_stack)))


def _same_bytes(
    world: World, source: Memory, target: Memory, place: Place, count: int, align: int
) -> z3.BoolRef:
    before = source.reader.bytes(source.events, place, count, align)
    after = target.reader.bytes(target.events, place, count, align)
    choices = source.reader.choices, target.reader.choices
    same = both(*(refined(*parts, choices) for parts in runs.aligned(before, after)))
    if source.tags is None or target.tags is None:
        return same
    sides = [
        tags.bytes(memory.events, place, count, align)
        for memory, tags in ((source, source.tags), (target, target.tags))
    ]
    lost = [_lost(*parts) for parts in runs.aligned(*sides)]
    if any(not _is_zero(part.bits) for part in lost):
        world.weak_mismatches.add("a part of a pointer is moved as a number")
    kept = (
        either(part.poison, equal(gone.bits, z3.BitVecVal(0, gone.bits.size())))
        for part, gone in runs.aligned(before, lost)
    )
    return both(same, *kept)


def _lost(source: Scalar, target: Scalar) -> Scalar:
    """Where there was a part of a pointer, and now is just its address."""
    return Scalar(z3.simplify(source.bits & ~target.bits), FALSE)


def _is_zero(bits: z3.BitVecRef) -> bool:
    return bool(z3.is_bv_value(bits) and bits.as_long() == 0)


def _same_pointer(source: Memory, target: Memory, place: Place, align: int) -> z3.BoolRef:
    before = source.reader.pointer(source.events, place, align)
    after = target.reader.pointer(target.events, place, align)
    choices = source.reader.choices, target.reader.choices
    return refined_pointer(source.world, before, after, choices)


def refined(source: Scalar, target: Scalar, choices: tuple[Choices, Choices]) -> z3.BoolRef:
    """Whether the target's value is one that the source's may be, to all who look at it."""
    if _is_undef(source):
        return either(source.poison, negate(target.poison))
    return ops.refined(source, target, choices)


def _is_undef(value: Scalar) -> bool:
    """Whether the value is plainly nothing but undef."""
    bits = value.bits.arg(0) if z3.is_app_of(value.bits, z3.Z3_OP_EXTRACT) else value.bits
    return any(bits.eq(variable) for variable in value.undef)


def refined_value(
    world: World, source: Value, target: Value, choices: tuple[Choices, Choices]
) -> z3.BoolRef:
    """Whether a value that someone else sees is one that the source's may be."""
    pairs = zip(runs.scalars(source), runs.scalars(target), strict=True)
    width = world.pointer_width
    return both(
        *(
            refined_pointer(world, left, right, choices)
            if left.bits.size() == width
            else ops.refined(left, right, choices)
            for left, right in pairs
        )
    )


def refined_pointer(
    world: World, source: Scalar, target: Scalar, choices: tuple[Choices, Choices]
) -> z3.BoolRef:
    """Pointers are the same, but that null may become any pointer to its address."""
    same = refined(source, target, choices)
    if z3.is_true(same) or source.undef or target.undef or not _may_be_null(source.bits):
        return same
    null = equal(source.bits, pointers.null(world.width))
    lies = addressing.address(world, choices[1].side, target.bits) == 0
    return either(same, both(null, lies, negate(target.poison)))


def _may_be_null(bits: z3.BitVecRef) -> bool:
    """Whether null is one of the pointers that the term plainly chooses from."""
    return any(each.number == 0 for _, each in pointers.resolve(bits))


def _same_lives(
    world: World, source: Memory, target: Memory, at_return: bool
) -> Iterator[z3.BoolRef]:
    """What one side freed, the other has freed as well; a callee sees what lives on the stack."""
    changed = {
        block.get_id(): block
        for memory in (source, target)
        for block in _ended(memory.life, set())
        if not pointers.is_private(block)
    }
    for block in changed.values():
        number = block.as_long() if z3.is_bv_value(block) else 0
        known = [world.block(memory.side, number) for memory in (source, target)]
        lives = [alive(world, memory.side, memory.life, block) for memory in (source, target)]
        if not any(each and each.is_stack for each in known):
            yield equal(*lives)
        elif not at_return and all(known):
            yield implies(*lives)


def _ended(life: Life, seen: set[Life]) -> Iterator[z3.BitVecRef]:
    if life in seen:
        return
    seen.add(life)
    match life:
        case SetAlive(before, _, block, _):
            yield block
            yield from _ended(before, seen)
        case MergeLife(_, then, other):
            yield from _ended(then, seen)
            yield from _ended(other, seen)
        case MayFree(before, _, _):
            yield from _ended(before, seen)
