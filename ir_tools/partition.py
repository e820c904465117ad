"""Functions out of a module, to be optimised alone, and their bodies back into it.

`extract` copies functions into a module of their own, a *part*; `merge` puts the bodies that parts
hold back under the symbols that they came from. A symbol (linkage, section, comdat, attributes, its
place in the module) is always the module's; only bodies travel.

How it works: in a part, and in the module for as long as a merge lasts, every local symbol is
external, hidden and named `.ozone.<name>`, so that LLVM's linker matches it by name. The new name
also keeps a `static` function called `strlen` from being taken for the library's. What is still
local in a part after its passes is therefore new, such as a switch table, and comes along.

What is covered: recursion, local functions and data, constants that stay foldable in the part,
comdats, aliases, constructors, thread-locals, exceptions, debug information (each part brings a
compile unit of its own into the merged module), and parts from a sibling version of the module as
long as its globals and signatures are the module's.

What is not covered: functions whose blocks have their address taken, or that take the address of
another's (computed goto): `extractable` leaves them out. Attributes that passes infer on a part's
function or on a declaration that the module already has are not carried over. A part cannot see
through an alias or ifunc: it is an external declaration there, without `dso_local`. Facts that
module-wide passes assumed in a sibling (an argument that is always 3) are the caller's to answer
for, and so are mutable globals without a name, which are matched by their order.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ir_tools.errors import InvalidModuleError
from ir_tools.libllvm import library
from ir_tools.llvm import Function, GlobalValue, Linkage, Module

_PREFIX = ".ozone."
_HIDDEN = 1  # LLVMHiddenVisibility
_ANYBODY = 0  # no function's handle
_FUNCTION_TYPE, _STRUCT_TYPE, _ARRAY_TYPE = 9, 10, 11  # LLVMTypeKind
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

# In printed IR: text of a string, or the name of a struct type; and the definition of such a type.
_STRING_OR_TYPE = re.compile(r'c"[^"]*"|%"[^"]*"|%[-\w.$]+')
_TYPE_DEFINITION = re.compile(r'^%("[^"]*"|[-\w.$]+) = type [^o]', re.MULTILINE)


def original_name(symbol: str) -> str:
    """The module's name of a symbol of a part: that of a local symbol has a prefix there."""
    return symbol.removeprefix(_PREFIX)


def extractable(module: Module) -> list[str]:
    """Names of the defined functions that `extract` accepts, in module order.

    Left out are functions tied to others by block addresses, and functions without a name.
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

    A part is what `extract` made of this module, or of a sibling version of it, after passes that
    change no signature; it may live in another context. `module` and the parts stay as they are.
    Private constants and functions that passes made come along, and so do the declarations that
    bodies need. Functions keep their order; new ones stand at the end.

    Raises InvalidModuleError when a part defines a function that the module does not define, that
    another part defines too or whose signature differs; when it needs a local symbol that the
    module does not have; when a constant, a global's type or the target differs.
    """
    merged = module.clone()
    try:
        local_symbols = _promote(merged)
        _put_back(merged, parts)
        _demote(merged, local_symbols)
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
class _LocalSymbol:
    """A promoted symbol, and what it was before."""

    symbol: GlobalValue
    name: str
    linkage: Linkage


def _is_local(symbol: GlobalValue) -> bool:
    """Whether the symbol is local, or was before it was promoted."""
    return symbol.linkage.is_local or symbol.name.startswith(_PREFIX)


def _promote(module: Module) -> list[_LocalSymbol]:
    """Make every local symbol external, hidden, and named so that part and module agree."""
    lib, promoted, unnamed = library(), [], itertools.count()
    for symbol in module.symbols():
        linkage = symbol.linkage
        if not linkage.is_local:
            continue
        before = _LocalSymbol(symbol, symbol.name, linkage)
        symbol.name = wanted = f"{_PREFIX}{before.name or f'.{next(unnamed)}'}"
        if symbol.name != wanted:
            raise InvalidModuleError(f"the name '{wanted}' is taken: the prefix is Ozone's own")
        symbol.linkage = Linkage.EXTERNAL
        lib.LLVMSetVisibility(symbol.handle, _HIDDEN)
        promoted.append(before)
    return promoted


def _demote(module: Module, promoted: list[_LocalSymbol]) -> None:
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
    """Drop what the linker would append to the module's: constructors, `llvm.used`, assembly."""
    lib = library()
    lib.LLVMSetModuleInlineAsm2(part.handle, b"", 0)
    for variable in part.globals():
        if variable.linkage is Linkage.APPENDING:
            lib.LLVMDeleteGlobal(variable.handle)


