"""What times machine code from within: calls answered without us, and the same run many times.

`Native` is machine code of our own. Its `answer` stands where `machine` answers calls in Python,
and takes some nanoseconds: the n-th call of a function gets the n-th answer that there is for it,
and its writes happen. Allocations move a pointer on, to free is nothing. `repeat` runs a function
many times; before each run memory, answers and allocations are as they were before the first.

What is not covered: whether calls have the arguments that the answers are for; writes to what only
the callee could know the address of.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ir_tools.llvm import Context
from ir_tools.verify.execution.jit import UnfitError, address_in, adopt_host, engine
from ir_tools.verify.interpreter.libraries import FREERS

_MOST_STUBS = 4096
_HEAP_BYTES = 1 << 24
_SCRIPT, _MALLOC, _CALLOC, _FREE, _CONSTANT = range(5)
_FIXED = -1  # no slot: a place is an address
_KINDS: Mapping[str, int] = {
    "malloc": _MALLOC, "_Znwm": _MALLOC, "_Znam": _MALLOC, "calloc": _CALLOC,
    **dict.fromkeys(FREERS, _FREE),
}  # fmt: skip

# %Queue: next answer, end of answers, kind. %Answer: result, its size, first copy, end of copies.
# %Copy: slot of the argument that is the base, or -1; displacement; from where; how many bytes.
_TEXT = """
%Queue = type {{ ptr, ptr, i64 }}
%Answer = type {{ ptr, i64, ptr, ptr }}
%Copy = type {{ i64, i64, ptr, i64 }}

define internal void @copy(ptr %first, ptr %last, ptr %arguments) {{
entry:
  br label %head
head:
  %each = phi ptr [ %first, %entry ], [ %next, %put ]
  %done = icmp eq ptr %each, %last
  br i1 %done, label %out, label %body
body:
  %slot = load i64, ptr %each
  %displacement.at = getelementptr %Copy, ptr %each, i64 0, i32 1
  %displacement = load i64, ptr %displacement.at
  %from.at = getelementptr %Copy, ptr %each, i64 0, i32 2
  %from = load ptr, ptr %from.at
  %size.at = getelementptr %Copy, ptr %each, i64 0, i32 3
  %size = load i64, ptr %size.at
  %is.fixed = icmp slt i64 %slot, 0
  br i1 %is.fixed, label %put, label %relative
relative:
  %base.at = getelementptr i8, ptr %arguments, i64 %slot
  %base = load i64, ptr %base.at
  br label %put
put:
  %start = phi i64 [ 0, %body ], [ %base, %relative ]
  %number = add i64 %start, %displacement
  %to = inttoptr i64 %number to ptr
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %size, i1 false)
  %next = getelementptr %Copy, ptr %each, i64 1
  br label %head
out:
  ret void
}}

define i32 @answer(i32 %number, ptr %arguments, ptr %result) {{
entry:
  %index = zext i32 %number to i64
  %queue = getelementptr %Queue, ptr inttoptr (i64 {queues} to ptr), i64 %index
  %kind.at = getelementptr %Queue, ptr %queue, i64 0, i32 2
  %kind = load i64, ptr %kind.at
  switch i64 %kind, label %script [ i64 1, label %malloc i64 2, label %calloc i64 3, label %free ]
script:
  %answer = load ptr, ptr %queue
  %end.at = getelementptr %Queue, ptr %queue, i64 0, i32 1
  %end = load ptr, ptr %end.at
  %is.none = icmp eq ptr %answer, %end
  br i1 %is.none, label %short, label %give
give:
  %after = getelementptr %Answer, ptr %answer, i64 1
  %is.constant = icmp eq i64 %kind, 4
  %next = select i1 %is.constant, ptr %answer, ptr %after
  store ptr %next, ptr %queue
  %bytes = load ptr, ptr %answer
  %size.at = getelementptr %Answer, ptr %answer, i64 0, i32 1
  %size = load i64, ptr %size.at
  %first.at = getelementptr %Answer, ptr %answer, i64 0, i32 2
  %first = load ptr, ptr %first.at
  %last.at = getelementptr %Answer, ptr %answer, i64 0, i32 3
  %last = load ptr, ptr %last.at
  call void @copy(ptr %first, ptr %last, ptr %arguments)
  call void @llvm.memcpy.p0.p0.i64(ptr %result, ptr %bytes, i64 %size, i1 false)
  ret i32 0
malloc:
  %one = load i64, ptr %arguments
  br label %allocate
calloc:
  %count = load i64, ptr %arguments
  %each.at = getelementptr i8, ptr %arguments, i64 16
  %each = load i64, ptr %each.at
  %many = mul i64 %count, %each
  br label %allocate
allocate:
  %wanted = phi i64 [ %one, %malloc ], [ %many, %calloc ]
  %is.huge = icmp ugt i64 %wanted, {heap_bytes}
  br i1 %is.huge, label %short, label %fit
fit:
  %more = add i64 %wanted, 31
  %padded = and i64 %more, -16
  %start = load i64, ptr inttoptr (i64 {heap} to ptr)
  %stop = add i64 %start, %padded
  %is.full = icmp ugt i64 %stop, {heap_end}
  br i1 %is.full, label %short, label %room
room:
  store i64 %stop, ptr inttoptr (i64 {heap} to ptr)
  store i64 %start, ptr %result
  %is.calloc = icmp eq i64 %kind, 2
  br i1 %is.calloc, label %wipe, label %free
wipe:
  %space = inttoptr i64 %start to ptr
  call void @llvm.memset.p0.i64(ptr %space, i8 0, i64 %wanted, i1 false)
  ret i32 0
free:
  ret i32 0
short:
  store i64 1, ptr inttoptr (i64 {short} to ptr)
  ret i32 1
}}

