"""When a target's behaviour is allowed by a source's, as formulas: one law each, to be named when
broken.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from ir_tools.verify.smt import observing, ops
from ir_tools.verify.smt.calls import same_callee, same_shape
from ir_tools.verify.smt.logic import FALSE, both, either, implies, negate
from ir_tools.verify.smt.session import Session
from ir_tools.verify.smt.state import Behaviour, Event, Guarded

UB = "Source is more defined than target"
CALLS = "calls differ"
ENDS = "Source and target don't have the same return domain"
POISON = "Target is more poisonous than source"
VALUE = "Value mismatch"
MEMORY = "Mismatch in memory"


@dataclass(frozen=True, slots=True)
class Relation:
    """`laws` hold together where the target refines the source, by name, in the order of checking.

    `beyond` is where either needs more rounds of a loop than are unrolled: calls until there count.
    """

    laws: dict[str, z3.BoolRef]
    beyond: z3.BoolRef
    excused: z3.BoolRef  # the source's undefined behaviour, after the same events


def relate(session: Session, source: Behaviour, target: Behaviour) -> Relation:
    matches = _Matches(session, source, target)
    excused = either(*(both(when, matches.prefix(n)) for n, when in source.ub.items()))
    beyond = either(*source.beyond.values(), *target.beyond.values())
    returns = both(source.returns, target.returns)
    laws = {
        UB: either(beyond, negate(target.has_ub)),
        CALLS: both(matches.all(), *target.duties),
        ENDS: either(both(returns, matches.until_return()), matches.until_exit(), beyond),
    }
    if source.value is not None and target.value is not None:
        pairs = zip(ops.scalars(source.value), ops.scalars(target.value), strict=True)
        poison = both(*(either(left.poison, negate(right.poison)) for left, right in pairs))
        laws[POISON] = implies(returns, poison)
        laws[VALUE] = implies(
            returns,
            observing.refined_value(session.world, source.value, target.value, session.choices),
        )
    if source.returned and target.returned:
        refined = observing.refines(session.world, source.returned.memory, target.returned.memory)
        laws[MEMORY] = implies(returns, refined)
    allowed = {name: z3.simplify(either(excused, law)) for name, law in laws.items()}
    return Relation(allowed, beyond, excused)


@dataclass(frozen=True, slots=True)
class _Matches:
    """Whether the n-th events of both sides are the same."""

    session: Session
    source: Behaviour
    target: Behaviour
    known: Guarded = field(default_factory=dict)

    def prefix(self, count: int) -> z3.BoolRef:
        """Whether the first so many are."""
        return both(*(self._match(number) for number in range(count)))

    def all(self) -> z3.BoolRef:
        """Whether each event of one side is one of the other, which may be beyond the bound."""
        facts = []
        for one, other in ((self.source, self.target), (self.target, self.source)):
            for event in one.events:
                for number, when in event.number.items():
                    later = either(*(w for n, w in other.beyond.items() if n <= number))
                    happens = both(event.happens, when)
                    facts.append(implies(happens, either(self._match(number), later)))
        return both(*facts)

    def until_return(self) -> z3.BoolRef:
        source, target = self.source.returned, self.target.returned
        if source is None or target is None:
            return FALSE
        return self._same_count(source.count(), target.count())

    def until_exit(self) -> z3.BoolRef:
        return self._same_count(self.source.exited, self.target.exited)

    def _same_count(self, source: Guarded, target: Guarded) -> z3.BoolRef:
        return either(
            *(
                both(source[number], target[number], self.prefix(number))
                for number in source
                if number in target
            )
        )

    def _match(self, number: int) -> z3.BoolRef:
        if number not in self.known:
            self.known[number] = self._matched(number)
        return self.known[number]

    def _matched(self, number: int) -> z3.BoolRef:
        pairs = (
            both(
                one.happens, one.number[number], other.happens, other.number[number],
                self._same(one, other),
            )
            for one in self.source.events
            for other in self.target.events
            if number in one.number and number in other.number
        )  # fmt: skip
        return either(*pairs)

    def _same(self, source: Event, target: Event) -> z3.BoolRef:
        shapes = zip(source.arguments, target.arguments, strict=False)
        if len(source.arguments) != len(target.arguments):
            return FALSE
        if not all(same_shape(*pair) for pair in shapes):
            return FALSE
        if not target.promises <= source.promises:
            more = sorted(target.promises - source.promises)
            self.session.approximate(f"a call promises more than in the source: {more}")
            return FALSE
        pairs = zip(source.arguments, target.arguments, strict=True)
        terms = [same_callee(self.session.world, source.callee, target.callee)]
        terms += [
            observing.refined_value(self.session.world, *pair, self.session.choices)
            for pair in pairs
        ]
        if (
            source.memory is not None
            and target.memory is not None
            and not z3.is_false(both(*terms))
        ):
            terms.append(
                observing.refines(
                    self.session.world,
                    source.memory,
                    target.memory,
                    at_return=False,
                    hidden=source.hidden & target.hidden,
                )
            )
        elif target.memory is not None and source.memory is None:
            return FALSE
        return both(*terms)
