"""Fetching is tested against stand-ins for apt-get and dpkg-source, and once, slowly, for real."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from anghabench import debian
from anghabench.debian import Recipe, recipes
from ir_tools.errors import ToolError

STUDIED = {"zlib", "lua5.4", "bzip2", "lz4"}
UNTOUCHED = {
    "jq", "libpng1.6", "expat", "tcc", "freetype", "duktape", "bearssl", "wavpack", "lwip",
}  # fmt: skip
WHOLE_PROGRAMS = {"jq", "libpng1.6", "expat"}  # of those, with tests of their own

ONE_LINE = """\
# a comment
deb http://mirror.example/debian stable main contrib  # trailing comment
deb-src http://mirror.example/debian stable main contrib
  deb [arch=amd64 signed-by=/keys/k.gpg] http://mirror.example/security stable-security main
#deb http://mirror.example/off stable main
"""

STANZAS = """\
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: stable stable-updates
Components: main

# a comment
types: deb
URIs: http://mirror.example/security
Suites: stable-security
Components: main
Signed-By: /keys/k.gpg
"""

APT_GET = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in
*\\ update) ;;
*\\ broken*) echo "E: Unable to find a source package for broken" >&2; exit 100 ;;
*\\ withdrawn|*\\ withdrawn=2) echo half > withdrawn_2.dsc; echo "E: 404" >&2; exit 100 ;;
*) echo description > hello_1.dsc; echo content > hello_1.tar ;;
esac
"""

APT_CACHE = """#!/bin/sh
printf 'Package: some\\nVersion: %s\\n\\n' 2 1 0
"""

DPKG_SOURCE = """#!/bin/sh
for last; do :; done
mkdir "$last" && cp "$3" "$last/from"
"""


