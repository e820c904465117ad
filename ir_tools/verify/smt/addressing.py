"""What is calculated from pointers without reading memory: steps, comparisons, addresses, bounds.

`side` is "src" or "tgt". Not modelled: that a pointer made by `inttoptr` may belong to one of the
function's own allocations (`World.weak_proofs` says when that matters).
"""

from __future__ import annotations

from collections.abc import Sequence

import z3

from ir_tools.verify.smt import pointers
from ir_tools.verify.smt.logic import FALSE, both, choose, either, equal, negate
from ir_tools.verify.smt.pointers import LOCAL, Place, by_place
from ir_tools.verify.smt.values import Choices, Scalar, UnsupportedError
from ir_tools.verify.smt.world import World

_ORDERS = {
    "ult": z3.ULT, "ule": z3.ULE, "ugt": z3.UGT, "uge": z3.UGE,
    "slt": lambda a, b: a < b, "sle": lambda a, b: a <= b,
    "sgt": lambda a, b: a > b, "sge": lambda a, b: a >= b,
}  # fmt: skip
NO_WRAP = frozenset({"inbounds", "nusw", "nuw"})


def gep(
    world: World, side: str, pointer: Scalar, steps: Sequence[tuple[Scalar, int]],
    flags: frozenset[str], index_bits: int = 0,
) -> Scalar:  # fmt: skip
    """`pointer` moved by the sum of index × scale, poison where a flag is broken."""
    bits = index_bits or world.width
    if bits != world.width:
        raise UnsupportedError("getelementptr whose index type is not as wide as a pointer")
    total, faults = world.word(0), [pointer.poison, *(index.poison for index, _ in steps)]
    checks = flags & NO_WRAP
    for index, scale in steps:
        wide, lost = _fitted(index.bits, bits, checks)
        step = z3.simplify(wide * scale)
        if checks:
            faults += [lost, _product_wraps(wide, scale, checks), _sum_wraps(total, step, checks)]
        total = z3.simplify(total + step)
    if checks:
        faults.append(by_place(pointer.bits, lambda p: _leaves(world, side, p, total, checks)))
    undef = pointer.undef.union(*(index.undef for index, _ in steps))
    return Scalar(_moved(pointer.bits, total), z3.simplify(either(*faults)), undef)


def _moved(bits: z3.BitVecRef, distance: z3.BitVecRef) -> z3.BitVecRef:
    def move(each: Place) -> z3.BitVecRef:
        return pointers.join(each.block, each.offset + distance)

    return by_place(bits, move)


def _fitted(
    bits: z3.BitVecRef, width: int, checks: frozenset[str]
) -> tuple[z3.BitVecRef, z3.BoolRef]:
    """An index at the width of offsets, and whether a flag forbids what was lost."""
    size = bits.size()
    if size <= width:
        return z3.simplify(z3.SignExt(width - size, bits)), FALSE
    low = z3.Extract(width - 1, 0, bits)
    lost = []
    if checks & {"inbounds", "nusw"}:
        lost.append(z3.SignExt(size - width, low) != bits)
    if "nuw" in checks:
        lost.append(z3.ZeroExt(size - width, low) != bits)
    return z3.simplify(low), either(*lost)


