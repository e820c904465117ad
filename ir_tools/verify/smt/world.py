"""What source and target share: the blocks that the caller knows, and where blocks lie.

A block has a size, a base address, and is alive and writable or not. Of what the caller knows these
are functions of the block's number, so that any two pointers may be of one block; globals have
numbers, sizes and alignments of their own. `assumptions` grows with facts that hold in every
execution, as the terms that need them are made.

`weak_refutations` and `weak_proofs` say what has been approximated: with a reason in the first, a
counterexample may be spurious (so replay it); with one in the second, a proof may not be believed.
`weak_mismatches` are of the first kind where it is memories that differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import pointers
from ir_tools.verify.smt.bounds import Bounds
from ir_tools.verify.smt.budget import Budget
from ir_tools.verify.smt.logic import both, choose, equal, implies
from ir_tools.verify.smt.pointers import BLOCK_BITS, LOCAL, PRIVATE, Place
from ir_tools.verify.smt.values import Scalar, UnsupportedError, Value

_MOST_BLOCKS = PRIVATE - 1
_BY_ORDER = "allocations of source and target are matched by order"
_UNTIED = "pointers in the caller's memory have no bytes"


@dataclass(frozen=True, slots=True)
class Block:
    """One whose number is known. `size` is None where only the function of sizes knows it."""

    number: int
    size: z3.BitVecRef | None
    align: int
    is_stack: bool = False
    is_constant: bool = False
    is_open: bool = False  # its contents at the beginning are not the initialiser
    variable: str = ""


@dataclass(frozen=True, slots=True)
class CallerBlock:
    """What is asked of a block that the caller knows."""

    size: z3.BitVecRef
    base: z3.BitVecRef
    alive: z3.BoolRef
    writable: z3.BoolRef


@dataclass(slots=True)
class World:
    """Blocks and facts of one query. `evaluate` is how the encoder evaluates a constant."""

    source: ir.Module
    target: ir.Module
    assumptions: list[z3.BoolRef] = field(default_factory=list)
    null_is_valid: bool = False
    budget: Budget = field(default_factory=lambda: Budget(60))
    evaluate: Callable[[ir.Value], Value] | None = None
    weak_refutations: set[str] = field(default_factory=set)
    weak_proofs: set[str] = field(default_factory=set)
    weak_mismatches: set[str] = field(default_factory=set)
    _globals: dict[str, int] = field(default_factory=dict)
    _blocks: dict[tuple[str, int], Block] = field(default_factory=dict)
    _locals: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    _numbers: dict[tuple[str, bool, int], int] = field(default_factory=dict)
    _stated: set[int] = field(default_factory=set)
    _bases: dict[tuple[int, int], z3.BitVecRef] = field(default_factory=dict)
    _placed: bool = False
    _guessed: bool = False
    _ties: dict[int, Callable[[], z3.BoolRef]] = field(default_factory=dict)
    _bounds: Bounds = field(init=False)
    _kept: list[z3.ExprRef] = field(default_factory=list)  # so that no id is used again

    def __post_init__(self) -> None:
        self._bounds = Bounds(self.assumptions)

    @property
    def width(self) -> int:
        """Bits of an address and of an offset."""
        return self.source.layout.pointer_bits[0]

    @property
    def pointer_width(self) -> int:
        return self.width + BLOCK_BITS

    def word(self, value: int) -> z3.BitVecRef:
        return z3.BitVecVal(value, self.width)

    # pointers that the caller makes -------------------------------------------------------------

    def argument(self, name: str) -> z3.BitVecRef:
        """An argument: any pointer that the caller can have."""
        return pointers.outside(z3.BitVec(name, self.pointer_width - 2))

    def unknown_pointer(self, bits: z3.BitVecRef) -> z3.BitVecRef:
        """What an unknown function returns, from `pointer_width - 1` bits: never private."""
        return pointers.escaped(bits)

    def global_pointer(self, name: str) -> z3.BitVecRef:
        """The address of a global variable, function or alias of either module."""
        for module in (self.source, self.target):
            if name in module.aliases:
                raise UnsupportedError(f"alias @{name}")
        if name not in self._globals:
            number = self._globals[name] = len(self._globals) + 1
            self._blocks["", number] = self._global(name, number)
        return pointers.join(self._globals[name], self.word(0))

    def _global(self, name: str, number: int) -> Block:
        both_sides = (self.source, self.target)
        found = [m.variables[name] for m in both_sides if name in m.variables]
        layout = next((m.layout for m in both_sides if name in m.variables), None)
        block = z3.BitVecVal(number, BLOCK_BITS)
        if self._may_be_missing(name):
            raise UnsupportedError(f"@{name} is weak, and may be missing")
        if not found or layout is None:
            self.assumptions.append(self._sizes()(block) == 0)
            return Block(number, self.word(0), 1)
        if any(each.space or each.thread_local for each in found):
            raise UnsupportedError(f"global @{name} in another address space or thread-local")
        if len({(each.type, each.initializer, each.is_constant) for each in found}) > 1:
            raise UnsupportedError(f"global @{name} differs between source and target")
        variable = found[0]
        if variable.type not in layout.extents:
            raise UnsupportedError(f"@{name} of a type without size")
        least = layout.extent(variable.type).alloc
        size = None if _is_open(variable) else self.word(least)
        align = max(each.align or layout.extent(each.type).align for each in found)
        if _is_open(variable):
            align = min(each.align or layout.extent(each.type).align for each in found)
            self.assumptions.append(z3.UGE(self._sizes()(block), self.word(least)))
        else:
            self.assumptions.append(self._sizes()(block) == size)
        self.assumptions.append(self._alive()(block))
        self.assumptions.append(self._writable()(block) == (not variable.is_constant))
        return Block(
            number,
            size,
            align,
            is_constant=variable.is_constant,
            is_open=any(each.externally_initialized for each in found),
            variable=name,
        )

    def _may_be_missing(self, name: str) -> bool:
        """Whether it is `extern_weak`: null if nobody defines it."""
        sides = (self.source, self.target)
        functions = [m.functions[name] for m in sides if name in m.functions]
        variables = [m.variables[name] for m in sides if name in m.variables]
        return any(each.may_be_replaced and not each.blocks for each in functions) or any(
            each.may_be_replaced and each.initializer is None for each in variables
        )

    # blocks -------------------------------------------------------------------------------------

    def allocate(
        self, side: str, size: z3.BitVecRef, align: int, captured: bool, is_stack: bool
    ) -> Block:
        """A new block. Those of the same kind get the same numbers on both sides, in order."""
        if not z3.is_bv_value(size):  # what is larger does not exist, so it has no bytes
            size = z3.If(z3.ULT(size, self.word(1 << (self.width - 1))), size, self.word(0))
        kind = f"{'stack' if is_stack else 'heap'}.{size if z3.is_bv_value(size) else ''}"
        order = self._locals[side, kind, captured]
        self._locals[side, kind, captured] += 1
        number = self._numbers.setdefault((kind, captured, order), len(self._numbers))
        if number > _MOST_BLOCKS:
            raise UnsupportedError("more allocations than the encoding has numbers for")
        self._doubt_order()
        self._doubt()
        number |= LOCAL | (0 if captured else PRIVATE)
        block = self._blocks[side, number] = Block(number, size, align, is_stack)
        return block

    def _doubt_order(self) -> None:
        """Captured allocations are matched by order: certainly if each is one of its kind."""
        kinds = [
            {key[1]: n for key, n in self._locals.items() if key[0] == side and key[2]}
            for side in ("src", "tgt")
        ]
        if kinds[0] == kinds[1] and all(n == 1 for n in kinds[0].values()):
            self.weak_refutations.discard(_BY_ORDER)
        else:
            self.weak_refutations.add(_BY_ORDER)

    def block(self, side: str, number: int) -> Block | None:
        return self._blocks.get(("" if number < PRIVATE else side, number))

    def size(self, side: str, block: z3.BitVecRef) -> z3.BitVecRef:
        if z3.is_bv_value(block):
            number = block.as_long()
            known = self.block(side, number)
            if known and known.size is not None:
                return known.size
            if number == 0:
                return self.word((1 << (self.width - 1)) - 1 if self.null_is_valid else 0)
        found = self._sizes()(block)
        self._state_size(block, found)
        return self._local_case(side, block, found, lambda each: each.size)

    def inside(self, side: str, at: Place) -> z3.BoolRef:
        """Whether a place is in its block or at its end."""
        size = self.size(side, at.block)
        found = z3.simplify(z3.ULE(at.offset, size))
        if z3.is_true(found) or z3.is_false(found):
            return found
        self._bounds.state(size, at, found)
        return found

    def base(self, side: str, block: z3.BitVecRef) -> z3.BitVecRef:
        if z3.is_bv_value(block):
            number = block.as_long()
            if number == 0:
                return self.word(0)
            known = self.block(side, number)
            if known and number & LOCAL:
                return self._local_base(known)
        found = self._addresses()(block)
        self._state_base(side, block, found)
        return self._local_case(side, block, found, self._local_base)

    def align(self, side: str, block: z3.BitVecRef) -> int:
        """What the base address is known to be a multiple of; 0 for the null pointer's."""
        if not z3.is_bv_value(block):
            return 1
        if block.as_long() == 0:
            return 1 << (self.width - 1)
        known = self.block(side, block.as_long())
        return known.align if known else 1

    def alive_at_start(self, side: str, block: z3.BitVecRef) -> z3.BoolRef:
        number = block.as_long() if z3.is_bv_value(block) else None
        if number == 0 or (number and self.block(side, number)):
            return z3.BoolVal(True)
        found = self._alive()(block)
        return self._local_case(side, block, found, lambda _: z3.BoolVal(True))

    def writable(self, side: str, block: z3.BitVecRef) -> z3.BoolRef:
        if z3.is_bv_value(block):
            known = self.block(side, block.as_long())
            if known:
                return z3.BoolVal(not known.is_constant)
        found = self._writable()(block)
        return self._local_case(side, block, found, lambda _: z3.BoolVal(True))

    def is_heap(self, side: str, block: z3.BitVecRef) -> z3.BoolRef:
        """Whether `free` may be called with its address."""
        if z3.is_bv_value(block):
            known = self.block(side, block.as_long())
            if known:
                return z3.BoolVal(bool(known.number & LOCAL) and not known.is_stack)
        heap = z3.Function("heap", z3.BitVecSort(BLOCK_BITS), z3.BoolSort())
        return self._local_case(side, block, heap(block), lambda b: z3.BoolVal(not b.is_stack))

    def is_stack(self, side: str, block: z3.BitVecRef) -> z3.BoolRef:
        """Whether the block is an alloca of this side."""
        return self._local_case(side, block, z3.BoolVal(False), lambda b: z3.BoolVal(b.is_stack))

    def place_freely(self) -> None:
        """The source has put an allocation where a comparison fails."""
        self._placed = True
        self._doubt()

    def _doubt(self) -> None:
        """An allocation's address has to be one, whatever it is asked for."""
        if self._bases and self._placed:
            self.weak_proofs.add("an allocation's address is both compared and calculated with")
        escaped = any(captured for _, _, captured in self._locals)
        if self._guessed and (self._bases or escaped):
            self.weak_proofs.add(
                "a pointer is made from an integer, and allocations have addresses"
            )

    def address(self, side: str, place: Place) -> z3.BitVecRef:
        return z3.simplify(self.base(side, place.block) + place.offset)

    def _local_case(
        self,
        side: str,
        block: z3.BitVecRef,
        otherwise: z3.ExprRef,
        find: Callable[[Block], z3.ExprRef],
    ) -> z3.ExprRef:
        """`otherwise`, but what is known of this side's allocations, if the block may be one."""
        if z3.is_bv_value(block) or pointers.is_outside(block):
            return otherwise
        for (owner, number), known in self._blocks.items():
            if owner == side:
                otherwise = choose(equal(block, _number(number)), find(known), otherwise)
        return otherwise

    def _local_base(self, block: Block) -> z3.BitVecRef:
        """A variable that source and target share where they make the same allocation.

        The target's block may be anywhere, and the source can put its own at the same place. That
        two blocks do not overlap is not stated: fewer facts, fewer proofs.
        """
        key = block.number, block.align
        if key not in self._bases:
            base = z3.BitVec(f"address.{block.number & ~LOCAL}.{block.align}", self.width)
            self._bases[key] = base
            self._doubt()
            self.weak_refutations.add("an allocation's address matters")
            low = base & self.word(block.align - 1)
            self.assumptions += [base != 0, low == 0, self._fits(base, block.size)]
        return self._bases[key]

    def global_names(self) -> dict[int, str]:
        """Which global has which number."""
        return {number: name for name, number in self._globals.items()}

    def caller_block(self, number: int) -> CallerBlock:
        """The terms alone, for a model: no facts are stated of them."""
        block = _number(number)
        terms = (self._sizes, self._addresses, self._alive, self._writable)
        return CallerBlock(*(make()(block) for make in terms))

    # facts --------------------------------------------------------------------------------------

    def _sizes(self) -> z3.FuncDeclRef:
        return z3.Function("size", z3.BitVecSort(BLOCK_BITS), z3.BitVecSort(self.width))

    def _addresses(self) -> z3.FuncDeclRef:
        return z3.Function("address", z3.BitVecSort(BLOCK_BITS), z3.BitVecSort(self.width))

    def _alive(self) -> z3.FuncDeclRef:
        return z3.Function("alive", z3.BitVecSort(BLOCK_BITS), z3.BoolSort())

    def _writable(self) -> z3.FuncDeclRef:
        return z3.Function("writable", z3.BitVecSort(BLOCK_BITS), z3.BoolSort())

    def _fits(self, base: z3.BitVecRef, size: z3.BitVecRef | None) -> z3.BoolRef:
        return z3.BoolVal(True) if size is None else z3.ULE(base, -1 - size)

    def _once(self, term: z3.ExprRef) -> bool:
        if term.get_id() in self._stated:
            return False
        self._stated.add(term.get_id())
        self._kept.append(term)
        return True

    def _state_size(self, block: z3.BitVecRef, size: z3.BitVecRef) -> None:
        if self._once(size):
            limit = self.word(1 << (self.width - 1))
            zero = self.word(limit.as_long() - 1 if self.null_is_valid else 0)
            self.assumptions += [
                z3.ULT(size, limit),
                implies(equal(block, _number(0)), size == zero),
            ]

    def _state_base(self, side: str, block: z3.BitVecRef, base: z3.BitVecRef) -> None:
        if not self._once(base):
            return
        size = self._sizes()(block)
        self._state_size(block, size)
        is_null = equal(block, _number(0)) == (base == 0)
        self.assumptions += [is_null, self._fits(base, size)]
        align = self.align(side, block)
        if align > 1:
            self.assumptions.append(base & self.word(align - 1) == 0)

    def state_apart(self, side: str, left: Place, right: Place) -> None:
        """Two globals do not overlap."""
        one, other = left.number, right.number
        if one and other and one != other and one < PRIVATE and other < PRIVATE:
            here, there = self.base(side, left.block), self.base(side, right.block)
            sizes = self.size(side, left.block), self.size(side, right.block)
            self.assumptions.append(
                z3.Or(z3.ULE(here + sizes[0], there), z3.ULE(there + sizes[1], here))
            )
            self.assumptions.append(implies(both(*(s == 0 for s in sizes)), here != there))

    # the caller's memory ------------------------------------------------------------------------

    def byte(self, memory: str, place: Place) -> z3.BitVecRef:
        """A byte of it: eight bits, whether it is poison, whether it is a part of a pointer."""
        array = z3.Array(memory, place.bits.sort(), z3.BitVecSort(10))
        return z3.Select(array, place.bits)

    def tie(self, pointer: z3.BitVecRef, fact: Callable[[], z3.BoolRef]) -> None:
        """Note that a pointer in memory is made of the bytes there."""
        self._ties[pointer.get_id()] = fact
        self._kept.append(pointer)
        self.weak_refutations.add(_UNTIED)

    def tied(self) -> list[z3.BoolRef]:
        """That all pointers in the caller's memory are made of the bytes there.

        Proofs need it seldom, and are quicker without it; with these facts as well, what memory
        holds makes a counterexample no less certain. Asked for before `assumptions` are used.
        """
        self.weak_refutations.discard(_UNTIED)
        return [fact() for fact in self._ties.values()]

    def from_address(self, address: Scalar) -> Scalar:
        """`inttoptr`: of some block that the caller knows, the same for the same address."""
        bits = z3.simplify(address.bits)
        if z3.is_bv_value(bits) and bits.as_long() == 0:
            return Scalar(pointers.null(self.width), address.poison, address.undef)
        self.weak_refutations.add("a pointer is made from an integer")
        self._guessed = True
        self._doubt()
        found = z3.Function("block.at", z3.BitVecSort(self.width), z3.BitVecSort(BLOCK_BITS - 2))(
            bits
        )
        block = z3.Concat(z3.BitVecVal(0, 2), found)
        offset = bits - self.base("", block)
        return Scalar(pointers.join(block, offset), address.poison, address.undef)


def _number(number: int) -> z3.BitVecRef:
    return z3.BitVecVal(number, BLOCK_BITS)


def _is_open(variable: ir.Variable) -> bool:
    """Whether another module may define it, and larger."""
    return variable.initializer is None or variable.may_be_replaced
