"""Sampling from a language model under a grammar: greedy, beam, nucleus and priority sampling.

All of them see the model through `LanguageModel`: a prompt is read once, and any number of branches
share what was computed for it. All of them obey a `Grammar`, which says what tokens may come next;
the others' probability is given to these. A sample ends with the grammar's end token, which is not
part of it.

Priority sampling (Grubisic, Cummins, Seeker, Leather: Priority Sampling of Large Language Models
for Compilers, 2024) is deterministic and never gives the same sample twice: each new sample follows
the most probable branch that none has taken yet, and is completed greedily. The first sample is the
greedy one. The probability of a branch is that of all its tokens, so that samples come in the order
of what the model holds for likely. Of all branches known, as many of the most probable ones as
samples are still wanted go on by a token at once: no other can be among the samples any more, and a
small model, which waits for its weights, takes as long for ten branches as for one.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.floating[Any]]
Tokens = tuple[int, ...]


class LanguageModel(Protocol):
    """What sampling needs of a model. States are the model's business, and are never changed."""

    def read(self, prompt: Sequence[int]) -> tuple[Any, Logits]:
        """The state after a prompt, and the logits of the next token, of shape (vocabulary,)."""
        ...

    def advance(self, states: Sequence[Any], tokens: Sequence[int]) -> tuple[list[Any], Logits]:
        """Each state after one more token, and logits of shape (states, vocabulary)."""
        ...


@dataclass(frozen=True)
class Grammar:
    """Which tokens may follow: any of `allowed` while there are fewer than `most`, then `end`.

    An empty sample is allowed unless `least` is greater.
    """

    allowed: Tokens
    end: int
    most: int
    least: int = 0

    def next(self, length: int) -> Tokens:
        """The tokens that may come after so many."""
        if length >= self.most:
            return (self.end,)
        return self.allowed if length < self.least else (*self.allowed, self.end)


@dataclass(frozen=True, slots=True)
class Sample:
    """Tokens without the end, and the logarithm of their probability, the end's included."""

    tokens: Tokens
    log_probability: float


@dataclass(frozen=True, slots=True)
class _Branch:
    """A beginning: its tokens, its log probability, and what may come next by log probability."""

    tokens: Tokens
    log_probability: float
    state: Any
    nexts: tuple[tuple[float, int], ...]  # most probable first; equal ones by token


def priority(
    model: LanguageModel, prompt: Sequence[int], grammar: Grammar, count: int
) -> list[Sample]:
    """At most `count` unique samples; fewer where the grammar has no more."""
    ways = list(map(_from, _offers(_begin(model, prompt, grammar), count)))
    samples = list[Sample]()
    while ways and len(samples) < count:
        ways = heapq.nsmallest(count - len(samples), ways, key=lambda way: way.order)
        if done := ways[0].sample:  # what is not known yet comes after what it goes on from
            samples.append(done)
            ways.pop(0)
            continue
        going = [way for way in ways if not way.sample]
        branches = _advance(model, grammar, [way.step for way in going])
        for way, branch in zip(going, branches, strict=True):
            if branch.nexts:
                way.step, *others = _offers(branch, count)
                ways += map(_from, others)
            else:
                way.sample = _sample(branch)
    return samples


def greedy(model: LanguageModel, prompt: Sequence[int], grammar: Grammar) -> Sample:
    """Always the most probable token; of equals the one with the smallest number."""
    return priority(model, prompt, grammar, 1)[0]


def beam(model: LanguageModel, prompt: Sequence[int], grammar: Grammar, count: int) -> list[Sample]:
    """Beam search of width `count`: the most probable ends that were found, best first."""
    branches, ended = [_begin(model, prompt, grammar)] if count else [], list[Sample]()
    while branches:
        offers = [offer for branch in branches for offer in _offers(branch, count)]
        best = _advance(model, grammar, heapq.nsmallest(count, offers))
        ended += [_sample(each) for each in best if not each.nexts]
        ended = sorted(ended, key=lambda each: (-each.log_probability, each.tokens))[:count]
        least = ended[-1].log_probability if len(ended) == count else -math.inf
        # What is longer is less probable.
        branches = [each for each in best if each.nexts and each.log_probability > least]
    return ended


