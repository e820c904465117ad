"""Memory of a run: blocks with provenance, bytes that may be undefined, poison or of a pointer.

What goes beyond LLVM's words, as its optimiser does: an integer loaded where a pointer was stored
is the pointer's address, and a pointer loaded where an integer was stored is `inttoptr` of it.
Little endian only. Addresses of the function's own blocks are LLVM's choice: where a result depends
on one, a choice is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import (
    PLAIN,
    POISON,
    POISONED,
    SPECIAL,
    UNDEF,
    Address,
    Image,
    Nan,
    Undef,
    Undefined,
    Unsupported,
)
from ir_tools.verify.interpreter.given import POINTER_BYTES, Input

Chooser = Callable[[str, int], int]
_ADDRESS_MASK = (1 << 64) - 1
_STACK = 0x7000_0000_0000
_WRITTEN = ("", 0, b"")  # an origin that no word has: nothing is invented there


class Block:
    """A block of memory while a function runs."""

    __slots__ = (
        "address", "align", "data", "escaped", "function", "initial", "kind", "live", "local",
        "name", "origins", "reach", "readable", "size", "special", "state", "version", "writable",
    )  # fmt: skip

    def __init__(self, name: str, size: int, address: int, kind: str, align: int = 1) -> None:
        self.name, self.size, self.address, self.kind, self.align = name, size, address, kind, align
        self.local = name.startswith("%")
        self.live = self.readable = self.writable = True
        self.data, self.state = bytearray(size), bytearray(size)
        self.special: dict[int, int | tuple[Pointer, int]] = {}
        self.initial: bytes | None = None  # of a lazy block
        self.origins: dict[int, tuple[str, int, bytes]] = {}  # where lazy words were copied from
        self.escaped = not self.local
        self.version = 0
        self.reach = 0  # the furthest byte that was accessed, plus one


class Pointer:
    """A byte of a block, which may lie outside of it; without a block, an address."""

    __slots__ = ("block", "offset")

    def __init__(self, block: Block | None, offset: int) -> None:
        self.block, self.offset = block, offset

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Pointer) and self.block is other.block and self.offset == other.offset
        )

    def __hash__(self) -> int:
        return hash((id(self.block), self.offset))

    @property
    def address(self) -> int:
        base = self.block.address if self.block is not None else 0
        return (base + self.offset) & _ADDRESS_MASK

    def plain(self) -> Address:
        return Address(self.block.name if self.block is not None else None, self.offset)


NULL = Pointer(None, 0)
ZEROS = [bytes(n) for n in range(65)]


def zeros(size: int) -> bytes:
    return ZEROS[size] if size < len(ZEROS) else bytes(size)


class Memory:
    """All blocks of one run, by name; the input's blocks appear when they are first needed."""

    def __init__(self, module: ir.Module, given: Input, chooser: Chooser | None) -> None:
        self.module, self.given, self._chooser = module, given, chooser
        self.blocks: dict[str, Block] = {}
        self.choices = 0
        self.is_doubtful = False
        self._next = _STACK
        self._made = 0
        # May the caller's blocks be read and written? By default, and for some by name.
        self.rights = (True, True)
        self.rights_by_name: dict[str, tuple[bool, bool]] = {}
        self.uncaptured: list[Pointer] = []  # arguments that are `captures(none)`
        self.make_global: Callable[[str], Block | None] = lambda name: None

    def choose(self, kind: str, size: int, otherwise: int = 0) -> int:
        """LLVM's choice among `size` possibilities; `otherwise` where no chooser decides."""
        self.choices += 1
        return self._chooser(kind, size) if self._chooser else otherwise

    def concrete(self, value: Any) -> Any:
        """The value with its undefined bits chosen; poison stays."""
        if isinstance(value, Nan):
            return value.canonical
        if not isinstance(value, Undef):
            return value
        chosen, result = self.choose("undef", 1 << value.mask.bit_count()), value.value
        for bit in range(value.mask.bit_length()):
            if value.mask >> bit & 1:
                result |= (chosen & 1) << bit
                chosen >>= 1
        return result

    # blocks ---------------------------------------------------------------------------------------

    def block(self, name: str) -> Block:
        """The block of that name, from the input or a global variable."""
        if name not in self.blocks:
            if name in self.given.blocks:
                self._materialise(name)
            elif not (made := self.make_global(name)):
                raise Unsupported(f"no memory named {name}")
            else:
                self.adopt(made)
        return self.blocks[name]

    def adopt(self, block: Block) -> None:
        self.blocks[block.name] = block
        if not block.local:
            readable, writable = self.rights_by_name.get(block.name, self.rights)
            block.readable, block.writable = readable, writable and block.kind != "constant"
        if block.kind == "constant":
            block.readable = True

    def _materialise(self, name: str) -> None:
        source = self.given.blocks[name]
        kind = "constant" if source.is_constant else "input"
        block = Block(name, source.image.size, source.address, kind)
        self.adopt(block)
        self.write_image(block, source.image)
        if source.is_lazy:
            block.initial = source.image.data

    def write_image(self, block: Block, image: Image) -> None:
        block.data[:], block.state[:], block.live = image.data, image.state, image.is_live
        for offset, what in image.special.items():
            if image.state[offset] == SPECIAL:
                block.special[offset] = (
                    what if isinstance(what, int) else (self.pointer(what[0]), what[1])
                )

    def pointer(self, address: Address) -> Pointer:
        return Pointer(self.block(address.block) if address.block else None, address.offset)

    def allocate(self, label: str, size: int, align: int, kind: str) -> Block:
        """A new block of the function's own, uninitialised, no more aligned than it must be."""
        self._made += 1
        start = -(-self._next // (2 * align)) * (2 * align) + align
        self._next = start + size + 16
        block = Block(f"{label}#{self._made}", size, start, kind, align)
        block.state[:] = bytes([UNDEF]) * size
        self.blocks[block.name] = block
        return block

    def is_uncaptured(self, pointer: Pointer) -> bool:
        """Is it based on an argument that is `captures(none)`?"""
        return any(
            pointer == one or (pointer.block is one.block and one.block is not None)
            for one in self.uncaptured
        )

    # addresses ------------------------------------------------------------------------------------

    def to_integer(self, pointer: Pointer) -> int:
        """The address; of a block of the function's own it is a choice, and exposes the block."""
        if pointer.block is not None:
            pointer.block.escaped = True
            if pointer.block.local:
                self.choose("address", 1 << 64)
        return pointer.address

    def from_integer(self, address: int) -> Pointer:
        """The pointer into the exposed block that the address is in, or into none."""
        if address:
            for block in list(self.blocks.values()):
                if block.escaped and 0 <= address - block.address <= block.size:
                    return Pointer(block, address - block.address)
            for name, given in self.given.blocks.items():
                if name not in self.blocks and 0 <= address - given.address <= given.image.size:
                    return Pointer(self.block(name), address - given.address)
        return Pointer(None, address)

    def compare(self, compare: Callable[[int, int], bool], a: Pointer, b: Pointer) -> int:
        answer = int(compare(a.address, b.address))
        if a.block is b.block or self._is_certain(compare, a, b):
            return answer
        return self.choose("address comparison", 2, answer)

    def _is_certain(self, compare: Callable[[int, int], bool], a: Pointer, b: Pointer) -> bool:
        """Does the answer not depend on where the function's own blocks are?"""
        locals_ = [p for p in (a, b) if p.block is not None and p.block.local]
        if not locals_:
            return True
        if compare(1, 2) != compare(2, 1):  # which comes first?
            return False
        return all(p == NULL or (p.block is not None and _inside(p)) for p in (a, b))

    # access ---------------------------------------------------------------------------------------

    def access(self, pointer: Any, size: int, align: int, writes: bool | None) -> tuple[Block, int]:
        """The block and offset that an access touches; raises Undefined where it may not.

        `writes` is None where the caller reads, whom the function's attributes do not bind.
        """
        if not isinstance(pointer, Pointer):
            raise Undefined(f"access through {'poison' if pointer is POISON else 'undef'}")
        if pointer.block is None:
            pointer = self.from_integer(pointer.address)
        block, offset = pointer.block, pointer.offset
        if block is None:
            raise Undefined(f"access through {pointer.plain()}")
        if not block.live:
            raise Undefined(f"access to {block.name}, which is dead")
        if offset < 0 or offset + size > block.size:
            raise Undefined(f"access out of bounds: {size} bytes at {pointer.plain()}")
        if align > 1 and (block.address + offset) % align:
            raise Undefined(f"misaligned access: {pointer.plain()} is not {align} bytes aligned")
        if writes is not None and not (block.writable if writes else block.readable):
            raise Undefined(f"{'write to' if writes else 'read of'} {block.name} is not allowed")
        block.reach = max(block.reach, offset + size)
        block.version += bool(writes)
        return block, offset

    def load_integer(self, block: Block, offset: int, size: int) -> Any:
        """`size` bytes as an integer of 8 * size bits."""
        state = block.state[offset : offset + size]
        if state == zeros(size):
            return int.from_bytes(block.data[offset : offset + size], "little")
        if POISONED in state:
            return POISON
        mask = 0
        for k, kind in enumerate(state):
            if kind != PLAIN:
                mask |= self._undefined_bits(block, offset + k) << 8 * k
        value = int.from_bytes(block.data[offset : offset + size], "little") & ~mask
        return Undef(value, mask) if mask else value

    def _undefined_bits(self, block: Block, offset: int) -> int:
        if block.state[offset] == UNDEF:
            return 0xFF
        what = block.special[offset]
        if isinstance(what, int):
            return what
        self.to_integer(what[0])
        return 0

    def load_pointer(self, block: Block, offset: int) -> Any:
        end = offset + POINTER_BYTES
        state = block.state[offset:end]
        if state == zeros(POINTER_BYTES):
            invented = self._invent(block, offset, bytes(block.data[offset:end]))
            if invented is not None:
                return invented
        elif state.count(SPECIAL) == POINTER_BYTES:
            first = block.special[offset]
            if not isinstance(first, int) and all(
                block.special[offset + k] == (first[0], k) for k in range(POINTER_BYTES)
            ):
                return first[0]
        value = self.load_integer(block, offset, POINTER_BYTES)
        return self.from_integer(value) if isinstance(value, int) else value

    def _invent(self, block: Block, offset: int, raw: bytes) -> Pointer | None:
        """The pointer in memory whose contents nobody has written since the call began."""
        if offset in block.origins:
            name, at, word = block.origins[offset]
            if word != raw:
                return None
        elif block.initial and block.initial[offset : offset + POINTER_BYTES] == raw:
            name, at = block.name, offset
        else:
            return None
        if (name, at) in self.given.links:
            return self.pointer(self.given.links[name, at])
        if name in self.given.blocks and not any(raw):
            image = self.given.blocks[name].image
            if at in image.special:  # decided already: null
                return None
        pointer = self.pointer(self.given.invent(name, at))
        self.store_pointer(block, offset, pointer)
        block.version += 1
        return pointer

    def store_integer(self, block: Block, offset: int, size: int, value: Any) -> None:
        end = offset + size
        if isinstance(value, int):
            block.data[offset:end] = value.to_bytes(size, "little")
            block.state[offset:end] = zeros(size)
            if not value:
                self._settle(block, offset, size)
        elif value is POISON:
            block.state[offset:end] = bytes([POISONED]) * size
        else:
            block.data[offset:end] = value.value.to_bytes(size, "little")
            for k, mask in enumerate(value.mask.to_bytes(size, "little")):
                kind = UNDEF if mask == 0xFF else SPECIAL if mask else PLAIN
                block.state[offset + k], block.special[offset + k] = kind, mask

    def store_pointer(self, block: Block, offset: int, pointer: Any) -> None:
        if not isinstance(pointer, Pointer):
            self.store_integer(block, offset, POINTER_BYTES, pointer)
            return
        self.store_integer(block, offset, POINTER_BYTES, pointer.address)
        if pointer.block is not None:
            block.state[offset : offset + POINTER_BYTES] = b"\3" * POINTER_BYTES
            for k in range(POINTER_BYTES):
                block.special[offset + k] = (pointer, k)

    @staticmethod
    def _settle(block: Block, offset: int, size: int) -> None:
        """Zeros were written: they are a null pointer, even where they had been zeros before."""
        if block.initial or block.origins:
            reached = range(max(offset - POINTER_BYTES + 1, 0), offset + size)
            block.origins.update(dict.fromkeys(reached, _WRITTEN))

    def copy(self, to: Block, at: int, from_: Block, start: int, size: int) -> None:
        """Bytes with all that they are; the ranges may overlap."""
        end = start + size
        special = {k: from_.special[k] for k in range(start, end) if from_.state[k] == SPECIAL}
        origins = self._origins(from_, start, end)
        to.data[at : at + size] = from_.data[start:end]
        to.state[at : at + size] = from_.state[start:end]
        self._settle(to, at, size)
        to.special.update({k - start + at: what for k, what in special.items()})
        to.origins.update({k - start + at: what for k, what in origins.items()})

    @staticmethod
    def _origins(block: Block, start: int, end: int) -> dict[int, tuple[str, int, bytes]]:
        found = {k: block.origins[k] for k in block.origins if start <= k <= end - POINTER_BYTES}
        if block.initial:
            for k in range(-(-start // 8) * 8, end - POINTER_BYTES + 1, 8):
                found.setdefault(k, (block.name, k, block.initial[k : k + POINTER_BYTES]))
        return found

    def fill(self, block: Block, offset: int, size: int, byte: Any) -> None:
        if isinstance(byte, int):
            block.data[offset : offset + size] = bytes([byte]) * size
            block.state[offset : offset + size] = bytes(size)
            if not byte:
                self._settle(block, offset, size)
        else:
            for k in range(size):
                self.store_integer(block, offset + k, 1, byte)


def _inside(pointer: Pointer) -> bool:
    block = pointer.block
    return block is not None and block.live and 0 <= pointer.offset < block.size


def image(block: Block) -> Image:
    """The block as a plain value."""
    special: dict[int, int | tuple[Address, int]] = {
        offset: what if isinstance(what, int) else (what[0].plain(), what[1])
        for offset, what in block.special.items()
        if block.state[offset] == SPECIAL
    }
    return Image(bytes(block.data), bytes(block.state), special, block.live)
