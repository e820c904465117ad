"""`agent.lm.data`: rows hold every example once, and each branch sees its prompt and itself."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lm import data
from agent.lm.data import Branch, Example, Examples, Parts, Ragged, Row, packed
from agent.lm.tokenizer import Marker, Vocabulary
from ir_tools.errors import ModelError

LENGTH, PAD = 24, 0

tokens = st.lists(st.integers(1, 99), min_size=2, max_size=12)
examples = st.builds(
    lambda prompt, others: Example(
        Branch(prompt, [0.5] * (len(prompt) - 1)),
        tuple(Branch([prompt[-1], *each], [1.0] * len(each)) for each in others),
    ),
    tokens,
    st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=6), max_size=3),
)


def branches(row: Row) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """For each branch of each example in a row: what it reads after its prompt, and learns."""
    found = []
    for number in range(row.examples.max(initial=-1) + 1):
        of_it = row.examples == number
        prompt = of_it & (row.branches == 0)
        assert row.positions[prompt].tolist() == list(range(prompt.sum()))
        for branch in range(row.branches[of_it].max() + 1):
            here = of_it & (row.branches == branch)
            begins = 0 if branch == 0 else int(prompt.sum())
            assert row.positions[here].tolist() == list(range(begins, begins + here.sum()))
            found.append((tuple(row.tokens[here].tolist()), tuple(row.targets[here].tolist())))
    return found


@given(each=st.lists(examples, max_size=30))
def test_rows_have_every_branch_once(each: list[Example]) -> None:
    rows = list(packed(each, LENGTH, PAD))
    whole = [data.fitting(example, LENGTH) for example in each]
    wanted = Counter(
        (tuple(branch.tokens[:-1]), tuple(branch.tokens[1:]))
        for example in whole
        for branch in (example.prompt, *example.branches)
    )
    assert Counter(pair for row in rows for pair in branches(row)) == wanted
    for row in rows:
        assert len(row.tokens) == LENGTH
        assert not row.weights[row.examples < 0].any()


@given(example=examples)
def test_what_does_not_fit_loses_branches_from_its_end(example: Example) -> None:
    short = data.fitting(example, 10)
    assert len(short) <= 10
    kept = iter(example.branches)
    assert all(any(branch == each for each in kept) for branch in short.branches)
    if len(example) <= 10:
        assert short == example


@pytest.fixture
def few() -> Examples:
    return Examples(
        code=Ragged.of([[5, 6, 7], [8, 9], [5, 9, 9, 9]]),
        validation=np.array([False, True, False]),
        optimised=Ragged.of([[3, 4], [], []]),
        owners=np.array([0, 0, 1], np.int32),
        answers=Ragged.of([[1, 30, 2, 40, 41], [1, 31, 31, 2, 40, 41], [1, 2, 40, 41]]),
        weights=np.array([0.75, 0.25, 1], np.float32),
    )


def test_examples_come_back_from_their_file_and_a_damaged_one_is_refused(
    few: Examples, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "tokens.npz"
    with pytest.raises(ModelError, match="make it with 'ozone train prepare'"):
        Examples.read(path)
    path.parent.mkdir()
    few.write(path)
    again = Examples.read(path)
    assert [again.code[n] for n in range(3)] == [few.code[n] for n in range(3)]
    assert [again.answers[n] for n in range(3)] == [few.answers[n] for n in range(3)]
    assert again.weights.tolist() == few.weights.tolist()
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ModelError, match="is damaged"):
        Examples.read(path)


class Marks(Vocabulary):
    """Markers alone: 1 and 2 begin and end an answer."""

    def __init__(self) -> None:
        numbers = iter(range(60, 90))
        self._markers = {each: next(numbers) for each in Marker}
        self._markers |= {Marker.SMALLER: 1, Marker.END: 2, Marker.PAD: PAD}


def test_answers_follow_the_prompt_with_their_own_weights(few: Examples) -> None:
    parts = Parts(code=0.5, passes=1.0, sizes=0.25, optimised=0.125, share=1.0)
    (found,) = data.answered(few, Marks(), parts, random.Random(0), validation=False)
    assert found.prompt == Branch([5, 6, 7], [0.5, 0.5])
    first, second = found.branches
    # Nothing is to be learnt of which objective is asked for; then passes and the end, then sizes.
    weights = [0, 0.75, 0.75, 0.1875, 0.1875, 0.125, 0.125]
    assert first == Branch([7, 1, 30, 2, 40, 41, 3, 4], weights)
    assert second.weights == [0, 0.25, 0.25, 0.25, 0.0625, 0.0625]
    (other,) = data.answered(few, Marks(), parts, random.Random(0), validation=True)
    assert other.prompt.tokens == [8, 9]


def test_an_epoch_has_a_share_of_what_nothing_improves_and_of_optimised_ir(few: Examples) -> None:
    marks, count = Marks(), 400
    nothing = marks.marker(Marker.OZ)
    answers = Ragged.of([[1, 30, 2], [1, 31, 2], [1, nothing, 2]])
    unimproved = dataclasses.replace(few, answers=answers, validation=np.zeros(3, bool))
    parts, drawn = data.Parts(share=0.25), list[Example]()
    for seed in range(count):
        drawn += data.answered(unimproved, marks, parts, random.Random(seed), validation=False)
    optimised = [one for one in drawn if 3 in one.branches[0].tokens]
    without_gain = [one for one in drawn if nothing in one.branches[0].tokens]
    assert len(drawn) - len(without_gain) == count
    assert len(without_gain) == pytest.approx(count / 4, rel=0.3)
    assert len(optimised) == pytest.approx(count / 4, rel=0.3)
    # What is compared with must not be a matter of chance.
    validation = dataclasses.replace(unimproved, validation=np.ones(3, bool))
    kept = list(data.answered(validation, marks, parts, random.Random(0), validation=True))
    assert len(kept) == 2
    assert any(3 in one.branches[0].tokens for one in kept)


def test_documents_are_whole_or_with_their_middle_at_the_end(few: Examples) -> None:
    marks, seen = Marks(), set()
    prefix, suffix, middle = map(marks.marker, (Marker.PREFIX, Marker.SUFFIX, Marker.MIDDLE))
    for seed in range(30):
        for document in data.documents(few, marks, random.Random(seed), validation=False):
            read = list(document.prompt.tokens)
            if read[0] == prefix:
                cut, end = read.index(suffix), read.index(middle)
                assert read[-1] == marks.marker(Marker.END), "a middle ends, too"
                read = [*read[1:cut], *read[end + 1 : -1], *read[cut + 1 : end], read[-1]]
            seen.add((tuple(read), read == document.prompt.tokens))
    whole = {(5, 6, 7, 2), (5, 9, 9, 9, 2)}
    assert seen == {(text, moved) for text in whole for moved in (True, False)}
