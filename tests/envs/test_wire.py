"""Frames survive the pipe, and a writer that dies in the middle of one is noticed."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs import wire
from envs.evaluation import Evaluation, Failure, Source, Status
from ir_tools.errors import ParseError
from ir_tools.plan import Plan

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def sent(*messages: Any) -> list[Any]:
    """What a reader gets, while a thread writes: frames may be larger than a pipe's buffer."""
    reader, writer = os.pipe()
    thread = threading.Thread(target=lambda: [wire.write(writer, each) for each in messages])
    thread.start()
    received = [wire.read(reader) for _ in messages]
    thread.join()
    os.close(reader)
    os.close(writer)
    return received


@settings(max_examples=50)
@given(st.lists(VALUES, max_size=5))
def test_messages_arrive_unchanged_and_in_order(messages: list[Any]) -> None:
    assert sent(*messages) == messages


def test_the_values_that_really_travel_arrive_equal() -> None:
    failure = Failure("f", Status.CRASH, "SIGSEGV")
    values = [
        Evaluation(Status.OK, functions={"f": (1, 2)}, failures=(failure,), wall_s=1.0),
        Source("a\udcff.ll", b"\0" * (3 << 20)),
        Plan(inline=("a",), functions=(("f", "sroa"),)),
    ]
    assert sent(*values) == values
    (error,) = sent(ParseError("line 1: no"))
    assert (type(error), str(error)) == (ParseError, "line 1: no")


def test_a_writer_that_is_gone_is_the_end_wherever_it_stopped() -> None:
    frame = wire.encode({"key": b"value" * 10})
    for length in range(len(frame)):
        reader, writer = os.pipe()
        os.write(writer, frame[:length])
        os.close(writer)
        with pytest.raises(EOFError):
            wire.read(reader)
        os.close(reader)


def test_noise_in_the_place_of_a_length_is_the_end_and_not_a_huge_allocation(
    pipe: tuple[int, int],
) -> None:
    reader, writer = pipe
    os.write(writer, b"LLVM ERROR: out of memory")
    with pytest.raises(EOFError, match="garbled"):
        wire.read(reader)


def test_a_frame_that_came_in_pieces_is_read_whole(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    frame = wire.encode(["several", "pieces"])
    thread = threading.Thread(
        target=lambda: [os.write(writer, frame[i : i + 1]) for i in range(len(frame))]
    )
    thread.start()
    assert wire.read(reader) == ["several", "pieces"]
    thread.join()


def test_writing_to_a_reader_that_is_gone_is_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        wire.write(writer, "hello")
    os.close(writer)


def test_a_frame_is_a_length_and_a_body() -> None:
    frame = wire.encode(7)
    assert struct.unpack("!Q", frame[:8]) == (len(frame) - 8,)


NAMES = st.binary(max_size=40).map(
    lambda name: name.replace(b"\0", b"").decode(errors="surrogateescape")
)


@settings(max_examples=50)
@given(st.integers(0, 99), st.none() | NAMES, st.binary(max_size=99))
def test_a_note_is_read_back_whatever_was_printed_after_it(
    done: int, function: str | None, printed: bytes
) -> None:
    note = wire.encode_note(done, function)
    before = wire.encode_note(7, "a longer note from before")
    stderr = (note + before[len(note) :]).ljust(wire.NOTE_BYTES, b"\0") + printed
    assert wire.decode_note(stderr) == (done, function, printed.decode(errors="replace"))


def test_a_name_too_long_for_a_note_is_an_unknown_one_and_no_note_blames_nobody() -> None:
    note = wire.encode_note(3, "f" * wire.NOTE_BYTES)
    assert wire.decode_note(note) == (3, "", "")
    traceback = "Traceback (most recent call last):\nMemoryError"
    assert wire.decode_note(traceback.encode()) == (0, None, traceback)
    assert wire.decode_note(b"") == (0, None, "")
