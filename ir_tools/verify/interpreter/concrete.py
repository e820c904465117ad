"""Concrete values of LLVM IR, as the interpreter calculates with them and reports them.

    integer            int, unsigned
    float              int, its pattern in its own format; a NaN that an operation made is `Nan`
    pointer            Address: a byte of a named block, or of no block (null, an invented integer)
    vector, aggregate  tuple of lanes
    poison             POISON
    undef              Undef: some bits are known, the others are anything, anew at every use

While a function runs, pointers are `storage.Pointer`s to living blocks; what goes in (`Input`) and
comes out (`Outcome`) has plain `Address`es.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ir_tools.verify import ir


class _Poison:
    __slots__ = ()

    def __repr__(self) -> str:
        return "poison"

    def __reduce__(self) -> str:
        return "POISON"


POISON: Final = _Poison()


@dataclass(frozen=True, slots=True)
class Undef:
    """A value of which the bits in `mask` are undefined; `value` has the others."""

    value: int
    mask: int

    def __str__(self) -> str:
        return f"undef (mask {self.mask:#x}, known {self.value:#x})" if self.value else "undef"


@dataclass(frozen=True, slots=True)
class Nan(Undef):
    """A NaN of any sign and payload: what a floating-point operation gives."""

    @property
    def canonical(self) -> int:
        return self.value | (self.value & -self.value) >> 1

    def __str__(self) -> str:
        return "NaN"


@dataclass(frozen=True, slots=True)
class Address:
    """`offset` bytes into the block of that name; with no block, the address itself."""

    block: str | None
    offset: int

    def __str__(self) -> str:
        if self.block is None:
            return f"{self.offset:#x}" if self.offset else "null"
        return f"&{self.block}" + (f"{self.offset:+}" if self.offset else "")


Concrete: TypeAlias = "int | Undef | Address | _Poison | tuple[Concrete, ...]"

# What a byte of memory is: its value, any value, poison, or something in `Image.special`.
PLAIN, UNDEF, POISONED, SPECIAL = range(4)


@dataclass(slots=True)
class Image:
    """The contents of one block of memory.

    data      the bytes; of a pointer, those of its address
    state     for each byte PLAIN, UNDEF, POISONED or SPECIAL
    special   for SPECIAL bytes: the mask of undefined bits, or (pointer, which of its bytes)
    """

    data: bytes
    state: bytes
    special: dict[int, int | tuple[Address, int]] = field(default_factory=dict)
    is_live: bool = True

    @property
    def size(self) -> int:
        return len(self.data)

    def differs_at(self, found: bytes) -> int | None:
        """The first plain byte that is another one in what was found."""
        wrong = (number(found) ^ number(self.data)) & self.plain_mask()
        return ((wrong & -wrong).bit_length() - 1) // 8 if wrong else None

    def plain_mask(self) -> int:
        """As one number, all bits of the plain bytes."""
        return number(self.state.translate(_PLAIN_MASKS))


_PLAIN_MASKS = bytes(0xFF if state == PLAIN else 0 for state in range(256))


def number(data: bytes) -> int:
    """Bytes as one number: the quick way to combine many."""
    return int.from_bytes(data, "little")


# floating-point formats ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Format:
    """A binary IEEE format: its width and how many bits of the significand are stored."""

    bits: int
    mantissa: int

    @property
    def sign(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def infinity(self) -> int:
        return (self.sign - 1) ^ ((1 << self.mantissa) - 1)

    @property
    def quiet(self) -> int:
        """The NaN that operations prefer."""
        return self.infinity | 1 << (self.mantissa - 1)

    @property
    def nan(self) -> Nan:
        return Nan(self.infinity, ((1 << self.mantissa) - 1) | self.sign)

    def is_nan(self, pattern: int) -> bool:
        return pattern & (self.sign - 1) > self.infinity


FORMATS: Final = {
    "half": Format(16, 10),
    "bfloat": Format(16, 7),
    "float": Format(32, 23),
    "double": Format(64, 52),
}


class Undefined(Exception):
    """The program has undefined behaviour here."""


class Unsupported(Exception):
    """The interpreter does not know what this means."""


def undef(type_: ir.Type, layout: ir.Layout) -> Concrete:
    """`undef` of a type."""
    return spread(type_, lambda leaf: Undef(0, (1 << layout.bits(leaf)) - 1))


def poison(type_: ir.Type) -> Concrete:
    return spread(type_, lambda _: POISON)


def spread(type_: ir.Type, leaf: object) -> Concrete:
    """A value of a type from what `leaf` says of each scalar type in it."""
    match type_:
        case ir.VectorType(count, element) | ir.ArrayType(count, element):
            return (spread(element, leaf),) * count
        case ir.StructType(elements):
            return tuple(spread(element, leaf) for element in elements)
        case ir.IntType() | ir.FloatType() | ir.PointerType():
            return leaf(type_)  # type: ignore[operator,no-any-return]
    raise Unsupported(f"a value of type {type_}")
