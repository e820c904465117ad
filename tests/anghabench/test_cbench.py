"""`anghabench.cbench`, on a folder in cBench's layout: cBench itself is not at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from anghabench.benchmarks import datasets, resolve, validate
from ir_tools.errors import BenchmarkError, UnknownBenchmarkError
from ir_tools.llvm import Context
from tests.anghabench.conftest import Optimise

pytestmark = pytest.mark.usefixtures("clang")

CBENCH = datasets()["benchmark://cbench-v1"]


@pytest.mark.usefixtures("cbench")
def test_programs_are_listed_by_their_folders() -> None:
    assert list(CBENCH.uris()) == ["benchmark://cbench-v1/automotive_qsort1"]


@pytest.mark.parametrize("name", ["automotive_qsort1", "qsort"])
def test_a_program_is_linked_and_run_as_its_makefile_and_first_data_set_say(
    name: str, cbench: Path, optimise: Optimise
) -> None:
    benchmark = resolve(f"{CBENCH.name}/{name}")
    assert benchmark.run is not None
    assert benchmark.run.arguments == (str(cbench / "data" / "1.txt"), "out.txt", "-x")
    assert benchmark.run.stdin == b"three\n"
    assert benchmark.run.link == ("-lm",)
    with Context() as context, context.parse(benchmark.bitcode) as module:
        names = {function.name for function in module.defined_functions()}
    assert names == {"main", "main1", "old_style"}
    assert validate(benchmark, optimise(benchmark)) is None


def test_a_wrong_output_file_is_found(cbench: Path) -> None:
    benchmark = resolve(f"{CBENCH.name}/qsort")
    makefile = cbench / "automotive_qsort1" / "src" / "Makefile"
    makefile.write_text(makefile.read_text().replace("'e", "'n"))
    difference = validate(benchmark, resolve(f"{CBENCH.name}/qsort").bitcode)
    assert difference is not None
    assert difference == r"out.txt differs: at byte 0, '3\n2\n' became '1\n1\n'"


def test_missing_data_is_an_error_that_names_it(cbench: Path) -> None:
    (cbench / "data" / "1.txt").unlink()
    with pytest.raises(BenchmarkError, match=r"1\.txt is missing: put cBench's data sets beside"):
        resolve(f"{CBENCH.name}/qsort")


@pytest.mark.usefixtures("cbench")
def test_a_program_that_is_not_there_is_unknown() -> None:
    with pytest.raises(UnknownBenchmarkError, match="known: automotive_qsort1"):
        resolve(f"{CBENCH.name}/susan")
