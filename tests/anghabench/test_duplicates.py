"""Each function once, and nothing in training that is like a held-out one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from anghabench.duplicates import SIMILAR, Candidate, Filter, Removal, similarity
from anghabench.store import Split


def candidate(name: str, hashes: Sequence[int], split: Split = "train") -> Candidate:
    return Candidate(name, split, numpy.unique(numpy.array(hashes, dtype=numpy.uint32)).tobytes())


def removals(*candidates: Candidate) -> list[Removal | None]:
    decide = Filter()
    return [decide.removal(one) for one in candidates]


def test_a_function_is_kept_once() -> None:
    one, same = candidate("a", range(20)), candidate("a", range(20))
    assert removals(one, same) == [None, Removal.EXACT]


def test_near_is_as_much_in_common_as_the_threshold() -> None:
    """Of 17 and 17 hashes, 14 in common are 14 of 20: exactly the threshold; 13 are less."""
    one = candidate("a", range(17))
    at, below = candidate("b", range(3, 20)), candidate("c", range(4, 21))
    assert similarity(one.shingles, at.shingles) == SIMILAR
    assert removals(one, at) == [None, Removal.NEAR]
    assert removals(one, below) == [None, None]


def test_training_leaks_neither_equal_nor_similar_functions() -> None:
    held = candidate("a", range(100), "held-out")
    equal, similar = candidate("a", range(100)), candidate("b", range(3, 100))
    other = candidate("c", range(100, 200))
    assert removals(held, equal, similar, other) == [None, Removal.LEAK, Removal.LEAK, None]


def test_training_is_compared_with_held_out_functions_that_were_not_kept() -> None:
    """Near duplicates are not transitive: c is like b, which is like a, and c is not like a."""
    a, b = (candidate(n, range(i, i + 100), "held-out") for n, i in (("a", 0), ("b", 15)))
    c = candidate("c", range(30, 130))
    assert similarity(a.shingles, c.shingles) < SIMILAR
    assert removals(a, b, c) == [None, Removal.NEAR, Removal.LEAK]
    assert removals(a, c) == [None, None]


def mutated(rng: random.Random, hashes: list[int]) -> list[int]:
    share = rng.random() * 0.4
    return [rng.getrandbits(32) if rng.random() < share else each for each in hashes]


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_no_two_that_are_kept_are_alike(seed: int) -> None:
    rng = random.Random(seed)
    families = [[rng.getrandbits(32) for _ in range(rng.randint(1, 60))] for _ in range(5)]
    hashes = [mutated(rng, rng.choice(families)) for _ in range(40)]
    held = [candidate(f"h{n}", each, "held-out") for n, each in enumerate(hashes[:20])]
    training = [candidate(f"t{n}", each) for n, each in enumerate(hashes[20:])]
    decided = list(zip([*held, *training], removals(*held, *training), strict=True))
    kept = [one for one, removal in decided if removal is None]
    for one, other in itertools.combinations(kept, 2):
        assert similarity(one.shingles, other.shingles) < SIMILAR
    for one in training:
        like = any(similarity(one.shingles, other.shingles) >= SIMILAR for other in held)
        assert (dict(decided)[one] is Removal.LEAK) == like


def test_the_same_candidates_give_the_same_corpus() -> None:
    rng = random.Random(3)
    hashes = [rng.getrandbits(32) for _ in range(50)]
    candidates = [candidate(str(n), mutated(rng, hashes)) for n in range(60)]
    assert removals(*candidates) == removals(*candidates)
