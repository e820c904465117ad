"""A module as text in which only what matters is left, so that equal functions have equal text.

Values and blocks are numbered, types of structs are `%t0`, `%t1` in the order of the text. Gone are
debug information, metadata and what hangs on it (`!range` and `!nonnull` as well as `!tbaa`),
comments, declarations of intrinsics, the module's name and the source's. Metadata that is an
argument of a call stays.

What stays: order, of functions, blocks and instructions; attributes, and the names of symbols.
"""

from __future__ import annotations

import re

from ir_tools.libllvm import library
from ir_tools.llvm import Module

# In this order: a struct's name; a string, which may look like anything; a comment; what hangs on
# an instruction, a function or a variable. Local names are gone by then, so that what begins with
# a letter after `%` names a type.
_TOKEN = re.compile(
    r"""(?P<type>%"[^"]*"|%[-a-zA-Z$._][-\w$.]*)|(?P<string>"[^"]*")"""
    r"""|(?P<comment>[ ]*;[^\n]*)|(?P<attached>,?[ ]![-a-zA-Z$._][-\w$.]*[ ]!\d+)"""
)
_REFERENCE = re.compile(r'"[^"]*"|(?P<group>[!#]\d+)')
_DEFINITION = re.compile(r"(?:attributes )?(?P<group>[!#]\d+) = (?P<rest>.*)")
# LLVM declares intrinsics itself, with attributes of its own, where the text does not.
_DROPPED = re.compile(r"!|attributes |source_filename|declare .*@llvm\.")


def canonical_text(module: Module) -> str:
    """The text, which parses, and is its own canonical text. The module stays as it is."""
    lib, context = library(), module.context.handle
    before = lib.LLVMContextShouldDiscardValueNames(context)
    lib.LLVMContextSetDiscardValueNames(context, True)
    try:
        with module.clone() as copy:  # whose local values have no names
            lib.LLVMSetModuleIdentifier(copy.handle, b"", 0)
            lib.LLVMStripModuleDebugInfo(copy.handle)
            return _canonical(str(copy))
    finally:
        lib.LLVMContextSetDiscardValueNames(context, before)


def _canonical(text: str) -> str:
    types: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        if match["string"]:
            return match["string"]
        if match["type"]:
            return types.setdefault(match["type"], f"%t{len(types)}")
        return ""

    lines = [line for line in _TOKEN.sub(replace, text).splitlines() if line.strip()]
    definitions = {m["group"]: m["rest"] for m in map(_DEFINITION.match, lines) if m}
    body = [line for line in lines if not _DROPPED.match(line)]
    return "\n".join((*_renumbered(body, definitions), ""))


def _renumbered(body: list[str], definitions: dict[str, str]) -> list[str]:
    """The body, then the attributes and metadata that it refers to, numbered as it does."""
    orders: dict[str, dict[str, int]] = {"#": {}, "!": {}}

    def number(match: re.Match[str]) -> str:
        if not (group := match["group"]):
            return match[0]
        order = orders[group[0]]
        return f"{group[0]}{order.setdefault(group, len(order))}"

    lines = [_REFERENCE.sub(number, line) for line in body]
    lines += [f"attributes #{n} = {definitions[group]}" for group, n in orders["#"].items()]
    done, metadata = 0, orders["!"]
    while done < len(metadata):  # a node may refer to further ones
        node = list(metadata)[done]
        lines.append(f"!{done} = {_REFERENCE.sub(number, definitions[node])}")
        done += 1
    return lines
