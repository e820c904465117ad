"""Autotuners of others: within the budget, the same for a seed, and better than their beginning."""

from __future__ import annotations

import itertools
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest

from agent.autotuners import POLICIES, _opentuner_library, make_policy
from agent.names import AUTOTUNERS, SAMPLERS
from agent.names import POLICIES as OURS
from agent.policy import Terms, atoms
from envs.evaluation import FunctionInfo
from ir_tools.errors import OzoneError
from ir_tools.pipeline import Pipeline
from tests.agent.proposals import Cost, answered

INFO = FunctionInfo("f", 9, False, True, True, ())
WANTED = set(atoms()[::3])


def cost(pipeline: Pipeline) -> float:
    """How many passes are not of those wanted."""
    return 20.0 + sum(1 if atom in WANTED else 3 for atom in pipeline.atoms())


@pytest.fixture(params=AUTOTUNERS)
def name(request: pytest.FixtureRequest) -> str:
    """An autotuner whose library is installed."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


def tuned(
    name: str,
    budget: int,
    seed: int = 0,
    measure: Cost = cost,
) -> list[tuple[Pipeline, float | None]]:
    generator = make_policy(name, Terms(seed)).propose(INFO, budget)
    return answered(generator, measure)


@pytest.mark.parametrize("budget", [0, 1, 7])
def test_the_budget_is_kept(name: str, budget: int) -> None:
    assert len(tuned(name, budget)) == budget


def test_a_run_depends_on_its_seed_alone_whatever_runs_beside_it(name: str) -> None:
    first = tuned(name, 12, seed=1)
    state = random.getstate()
    with ThreadPoolExecutor(2) as threads:
        again = list(threads.map(lambda seed: tuned(name, 12, seed), [1, 2]))
    assert again[0] == first != again[1]
    assert random.getstate() == state, "the interpreter's generator is not ours"


def test_it_learns_from_what_it_is_told(name: str) -> None:
    costs = [cost for _, cost in tuned(name, 100) if cost is not None]
    assert min(costs[50:]) < min(costs[:10])


def test_failures_are_lived_with(name: str) -> None:
    calls = itertools.count()
    tried = tuned(name, 20, measure=lambda p: None if next(calls) % 3 else cost(p))
    assert len(tried) == 20
    assert all(pipeline.function_text for pipeline, _ in tried)


def test_a_missing_library_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _opentuner_library.cache_clear()
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, f"{name}.api", None)
    with pytest.raises(OzoneError, match=f"{name} is missing: run .*pip install"):
        tuned(name, 1)


def test_every_name_has_a_policy() -> None:
    assert tuple(POLICIES) == (*OURS, *AUTOTUNERS, *SAMPLERS)
