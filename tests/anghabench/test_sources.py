"""Sources yield what is there, and fail where plain clang does."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from anghabench import debian
from anghabench.debian import Recipe
from anghabench.sources import CFiles, Harvest, Module, Source, chosen, reason
from ir_tools.clang import UNOPTIMISED, clang
from ir_tools.errors import BenchmarkError, OzoneError, ToolError, UnknownBenchmarkError
from ir_tools.llvm import Context
from ir_tools.process import run_tool

BROKEN = {"a/unknown.c": "wrong x;", "a/called.c": "int f(void) { return g(1); }", "b/cut.c": "int"}


@pytest.fixture
def sample(shared: Path, tmp_path: Path) -> Path:
    """The sample of AnghaBench, with files that do not compile."""
    folder = tmp_path / "sample"
    shutil.copytree(shared / "anghabench-sample", folder)
    for name, text in BROKEN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def made(source: Source, module: Module) -> bytes | str:
    """The bitcode, or why there is none."""
    try:
        return source.bitcode(module)
    except OzoneError as error:
        return reason(error)


@pytest.mark.usefixtures("clang")
def test_anghabench_compiles_exactly_where_plain_clang_does(sample: Path, tmp_path: Path) -> None:
    source = CFiles("anghabench", sample)
    modules = list(source.modules())
    assert len(modules) == 63
    for module in modules:
        found = made(source, module)
        command = [*clang(), *UNOPTIMISED, str(sample / module.file), "-o", os.devnull]
        plain = run_tool(command, timeout_s=60)
        assert isinstance(found, bytes) == (plain.returncode == 0), module.file
        if isinstance(found, str):
            error = re.search("error: (.*)", plain.stderr.decode())
            assert error
            assert found == re.sub("'[^']*'", "'…'", error[1])
    failed = {module.file for module in modules if isinstance(made(source, module), str)}
    assert set(BROKEN) <= failed


@pytest.mark.usefixtures("clang")
def test_an_archive_is_as_good_as_a_checkout(sample: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "sample.tar.gz", "w:gz") as tar:
        tar.add(sample, "AnghaBench-master")
    checkout = CFiles("anghabench", sample)
    archive = CFiles("anghabench", tmp_path / "sample.tar.gz")
    expected = {module.file: module for module in checkout.modules()}
    assert {module.file: module for module in archive.modules()} == expected
    for module in list(expected.values())[::12]:
        assert made(archive, module) == made(checkout, module)


def test_provenance_is_the_first_folder_or_the_name_that_is_given(sample: Path) -> None:
    module = next(iter(CFiles("anghabench", sample).modules()))
    assert (module.source, module.project, module.file.partition("/")[0]) == (
        "anghabench", "8cc", "8cc",
    )  # fmt: skip
    assert module.split == "train"
    assert {m.project for m in CFiles("tsvc", sample, "tsvc").modules()} == {"tsvc"}


def test_a_place_that_is_not_there_or_no_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="does not exist"):
        list(CFiles("anghabench", tmp_path / "none").modules())
    (tmp_path / "x.tar").write_bytes(b"nothing")
    with pytest.raises(BenchmarkError, match="is not a tar archive"):
        list(CFiles("anghabench", tmp_path / "x.tar").modules())
    with pytest.raises(BenchmarkError, match=r"no bitcode in .*: run 'ozone data harvest"):
        list(Harvest(tmp_path).modules())


@pytest.fixture
def harvested(tmp_path: Path, compile_c: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two programs with a recipe, of which one is held out; one of somebody's own."""
    recipes = {
        "zlib": Recipe(name="zlib", licence="Zlib", role="held-out", build=""),
        "mawk": Recipe(name="mawk", licence="GPL-2.0-only", role="train", build=""),
    }
    monkeypatch.setattr(debian, "recipes", lambda: recipes)
    for project in ("zlib", "mawk", "mine", "half.partial"):
        folder = tmp_path / "bitcode" / project
        folder.mkdir(parents=True)
        for name in ("a-12345678.bc", "conftest-12345678.bc", "ztest4497-12345678.bc"):
            (folder / name).write_bytes(compile_c("int f(int a) { return a + 1; }", "a.c").data)
    archives = tmp_path / "archives" / "zlib"
    archives.mkdir(parents=True)
    (archives / "zlib.dsc").write_text("Source: zlib\nVersion: 1:1.2.13.dfsg-1\nFiles:\n")
    return tmp_path


def test_a_harvest_has_roles_and_licences_by_recipe_and_no_probes(harvested: Path) -> None:
    source = Harvest(harvested)
    found = [(m.source, m.project, m.file, m.licence, m.split) for m in source.modules()]
    assert found == [
        ("debian", "mawk", "a", "GPL-2.0-only", "train"),
        ("harvest", "mine", "a", "unknown", "train"),
        ("debian", "zlib", "a", "Zlib", "held-out"),
    ]
    assert source.versions() == {"zlib": "1:1.2.13.dfsg-1"}
    module = next(iter(source.modules()))
    with Context() as context, context.parse(source.bitcode(module)) as parsed:
        assert parsed.function("f")


def test_a_key_changes_with_everything_that_a_module_is(harvested: Path) -> None:
    modules = list(Harvest(harvested).modules())
    assert len({module.key for module in modules}) == 3
    (harvested / "bitcode" / "mine" / "a-12345678.bc").write_bytes(b"BC")
    again = list(Harvest(harvested).modules())
    assert [a.key == b.key for a, b in zip(modules, again, strict=True)] == [True, False, True]


@pytest.mark.usefixtures("clang")
@pytest.mark.skipif(shutil.which("csmith") is None, reason="csmith is not installed")
def test_csmith_has_a_program_for_each_of_the_first_seeds() -> None:
    (source,) = chosen(seeds=2)
    modules = list(source.modules())
    assert [(m.project, m.file, m.split) for m in modules] == [
        ("csmith", "0", "train"), ("csmith", "1", "train"),
    ]  # fmt: skip
    first, second = (source.bitcode(module) for module in modules)
    assert first != second
    assert first == source.bitcode(modules[0])
    assert "csmith" in source.versions()["csmith"]


@pytest.mark.usefixtures("clang")
def test_suites_are_programs_that_are_linked(
    shared: Path, cbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OZONE_CBENCH")
    polybench, cb, examples = chosen(polybench=shared / "polybench", cbench=cbench, examples=True)
    counts = [len(list(source.modules())) for source in (polybench, cb, examples)]
    assert counts == [30, 1, 8]
    for source in (polybench, cb):
        with Context() as context:
            context.parse(source.bitcode(next(iter(source.modules())))).close()


def test_a_suite_that_changes_has_other_keys(cbench: Path) -> None:
    before = [module.key for source in chosen(cbench=cbench) for module in source.modules()]
    next(cbench.rglob("count.c")).write_text("int main1(void) { return 0; }")
    after = [module.key for source in chosen(cbench=cbench) for module in source.modules()]
    assert before != after


def test_a_suite_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="does not exist"):
        chosen(polybench=tmp_path / "none")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            BenchmarkError("x.c does not compile: x.c:3:1: error: unknown type 'foo'"),
            "unknown type '…'",
        ),
        (ToolError("clang -c x.c: timed out after 60.0 s\n more"), "timed out after ….… s"),
        (UnknownBenchmarkError("nothing"), "nothing"),
    ],
)
def test_a_reason_is_what_many_errors_have_in_common(error: OzoneError, expected: str) -> None:
    assert reason(error) == expected
