"""What is known at a point of a function, how such states are joined, and where functions end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import z3

from ir_tools.verify.smt import ops, path
from ir_tools.verify.smt.effects import Effects
from ir_tools.verify.smt.logic import FALSE, TRUE, both, choose, either, negate
from ir_tools.verify.smt.memory import Memory
from ir_tools.verify.smt.path import Path
from ir_tools.verify.smt.values import Scalar, Value

Key = TypeVar("Key")
# Which of a few numbers it is, each with its condition.
Guarded = dict[int, z3.BoolRef]


@dataclass(slots=True)
class State:
    """`clock` tells how many events have happened, and how many of them had to, for what follows to
    be reached (those that may not return). `ub` is undefined behaviour so far, by the second of
    these.
    """

    path: Path
    values: dict[str, Value]
    memory: Memory
    clock: dict[tuple[int, int], z3.BoolRef] = field(default_factory=lambda: {(0, 0): TRUE})
    ub: Guarded = field(default_factory=dict)

    def fail(self, condition: z3.BoolRef) -> None:
        """Undefined behaviour happens here where the condition holds."""
        condition = z3.simplify(condition)
        if z3.is_false(condition):
            return
        fresh = both(condition, negate(self.has_failed))
        for (_, required), when in self.clock.items():
            old = self.ub.get(required, FALSE)
            self.ub[required] = either(old, both(fresh, when))

    @property
    def has_failed(self) -> z3.BoolRef:
        return either(*self.ub.values())

    @property
    def happens(self) -> z3.BoolRef:
        """That this point is reached, with no undefined behaviour before it."""
        return both(self.path.condition, negate(self.has_failed))

    def where(self, condition: z3.BoolRef) -> State:
        """A state of its own, for where the condition holds."""
        path = self.path.and_(condition)
        return State(path, dict(self.values), self.memory, dict(self.clock), dict(self.ub))

    def become(self, other: State) -> None:
        """Be as the other from now on."""
        self.path, self.values, self.memory = other.path, other.values, other.memory
        self.clock, self.ub = other.clock, other.ub

    def count(self) -> Guarded:
        """The events so far."""
        found: Guarded = {}
        for (number, _), when in self.clock.items():
            found[number] = either(found.get(number, FALSE), when)
        return found

    def tick(self, may_not_return: bool) -> None:
        """One more event."""
        clock: dict[tuple[int, int], z3.BoolRef] = {}
        for (number, required), when in self.clock.items():
            key = (number + 1, number + 1 if may_not_return else required)
            clock[key] = either(clock.get(key, FALSE), when)
        self.clock = clock


def join(states: Sequence[State]) -> State:
    """The state where any of the others continues; all hold the same names."""
    if len(states) == 1:
        return states[0]
    joined = path.join([state.path for state in states])
    rests = [state.path.without(joined) for state in states]
    *others, last = states
    values, memory = dict(last.values), last.memory
    clock, ub = last.clock, last.ub
    for rest, state in zip(rests, others, strict=False):
        for name, value in state.values.items():
            values[name] = ops.merge(rest, value, values[name])
        memory = state.memory.merge(rest, memory)
        clock = _merged(rest, state.clock, clock)
        ub = _merged(rest, state.ub, ub)
    return State(joined, values, memory, clock, ub)


def _merged(
    condition: z3.BoolRef, then: dict[Key, z3.BoolRef], other: dict[Key, z3.BoolRef]
) -> dict[Key, z3.BoolRef]:
    keys = dict.fromkeys([*then, *other])
    return {key: choose(condition, then.get(key, FALSE), other.get(key, FALSE)) for key in keys}


@dataclass(frozen=True, slots=True)
class Event:
    """A call that the environment can see. `callee` is a name or a pointer; `hidden` are the
    function's own blocks whose addresses have not got out yet."""

    happens: z3.BoolRef
    number: Guarded
    callee: str | Scalar
    arguments: tuple[Value, ...]
    memory: Memory | None  # as the callee sees it, if it may
    effects: Effects
    promises: frozenset[str]
    text: str
    hidden: frozenset[int] = frozenset()


@dataclass(slots=True)
class Behaviour:
    """All that one side can do; the conditions exclude one another.

    ub        by the events that the target must have made before
    beyond    more rounds of a loop than are unrolled, by the number of events until there
    returned  with `value` and `memory`, after `count` events
    exited    in a call that does not return, by the number of events
    duties    that each call without side effects is one of the other side's: it may be undefined
    """

    events: list[Event] = field(default_factory=list)
    ub: Guarded = field(default_factory=dict)
    beyond: Guarded = field(default_factory=dict)
    returned: State | None = None
    value: Value | None = None
    exited: Guarded = field(default_factory=dict)
    duties: list[z3.BoolRef] = field(default_factory=list)

    @property
    def returns(self) -> z3.BoolRef:
        return self.returned.happens if self.returned else FALSE

    @property
    def has_ub(self) -> z3.BoolRef:
        return either(*self.ub.values())

    def fail(self, state: State) -> None:
        """Record the undefined behaviour of a path that ends here."""
        for required, when in state.ub.items():
            add(self.ub, required, both(state.path.condition, when))

    def exit(self, state: State) -> None:
        self._end(self.exited, state)

    def go_beyond(self, state: State) -> None:
        self._end(self.beyond, state)

    @staticmethod
    def _end(ends: Guarded, state: State) -> None:
        for number, when in state.count().items():
            add(ends, number, both(state.happens, when))


def add(guarded: Guarded, number: int, when: z3.BoolRef) -> None:
    guarded[number] = either(guarded.get(number, FALSE), when)


def pick(number: Guarded, make: Callable[[int], z3.ExprRef]) -> z3.ExprRef:
    """What `make` says of the number."""
    *others, last = sorted(number)
    result = make(last)
    for each in others:
        result = choose(number[each], make(each), result)
    return result


def only(state: State, names: Iterable[str]) -> State:
    """The state with these values alone."""
    return replace(
        state, values={name: state.values[name] for name in names if name in state.values}
    )
