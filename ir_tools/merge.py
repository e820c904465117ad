"""Optimised functions back into their module: the other half of `ir_tools.partition`.

`merge` puts the bodies that parts hold under the symbols that they came from. A symbol (linkage,
section, comdat, attributes, its place in the module) is always the module's; only bodies travel.

How it works: for as long as a merge lasts, the module's local symbols are promoted as those of its
parts are, so that all of a part's can be matched by name, and checked, before its bodies move.
What is still local in a part after its passes is new, such as a switch table, and comes along.
Blocks are moved from function to function: LLVM's linker would reorder variables and take struct
types' names.

What is covered: what `extract` covers. Each part brings a compile unit of its own, for debug
information, into the merged module.

What is not covered: attributes that passes infer on a part's function, or on a declaration that the
module already has, are not carried over.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ir_tools.errors import InvalidModuleError
from ir_tools.libllvm import library
from ir_tools.llvm import Module
from ir_tools.partition import (
    COMPILE_UNITS,
    block_ties,
    compile_units,
    demote,
    drop_module_level,
    is_promoted,
    original_name,
    promote,
)
from ir_tools.symbols import Function, GlobalValue, Linkage

_STRUCT_TYPE, _ARRAY_TYPE = 10, 11  # LLVMTypeKind
_ABI_ATTRIBUTES = (
    "byval", "byref", "sret", "inalloca", "preallocated", "inreg", "zeroext", "signext", "nest",
    "swiftself", "swifterror", "swiftasync",
)  # fmt: skip
_PROMISES = ("noundef", "dereferenceable", "dereferenceable_or_null")  # undefined behaviour else
_STRING_OR_TYPE = re.compile(r'c"[^"]*"|%"[^"]*"|%[-\w.$]+')  # in a constant that is printed


def merge(module: Module, parts: Iterable[Module]) -> Module:
    """A copy of `module` in which the functions that the parts define have the parts' bodies.

    A part is what `extract` made of this module, after passes that change no signature; it may live
    in another context. Private constants and functions that passes made come along, and so do the
    declarations that bodies need. Functions and variables keep their order; new ones stand at the
    end. `module` and the parts stay as they are.

    A part may also come from a sibling, a version of the module whose functions were optimised one
    by one. One that has been through `default<Oz>` is none: `ipsccp` makes a function return poison
    once all its callers know the result, and the callers here do not. Such a sibling is refused
    where types, calling conventions or globals tell, but they need not.

    Raises InvalidModuleError when a part defines a function that the module does not define, that
    another part defines too or whose signature differs; when it needs a local symbol that the
    module does not have; when a constant, a global's type or the target differs.
    """
    merged = module.clone()
    try:
        promoted = promote(merged)
        merger = _Merger(merged)
        for part in parts:
            merger.put_back(part)
        demote(merged, promoted)
        merged.verify()
    except BaseException:
        merged.close()
        raise
    return merged


@dataclass(frozen=True, slots=True)
class _Match:
    """A symbol of a part, what it is in the merged module, and whether its content moves there."""

    theirs: GlobalValue
    ours: GlobalValue
    moves: bool


class _Merger:
    """Replaces bodies in a module whose local symbols are promoted."""

    def __init__(self, merged: Module) -> None:
        self._merged = merged
        self._known = {symbol.name: symbol for symbol in merged.symbols()}
        self._ties = block_ties(merged)
        self._replaced: set[int] = set()

    def put_back(self, part: Module) -> None:
        lib = library()
        with self._copy(part) as copy:
            drop_module_level(copy)
            matches = [self._match(symbol) for symbol in copy.symbols() if _matters(symbol)]
            for match in matches:
                lib.LLVMReplaceAllUsesWith(match.theirs.handle, match.ours.handle)
            for match in matches:
                if match.moves:
                    _move(match.theirs, match.ours)
            for unit in compile_units(copy):
                lib.LLVMAddNamedMetadataOperand(self._merged.handle, COMPILE_UNITS, unit)

    def _copy(self, part: Module) -> Module:
        """A copy of a part, to be taken to pieces, with the module's types in its signatures."""
        merged = self._merged
        if (part.triple, part.data_layout) != (merged.triple, merged.data_layout):
            raise InvalidModuleError(f"cannot merge a part for '{part.triple}': another target")
        same_context = part.context is merged.context
        copy = part.clone() if same_context else merged.context.parse(part.bitcode())
        twins = [
            target.value_type
            for target, function in ((self._known.get(f.name), f) for f in copy.functions())
            if isinstance(target, Function) and target.value_type != function.value_type
        ]
        return _retyped(copy, twins) if twins else copy

    def _match(self, symbol: GlobalValue) -> _Match:
        if symbol.linkage.is_local:
            return self._new(symbol, symbol.linkage)
        if isinstance(symbol, Function):
            match = self._match_function(symbol, self._known.get(symbol.name))
        else:
            match = self._match_variable(symbol, self._known.get(symbol.name))
        type_of = library().LLVMTypeOf
        if type_of(match.ours.handle) != type_of(symbol.handle):
            raise _refusal(symbol, "its address space differs")
        if match.moves and match.ours.handle in self._replaced:
            raise _refusal(symbol, "two parts define it")
        if match.moves:
            self._replaced.add(match.ours.handle)
        return match

    def _match_function(self, function: Function, target: GlobalValue | None) -> _Match:
        defined = not function.is_declaration
        if defined and (not isinstance(target, Function) or target.is_declaration):
            raise _refusal(function, "the module does not define it")
        if target is None:
            return self._new(function, function.linkage)
        if isinstance(target, Function):
            _check_agreement(function, target)
        if defined and target.handle in self._ties.functions:
            raise _refusal(function, "it is tied to addresses of blocks in the module")
        return _Match(function, target, moves=defined)

    def _match_variable(self, variable: GlobalValue, target: GlobalValue | None) -> _Match:
        defined = variable.initializer is not None
        if target is None:
            # A promoted constant comes from a sibling's passes: a switch table, perhaps.
            promoted = defined and is_promoted(variable)
            return self._new(variable, Linkage.PRIVATE if promoted else variable.linkage)
        if not _same_layout(variable.value_type, target.value_type):
            raise _refusal(variable, "its type differs")
        if defined and target.handle in self._ties.tables:
            return _Match(variable, target, moves=True)
        if defined and not _same_initializer(variable, target):
            return self._new(variable, Linkage.PRIVATE)
        _raise_alignment(target, variable)
        return _Match(variable, target, moves=False)

    def _new(self, symbol: GlobalValue, linkage: Linkage) -> _Match:
        """Declare in the merged module a symbol that only the part has."""
        was_local, is_local = symbol.linkage.is_local, linkage.is_local
        if not is_local and is_promoted(symbol):
            raise _refusal(symbol, "the module has no such symbol")
        if is_local and not was_local and not _can_be_private(symbol):
            raise _refusal(symbol, "the module has no such constant, or its address matters")
        ours = self._merged.declare_like(symbol, original_name(symbol.name))
        ours.linkage = linkage
        if not is_local:
            self._known[symbol.name] = ours
        return _Match(symbol, ours, moves=is_local)


