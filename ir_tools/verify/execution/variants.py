"""Inputs that a generator seldom makes, from those that it makes: what passes get wrong.

Two arguments of one value, or of one and its negative, complement or neighbour; two pointers into
one block, with small numbers beside them; the code's constants in memory; a
poison or undefined argument; a pointer that is aligned no more than promised; memory that is partly
undefined or poison. Nothing is made that an attribute of the parameter forbids.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import POISON, POISONED, UNDEF, Address, Concrete, Undef
from ir_tools.verify.interpreter.given import Input

_UNALIASED = {"noalias", "byval", "sret"}
_PLACED = {"align", "dereferenceable", "dereferenceable_or_null", "byval", "sret"}
_WORD = 8


def varied(inputs: Iterator[Input], function: ir.Function) -> Iterator[Input]:
    """Three of eight inputs are changed, by one kind of change after the other, and in two more
    arguments are made equal."""
    changes = itertools.cycle(
        (_alias, _plant, _undefine_argument, _plant, _misalign, _alias, _plant, _undefine_memory)
    )
    for number, given in enumerate(inputs):
        if number % 8 in (2, 4, 6):
            change: _Change = next(changes)
            change(given, function, random.Random(f"{given.seed} variant"))
        elif number % 8 in (1, 5):
            _equate(given, function, random.Random(f"{given.seed} equal"))
        yield given


_Change = Callable[[Input, ir.Function, random.Random], None]


def _replace(given: Input, index: int, value: Concrete) -> None:
    given.arguments = (*given.arguments[:index], value, *given.arguments[index + 1 :])


def _equate(given: Input, function: ir.Function, rng: random.Random) -> None:
    """A number as an argument twice, or beside what is easily calculated from it."""
    numbers = [
        index
        for index, (value, parameter) in enumerate(
            zip(given.arguments, function.parameters, strict=True)
        )
        if isinstance(value, int) and "range" not in parameter.attributes
    ]
    if len(numbers) < 2:
        return
    one, other = rng.sample(numbers, 2)
    value, type_ = given.arguments[one], function.parameters[other].type
    assert isinstance(value, int)
    if type(type_) is not type(function.parameters[one].type):
        return
    if isinstance(type_, ir.IntType):
        value = rng.choice((value, value, value, -value, ~value, value + 1, value - 1, 2 * value))
        value %= 1 << type_.bits
    elif type_ != function.parameters[one].type:
        return
    elif isinstance(type_, ir.FloatType):
        value ^= rng.choice((0, 0, 1)) << (type_.bits - 1)
    _replace(given, other, value)


def _pointers(given: Input, function: ir.Function, forbidden: set[str]) -> list[int]:
    """Parameters whose argument points to a block, and which have none of those attributes."""
    return [
        index
        for index, (value, parameter) in enumerate(
            zip(given.arguments, function.parameters, strict=True)
        )
        if isinstance(value, Address)
        and value.block in given.blocks
        and not forbidden & set(parameter.attributes)
    ]


def _alias(given: Input, function: ir.Function, rng: random.Random) -> None:
    """A pointer into another's block, near it; and small numbers."""
    found = _pointers(given, function, _UNALIASED)
    movable = [index for index in found if not _PLACED & set(function.parameters[index].attributes)]
    pairs = [(one, other) for one in found for other in movable if one != other]
    if not pairs:
        return
    one, other = rng.choice(pairs)
    target = given.arguments[one]
    assert isinstance(target, Address)
    _replace(given, other, Address(target.block, target.offset + rng.choice((0, 0, 1, 4, 8, 16))))
    for index, parameter in enumerate(function.parameters):
        if isinstance(parameter.type, ir.IntType) and "range" not in parameter.attributes:
            small = rng.choice((1, 2, 3, 4, 8, 12, 20, 32))
            _replace(given, index, small % (1 << parameter.type.bits))


def _plant(given: Input, function: ir.Function, rng: random.Random) -> None:
    """Constants of the code at the beginning of blocks, and for integers what shifts shift by."""
    constants = sorted(_constants(function)) or [(1, 1)]
    for index in _pointers(given, function, {"byval"}):
        pointer = given.arguments[index]
        assert isinstance(pointer, Address)
        assert pointer.block
        image = given.blocks[pointer.block].image
        value, size = rng.choice(constants)
        offset = rng.choice((0, 0, 0, size, 2 * size))
        if offset + size <= image.size and not any(image.state[offset : offset + size]):
            raw = (value + rng.choice((0, 0, 0, 1, -1))) % (1 << 8 * size)
            image.data = (
                image.data[:offset] + raw.to_bytes(size, "little") + image.data[offset + size :]
            )
    for index, parameter in enumerate(function.parameters):
        if isinstance(parameter.type, ir.IntType) and "range" not in parameter.attributes:
            bits = parameter.type.bits
            _replace(
                given,
                index,
                max(0, rng.choice((bits - 1, bits - 2, rng.randrange(bits)))) % (1 << bits),
            )


def _constants(function: ir.Function) -> set[tuple[int, int]]:
    """The integers that the code names, with their sizes in bytes."""
    return {
        (operand.value, operand.type.bits // 8)
        for instruction in function.instructions()
        for operand in instruction.operands
        if isinstance(operand, ir.ConstantInt) and operand.type.bits in (8, 16, 32, 64)
    }


def _undefine_argument(given: Input, function: ir.Function, rng: random.Random) -> None:
    open_ = [k for k, p in enumerate(function.parameters) if "noundef" not in p.attributes]
    scalar = [k for k in open_ if isinstance(function.parameters[k].type, ir.IntType)]
    if scalar and rng.random() < 0.4:
        index = rng.choice(scalar)
        type_ = function.parameters[index].type
        assert isinstance(type_, ir.IntType)
        _replace(given, index, Undef(0, (1 << type_.bits) - 1))
    elif open_:
        index = rng.choice(open_)
        if not isinstance(given.arguments[index], tuple):
            _replace(given, index, POISON)


def _misalign(given: Input, function: ir.Function, rng: random.Random) -> None:
    found = _pointers(given, function, _PLACED)
    if found:
        index = rng.choice(found)
        pointer = given.arguments[index]
        assert isinstance(pointer, Address)
        _replace(given, index, Address(pointer.block, pointer.offset + rng.choice((1, 2, 4, 8))))


def _undefine_memory(given: Input, function: ir.Function, rng: random.Random) -> None:
    """Part of the block of an argument, often its beginning.

    Poison comes in whole words: LLVM, -Oz included, copies up to eight bytes as one integer, which
    one poison byte spoils. That gap of LLVM's (its want of a byte type) is known, and harmless.
    """
    found = _pointers(given, function, {"byval"})
    if not found:
        return
    pointer = given.arguments[rng.choice(found)]
    assert isinstance(pointer, Address)
    assert pointer.block
    image = given.blocks[pointer.block].image
    start, size = rng.choice((0, 0, 0, 4, 8)), rng.choice((1, 4, 8, 64, 1 << 20))
    what = rng.choice((UNDEF, POISONED))
    if what == POISONED:
        start, size = start // _WORD * _WORD, -(-size // _WORD) * _WORD
    start = min(start, image.size)
    size = min(size, image.size - start)
    state = bytearray(image.state)
    state[start : start + size] = bytes([what]) * size
    image.state = bytes(state)