define void @repeat(ptr %enter, ptr %arguments, ptr %result, ptr %first, ptr %last, i64 %count) {{
entry:
  br label %head
head:
  %done = phi i64 [ 0, %entry ], [ %next, %head ]
  call void @copy(ptr %first, ptr %last, ptr null)
  call void %enter(ptr %arguments, ptr %result)
  %next = add i64 %done, 1
  %is.more = icmp ult i64 %next, %count
  br i1 %is.more, label %head, label %out
out:
  ret void
}}
"""


class _Queue(ctypes.Structure):
    _fields_ = (("next", ctypes.c_uint64), ("end", ctypes.c_uint64), ("kind", ctypes.c_uint64))


class _Answer(ctypes.Structure):
    _fields_ = (
        ("result", ctypes.c_uint64), ("size", ctypes.c_uint64),
        ("first", ctypes.c_uint64), ("last", ctypes.c_uint64),
    )  # fmt: skip


class _Copy(ctypes.Structure):
    _fields_ = (
        ("slot", ctypes.c_int64), ("displacement", ctypes.c_uint64),
        ("source", ctypes.c_uint64), ("size", ctypes.c_uint64),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes for a place: an address, or so far from what the argument in that slot points to."""

    displacement: int
    data: bytes
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call returns, and what it writes before. One that `repeats` is the only one, and
    answers any number of calls."""

    result: bytes
    writes: Sequence[Write] = ()
    repeats: bool = False


_REPEAT = ctypes.PYFUNCTYPE(
    None, *[ctypes.c_void_p] * 5, ctypes.c_uint64
)  # holds the interpreter's lock, as `enter` does


class Native:
    """`answer` is the address for `jit.Code`. Made by `native`: its code is never freed."""

    def __init__(self) -> None:
        self._queues = (_Queue * _MOST_STUBS)()
        self._heap = mmap.mmap(-1, _HEAP_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._start = ctypes.addressof(ctypes.c_char.from_buffer(self._heap))
        self._next, self._short = ctypes.c_uint64(self._start), ctypes.c_uint64()
        self._context = Context()
        module = self._context.parse(
            _TEXT.format(
                queues=ctypes.addressof(self._queues),
                heap=ctypes.addressof(self._next),
                heap_bytes=_HEAP_BYTES,
                heap_end=self._start + _HEAP_BYTES,
                short=ctypes.addressof(self._short),
            )
        )
        adopt_host(module)
        made = engine(module, is_timed=True)
        self.answer = address_in(made, "answer")
        self._repeat = _REPEAT(address_in(made, "repeat"))
        self._kept: list[object] = []
        self._copies: ctypes.Array[_Copy] = (_Copy * 0)()

    def prepare(self, callees: Sequence[str], answers: Mapping[int, Sequence[Answer]]) -> None:
        """What answers the stubs, by number: `callees` names them all. Raises UnfitError."""
        if len(callees) > _MOST_STUBS:
            raise UnfitError(f"calls of {len(callees)} functions")
        self._kept.clear()
        self._next.value = self._start
        for number, callee in enumerate(callees):
            known = answers.get(number)
            kind = _KINDS.get(callee, _SCRIPT) if known is None else _SCRIPT
            kind = _CONSTANT if known and known[0].repeats else kind
            table = (_Answer * len(known or ()))(*map(self._answer, known or ()))
            start = ctypes.addressof(self._keep(table))
            self._queues[number] = _Queue(start, start + ctypes.sizeof(table), kind)
        used = bytes(self._queues)[: len(callees) * ctypes.sizeof(_Queue)]
        own = [Write(ctypes.addressof(self._next), bytes(self._next))]
        own += [Write(ctypes.addressof(self._queues), used)] if used else []
        self._own = own
        self.restore(())

    def restore(self, writes: Sequence[Write]) -> None:
        """What else is written before each run."""
        self._copies = self._table([*self._own, *writes])

    def _keep(self, thing: ctypes.Array[_Answer]) -> ctypes.Array[_Answer]:
        self._kept.append(thing)
        return thing

    def _answer(self, answer: Answer) -> _Answer:
        result = ctypes.create_string_buffer(answer.result, max(len(answer.result), 1))
        copies = self._table(answer.writes)
        self._kept += (result, copies)
        first = ctypes.addressof(copies)
        last = first + ctypes.sizeof(copies)
        return _Answer(ctypes.addressof(result), len(answer.result), first, last)

    def _table(self, writes: Sequence[Write]) -> ctypes.Array[_Copy]:
        table = (_Copy * len(writes))()
        for index, write in enumerate(writes):
            data = ctypes.create_string_buffer(write.data, max(len(write.data), 1))
            self._kept.append(data)
            slot = _FIXED if write.slot is None else write.slot
            where = write.displacement % (1 << 64)
            table[index] = _Copy(slot, where, ctypes.addressof(data), len(write.data))
        return table

    def run(self, enter: object, arguments: int, result: int, count: int) -> float:
        """Seconds of CPU time that so many runs take. Raises UnfitError where answers ran short."""
        entry = ctypes.cast(enter, ctypes.c_void_p)  # type: ignore[arg-type]
        first = ctypes.addressof(self._copies)
        last = first + ctypes.sizeof(self._copies)
        self._short.value = 0
        started = time.thread_time_ns()
        self._repeat(entry, arguments, result, first, last, count)
        taken = time.thread_time_ns() - started
        if self._short.value:
            raise UnfitError("more calls or memory than there are answers for")
        return taken / 1e9


@functools.cache
def native() -> Native:
    """The one of this process; those that it forks have copies."""
    return Native()
