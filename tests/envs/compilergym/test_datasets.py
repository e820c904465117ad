"""Ozone's benchmarks in CompilerGym's classes, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("envs.compilergym")

from compiler_gym.datasets import Benchmark, BenchmarkUri
from compiler_gym.errors import BenchmarkInitError

import anghabench.benchmarks
from envs.compilergym.datasets import OzoneDatasets, as_ours
from ir_tools.errors import BenchmarkError, UnknownBenchmarkError

DATASETS = OzoneDatasets()


def test_every_dataset_of_ours_is_there_and_one_of_theirs_may_be_added() -> None:
    datasets = OzoneDatasets()
    assert {each.name for each in datasets} == set(anghabench.benchmarks.datasets())
    datasets["benchmark://mine-v0"] = SimpleNamespace(
        name="benchmark://mine-v0",
        deprecated=False,
        sort_order=0,
        benchmark_from_parsed_uri=lambda uri: f"mine: {uri.path}",
    )
    assert datasets.benchmark("benchmark://mine-v0/a") == "mine: /a"


def test_a_dataset_lists_what_it_has_and_nothing_where_it_is_not_on_this_machine() -> None:
    examples = DATASETS["benchmark://examples-v0"]
    uris = list(examples.benchmark_uris())
    assert len(uris) == examples.size > 0
    assert f"{examples.name}/sha256" in uris
    absent = DATASETS["benchmark://anghabench-v1"]
    assert (list(absent.benchmark_uris()), absent.size) == ([], 0)


def test_a_benchmark_is_its_bitcode_under_a_name_that_resolves_again(clang: str) -> None:
    first = DATASETS.benchmark("examples-v0/sha256#hex_decode")
    assert first.proto.program.contents.startswith(b"BC")
    second = DATASETS.benchmark(str(first.uri))
    assert first.uri == second.uri == "benchmark://examples-v0/sha256#hex_decode"
    assert first.proto == second.proto


def test_flags_in_a_query_are_read_as_forms_are(clang: str, tmp_path: Path) -> None:
    path = tmp_path / "x.c"
    path.write_text("int value(void) { return A + B; }")
    for flags in ("-DA=1%20-DB=%2B2", "-DA=1+-DB=%2B2"):
        benchmark = DATASETS.benchmark(f"{path.as_uri()}?cflags={flags}")
        assert DATASETS.benchmark(str(benchmark.uri)).proto == benchmark.proto


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("benchmark://no-such-thing-v0/a", "no dataset"),
        ("benchmark://examples-v0/sha255", "did you mean sha256"),
        ("file:///no/such/file.c", "no such file"),
    ],
)
def test_a_uri_that_names_nothing_is_an_error_of_both_kinds(uri: str, message: str) -> None:
    with pytest.raises(UnknownBenchmarkError, match=message) as error:
        DATASETS.benchmark(uri)
    assert isinstance(error.value, LookupError)


def test_c_that_does_not_compile_is_an_error_of_both_kinds(clang: str, tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("int f(void) { return nothing; }")
    with pytest.raises(BenchmarkError, match="undeclared identifier 'nothing'") as error:
        DATASETS.benchmark((tmp_path / "x.c").as_uri())
    assert isinstance(error.value, BenchmarkInitError)


@pytest.mark.parametrize("relative", [True, False])
def test_a_file_that_the_command_line_read_is_compiled(
    relative: bool, clang: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.c"
    path.write_text("int f(void) { return 1; }")
    monkeypatch.chdir(tmp_path)
    shown = "x.c" if relative else path
    read = Benchmark.from_file(uri=f"benchmark://user-v0/{shown}", path=path)
    ours = as_ours(read)
    assert ours.uri == BenchmarkUri.from_string(path.as_uri())
    assert ours.proto.program.contents.startswith(b"BC")


def test_a_program_that_does_something_else_does_not_validate(clang: str, tmp_path: Path) -> None:
    programs = []
    for number in (3, 4):
        path = tmp_path / f"{number}.c"
        path.write_text(f"int main(void) {{ return {number}; }}")
        programs.append(DATASETS.benchmark(path.as_uri()))
    made = [np.frombuffer(each.proto.program.contents, np.int8) for each in programs]
    same, other = (SimpleNamespace(observation={"Bitcode": bitcode}) for bitcode in made)
    assert programs[0].validate(same) == []
    (error,) = programs[0].validate(other)
    assert "exit code 3 became exit code 4" in str(error.data)
