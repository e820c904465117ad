"""Arguments pinned to a few values, for questions that are too hard with all of them free.

A pin is a list of facts. A counterexample under it is one; that there is none proves nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import ops
from ir_tools.verify.smt.session import Session

Pin = list[z3.BoolRef]
_SIMPLE = (2, -1, 1, 0, 3)
_FLOATS = {16: (0x3C00, 0x8000, 0x7C00), 32: (0x3F800000, 1 << 31, 0x7F800000),
           64: (0x3FF << 52, 1 << 63, 0x7FF << 52)}  # fmt: skip


def pins(session: Session) -> Iterator[Pin]:
    """The most promising first: all of one argument's numbers, two arguments' alike, all alike."""
    arguments = [
        (lanes, values)
        for index, parameter in enumerate(session.source.function.parameters)
        if (values := _values(parameter.type)) and (lanes := _lanes(session, index))
    ]
    if len(arguments) > 1:
        yield _pinned(arguments[-1][0], arguments[-1][1][0])
    for (mine, _), (its, _) in itertools.pairwise(arguments):
        if mine[0][1] == its[0][1]:
            yield [_bits(*a) == _bits(*b) for a, b in zip(mine, its, strict=False)]
    for lanes, values in arguments[-2::-1]:
        yield _pinned(lanes, values[0])
    for number in range(len(_SIMPLE)):
        every = [_pinned(lanes, values[number % len(values)]) for lanes, values in arguments]
        yield from every if len(arguments) > 1 and number else ()
        yield [fact for pin in every for fact in pin]


def _values(type_: ir.Type) -> tuple[int, ...]:
    element = ops.element_type(type_)
    if isinstance(element, ir.IntType):
        return (*_SIMPLE, 1 << (element.bits - 1))
    return _FLOATS.get(element.bits, ()) if isinstance(element, ir.FloatType) else ()


def _lanes(session: Session, index: int) -> list[tuple[str, int]]:
    """The names that `Session.shared` gives an argument's scalars, and their widths."""
    value = session.inputs.get(f"arg{index}")
    scalars = ops.scalars(value) if value is not None else []
    return [
        (f"arg{index}.{number}" if number > 1 else f"arg{index}", scalar.bits.size())
        for number, scalar in enumerate(scalars, 1)
    ]


def _pinned(lanes: list[tuple[str, int]], value: int) -> Pin:
    facts = []
    for label, width in lanes:
        facts += [_bits(label, width) == value % (1 << width)]
        facts += [z3.Not(z3.Bool(f"{label}.poison")), z3.Not(z3.Bool(f"{label}.undef"))]
    return facts


def _bits(label: str, width: int) -> z3.BitVecRef:
    return z3.BitVec(label, width)
