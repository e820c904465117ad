"""The interpreter's values and memory as a machine's bytes, and a machine's bytes against them.

An `Image` says for each byte what it is; here pointers become addresses, by a function from an
`Address` to a number, or None where the machine's address is not known, as of a function's own
variables. What is undefined or poison is filled with a pattern when it is written, and matches
anything when it is compared.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import (
    PLAIN,
    POISON,
    POISONED,
    SPECIAL,
    UNDEF,
    Address,
    Concrete,
    Image,
    Undef,
    Unsupported,
    number,
)  # fmt: skip

Resolve = Callable[[Address], "int | None"]
_FILL = 0xA5


def encode(value: Concrete, type_: ir.Type, layout: ir.Layout) -> Image:
    """The bytes that storing the value would leave in memory; padding is undefined."""
    size = layout.extent(type_).alloc
    image = Image(bytes(size), bytes([UNDEF]) * size)
    for offset, length, scalar in _scalars(value, type_, layout):
        _put(image, offset, length, scalar)
    return image


def _scalars(
    value: Concrete, type_: ir.Type, layout: ir.Layout, at: int = 0
) -> Iterator[tuple[int, int, Concrete]]:
    """(offset, length in bytes, value) of everything in the value that is no aggregate."""
    match type_:
        case ir.StructType(elements):
            offsets = layout.extent(type_).offsets
            for index, (element, offset) in enumerate(zip(elements, offsets, strict=True)):
                yield from _scalars(_lane(value, index), element, layout, at + offset)
        case ir.ArrayType(count, element):
            step = layout.extent(element).alloc
            for index in range(count):
                yield from _scalars(_lane(value, index), element, layout, at + index * step)
        case ir.VectorType(count, element) if layout.bits(element) % 8:
            yield at, layout.extent(type_).store, _packed(value, count, layout.bits(element))
        case ir.VectorType(count, element):
            length = layout.bits(element) // 8
            for index in range(count):
                yield at + index * length, length, _lane(value, index)
        case _:
            yield at, layout.extent(type_).store, value


def _lane(value: Concrete, index: int) -> Concrete:
    return value[index] if isinstance(value, tuple) else value


def _packed(value: Concrete, count: int, bits: int) -> Concrete:
    known = mask = 0
    for index in range(count):
        lane = _lane(value, index)
        if isinstance(lane, Undef):
            known, mask = known | lane.value << index * bits, mask | lane.mask << index * bits
        elif isinstance(lane, int):
            known |= lane << index * bits
        else:
            mask |= ((1 << bits) - 1) << index * bits
    return Undef(known, mask) if mask else known


def _put(image: Image, offset: int, length: int, scalar: Concrete) -> None:
    data, state, end = bytearray(image.data), bytearray(image.state), offset + length
    if scalar is POISON:
        state[offset:end] = bytes([POISONED]) * length
    elif isinstance(scalar, Address):
        state[offset:end] = bytes([SPECIAL]) * length
        image.special |= {offset + index: (scalar, index) for index in range(length)}
    elif isinstance(scalar, Undef):
        data[offset:end] = scalar.value.to_bytes(length, "little")
        state[offset:end] = bytes([SPECIAL]) * length
        mask = scalar.mask.to_bytes(length, "little")
        image.special |= {offset + index: mask[index] for index in range(length)}
    elif isinstance(scalar, int):
        data[offset:end] = scalar.to_bytes(length, "little")
        state[offset:end] = bytes([PLAIN]) * length
    else:
        raise Unsupported(f"{scalar!r} in memory")
    image.data, image.state = bytes(data), bytes(state)


def write(image: Image, at: int, resolve: Resolve) -> None:
    """Put an image into this process's memory."""
    ctypes.memmove(at, machine_bytes(image, resolve), image.size)


def machine_bytes(image: Image, resolve: Resolve) -> bytes:
    if not any(image.state):
        return image.data
    care, fill = image.plain_mask(), number(bytes([_FILL]) * image.size)
    data = bytearray((number(image.data) & care | fill & ~care).to_bytes(image.size, "little"))
    for index in _specials(image):
        data[index] = _special(image, index, resolve)[0]
    return bytes(data)


def mismatch(image: Image, found: bytes, resolve: Resolve) -> int | None:
    """The first byte at which memory is not as the image wants it."""
    if found == image.data and SPECIAL not in image.state:
        return None
    assert len(found) == image.size
    first = image.differs_at(found)
    differing = [] if first is None else [first]
    for index in _specials(image):
        value, mask = _special(image, index, resolve)
        if (found[index] ^ value) & ~mask:
            differing.append(index)
            break
    return min(differing, default=None)


def _specials(image: Image) -> list[int]:
    return sorted(k for k in image.special if image.state[k] == SPECIAL)


def _special(image: Image, index: int, resolve: Resolve) -> tuple[int, int]:
    """A byte, and the mask of its bits that may be anything."""
    what = image.special[index]
    if isinstance(what, int):
        return image.data[index] & ~what, what
    pointer, which = what
    address = resolve(pointer)
    return (0, 0xFF) if address is None else (address >> 8 * which & 0xFF, 0)
