"""What the library's output functions print, so that calls that LLVM makes of others compare.

`printf("%s\\n", s)` may become `puts(s)`, `fputs(s, f)` an `fwrite`, an `fwrite` of one byte an
`fputc`: what counts is the bytes that each stream gets, in order. Conversions other than `%c`, `%s`
and `%%` stand for themselves, with their argument. What a function prints is None where that is not
known: functions that are not in the table, widths and precisions, bytes that are poison or part of
a pointer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from ir_tools.verify.interpreter.concrete import Undefined
from ir_tools.verify.interpreter.storage import NULL, Pointer

STDOUT = "stdout"
_MOST_BYTES = 1 << 12
_CONVERSION = re.compile(rb"%(?:[diouxXeEfFgGaAcsp%]|l?l[diouxX]|h?h[diouxX]|z[diouxX])")

# A byte, or a conversion and its argument.
Piece = int | tuple[bytes, Any]
Printed = tuple[Any, tuple[Piece, ...]]  # a stream and what it gets


class _Unclear(Exception):
    """It is not known what is printed."""


def printed(machine: Any, name: str, values: list[Any]) -> Printed | None:
    """What a call prints. Raises Undefined where it reads what it may not."""
    known = _FUNCTIONS.get(name)
    if known is None:
        return None
    try:
        stream, pieces = known(_Reader(machine), values)
    except (_Unclear, IndexError):
        return None
    return (stream.plain() if isinstance(stream, Pointer) else stream), tuple(pieces)


def pieces(calls: Iterable[Any]) -> list[tuple[int, Any, Piece]] | None:
    """Every piece that a run's calls print: how many other calls with effects came before, its
    stream, and what it is; None where not all of it is known."""
    found: list[tuple[int, Any, Piece]] = []
    before = 0
    for event in calls:
        before += not event.is_pure and not event.is_output
        if event.is_output:
            if event.printed is None:
                return None
            stream, printed_pieces = event.printed
            found += [(before, stream, piece) for piece in printed_pieces]
    return found


def kind(piece: Piece) -> int | bytes:
    """A byte, or which conversion."""
    return piece if isinstance(piece, int) else piece[0]


def shown(piece: Piece) -> str:
    return repr(chr(piece)) if isinstance(piece, int) else piece[0].decode()


class _Reader:
    """Reads a run's memory as a library function does."""

    def __init__(self, machine: Any) -> None:
        self._machine = machine

    def byte(self, pointer: Any, index: int) -> int:
        if not isinstance(pointer, Pointer):
            raise Undefined("output of what poison or undef points to")
        if index >= _MOST_BYTES:
            raise _Unclear
        at = Pointer(pointer.block, pointer.offset + index)
        block, offset = self._machine.memory.access(at, 1, 1, None)
        if block.state[offset]:
            raise _Unclear
        return int(block.data[offset])

    def block(self, pointer: Any, size: int) -> list[int]:
        return [self.byte(pointer, index) for index in range(size)]

    def string(self, pointer: Any) -> bytes:
        found = bytearray()
        while byte := self.byte(pointer, len(found)):
            found.append(byte)
        return bytes(found)

    def formatted(self, pattern: bytes, values: list[Any]) -> list[Piece]:
        """The pattern with its arguments in their places."""
        pieces: list[Piece] = []
        left, at = list(values), 0
        for found in _CONVERSION.finditer(pattern):
            pieces += _plain(pattern[at : found.start()])
            pieces += self._converted(found[0], left)
            at = found.end()
        return [*pieces, *_plain(pattern[at:])]

    def _converted(self, conversion: bytes, left: list[Any]) -> list[Piece]:
        if conversion == b"%%":
            return [ord("%")]
        value = left.pop(0)
        if conversion == b"%c":
            return [_number(value) & 0xFF]
        if conversion == b"%s":
            if value == NULL:
                raise Undefined("%s of a null pointer")
            return [*self.string(value)]
        return [(conversion, value.plain() if isinstance(value, Pointer) else value)]


def _plain(text: bytes) -> bytes:
    if b"%" in text:  # of a conversion that is not in the table
        raise _Unclear
    return text


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise _Unclear
    return value


def _fwrite(reader: _Reader, values: list[Any]) -> tuple[Any, list[Piece]]:
    size = _number(values[1]) * _number(values[2])
    return values[3], [*reader.block(values[0], size)]


_Meaning = Callable[[_Reader, list[Any]], tuple[Any, list[Piece]]]
_FUNCTIONS: dict[str, _Meaning] = {
    "putchar": lambda reader, v: (STDOUT, [_number(v[0]) & 0xFF]),
    "fputc": lambda reader, v: (v[1], [_number(v[0]) & 0xFF]),
    "puts": lambda reader, v: (STDOUT, [*reader.string(v[0]), ord("\n")]),
    "fputs": lambda reader, v: (v[1], [*reader.string(v[0])]),
    "fwrite": _fwrite,
    "fflush": lambda reader, v: (v[0], [(b"fflush", 0)]),
    "printf": lambda reader, v: (STDOUT, reader.formatted(reader.string(v[0]), v[1:])),
    "fprintf": lambda reader, v: (v[0], reader.formatted(reader.string(v[1]), v[2:])),
}
_FUNCTIONS |= {
    "putc": _FUNCTIONS["fputc"],
    "iprintf": _FUNCTIONS["printf"],
    "fiprintf": _FUNCTIONS["fprintf"],
    **{f"{name}_unlocked": _FUNCTIONS[name] for name in ("putchar", "fputc", "fputs", "fwrite")},
}
