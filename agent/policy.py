"""Policies: who proposes pipelines for a function.

A policy's `propose` is a generator. It yields `Pipeline`s and is sent what each one measured (bytes
or IR instructions, as the objective says; None when it failed). Policies that do not learn from it
ignore it, and say so with `adaptive = False`, so that their proposals can be measured side by side.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Protocol

from envs.evaluation import FunctionInfo
from ir_tools.errors import OzoneError
from ir_tools.passes import FUNCTION_SCOPES, Pass, Trust, catalogue
from ir_tools.pipeline import Pipeline

Proposals = Generator[Pipeline, float | None, None]

_RANDOM_LENGTHS = (4, 20)
SIMPLIFIED = "function(sroa<modify-cfg>,instcombine<no-verify-fixpoint>,simplifycfg,early-cse)"
"""What leaves of a function what matters: `FunctionInfo.simplified`."""

FIRST = Pass("sroa<modify-cfg>", next(s for s in FUNCTION_SCOPES if s.value == "function"))


class Policy(Protocol):
    """Anything that proposes pipelines; with `reads_part`, from a function's code as well."""

    adaptive: bool
    reads_part: bool

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        """At most `budget` pipelines of function and loop passes, the most promising ones first."""
        ...


class OzPolicy:
    """No candidate but the baseline, which is always there."""

    adaptive = False
    reads_part = False

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        return
        yield  # which makes this a generator


class RandomPolicy:
    """Independent uniform draws from the catalogue; the same for the same seed and function."""

    adaptive = False
    reads_part = False

    def __init__(self, seed: int = 0, trust: Trust = Trust.PRODUCTION) -> None:
        self._seed = seed
        self._passes = atoms(trust)

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        rng = random.Random(f"{self._seed} {function.name}")
        for _ in range(budget):
            yield random_pipeline(rng, self._passes)


class CoresetPolicy:
    """A fixed list, best first (Liang et al., ICML 2023), chosen on training programs alone."""

    adaptive = False
    reads_part = False

    def __init__(self, pipelines: tuple[Pipeline, ...] | None = None) -> None:
        self._pipelines = coreset() if pipelines is None else pipelines

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        for pipeline in self._pipelines[:budget]:  # noqa: UP028 - a tuple cannot be sent to
            yield pipeline


def atoms(trust: Trust = Trust.PRODUCTION) -> tuple[Pass, ...]:
    """Every pass, with its parameters, that a function pipeline may draw from."""
    rows = catalogue(trust=trust, scopes=FUNCTION_SCOPES)
    return tuple(variant for row in rows for variant in row.variants)


def random_pipeline(rng: random.Random, passes: tuple[Pass, ...]) -> Pipeline:
    """A random pipeline; memory goes to registers first, without which little else applies."""
    return Pipeline.of([FIRST, *rng.choices(passes, k=rng.randint(*_RANDOM_LENGTHS))])


def coreset() -> tuple[Pipeline, ...]:
    """The shipped coreset, in greedy order. `ozone coreset` rebuilds it."""
    text = resources.files("agent").joinpath("data/coreset.txt").read_text()
    return tuple(
        Pipeline.parse(line) for line in text.splitlines() if line and not line.startswith("#")
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy is asked for; those that know better ignore what does not concern them."""

    seed: int = 0
    trust: Trust = Trust.PRODUCTION
    objective: str = "size"


def _search(terms: Terms) -> Policy:
    from agent.search import SearchPolicy

    return SearchPolicy(terms.seed, terms.trust)


def _nvp(terms: Terms) -> Policy:
    from agent.nvp import NvpPolicy

    return NvpPolicy()


def _neighbour(terms: Terms) -> Policy:
    from agent.nvp import NeighbourPolicy

    return NeighbourPolicy()


def _lm(terms: Terms) -> Policy:
    from agent.lm.policy import CoveredPolicy, LmPolicy

    model = LmPolicy(objective=terms.objective)
    # The coreset was chosen for size.
    return model if terms.objective == "instructions" else CoveredPolicy(model)


POLICIES: Mapping[str, Callable[[Terms], Policy]] = {
    "oz": lambda terms: OzPolicy(),
    "random": lambda terms: RandomPolicy(terms.seed, terms.trust),
    "coreset": lambda terms: CoresetPolicy(),
    "search": _search,
    "nvp": _nvp,
    "neighbour": _neighbour,
    "lm": _lm,
}


def make_policy(name: str, terms: Terms = Terms()) -> Policy:
    """The policy of that name. Raises OzoneError for an unknown one."""
    if name not in POLICIES:
        raise OzoneError(f"unknown policy '{name}': one of {', '.join(POLICIES)}")
    return POLICIES[name](terms)
