"""Real programs from Debian's source packages: fetched, unpacked, built and checked by recipe.

The recipes are data: `recipes.toml`, which also says what a recipe is. Under the directory given to
`fetch`:

    archives/NAME/        what was downloaded; kept, so that nothing is fetched twice
    apt/                  apt's state for this directory; the system's own is not touched
    NAME/                 the source tree, unpacked, with Debian's patches
    NAME.build.log, …     the output of each step, beside the tree that it ran in

What is not covered: build dependencies (each recipe needs a C compiler and make, no more), and
machines without apt and the `dpkg-dev` package.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from ir_tools.errors import ToolError
from ir_tools.process import ToolResult, run_tool

CFLAGS = "-Oz"
"""What every recipe compiles with: the baseline that Ozone is measured against."""

_APT = Path("/etc/apt")
# Debian's patches make the inputs of these newer than their outputs, which are good as they are:
# what configure scripts find in the environment is what make calls.
_MAINTAINERS = ("ACLOCAL", "AUTOCONF", "AUTOHEADER", "AUTOMAKE", "MAKEINFO")
_FETCH_TIMEOUT_S = 600.0
_UNPACK_TIMEOUT_S = 120.0
# Ends the whole group of processes with the signal for files that are too large.
_WATCH = """\
ulimit -c 0
while sleep 1; do
    test "$(du -sk . 2>/dev/null | cut -f1)" -le {kib} || kill -XFSZ 0
done &
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to build one Debian source package. The scripts are for `sh -e`, run in its tree."""

    name: str
    licence: str
    role: Literal["train", "held-out"]
    configure: str = ""
    build: str
    test: str = ""


@cache
def recipes() -> Mapping[str, Recipe]:
    """All recipes by name, in the table's order."""
    table = tomllib.loads(resources.files("anghabench").joinpath("recipes.toml").read_text())
    return {name: Recipe(name=name, **fields) for name, fields in table.items()}


def fetch(recipe: Recipe, directory: Path) -> Path:
    """The package's source tree under `directory`, downloaded and unpacked where it is not yet."""
    directory = directory.resolve()
    tree = directory / recipe.name
    if not tree.exists():
        archives = directory / "archives" / recipe.name
        if not archives.exists():
            _download(recipe.name, archives, apt_state=directory / "apt")
        _unpack(archives, tree)
    return tree


def build(
    recipe: Recipe,
    tree: Path,
    *,
    cc: str,
    jobs: int = 1,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 900.0,
    disk_bytes: int | None = None,
) -> None:
    """Configure and build in place; `env` adds to the environment. ToolError names the log.

    A tree that outgrows `disk_bytes` ends the build, within seconds.
    """
    script = f"{recipe.configure}\n{recipe.build}"
    if disk_bytes is not None:
        script = _WATCH.format(kib=disk_bytes >> 10) + script
    _run_step("build", script, tree, _environment(cc, jobs, env), timeout_s)


def check(
    recipe: Recipe,
    tree: Path,
    *,
    cc: str,
    jobs: int = 1,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 900.0,
) -> None:
    """Run the program's own tests on what `build` made. ToolError names the log."""
    if not recipe.test:
        raise ToolError(f"the recipe of {recipe.name} has no test")
    _run_step("check", recipe.test, tree, _environment(cc, jobs, env), timeout_s)


def version(directory: Path, name: str) -> str:
    """The version of what was downloaded of a package; empty where nothing was."""
    for description in (directory / "archives" / name).glob("*.dsc"):
        found = re.search(
            r"^Version: *(\S+)", description.read_text(errors="replace"), re.MULTILINE
        )
        if found:
            return found[1]
    return ""


def clean(recipe: Recipe, directory: Path) -> None:
    """Remove the tree and its logs; the next `fetch` unpacks the kept archives again."""
    tree = directory / recipe.name
    shutil.rmtree(tree, ignore_errors=True)
    for step in ("build", "check"):
        _log(tree, step).unlink(missing_ok=True)


def deb_src_lines(text: str) -> str:
    """The one-line entries (`sources.list`) of a text as entries for the sources of the same."""
    entries = re.findall(r"^\s*deb(?:-src)?\s+([^#\n]*[^#\s])", text, flags=re.MULTILINE)
    return "".join(f"deb-src {entry}\n" for entry in dict.fromkeys(entries))


def deb_src_stanzas(text: str) -> str:
    """The deb822 entries (`*.sources`) of a text as entries for the sources of the same."""
    return re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.MULTILINE | re.IGNORECASE)


