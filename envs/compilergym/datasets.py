"""Ozone's datasets as CompilerGym's: every URI of `anghabench.benchmarks` works, as does the rest.

CompilerGym reads a URI's query as forms do: in `?cflags=…`, a plus sign stands for a space and is
itself written `%2B`.
"""

from __future__ import annotations

import contextlib
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from compiler_gym.datasets import Benchmark, BenchmarkUri, Dataset, Datasets
from compiler_gym.errors import BenchmarkInitError, ValidationError
from compiler_gym.service.proto import Benchmark as BenchmarkMessage
from compiler_gym.service.proto import File

import anghabench.benchmarks
import anghabench.program
from ir_tools.errors import BenchmarkError, OzoneError, UnknownBenchmarkError

_ONES_OWN = "benchmark://user-v0/"  # what CompilerGym's command line calls a file


class BenchmarkFailure(BenchmarkError, BenchmarkInitError):
    """A benchmark that is at fault, as Ozone and as CompilerGym call it."""


class UnknownBenchmark(UnknownBenchmarkError, LookupError):
    """A URI that names no benchmark, as Ozone and as CompilerGym call it."""


def resolve(uri: BenchmarkUri) -> Benchmark:
    """The benchmark of a URI. Raises UnknownBenchmark, BenchmarkFailure."""
    query = urllib.parse.urlencode(uri.params, doseq=True, quote_via=urllib.parse.quote)
    parts = (uri.scheme, uri.dataset, uri.path, query, uri.fragment)
    try:
        found = anghabench.benchmarks.resolve(urllib.parse.urlunsplit(parts))
    except UnknownBenchmarkError as error:
        raise UnknownBenchmark(str(error)) from error
    except OzoneError as error:
        raise BenchmarkFailure(str(error)) from error
    message = BenchmarkMessage(uri=str(uri), program=File(contents=found.bitcode))
    return OzoneBenchmark(message, [Semantics(found)])


def as_ours(benchmark: Benchmark) -> Benchmark:
    """A file that CompilerGym's command line has read as it is, compiled; any other as it is."""
    name = benchmark.proto.uri
    if not name.startswith(_ONES_OWN):
        return benchmark
    path = Path(name.removeprefix(_ONES_OWN)).resolve()
    return resolve(BenchmarkUri.from_string(path.as_uri()))


class Semantics:
    """Does an environment's program mean what the benchmark does? Programs are run, for others the
    judges are asked; CompilerGym knows it as a validation callback."""

    def __init__(self, benchmark: anghabench.program.Benchmark) -> None:
        self._benchmark = benchmark

    def __call__(self, env: Any) -> list[ValidationError]:
        problem = self._run(env) if self._benchmark.run else env.refutation()
        return [ValidationError(type="Semantics", data={"difference": problem})] if problem else []

    def _run(self, env: Any) -> str | None:
        bitcode = env.observation["Bitcode"].tobytes()
        return anghabench.benchmarks.validate(self._benchmark, bitcode)


class OzoneBenchmark(Benchmark):
    """A benchmark of ours."""

    def ivalidate(self, env: Any) -> Iterator[ValidationError]:
        """As CompilerGym's, but in this thread: its pool's threads validate states, and wait for
        ever where each of them asks the same pool for this."""
        for callback in self.validation_callbacks():
            yield from callback(env)


class OzoneDataset(Dataset):
    """A dataset; one that is not on this machine has no benchmarks to list."""

    def __init__(self, dataset: anghabench.program.Dataset) -> None:
        super().__init__(
            dataset.name, dataset.description, license=dataset.licence, validatable="Yes"
        )
        self._dataset = dataset

    @property
    def size(self) -> int:
        """How many benchmarks there are; zero for none, and where there is no end of them."""
        try:
            return self._dataset.count()
        except BenchmarkError:
            return 0

    def benchmark_uris(self) -> Iterator[str]:
        with contextlib.suppress(BenchmarkError):
            yield from self._dataset.uris()

    def benchmark_from_parsed_uri(self, uri: BenchmarkUri) -> Benchmark:
        return resolve(uri)


class OzoneDatasets(Datasets):
    """Ozone's datasets, and whatever a user adds to them."""

    def __init__(self, more: Iterable[Dataset] = ()) -> None:
        ours = map(OzoneDataset, anghabench.benchmarks.datasets().values())
        super().__init__([*ours, *more])
        self._theirs = {dataset.name for dataset in more}

    def __setitem__(self, key: str, dataset: Dataset) -> None:
        super().__setitem__(key, dataset)
        self._theirs.add(dataset.name)

    def benchmark_from_parsed_uri(self, uri: BenchmarkUri) -> Benchmark:
        is_theirs = f"{uri.scheme}://{uri.dataset}" in self._theirs or uri.scheme == "proto"
        return super().benchmark_from_parsed_uri(uri) if is_theirs else resolve(uri)
