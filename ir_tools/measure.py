"""Sizes of an object file, read with LLVM's own object-file library.

*Size* is what a user pays for in flash: text, read-only data and initialised data. Unwind tables,
notes, debug information, symbol tables and zero-initialised data are not in it; unwind tables are
reported apart, so that nothing is "saved" by moving it.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass, field

from ir_tools.errors import ParseError
from ir_tools.libllvm import library

# Section names of ELF, Mach-O, COFF and wasm objects, by what they cost. LLVM-C gives no section
# flags; the names below are those that LLVM's own code generators emit. First match wins.
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("eh_frame", r"\.eh_frame|\.gcc_except_table|\.ARM\.ex(idx|tab)|__(eh_frame|compact_unwind"
                     r"|gcc_except_tab)$|\.[px]data"),
        ("none", r"$|\.(debug|note|comment|rel|rela|symtab|strtab|shstrtab|llvm|group|bss|tbss"
                 r"|stack_sizes|ARM\.attributes|riscv\.attributes|drectve|file)|__(debug|bss|common"
                 r"|apple|LLVM)|\.?(sbss|linking|producers|target_features|name|TYPE|FUNCTION"
                 r"|IMPORT|EXPORT|ELEM|TABLE|MEMORY|GLOBAL|DATACOUNT|reloc)\b"),
        ("text", r"\.text|__text|\.init$|\.fini$|CODE$"),
        ("rodata", r"\.s?rodata|\.rdata|__(const|cstring|literal)|\.constdata"),
        ("data", r""),
    )
)  # fmt: skip


_ELF_TYPES = range(6, 10)  # LLVMBinaryTypeELF32L .. ELF64B


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of an object by kind of section, and of each function symbol.

    `functions` is empty for formats whose symbols carry no size (Mach-O, COFF, wasm).
    """

    text: int
    rodata: int
    data: int
    eh_frame: int
    functions: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Allocatable bytes: text, read-only and initialised data."""
        return self.text + self.rodata + self.data


def section_kind(name: str) -> str:
    """`text`, `rodata`, `data`, `eh_frame` or `none` for a section's name."""
    return next(kind for kind, pattern in _KINDS if pattern.match(name))


def object_sizes(data: bytes) -> Sizes:
    """The sizes of an object file in memory. Raises ParseError when it is none."""
    lib = library()
    buffer = lib.LLVMCreateMemoryBufferWithMemoryRangeCopy(data, len(data), b"object")
    message = ctypes.c_void_p()
    binary = lib.LLVMCreateBinary(buffer, None, ctypes.byref(message))
    try:
        if not binary:
            detail = ctypes.string_at(message.value or 0).decode(errors="replace")
            lib.LLVMDisposeMessage(message)
            raise ParseError(f"not an object file: {detail}")
        return _read(binary)
    finally:
        if binary:
            lib.LLVMDisposeBinary(binary)
        lib.LLVMDisposeMemoryBuffer(buffer)


def _read(binary: int) -> Sizes:
    lib = library()
    totals = dict.fromkeys(("text", "rodata", "data", "eh_frame", "none"), 0)
    section = lib.LLVMObjectFileCopySectionIterator(binary)
    while not lib.LLVMObjectFileIsSectionIteratorAtEnd(binary, section):
        kind = section_kind((lib.LLVMGetSectionName(section) or b"").decode(errors="replace"))
        totals[kind] += lib.LLVMGetSectionSize(section)
        lib.LLVMMoveToNextSection(section)
    lib.LLVMDisposeSectionIterator(section)
    del totals["none"]
    return Sizes(**totals, functions=_symbol_sizes(binary))


def _symbol_sizes(binary: int) -> dict[str, int]:
    lib = library()
    sizes: dict[str, int] = {}
    if lib.LLVMBinaryGetType(binary) not in _ELF_TYPES:
        return sizes
    symbol = lib.LLVMObjectFileCopySymbolIterator(binary)
    while not lib.LLVMObjectFileIsSymbolIteratorAtEnd(binary, symbol):
        size = lib.LLVMGetSymbolSize(symbol)
        if size:
            name = lib.LLVMGetSymbolName(symbol) or b""
            sizes[name.decode(errors="surrogateescape")] = size
        lib.LLVMMoveToNextSymbol(symbol)
    lib.LLVMDisposeSymbolIterator(symbol)
    return sizes
