"""Does a target refine a source? The SMT judge's answer, with a counterexample for people."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field

import z3

from ir_tools.verify import ir
from ir_tools.verify.interpreter import rendering
from ir_tools.verify.smt import ops, pointers
from ir_tools.verify.smt.added import check_added
from ir_tools.verify.smt.budget import OUT_OF_BUDGET, UNITS_PER_S, Budget
from ir_tools.verify.smt.corners import Pin, pins
from ir_tools.verify.smt.encode import encode
from ir_tools.verify.smt.logic import both, either, equal, negate, renewed
from ir_tools.verify.smt.relation import MEMORY, Relation, relate
from ir_tools.verify.smt.replay import Replay, replay
from ir_tools.verify.smt.session import Session, Side
from ir_tools.verify.smt.solve import Counterexample, Solver, counterparts
from ir_tools.verify.smt.state import Behaviour
from ir_tools.verify.smt.values import BudgetError, Scalar, UnsupportedError, Value
from ir_tools.verify.smt.world import World
from ir_tools.verify.verdict import Kind, Verdict

_JUDGE = "smt"
_MEMORY_MIB = 2048
_CORNERS = 0.1  # of the time, for corners where all of the question was too hard
_ATTEMPTS = 3  # of them
_NOT_CONFIRMED = "the interpreter does not confirm the counterexample"


def check(
    source: tuple[ir.Module, str], target: tuple[ir.Module, str], unroll: int, timeout_s: float
) -> Verdict:
    """Whether the target refines the source, with loops unrolled `unroll` times.

    `timeout_s` is a budget that is counted, not timed (`smt.budget`).
    """
    z3.set_param("memory_max_size", _MEMORY_MIB)
    with renewed():
        verdict = _checked(source, target, unroll, Budget((1 - _CORNERS) * timeout_s))
        if verdict.reason == OUT_OF_BUDGET:
            return _cornered(source, target, unroll, _CORNERS * timeout_s) or verdict
        return verdict


def _checked(
    source: tuple[ir.Module, str], target: tuple[ir.Module, str], unroll: int, budget: Budget
) -> Verdict:
    try:
        verdict = _Check(source, target, unroll, budget, with_undef=False).verdict()
        if verdict.kind not in (Kind.PROVED, Kind.BOUNDED):
            return verdict
        return _Check(source, target, unroll, budget, with_undef=True).verdict()
    except UnsupportedError as error:
        return _unknown(f"unsupported: {error}")
    except BudgetError as error:
        return _unknown(str(error))
    except KeyError as error:
        return _unknown(f"unsupported: no size of {error}"[:200])
    except (z3.Z3Exception, RecursionError) as error:
        return _unknown(f"z3: {error}")


def _cornered(
    source: tuple[ir.Module, str], target: tuple[ir.Module, str], unroll: int, timeout_s: float
) -> Verdict | None:
    """A counterexample among a few values of the arguments, or a suspicion."""
    for with_undef in (False, True):
        budget = Budget(timeout_s / 2)
        with contextlib.suppress(UnsupportedError, BudgetError, z3.Z3Exception, RecursionError):
            check = _Check(source, target, unroll, budget, with_undef)
            if found := check.cornered():
                return found
    return None


def _unknown(reason: str) -> Verdict:
    return Verdict(Kind.UNKNOWN, _JUDGE, reason)


def _suspected(law: str, doubt: str) -> Verdict:
    """A counterexample that may be spurious, and why it may."""
    return Verdict(Kind.UNKNOWN, _JUDGE, f"perhaps: {law}; but {doubt}", suspicion=law)


@dataclass(slots=True)
class _Check:
    source: tuple[ir.Module, str]
    target: tuple[ir.Module, str]
    unroll: int
    budget: Budget
    with_undef: bool
    pin: Pin = field(default_factory=list)  # what is known of the arguments

    def cornered(self) -> Verdict | None:
        """What is found with arguments pinned; None where nothing is. Raises BudgetError."""
        session, behaviours, relation = self._encoded()
        share = self.budget.left / UNITS_PER_S / _ATTEMPTS
        for pin in itertools.islice(pins(session), _ATTEMPTS):
            self.pin, self.budget = pin, Budget(share)
            with contextlib.suppress(BudgetError):
                if broken := self._solver(session).broken(relation.laws):
                    return self._refuted(session, behaviours, relation, broken)
        return None

    def _encoded(self) -> tuple[Session, list[Behaviour], Relation]:
        session = self._session()
        check_added(session)
        behaviours = [
            encode(session, side, self.unroll) for side in (session.source, session.target)
        ]
        return session, behaviours, relate(session, *behaviours)

    def verdict(self) -> Verdict:
        session, behaviours, relation = self._encoded()
        solver = self._solver(session)
        broken = solver.broken(relation.laws)
        if broken:
            return self._refuted(session, behaviours, relation, broken)
        if session.world.weak_proofs:
            return _unknown("; ".join(sorted(session.world.weak_proofs)))
        return self._proved(relation, solver, behaviours)

    def _session(self) -> Session:
        sides = []
        for name, (module, function) in (("src", self.source), ("tgt", self.target)):
            if function not in module.functions:
                raise UnsupportedError(f"there is no function @{function}")
            sides.append(Side(name, module, module.functions[function]))
        one, other = (side.function for side in sides)
        if not one.blocks or not other.blocks:
            raise UnsupportedError("a declaration")
        if one.type != other.type:
            raise UnsupportedError(f"the type changes from {one.type} to {other.type}")
        if one.type.is_vararg:
            raise UnsupportedError("a function with a variable number of arguments")
        world = World(self.source[0], self.target[0], budget=self.budget)
        valid = {"null_pointer_is_valid" in side.function.attributes for side in sides}
        if len(valid) > 1:
            raise UnsupportedError("null_pointer_is_valid on one side")
        world.null_is_valid = valid.pop()
        return Session(sides[0], sides[1], world, self.with_undef)

    def _solver(self, session: Session) -> Solver:
        source, target = session.source.choices, session.target.choices
        first, *others = counterparts(source, target)
        facts = [*session.world.assumptions, *self.pin]
        return Solver(facts, source.made, self.budget, [first], others)

    def _refuted(
        self,
        session: Session,
        behaviours: list[Behaviour],
        relation: Relation,
        found: Counterexample,
    ) -> Verdict:
        """What the interpreter confirms, else what rests on nothing approximate."""
        replayed = replay(session, behaviours, relation.laws.values(), found)
        if not _confirms(replayed):
            again = self._tied(session, relation)
            if again:
                found = again
                replayed = replay(session, behaviours, relation.laws.values(), found)
        text = _describe(session, behaviours, found)
        if replayed and _confirms(replayed):
            names = tuple(each.name for each in session.source.function.parameters)
            text += "\nthe interpreter: " + rendering.counterexample(replayed.judgement, names)
            return Verdict(Kind.REFUTED, _JUDGE, found.law, counterexample=text)
        doubts = sorted(session.world.weak_refutations)
        if found.law == MEMORY:
            doubts += sorted(session.world.weak_mismatches)
        if doubts:
            return _suspected(found.law, "; ".join(doubts))
        if self.with_undef:
            return _suspected(found.law, "only where an argument is undef")
        if replayed and replayed.denies:
            return _suspected(found.law, _NOT_CONFIRMED)
        if self._is_strange(session, relation):
            return _suspected(found.law, "only where a pointer into a block has address zero")
        return Verdict(Kind.REFUTED, _JUDGE, found.law, counterexample=text)

    def _is_strange(self, session: Session, relation: Relation) -> bool:
        """Whether all counterexamples need a pointer from outside that is based on a block and so
        far out of its bounds that its address is zero: passes take it for the null pointer."""
        world = session.world
        places = [
            pointers.place(scalar.bits)
            for value in session.inputs.values()
            for scalar in ops.scalars(value)
            if scalar.bits.size() == world.pointer_width
        ]
        facts = [
            either(each.block == 0, negate(equal(world.address("src", each), world.word(0))))
            for each in places
        ]
        if not facts:
            return False
        solver = self._solver(session)
        solver.facts = [*solver.facts, *facts]
        return solver.broken(relation.laws) is None

    def _tied(self, session: Session, relation: Relation) -> Counterexample | None:
        """A counterexample with facts about pointers in memory, which proofs seldom need."""
        world, doubts = session.world, set(session.world.weak_refutations)
        facts = world.tied()
        if doubts == world.weak_refutations:
            return None
        solver = self._solver(session)
        solver.facts = [*solver.facts, *facts]
        found = solver.broken(relation.laws)
        if found is None:
            raise BudgetError("a proof needs what memory holds of pointers")
        return found

    def _proved(self, relation: Relation, solver: Solver, behaviours: list[Behaviour]) -> Verdict:
        """Without the assumption that loops end within the bound, or else with it."""
        if z3.is_false(z3.simplify(relation.beyond)):
            return Verdict(Kind.PROVED, _JUDGE)
        within = either(negate(relation.beyond), relation.excused)
        laws = both(within, *relation.laws.values())
        try:
            instances = [negate(z3.substitute(laws, *w)) for w in solver.witnesses]
            if solver.model(instances) is None:
                return Verdict(Kind.PROVED, _JUDGE)
        except BudgetError:
            pass
        source = behaviours[0]
        ends = both(negate(relation.beyond), negate(source.has_ub))
        if solver.model([ends]) is None:
            return _unknown(f"no path ends within {self.unroll} rounds of its loops")
        reason = f"loops unrolled {self.unroll} times"
        return Verdict(Kind.BOUNDED, _JUDGE, reason, unroll=self.unroll)


def _confirms(replayed: Replay | None) -> bool:
    return replayed is not None and replayed.judgement.law is not None


# for people -------------------------------------------------------------------------------------


def _describe(session: Session, behaviours: list[Behaviour], found: Counterexample) -> str:
    """The inputs and what both sides make of them, a line each."""
    lines = []
    for index, parameter in enumerate(session.source.function.parameters):
        value = session.inputs.get(f"arg{index}")
        if value is not None:
            lines.append(f"{parameter.type} {parameter.name} = {_shown(found, value)}")
    lines += [
        f"{name} = {_shown(found, value)}"
        for name, value in session.inputs.items()
        if not name.startswith("arg")
    ]
    for name, behaviour in zip(("source", "target"), behaviours, strict=True):
        lines.append(f"{name}: {_outcome(found, behaviour)}")
    return "\n".join(lines)


def _outcome(found: Counterexample, behaviour: Behaviour) -> str:
    def holds(term: z3.BoolRef) -> bool:
        return bool(z3.is_true(found.evaluate(term)))

    if holds(behaviour.has_ub):
        return "undefined behaviour"
    if any(map(holds, behaviour.exited.values())):
        return "does not return"
    if behaviour.value is None:
        return "returns"
    return f"returns {_shown(found, behaviour.value)}"


def _shown(found: Counterexample, value: Value) -> str:
    if not isinstance(value, Scalar):
        return f"{{{', '.join(_shown(found, lane) for lane in value.values)}}}"
    if z3.is_true(found.evaluate(value.poison)):
        return "poison"
    bits = found.evaluate(value.bits)
    if not z3.is_bv_value(bits):
        return str(bits)
    number, signed = bits.as_long(), bits.as_signed_long()
    text = f"{number} (0x{number:x}" + (f", {signed})" if signed < 0 else ")")
    return text if number > 9 else str(number)
