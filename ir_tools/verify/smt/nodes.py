"""What has happened to memory, as a graph that is read backwards.

A memory is the last `Event` of its history; reading (`smt.reading`) walks back to the events that
can have written the place. So whatever is stored and loaded again is the very term that was stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import z3

from ir_tools.verify.smt.pointers import Place
from ir_tools.verify.smt.values import Scalar


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Memory as the caller left it; allocations hold undef."""


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """`value` is the pointer, or the bytes with the first one lowest."""

    before: Event
    condition: z3.BoolRef
    place: Place
    size: int
    value: Scalar
    is_pointer: bool
    align: int


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """The same byte, `length` times."""

    before: Event
    condition: z3.BoolRef
    place: Place
    length: z3.BitVecRef
    byte: Scalar


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """`length` bytes as they were at `origin` when `source` was the memory."""

    before: Event
    condition: z3.BoolRef
    place: Place
    length: z3.BitVecRef
    source: Event
    origin: Place
    align: int


@dataclass(frozen=True, slots=True, eq=False)
class Forget:
    """A block's bytes become undef: the beginning of an allocation's life."""

    before: Event
    block: z3.BitVecRef


@dataclass(frozen=True, slots=True, eq=False)
class Merge:
    condition: z3.BoolRef
    then: Event
    other: Event


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """A call that may have written all that can be reached, or just `blocks`: shared by name.
    `hidden` are numbers of blocks whose addresses have not got out yet."""

    before: Event
    key: str
    condition: z3.BoolRef
    blocks: tuple[z3.BitVecRef, ...] | None
    hidden: frozenset[int] = frozenset()


Event: TypeAlias = Start | Write | Fill | Copy | Forget | Merge | Unknown


@dataclass(frozen=True, slots=True, eq=False)
class Alive:
    """As the caller left it; the function's own allocations are alive from their beginning."""


@dataclass(frozen=True, slots=True, eq=False)
class SetAlive:
    before: Life
    condition: z3.BoolRef
    block: z3.BitVecRef
    alive: bool


@dataclass(frozen=True, slots=True, eq=False)
class MergeLife:
    condition: z3.BoolRef
    then: Life
    other: Life


@dataclass(frozen=True, slots=True, eq=False)
class MayFree:
    """A call that may have freed what it can reach, on both sides the same."""

    before: Life
    key: str
    condition: z3.BoolRef


Life: TypeAlias = Alive | SetAlive | MergeLife | MayFree
