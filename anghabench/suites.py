"""Datasets that are folders of C: the examples, AnghaBench, PolyBench.

Where the two that are not Ozone's own lie is what `OZONE_ANGHABENCH` and `OZONE_POLYBENCH` say.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path

from anghabench.program import Benchmark, Command, Dataset, compiled, linked
from ir_tools.errors import BenchmarkError, one_line

_SUFFIX = ".c"
# A size that takes tenths of a second unoptimised. The arrays are printed, to have a result.
_POLYBENCH_FLAGS = ("-DMEDIUM_DATASET", "-DPOLYBENCH_DUMP_ARRAYS")


def checkout(variable: str, what: str) -> Path:
    """The path that an environment variable holds. Raises BenchmarkError where there is none."""
    value = os.environ.get(variable)
    if not value:
        raise BenchmarkError(f"{variable} is not set: let it be the path of {what}")
    path = Path(value)
    if not path.exists():
        raise BenchmarkError(f"{variable}={value} does not exist: let it be the path of {what}")
    return path


def inside(folder: Path, path: str) -> Path | None:
    """The file of that path if it exists in the folder, and not only by way of `..`."""
    file = folder / path
    if ".." in Path(path).parts or not file.is_file():
        return None
    return file


def files(folder: Path) -> Iterator[Path]:
    """The C files below a folder, sorted within each folder."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            yield from files(entry)
        elif entry.suffix == _SUFFIX:
            yield entry


# --- the examples ------------------------------------------------------------------------------


def examples() -> Path:
    """The folder of the programs that come with Ozone."""
    return Path(str(resources.files("anghabench").joinpath("examples")))


def _example_paths() -> Iterator[str]:
    return (file.stem for file in files(examples()))


def _example(uri: str, path: str) -> Benchmark | None:
    source = inside(examples(), path + _SUFFIX)
    return Benchmark(uri, compiled(source), Command()) if source else None


EXAMPLES = Dataset(
    "benchmark://examples-v0",
    "C programs that come with Ozone and check themselves",
    "Apache-2.0",
    _example_paths,
    _example,
)

# --- AnghaBench --------------------------------------------------------------------------------


def _anghabench_root() -> Path:
    return checkout("OZONE_ANGHABENCH", "a checkout of AnghaBench, or of a tar archive of it")


def _anghabench_paths() -> Iterator[str]:
    place = _anghabench_root()
    if place.is_file():
        return iter(archived(place))
    return (str(file.relative_to(place).with_suffix("")) for file in files(place))


def _anghabench(uri: str, path: str) -> Benchmark | None:
    place = _anghabench_root()
    path = path.removesuffix(_SUFFIX)
    if place.is_dir():
        source = inside(place, path + _SUFFIX)
        return Benchmark(uri, compiled(source), None) if source else None
    member = archived(place).get(path)
    return Benchmark(uri, _unpacked(place, member), None) if member else None


def archived(archive: Path) -> Mapping[str, str]:
    """The paths of the C files in an archive, without `.c`, and what it calls them.

    Raises BenchmarkError where it is no archive, or was cut off.
    """
    return _archived(archive, archive.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _archived(archive: Path, _changed: int) -> dict[str, str]:
    """The archive is read from end to end, once."""
    try:
        with tarfile.open(archive) as tar:
            names = [member.name for member in tar if member.isfile()]
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        what = one_line(str(error))
        raise BenchmarkError(f"{archive} is not a tar archive, or half of one: {what}") from error
    found = sorted(name for name in names if name.endswith(_SUFFIX))
    top = f"{found[0].split('/')[0]}/" if found else ""
    # An archive of a repository has one folder at its top, which is no part of the paths.
    common = len(top) if all(name.startswith(top) and name.count("/") > 1 for name in found) else 0
    return {name[common:].removesuffix(_SUFFIX): name for name in found}


def _unpacked(archive: Path, member: str) -> bytes:
    with tarfile.open(archive) as tar, tempfile.TemporaryDirectory() as folder:
        content = tar.extractfile(member)
        assert content is not None
        source = Path(folder, Path(member).name)
        source.write_bytes(content.read())
        return compiled(source)


ANGHABENCH = Dataset(
    "benchmark://anghabench-v1",
    "functions of C programs on GitHub, made to compile alone (da Silva et al., CGO 2021)",
    "that of the program that each is from",
    _anghabench_paths,
    _anghabench,
)

# --- PolyBench ---------------------------------------------------------------------------------


def _polybench_root() -> Path:
    return checkout("OZONE_POLYBENCH", "a checkout of PolyBench/C 4.2")


def _kernels() -> dict[str, Path]:
    found = (file for file in files(_polybench_root()) if file.stem == file.parent.name)
    return {file.stem: file for file in sorted(found, key=lambda file: file.stem)}


def _polybench_paths() -> Iterator[str]:
    return iter(_kernels())


def _polybench(uri: str, path: str) -> Benchmark | None:
    source = _kernels().get(path)
    if source is None:
        return None
    utilities = _polybench_root() / "utilities"
    flags = (f"-I{utilities}", *_POLYBENCH_FLAGS)
    return Benchmark(uri, linked((source, utilities / "polybench.c"), flags), Command())


POLYBENCH = Dataset(
    "benchmark://polybench-v4",
    "numerical kernels that print their results (Pouchet and Yuki), at medium size",
    "Ohio State University Software Distribution License",
    _polybench_paths,
    _polybench,
)
