"""The functions to learn on, and the held-out ones, which are other programs'.

Both come from Ozone's examples, or from folders as `ozone data harvest` leaves them. Each function
is in a module of its own; it has 10 to 200 instructions before any pass. Programs take turns in
giving one, so that none outweighs the others. Equal functions count once; none is on both sides.
"""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anghabench.benchmarks import datasets, resolve
from anghabench.sources import Harvest
from envs.evaluation import Source
from ir_tools.canonical import canonical_text
from ir_tools.errors import OzoneError
from ir_tools.llvm import Context, Module
from ir_tools.partition import extractable, original_name, split

_EXAMPLES = "benchmark://examples-v0"
_HELD_OUT_EXAMPLES = ("fft", "json", "vm")
_INSTRUCTIONS = range(10, 201)

Programs = Mapping[str, Sequence[Source]]


@dataclass(frozen=True, slots=True)
class Task:
    """A function to be made smaller, and the program that it is from."""

    program: str
    source: Source
    symbol: str  # in the source
    text: str = field(repr=False)  # in which equal functions are equal


def draw(
    train: Path | None, held_out: Path | None, counts: tuple[int, int], seed: int
) -> tuple[list[Task], list[Task]]:
    """So many functions to train on, and so many held out; fewer where there are not more.

    The examples stand in for a folder that is None. Raises OzoneError for a folder without bitcode.
    """
    learned = _draw(_harvested(train) if train else _examples(False), counts[0], seed)
    known = {task.text for task in learned}
    others = _harvested(held_out) if held_out else _examples(True)
    return learned, _draw(others, counts[1], seed, known)


def _examples(held_out: bool) -> Programs:
    uris = {uri.rpartition("/")[2]: uri for uri in datasets()[_EXAMPLES].uris()}
    return {
        name: [Source(uri, resolve(uri).bitcode)]
        for name, uri in uris.items()
        if (name in _HELD_OUT_EXAMPLES) == held_out
    }


def _harvested(folder: Path) -> Programs:
    found = {
        path.name: [Source(one.resolve().as_uri(), one.read_bytes()) for one in path.glob("*.bc")]
        for path in Harvest(folder).projects()
    }
    if not any(found.values()):
        raise OzoneError(f"no bitcode in {folder}: run 'ozone data harvest {folder}' first")
    return found


def _draw(
    programs: Programs, count: int, seed: int, known: Container[str] = frozenset()
) -> list[Task]:
    """The first so many, when the programs take turns, each in an order of its own."""
    turns: list[tuple[int, str, Task]] = []
    for name, modules in programs.items():
        unique = {task.text: task for module in modules for task in _functions(name, module)}
        fitting = sorted(text for text in unique if text not in known)
        random.Random(f"{seed} {name}").shuffle(fitting)
        turns += [(turn, name, unique[text]) for turn, text in enumerate(fitting)]
    first: dict[str, Task] = {}
    for *_, task in sorted(turns, key=lambda each: each[:2]):
        first.setdefault(task.text, task)
    return list(first.values())[:count]


def _functions(program: str, source: Source) -> Iterator[Task]:
    with Context() as context, context.parse(source.data, source.name) as module:
        for part in split(module, extractable(module)):
            with part:
                if _size(part) in _INSTRUCTIONS:
                    (function,) = part.defined_functions()
                    name = original_name(function.name)
                    alone = Source(f"{source.name}#{name}", part.bitcode())
                    yield Task(program, alone, function.name, canonical_text(part))


def _size(part: Module) -> int:
    return sum(function.instruction_count for function in part.defined_functions())
