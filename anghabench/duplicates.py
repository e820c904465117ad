"""Which functions of a corpus to keep: each once, and none in training that is like a held-out one.

Two functions are equal when their canonical IR is, and near duplicates when the Jaccard similarity
of their shingles (see `anghabench.functions`) is at least `SIMILAR`. Candidates for that come from
MinHash and locality-sensitive hashing, of `PERMUTATIONS` in `BANDS` bands, and are then compared
exactly: what is called similar is, and one pair in 6,000 is missed at the threshold, fewer above.

Near duplicates are not transitive. So training is compared with every held-out function, also with
those that are left out because the held-out split has one like them already.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anghabench.store import Split
from ir_tools.errors import StoreError

if TYPE_CHECKING:
    import numpy
    import numpy.typing
    from datasketch import MinHash

    Hashes = numpy.typing.NDArray[numpy.uint32]

SIMILAR = 0.7
PERMUTATIONS, BANDS = 128, 32
_SEED = 1
_SCHEME = "affine32"  # of datasketch's permutations: named, so that no default changes a corpus


class Removal(enum.StrEnum):
    """Why a function is not kept."""

    EXACT = "equal to another function"
    NEAR = "like another function"
    LEAK = "like a held-out function"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is compared of a function."""

    id: str
    split: Split
    shingles: bytes


class Filter:
    """Decides on candidates one by one; the first of several that are alike is kept."""

    def __init__(self) -> None:
        self._ids: dict[str, Split] = {}
        self._held_out, self._kept = _Index(), _Index()

    def removal(self, candidate: Candidate) -> Removal | None:
        """Why this one is to go; None when it is kept. Held-out ones have to come first."""
        training = candidate.split == "train"
        if candidate.id in self._ids:
            leaks = training and self._ids[candidate.id] == "held-out"
            return Removal.LEAK if leaks else Removal.EXACT
        self._ids[candidate.id] = candidate.split
        hashes = _hashes(candidate.shingles)
        sketch = _sketch(hashes)
        if training and self._held_out.has_like(hashes, sketch):
            return Removal.LEAK
        if not training:
            self._held_out.add(hashes, sketch)
        if self._kept.has_like(hashes, sketch):
            return Removal.NEAR
        self._kept.add(hashes, sketch)
        return None


class _Index:
    """Sets of hashes, to be found by one that is similar."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        rows = PERMUTATIONS // BANDS
        self._buckets = MinHashLSH(params=(BANDS, rows), num_perm=PERMUTATIONS)
        self._sets: list[Hashes] = []

    def add(self, hashes: Hashes, sketch: MinHash) -> None:
        self._buckets.insert(len(self._sets), sketch)
        self._sets.append(hashes)

    def has_like(self, hashes: Hashes, sketch: MinHash) -> bool:
        near = self._buckets.query(sketch)
        return any(_jaccard(hashes, self._sets[index]) >= SIMILAR for index in near)


def similarity(first: bytes, second: bytes) -> float:
    """The Jaccard similarity of two functions' shingles."""
    return _jaccard(_hashes(first), _hashes(second))


def _jaccard(first: Hashes, second: Hashes) -> float:
    import numpy

    common = numpy.intersect1d(first, second, assume_unique=True).size
    return float(common / (first.size + second.size - common))


def _hashes(shingles: bytes) -> Hashes:
    import numpy

    return numpy.frombuffer(shingles, dtype=numpy.uint32)


def _sketch(hashes: Hashes) -> MinHash:
    sketch = _empty_sketch().copy()
    sketch.update_batch(hashes.tolist())
    return sketch


@functools.cache
def _empty_sketch() -> MinHash:
    """The permutations are drawn once."""
    try:
        from datasketch import MinHash
    except ImportError as error:
        raise StoreError("a corpus needs datasketch: run \"pip install '.[data]'\"") from error
    return MinHash(PERMUTATIONS, seed=_SEED, scheme=_SCHEME, hashfunc=int)
