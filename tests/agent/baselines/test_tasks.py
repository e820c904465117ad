"""Functions to learn on and held-out ones: whose they are, how big, and that none is both."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from agent.baselines.tasks import Task, draw
from anghabench.benchmarks import resolve
from envs.evaluation import Source
from ir_tools.errors import OzoneError
from ir_tools.llvm import Context
from tests.envs.material import LOOP, TWO


@pytest.fixture(scope="module")
def examples(clang: str) -> tuple[list[Task], list[Task]]:
    return draw(None, None, (50, 20), seed=0)


def size(source: Source) -> int:
    with Context() as context, context.parse(source.data, source.name) as module:
        return sum(function.instruction_count for function in module.defined_functions())


def test_the_examples_give_fifty_functions_and_others_of_other_programs(
    examples: tuple[list[Task], list[Task]],
) -> None:
    learned, held_out = examples
    assert (len(learned), len(held_out)) == (50, 20)
    assert not {task.program for task in learned} & {task.program for task in held_out}
    assert not {task.text for task in learned} & {task.text for task in held_out}
    assert all(10 <= size(task.source) <= 200 for task in (*learned, *held_out))


def test_programs_take_turns(examples: tuple[list[Task], list[Task]]) -> None:
    counts = Counter(task.program for task in examples[0])
    assert len(counts) == 5
    assert set(counts.values()) == {10}


def test_a_function_of_the_examples_is_what_its_uri_names(
    examples: tuple[list[Task], list[Task]],
) -> None:
    task = examples[0][0]
    assert resolve(task.source.name).bitcode == task.source.data


def test_the_seed_decides(examples: tuple[list[Task], list[Task]]) -> None:
    again, other = draw(None, None, (50, 20), seed=0), draw(None, None, (50, 20), seed=1)
    assert again == examples
    assert other[0] != examples[0]


def harvested(folder: Path, *programs: str, bitcode: bytes) -> Path:
    for program in programs:
        (folder / "bitcode" / program).mkdir(parents=True)
        (folder / "bitcode" / program / "a.bc").write_bytes(bitcode)
    return folder


@pytest.fixture(scope="module")
def loop() -> bytes:
    with Context() as context, context.parse(LOOP.data, "loop") as module:
        return module.bitcode()


def test_equal_functions_count_once_and_on_one_side_alone(tmp_path: Path, loop: bytes) -> None:
    folder = harvested(tmp_path, "one", "two", bitcode=loop)
    learned, held_out = draw(folder, folder, (50, 50), seed=0)
    assert [task.program for task in learned] == ["one"]
    assert held_out == []


def test_a_harvest_under_way_does_not_count(tmp_path: Path, loop: bytes) -> None:
    harvested(tmp_path, "one.partial", bitcode=loop)
    with pytest.raises(OzoneError, match="ozone data harvest"):
        draw(tmp_path, None, (50, 50), seed=0)


def test_functions_of_a_few_instructions_do_not_count(tmp_path: Path) -> None:
    with Context() as context, context.parse(TWO.data, "two") as module:
        folder = harvested(tmp_path, "one", bitcode=module.bitcode())
    learned, _ = draw(folder, folder, (50, 50), seed=0)
    assert learned == []