def _product_wraps(index: z3.BitVecRef, scale: int, checks: frozenset[str]) -> z3.BoolRef:
    if scale in (0, 1):
        return FALSE
    width, faults = index.size(), []
    if checks & {"inbounds", "nusw"}:
        limit = (1 << (width - 1)) // scale
        least, most = -limit, ((1 << (width - 1)) - 1) // scale
        faults.append(z3.Or(index < least, index > most))
    if "nuw" in checks:
        faults.append(z3.UGT(index, z3.BitVecVal(((1 << width) - 1) // scale, width)))
    return z3.simplify(either(*faults))


def _sum_wraps(total: z3.BitVecRef, step: z3.BitVecRef, checks: frozenset[str]) -> z3.BoolRef:
    if z3.is_bv_value(total) and total.as_long() == 0:
        return FALSE
    faults = []
    if checks & {"inbounds", "nusw"}:
        faults += [
            negate(z3.BVAddNoOverflow(total, step, True)),
            negate(z3.BVAddNoUnderflow(total, step)),
        ]
    if "nuw" in checks:
        faults.append(negate(z3.BVAddNoOverflow(total, step, False)))
    return z3.simplify(either(*faults))


def _leaves(
    world: World, side: str, at: Place, distance: z3.BitVecRef, checks: frozenset[str]
) -> z3.BoolRef:
    """Whether the last step breaks a flag: out of the block, or around the address space."""
    if "inbounds" in checks:
        end = pointers.place(pointers.join(at.block, at.offset + distance))
        stays = both(world.inside(side, at), world.inside(side, end))
        out = both(distance != 0, negate(stays))
        if "nuw" not in checks:
            return z3.simplify(out)
        # A block does not wrap around: inside it only a negative step breaks `nuw`.
        return z3.simplify(either(out, distance < 0))
    address, width = world.address(side, at), world.width
    faults = []
    if "nusw" in checks:
        moved = z3.ZeroExt(2, address) + z3.SignExt(2, distance)
        faults.append(z3.Extract(width + 1, width, moved) != 0)
    if "nuw" in checks:
        faults.append(negate(z3.BVAddNoOverflow(address, distance, False)))
    return z3.simplify(either(*faults))


# bounds -----------------------------------------------------------------------------------------


def in_bounds(world: World, side: str, at: Place, count: z3.BitVecRef) -> z3.BoolRef:
    """Whether so many bytes from the place on are inside its block, alive or not."""
    begins = world.inside(side, at)
    if z3.is_bv_value(count):
        # A block is less than half of the address space, so what ends in it does not wrap around.
        return both(begins, world.inside(side, at.plus(count.as_long())))
    size = world.size(side, at.block)
    return z3.simplify(both(begins, z3.ULE(count, size - at.offset)))


def aligned(world: World, side: str, at: Place, align: int) -> z3.BoolRef:
    """Whether the address is a multiple of a power of two."""
    if align <= 1:
        return z3.BoolVal(True)
    bits = align.bit_length() - 1
    offset = at.offset
    if align > world.align(side, at.block):
        offset = world.address(side, at)
    return z3.simplify(z3.Extract(bits - 1, 0, offset) == 0)


def address(world: World, side: str, bits: z3.BitVecRef) -> z3.BitVecRef:
    """`ptrtoint`."""
    return by_place(bits, lambda each: world.address(side, each))


# comparisons ------------------------------------------------------------------------------------


def compare(world: World, choices: Choices, predicate: str, left: Scalar, right: Scalar) -> Scalar:
    """`icmp` of two pointers: of their addresses."""
    poison = either(left.poison, right.poison)
    if predicate in ("eq", "ne"):
        same = _equal(world, choices, z3.simplify(left.bits), z3.simplify(right.bits))
        found = same if predicate == "eq" else negate(same)
    else:
        side = choices.side
        sides = address(world, side, left.bits), address(world, side, right.bits)
        found = z3.simplify(_ORDERS[predicate](*sides))
    bits = z3.If(found, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
    return Scalar(z3.simplify(bits), poison, left.undef | right.undef)


def _equal(world: World, choices: Choices, left: z3.BitVecRef, right: z3.BitVecRef) -> z3.BoolRef:
    def against(one: Place) -> z3.BoolRef:
        return by_place(right, lambda other: _equal_places(world, choices, one, other))

    return z3.simplify(by_place(left, against))


def _equal_places(world: World, choices: Choices, left: Place, right: Place) -> z3.BoolRef:
    side = choices.side
    if left.block.eq(right.block):
        return equal(left.offset, right.offset)
    for one, other in ((left, right), (right, left)):
        if one.number is not None and one.number & LOCAL:
            return _equal_to_local(world, choices, one, other)
    world.state_apart(side, left, right)
    return world.address(side, left) == world.address(side, right)


def _equal_to_local(world: World, choices: Choices, one: Place, other: Place) -> z3.BoolRef:
    """Whether a pointer to an allocation of this function equals a pointer to something else.

    The allocation may lie anywhere: the source puts it where the answer is no; in the target, the
    answer may be either. That answers are consistent with one another is not modelled.
    """
    side = choices.side
    if other.number == 0 and other.root is None and other.constant == 0:
        inside = in_bounds(world, side, one, world.word(0))
        return z3.simplify(both(negate(inside), world.address(side, one) == 0))
    if _both_inside(world, side, one, other):
        return FALSE
    world.weak_refutations.add("an allocation's address is compared")
    same_block = FALSE if pointers.apart(one.block, other.block) else equal(one.block, other.block)
    elsewhere = FALSE if side == "src" else choices.bits(1, "address") == 1
    if side == "src":
        world.place_freely()
    return choose(same_block, equal(one.offset, other.offset), elsewhere)


def _both_inside(world: World, side: str, one: Place, other: Place) -> bool:
    """Whether both are known to point into their own blocks, which are alive at once."""
    if other.number is None or other.number == 0:
        return False
    inside = [in_bounds(world, side, each, world.word(1)) for each in (one, other)]
    return all(map(z3.is_true, inside))


def null(world: World) -> Scalar:
    return Scalar(pointers.null(world.width), FALSE)


def is_null(world: World, side: str, pointer: Scalar) -> z3.BoolRef:
    """Whether the address is zero."""
    choices = Choices(side)
    return _equal(world, choices, z3.simplify(pointer.bits), pointers.null(world.width))