def recipe(name: str = "hello", **scripts: str) -> Recipe:
    return Recipe(name=name, licence="MIT", role="train", **{"build": "true", **scripts})


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts stand-ins first on the PATH, and a machine's sources in place; returns apt's calls."""
    tools, apt, log = tmp_path / "tools", tmp_path / "apt", tmp_path / "calls"
    (apt / "sources.list.d").mkdir(parents=True)
    (apt / "sources.list.d" / "debian.sources").write_text(STANZAS)
    (apt / "sources.list.d" / "other.list.disabled").write_text(ONE_LINE)
    tools.mkdir()
    stand_ins = {"apt-get": APT_GET, "apt-cache": APT_CACHE, "dpkg-source": DPKG_SOURCE}
    for name, text in stand_ins.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(log))
    monkeypatch.setattr(debian, "_APT", apt)
    log.touch()
    return log


def test_the_table_is_sane() -> None:
    held_out = {name for name, r in recipes().items() if r.role == "held-out"}
    assert held_out == STUDIED | UNTOUCHED
    assert len(recipes()) >= 65
    for r in recipes().values():
        assert r.role in ("train", "held-out")
        assert r.licence
        assert r.build
        assert bool(r.test) == (r.name in STUDIED | WHOLE_PROGRAMS), r.name
        scripts = f"{r.configure} {r.build} {r.test}"
        assert not {"gcc", "clang", "sudo"} & set(scripts.split()), r.name


def test_one_line_entries_become_deb_src_once() -> None:
    assert debian.deb_src_lines(ONE_LINE).splitlines() == [
        "deb-src http://mirror.example/debian stable main contrib",
        "deb-src [arch=amd64 signed-by=/keys/k.gpg] http://mirror.example/security"
        " stable-security main",
    ]
    assert debian.deb_src_lines("# nothing\n") == ""


def test_stanzas_become_deb_src_and_keep_the_rest() -> None:
    text = debian.deb_src_stanzas(STANZAS)
    assert text.count("Types: deb-src\n") == 2
    assert "types: deb\n" not in text
    assert [line for line in text.splitlines() if not line.startswith("Types")] == [
        line for line in STANZAS.splitlines() if not line.lower().startswith("types")
    ]


def test_nothing_is_fetched_or_unpacked_twice(calls: Path, tmp_path: Path) -> None:
    tree = debian.fetch(recipe(), tmp_path / "programs")
    assert (tree / "from").read_text() == "description\n"
    (tree / "mine").touch()
    assert debian.fetch(recipe(), tmp_path / "programs") == tree
    assert (tree / "mine").exists()

    debian.clean(recipe(), tmp_path / "programs")
    assert not tree.exists()
    assert (debian.fetch(recipe(), tmp_path / "programs") / "from").exists()
    debian.fetch(recipe("another"), tmp_path / "programs")
    verbs = [line.split()[-1] for line in calls.read_text().splitlines()]
    assert verbs == ["update", "hello", "another"]


def test_an_interrupted_unpacking_is_done_again(calls: Path, tmp_path: Path) -> None:
    half = tmp_path / "programs" / "hello.partial"
    half.mkdir(parents=True)
    (half / "half").touch()
    assert [p.name for p in debian.fetch(recipe(), tmp_path / "programs").iterdir()] == ["from"]


def test_apt_is_given_sources_of_its_own_and_leaves_the_systems_alone(
    calls: Path, tmp_path: Path
) -> None:
    debian.fetch(recipe(), tmp_path / "programs")
    private = tmp_path / "programs" / "apt"
    assert [p.name for p in (private / "sources").iterdir()] == ["debian.sources"]
    assert all(f"-c {private}/apt.conf" in line for line in calls.read_text().splitlines())
    settings = dict(line.split() for line in (private / "apt.conf").read_text().splitlines())
    for name in ("Etc::SourceParts", "State::Lists", "Cache"):
        assert settings[f"Dir::{name}"].startswith(f'"{private}/')


def test_a_failing_download_has_apts_message_and_is_tried_again(
    calls: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        with pytest.raises(ToolError, match="E: Unable to find a source package for broken"):
            debian.fetch(recipe("broken"), tmp_path / "programs")
    assert calls.read_text().count("--download-only broken\n") == 2


def test_a_version_that_the_mirror_lacks_is_replaced_by_an_older_one(
    calls: Path, tmp_path: Path
) -> None:
    debian.fetch(recipe("withdrawn"), tmp_path)
    verbs = [line.split()[-1] for line in calls.read_text().splitlines()]
    assert verbs == ["update", "withdrawn", "withdrawn=2", "withdrawn=1"]
    assert {p.name for p in (tmp_path / "archives" / "withdrawn").iterdir()} == {
        "hello_1.dsc",
        "hello_1.tar",
    }


def test_a_missing_dpkg_source_is_said(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    (tools / "dpkg-source").unlink()
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(ToolError, match="dpkg-source is missing: run 'apt-get install dpkg-dev'"):
        debian.fetch(recipe(), tmp_path / "programs")


def test_a_machine_without_entries_is_said(calls: Path, tmp_path: Path) -> None:
    (tmp_path / "apt" / "sources.list.d" / "debian.sources").unlink()
    with pytest.raises(ToolError, match="nowhere to fetch sources from"):
        debian.fetch(recipe(), tmp_path / "programs")


def test_steps_see_the_compiler_and_their_output_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKEFLAGS", "-j --jobserver-auth=3,4")
    tree = tmp_path / "a tree"
    tree.mkdir()
    script = 'echo "$CC,$CFLAGS,$JOBS,$EXTRA,$MAKEFLAGS,$AUTOMAKE"; pwd; echo err >&2'
    program = recipe(configure="echo configured", build=script, test="echo tested")
    debian.build(program, tree, cc="my cc", jobs=3, env={"EXTRA": "x"}, timeout_s=10)
    debian.check(program, tree, cc="my cc", timeout_s=10)
    log = (tmp_path / "a tree.build.log").read_text()
    assert log.splitlines() == ["configured", "my cc,-Oz,3,x,,true", str(tree), "err"]
    assert (tmp_path / "a tree.check.log").read_text() == "tested\n"


@pytest.mark.parametrize(
    ("script", "ending"),
    [("echo first; false; echo last", "exit code 1"), ("echo first; sleep 60", "timed out")],
)
def test_a_failing_step_names_its_log(script: str, ending: str, tmp_path: Path) -> None:
    tree = tmp_path / "hello"
    tree.mkdir()
    with pytest.raises(
        ToolError, match=rf"hello: build failed \({ending}.*\): see .*/hello.build.log"
    ):
        debian.build(recipe(build=script), tree, cc="cc", timeout_s=0.5)
    assert (tmp_path / "hello.build.log").read_text() == "first\n"


def test_a_recipe_without_a_test_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="hello has no test"):
        debian.check(recipe(), tmp_path, cc="cc")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["bzip2"])
def test_a_real_program_is_fetched_built_and_checked(name: str, tmp_path: Path) -> None:
    for tool in ("apt-get", "dpkg-source", "clang-22"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    program = recipes()[name]
    tree = debian.fetch(program, tmp_path)
    debian.build(program, tree, cc="clang-22", jobs=2, timeout_s=200)
    debian.check(program, tree, cc="clang-22", timeout_s=200)
    assert "-Oz" in (tmp_path / f"{name}.build.log").read_text()