def nucleus(
    model: LanguageModel,
    prompt: Sequence[int],
    grammar: Grammar,
    count: int,
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> list[Sample]:
    """`count` independent samples (Holtzman et al., ICLR 2020), perhaps the same again.

    With the default `top_p` it is plain temperature sampling.
    """
    rng = random.Random(seed)
    going = dict.fromkeys(range(count), _begin(model, prompt, grammar))
    samples: dict[int, Sample] = {}
    while going:
        drawn = [_drawn(rng, branch, temperature, top_p) for branch in going.values()]
        advanced = dict(zip(going, _advance(model, grammar, drawn), strict=True))
        going = {place: branch for place, branch in advanced.items() if branch.nexts}
        samples |= {at: _sample(each) for at, each in advanced.items() if not each.nexts}
    return [samples[place] for place in range(count)]


class _Offer(NamedTuple):
    """A branch that no sample has taken: the last of `tokens`, after `parent`."""

    cost: float  # minus the log probability
    tokens: Tokens
    parent: _Branch


@dataclass(slots=True)
class _Way:
    """A branch that no sample has taken, followed greedily: where it began, the step that is to be
    taken next, and in the end its sample."""

    order: tuple[float, Tokens]
    step: _Offer
    sample: Sample | None = None


def _from(offer: _Offer) -> _Way:
    return _Way((offer.cost, offer.tokens), offer)


def _sample(ended: _Branch) -> Sample:
    return Sample(ended.tokens[:-1], ended.log_probability)


def _offers(branch: _Branch, most: int) -> list[_Offer]:
    """The most probable ways to go on, best first."""
    return [
        _Offer(-(branch.log_probability + log), (*branch.tokens, token), branch)
        for log, token in branch.nexts[:most]
    ]


def _begin(model: LanguageModel, prompt: Sequence[int], grammar: Grammar) -> _Branch:
    state, logits = model.read(prompt)
    return _Branch((), 0.0, state, _ranked(logits, grammar.next(0)))


def _advance(model: LanguageModel, grammar: Grammar, offers: Sequence[_Offer]) -> list[_Branch]:
    """The branches of the offers; what has ended has nothing to come next."""
    going = [offer for offer in offers if offer.tokens[-1] != grammar.end]
    known: dict[Tokens, tuple[Any, Logits]] = {}
    if going:
        states, logits = model.advance(
            [offer.parent.state for offer in going], [offer.tokens[-1] for offer in going]
        )
        pairs = zip(states, logits, strict=True)
        known = {each.tokens: pair for each, pair in zip(going, pairs, strict=True)}
    branches = []
    for cost, tokens, _ in offers:
        state, row = known.get(tokens, (None, None))
        nexts = () if row is None else _ranked(row, grammar.next(len(tokens)))
        branches.append(_Branch(tokens, -cost, state, nexts))
    return branches


def _ranked(logits: Logits, allowed: Tokens) -> tuple[tuple[float, int], ...]:
    """(log probability, token) of the allowed tokens, the most probable one first."""
    tokens = np.array(allowed)
    chosen = np.asarray(logits, np.float64)[tokens]
    logs = chosen - chosen.max()
    logs -= math.log(np.exp(logs).sum())
    order = np.lexsort((tokens, -logs))
    return tuple(zip(logs[order].tolist(), tokens[order].tolist(), strict=True))


def _drawn(rng: random.Random, branch: _Branch, temperature: float, top_p: float) -> _Offer:
    """One way to go on, among the most probable ones that together have `top_p`."""
    offers = _offers(branch, len(branch.nexts))
    weights = [math.exp((offers[0].cost - offer.cost) / temperature) for offer in offers]
    total, kept, mass = sum(weights), 0, 0.0
    while kept < len(weights) and mass < top_p * total:
        mass += weights[kept]
        kept += 1
    return rng.choices(offers[:kept], weights[:kept])[0]
