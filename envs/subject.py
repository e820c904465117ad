"""The benchmark of an episode: what a URI names, or IR that the caller has."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envs.evaluation import Source

if TYPE_CHECKING:
    from anghabench.benchmarks import Benchmark

_MEMORY = 256  # benchmarks; making one may take a compiler


@dataclass(frozen=True, slots=True)
class Subject:
    """A benchmark's name and IR; `benchmark` is what its URI names, None for the caller's IR."""

    uri: str
    source: Source
    benchmark: Benchmark | None = None

    @property
    def as_benchmark(self) -> Benchmark:
        """What is run; the caller's IR has no `main` that we would know how to start."""
        from anghabench.program import Benchmark

        return self.benchmark or Benchmark(self.uri, self.source.data, None)


def find(wanted: str | Source) -> Subject:
    """The subject that a caller means. Raises UnknownBenchmarkError, and what else a URI may do
    wrong; see `anghabench.benchmarks.resolve`."""
    if isinstance(wanted, Source):
        return Subject(wanted.name, wanted)
    # The user's own files change between episodes.
    return _resolve(wanted) if wanted.startswith("file:") else _remembered(wanted)


def _resolve(uri: str) -> Subject:
    from anghabench.benchmarks import resolve

    benchmark = resolve(uri)
    return Subject(benchmark.uri, Source(benchmark.uri, benchmark.bitcode), benchmark)


_remembered = functools.lru_cache(_MEMORY)(_resolve)
