"""Functions out of a module, to be optimised alone, and their bodies back into it.

`extract` copies functions into a module of their own, a *part*; `merge` puts the bodies that parts
hold back under the symbols that they came from. A symbol (linkage, section, comdat, attributes, its
place in the module) is always the module's; only bodies travel.

How it works: in a part, and in the module for as long as a merge lasts, every local symbol is
external, hidden and named `.ozone.<name>`, so that it can be matched by name. The new name also
keeps a `static` function called `strlen` from being taken for the library's. What is still local in
a part after its passes is therefore new, such as a switch table, and comes along. Blocks are moved
from function to function: LLVM's linker would reorder variables and take struct types' names.

What is covered: recursion, local functions and data, constants that stay foldable in the part,
comdats, aliases, constructors, thread-locals, exceptions, computed goto within a function, debug
information (each part brings a compile unit of its own into the merged module).

What is not covered: functions that share the addresses of their blocks with others: `extractable`
leaves them out. Attributes that passes infer on a part's function, or on a declaration that the
module already has, are not carried over. A part cannot see through an alias or ifunc: it is an
external declaration there, without `dso_local`. A copy has other orders of uses than the original,
which some passes heed: code optimised in a part may differ by a few bytes from the same in place.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ir_tools.errors import InvalidModuleError
from ir_tools.libllvm import library
from ir_tools.llvm import Module
from ir_tools.symbols import Function, GlobalValue, Linkage

_PREFIX = ".ozone."
_ANYBODY = 0  # no function's handle
_HIDDEN = 1  # LLVMHiddenVisibility
_FUNCTION_TYPE, _STRUCT_TYPE, _ARRAY_TYPE = 9, 10, 11  # LLVMTypeKind
_UNITS = b"llvm.dbg.cu"
_UNIT_LISTS = range(4, 9)  # operands of DICompileUnit: enums, types, globals, imports, macros

# A definition of these linkages is the one that the program uses, or equal to it (ODR). With
# -fsemantic-interposition a module flag, which parts inherit, keeps LLVM from trusting it.
_DEFINITIVE = frozenset(
    (Linkage.EXTERNAL, Linkage.LINK_ONCE_ODR, Linkage.WEAK_ODR, Linkage.AVAILABLE_EXTERNALLY)
)
# Definitions that LLVM may drop, and what keeps them in a part without changing their meaning.
_UNDROPPABLE = {
    Linkage.LINK_ONCE_ANY: Linkage.WEAK_ANY,
    Linkage.LINK_ONCE_ODR: Linkage.WEAK_ODR,
    Linkage.AVAILABLE_EXTERNALLY: Linkage.EXTERNAL,
}
_ABI_ATTRIBUTES = (
    "byval", "byref", "sret", "inalloca", "preallocated", "inreg", "zeroext", "signext", "nest",
    "swiftself", "swifterror", "swiftasync",
)  # fmt: skip
_PROMISES = ("noundef", "dereferenceable", "dereferenceable_or_null")  # undefined behaviour else

_STRING_OR_TYPE = re.compile(r'c"[^"]*"|%"[^"]*"|%[-\w.$]+')  # in a constant that is printed


def original_name(symbol: str) -> str:
    """The module's name of a symbol of a part: that of a local symbol has a prefix there."""
    return symbol.removeprefix(_PREFIX)


def extractable(module: Module) -> list[str]:
    """Names of the defined functions that `extract` accepts, in module order.

    Left out are functions without a name, and those tied together by computed goto: the address of
    a block of one is in a global symbol or where another function can get at it.
    """
    tied = _block_ties(module).functions
    return [f.name for f in module.defined_functions() if f.name and f.handle not in tied]


def extract(module: Module, names: Collection[str]) -> Module:
    """A new module in which exactly the functions `names` are defined; `module` stays as it is.

    Everything else that they refer to is declared; constants keep their initializer, for folding,
    where it is sure to be the one of the running program. Constructors, `llvm.used`, module-level
    assembly and aliases stay behind. A part may itself be extracted from.

    Raises InvalidModuleError for a name that is not in `extractable(module)`.
    """
    part = module.clone()
    try:
        _reduce(part, names)
    except BaseException:
        part.close()
        raise
    return part


