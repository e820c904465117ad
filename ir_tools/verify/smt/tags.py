"""Which bytes in memory are parts of pointers other than null, and so more than numbers."""

from __future__ import annotations

import z3

from ir_tools.verify.smt import pointers
from ir_tools.verify.smt.logic import FALSE
from ir_tools.verify.smt.nodes import Fill, Write
from ir_tools.verify.smt.reading import Reader
from ir_tools.verify.smt.values import Scalar


class TagReader(Reader):
    """Reads bytes that are 1 where a part of a pointer is, for what it may access, else 0."""

    def _bits(self, event: Write) -> Scalar:
        zero = z3.BitVecVal(0, 8 * event.size)
        if not event.is_pointer:
            return Scalar(zero, FALSE)
        ones = z3.BitVecVal(int.from_bytes(b"\1" * event.size, "little"), 8 * event.size)
        is_null = event.value.bits == pointers.null(self.world.width)
        return Scalar(z3.simplify(z3.If(is_null, zero, ones)), FALSE)

    def _of_byte(self, byte: z3.BitVecRef) -> Scalar:
        return Scalar(z3.ZeroExt(7, z3.Extract(9, 9, byte)), FALSE)

    def _undef(self, count: int) -> Scalar:
        return Scalar(z3.BitVecVal(0, 8 * count), FALSE)

    def _filler(self, event: Fill) -> Scalar:
        return Scalar(z3.BitVecVal(0, event.byte.bits.size()), FALSE)
