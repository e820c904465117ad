"""Policies for `ozone bench` alone: published autotuners, and other ways to ask the model.

The autotuners run through their libraries. They choose from what `random` draws from: memory to
registers, then a fixed number of places for a pass or none. They are told nothing else, neither a
coreset nor features. Making one raises OzoneError where its library is missing.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import random
import threading
import warnings
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from agent import policy
from agent.names import SAMPLERS
from agent.policy import FIRST, Policy, Proposals, Terms, atoms
from envs.evaluation import FunctionInfo
from ir_tools.errors import OzoneError
from ir_tools.passes import Pass, Trust
from ir_tools.pipeline import Pipeline

_PLACES = 19  # with the first pass, the most that `random` draws
_TRIES = 20  # for OpenTuner to come up with something that it has not tried
_OPENTUNER_LOCK = threading.Lock()
_OPENTUNER_DATABASE = "sqlite:///:memory:?check_same_thread=false"  # any thread may clear it away


class NevergradPolicy:
    """Nevergrad's NGOpt, which picks one of its optimisers by the budget and the space."""

    adaptive = True
    reads_part = False

    def __init__(self, seed: int = 0, trust: Trust = Trust.PRODUCTION) -> None:
        _nevergrad_library()
        self._seed = seed
        self._passes = atoms(trust)

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        if budget <= 0:
            return
        optimiser = self._optimiser(_seed_of(self._seed, function), budget)
        worst = 0.0
        for _ in range(budget):
            asked = optimiser.ask()
            cost = yield _pipeline(self._passes, asked.value.tolist())
            worst = max(worst, cost or 0.0)
            optimiser.tell(asked, _penalty(worst) if cost is None else cost)

    def _optimiser(self, seed: int, budget: int) -> Any:
        ng, none = _nevergrad_library(), len(self._passes)
        space = ng.p.Array(init=[none / 2] * _PLACES, lower=0, upper=none).set_integer_casting()
        space.random_state.seed(seed)
        return ng.optimizers.NGOpt(space, budget=budget)


class OpenTunerPolicy:
    """OpenTuner with its own choice of techniques (an AUC bandit over several).

    It draws from the interpreter's global generators. So that a run depends on its seed alone, one
    run at a time asks it, with generators of its own; that, and its database, takes longer than a
    compilation does.
    """

    adaptive = True
    reads_part = False

    def __init__(self, seed: int = 0, trust: Trust = Trust.PRODUCTION) -> None:
        _opentuner_library()
        self._seed = seed
        self._passes = atoms(trust)

    def propose(self, function: FunctionInfo, budget: int) -> Proposals:
        generators = _Generators(_seed_of(self._seed, function))
        with generators.turn():
            tuner = _opentuner(len(self._passes) + 1)
        worst = 0.0
        for _ in range(budget):
            with generators.turn():
                attempts = (tuner.get_next_desired_result() for _ in range(_TRIES))
                asked = next(filter(None, attempts), None)
            if asked is None:
                return
            cost = yield _pipeline(self._passes, [asked.configuration.data[p] for p in _places()])
            worst = max(worst, cost or 0.0)
            with generators.turn():
                tuner.report_result(asked, _result(_penalty(worst) if cost is None else cost))


class _Generators:
    """The random generators of a run, in the place of the global ones while it has its turn.

    Nor does anything warn then: OpenTuner is written for an older SQLAlchemy.
    """

    def __init__(self, seed: int) -> None:
        import numpy

        self._ours: Any = random.Random(seed).getstate(), numpy.random.RandomState(seed).get_state()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        with _OPENTUNER_LOCK, warnings.catch_warnings(action="ignore"):
            theirs = self._swapped(self._ours)
            try:
                yield
            finally:
                self._ours = self._swapped(theirs)

    @staticmethod
    def _swapped(states: Any) -> Any:
        import numpy

        before = random.getstate(), numpy.random.get_state()
        random.setstate(states[0])
        numpy.random.set_state(states[1])
        return before


def _nevergrad_library() -> Any:
    try:
        import nevergrad
    except ImportError as error:
        raise OzoneError("nevergrad is missing: run \"pip install '.[bench]'\"") from error
    return nevergrad


def _opentuner(choices: int) -> Any:
    """A tuner for so many choices in each place, with its database in memory."""
    library = _opentuner_library()
    arguments = ArgumentParser(parents=library.argparsers()).parse_args(
        [f"--database={_OPENTUNER_DATABASE}"]
    )
    space = library.search.manipulator.ConfigurationManipulator()
    for place in _places():
        space.add_parameter(library.search.manipulator.EnumParameter(place, range(choices)))
    interface = library.measurement.interface.DefaultMeasurementInterface(
        args=arguments, manipulator=space, project_name="", program_name="", program_version=""
    )
    return library.api.TuningRunManager(interface, arguments)


def _result(cost: float) -> Any:
    return _opentuner_library().resultsdb.models.Result(time=cost)


@functools.cache
def _opentuner_library() -> Any:
    """OpenTuner, silent, and all of it: a technique that is imported late draws numbers."""
    with warnings.catch_warnings(action="ignore"):
        try:
            import opentuner.api
            import opentuner.measurement.interface
            import opentuner.resultsdb.models
            import opentuner.search.manipulator
            import opentuner.search.technique
        except ImportError as error:
            raise OzoneError("opentuner is missing: run 'pip install opentuner'") from error
        opentuner.search.technique.all_techniques()
    opentuner.tuningrunmain.init_logging = lambda: None  # it would write a file, and for all
    logging.getLogger("opentuner").setLevel(logging.CRITICAL)
    return opentuner


def _places() -> list[str]:
    return [f"place {number:02}" for number in range(_PLACES)]


def _pipeline(passes: Sequence[Pass], choices: Sequence[int]) -> Pipeline:
    """The passes of those numbers; the number after the last one stands for none."""
    return Pipeline.of([FIRST, *(passes[i] for i in choices if i < len(passes))])


def _penalty(worst: float) -> float:
    """What a failure is said to cost, given the worst that was measured."""
    return 2 * worst + 1


def _seed_of(seed: int, function: FunctionInfo) -> int:
    return random.Random(f"{seed} {function.name}").getrandbits(32)


def _sampling(name: str) -> Callable[[Terms], Policy]:
    def make(terms: Terms) -> Policy:
        from agent.lm.policy import LmPolicy

        return LmPolicy(None, name.removeprefix("lm-"), terms.seed, terms.objective)

    return make


POLICIES: Mapping[str, Callable[[Terms], Policy]] = {
    **policy.POLICIES,
    "nevergrad": lambda terms: NevergradPolicy(terms.seed, terms.trust),
    "opentuner": lambda terms: OpenTunerPolicy(terms.seed, terms.trust),
    **{name: _sampling(name) for name in SAMPLERS},
}


def make_policy(name: str, terms: Terms) -> Policy:
    """The policy of that name, ours or not; names are checked before."""
    return POLICIES[name](terms)
