"""The worker's side of episodes, called in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from envs.evaluation import Source
from envs.session import MEASURES, Opening, Sessions
from ir_tools.errors import InvalidModuleError, ParseError, PipelineError
from ir_tools.llvm import Context, Module
from ir_tools.partition import extract
from ir_tools.target import Target, TargetOptions
from tests.envs.material import INVALID, LOOP, TWO

SROA = "function(sroa<modify-cfg>)"


@pytest.fixture
def begun() -> list[int]:
    """The pipelines that were about to run, by number."""
    return []


@pytest.fixture
def sessions(begun: list[int]) -> Iterator[Sessions]:
    def make_target(module: Module, options: TargetOptions) -> Target:
        return Target(options, module)

    made = Sessions(make_target, begun.append)
    yield made
    made.close(range(100))


def opening(source: Source = LOOP, *history: str, triple: str = "") -> Opening:
    return Opening(source, TargetOptions(triple=triple), history)


def test_a_session_is_opened_once_and_then_goes_on(sessions: Sessions, begun: list[int]) -> None:
    assert sessions.advance(1, None, (), ()) is None
    first = sessions.advance(1, opening(LOOP, "dce"), (SROA,), ("IrInstructionCount",))
    again = sessions.advance(1, None, (SROA, "function(early-cse)"), ("IrInstructionCount",))
    assert first is not None
    assert again is not None
    assert (first.changed, again.changed) == ((True,), (False, True))
    assert again.values[0] < first.values[0] < 20
    assert begun == [0, 1, 0, 1]


def test_a_pipeline_that_llvm_rejects_is_its_error_and_ends_the_session(
    sessions: Sessions,
) -> None:
    sessions.advance(1, opening(), (), ())
    with pytest.raises(PipelineError, match="no-such-pass"):
        sessions.advance(1, None, ("no-such-pass",), ())
    assert sessions.advance(1, None, (), ()) is None
    with pytest.raises(ParseError):
        sessions.advance(2, opening(Source("x.ll", b"define")), (), ())


def test_only_so_many_sessions_are_kept_and_the_least_used_goes_first(sessions: Sessions) -> None:
    for number in range(64):
        sessions.advance(number, opening(), (), ())
    sessions.advance(0, None, (), ())
    sessions.advance(64, opening(), (), ())
    assert sessions.advance(0, None, (), ()) is not None
    assert sessions.advance(1, None, (), ()) is None


def test_every_measure_is_a_value_that_stays_until_something_changes(sessions: Sessions) -> None:
    names = tuple(MEASURES)
    first = sessions.advance(1, opening(), (), names)
    second = sessions.advance(1, None, ("function(dce)",), names)
    third = sessions.advance(1, None, (SROA,), names)
    fresh = sessions.advance(2, opening(LOOP, "function(dce)", SROA), (), names)
    assert first is not None
    assert second is not None
    assert third is not None
    assert fresh is not None
    assert first.values == second.values
    different = dict(zip(names, map(lambda a, b: a != b, first.values, third.values), strict=True))
    assert all(different.values()), different
    assert fresh.values == third.values


def test_code_is_not_generated_for_what_is_not_valid(sessions: Sessions) -> None:
    sessions.advance(1, opening(), (INVALID,), ())
    with pytest.raises(InvalidModuleError, match="Terminator"):
        sessions.advance(1, None, (), ("Sizes",))


def test_another_target_is_what_code_is_generated_for(sessions: Sessions) -> None:
    text = Source("any.ll", LOOP.data.split(b"\n", 1)[1])
    arm = sessions.advance(1, opening(text, triple="aarch64-linux-gnu"), (), ("Assembly", "Ir"))
    assert arm is not None
    (assembly, triple), ir = arm.values
    assert (b"\tldr\tw" in assembly, triple) == (True, "aarch64-linux-gnu")
    assert 'target triple = "aarch64-linux-gnu"' in ir


def test_changes_are_between_pipelines_that_run_on_functions_alone(sessions: Sessions) -> None:
    history = ("always-inline", SROA, "globaldce", "ipsccp", "function(instsimplify)", SROA)
    local = (True, False, False, True, True)
    changes = sessions.changes(opening(TWO, *history), 1, local)
    assert changes.unjudged == ("ipsccp",)
    assert [change.function for change in changes.functions] == ["add"]
    (change,) = changes.functions
    assert b"define" not in change.before  # bitcode
    assert change.symbol != "add"  # of a local function, in a module of its own


def test_functions_of_a_part_keep_the_names_that_they_have_there(sessions: Sessions) -> None:
    with Context() as context, context.parse(TWO.data) as module:
        names = [function.name for function in module.defined_functions()]
        with extract(module, names) as part:
            source = Source("part", part.bitcode())
    (change,) = sessions.changes(opening(source, SROA), 0, (True,)).functions
    assert change.symbol == change.function == ".ozone.add"


def test_one_function_alone_is_compared_from_end_to_end(sessions: Sessions) -> None:
    changes = sessions.changes(opening(LOOP, SROA, "default<Oz>"), 0, (True, False))
    assert [change.symbol for change in changes.functions] == ["f"]
    assert changes.unjudged == ()