def _download(package: str, archives: Path, apt_state: Path) -> None:
    for tool, remedy in (
        ("apt-get", "sources can be fetched on Debian and its relatives only"),
        ("dpkg-source", "run 'apt-get install dpkg-dev'"),
    ):
        if shutil.which(tool) is None:
            raise ToolError(f"{tool} is missing: {remedy}")
    lists_fetched = apt_state / "lists-fetched"
    if not lists_fetched.exists():
        _write_configuration(apt_state)
        _apt_get(apt_state, "update").check()
        lists_fetched.touch()
    partial = archives.with_name(archives.name + ".partial")
    result = _apt_get_source(apt_state, package, partial)
    if result.returncode != 0 and not _download_another(apt_state, package, partial):
        lists_fetched.unlink()  # they may be what is at fault: fetch them again next time
        result.check()
    partial.rename(archives)


def _download_another(state: Path, package: str, folder: Path) -> bool:
    """Whether any version will do: a mirror may list a security update that it does not carry."""
    return any(
        _apt_get_source(state, f"{package}={version}", folder).returncode == 0
        for version in _versions(state, package)
    )


def _apt_get_source(state: Path, package: str, folder: Path) -> ToolResult:
    """Download into a folder of its own: what another version left there must not be unpacked."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return _apt_get(state, "source", "--only-source", "--download-only", package, cwd=folder)


def _versions(state: Path, package: str) -> list[str]:
    """All versions that the lists name, in their order; none where the package is unknown."""
    argv = ["apt-cache", "-q", "-c", str(state / "apt.conf"), "showsrc", "--only-source", package]
    text = run_tool(argv, timeout_s=_FETCH_TIMEOUT_S).stdout.decode(errors="replace")
    return re.findall(r"^Version: (\S+)$", text, flags=re.MULTILINE)


def _apt_get(state: Path, *arguments: str, cwd: Path | None = None) -> ToolResult:
    argv = ["apt-get", "-q", "-c", str(state / "apt.conf"), *arguments]
    return run_tool(argv, timeout_s=_FETCH_TIMEOUT_S, cwd=cwd)


def _write_configuration(state: Path) -> None:
    """Make `state` all that apt-get uses and changes, with entries for sources in it."""
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    _write_sources(state / "sources")
    (state / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{os.devnull}";\n'
        f'Dir::Etc::SourceParts "{state / "sources"}";\n'
        f'Dir::State::Lists "{state / "lists"}";\n'
        f'Dir::Cache "{state / "cache"}";\n'
        'APT::Update::Error-Mode "any";\n'  # a network that is down is an error, not a warning
    )


def _write_sources(parts: Path) -> None:
    parts.mkdir(parents=True, exist_ok=True)
    derived = dict(_derived_sources(_APT))
    if not derived:
        raise ToolError(f"no entry in {_APT}/sources.list*: nowhere to fetch sources from")
    for name, text in derived.items():
        (parts / name).write_text(text)


def _derived_sources(apt: Path) -> Iterator[tuple[str, str]]:
    """(file name, text) of the entries for sources that follow from the machine's own."""
    for path in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))):
        derive = {".list": deb_src_lines, ".sources": deb_src_stanzas}.get(path.suffix)
        if derive and path.is_file() and (text := derive(path.read_text())):
            yield path.name, text


def _unpack(archives: Path, tree: Path) -> None:
    description = next(archives.glob("*.dsc"), None)
    if description is None:
        raise ToolError(f"no .dsc file in {archives}: remove the folder to download it again")
    partial = tree.with_name(tree.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = ["dpkg-source", "--no-copy", "-x", str(description), str(partial)]
    run_tool(command, timeout_s=_UNPACK_TIMEOUT_S, cwd=tree.parent).check()
    partial.rename(tree)


def _environment(cc: str, jobs: int, extra: Mapping[str, str] | None) -> dict[str, str]:
    # We may run under a make of our own, whose flags and job server are not for this one.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ours |= dict.fromkeys(_MAINTAINERS, "true")
    return ours | {"CC": cc, "CFLAGS": CFLAGS, "JOBS": str(jobs)} | dict(extra or {})


def _run_step(step: str, script: str, tree: Path, env: Mapping[str, str], timeout_s: float) -> None:
    log = _log(tree, step)
    # The script writes the log itself: it can be followed, and survives whatever happens to us.
    argv = ["sh", "-ec", f"exec >{shlex.quote(str(log))} 2>&1\n{script}"]
    result = run_tool(argv, timeout_s=timeout_s, cwd=tree, env=env)
    if result.returncode != 0:
        ending = "outgrew its disk limit" if result.signal_name == "SIGXFSZ" else result.ending
        raise ToolError(f"{tree.name}: {step} failed ({ending}): see {log}")


def _log(tree: Path, step: str) -> Path:
    return tree.resolve().with_name(f"{tree.name}.{step}.log")
