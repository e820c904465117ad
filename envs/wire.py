"""Frames between the evaluator and its workers: a length and a pickle, over a pair of pipes.

Both ends are Ozone's own processes; nothing here may read data that comes from elsewhere.
"""

from __future__ import annotations

import os
import pickle
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")
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
