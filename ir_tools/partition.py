"""Functions out of a module, as parts to be optimised alone. `ir_tools.merge` puts them back.

`extract` copies functions into a module of their own, a *part*. How it works: in a part every local
symbol is promoted (external, hidden, named `.ozone.<name>`), so that `merge` can match it by name.
The new name also keeps a `static` function called `strlen` from being taken for the library's.

What is covered: recursion, local functions and data, constants that stay foldable in the part,
comdats, aliases, constructors, thread-locals, exceptions, computed goto within a function, debug
information.

What is not covered: functions that share the addresses of their blocks with others: `extractable`
leaves them out. A part cannot see through an alias or ifunc: it is an external declaration there,
without `dso_local`. A copy has other orders of uses than the original, which some passes heed: code
optimised in a part may differ by a few bytes from the same in place.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ir_tools.errors import InvalidModuleError
from ir_tools.libllvm import library
from ir_tools.llvm import Module
from ir_tools.symbols import Function, GlobalValue, Linkage

COMPILE_UNITS = b"llvm.dbg.cu"  # the metadata that lists them
_PREFIX = ".ozone."
_ANYBODY = 0  # no function's handle
_HIDDEN = 1  # LLVMHiddenVisibility
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


def original_name(symbol: str) -> str:
    """The module's name of a symbol of a part: that of a local symbol has a prefix there."""
    return symbol.removeprefix(_PREFIX)


def extractable(module: Module) -> list[str]:
    """Names of the defined functions that `extract` accepts, in module order.

    Left out are functions without a name, and those tied together by computed goto: the address of
    a block of one is in a global symbol or where another function can get at it.
    """
    tied = block_ties(module).functions
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
    middle = len(ordered) // 2
    for half in filter(None, (ordered[:middle], ordered[middle:])):
        if len(half) == 1:
            yield extract(module, half)
            continue
        with extract(module, half) as piece:
            there = {original_name(f.name): f.name for f in piece.defined_functions()}
            yield from split(piece, [there[original_name(name)] for name in half])


# --- block addresses ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ties:
    """What addresses of blocks (computed goto) tie together, by handle.

    Such an address means something only as long as its function has its body.
    """

    functions: set[int]  # that cannot leave alone: others know where their blocks are
    tables: dict[int, int]  # variables that hold addresses, and whose blocks those are of


def block_ties(module: Module) -> Ties:
    """The ties of a module, whether its local symbols are promoted or not."""
    ties = Ties(set(), {})
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
class Promoted:
    """A symbol that was local, and what it was before."""

    symbol: GlobalValue
    name: str
    linkage: Linkage


def is_promoted(symbol: GlobalValue) -> bool:
    """Whether the symbol was local before it was promoted."""
    return symbol.name.startswith(_PREFIX)


def _is_local(symbol: GlobalValue) -> bool:
    """Whether the symbol is local, or was before it was promoted."""
    return symbol.linkage.is_local or is_promoted(symbol)


def promote(module: Module) -> list[Promoted]:
    """Make every local symbol external, hidden, and named so that part and module agree."""
    promoted, unnamed = [], itertools.count()
    for symbol in module.symbols():
        linkage = symbol.linkage
        if not linkage.is_local:
            continue
        before = Promoted(symbol, symbol.name, linkage)
        symbol.name = wanted = f"{_PREFIX}{before.name or f'.{next(unnamed)}'}"
        if symbol.name != wanted:
            raise InvalidModuleError(f"the name '{wanted}' is taken: the prefix is Ozone's own")
        symbol.linkage = Linkage.EXTERNAL
        library().LLVMSetVisibility(symbol.handle, _HIDDEN)
        promoted.append(before)
    return promoted


def demote(module: Module, promoted: list[Promoted]) -> None:
    """Undo `promote`. Where a pass gave a new local symbol the name of an old one, it yields."""
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
    ties = block_ties(part)
    wanted = {_wanted(part, name, ties).handle for name in names}
    promote(part)
    drop_module_level(part)
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


def _wanted(module: Module, name: str, ties: Ties) -> Function:
    function = module.function(name) if name else None
    if function is None or function.is_declaration:
        raise InvalidModuleError(f"cannot extract '{name}': the module does not define it")
    if function.handle in ties.functions:
        raise InvalidModuleError(f"cannot extract '{name}': it is tied to addresses of blocks")
    return function


def drop_module_level(part: Module) -> None:
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


def _declare(variable: GlobalValue, ties: Ties) -> bool:
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


def compile_units(module: Module) -> list[int | None]:
    """The handles of the module's compile units: the roots of its debug information."""
    lib = library()
    units = (ctypes.c_void_p * lib.LLVMGetNamedMetadataNumOperands(module.handle, COMPILE_UNITS))()
    lib.LLVMGetNamedMetadataOperands(module.handle, COMPILE_UNITS, units)
    return list(units)


def _trim_compile_units(part: Module) -> bool:
    """Leave in the debug information what functions refer to; whether there is any.

    The merged module has the module's compile unit; it needs no copy of its variables and types,
    or of its `using` declarations, from each part.
    """
    units = compile_units(part)
    for unit, operand in itertools.product(units, _UNIT_LISTS):
        library().LLVMReplaceMDNodeOperandWith(unit, operand, None)
    return bool(units)
