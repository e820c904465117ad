"""Debian programs, built with a compiler that keeps the unoptimised bitcode of every object.

Under the folder, besides what `anghabench.debian` keeps there:

    bitcode/NAME/         of a program whose build has ended well
    bitcode/NAME.partial/ of one that is being built
    cc                    the compiler that builds are given

A program is harvested once. One whose build was interrupted begins anew, from the archives that
were downloaded. Each has limits of its own; one that fails is reported, and the next one tried.

Paths of the folder and the time of the build do not get into the code, as far as clang can help it.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from anghabench import debian
from anghabench.debian import Recipe
from anghabench.store import locked
from ir_tools import clang
from ir_tools.errors import OzoneError, ToolError

# Configure scripts compile by the hundred, of which nothing is kept: plain clang will do for them.
_SCRIPT = """\
#!/bin/sh
test -n "${variable}" && exec {keeping} "$@"
exec {plain} "$@"
"""

SMOKE = ("zlib", "cjson", "giflib")
"""Recipes that are quick to download and build; one of them is held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """A compiler that keeps bitcode where the variable says."""

    command: str
    folder_variable: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the build of one program may take."""

    timeout_s: float = 1800.0
    disk_bytes: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Harvested:
    """A program's modules, or why there are none."""

    name: str
    modules: int
    failure: str = ""


def chosen(names: Iterable[str], role: str | None) -> list[Recipe]:
    """The recipes of those names, or all; of one role, or both. Raises OzoneError."""
    known = debian.recipes()
    wanted = list(names) or list(known)
    if unknown := [name for name in wanted if name not in known]:
        raise OzoneError(f"no recipe '{unknown[0]}': known are {', '.join(known)}")
    return [known[name] for name in wanted if role in (None, known[name].role)]


def harvest(
    recipes: Iterable[Recipe], folder: Path, compiler: Compiler, jobs: int, limits: Limits
) -> Iterator[Harvested]:
    """Harvest one program after the other. Raises StoreError where somebody else does so there."""
    with locked(folder):
        for recipe in recipes:
            try:
                yield Harvested(recipe.name, _harvest(recipe, folder, compiler, jobs, limits))
            except (ToolError, OSError) as error:
                yield Harvested(recipe.name, 0, str(error))


def _script(compiler: Compiler, folder: Path) -> Path:
    """What `$CC` is to be: the compiler while bitcode is kept, clang without it."""
    path = folder.resolve() / "cc"
    plain = shlex.join([*clang.clang(), debian.CFLAGS])
    path.write_text(
        _SCRIPT.format(variable=compiler.folder_variable, keeping=compiler.command, plain=plain)
    )
    path.chmod(0o755)
    return path


def _harvest(recipe: Recipe, folder: Path, compiler: Compiler, jobs: int, limits: Limits) -> int:
    """How many modules there are, after the build where there was none."""
    kept = folder.resolve() / "bitcode" / recipe.name
    if not kept.exists():
        partial = kept.with_name(f"{kept.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        debian.clean(recipe, folder)
        tree = debian.fetch(recipe, folder)
        environment = {
            **compiler.environment,
            "CFLAGS": f"{debian.CFLAGS} -ffile-prefix-map={tree}=.",
            "SOURCE_DATE_EPOCH": "0",
        }
        # What is compiled to find out about the machine is no part of the program.
        keep = f"export {compiler.folder_variable}={shlex.quote(str(partial))}"
        keeping = replace(recipe, build=f"{keep}\n{recipe.build}")
        debian.build(
            keeping, tree, cc=str(_script(compiler, folder)), jobs=jobs, env=environment,
            timeout_s=limits.timeout_s, disk_bytes=limits.disk_bytes,
        )  # fmt: skip
        if not partial.exists():
            raise ToolError(f"{recipe.name}: its build compiled nothing with $CC")
        partial.rename(kept)
        shutil.rmtree(tree)
    return sum(1 for _ in kept.glob("*.bc"))