def _refusal(symbol: GlobalValue, reason: str) -> InvalidModuleError:
    return InvalidModuleError(f"cannot merge '{original_name(symbol.name)}': {reason}")


def _matters(symbol: GlobalValue) -> bool:
    """Passes leave declarations behind that nothing uses any more."""
    return bool(library().LLVMGetFirstUse(symbol.handle)) or not (
        symbol.is_declaration or symbol.linkage is Linkage.AVAILABLE_EXTERNALLY
    )


def _can_be_private(symbol: GlobalValue) -> bool:
    """Whether it makes no difference to have a variable twice."""
    lib = library()
    return bool(
        lib.LLVMIsGlobalConstant(symbol.handle) and lib.LLVMGetUnnamedAddress(symbol.handle)
    )


def _retyped(part: Module, function_types: list[int]) -> Module:
    """The part, which is consumed, with its own twins of these types' structs replaced.

    A struct type with a name that is parsed again in a context is another type there, `%pair.1`;
    LLVM's linker recognises it as the destination's.
    """
    lib, context = library(), part.context
    linked = Module(context, lib.LLVMModuleCreateWithNameInContext(b"", context.handle))
    lib.LLVMSetTarget(linked.handle, part.triple.encode())
    lib.LLVMSetDataLayout(linked.handle, part.data_layout.encode())
    for function_type in function_types:
        lib.LLVMAddFunction(linked.handle, b"", function_type)
    linked.link(part)
    return linked


def _check_agreement(function: Function, target: Function) -> None:
    """Callers and callees must agree on the signature, which module-wide passes change."""
    if not target.is_declaration and function.value_type != target.value_type:
        raise _refusal(function, "its type differs")
    convention = library().LLVMGetFunctionCallConv
    if convention(function.handle) != convention(target.handle):
        raise _refusal(function, "its calling convention differs")


def _same_layout(ours: int, theirs: int) -> bool:
    """Whether two types are equal but for names of structs."""
    if ours == theirs:
        return True
    (shape, elements), (other_shape, other_elements) = _shape(ours), _shape(theirs)
    same_shape = bool(elements) and shape == other_shape
    return same_shape and all(map(_same_layout, elements, other_elements))


