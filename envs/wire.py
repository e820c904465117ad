"""Frames between the evaluator and its workers: a length and a pickle, over a pair of pipes.

And notes, which cost less than frames: before each pipeline a worker leaves word at the start of
its stderr's file how many plans of the request are done, and whose fault a death would now be.

Both ends are Ozone's own processes; nothing here may read data that comes from elsewhere.
"""

from __future__ import annotations

import os
import pickle
import re
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")
NOTE_BYTES = 1 << 16  # stderr's file begins with so many for the note; they are not stored
_MAX_FRAME = 1 << 32  # a larger length is the noise of a dying process


def encode(message: Any) -> bytes:
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


def write(descriptor: int, message: Any) -> None:
    """Write one frame. Raises BrokenPipeError when the reader is gone."""
    view = memoryview(encode(message))
    while view:
        view = view[os.write(descriptor, view) :]


def read(descriptor: int) -> Any:
    """Read one frame. Raises EOFError when the writer is gone, even in the middle of one."""
    (length,) = _LENGTH.unpack(_read_exactly(descriptor, _LENGTH.size))
    if length > _MAX_FRAME:
        raise EOFError("garbled frame")
    return pickle.loads(_read_exactly(descriptor, length))


def _read_exactly(descriptor: int, size: int) -> bytes:
    chunks: list[bytes] = []
    while size:
        chunk = os.read(descriptor, min(size, 1 << 20))
        if not chunk:
            raise EOFError("the other end of the pipe is gone")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def encode_note(done: int, function: str | None) -> bytes:
    blamed = "" if function is None else f"+{function}"
    note = f"{done}{blamed}\0".encode(errors="surrogateescape")
    return note if len(note) <= NOTE_BYTES else encode_note(done, "")


def decode_note(stderr: bytes) -> tuple[int, str | None, str]:
    """(plans done, function, what was printed) of stderr's file."""
    match = re.match(rb"(\d+)(\+.*?)?\0", stderr, re.DOTALL)
    if match is None:  # it died before its first note
        return 0, None, stderr.decode(errors="replace")
    function = match[2][1:].decode(errors="surrogateescape") if match[2] else None
    return int(match[1]), function, stderr[NOTE_BYTES:].decode(errors="replace")
