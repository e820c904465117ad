"""What a run is given: arguments, the memory that they reach, and what unknown calls answer.

An `Input` grows. Memory that nobody has described is invented when a run first needs it, as a pure
function of the seed and of the place (never of when or by whom it is asked), and recorded: a second
run on the same `Input`, of the same function or another, finds the same memory.

To write an input by hand, or from a model: `given.place(name, Image(data, state, special),
align, is_lazy=False)` for each block, `Address(name, offset)` for pointers to it, and `answers` for
results of calls, by callee and how many of its calls had an answer before.

Names of blocks: `arg0` for the block of a pointer argument, `@g` for a global, `arg0[8]` for what
a pointer in `arg0` at offset 8 was found to point to, `f#2` for what call 2 returned or wrote,
`shared` for what pointers from several places point to. Blocks that the function makes itself
begin with `%`; they are never in an `Input`.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ir_tools.verify.interpreter.concrete import PLAIN, SPECIAL, Address, Concrete, Image

_BASE, _SLOT, _PAGE = 0x10_0000_0000, 1 << 20, 4096
POINTER_BYTES = 8
_PERIOD = 2048  # bytes
_SHARED = "shared"
_DEEPEST = 4  # links from an argument; beyond, pointers are null


@dataclass(slots=True)
class InputBlock:
    """A block of the caller's memory: its contents, its address, and whether pointers that are
    loaded from where the contents are plain bytes may be invented."""

    image: Image
    address: int
    is_lazy: bool = True
    is_constant: bool = False


@dataclass(slots=True)
class Meter:
    """What all runs of a pair may take together: instructions, and as a safety net the clock."""

    left: int
    deadline: float

    @property
    def is_empty(self) -> bool:
        return self.left <= 0 or time.monotonic() > self.deadline


@dataclass(slots=True)
class Input:
    """Arguments, memory and answers.

    arguments    a value a parameter, as `concrete` describes them
    blocks       the memory, by name
    seed         decides what is invented and what unknown calls answer
    style        what bytes invented memory has, a key of `STYLES`; "" varies from block to block
    constants    numbers that the code knows, for the style `constants`
    block_bytes  size of an invented block, from where pointers to it point
    lead         bytes of it before that: an element's neighbours, a header
    shares       do pointers from different places often lead into one block, as a stack's do?
    limits       what each call may do to memory, as far as any run of it knew: call -> masks
    links        pointers that were invented in what calls wrote: (call's name, offset) -> target
    answers      results of unknown calls that are not left to the seed: (callee, number) -> value
    stop_at      the number of an unknown call that does not return, if it may not; None: all return
    meter        bounds the runs on this input together with those on others
    """

    arguments: tuple[Concrete, ...] = ()
    blocks: dict[str, InputBlock] = field(default_factory=dict)
    seed: int = 0
    style: str = ""
    constants: tuple[int, ...] = ()
    block_bytes: int = 512
    lead: int = 0
    shares: bool = False
    limits: dict[str, tuple[int, ...]] = field(default_factory=dict)
    links: dict[tuple[str, int], Address] = field(default_factory=dict)
    answers: dict[tuple[str, int], Concrete] = field(default_factory=dict)
    stop_at: int | None = None
    inventions: int = 0
    meter: Meter | None = field(default=None, compare=False)

    def limit(self, call: str, masks: tuple[int, ...]) -> tuple[int, ...]:
        """What a call may do when its site says `masks`: what all sites of it in all runs allow.

        A pass may infer `readonly`, and drop it again; the callee is the same function.
        """
        known = self.limits.get(call, masks)
        both = tuple(a & b for a, b in itertools.zip_longest(known, masks, fillvalue=-1))
        if call in self.limits and both != known:
            self.inventions += 1
        self.limits[call] = both
        return both

    def random(self, *key: object) -> random.Random:
        """Randomness that belongs to one place."""
        return random.Random(f"{self.seed} {key}")

    def add(self, name: str, size: int, align: int = 16, style: str = "") -> InputBlock:
        """A new lazy block that ends with its page, as far as its alignment lets it."""
        rng = self.random("bytes", name)
        contents = fill(rng, size, style or self.style, self.constants)
        return self.place(name, Image(contents, bytes(size)), align)

    def place(self, name: str, image: Image, align: int = 16, is_lazy: bool = True) -> InputBlock:
        """Adds a block with these contents, at an address of its own."""
        pages = -(-max(image.size, 1) // _PAGE) * _PAGE
        start = _BASE + sum(_slots(each.image.size) for each in self.blocks.values()) * _SLOT
        address = (start + pages - image.size) // align * align
        if align < 64 and not address % (2 * align):
            address -= align  # no more aligned than promised
        block = self.blocks[name] = InputBlock(image, max(address, start + align), is_lazy)
        return block

    def invent(self, name: str, offset: int) -> Address:
        """The pointer at a place where none was given; records it."""
        self.inventions += 1
        target = self._invented(name, offset)
        if name in self.blocks:
            self._link(self.blocks[name].image, offset, target)
        else:
            self.links[name, offset] = target
        return target

    def _invented(self, name: str, offset: int) -> Address:
        rng, known = self.random("link", name, offset), f"{name}[{offset}]"
        fate = rng.random()
        if name.count("[") >= _DEEPEST or fate < 0.12:
            return Address(None, 0)
        if fate < 0.16 and name in self.blocks and "[" in name:
            return Address(name, 0)
        offset = self.lead
        if self.shares and fate > 0.5:
            known, offset = _SHARED, offset + 16 * rng.randrange(4)
        if known not in self.blocks:
            self.add(known, self.lead + self.block_bytes)
        return Address(known, offset)

    def relink(self, image: Image) -> None:
        """Writes the addresses of what the pointers in it point to, as they are now."""
        for offset, what in list(image.special.items()):
            is_whole = offset + POINTER_BYTES <= image.size
            if not isinstance(what, tuple) or what[1] or not is_whole:
                continue
            if what[0].block in self.blocks:  # and not a constant's, which stays
                self._link(image, offset, what[0])

    def _link(self, image: Image, offset: int, target: Address) -> None:
        base = self.blocks[target.block].address if target.block else 0
        raw = ((base + target.offset) % (1 << 64)).to_bytes(POINTER_BYTES, "little")
        end = offset + POINTER_BYTES
        image.data = image.data[:offset] + raw + image.data[end:]
        mark = PLAIN if target.block is None else SPECIAL
        image.state = image.state[:offset] + bytes([mark]) * POINTER_BYTES + image.state[end:]
        image.special.update({offset + k: (target, k) for k in range(POINTER_BYTES)})


def _slots(size: int) -> int:
    return size // _SLOT + 2


def _drawn(rng: random.Random, size: int, alphabet: bytes) -> bytes:
    """Bytes of the alphabet, each about as likely as the others; fewer are the same, cut off."""
    whole = rng.randbytes(size + 3 & ~3)  # of part of a word it would take the upper part
    return whole[:size].translate((alphabet * 256)[:256])


def small_words(rng: random.Random, size: int, below: int) -> bytes:
    """Words of four bytes with values below a small number."""
    words = bytearray(size + 3 & ~3)
    words[::4] = _drawn(rng, len(words) // 4, bytes(range(below)))
    return bytes(words[:size])


def _known(rng: random.Random, size: int, constants: tuple[int, ...]) -> bytes:
    """Words of eight bytes with the constants and their neighbours, in one, two or eight parts."""
    words = bytearray()
    while len(words) < size:
        number, part = rng.choice(constants) + rng.choice((0, 0, 1, -1)), rng.choice((1, 4, 8))
        words += (number % (1 << 8 * part)).to_bytes(part, "little") * (8 // part)
    return bytes(words)


def _text(rng: random.Random, size: int) -> bytes:
    """Strings of letters and digits, seldom longer than a dozen."""
    return _drawn(rng, size, b"abcxyzAZ 0129-+.%/\n\0\0")


STYLES: dict[str, Callable[[random.Random, int], bytes]] = {
    "zero": lambda rng, size: bytes(size),
    "small": lambda rng, size: small_words(rng, size, 8),
    "bytes": lambda rng, size: _drawn(rng, size, bytes(range(6))),
    "text": _text,
    "random": lambda rng, size: rng.randbytes(size),
    "ones": lambda rng, size: b"\xff" * size,
}
_LIKELY = ("constants", "small", "small", "small", "bytes", "text", "zero", "random")


def fill(rng: random.Random, size: int, style: str = "", constants: tuple[int, ...] = ()) -> bytes:
    """That many bytes in a style; what is long repeats itself."""
    style, length = style or rng.choice(_LIKELY), min(size, _PERIOD)
    if style == "constants":
        part = _known(rng, length, constants or (0,))[:size]
    else:
        part = STYLES[style](rng, length)[:size]
    return (part * (size // _PERIOD + 1))[:size]
