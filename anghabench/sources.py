"""Where a corpus comes from: harvested builds, AnghaBench, csmith, and folders of benchmarks.

Each is a `Source`: it lists its modules, which is cheap, and makes the bitcode of one, which may
take a compiler. What a module is made from is in its `content`, so that nothing is made twice.

A project is wholly for training or wholly held out. `recipes.toml` says which, by name; what it
does not name is for training.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from anghabench import debian, suites
from anghabench.cbench import CBENCH
from anghabench.csmith import CSMITH, csmith_version
from anghabench.program import Dataset, compiled
from anghabench.store import Split
from anghabench.suites import EXAMPLES, POLYBENCH
from ir_tools.errors import BenchmarkError, OzoneError, one_line

# What configure scripts and build systems compile to see whether it compiles: no part of a program.
_PROBE = re.compile(
    r"conftest-|ztest\d|tmp\.\w{10}-|CMakeC|Check(Symbol|Function|Include)|testCCompiler|sanitycheckc-"
)
_MAGIC = b"BC\xc0\xde"
_HASH = re.compile(r"(-[0-9a-f]{8})?\.bc$")  # in the names that ozone-cc gives


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module of a source: where it is from, and what its bitcode is made from."""

    source: str
    project: str
    file: str
    licence: str
    split: Split
    content: bytes

    @property
    def key(self) -> str:
        """A hash of it all."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


class Source(Protocol):
    """Modules by the thousand. Raises BenchmarkError where it is not on this machine."""

    def modules(self) -> Iterator[Module]:
        """All modules, in any order."""

    def bitcode(self, module: Module) -> bytes:
        """Unoptimised bitcode of one of them. Raises OzoneError; see `reason`."""

    def versions(self) -> Mapping[str, str]:
        """What is known of the versions of its projects."""


def reason(error: OzoneError) -> str:
    """What an error shares with others of its kind: a message without names, places and numbers."""
    first = str(error).splitlines()[0]
    message = first.rpartition("error: ")[2] if "error: " in first else first.partition(": ")[2]
    return one_line(re.sub(r"'[^']*'", "'…'", re.sub(r"\b\d+\b", "…", message)) or first)


def split_of(project: str) -> Split:
    recipe = debian.recipes().get(project)
    return recipe.role if recipe else "train"


@dataclass(frozen=True)
class Harvest:
    """The bitcode that `ozone data harvest` keeps, or any build with `OZONE_HARVEST`.

    It lies in `folder/bitcode/PROJECT/*.bc`; of Debian's programs, their `.dsc` files beside it. A
    file's name has lost its folder there, and several may have one name.
    """

    folder: Path

    def modules(self) -> Iterator[Module]:
        for project in self.projects():
            recipe = debian.recipes().get(project.name)
            for path in sorted(project.glob("*.bc")):
                if not _PROBE.match(path.name):
                    yield Module(
                        source="debian" if recipe else "harvest",
                        project=project.name,
                        file=_HASH.sub("", path.name),
                        licence=recipe.licence if recipe else "unknown",
                        split=split_of(project.name),
                        content=path.read_bytes(),
                    )

    def projects(self) -> list[Path]:
        """Folders of complete harvests. Raises BenchmarkError where nothing was harvested."""
        folders = (path for path in (self.folder / "bitcode").glob("*") if path.is_dir())
        found = sorted(path for path in folders if path.suffix != ".partial")
        if not found:
            raise BenchmarkError(
                f"no bitcode in {self.folder}: run 'ozone data harvest {self.folder}' first"
            )
        return found

    def bitcode(self, module: Module) -> bytes:
        if not module.content.startswith(_MAGIC):  # LLVM would take it for text
            raise BenchmarkError("no bitcode")
        return module.content

    def versions(self) -> Mapping[str, str]:
        return {
            project.name: version
            for project in self.projects()
            if (version := debian.version(self.folder, project.name))
        }


@dataclass(frozen=True)
class CFiles:
    """C files that compile alone: AnghaBench, TSVC. A checkout, or a tar archive of one.

    A file's project is `project`, or the first folder of its path. An archive is read from end to
    end; its files are compiled without those beside them, as AnghaBench's can be.
    """

    name: str
    place: Path
    project: str = ""

    def modules(self) -> Iterator[Module]:
        for path, content in self._texts():
            project = self.project or path.partition("/")[0]
            yield Module(
                source=self.name,
                project=project,
                file=path,
                licence=f"that of {project}",
                split=split_of(project),
                content=content,
            )

    def _texts(self) -> Iterator[tuple[str, bytes]]:
        if not self.place.exists():
            raise BenchmarkError(f"{self.place} does not exist: let it be a checkout")
        if self.place.is_dir():
            for file in suites.files(self.place):
                yield str(file.relative_to(self.place)), file.read_bytes()
            return
        paths = {member: path for path, member in suites.archived(self.place).items()}
        with tarfile.open(self.place) as tar:
            for member in tar:
                if member.name in paths and (opened := tar.extractfile(member)):
                    yield f"{paths[member.name]}.c", opened.read()

    def bitcode(self, module: Module) -> bytes:
        if self.place.is_dir():
            return compiled(self.place / module.file)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, Path(module.file).name)
            source.write_bytes(module.content)
            return compiled(source)

    def versions(self) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True)
class Programs:
    """Benchmarks of a dataset: csmith's seeds, PolyBench, cBench, the examples.

    `made_from` changes when what the dataset makes of a path may have changed.
    """

    name: str
    dataset: Dataset
    made_from: str
    seeds: int | None = None  # so many of the first; None: all

    def modules(self) -> Iterator[Module]:
        for path in itertools.islice(self.dataset.paths(), self.seeds):
            yield Module(
                source=self.name,
                project=self.name,
                file=path,
                licence=self.dataset.licence,
                split=split_of(self.name),
                content=self.made_from.encode(),
            )

    def bitcode(self, module: Module) -> bytes:
        found = self.dataset.load(f"{self.dataset.name}/{module.file}", module.file)
        if found is None:
            raise BenchmarkError(f"{self.dataset.name}: no benchmark '{module.file}'")
        return found.bitcode

    def versions(self) -> Mapping[str, str]:
        return {self.name: self.made_from}


def csmith(seeds: int) -> Programs:
    """The programs of the first seeds. Raises ToolError where there is no csmith."""
    return Programs("csmith", CSMITH, csmith_version(), seeds)


def suite(name: str, dataset: Dataset, folder: Path) -> Programs:
    """A dataset that lies in a folder."""
    contents = hashlib.sha256()
    for file in sorted(folder.rglob("*.[ch]")):
        contents.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode())
        contents.update(file.read_bytes())
    return Programs(name, dataset, contents.hexdigest()[:16])


def chosen(
    harvests: Iterable[Path] = (),
    *,
    anghabench: Path | None = None,
    tsvc: Path | None = None,
    polybench: Path | None = None,
    cbench: Path | None = None,
    seeds: int | None = None,
    examples: bool = False,
) -> list[Source]:
    """The sources that somebody asks for. Raises OzoneError for what is not there.

    Datasets look for their folder in the environment, which is set for that.
    """
    found: list[Source] = [Harvest(folder) for folder in harvests]
    if anghabench is not None:
        found.append(CFiles("anghabench", anghabench))
    if tsvc is not None:
        found.append(CFiles("tsvc", tsvc, "tsvc"))
    for variable, name, dataset, folder in (
        ("OZONE_POLYBENCH", "polybench", POLYBENCH, polybench),
        ("OZONE_CBENCH", "cbench", CBENCH, cbench),
    ):
        if folder is not None:
            os.environ[variable] = str(folder)
            found.append(suite(name, dataset, suites.checkout(variable, f"a checkout of {name}")))
    if seeds is not None:
        found.append(csmith(seeds))
    if examples:
        found.append(suite("examples", EXAMPLES, suites.examples()))
    return found