def _declare_instead(symbol: GlobalValue) -> None:
    """Put an external declaration in the place of an alias or ifunc."""
    lib = library()
    new = _declare_like(symbol, symbol.module)
    lib.LLVMReplaceAllUsesWith(symbol.handle, new)
    name, symbol.name = symbol.name, ""
    GlobalValue(symbol.module, new).name = name
    # LLVM-C erases ifuncs but no aliases: `globaldce` will.
    if lib.LLVMIsAGlobalIFunc(symbol.handle):
        lib.LLVMEraseGlobalIFunc(symbol.handle)
    else:
        symbol.linkage = Linkage.INTERNAL


def _declare_like(symbol: GlobalValue, module: Module) -> int:
    """A new declaration in `module` with the name, type and kind of address of a symbol."""
    lib, old, name = library(), symbol.handle, symbol.name.encode(errors="surrogateescape")
    value_type = lib.LLVMGlobalGetValueType(old)
    if lib.LLVMGetTypeKind(value_type) == _FUNCTION_TYPE:
        new: int = lib.LLVMAddFunction(module.handle, name, value_type)
    else:
        space = lib.LLVMGetPointerAddressSpace(lib.LLVMTypeOf(old))
        new = lib.LLVMAddGlobalInAddressSpace(module.handle, value_type, name, space)
        lib.LLVMSetThreadLocalMode(new, lib.LLVMGetThreadLocalMode(old))
    lib.LLVMSetVisibility(new, lib.LLVMGetVisibility(old))
    lib.LLVMSetUnnamedAddress(new, lib.LLVMGetUnnamedAddress(old))
    return new


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


def _trim_compile_units(part: Module) -> bool:
    """Leave in the debug information what functions refer to; whether there is any.

    The merged module has the module's compile unit; it needs no copy of its variables and types,
    or of its `using` declarations, from each part.
    """
    lib = library()
    units = (ctypes.c_void_p * lib.LLVMGetNamedMetadataNumOperands(part.handle, b"llvm.dbg.cu"))()
    lib.LLVMGetNamedMetadataOperands(part.handle, b"llvm.dbg.cu", units)
    for unit, operand in itertools.product(units, _UNIT_LISTS):
        lib.LLVMReplaceMDNodeOperandWith(unit, operand, None)
    return len(units) > 0


# --- putting back ------------------------------------------------------------------------------


def _put_back(merged: Module, parts: Iterable[Module]) -> None:
    """Replace bodies in a module whose local symbols are promoted."""
    known, variables = {symbol.name: symbol for symbol in merged.symbols()}, [*merged.globals()]
    ties, replaced = _block_ties(merged), dict[str, GlobalValue]()
    all_types = _function_of_all_types(merged)
    with contextlib.ExitStack() as stack:
        copies = [stack.enter_context(_copy(part, merged)) for part in parts]
        for copy in copies:
            _drop_module_level(copy)
            library().LLVMAddFunction(copy.handle, f"{_PREFIX}types".encode(), all_types)
            names = (match(copy, known, ties) for match in (_match_functions, _match_variables))
            for name in itertools.chain(*names):
                if name in replaced:
                    raise _refusal(name, "two parts define it")
                replaced[name] = known[name]
        for symbol in replaced.values():
            symbol.name = ""  # makes room for the part's
        for copy in _linked(copies):
            merged.link(copy)
    _refuse_strangers(merged, known)
    new = {symbol.name: symbol for symbol in merged.symbols()}
    for name, symbol in replaced.items():
        _replace(symbol, new[name], name)
        symbol.name = name
    _restore_order(merged, variables)


def _refusal(symbol: str, reason: str) -> InvalidModuleError:
    return InvalidModuleError(f"cannot merge '{original_name(symbol)}': {reason}")


def _copy(part: Module, merged: Module) -> Module:
    if part.triple != merged.triple or part.data_layout != merged.data_layout:
        raise InvalidModuleError(f"cannot merge a part for '{part.triple}': other target or layout")
    same_context = part.context is merged.context
    return part.clone() if same_context else merged.context.parse(part.bitcode())


