"""What the tests of `agent` share: functions of a corpus."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from anghabench.store import CorpusFunction, Measured
from envs.evaluation import Job, Source
from envs.evaluator import Evaluator
from ir_tools.llvm import Context
from ir_tools.partition import split
from ir_tools.plan import OZ, Plan
from ir_tools.target import TargetOptions

MakeParts = Callable[..., list[CorpusFunction]]

C = """
int sum(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += p[i] * 3; return s; }
int pick(unsigned x) { switch (x) { case 1: return 7; case 2: return 9; default: return 0; } }
int last(const char *s) { const char *e = s; while (*e) e++; return e == s ? 0 : e[-1]; }
void copy(char *to, const char *from, int n) { for (int i = 0; i < n; i++) to[i] = from[i] ^ 1; }
unsigned hash(const char *s) { unsigned h = 5381; while (*s) h = h * 33 + *s++; return h; }
int clamp(int x, int l, int h) { if (x < l) return l; if (x > h) return h; return x; }
"""


@pytest.fixture(scope="session")
def make_parts(compile_c: Callable[..., Source]) -> MakeParts:
    """The functions of C text as functions of a corpus, each of a project of its own."""

    def make(text: str = C, which: str = "held-out") -> list[CorpusFunction]:
        source = compile_c(text, "parts.c")
        with Context() as context, context.parse(source.data, "parts.c") as module:
            names = [function.name for function in module.defined_functions()]
            parts = []
            for name, part in zip(names, split(module, names), strict=True):
                with part:
                    parts.append((name, part.bitcode()))
        target = TargetOptions(relocation_model="module")
        plans = (Plan(), Plan(before=OZ), Plan(before="default<O3>"))
        with Evaluator(1) as evaluator:
            return [
                CorpusFunction(
                    id=f"{which[0]}{name:0>15}", source="test", project=f"{which} {index % 3}",
                    file="parts.c", function=name, licence="none", symbol=name, bitcode=data,
                    split="train" if which == "train" else "held-out", autophase=tuple(range(56)),
                    **dict(zip(("o0", "oz", "o3"), map(_values, evaluator.evaluate(
                        [Job(Source(name, data), plan, target) for plan in plans]
                    )), strict=True)),
                )
                for index, (name, data) in enumerate(parts)
            ]  # fmt: skip

    return make


def _values(evaluation) -> Measured:
    return Measured(
        instructions=evaluation.instructions, text=evaluation.text, size=evaluation.size
    )


@pytest.fixture(scope="session")
def parts(make_parts: MakeParts) -> list[CorpusFunction]:
    return make_parts()


@pytest.fixture(scope="session")
def training_parts(make_parts: MakeParts) -> list[CorpusFunction]:
    """Others, though so alike that what helps the ones helps these."""
    return make_parts(C.replace("* 3", "* 5").replace("33", "31").replace("^ 1", "^ 3"), "train")
