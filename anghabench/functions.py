"""A module's functions as a corpus has them: as Ozone's function pipelines meet them, one by one.

What `agent.optimise` does before it chooses pipelines is done here: the local functions that -Oz
inlines away are inlined, facts that cross function borders are derived, and each function that is
left is taken out into a module of its own.

Debug information is dropped, which changes no code, and the source's name is its last part, so
that the same program built in another folder gives the same parts.
"""

from __future__ import annotations

import array
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ir_tools import recipe
from ir_tools.apply import prepare
from ir_tools.canonical import canonical_text
from ir_tools.features import autophase
from ir_tools.libllvm import library
from ir_tools.llvm import Module
from ir_tools.partition import extractable, original_name, split
from ir_tools.symbols import Function
from ir_tools.target import Target

LEAST_INSTRUCTIONS, MOST_INSTRUCTIONS = 3, 2_000
INLINE_ASM, DELETED = "inline-asm", "deleted-by-oz"

SHINGLE = 3
"""Instructions in a row that near duplicates are compared by."""

_ID_DIGITS = 16
_HASH_BYTES = 4
_FIXED = ("noinline", "optnone", "naked")  # which -Oz does not inline, nor may we
# What differs between copies of a function: numbers of values, names, references to attributes.
# Names of intrinsics stay: they are operations. So do constants.
_TOKEN = re.compile(
    r"""(?P<string>"[^"]*")|(?P<value>%t?)\d+|(?P<symbol>@)(?!llvm\.)[-\w$.]+|[ ][#!]\d+"""
)
_ASM = re.compile(r"""\bcall(br)? [^"]*\basm """)


@dataclass(frozen=True, slots=True)
class Part:
    """A function taken out of its module; see `anghabench.store.CorpusFunction`.

    `shingles` are the sorted hashes of its instructions, `SHINGLE` in a row, 32 bits each.
    """

    function: str
    symbol: str
    id: str
    bitcode: bytes
    instructions: int
    autophase: tuple[int, ...]
    marks: tuple[str, ...]
    shingles: bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """A module's parts, in its order, and how many functions were left out for which reason."""

    parts: tuple[Part, ...]
    left_out: Mapping[str, int]


def parts(module: Module, surviving: Collection[str], target: Target) -> Parts:
    """The parts of an unoptimised module, of which -Oz leaves the functions `surviving`.

    Raises PipelineError.
    """
    with module.clone() as copy:
        library().LLVMStripModuleDebugInfo(copy.handle)
        copy.source_name = Path(copy.source_name).name
        plan = recipe.plan({}, _inlined(copy, surviving))
        prepared = prepare(copy, plan.inline, plan.before, target)
    with prepared:
        left_out = {f.name: reason for f in prepared.defined_functions() if (reason := _unfit(f))}
        known = {*extractable(prepared)}
        names = [f.name for f in prepared.defined_functions() if f.name not in left_out]
        left_out |= dict.fromkeys({*names} - known, "tied to others by computed goto")
        taken = [name for name in names if name in known]
        found = tuple(_parts(prepared, taken, surviving))
    return Parts(found, Counter(left_out.values()))


def _inlined(module: Module, surviving: Collection[str]) -> list[str]:
    """The local functions that -Oz leaves no body of, so that nobody can tell how they went."""
    return [
        function.name
        for function in module.defined_functions()
        if function.linkage.is_local
        and function.name not in surviving
        and not any(map(function.has_attribute, _FIXED))
    ]


def _unfit(function: Function) -> str:
    """Why a function is no part of a corpus; empty when it is."""
    if not function.has_attribute("minsize"):
        return "not compiled for size"  # so that -Oz is no baseline, or does nothing
    count = function.instruction_count
    if count < LEAST_INSTRUCTIONS:
        return f"fewer than {LEAST_INSTRUCTIONS} instructions"
    return f"more than {MOST_INSTRUCTIONS} instructions" if count > MOST_INSTRUCTIONS else ""


def _parts(module: Module, names: list[str], surviving: Collection[str]) -> Iterator[Part]:
    for name, part in zip(names, split(module, names), strict=True):
        with part:
            (function,) = part.defined_functions()
            text = canonical_text(part)
            body = instructions(text)
            asm = INLINE_ASM if any(map(_ASM.search, body)) else ""
            deleted = DELETED if name not in surviving else ""
            yield Part(
                function=original_name(function.name),
                symbol=function.name,
                id=hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:_ID_DIGITS],
                bitcode=part.bitcode(),
                instructions=function.instruction_count,
                autophase=tuple(autophase(part)),
                marks=tuple(filter(None, (asm, deleted))),
                shingles=shingles(body),
            )


def instructions(canonical: str) -> list[str]:
    """The lines of the bodies in a canonical text, which are indented; labels are not."""
    return [line for line in canonical.splitlines() if line.startswith(" ")]


def shingles(body: list[str]) -> bytes:
    """The hashes of each few normalised instructions in a row, and of the beginning and the end."""
    lines = ["", *(_TOKEN.sub(_normal, line) for line in body), ""]
    count = max(1, len(lines) - SHINGLE + 1)
    rows = ("\n".join(lines[start : start + SHINGLE]) for start in range(count))
    hashes = {
        hashlib.blake2b(row.encode(errors="surrogateescape"), digest_size=_HASH_BYTES).digest()
        for row in rows
    }
    return array.array("I", sorted(int.from_bytes(each, "little") for each in hashes)).tobytes()


def _normal(match: re.Match[str]) -> str:
    return match["string"] or match["value"] or match["symbol"] or ""
