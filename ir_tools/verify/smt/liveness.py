"""Which blocks are alive at a point of a function."""

from __future__ import annotations

import z3

from ir_tools.verify.smt.logic import both, choose, equal, negate
from ir_tools.verify.smt.nodes import Alive, Life, MayFree, MergeLife, SetAlive
from ir_tools.verify.smt.pointers import BLOCK_BITS, LOCAL, apart
from ir_tools.verify.smt.world import World


def alive(world: World, side: str, life: Life, block: z3.BitVecRef) -> z3.BoolRef:
    """Whether the block may be accessed."""
    match life:
        case Alive():
            return world.alive_at_start(side, block)
        case MergeLife(condition, then, other):
            if then is other:
                return alive(world, side, then, block)
            sides = (alive(world, side, each, block) for each in (then, other))
            return choose(condition, *sides)
        case SetAlive(before, condition, changed, is_alive):
            rest = alive(world, side, before, block)
            if apart(changed, block):
                return rest
            return choose(both(condition, equal(changed, block)), z3.BoolVal(is_alive), rest)
        case MayFree(before, key, condition):
            rest = alive(world, side, before, block)
            return both(rest, negate(both(condition, _freed(world, side, key, block))))


def _freed(world: World, side: str, key: str, block: z3.BitVecRef) -> z3.BoolRef:
    """Whether the call freed the block: never one of the stack, nor a global."""
    if z3.is_bv_value(block):
        known = world.block(side, block.as_long())
        if known and (known.is_stack or not block.as_long() & LOCAL):
            return z3.BoolVal(False)
    freed = z3.Function(f"{key}.frees", z3.BitVecSort(BLOCK_BITS), z3.BoolSort())
    heap = world.is_heap(side, block)
    return both(heap, freed(block))
