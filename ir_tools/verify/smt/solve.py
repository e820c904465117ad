"""The question that refinement asks of z3, and its answer.

A target refines where for all inputs and all choices of the target there are choices of the source
with which the laws hold. A set of witnesses for the source's choices grows: while a model breaks
the laws with each of them, the source is asked for choices that are right in that model. When it
has none, that is a counterexample; when no model is left, a proof.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import z3

from ir_tools.verify.smt.budget import Budget
from ir_tools.verify.smt.logic import both, negate
from ir_tools.verify.smt.values import BudgetError, Choices, kind

_MOST_WITNESSES = 12
_WALL = 10  # times the processor's time
_MOST_UNITS = (1 << 32) - 1  # that z3 can be told
Witness = list[tuple[z3.ExprRef, z3.ExprRef]]


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A model in which a law is broken whatever the source does; `witness` is one thing that it
    does.
    """

    law: str
    model: z3.ModelRef
    witness: Witness

    def evaluate(self, term: z3.ExprRef) -> z3.ExprRef:
        """A term's value in the model."""
        if self.witness:
            term = z3.substitute(term, *self.witness)
        return self.model.eval(term, model_completion=True)


@dataclass(slots=True)
class Solver:
    """`facts` hold in every execution; `free` are the source's choices."""

    facts: Sequence[z3.BoolRef]
    free: Sequence[z3.ExprRef]
    budget: Budget
    witnesses: list[Witness]
    spare: list[Witness]  # to try before the source is asked

    def broken(self, laws: dict[str, z3.BoolRef]) -> Counterexample | None:
        """A counterexample to all laws together; None is a proof. Raises BudgetError."""
        names: list[str] = []
        for name, law in laws.items():
            names.append(name)
            found = self._broken(law, both(*(laws[each] for each in names)))
            if found:
                return Counterexample(name, *found)
        return None

    def _broken(
        self, law: z3.BoolRef, all_so_far: z3.BoolRef
    ) -> tuple[z3.ModelRef, Witness] | None:
        """With one witness the earlier laws are known to hold with it; with more, ask for all."""
        while True:
            goal = law if len(self.witnesses) == 1 else all_so_far
            terms = [z3.substitute(goal, *w) if w else goal for w in self.witnesses]
            model = self.model([negate(term) for term in terms])
            if model is None:
                return None
            if not self.free:
                return model, []
            if self.spare:
                self.witnesses.append(self.spare.pop())
                continue
            witness = self._witness(model, all_so_far)
            if witness is None:
                return model, self.witnesses[0]
            if len(self.witnesses) >= _MOST_WITNESSES:
                return self._quantified(all_so_far)
            self.witnesses.append(witness)

    def model(self, terms: Sequence[z3.BoolRef]) -> z3.ModelRef | None:
        """A model of the terms and the facts."""
        facts = [
            z3.substitute(fact, *witness) if witness else fact
            for fact in self.facts
            for witness in self.witnesses or [[]]
        ]
        return self._check([*facts, *terms])

    def _witness(self, model: z3.ModelRef, law: z3.BoolRef) -> Witness | None:
        """Choices of the source that keep the law in this model."""
        count = len(self.free)
        bound = [z3.Var(count - 1 - i, each.sort()) for i, each in enumerate(self.free)]
        closed = z3.substitute(law, *zip(self.free, bound, strict=True))
        known = model.eval(closed, model_completion=True)
        found = self._check([z3.substitute_vars(known, *reversed(self.free))])
        if found is None:
            return None
        return [(each, found.eval(each, model_completion=True)) for each in self.free]

    def _quantified(self, law: z3.BoolRef) -> tuple[z3.ModelRef, Witness] | None:
        never = z3.ForAll(list(self.free), negate(law))
        model = self._check([*self.facts, never])
        return None if model is None else (model, self.witnesses[0])

    def _check(self, terms: Sequence[z3.BoolRef]) -> z3.ModelRef | None:
        """A model, in a context of its own: what z3 did before changes neither order nor cost."""
        if any(map(z3.is_false, terms)):
            return None
        context = z3.Context()
        solver = z3.Solver(ctx=context)
        solver.add(*(term.translate(context) for term in terms))
        solver.set("timeout", _wall_ms(self.budget.seconds_left))
        solver.set("rlimit", min(self.budget.left, _MOST_UNITS))
        answer = solver.check()
        self.budget.spend(solver.statistics().get_key_value("rlimit count"))
        if answer == z3.unknown:
            raise BudgetError(f"z3 gave up: {solver.reason_unknown()}")
        return solver.model().translate(z3.main_ctx()) if answer == z3.sat else None


def _wall_ms(seconds: float) -> int:
    """What z3's clock gives to so much of the processor's time on a busy machine."""
    return max(1, int(1000 * _WALL * seconds))


def counterparts(source: Choices, target: Choices) -> list[Witness]:
    """First witnesses: the source chooses as the target does, kind by kind, in order.

    Counted from the end, since later uses of what is undef replace earlier ones, or from the start.
    What the source makes more of is zero, or, of an input that is undef, what it was chosen before.
    """
    return [
        _paired(source.made[::-1], target.made[::-1]),
        _paired(source.made, target.made),
        _spread(source.made, target.made),
    ]


def _spread(source: Sequence[z3.ExprRef], target: Sequence[z3.ExprRef]) -> Witness:
    """Where `x + x` became `x << 1`: neighbours of the source share one choice of the target."""
    theirs, ours = _by_kind(target), _by_kind(source)
    witness: Witness = []
    for what, made in ours.items():
        same = theirs.get(what) or [z3.BitVecVal(0, what[1])]
        witness += [(each, same[i * len(same) // len(made)]) for i, each in enumerate(made)]
    return witness


def _by_kind(made: Sequence[z3.ExprRef]) -> dict[tuple[str, int], list[z3.ExprRef]]:
    found: dict[tuple[str, int], list[z3.ExprRef]] = defaultdict(list)
    for each in made:
        found[kind(each), each.size()].append(each)
    return found


def _paired(source: Sequence[z3.ExprRef], target: Sequence[z3.ExprRef]) -> Witness:
    theirs = _by_kind(target)
    last: dict[str, z3.ExprRef] = {}
    witness: Witness = []
    for each in source:
        why, same = kind(each), theirs[kind(each), each.size()]
        chosen = same.pop(0) if same else last.get(why, z3.BitVecVal(0, each.size()))
        if why.startswith("undef "):
            last[why] = chosen
        witness.append((each, chosen))
    return witness
