"""`anghabench.csmith`: a seed is a program, the same each time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from anghabench import csmith
from anghabench.benchmarks import datasets, resolve, validate
from ir_tools.errors import BenchmarkError, ToolError
from tests.anghabench.conftest import Optimise

CSMITH = datasets()["generator://csmith-v0"]
needs_csmith = pytest.mark.skipif(shutil.which("csmith") is None, reason="csmith is not installed")


def test_there_is_a_program_for_every_seed() -> None:
    uris = CSMITH.uris()
    assert [next(uris), next(uris)] == ["generator://csmith-v0/0", "generator://csmith-v0/1"]
    assert CSMITH.count() == 2**32


@needs_csmith
@pytest.mark.usefixtures("clang")
def test_a_program_is_the_same_each_time_and_survives_oz(optimise: Optimise) -> None:
    benchmark = resolve("generator://csmith-v0/5")
    csmith._bitcode.cache_clear()
    again = resolve("generator://csmith-v0/5")
    assert again == benchmark
    assert validate(benchmark, optimise(benchmark)) is None
    assert resolve("generator://csmith-v0/6").bitcode != benchmark.bitcode


@needs_csmith
@pytest.mark.usefixtures("clang")
def test_nothing_is_left_in_the_callers_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    csmith._bitcode.cache_clear()
    resolve("generator://csmith-v0/5")
    assert csmith.csmith_version().startswith("csmith ")
    assert list(tmp_path.iterdir()) == []


def test_without_csmith_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError, match="csmith not found: run 'apt-get install csmith"):
        resolve("generator://csmith-v0/5")


@pytest.fixture
def fake_csmith(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A csmith on the path, to be written by the test."""
    (tmp_path / "bin").mkdir()
    path = tmp_path / "bin" / "csmith"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    return path


def test_a_csmith_that_fails_or_hangs_is_an_error(
    fake_csmith: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_csmith.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(BenchmarkError, match="csmith --seed 7: exit code 3: take another seed"):
        resolve("generator://csmith-v0/7")
    fake_csmith.write_text("#!/bin/sh\nsleep 60\n")
    monkeypatch.setattr(csmith, "_TIMEOUT_S", 0.3)
    with pytest.raises(BenchmarkError, match="timed out"):
        resolve("generator://csmith-v0/7")


@pytest.mark.usefixtures("fake_csmith")
def test_without_its_headers_the_error_says_what_to_install() -> None:
    with pytest.raises(ToolError, match=r"csmith\.h not found below .*libcsmith-dev"):
        resolve("generator://csmith-v0/7")
