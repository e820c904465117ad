"""Calls: intrinsics by what they mean, others as events that the target must repeat.

The answer of the n-th event is the same on both sides, whatever it is, and so is what it does to
memory; `smt.refine` checks that the n-th events are the same. Calls without side effects are no
events: equal ones have equal answers. Of functions that LLVM knows by name, of those with a body
and of promises that are not modelled, a difference proves nothing: the check is noted as
approximate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import z3

from ir_tools.verify import ir
from ir_tools.verify.interpreter.libraries import FREERS
from ir_tools.verify.smt import addressing, ops
from ir_tools.verify.smt import effects as effect
from ir_tools.verify.smt.effects import Effects
from ir_tools.verify.smt.intrinsic_calls import IntrinsicCalls
from ir_tools.verify.smt.library import is_library
from ir_tools.verify.smt.logic import FALSE, TRUE, both, either, equal, implies, negate
from ir_tools.verify.smt.session import Pure
from ir_tools.verify.smt.state import Event, State, join
from ir_tools.verify.smt.values import Lanes, Scalar, UnsupportedError, Value
from ir_tools.verify.smt.world import World

if TYPE_CHECKING:
    from ir_tools.verify.smt.instructions import Instructions

# Promises on an argument that its value does not show: the target may not make more of them.
_UNSEEN = (
    "readonly", "readnone", "writeonly", "captures", "noalias", "nofree", "returned", "sret",
    "initializes", "writable", "noreturn", "convergent", "dead_on_unwind",
)  # fmt: skip
_UNSUPPORTED = (
    "byval", "byref", "inalloca", "preallocated", "swifterror", "dead_on_return", "elementtype",
)  # fmt: skip
_UNSEEN_OF_CALL = (
    "nofree",
    "nosync",
    "norecurse",
    "nocallback",
    "nounwind",
    "willreturn",
    "speculatable",
)

_OF_ALL_CALLS = {"nounwind", "willreturn", "nofree", "nosync"}


@dataclass(slots=True)
class Calls:
    instructions: Instructions
    intrinsics: IntrinsicCalls = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.intrinsics = IntrinsicCalls(self.instructions)

    def execute(self, state: State, instruction: ir.Instruction) -> bool:
        """Carry a call out; False where it does not return."""
        assert instruction.call is not None
        name = instruction.call.name
        if name.startswith("llvm."):
            if self.intrinsics.is_trap(name):
                return self._trap(state)
            result = self.intrinsics.execute(state, instruction)
            if result is not None and instruction.name:
                callee = self._callee(instruction.call)
                state.values[instruction.name] = self._promised(state, instruction, callee, result)
            return True
        if self._frees(instruction.call):
            return self._free(state, instruction, instruction.call)
        return self._unknown(state, instruction, instruction.call)

    def _frees(self, call: ir.Call) -> bool:
        callee = self._callee(call)
        attributes = {*call.attributes, *(callee.attributes if callee else ())}
        null_is_poison = "nonnull" in effect.parameter(call, callee, 0)
        return call.name in FREERS and "nobuiltin" not in attributes and not null_is_poison

    def _free(self, state: State, instruction: ir.Instruction, call: ir.Call) -> bool:
        """Of the null pointer nothing, and so it is no event."""
        pointer = self.instructions.use(state, instruction.operands[0])
        assert isinstance(pointer, Scalar)
        null = z3.simplify(both(negate(pointer.poison), state.memory.is_null(pointer)))
        if z3.is_false(null):
            return self._unknown(state, instruction, call)
        nothing = state.where(null)
        if nothing.path.is_impossible:
            return self._unknown(state, instruction, call)
        freed = state.where(negate(null))
        if not freed.path.is_impossible:
            self._unknown(freed, instruction, call)
            state.become(join([freed, nothing]))
        return True

    def _trap(self, state: State) -> bool:
        effects = Effects(0, returns=False, never_returns=True)
        self.record(state, Event(state.happens, state.count(), "llvm.trap", (), None, effects,
                                  frozenset(), "trap"))  # fmt: skip
        return self._end(state)

    def _end(self, state: State) -> bool:
        self.instructions.behaviour.exit(state)
        return False

    def record(self, state: State, event: Event) -> None:
        """It happens here."""
        self.instructions.behaviour.events.append(event)
        state.tick(may_not_return=not event.effects.returns)

    def _callee(self, call: ir.Call) -> ir.Function | None:
        """The function that is called. Its attributes hold for both sides where it is known to
        all, or is checked by itself: then those of the target's module count."""
        source, target = self.instructions.session.source, self.instructions.session.target
        own = self.instructions.side.module.functions.get(call.name)
        best = target.module.functions.get(call.name)
        if own is None or best is None or call.name not in source.module.functions:
            return own
        return best if own.blocks or is_library(call.name) else own

    # unknown functions --------------------------------------------------------------------------

    def _unknown(self, state: State, instruction: ir.Instruction, call: ir.Call) -> bool:
        callee = self._callee(call)
        self._check(instruction, call, callee)
        effects = effect.effects(call, callee, self._implied())
        self.instructions.addresses.rights.check_call(instruction, effects, callee)
        arguments = tuple(
            self._argument(state, call, callee, index, operand)
            for index, operand in enumerate(instruction.operands)
        )
        target: str | Scalar = call.name
        if not call.name:
            pointer = self.instructions.use(state, call.callee)
            assert isinstance(pointer, Scalar)
            state.fail(ops.ill_defined(pointer, self.instructions.side.choices))
            target = pointer
        if not effects.is_event and not effects.never_returns:
            free = "speculatable" in self._unseen(call, callee, len(arguments))
            result = self._pure(state, instruction, target, arguments, effects, free)
            state.values[instruction.name] = self._promised(state, instruction, callee, result)
            return True
        event = Event(
            state.happens, state.count(), target, arguments,
            state.memory if effects.shows_memory else None,
            effects, self._unseen(call, callee, len(arguments)) | self._implied(), str(instruction),
            self.instructions.addresses.hidden(instruction),
        )  # fmt: skip
        return self._happen(state, instruction, event, callee)

    def _implied(self) -> frozenset[str]:
        """What the source's function promises of all that it calls."""
        return frozenset(_OF_ALL_CALLS & set(self.instructions.session.source.function.attributes))

    def _happen(
        self, state: State, instruction: ir.Instruction, event: Event, callee: ir.Function | None
    ) -> bool:
        self.record(state, event)
        if event.effects.never_returns:
            return self._end(state)
        if event.effects.writes:
            self.forget(state, event)
        if instruction.name:
            result = self.answer(instruction, event)
            state.values[instruction.name] = self._promised(state, instruction, callee, result)
        return True

    def forget(self, state: State, event: Event) -> None:
        """Memory after a call that may write it: the same after the same event."""
        before, arguments = state.memory, None
        frees = "nofree" not in event.promises
        if event.effects.writes_arguments_only:
            arguments = [
                each for value in event.arguments for each in ops.scalars(value)
                if each.bits.size() == self.instructions.session.world.pointer_width
            ]  # fmt: skip
        *others, last = sorted(event.number)
        state.memory = before.havoc(f"call{last}", arguments, frees=frees, hidden=event.hidden)
        for number in others:
            memory = before.havoc(f"call{number}", arguments, frees=frees, hidden=event.hidden)
            state.memory = memory.merge(event.number[number], state.memory)

    def answer(self, instruction: ir.Instruction, event: Event) -> Value:
        """What the event results in: the same after the same event."""
        session, side = self.instructions.session, self.instructions.side
        results = {
            number: session.shared(
                side, f"call{number}.{instruction.type}", instruction.type, is_argument=False
            )
            for number in event.number
        }
        *others, last = sorted(results)
        result = results[last]
        for number in others:
            result = ops.merge(event.number[number], results[number], result)
        return result

    def _promised(
        self, state: State, instruction: ir.Instruction, callee: ir.Function | None, value: Value
    ) -> Value:
        call = instruction.call
        assert call is not None
        promises = self.instructions.promises
        value = promises.kept(state, value, instruction.type, effect.result(call, callee))
        value = promises.loaded(state, value, instruction)
        for index, operand in enumerate(instruction.operands):
            if "returned" in effect.parameter(call, callee, index):
                value = self.instructions.value(state, operand)
        return self.instructions.flagged(instruction, value)

    def _argument(
        self,
        state: State,
        call: ir.Call,
        callee: ir.Function | None,
        index: int,
        operand: ir.Value,
    ) -> Value:
        attributes = effect.parameter(call, callee, index)
        unsupported = [name for name in _UNSUPPORTED if name in attributes]
        if unsupported:
            raise UnsupportedError(f"an argument with {unsupported[0]}")
        value = self.instructions.use(state, operand)
        return self.instructions.promises.kept(state, value, operand.type, attributes)

    def _check(
        self, instruction: ir.Instruction, call: ir.Call, callee: ir.Function | None
    ) -> None:
        """What is not covered, and what makes a refutation doubtful."""
        session = self.instructions.session
        if call.tail == "musttail":
            raise UnsupportedError("a musttail call")
        if call.bundles:
            raise UnsupportedError(f"a call with a bundle: {call.bundles[0][0]}")
        if isinstance(call.callee, ir.Other):
            raise UnsupportedError(f"a call of {call.callee}")
        attributes = set(call.attributes) | (set(callee.attributes) if callee else set())
        doubtful = {"memory", "allocsize", "allockind", "nosync", "speculatable"} & attributes
        doubtful |= {"noalias"} & set(effect.result(call, callee))
        for index in range(len(instruction.operands)):
            doubtful |= {"captures", "noalias", "sret"} & set(effect.parameter(call, callee, index))
        if call.type.is_vararg and len(instruction.operands) > len(call.type.parameters):
            session.approximate("a call with a variable number of arguments")
        own = session.source.function
        doubtful |= {"captures"} & {name for each in own.parameters for name in each.attributes}
        if doubtful:
            session.approximate(f"a call with {', '.join(sorted(doubtful))}")
        if is_library(call.name):
            session.approximate(f"a call of {call.name}, which LLVM knows")
        if callee is not None and callee.blocks:
            session.approximate(f"a call of {call.name}, which has a body")

    def _unseen(self, call: ir.Call, callee: ir.Function | None, arguments: int) -> frozenset[str]:
        """Promises that the values do not show, so that the target may not make more of them."""
        attributes = set(call.attributes) | (set(callee.attributes) if callee else set())
        found = {name for name in _UNSEEN_OF_CALL if name in attributes}
        if call.tail and self.instructions.addresses.captured:
            found.add("tail")
        for index in range(arguments):
            promised = effect.parameter(call, callee, index)
            found |= {f"{index}:{name}={promised[name]}" for name in _UNSEEN if name in promised}
        if "noalias" in effect.result(call, callee):
            found.add("noalias result")
        return frozenset(found)

    # calls without side effects -----------------------------------------------------------------

    def _pure(
        self,
        state: State,
        instruction: ir.Instruction,
        callee: str | Scalar,
        arguments: tuple[Value, ...],
        effects: Effects,
        speculatable: bool,
    ) -> Value:
        """The answer of the first equal call, else a new one.

        In the target it has to be one that the source makes: for others it may be undefined.
        """
        found: list[z3.BoolRef] = []
        session, side = self.instructions.session, self.instructions.side
        memory = state.memory if effects.reads else None
        name = f"pure{len(session.pure)}.{instruction.type}"
        result = session.shared(side, name, instruction.type, is_argument=False)
        for known in reversed(session.pure):
            if not same_shape(known.result, result):
                continue
            if len(known.arguments) != len(arguments):
                continue
            same = self._is_same(known, callee, arguments, memory)
            result = ops.merge(same, known.result, result)
            if known.side != side.name:
                found.append(both(known.happens, same))
        if side is session.target and not speculatable:
            self.instructions.behaviour.duties.append(implies(state.happens, either(*found)))
        session.pure.append(Pure(callee, arguments, memory, result, side.name, state.happens))
        return result

    def _is_same(
        self, known: Pure, callee: str | Scalar, arguments: tuple[Value, ...], memory: object
    ) -> z3.BoolRef:
        """Whether a call asks for no more than a known one of the same side, or of the other."""
        if known.memory is not memory:
            return FALSE
        pairs = list(zip(known.arguments, arguments, strict=True))
        if not all(same_shape(*pair) for pair in pairs):
            return FALSE
        terms = [same_callee(self.instructions.session.world, known.callee, callee)]
        for before, now in pairs:
            terms.append(ops.refined(before, now))
            if known.side == self.instructions.side.name:
                terms.append(ops.refined(now, before))
        return both(*terms)


def same_callee(world: World, one: str | Scalar, other: str | Scalar) -> z3.BoolRef:
    """Whether two calls are of one function: names, or pointers to the same address."""
    if isinstance(one, str) and isinstance(other, str):
        return TRUE if one == other else FALSE
    if "llvm.trap" in (one, other):
        return FALSE
    bits = [
        world.global_pointer(each) if isinstance(each, str) else each.bits for each in (one, other)
    ]
    if bits[0].eq(bits[1]):
        return TRUE
    return equal(*(addressing.address(world, "src", each) for each in bits))


def same_shape(one: Value, other: Value) -> bool:
    if isinstance(one, Lanes) and isinstance(other, Lanes):
        return len(one.values) == len(other.values) and all(
            map(same_shape, one.values, other.values)
        )
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return bool(one.bits.size() == other.bits.size())
    return False
