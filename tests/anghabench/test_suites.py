"""`anghabench.suites`: the datasets that are folders, and archives of them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from anghabench.benchmarks import datasets, resolve, validate
from anghabench.suites import archived
from ir_tools.errors import BenchmarkError, UnknownBenchmarkError
from ir_tools.llvm import Context
from tests.anghabench.conftest import Optimise

pytestmark = pytest.mark.usefixtures("clang")

EXAMPLES = datasets()["benchmark://examples-v0"]
ANGHABENCH = datasets()["benchmark://anghabench-v1"]
POLYBENCH = datasets()["benchmark://polybench-v4"]
ONE = "8cc/extr_encoding.c_read_rune"


@pytest.fixture
def sample(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shared / "anghabench-sample"
    monkeypatch.setenv("OZONE_ANGHABENCH", str(folder))
    return folder


@pytest.fixture
def polybench(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OZONE_POLYBENCH", str(shared / "polybench"))
    return shared / "polybench"


def test_the_examples_are_programs_that_survive_oz(optimise: Optimise) -> None:
    uris = list(EXAMPLES.uris())
    assert EXAMPLES.count() == len(uris) == 8
    for uri in uris[:2]:
        benchmark = resolve(uri)
        assert validate(benchmark, optimise(benchmark)) is None


def test_every_function_of_the_sample_is_a_benchmark(sample: Path) -> None:
    """And each has a function of its own name, and no main."""
    uris = list(ANGHABENCH.uris())
    assert len(uris) == len(list(sample.rglob("*.c"))) == ANGHABENCH.count()
    assert uris == sorted(uris)
    for uri in uris[::6]:
        benchmark = resolve(uri)
        assert benchmark.run is None
        with Context() as context, context.parse(benchmark.bitcode) as module:
            names = [function.name for function in module.defined_functions()]
        assert any(uri.endswith(f"_{name}") for name in names)


def test_names_are_compiler_gyms_without_a_suffix_or_with_one(sample: Path) -> None:
    plain, suffixed = (resolve(f"{ANGHABENCH.name}/{ONE}{suffix}") for suffix in ("", ".c"))
    assert plain.bitcode == suffixed.bitcode
    with pytest.raises(UnknownBenchmarkError, match=f"did you mean {ONE}"):
        resolve(f"{ANGHABENCH.name}/{ONE[:-1]}")


@pytest.mark.parametrize("prefix", ["", "AnghaBench-master/", "./"])
def test_an_archive_is_as_good_as_a_checkout(
    prefix: str, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, uris = resolve(f"{ANGHABENCH.name}/{ONE}"), list(ANGHABENCH.uris())
    archive = tmp_path / "anghabench.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for folder in sample.iterdir():
            tar.add(folder, f"{prefix}{folder.name}")
    monkeypatch.setenv("OZONE_ANGHABENCH", str(archive))
    assert sorted(ANGHABENCH.uris()) == sorted(uris)
    assert resolve(f"{ANGHABENCH.name}/{ONE}") == expected


def test_a_file_that_is_no_archive_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.tar").write_bytes(b"nothing")
    monkeypatch.setenv("OZONE_ANGHABENCH", str(tmp_path / "x.tar"))
    with pytest.raises(BenchmarkError, match=r"is not a tar archive.*[^\n]$"):
        resolve(f"{ANGHABENCH.name}/x")


def test_half_an_archive_is_an_error(sample: Path, tmp_path: Path) -> None:
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(sample, "sample")
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(BenchmarkError, match="or half of one: Compressed file ended"):
        archived(archive)


@pytest.mark.usefixtures("polybench")
def test_polybench_has_its_thirty_kernels_under_their_names() -> None:
    names = [uri.rpartition("/")[2] for uri in POLYBENCH.uris()]
    assert len(names) == 30
    assert names == sorted(names)
    assert {"2mm", "gemm", "jacobi-2d", "seidel-2d", "nussinov"} <= set(names)


@pytest.mark.usefixtures("polybench")
@pytest.mark.parametrize("name", ["durbin", "trisolv"])
def test_a_kernel_prints_its_results_and_a_wrong_one_is_found(
    name: str, optimise: Optimise
) -> None:
    benchmark = resolve(f"{POLYBENCH.name}/{name}")
    assert validate(benchmark, optimise(benchmark)) is None
    with Context() as context, context.parse(optimise(benchmark)) as module:
        wrong = str(module).replace("fdiv double", "fmul double")
        assert wrong != str(module)
        difference = validate(benchmark, context.parse(wrong).bitcode())
    assert difference is not None
    assert "standard error differs" in difference


@pytest.mark.slow
@pytest.mark.usefixtures("polybench")
def test_every_kernel_survives_oz(optimise: Optimise) -> None:
    for uri in POLYBENCH.uris():
        benchmark = resolve(uri)
        assert validate(benchmark, optimise(benchmark)) is None
