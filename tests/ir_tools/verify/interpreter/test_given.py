"""Memory that is invented: into the middle of blocks, and into one block from several places."""

from __future__ import annotations

import itertools
import random

import pytest

from ir_tools.llvm import Context
from ir_tools.verify.interpreter.given import fill
from ir_tools.verify.interpreter.inputs import inputs
from ir_tools.verify.interpreter.interpreter import Status, run
from ir_tools.verify.reader import read_module

PROGRAMS = {
    "an element before a pointer": """
define i32 @f(ptr %state) {
  %top = load ptr, ptr %state
  %last = getelementptr inbounds i32, ptr %top, i64 -4
  %v = load i32, ptr %last
  ret i32 %v
}""",
    "the distance of two pointers into one stack": """
define i64 @f(ptr %state) {
  %top = load ptr, ptr %state
  %next = getelementptr inbounds i8, ptr %state, i64 8
  %end = load ptr, ptr %next
  %a = ptrtoint ptr %top to i64
  %b = ptrtoint ptr %end to i64
  %d = sub i64 %b, %a
  %n = sdiv exact i64 %d, 16
  %more = icmp sgt i64 %n, 0
  %few = icmp slt i64 %n, 64
  %c = and i1 %more, %few
  br i1 %c, label %yes, label %no
yes:
  %bound = getelementptr inbounds i8, ptr %top, i64 %d
  %v = load i64, ptr %bound
  ret i64 %v
no:
  unreachable
}""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_inputs_lead_there(name: str) -> None:
    with Context() as context, context.parse(PROGRAMS[name]) as module:
        reading = read_module(module)
    made = itertools.islice(inputs(reading, "f", 0), 64)
    ended = [run(reading, "f", given).status is Status.RETURNED for given in made]
    assert sum(ended) >= 8


WRITTEN = """
declare void @fill(ptr)
define i32 @f(ptr %p) {
  call void @fill(ptr %p)
  %q = load ptr, ptr %p
  %v = load i32, ptr %q
  ret i32 %v
}
define i64 @g(ptr %p) {
  call void @fill(ptr %p)
  %q = load i64, ptr %p
  ret i64 %q
}"""


def test_a_pointer_that_a_call_wrote_is_in_memory_however_it_is_loaded() -> None:
    with Context() as context, context.parse(WRITTEN) as module:
        reading = read_module(module)
    linked = 0
    for given in itertools.islice(inputs(reading, "f", 0), 32):
        run(reading, "f", given)
        link = given.links.get(("fill#0.0", 0))
        if link is not None and link.block is not None:
            linked += 1
            number = run(reading, "g", given).value
            assert number == given.blocks[link.block].address + link.offset
    assert linked


@pytest.mark.parametrize("style", ["small", "bytes", "text"])
def test_fewer_bytes_are_the_same_cut_off(style: str) -> None:
    """A pass may make a variable smaller: what a callee writes into it must not change for that."""
    whole = fill(random.Random(1), 64, style)
    assert len({*whole}) > 3
    assert all(fill(random.Random(1), size, style) == whole[:size] for size in range(64))