def _match_functions(part: Module, known: dict[str, GlobalValue], ties: _Ties) -> Iterator[str]:
    """The names of the functions whose bodies the part brings, made ready to be linked."""
    for function in part.functions():
        name, target = function.name, known.get(function.name)
        if isinstance(target, Function) and not function.linkage.is_local:
            _check_agreement(function, target)
        if function.is_declaration or function.linkage.is_local:
            continue
        if not isinstance(target, Function) or target.is_declaration:
            raise _refusal(name, "the module does not define it")
        if target.handle in ties.functions:
            raise _refusal(name, "it is tied to addresses of blocks in the module")
        library().LLVMSetComdat(function.handle, None)  # the linker would prefer the module's
        function.linkage = Linkage.EXTERNAL
        yield name


def _check_agreement(function: Function, target: Function) -> None:
    """Callers and callees must agree on the signature, which module-wide passes change."""
    same_layout = _same_layout(function.value_type, target.value_type)
    if not target.is_declaration and not same_layout:
        raise _refusal(function.name, "its type differs")
    convention = library().LLVMGetFunctionCallConv
    if convention(function.handle) != convention(target.handle):
        raise _refusal(function.name, "its calling convention differs")


def _match_variables(part: Module, known: dict[str, GlobalValue], ties: _Ties) -> Iterator[str]:
    """The names of the tables that the part brings; its other variables become declarations."""
    for variable in part.globals():
        name, target = variable.name, known.get(variable.name)
        if variable.linkage.is_local:
            continue
        if target is None:
            # Made by a pass in a sibling before the part was taken out, a switch table perhaps.
            if variable.initializer and name.startswith(_PREFIX):
                _make_private(variable)
        elif not _same_layout(variable.value_type, target.value_type):
            raise _refusal(name, "its type differs")
        elif target.handle in ties.tables and variable.initializer:
            yield name
        elif variable.initializer and not _same_initializer(variable, target):
            _make_private(variable)
        else:
            _declare_as(variable, target)


def _declare_as(variable: GlobalValue, target: GlobalValue) -> None:
    lib = library()
    _raise_alignment(target, lib.LLVMGetAlignment(variable.handle), variable.name)
    lib.LLVMSetInitializer(variable.handle, None)
    variable.linkage = Linkage.EXTERNAL


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


def _same_layout(ours: int, theirs: int) -> bool:
    """Whether two types are equal but for names of structs.

    A type with a name that is parsed again in a context is another type there.
    """
    if ours == theirs:
        return True
    shape, elements = _shape(ours)
    other_shape, other_elements = _shape(theirs)
    return (
        bool(elements) and shape == other_shape and all(map(_same_layout, elements, other_elements))
    )


def _shape(of_type: int) -> tuple[tuple[int, ...], list[int]]:
    """What makes an aggregate or function type the type that it is, and its elements."""
    lib, kind = library(), library().LLVMGetTypeKind(of_type)
    detail = {
        _FUNCTION_TYPE: lib.LLVMIsFunctionVarArg,
        _STRUCT_TYPE: lib.LLVMIsPackedStruct,
        _ARRAY_TYPE: lib.LLVMGetArrayLength2,
    }.get(kind)
    if detail is None:
        return (kind,), []  # LLVM has only one of each
    elements = (ctypes.c_void_p * lib.LLVMGetNumContainedTypes(of_type))()
    lib.LLVMGetSubtypes(of_type, elements)
    return (kind, detail(of_type), len(elements)), [element or 0 for element in elements]


def _make_private(variable: GlobalValue) -> None:
    if not library().LLVMGetUnnamedAddress(variable.handle):
        raise _refusal(variable.name, "the module has no such constant, and its address matters")
    variable.name = original_name(variable.name)
    variable.linkage = Linkage.PRIVATE


def _raise_alignment(target: GlobalValue, alignment: int, name: str) -> None:
    """Passes on a sibling may have raised a global's alignment, and its functions rely on it."""
    lib, present = library(), library().LLVMGetAlignment(target.handle)
    if alignment <= present:
        return
    if not present or target.is_declaration or target.linkage is not Linkage.EXTERNAL:
        raise _refusal(name, f"it is aligned to {alignment} bytes in the part only")
    lib.LLVMSetAlignment(target.handle, alignment)


def _function_of_all_types(module: Module) -> int:
    """A function type that mentions the struct types of a module that have names.

    The linker takes the name from a type that the destination does not have if one with the same
    elements is there. But module and parts share their types, and the module is to stay as it is:
    so a declaration makes all destinations have them. Nothing refers to it, so nothing links it.
    """
    lib, context = library(), module.context.handle
    names = [name.strip('"') for name in _TYPE_DEFINITION.findall(str(module))]
    raw = [re.sub(r"\\(..)", lambda escape: chr(int(escape[1], 16)), name) for name in names]
    found = [lib.LLVMGetTypeByName2(context, name.encode("latin-1")) for name in raw]
    types = [one for one in found if one]
    array = (ctypes.c_void_p * len(types))(*types)
    of_all: int = lib.LLVMFunctionType(lib.LLVMVoidTypeInContext(context), array, len(types), 0)
    return of_all


