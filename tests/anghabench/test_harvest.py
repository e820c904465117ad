"""A harvest goes on where it was; what fails is reported, and costs nothing else."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.corpus import compiler
from anghabench.debian import Recipe
from anghabench.harvest import SMOKE, Harvested, Limits, chosen, harvest
from anghabench.sources import Harvest
from anghabench.store import locked
from ir_tools.errors import OzoneError, StoreError
from ir_tools.llvm import Context

pytestmark = pytest.mark.usefixtures("clang")

# The archive is a C file, which is all that there is in the tree.
DPKG_SOURCE = """#!/bin/sh
for last; do :; done
echo "$3" >> "$CALLS"
mkdir "$last" && cp "$3" "$last/a.c"
"""
C = """/*
Version: 1.2-3
*/
const char *where(int i) { return i ? __FILE__ : __DATE__; }
"""
COMPILE = '$CC $CFLAGS -c "$PWD/a.c"'


def recipe(name: str, build: str = COMPILE, role: str = "train") -> Recipe:
    return Recipe(name=name, licence="MIT", role=role, build=build)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that were downloaded, and a stand-in for what unpacks them."""
    tools, folder = tmp_path / "tools", tmp_path / "work"
    tools.mkdir()
    (tools / "dpkg-source").write_text(DPKG_SOURCE)
    (tools / "dpkg-source").chmod(0o755)
    for name in ("first", "second", "third"):
        (folder / "archives" / name).mkdir(parents=True)
        (folder / "archives" / name / f"{name}.dsc").write_text(C)
    (folder / "archives" / "empty").mkdir()
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    (tmp_path / "calls").touch()
    return folder


def run(folder: Path, *recipes: Recipe, limits: Limits | None = None) -> Iterator[Harvested]:
    return harvest(recipes, folder, compiler(), 2, limits or Limits())


def unpacked(folder: Path) -> list[str]:
    return [Path(line).stem for line in (folder.parent / "calls").read_text().split()]


def test_bitcode_of_every_object_is_kept_and_the_tree_is_not(folder: Path) -> None:
    assert list(run(folder, recipe("first"))) == [Harvested("first", 1)]
    (path,) = (folder / "bitcode" / "first").iterdir()
    assert path.read_bytes().startswith(b"BC")
    assert not (folder / "first").exists()
    assert Harvest(folder).versions() == {"first": "1.2-3"}


def test_what_configure_compiles_is_not_kept(folder: Path) -> None:
    script = "echo 'int probe;' >p.c; $CC $CFLAGS -c p.c"
    program = dataclasses.replace(recipe("first"), configure=f"{script}; known=yes")
    program = dataclasses.replace(program, build=f'test "$known" = yes; {COMPILE}')
    assert list(run(folder, program)) == [Harvested("first", 1)]
    assert [module.file for module in Harvest(folder).modules()] == ["a"]


def test_what_fails_is_reported_and_the_rest_is_done(folder: Path) -> None:
    recipes = (
        recipe("empty"),
        recipe("first", "exit 3"),
        recipe("second", "true"),
        recipe("third"),
    )
    empty, failed, nothing, good = run(folder, *recipes)
    assert good == Harvested("third", 1)
    assert "no .dsc file" in empty.failure
    assert "build failed (exit code 3): see" in failed.failure
    assert "compiled nothing with $CC" in nothing.failure
    assert [path.name for path in (folder / "bitcode").iterdir()] == ["third"]


def test_what_was_harvested_is_not_built_again_and_what_failed_is(folder: Path) -> None:
    list(run(folder, recipe("first"), recipe("second", "false")))
    again = list(run(folder, recipe("first", "false"), recipe("second")))
    assert again == [Harvested("first", 1), Harvested("second", 1)]
    assert unpacked(folder) == ["first", "second", "second"]


def test_an_interrupted_build_begins_anew(folder: Path) -> None:
    (folder / "bitcode" / "first.partial").mkdir(parents=True)
    (folder / "bitcode" / "first.partial" / "old.bc").write_bytes(b"BC")
    (folder / "first").mkdir()
    (folder / "first" / "a.c").write_text("#error half unpacked")
    assert list(run(folder, recipe("first"))) == [Harvested("first", 1)]


def test_a_build_has_limits_of_its_own(folder: Path) -> None:
    slow, large = recipe("first", "sleep 60"), recipe("second", "head -c 9M /dev/zero >x; sleep 60")
    limits = Limits(timeout_s=8, disk_bytes=4 << 20)
    timed_out, full, good = run(folder, slow, large, recipe("third"), limits=limits)
    assert "timed out" in timed_out.failure
    assert "outgrew its disk limit" in full.failure
    assert good == Harvested("third", 1)


def test_neither_the_folder_nor_the_time_of_a_build_gets_into_the_code(folder: Path) -> None:
    list(run(folder, recipe("first")))
    (module,) = Harvest(folder).modules()
    with Context() as context, context.parse(module.content) as parsed:
        strings = [variable.initializer_text for variable in parsed.globals()]
    assert [text.partition(" c")[2] for text in strings] == ['"a.c\\00"', '"Jan  1 1970\\00"']


def test_two_do_not_harvest_into_one_folder(folder: Path) -> None:
    with locked(folder), pytest.raises(StoreError, match="another process is writing"):
        list(run(folder, recipe("first")))


def test_recipes_are_chosen_by_name_and_role() -> None:
    assert [one.name for one in chosen(SMOKE, None)] == list(SMOKE)
    roles = {one.role for one in chosen(SMOKE, None)}
    assert roles == {"train", "held-out"}
    assert {one.role for one in chosen((), "held-out")} == {"held-out"}
    with pytest.raises(OzoneError, match="no recipe 'nosuch': known are zlib"):
        chosen(["nosuch"], None)


def test_the_compiler_needs_no_installation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert sys.executable in compiler().command
    assert list(run(folder, recipe("first"))) == [Harvested("first", 1)]
