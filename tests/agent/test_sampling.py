"""`agent.sampling`, on toy models whose whole tree is known."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sampling import Grammar, Logits, Sample, beam, greedy, nucleus, priority

END = 0
SIZE = 6
PROMPT = (1, 2, 3)
LAW = settings(derandomize=True, deadline=None)


class ScriptedModel:
    """A model with fixed, seeded logits for every beginning; its state is that beginning."""

    def __init__(self, seed: int = 0, sharpness: float = 2.0) -> None:
        self.seed, self.sharpness = seed, sharpness
        self.calls: list[int] = []  # of `advance`, how many states each had

    def logits(self, tokens: Sequence[int]) -> Logits:
        rng = random.Random(f"{self.seed} {tuple(tokens)}")
        return np.array([rng.gauss(0, self.sharpness) for _ in range(SIZE)])

    def read(self, prompt: Sequence[int]) -> tuple[Any, Logits]:
        assert tuple(prompt) == PROMPT
        return (), self.logits(())

    def advance(self, states: Sequence[Any], tokens: Sequence[int]) -> tuple[list[Any], Logits]:
        self.calls.append(len(states))
        longer = [(*state, token) for state, token in zip(states, tokens, strict=True)]
        return longer, np.stack([self.logits(each) for each in longer])


grammars = st.builds(
    lambda allowed, most, least: Grammar(tuple(sorted(allowed)), END, most, min(least, most)),
    st.sets(st.integers(1, SIZE - 1), min_size=1),
    st.integers(1, 3),
    st.integers(0, 2),
)
models = st.builds(ScriptedModel, st.integers(0, 10**6))


def every_sample(model: ScriptedModel, grammar: Grammar) -> list[Sample]:
    """All that the grammar allows, the most probable one first."""
    samples = []
    for length in range(grammar.least, grammar.most + 1):
        for tokens in itertools.product(grammar.allowed, repeat=length):
            way = zip(range(length + 1), (*tokens, END), strict=True)
            log = sum(log_of(model, grammar, tokens[:at], token) for at, token in way)
            samples.append(Sample(tokens, log))
    return sorted(samples, key=lambda each: -each.log_probability)


def log_of(model: ScriptedModel, grammar: Grammar, before: Sequence[int], token: int) -> float:
    logits, allowed = model.logits(before), grammar.next(len(before))
    return float(logits[token] - math.log(sum(math.exp(logits[each]) for each in allowed)))


@LAW
@given(models, grammars, st.integers(1, 12))
def test_the_first_sample_is_greedy(model: ScriptedModel, grammar: Grammar, count: int) -> None:
    tokens: tuple[int, ...] = ()
    while True:
        logits = model.logits(tokens)
        best = max(grammar.next(len(tokens)), key=lambda each: logits[each])
        if best == END:
            break
        tokens += (best,)
    assert priority(model, PROMPT, grammar, count)[0].tokens == tokens
    assert greedy(model, PROMPT, grammar).tokens == tokens


@LAW
@given(models, grammars, st.integers(1, 40))
def test_samples_are_unique_legal_and_as_many_as_there_are(
    model: ScriptedModel, grammar: Grammar, count: int
) -> None:
    samples = priority(model, PROMPT, grammar, count)
    every = {each.tokens: each.log_probability for each in every_sample(model, grammar)}
    assert len(samples) == len({each.tokens for each in samples}) == min(count, len(every))
    for each in samples:
        assert each.log_probability == pytest.approx(every[each.tokens])


@LAW
@given(models, grammars, st.integers(2, 20))
def test_each_sample_follows_the_most_probable_branch_that_none_has_taken(
    model: ScriptedModel, grammar: Grammar, count: int
) -> None:
    """The definition, one sample at a time and without any sharing."""
    taken: list[tuple[int, ...]] = []
    for sample in priority(model, PROMPT, grammar, count):
        prefixes = {way[:at] for way in taken for at in range(len(way))}
        branches = {
            (*prefix, token): prefix_log(model, grammar, (*prefix, token))
            for prefix in prefixes
            for token in grammar.next(len(prefix))
            if not any(way[: len(prefix) + 1] == (*prefix, token) for way in taken)
        }
        way = (*sample.tokens, END)
        if taken:
            best = max(branches.values())
            chosen = next(branch for branch in branches if way[: len(branch)] == branch)
            assert branches[chosen] == pytest.approx(best)
        taken.append(way)


def prefix_log(model: ScriptedModel, grammar: Grammar, tokens: Sequence[int]) -> float:
    return sum(log_of(model, grammar, tokens[:at], tokens[at]) for at in range(len(tokens)))


@LAW
@given(models, grammars, st.integers(2, 10))
def test_fewer_samples_are_the_first_of_more(
    model: ScriptedModel, grammar: Grammar, count: int
) -> None:
    more = priority(model, PROMPT, grammar, count)
    assert priority(model, PROMPT, grammar, count - 1) == more[: count - 1]


def test_pending_branches_are_completed_side_by_side() -> None:
    model = ScriptedModel()
    grammar = Grammar((1, 2, 3, 4, 5), END, most=6, least=6)
    samples = priority(model, PROMPT, grammar, 10)
    assert len(samples) == 10
    assert len(model.calls) < 10 * 6 / 2  # one by one they are sixty


@LAW
@given(models, grammars)
def test_a_wide_beam_finds_the_most_probable_samples(
    model: ScriptedModel, grammar: Grammar
) -> None:
    every = every_sample(model, grammar)
    found = beam(model, PROMPT, grammar, len(every))
    assert [each.tokens for each in found] == [each.tokens for each in every]


@pytest.mark.parametrize("sampler", [priority, beam, nucleus])
def test_who_asks_for_nothing_gets_nothing(
    sampler: Callable[[ScriptedModel, Sequence[int], Grammar, int], list[Sample]],
) -> None:
    assert sampler(ScriptedModel(), PROMPT, Grammar((1, 2), END, most=3), 0) == []


@LAW
@given(models, grammars, st.integers(1, 8), st.floats(0.2, 2), st.floats(0.1, 1))
def test_nucleus_samples_are_legal(
    model: ScriptedModel, grammar: Grammar, count: int, temperature: float, top_p: float
) -> None:
    every = {each.tokens: each.log_probability for each in every_sample(model, grammar)}
    samples = nucleus(model, PROMPT, grammar, count, temperature=temperature, top_p=top_p)
    assert len(samples) == count
    for each in samples:
        assert each.log_probability == pytest.approx(every[each.tokens])


def test_samples_at_temperature_one_come_as_often_as_they_are_probable() -> None:
    model, grammar = ScriptedModel(), Grammar((1, 2), END, most=2)
    drawn = [each.tokens for each in nucleus(model, PROMPT, grammar, 20_000)]
    for each in every_sample(model, grammar):
        share = drawn.count(each.tokens) / len(drawn)
        assert share == pytest.approx(math.exp(each.log_probability), abs=0.02)


def test_a_tiny_nucleus_is_greedy() -> None:
    model, grammar = ScriptedModel(), Grammar((1, 2, 3), END, most=4)
    (sample,) = {each.tokens for each in nucleus(model, PROMPT, grammar, 20, top_p=1e-9)}
    assert sample == greedy(model, PROMPT, grammar).tokens