def _linked(modules: list[Module]) -> list[Module]:
    """All modules in one, or none. Pairwise: the linker's time is linear in the destination's."""
    while len(modules) > 1:
        for ours, theirs in zip(modules[::2], modules[1::2], strict=False):
            ours.link(theirs)
        modules = modules[::2]
    return modules


def _restore_order(merged: Module, variables: list[GlobalValue]) -> None:
    """Put the variables in this order, and new ones behind them.

    The linker has put all variables that parts mention at the end, as it does with the variables
    of anything that it links: so it is given all of them to link, declared in the right order. It
    is the order of the data in the object, and of its padding.
    """
    lib, context = library(), merged.context
    order = Module(context, lib.LLVMModuleCreateWithNameInContext(b"", context.handle))
    lib.LLVMSetTarget(order.handle, merged.triple.encode())
    lib.LLVMSetDataLayout(order.handle, merged.data_layout.encode())
    linkages = [(variable, variable.linkage) for variable in merged.globals()]
    new = [variable for variable, linkage in linkages if linkage.is_local]
    for variable in new:
        variable.name = variable.name or f"{_PREFIX}new"
    for variable in variables + new:
        declaration = _declare_like(variable, order)
        lib.LLVMSetGlobalConstant(declaration, lib.LLVMIsGlobalConstant(variable.handle))
    for variable, linkage in linkages:
        if linkage.is_local or linkage is Linkage.APPENDING:
            variable.linkage = Linkage.EXTERNAL  # to be matched by name
    merged.link(order)
    for variable, linkage in linkages:
        variable.linkage = linkage


def _refuse_strangers(merged: Module, known: dict[str, GlobalValue]) -> None:
    """A local symbol of a sibling that the module does not have cannot be resolved."""
    for symbol in merged.symbols():
        name = symbol.name
        if name.startswith(_PREFIX) and name not in known and not symbol.linkage.is_local:
            raise _refusal(name, "a part needs it, and the module has no such symbol")


def _replace(symbol: GlobalValue, new: GlobalValue, name: str) -> None:
    """Give a symbol of the module the content of the part's, which is deleted."""
    lib = library()
    if isinstance(symbol, Function) and isinstance(new, Function):
        _reconcile_parameters(symbol, new, name)
        _replace_body(symbol.handle, new.handle)
        delete = lib.LLVMDeleteFunction
    else:
        lib.LLVMSetInitializer(symbol.handle, new.initializer)
        delete = lib.LLVMDeleteGlobal
    lib.LLVMReplaceAllUsesWith(new.handle, symbol.handle)
    delete(new.handle)


def _replace_body(ours: int, theirs: int) -> None:
    """Move the blocks of one function to another, and those that were there to the first."""
    lib, new_blocks = library(), _detach_blocks(theirs)
    for block in _detach_blocks(ours):
        lib.LLVMAppendExistingBasicBlock(theirs, block)  # to be deleted with it
    for block in new_blocks:
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


def _reconcile_parameters(function: Function, body: Function, name: str) -> None:
    """Refuse what is passed in another way; drop promises that the body no longer keeps.

    `deadargelim` passes poison to the unused parameters of a function that calls itself.
    """
    if function.value_type != body.value_type:
        raise _refusal(name, "its type differs")
    places = range(library().LLVMCountParams(function.handle) + 1)  # the result, each parameter
    for index, kind in itertools.product(places, _ABI_ATTRIBUTES):
        if not _same_attribute(function.attribute_at(index, kind), body.attribute_at(index, kind)):
            raise _refusal(name, f"'{kind}' of argument or result {index} differs")
    for index, kind in itertools.product(places, _PROMISES):
        if not body.attribute_at(index, kind):
            function.remove_attribute(kind, index)


def _same_attribute(ours: int | None, theirs: int | None) -> bool:
    lib = library()
    if ours == theirs or not ours or not theirs:
        return ours == theirs
    both_types = lib.LLVMIsTypeAttribute(ours) and lib.LLVMIsTypeAttribute(theirs)
    types = map(lib.LLVMGetTypeAttributeValue, (ours, theirs))
    return bool(both_types) and _same_layout(*types)
