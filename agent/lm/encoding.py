"""IR as compact text for a language model, and back.

A module with one function becomes a line for each instruction and nothing else:

    fn i32 (ptr, i32) nounwind
    icmp eq ptr $0, null
    br i1 ^1, label ~2, label ~1
    :
    load i32, ptr $0
    ret i32 ^1
    :
    ret i32 0

`$n` is an argument, `^n` the result of n instructions ago (in a phi perhaps of one to come), `~n`
the nth block from here, `:` begins a block. Names of library functions, which LLVM knows, stay;
other symbols are numbered as they come, `@g0`, `@g1`. Results and blocks need no names, and the
same code has the same text wherever it stands, which is what a model with few parameters needs.

What is dropped: metadata, alignment that is natural or more, linkage of other symbols, initialisers
of variables unless they are short, attributes that are not in `_KEPT`. What `decode` gives back is
a module that parses and defines the same function, without what was dropped; it says what is at
least true. What is not covered, by `decode` alone: functions that need a personality, and tokens,
which cannot be declared from their uses.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ir_tools.errors import EncodingError
from ir_tools.verify.smt.library import is_library

NAME = "f"  # of the function that `decode` defines

_LAYOUT = (
    'target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-'
    'n8:16:32:64-S128"\ntarget triple = "x86_64-pc-linux-gnu"'
)
_MOST_DEFINITION = 40  # characters
_NATURAL = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "ptr": 8, "float": 4, "double": 8}

# Attributes that code generation or size depends on.
_KEPT = frozenset(
    "alwaysinline cold convergent fastcc naked noinline nomerge noreturn nounwind optnone"
    " returns_twice strictfp willreturn".split()
)
_MEMORY = re.compile(r"memory\([^)]*\)")
_QUOTED = r'"[^"]*"'

# Attributes of parameters, arguments and results that are dropped, with what they are followed by.
_DROPPED = re.compile(
    r" (?:noundef|nonnull|writable|noalias|readonly|writeonly|readnone|nofree|returned|nocapture|"
    r"captures\([^)]*\)|dereferenceable\(\d+\)|dereferenceable_or_null\(\d+\)|"
    r"range\([^)]*\)|nofpclass\([^)]*\)|initializes\(\(.*?\)\))(?=[ ,)])"
)
_ACCESS = re.compile(r"^((?:load|store)(?: volatile)? (\S+) ?.*?), align (\d+)$")
_SLOT = re.compile(r"^(alloca (\S+)(?:, i\d+ \S+)?), align (\d+)$")
_GROUP = re.compile(r"attributes (#\d+) = \{(.*)\}")
_TYPE = re.compile(r"(%t\d+) = type (.*)")
_GLOBAL = re.compile(r"@(\S+|\"[^\"]*\") = ([^@]*?)\b(global|constant|alias|ifunc) (.*)")
_INSTRUCTION = re.compile(r"  (?:%(\d+) = )?(.*)")
_LABEL = re.compile(r"(\d+):$")
_WORD = re.compile(rf'{_QUOTED}|%(?P<value>\d+)\b|@(?P<symbol>"[^"]*"|[-\w$.]+)')
_VOID = re.compile(
    r"(?:store|br|switch|ret|unreachable|resume|fence|indirectbr)\b"
    r"|(?:(?:must|no)?tail )?call (?:[a-z0-9]+cc |cc\d+ )?void\b|invoke (?:[a-z0-9]+cc )?void\b"
)


def encode(text: str) -> str:
    """The compact text of a module's canonical text (`ir_tools.canonical`), which must define
    exactly one function. Raises EncodingError."""
    return _Encoder(text).encode()


@dataclass
class _Encoder:
    """One module on its way to compact text."""

    text: str
    symbols: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    _numbered: int = 0

    def encode(self) -> str:
        lines = self.text.splitlines()
        starts = [n for n, line in enumerate(lines) if line.startswith("define ")]
        if len(starts) != 1:
            raise EncodingError(f"{len(starts)} functions are defined where one should be")
        end = lines.index("}", starts[0])
        body = _joined(lines[starts[0] + 1 : end])
        self._note(lines[: starts[0]] + lines[end + 1 :])
        head, arguments = self._head(lines[starts[0]])
        coded = [head, *self._body(body, arguments)]
        shown = [self._shown(symbol) for symbol in self.symbols]
        return "\n".join([*filter(None, shown), *coded]) + "\n"

    def _note(self, lines: Iterable[str]) -> None:
        """What the rest of the module says of types, attributes and variables."""
        for line in lines:
            if match := _GROUP.match(line):
                self.groups[match[1]] = _kept(match[2])
            elif match := _TYPE.match(line):
                self.types[match[1]] = match[2]
            elif match := _GLOBAL.match(line):
                self.variables[match[1]] = _variable(*match.group(2, 3, 4))
            elif line.startswith("declare ") and (match := re.search(r"@(\S+?)\(.* (#\d+)$", line)):
                self.declared[match[1]] = match[2]

    def _head(self, line: str) -> tuple[str, int]:
        """The first line, and the number of arguments."""
        match = re.match(r"define (.*?)@(\"[^\"]*\"|[-\w$.]+)\((.*)\)(.*) \{$", line)
        if match is None:
            raise EncodingError(f"no definition: {line}")
        result, name, parameters, rest = match.groups()
        self.symbols[name] = f"@{NAME}"
        listed = _split(re.sub(r" %\d+(?=,|$)", "", self._plain(parameters)))
        kind = self._plain(" " + result).split()
        words = [word for word in kind if word not in _LINKAGE]
        kept = [word for group in re.findall(r"#\d+", rest) for word in self.groups.get(group, ())]
        head = f"fn {' '.join(words)} ({', '.join(listed)}) {' '.join(kept)}".rstrip()
        return head, sum(parameter != "..." for parameter in listed)

    def _body(self, lines: list[str], arguments: int) -> Iterator[str]:
        values = {str(number): number for number in range(arguments)}
        blocks = {str(arguments): 0}
        for line in lines:
            if label := _LABEL.match(line):
                blocks[label[1]] = len(blocks)
            elif (match := _INSTRUCTION.match(line)) and match[1]:
                values[match[1]] = len(values)
        done, block = arguments, 0
        for line in lines:
            if _LABEL.match(line):
                block += 1
                yield ":"
                continue
            match = _INSTRUCTION.match(line)
            assert match is not None
            if bool(match[1]) == bool(_VOID.match(match[2])):
                raise EncodingError(f"does it have a result? {line}")
            yield self._instruction(match[2], values, blocks, arguments, done, block)
            done += match[1] is not None

    def _instruction(
        self, text: str, values: dict[str, int], blocks: dict[str, int], arguments: int,
        done: int, block: int,
    ) -> str:  # fmt: skip
        def replace(match: re.Match[str]) -> str:
            if number := match["value"]:
                if number in blocks:
                    return f"~{blocks[number] - block}"
                value = values[number]
                return f"${value}" if value < arguments else f"^{done - value}"
            if symbol := match["symbol"]:
                return self._symbol(symbol)
            return match[0]

        text = _unaligned(_WORD.sub(replace, self._called(self._plain(text))))
        return text.rstrip()

    def _called(self, text: str) -> str:
        """A call with what the declaration of its callee says beside what it says itself."""
        callee = re.search(r"\bcall [^(]*@([-\w$.]+)\(", text)
        own = re.search(r" (#\d+)$", text)
        groups = (self.declared.get(callee[1], "") if callee else "", own[1] if own else "")
        words = [word for group in groups for word in self.groups.get(group, ())]
        by_kind = {word.partition("(")[0]: word for word in words}  # the call's own say counts
        return " ".join([text[: own.start()] if own else text, *sorted(by_kind.values())])

    def _plain(self, text: str) -> str:
        """Without dropped attributes; types spelt out."""
        text = _DROPPED.sub("", text)
        while "%t" in text and self.types:
            spelt = re.sub(r"%t\d+", lambda match: self.types.get(match[0], match[0]), text)
            if spelt == text or "opaque" in spelt:
                break
            text = spelt
        return text

    def _symbol(self, name: str) -> str:
        plain = name.removeprefix(".ozone.")
        if name not in self.symbols:
            known = name.startswith("llvm.") or (plain == name and is_library(name))
            self._numbered += not known
            self.symbols[name] = f"@{name}" if known else f"@g{self._numbered - 1}"
        return self.symbols[name]

    def _shown(self, name: str) -> str:
        """The definition of a symbol, where more must be known of it than its name."""
        text = self._plain(self.variables.get(name, ""))
        if not text or len(text) > _MOST_DEFINITION or "@" in text:
            return ""
        return f"{self.symbols[name]} = {text}"


def _variable(words: str, kind: str, rest: str) -> str:
    """What is told of a variable: of a constant its value, and whether each thread has its own."""
    if "thread_local" in words:
        return "external thread_local global i8"
    if kind != "constant" or "external" in words.split():
        return ""
    return "constant " + re.sub(r", align \d+$", "", rest)


_LINKAGE = frozenset(
    "private internal available_externally linkonce weak common linkonce_odr weak_odr external"
    " dso_local dso_preemptable hidden protected default local_unnamed_addr unnamed_addr".split()
)


def _joined(lines: list[str]) -> list[str]:
    """The lines of a body, each switch on one."""
    joined: list[str] = []
    is_open = False
    for line in lines:
        if is_open:
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
        is_open = (is_open or line.endswith("[")) and line.strip() != "]"
    return joined


def _kept(attributes: str) -> list[str]:
    words = re.sub(_QUOTED + r"(?:=" + _QUOTED + ")?", "", attributes)
    return sorted([word for word in words.split() if word in _KEPT] + _MEMORY.findall(words))


def _unaligned(text: str) -> str:
    """Without an alignment that is natural, or more than that."""
    match = _ACCESS.match(text) or _SLOT.match(text)
    if match and int(match[3]) >= _NATURAL.get(match[2].rstrip(","), 1 << 30):
        return match[1]
    return text


def _depths(text: str) -> list[int]:
    """How many brackets are open after each character."""
    steps = ((char in "([{<") - (char in ")]}>") for char in text)
    return list(itertools.accumulate(steps))


def _split(text: str) -> list[str]:
    """The parts between the commas that are in no bracket."""
    commas = [at for at, depth in enumerate(_depths(text)) if text[at] == "," and not depth]
    parts = (text[at + 1 : end] for at, end in itertools.pairwise([-1, *commas, len(text)]))
    return [part.strip() for part in parts if part.strip()]


# --- and back ----------------------------------------------------------------------------------

_REFERENCE = re.compile(
    rf"{_QUOTED}|\$(?P<argument>\d+)|\^(?P<value>-?\d+)|~(?P<block>-?\d+)|@(?P<symbol>[-\w$.]+)"
)
_HEAD = re.compile(r"fn (.*?) ?\((.*)\) ?([^()]*(?:memory\([^()]*\))?[^()]*)$")


def decode(text: str) -> str:
    """Textual IR of a module that defines the function. Raises EncodingError."""
    lines = text.splitlines()
    shown = [line for line in lines if line.startswith("@")]
    head, *body = lines[len(shown) :] or [""]
    match = _HEAD.match(head)
    if match is None:
        raise EncodingError(f"no head of a function: {head[:80]}")
    result, listed, words = match.groups()
    parameters = _split(listed)
    named = [p if p == "..." else f"{p} %a{n}" for n, p in enumerate(parameters)]
    arguments = len(parameters) - ("..." in parameters)
    decoder = _Decoder(arguments)
    coded = list(decoder.body(body))
    definition = f"define {result} @{NAME}({', '.join(named)}) {words} minsize optsize {{"
    symbols = decoder.declarations(shown)
    return "\n".join([_LAYOUT, *shown, *symbols, definition, *coded, "}", ""])


class _Decoder:
    """One function on its way back."""

    def __init__(self, arguments: int) -> None:
        self._arguments, self._done, self._block = arguments, arguments, 0
        self._symbols: dict[str, str] = {NAME: ""}

    def body(self, lines: Iterable[str]) -> Iterator[str]:
        yield "b0:"
        for line in lines:
            if line == ":":
                self._block += 1
                yield f"b{self._block}:"
                continue
            text = _REFERENCE.sub(self._reference, line)
            self._note_callee(text)
            if _VOID.match(line):
                yield f"  {text}"
            else:
                yield f"  %v{self._done} = {text}"
                self._done += 1

    def _reference(self, match: re.Match[str]) -> str:
        if match["argument"]:
            return f"%a{match['argument']}"
        if match["value"]:
            return f"%v{self._done - int(match['value'])}"
        if match["block"]:
            return f"%b{self._block + int(match['block'])}"
        if match["symbol"]:
            self._symbols.setdefault(match["symbol"], "")
        return match[0]

    def _note_callee(self, text: str) -> None:
        """Declare what is called as it is called."""
        match = re.search(r"\b(?:call|invoke) (?P<result>[^@]*?) ?@(?P<name>[-\w$.]+)\(", text)
        if match is None or self._symbols.get(match["name"]) or match["name"] == NAME:
            return
        result = match["result"]
        if result.endswith(")"):  # a function type, of a variadic one
            cut = len(result) - len(_last_bracket(result))
            result, parameters = result[:cut].strip(), result[cut + 1 : -1]
        else:
            end = _closing(text, match.end() - 1)
            parameters = ", ".join(_type_of(a) for a in _split(text[match.end() : end]))
        convention = " ".join(word for word in result.split() if not word.endswith("math"))
        name = match["name"]
        self._symbols[name] = f"declare {convention} @{name}({parameters})"

    def declarations(self, shown: list[str]) -> Iterator[str]:
        """Of all symbols that are used and not shown."""
        known = {line[1 : line.index(" ")] for line in shown} | {NAME}
        for name, text in self._symbols.items():
            if name not in known and not name.startswith("llvm."):
                yield text or f"@{name} = external global i8"


def _type_of(operand: str) -> str:
    """The type that an operand begins with."""
    spaces = (at for at, depth in enumerate(_depths(operand)) if operand[at] == " " and not depth)
    return operand[: next(spaces, None)]


def _closing(text: str, opening: int) -> int:
    """Where the bracket is closed that opens there."""
    try:
        return opening + _depths(text[opening:]).index(0)
    except ValueError:
        raise EncodingError(f"a bracket is not closed: {text[:80]}") from None


def _last_bracket(text: str) -> str:
    """The bracket that the text ends with, and what is in it."""
    before = [0, *_depths(text)[:-1]]
    start = max(at for at, depth in enumerate(before) if not depth)
    if text[start] not in "([{<":
        raise EncodingError(f"a bracket is not opened: {text[:80]}")
    return text[start:]