def split(module: Module, names: Collection[str]) -> Iterator[Module]:
    """A part for each of the functions `names`, in that order, which the caller closes.

    As `extract` for each, but in n log n time rather than n²: by halves, since a part is made from
    a copy of the whole.
    """
    ordered = list(names)
    if len(ordered) == 1:
        yield extract(module, ordered)
        return
    middle = len(ordered) // 2
    for half in filter(None, (ordered[:middle], ordered[middle:])):
        if len(half) == 1:
            yield extract(module, half)
            continue
        with extract(module, half) as piece:
            there = {original_name(function.name): function.name for function in piece.functions()}
            yield from split(piece, [there[original_name(name)] for name in half])


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
        promoted = _promote(merged)
        merger = _Merger(merged)
        for part in parts:
            merger.put_back(part)
        _demote(merged, promoted)
        merged.verify()
    except BaseException:
        merged.close()
        raise
    return merged


# --- block addresses ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ties:
    """What addresses of blocks (computed goto) tie together, by handle.

    Such an address means something only as long as its function has its body.
    """

    functions: set[int]  # that cannot leave alone: others know where their blocks are
    tables: dict[int, int]  # variables that hold addresses, and whose blocks those are of


def _block_ties(module: Module) -> _Ties:
    ties = _Ties(set(), {})
    for function in module.defined_functions():
        addresses = _block_addresses(function)
        holders, tables = _holders(module, addresses)
        ties.tables.update(dict.fromkeys(tables, function.handle))
        if holders - {function.handle}:
            ties.functions.update(holders, {function.handle})
    return ties


def _block_addresses(function: Function) -> list[int]:
    lib, found = library(), []
    block = lib.LLVMGetFirstBasicBlock(function.handle)
    while block:
        found += [user for user in _users(block) if lib.LLVMIsABlockAddress(user)]
        block = lib.LLVMGetNextBasicBlock(block)
    return found


def _users(value: int) -> Iterator[int]:
    lib = library()
    use = lib.LLVMGetFirstUse(value)
    while use:
        yield lib.LLVMGetUser(use)
        use = lib.LLVMGetNextUse(use)


def _holders(module: Module, constants: list[int]) -> tuple[set[int], set[int]]:
    """The functions that can get at the constants, and the variables through which they do.

    Where anybody may, because a symbol is not local, one of the functions is `_ANYBODY`.
    """
    lib, functions, seen = library(), set(), set(constants)
    pending = list(constants)
    while pending:
        value = pending.pop()
        if lib.LLVMIsAInstruction(value):
            functions.add(lib.LLVMGetBasicBlockParent(lib.LLVMGetInstructionParent(value)))
            continue
        if lib.LLVMIsAGlobalValue(value) and not _is_local(GlobalValue(module, value)):
            functions.add(_ANYBODY)
        users = set(_users(value)) - seen
        seen |= users
        pending.extend(users)
    return functions, {value for value in seen if lib.LLVMIsAGlobalVariable(value)}


# --- local symbols -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Promoted:
    """A symbol that was local, and what it was before."""

    symbol: GlobalValue
    name: str
    linkage: Linkage


def _is_local(symbol: GlobalValue) -> bool:
    """Whether the symbol is local, or was before it was promoted."""
    return symbol.linkage.is_local or symbol.name.startswith(_PREFIX)


def _promote(module: Module) -> list[_Promoted]:
    """Make every local symbol external, hidden, and named so that part and module agree."""
    promoted, unnamed = [], itertools.count()
    for symbol in module.symbols():
        linkage = symbol.linkage
        if not linkage.is_local:
            continue
        before = _Promoted(symbol, symbol.name, linkage)
        symbol.name = wanted = f"{_PREFIX}{before.name or f'.{next(unnamed)}'}"
        if symbol.name != wanted:
            raise InvalidModuleError(f"the name '{wanted}' is taken: the prefix is Ozone's own")
        symbol.linkage = Linkage.EXTERNAL
        library().LLVMSetVisibility(symbol.handle, _HIDDEN)
        promoted.append(before)
    return promoted


def _demote(module: Module, promoted: list[_Promoted]) -> None:
    """Undo `_promote`. Where a pass gave a new local symbol the name of an old one, it yields."""
    new = [(symbol, symbol.name) for symbol in module.symbols() if symbol.linkage.is_local]
    for symbol, _ in new:
        symbol.name = ""
    for before in promoted:
        before.symbol.name = before.name
        before.symbol.linkage = before.linkage  # a local linkage resets the visibility
    for symbol, name in new:
        symbol.name = name.replace(_PREFIX, "")  # `switch.table..ozone.f`


# --- taking out --------------------------------------------------------------------------------


