"""A handful of small functions as a corpus has them, for the tests of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from anghabench.store import CorpusFunction, Measured, Split
from envs.evaluation import Source
from ir_tools.llvm import Context
from ir_tools.partition import extractable, split

C = """
int sum(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i] * 3; return s; }
int choose(unsigned x) { switch (x) { case 1: return 7; case 2: return 9; default: return 0; } }
int both(int a, int b) { int r = 0; if (a > b) r = a * a + b; else r = a * a - b; return r + a; }
void clear(char *p, unsigned n) { while (n) { p[n - 1] = 0; n--; } }
int find(const char *s, char c) { int i = 0; while (s[i] && s[i] != c) i++; return s[i] ? i : -1; }
unsigned bits(unsigned x) { unsigned n = 0; for (; x; x >>= 1) n += x & 1; return n; }
"""


def functions(source: Source, side: Split = "train") -> list[CorpusFunction]:
    """Every function of a module that can stand alone."""
    with Context() as context, context.parse(source.data, source.name) as module:
        names, found = extractable(module), []
        for name, part in zip(names, split(module, names), strict=True):
            with part:
                found.append(_function(name, part.bitcode(), side))
    return found


def _function(name: str, bitcode: bytes, side: Split) -> CorpusFunction:
    unmeasured = Measured(instructions=0, text=0, size=0)
    return CorpusFunction(
        id=hashlib.sha256(f"{side} {name}".encode()).hexdigest()[:16], source="tests",
        project=side, file="a.c", function=name, licence="", split=side, symbol=name,
        bitcode=bitcode, o0=unmeasured, oz=unmeasured, o3=unmeasured, autophase=(),
    )  # fmt: skip


def named(functions: Iterable[CorpusFunction], name: str) -> CorpusFunction:
    """The one of that name."""
    return next(function for function in functions if function.function == name)
