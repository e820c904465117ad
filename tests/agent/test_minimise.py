"""The shortest pipeline for which something holds: laws on a property that is known exactly."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.minimise import minimal
from ir_tools.passes import Pass, Scope
from ir_tools.pipeline import Pipeline

REJECTED = re.compile(r"default(?!<Oz>)|cgscc\((?!function|devirt)|devirt\(")  # as LLVM does
NAMES = ("sroa", "gvn", "dse", "adce", "sink")


def names(pipeline: Pipeline) -> list[str]:
    return [atom.text for atom in pipeline.atoms()]


def contains(pipeline: Pipeline, needed: list[str]) -> bool:
    """Are the needed passes there, in this order, with anything between them?"""
    left = iter(names(pipeline))
    return all(name in left for name in needed)


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=24), st.data())
def test_what_is_left_is_just_what_is_needed(passes: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, len(passes) - 1), min_size=1))
    needed = [passes[index] for index in sorted(chosen)]
    pipeline = Pipeline.of(Pass(name, Scope.FUNCTION) for name in passes)
    assert names(minimal(pipeline, lambda shorter: contains(shorter, needed))) == needed


@pytest.mark.parametrize(
    ("text", "needed", "expected"),
    [
        ("function(sroa,simplifycfg<hoist;sink>)", "sink", "function(simplifycfg<sink>)"),
        ("default<Oz>,function(loop-mssa(licm<x>))", "licm", "function(loop-mssa(licm))"),
        ("cgscc(devirt<4>(inline,function<a>(sroa,gvn)))", "gvn", "cgscc(function(gvn))"),
        ("function(loop(indvars),loop(rotate<x>,b))", "rotate", "function(loop(rotate))"),
        ("always-inline,default<Oz>", "Oz", "default<Oz>"),
    ],
)
def test_parameters_and_managers_go_too(text: str, needed: str, expected: str) -> None:
    found = minimal(
        Pipeline.parse(text), lambda p: needed in str(p) and not REJECTED.search(str(p))
    )
    assert str(found) == expected


def test_what_does_not_hold_any_more_is_never_chosen() -> None:
    pipeline = Pipeline.parse("function(sroa,gvn,dse)")
    assert minimal(pipeline, lambda _: False) == pipeline
