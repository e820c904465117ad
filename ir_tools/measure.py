"""Sizes of an object file, read with LLVM's own object-file library.

*Size* is what a user pays for in flash: text, read-only data and initialised data. Unwind tables,
notes, debug information, symbol tables and zero-initialised data are not in it; unwind tables are
reported apart, so that nothing is "saved" by moving it.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ir_tools.errors import ParseError, one_line
from ir_tools.libllvm import library, take_message
from ir_tools.llvm import Module
from ir_tools.target import Target

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


_NOT_ELF = ("apple", "darwin", "macos", "windows", "mingw", "wasm", "aix", "zos")
# Names that simplifycfg and rel-lookup-table-converter give; LLVM adds a number to a second one.
_TABLE = re.compile(r"(switch\.table|reltable)\.(?P<function>.*?)(\.\d+)?$")
_ELF_TYPES = range(6, 10)  # LLVMBinaryTypeELF32L .. ELF64B
_WASM_TYPE = 14  # LLVMBinaryTypeWasm


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of an object by kind of section, and of each symbol that has some.

    A function's bytes are its code's, and those of read-only data in a section of its own (jump
    tables, after `give_own_sections`). Mach-O and COFF symbols carry no size: there are none.
    """

    text: int
    rodata: int
    data: int
    eh_frame: int
    symbols: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Allocatable bytes: text, read-only and initialised data."""
        return self.text + self.rodata + self.data


@functools.lru_cache(1024)
def section_kind(name: str) -> str:
    """`text`, `rodata`, `data`, `eh_frame` or `none` for a section's name."""
    return next(kind for kind, pattern in _KINDS if pattern.match(name))


def object_sizes(data: bytes, names: Sequence[str] = ()) -> Sizes:
    """The sizes of an object file in memory. Raises ParseError when it is none.

    `names` are the module's defined functions in order, by which wasm's function bodies, which
    stand in that order, are told apart.
    """
    lib = library()
    buffer = lib.LLVMCreateMemoryBufferWithMemoryRangeCopy(data, len(data), b"object")
    message = ctypes.c_void_p()
    binary = lib.LLVMCreateBinary(buffer, None, ctypes.byref(message))
    try:
        if not binary:
            raise ParseError(f"not an object file: {one_line(take_message(message.value))}")
        return _read(binary, names)
    finally:
        if binary:
            lib.LLVMDisposeBinary(binary)
        lib.LLVMDisposeMemoryBuffer(buffer)


def _read(binary: int, names: Sequence[str]) -> Sizes:
    totals = dict.fromkeys(("text", "rodata", "data", "eh_frame", "none"), 0)
    kind = library().LLVMBinaryGetType(binary)
    symbols = _symbol_sizes(binary) if kind in _ELF_TYPES else {}
    if kind == _WASM_TYPE:
        bodies = _wasm_bodies(binary)
        symbols = dict(zip(names, bodies, strict=True)) if len(bodies) == len(names) else {}
    for name, size in _sections(binary):
        totals[section_kind(name)] += size
        owner = name.removeprefix(".rodata.")
        if owner != name and owner in symbols:
            symbols[owner] += size
    del totals["none"]
    return Sizes(**totals, symbols=symbols)


def _sections(binary: int) -> Iterator[tuple[str, int]]:
    lib = library()
    section = lib.LLVMObjectFileCopySectionIterator(binary)
    while not lib.LLVMObjectFileIsSectionIteratorAtEnd(binary, section):
        name = (lib.LLVMGetSectionName(section) or b"").decode(errors="surrogateescape")
        yield name, lib.LLVMGetSectionSize(section)
        lib.LLVMMoveToNextSection(section)
    lib.LLVMDisposeSectionIterator(section)


def _symbol_sizes(binary: int) -> dict[str, int]:
    lib = library()
    sizes: dict[str, int] = {}
    symbol = lib.LLVMObjectFileCopySymbolIterator(binary)
    while not lib.LLVMObjectFileIsSymbolIteratorAtEnd(binary, symbol):
        size = lib.LLVMGetSymbolSize(symbol)
        if size:
            name = lib.LLVMGetSymbolName(symbol) or b""
            sizes[name.decode(errors="surrogateescape")] = size
        lib.LLVMMoveToNextSymbol(symbol)
    lib.LLVMDisposeSymbolIterator(symbol)
    return sizes


def _wasm_bodies(binary: int) -> list[int]:
    """Bytes of each function body in a wasm object's code section, length prefixes included."""
    lib, code = library(), b""
    section = lib.LLVMObjectFileCopySectionIterator(binary)
    while not lib.LLVMObjectFileIsSectionIteratorAtEnd(binary, section):
        if lib.LLVMGetSectionName(section) == b"CODE":
            code = ctypes.string_at(
                lib.LLVMGetSectionContents(section), lib.LLVMGetSectionSize(section)
            )
        lib.LLVMMoveToNextSection(section)
    lib.LLVMDisposeSectionIterator(section)
    count, position = _leb128(code, 0)
    bodies = []
    for _ in range(count):
        size, body = _leb128(code, position)
        bodies.append(body + size - position)
        position = body + size
    return bodies


def _leb128(data: bytes, position: int) -> tuple[int, int]:
    """An unsigned number in wasm's encoding, and the position after it."""
    value = shift = 0
    while position < len(data):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            break
    return value, position


def give_own_sections(module: Module) -> None:
    """Make code generation put each function, and its jump tables, into sections of their own.

    For measuring only, in place. It is `-ffunction-sections`, which LLVM-C cannot ask for, by way
    of a comdat for each function; formats other than ELF are left alone.
    """
    lib = library()
    if any(part in module.triple for part in _NOT_ELF):
        return
    for function in module.defined_functions():
        if not lib.LLVMGetComdat(function.handle):
            name = function.name.encode(errors="surrogateescape")
            lib.LLVMSetComdat(function.handle, lib.LLVMGetOrInsertComdat(module.handle, name))


def table_sizes(module: Module, target: Target) -> dict[str, int]:
    """Bytes of the tables that passes made from switches, by the function that reads them."""
    sizes: dict[str, int] = {}
    for variable in module.globals():
        match = _TABLE.match(variable.name)
        if match and not variable.is_declaration:
            name = match.group("function")
            sizes[name] = sizes.get(name, 0) + target.size_of(variable)
    return sizes