def _reduce(part: Module, names: Collection[str]) -> None:
    """Make a copy of a module the part that defines `names`."""
    ties = _block_ties(part)
    wanted = {_wanted(part, name, ties).handle for name in names}
    _promote(part)
    _drop_module_level(part)
    for symbol in [*part.aliases(), *part.ifuncs()]:
        _declare_instead(symbol)
    for function in part.defined_functions():
        _mark(function, function.handle in wanted)
    defined = [variable for variable in part.globals() if not variable.is_declaration]
    # A table of addresses of blocks goes where the blocks go.
    others = [variable for variable in defined if ties.tables.get(variable.handle) not in wanted]
    constants = [variable for variable in others if _declare(variable, ties)]
    part.run_without_target("elim-avail-extern")
    for constant in constants:
        constant.linkage = Linkage.AVAILABLE_EXTERNALLY
    has_debug_info = _trim_compile_units(part)
    part.run_without_target("globaldce,strip-dead-debug-info" if has_debug_info else "globaldce")


def _wanted(module: Module, name: str, ties: _Ties) -> Function:
    function = module.function(name) if name else None
    if function is None or function.is_declaration:
        raise InvalidModuleError(f"cannot extract '{name}': the module does not define it")
    if function.handle in ties.functions:
        raise InvalidModuleError(f"cannot extract '{name}': it is tied to addresses of blocks")
    return function


def _drop_module_level(part: Module) -> None:
    """Drop what belongs to the whole: constructors, `llvm.used`, assembly."""
    lib = library()
    lib.LLVMSetModuleInlineAsm2(part.handle, b"", 0)
    for variable in part.globals():
        if variable.linkage is Linkage.APPENDING:
            lib.LLVMDeleteGlobal(variable.handle)


def _declare_instead(symbol: GlobalValue) -> None:
    """Put an external declaration in the place of an alias or ifunc."""
    lib, name = library(), symbol.name
    symbol.name = ""
    declaration = symbol.module.declare_like(symbol, name)
    lib.LLVMReplaceAllUsesWith(symbol.handle, declaration.handle)
    # LLVM-C erases ifuncs but no aliases: `globaldce` will.
    if lib.LLVMIsAGlobalIFunc(symbol.handle):
        lib.LLVMEraseGlobalIFunc(symbol.handle)
    else:
        symbol.linkage = Linkage.INTERNAL


def _mark(function: Function, wanted: bool) -> None:
    """Make sure that `elim-avail-extern` drops the body, or that nothing drops it."""
    if wanted:
        function.linkage = _UNDROPPABLE.get(function.linkage, function.linkage)
    else:
        library().LLVMSetComdat(function.handle, None)  # which no declaration may be in
        function.linkage = Linkage.AVAILABLE_EXTERNALLY


def _declare(variable: GlobalValue, ties: _Ties) -> bool:
    """Make a variable a declaration; or return that it is a constant that can be relied on."""
    lib, handle = library(), variable.handle
    constant: bool = (
        lib.LLVMIsGlobalConstant(handle)
        and variable.linkage in _DEFINITIVE
        and not lib.LLVMIsExternallyInitialized(handle)
        and handle not in ties.tables
    )
    lib.LLVMSetComdat(handle, None)
    lib.LLVMGlobalClearMetadata(handle)
    variable.linkage = Linkage.EXTERNAL
    if not constant:
        lib.LLVMSetInitializer(handle, None)
    return constant


def _compile_units(module: Module) -> list[int | None]:
    lib = library()
    units = (ctypes.c_void_p * lib.LLVMGetNamedMetadataNumOperands(module.handle, _UNITS))()
    lib.LLVMGetNamedMetadataOperands(module.handle, _UNITS, units)
    return list(units)


def _trim_compile_units(part: Module) -> bool:
    """Leave in the debug information what functions refer to; whether there is any.

    The merged module has the module's compile unit; it needs no copy of its variables and types,
    or of its `using` declarations, from each part.
    """
    units = _compile_units(part)
    for unit, operand in itertools.product(units, _UNIT_LISTS):
        library().LLVMReplaceMDNodeOperandWith(unit, operand, None)
    return bool(units)


# --- putting back ------------------------------------------------------------------------------


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
        self._ties = _block_ties(merged)
        self._replaced: set[int] = set()

    def put_back(self, part: Module) -> None:
        lib = library()
        with self._copy(part) as copy:
            _drop_module_level(copy)
            matches = [self._match(symbol) for symbol in copy.symbols() if _matters(symbol)]
            for match in matches:
                lib.LLVMReplaceAllUsesWith(match.theirs.handle, match.ours.handle)
            for match in matches:
                if match.moves:
                    _move(match.theirs, match.ours)
            for unit in _compile_units(copy):
                lib.LLVMAddNamedMetadataOperand(self._merged.handle, _UNITS, unit)

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
            promoted = defined and variable.name.startswith(_PREFIX)
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
        if not is_local and symbol.name.startswith(_PREFIX):
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
