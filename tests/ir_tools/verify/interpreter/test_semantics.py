"""The interpreter's semantics against LLVM: what it folds, and what the machine calculates."""

from __future__ import annotations

import collections
import ctypes
import importlib.util
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from ir_tools.llvm import Context
from ir_tools.process import run_tool
from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import POISON, Nan
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.interpreter import Outcome, Status, run
from ir_tools.verify.interpreter.refinement import difference
from ir_tools.verify.reader import read_module

_path = Path(__file__).with_name("generated.py")
_spec = importlib.util.spec_from_file_location("generated", _path)
assert _spec
assert _spec.loader
generated = importlib.util.module_from_spec(_spec)
sys.modules["generated"] = generated
_spec.loader.exec_module(generated)

EACH = 200
LAYOUT = (
    'target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-'
    'n8:16:32:64-S128"\ntarget triple = "x86_64-unknown-linux-gnu"\n'
)


@pytest.fixture(scope="module")
def cases() -> list[tuple[str, str, str]]:
    return list(generated.cases(random.Random(7), EACH))


def parsed(text: str | bytes) -> ir.Module:
    with Context() as context, context.parse(text) as module:
        return read_module(module)


@pytest.fixture(scope="module")
def module_text(cases: list[tuple[str, str, str]]) -> str:
    functions = "\n".join(
        f"define {type_} @f{index}() {{\n  %r = {text}\n  ret {type_} %r\n}}"
        for index, (_, type_, text) in enumerate(cases)
    )
    return LAYOUT + declarations(cases) + functions


def declarations(cases: list[tuple[str, str, str]]) -> str:
    """Of the intrinsics that the cases call, with the types that they call them with."""
    found = {}
    for _, type_, text in cases:
        if text.startswith("call"):
            name, arguments = text.split("@")[1].split("(", 1)
            types = ", ".join(_types(arguments.removesuffix(")")))
            found[name] = f"declare {type_} @{name}({types})\n"
    return "".join(found.values())


def _types(arguments: str) -> list[str]:
    """`i8 1, <4 x i8> <i8 1, …>, float bitcast (…)` → the types alone."""
    depth, parts, start = 0, [], 0
    for index, character in enumerate(arguments + ","):
        depth += (character in "(<") - (character in ")>")
        if character == "," and not depth:
            parts.append(arguments[start:index].strip())
            start = index + 1
    return [p[: p.index(">") + 1] if p.startswith("<") else p.split()[0] for p in parts]


@pytest.fixture(scope="module")
def outcomes(module_text: str, cases: list[tuple[str, str, str]]) -> list[Outcome]:
    module = parsed(module_text)
    return [run(module, f"f{index}", Input()) for index in range(len(cases))]


def test_every_kind_is_understood(
    cases: list[tuple[str, str, str]], outcomes: list[Outcome]
) -> None:
    unknown = {
        kind for (kind, _, _), outcome in zip(cases, outcomes, strict=True)
        if outcome.status is Status.UNSUPPORTED
    }  # fmt: skip
    assert not unknown


def test_what_llvm_folds_is_what_the_interpreter_allows(
    module_text: str, cases: list[tuple[str, str, str]], outcomes: list[Outcome], tmp_path: Path
) -> None:
    source, target = tmp_path / "cases.ll", tmp_path / "folded.bc"
    source.write_text(module_text)
    run_tool(["opt-22", "-passes=instsimplify", str(source), "-o", str(target)], timeout_s=60)
    module = parsed(target.read_bytes())
    wrong, folded = [], collections.Counter[str]()
    for index, (case, outcome) in enumerate(zip(cases, outcomes, strict=True)):
        function = module.functions[f"f{index}"]
        if len(list(function.instructions())) != 1:
            continue
        folded[case[0]] += 1
        law = difference(outcome, run(module, f"f{index}", Input()))
        if law:
            wrong.append((case, outcome.value, law, str(next(function.instructions()))))
    assert not wrong, wrong[:20]
    assert sum(folded.values()) > 0.8 * len(cases)


def test_what_the_machine_calculates_is_what_the_interpreter_says(
    cases: list[tuple[str, str, str]], outcomes: list[Outcome], tmp_path: Path, clang: str
) -> None:
    chosen = [
        (index, case, leaves)
        for index, (case, outcome) in enumerate(zip(cases, outcomes, strict=True))
        if outcome.status is Status.RETURNED and not outcome.choices
        and "bfloat" not in case[2]  # no runtime library here has its conversions
        and (leaves := _plain(outcome.value)) is not None
    ]  # fmt: skip
    library = _built(cases, [(index, case) for index, case, _ in chosen], tmp_path, clang)
    buffer, wrong = (ctypes.c_uint8 * 64)(), []
    for index, case, leaves in chosen:
        ctypes.memset(buffer, 0, 64)
        library[f"f{index}"](buffer)
        sizes = [_bytes(each) for each in _members(case[1])]
        found, at = [], 0
        for size in sizes:
            found.append(int.from_bytes(bytes(buffer[at : at + size]), "little"))
            at += 32
        if found != leaves:
            wrong.append((case, [hex(x) for x in leaves], [hex(x) for x in found]))
    assert len(chosen) > 0.5 * len(cases)
    assert not wrong, (len(wrong), wrong[:20])


def _plain(value: Any) -> list[int] | None:
    values = list(value) if isinstance(value, tuple) else [value]
    return values if all(isinstance(v, int) and not isinstance(v, Nan) for v in values) else None


def _members(type_: str) -> list[str]:
    return type_.strip("{ }").split(", ") if type_.startswith("{") else [type_]


def _bytes(type_: str) -> int:
    bits = int(type_[1:]) if type_[0] == "i" else generated.FLOATS[type_][0]
    return -(-bits // 8)


def _built(
    cases: list[tuple[str, str, str]],
    chosen: list[tuple[int, tuple[str, str, str]]],
    folder: Path,
    clang: str,
) -> ctypes.CDLL:
    """The chosen cases as functions that write their result's members, 32 bytes apart."""
    lines = [LAYOUT, declarations(cases)]
    for index, (_, type_, text) in chosen:
        lines.append(f"define void @f{index}(ptr %o) noinline optnone {{\n  %r = {text}")
        for place, member in enumerate(_members(type_)):
            value = "%r"
            if type_.startswith("{"):
                value = f"%e{place}"
                lines.append(f"  {value} = extractvalue {type_} %r, {place}")
            lines.append(f"  %p{place} = getelementptr i8, ptr %o, i64 {32 * place}")
            lines.append(f"  store {member} {value}, ptr %p{place}, align 1")
        lines.append("  ret void\n}")
    source, target = folder / "native.ll", folder / "native.so"
    source.write_text("\n".join(lines))
    command = [clang, "-w", "-shared", "-fPIC", "-O0", str(source), "-o", str(target), "-lm"]
    result = run_tool(command, timeout_s=100)
    assert result.returncode == 0, result
    return ctypes.CDLL(str(target))


def test_poison_is_not_folded_away() -> None:
    """A known-bad twin: the comparison does tell results apart."""
    module = parsed("define i8 @a() { ret i8 1 } define i8 @b() { ret i8 2 } "
                    "define i8 @c() { ret i8 poison }")  # fmt: skip
    a, b, c = (run(module, name, Input()) for name in "abc")
    assert difference(a, b)
    assert difference(a, c)
    assert not difference(c, a)
    assert c.value is POISON
