"""Blocks of memory at given addresses, with nothing mapped around them.

An access to a page that holds no block faults. What a block's pages hold besides it is zero, and
`spilled` tells whether it still is.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from typing import Any

_PAGE = mmap.PAGESIZE
_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_FIXED_NO_REPLACE = 0x100000
_TRAMPOLINE = b"\x49\xbb%b\x41\xff\xe3"  # x86-64: movabs $address, %r11; jmp *%r11


class Arena:
    """The blocks of one run."""

    def __init__(self) -> None:
        self._pages: set[int] = set()
        self._blocks: list[tuple[int, int]] = []  # start, end

    def place(self, address: int, size: int) -> None:
        """Map a block's pages. Raises MemoryError where something else is."""
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _FIXED_NO_REPLACE
        for page in range(address // _PAGE, -(-(address + max(size, 1)) // _PAGE)):
            if page not in self._pages:
                if _c("mmap")(page * _PAGE, _PAGE, _READ_WRITE, flags, -1, 0) != page * _PAGE:
                    raise MemoryError(f"no room for a block at {address:#x}")
                self._pages.add(page)
        self._blocks.append((address, address + size))

    def seal(self, address: int, size: int, executable: bool = False) -> None:
        """Let a block's pages be read, or run, but no more written."""
        first = address // _PAGE * _PAGE
        protection = mmap.PROT_READ | (mmap.PROT_EXEC if executable else 0)
        failed = _c("mprotect")(first, address + size - first, protection)
        assert not failed, f"no protection of {address:#x}"

    def jump(self, address: int, to: int) -> None:
        """Make an address one that can be called in the place of another."""
        code = _TRAMPOLINE % to.to_bytes(8, "little")
        self.place(address, len(code))
        ctypes.memmove(address, code, len(code))
        self.seal(address, len(code), executable=True)

    def spilled(self) -> int | None:
        """The address of a byte that was written beside every block, on their pages."""
        for page in sorted(self._pages):
            data = bytearray(ctypes.string_at(page * _PAGE, _PAGE))
            for start, end in self._blocks:
                low, high = max(start - page * _PAGE, 0), min(end - page * _PAGE, _PAGE)
                if low < high:
                    data[low:high] = bytes(high - low)
            if any(data):
                return page * _PAGE + len(data) - len(data.lstrip(b"\0"))
        return None

    def clear(self) -> None:
        """Take every block away."""
        for page in self._pages:
            _c("munmap")(page * _PAGE, _PAGE)
        self._pages.clear()
        self._blocks.clear()


@functools.cache
def _c(name: str) -> Any:
    """A function of the C library that takes addresses and sizes."""
    function = getattr(ctypes.CDLL(None), name)
    address, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    function.argtypes = {
        "mmap": (address, size, number, number, number, ctypes.c_long),
        "mprotect": (address, size, number),
        "munmap": (address, size),
    }[name]
    function.restype = address if name == "mmap" else number
    return function
