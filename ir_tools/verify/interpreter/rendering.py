"""Inputs, outcomes and counterexamples as text for people."""

from __future__ import annotations

from typing import Any

from ir_tools.verify.interpreter.concrete import PLAIN, POISONED, SPECIAL, Image
from ir_tools.verify.interpreter.given import Input
from ir_tools.verify.interpreter.interpreter import Outcome, Status
from ir_tools.verify.interpreter.refinement import Judgement

_ROW, _MOST_ROWS = 16, 8


def value_text(value: Any) -> str:
    """A concrete value: integers as decimal and, when large, as hexadecimal."""
    if isinstance(value, tuple):
        return "{" + ", ".join(map(value_text, value)) + "}"
    if isinstance(value, int):
        return str(value) if value < 1024 else f"{value} ({value:#x})"
    return "void" if value is None else str(value)


def image_text(image: Image) -> str:
    """Rows of bytes in hexadecimal: `??` undefined, `!!` poison; pointers after them by name."""
    rows = []
    for start in range(0, image.size, _ROW):
        end = min(start + _ROW, image.size)
        pointers = [
            f"{what[0]} at {k}"
            for k in range(start, end)
            if image.state[k] == SPECIAL and isinstance(what := image.special[k], tuple)
            and what[1] == 0
        ]  # fmt: skip
        row = " ".join(_byte(image, k) for k in range(start, end))
        rows.append(f"    {start:4}: {row}" + (f"   {', '.join(pointers)}" if pointers else ""))
    if len(rows) > _MOST_ROWS:
        rows[_MOST_ROWS:] = [f"    … {image.size} bytes"]
    return "\n".join(rows) + ("" if image.is_live else "\n    (freed)")


def _byte(image: Image, at: int) -> str:
    state = image.state[at]
    if state == PLAIN or (state == SPECIAL and isinstance(image.special[at], tuple)):
        return f"{image.data[at]:02x}"
    return "!!" if state == POISONED else "??"


def input_text(given: Input, names: tuple[str, ...] = ()) -> str:
    """The arguments, by name where there are names, and the memory."""
    lines = []
    for index, value in enumerate(given.arguments):
        name = names[index] if index < len(names) else f"argument {index}"
        lines.append(f"  {name} = {value_text(value)}")
    for name, block in given.blocks.items():
        lines.append(f"  {name}, {block.image.size} bytes at {block.address:#x}:")
        lines.append(image_text(block.image))
    if given.stop_at is not None:
        lines.append(f"  unknown call {given.stop_at} does not return")
    return "\n".join(lines)


def outcome_text(outcome: Outcome) -> str:
    """How it ended, its value, its calls and the memory that it changed."""
    head = f"  {outcome.status}" + (f": {outcome.reason}" if outcome.reason else "")
    lines = [head]
    if outcome.status is Status.RETURNED:
        lines.append(f"  value: {value_text(outcome.value)}")
    for event in outcome.calls:
        arguments = ", ".join(map(value_text, event.arguments))
        lines.append(f"  {event.callee}({arguments})")
    for name, image in outcome.memory.items():
        before = outcome.given.blocks.get(name)
        if before is None or before.image != image:
            lines += [f"  {name} afterwards:", image_text(image)]
    if outcome.choices:
        lines.append(f"  ({outcome.choices} nondeterministic choices)")
    return "\n".join(lines)


def counterexample(judgement: Judgement, names: tuple[str, ...] = ()) -> str:
    """The input and both results of a refuted pair."""
    target = outcome_text(judgement.target) if judgement.target else "  not run"
    return "\n".join(
        (
            f"{judgement.law}",
            "input:",
            input_text(judgement.source.given, names),
            "source:",
            outcome_text(judgement.source),
            "target:",
            target,
        )
    )