def _shape(of_type: int) -> tuple[tuple[int, ...], list[int]]:
    """What makes a struct or array type the type that it is, and its elements."""
    lib, kind = library(), library().LLVMGetTypeKind(of_type)
    if kind not in (_STRUCT_TYPE, _ARRAY_TYPE):
        return (kind,), []  # LLVM has only one of each
    elements = (ctypes.c_void_p * lib.LLVMGetNumContainedTypes(of_type))()
    lib.LLVMGetSubtypes(of_type, elements)
    detail = lib.LLVMIsPackedStruct if kind == _STRUCT_TYPE else lib.LLVMGetArrayLength2
    return (kind, detail(of_type), len(elements)), [element or 0 for element in elements]


def _same_initializer(ours: GlobalValue, theirs: GlobalValue) -> bool:
    """Whether two variables of the same layout have the same initializer.

    LLVM keeps one copy of a constant in a context, except of what refers to a symbol or to a struct
    type with a name: those are compared by their text, in which names of types do not matter.
    """
    if ours.initializer == theirs.initializer:
        return True
    plain, other = (
        _STRING_OR_TYPE.sub(lambda match: match[0] if match[0][0] == "c" else "%", text)
        for text in (ours.initializer_text, theirs.initializer_text)
    )
    return plain == other


def _raise_alignment(target: GlobalValue, variable: GlobalValue) -> None:
    """Passes on a sibling may have raised a global's alignment, and its functions rely on it."""
    lib = library()
    present, wanted = map(lib.LLVMGetAlignment, (target.handle, variable.handle))
    if wanted <= present:
        return
    if not present or target.is_declaration or target.linkage is not Linkage.EXTERNAL:
        raise _refusal(variable, f"it is aligned to {wanted} bytes in the part only")
    lib.LLVMSetAlignment(target.handle, wanted)


def _move(theirs: GlobalValue, ours: GlobalValue) -> None:
    """Give a symbol the content of the part's, whose uses are all of ours by now."""
    if isinstance(theirs, Function) and isinstance(ours, Function):
        if not ours.is_declaration:
            _reconcile_parameters(ours, theirs)
        _move_body(theirs.handle, ours.handle)
    else:
        library().LLVMSetInitializer(ours.handle, theirs.initializer)


def _reconcile_parameters(ours: Function, theirs: Function) -> None:
    """Refuse what is passed in another way; drop promises that the new body does not keep.

    `deadargelim` passes poison to the unused parameters of a function that calls itself.
    """
    places = range(library().LLVMCountParams(ours.handle) + 1)  # the result and each parameter
    for index, kind in itertools.product(places, _ABI_ATTRIBUTES):
        if not _same_attribute(ours.attribute_at(index, kind), theirs.attribute_at(index, kind)):
            raise _refusal(ours, f"'{kind}' of argument or result {index} differs")
    for index, kind in itertools.product(places, _PROMISES):
        if not theirs.attribute_at(index, kind):
            ours.remove_attribute(kind, index)


def _same_attribute(ours: int | None, theirs: int | None) -> bool:
    lib = library()
    if ours == theirs or not ours or not theirs:
        return ours == theirs
    both_types = lib.LLVMIsTypeAttribute(ours) and lib.LLVMIsTypeAttribute(theirs)
    return bool(both_types) and _same_layout(*map(lib.LLVMGetTypeAttributeValue, (ours, theirs)))


def _move_body(theirs: int, ours: int) -> None:
    """Move the blocks of one function to another, and those that were there to the first."""
    lib, blocks = library(), _detach_blocks(theirs)
    for block in _detach_blocks(ours):
        lib.LLVMAppendExistingBasicBlock(theirs, block)  # to be deleted with it
    for block in blocks:
        lib.LLVMAppendExistingBasicBlock(ours, block)
    for index in range(lib.LLVMCountParams(ours)):
        lib.LLVMReplaceAllUsesWith(lib.LLVMGetParam(theirs, index), lib.LLVMGetParam(ours, index))
    if lib.LLVMHasPersonalityFn(theirs):
        lib.LLVMSetPersonalityFn(ours, lib.LLVMGetPersonalityFn(theirs))
    lib.LLVMSetSubprogram(ours, lib.LLVMGetSubprogram(theirs))


def _detach_blocks(function: int) -> list[int]:
    lib, blocks = library(), []
    while block := lib.LLVMGetFirstBasicBlock(function):
        lib.LLVMRemoveBasicBlockFromParent(block)
        blocks.append(block)
    return blocks
