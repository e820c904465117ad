"""What an environment can be asked about its state: one row an observation space.

`measure` is what the worker is asked for (`envs.session.MEASURES`), `finish` makes the observation
of it in this process, and `space` the Gymnasium space that it is in. Any of them can be had at any
time, whatever the environment's own observation space is: `env.observe("Autophase")`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from envs.subject import Subject
from ir_tools.errors import MisuseError
from ir_tools.target import TargetOptions

if TYPE_CHECKING:
    import gymnasium

    from envs.runtime import Stopwatch


@dataclass(frozen=True, slots=True)
class About:
    """What an observation may need to know besides the measurement: what it was measured of, and
    what measures the time that it takes."""

    subject: Subject
    target: TargetOptions
    stopwatch: Stopwatch


@dataclass(frozen=True, slots=True)
class Observation:
    """An observation space.

    deterministic       the same state gives the same value, on any day
    platform_dependent  another machine, or another target, may give another one
    """

    name: str
    purpose: str
    measure: str
    space: Callable[[], gymnasium.Space[Any]] = field(repr=False)
    finish: Callable[[Any, About], Any] = field(repr=False, default=lambda value, _: value)
    deterministic: bool = True
    platform_dependent: bool = False


def _number(low: float = 0, dtype: str = "int64") -> Callable[[], gymnasium.Space[Any]]:
    def space() -> gymnasium.Space[Any]:
        import gymnasium
        import numpy

        kind = numpy.dtype(dtype).type
        high = numpy.iinfo(dtype).max if dtype == "int64" else numpy.inf
        return gymnasium.spaces.Box(kind(low), kind(high), (), kind)

    return space


def _vector(module: str, names: str) -> Callable[[], gymnasium.Space[Any]]:
    def space() -> gymnasium.Space[Any]:
        import gymnasium
        import numpy

        shape = (len(getattr(importlib.import_module(f"ir_tools.{module}"), names)),)
        return gymnasium.spaces.Box(0, numpy.iinfo("int64").max, shape, numpy.int64)

    return space


def _instances(kind: Callable[[], type]) -> Callable[[], gymnasium.Space[Any]]:
    def space() -> gymnasium.Space[Any]:
        from envs.spaces import Instances

        return Instances(kind())

    return space


def _graph_type() -> type:
    import networkx

    return networkx.MultiDiGraph


def _array(value: Any, _: About) -> Any:
    import numpy

    return numpy.asarray(value, "int64")


def _histogram(value: Mapping[str, int], _: About) -> Any:
    import numpy

    from ir_tools.instructions import OPCODES

    return numpy.array([value.get(name, 0) for name in OPCODES.values()], "int64")


def _cycles(value: tuple[bytes, str], about: About) -> Any:
    import numpy

    from ir_tools.cycles import cycles

    assembly, triple = value
    return numpy.asarray(cycles(assembly, triple, about.target.cpu), "float64")


def _runtime(value: bytes, about: About) -> Any:
    import numpy

    return numpy.asarray(about.stopwatch.seconds(about.subject.as_benchmark, value), "float64")


_ROWS = (
    Observation("Ir", "textual IR", "Ir", _instances(lambda: str)),
    Observation("IrNormalized", "textual IR without names and metadata", "IrNormalized",
                _instances(lambda: str)),
    Observation("Bitcode", "the module as bitcode", "Bitcode", _instances(lambda: bytes)),
    Observation("IrInstructionCount", "instructions of the IR", "IrInstructionCount", _number(),
                _array),
    Observation("InstCount", "instructions, blocks and functions, and instructions by opcode",
                "InstCount", _vector("features", "INST_COUNT_NAMES"), _array),
    Observation("Autophase", "the 56 features of Autophase", "Autophase",
                _vector("features", "AUTOPHASE_NAMES"), _array),
    Observation("OpcodeHistogram", "instructions by opcode", "OpcodeHistogram",
                _vector("instructions", "OPCODES"), _histogram),
    Observation("ProgramGraph", "instructions, values, types; control, data and call edges",
                "ProgramGraph", _instances(_graph_type), lambda graph, _: graph.to_networkx()),
    Observation("TextBytes", "bytes of code in the object", "Sizes", _number(),
                lambda sizes, about: _array(sizes.text, about), platform_dependent=True),
    Observation("ObjectBytes", "size: bytes of code, read-only and initialised data", "Sizes",
                _number(), lambda sizes, about: _array(sizes.size, about),
                platform_dependent=True),
    Observation("Cycles", "cycles by llvm-mca's static estimate", "Assembly",
                _number(dtype="float64"), _cycles, platform_dependent=True),
    Observation("Runtime", "seconds that it runs, of CPU time", "Bitcode",
                _number(dtype="float64"), _runtime, deterministic=False, platform_dependent=True),
)  # fmt: skip

OBSERVATIONS: Mapping[str, Observation] = MappingProxyType({row.name: row for row in _ROWS})
"""Every observation space by name."""


def observation(name: str) -> Observation:
    """The observation space of that name. Raises MisuseError."""
    if name not in OBSERVATIONS:
        raise MisuseError(f"no observation space '{name}': one of {', '.join(OBSERVATIONS)}")
    return OBSERVATIONS[name]


@dataclass(frozen=True, slots=True)
class View:
    """What an environment observes by default: one observation space, or several by name."""

    rows: tuple[Observation, ...]
    is_single: bool

    @classmethod
    def of(cls, names: str | Sequence[str]) -> View:
        """Raises MisuseError for a name that is none."""
        single = isinstance(names, str)
        return cls(tuple(map(observation, [names] if isinstance(names, str) else names)), single)

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(row.measure for row in self.rows)

    def space(self) -> gymnasium.Space[Any]:
        import gymnasium

        if self.is_single:
            return self.rows[0].space()
        return gymnasium.spaces.Dict({row.name: row.space() for row in self.rows})

    def finish(self, values: Mapping[str, Any], about: About) -> Any:
        """The observation, of measurements by name."""
        found = {row.name: row.finish(values[row.measure], about) for row in self.rows}
        return found[self.rows[0].name] if self.is_single else found
