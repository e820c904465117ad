"""An episode's line."""

from __future__ import annotations

import dataclasses

import pytest

from envs.episode import Episode, ir_digest, parts
from envs.evaluation import Status
from ir_tools.errors import MisuseError

EPISODE = Episode(
    benchmark="file:///a.ll",
    start="always-inline",
    pipeline="always-inline,invalidate<all>,function(sroa<modify-cfg>,gvn)",
    reward_space="IrInstructionCountOz",
    reward=0.1 + 0.2,
    status=Status.CRASH,
    failed="attributor",
    verdict="unverified",
    ir="0" * 32,
    llvm="22.1.8",
    wall_s=1.5,
)


def test_an_episode_is_one_line_that_reads_back_to_the_bit() -> None:
    line = EPISODE.to_json()
    assert "\n" not in line
    assert Episode.from_json(line) == EPISODE
    assert Episode.from_json(line).status is Status.CRASH


def test_the_time_that_it_took_makes_no_other_episode_and_everything_else_does() -> None:
    assert dataclasses.replace(EPISODE, wall_s=9.0) == EPISODE
    for field in dataclasses.fields(Episode):
        if field.name != "wall_s":
            assert dataclasses.replace(EPISODE, **{field.name: "other"}) != EPISODE


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", "null", EPISODE.to_json().replace("crash", "boom"), '{"status": "ok"}']
)
def test_what_is_no_episode_is_refused(line: str) -> None:
    with pytest.raises(MisuseError, match="not an episode's line"):
        Episode.from_json(line)


def test_a_pipeline_comes_apart_where_nothing_is_remembered() -> None:
    inner = "function(sroa<modify-cfg>,invalidate<all>,gvn)"
    assert parts(f"globaldce,{inner},invalidate<all>,cgscc(inline)") == (
        f"globaldce,{inner}",
        "cgscc(inline)",
    )
    assert parts("") == ()


def test_a_digest_is_of_the_ir_and_not_of_its_modules_name() -> None:
    first, second = "; ModuleID = 'a'\ndefine…", "; ModuleID = 'b'\ndefine…"
    assert ir_digest(first) == ir_digest(second) != ir_digest(f"{first} ")
