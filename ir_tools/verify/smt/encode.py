"""One function as a formula: control flow unrolled, states joined with ite, one value a name."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace

import z3

from ir_tools.verify import ir
from ir_tools.verify.smt import ops
from ir_tools.verify.smt import state as states
from ir_tools.verify.smt.graph import Graph, Node
from ir_tools.verify.smt.instructions import Instructions
from ir_tools.verify.smt.logic import TRUE, equal, negate
from ir_tools.verify.smt.path import start
from ir_tools.verify.smt.promises import Promises
from ir_tools.verify.smt.session import Session, Side
from ir_tools.verify.smt.state import Behaviour, State
from ir_tools.verify.smt.values import BudgetError, Scalar, UnsupportedError, Value

_MOST_NODES = 2000


def encode(session: Session, side: Side, unroll: int) -> Behaviour:
    """All that a function can do, with loops unrolled so many times."""
    return _Encoder(session, side, unroll).run()


@dataclass(slots=True)
class _Encoder:
    session: Session
    side: Side
    unroll: int
    graph: Graph = field(init=False)
    behaviour: Behaviour = field(init=False)
    instructions: Instructions = field(init=False)
    _live: dict[str, frozenset[str]] = field(init=False)
    _queue: list[Node] = field(default_factory=list)
    _arriving: dict[Node, list[State]] = field(default_factory=dict)
    _returning: list[tuple[State, Value | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.graph = Graph(self.side.function, self.unroll)
        self._live = self.graph.live()
        self.behaviour = Behaviour()
        self.instructions = Instructions(self.session, self.side, self.behaviour)

    def run(self) -> Behaviour:
        entry = State(start(), {}, self.session.memory(self.side))
        self.session.world.evaluate = lambda value: self.instructions.value(entry, value)
        promises = Promises(self.session, self.side)
        for index, parameter in enumerate(self.side.function.parameters):
            entry.values[parameter.name] = promises.argument(entry, index, parameter)
        self._arrive(self.graph.start(), entry)
        nodes = 0
        while self._queue:
            nodes += 1
            if nodes > _MOST_NODES:
                raise BudgetError(f"more than {_MOST_NODES} blocks after unrolling")
            node = heapq.heappop(self._queue)
            self._block(node, states.join(self._arriving.pop(node)))
        self._finish(promises)
        return self.behaviour

    def _block(self, node: Node, state: State) -> None:
        state = replace(state, values=dict(state.values), ub=dict(state.ub))
        block = self.graph.blocks[node.block]
        self.session.budget.step(len(block.instructions))
        for instruction in block.instructions[:-1]:
            if instruction.opcode == "phi":
                value = state.values[instruction.name]
                state.values[instruction.name] = self.instructions.flagged(instruction, value)
            elif not self.instructions.execute(state, instruction) or z3.is_true(state.has_failed):
                self.behaviour.fail(state)
                return
        self._terminator(node, state, block.terminator)

    def _terminator(self, node: Node, state: State, instruction: ir.Instruction) -> None:
        match instruction.opcode:
            case "br" | "switch":
                self._branch(node, state, instruction)
                return
            case "ret":
                value = None
                if instruction.operands:
                    value = self.instructions.use(state, instruction.operands[0])
                self._returning.append((state, value))
                return
            case "unreachable":
                state.fail(TRUE)
            case other:
                raise UnsupportedError(f"{other}")
        self.behaviour.fail(state)

    # branches -----------------------------------------------------------------------------------

    def _branch(self, node: Node, state: State, instruction: ir.Instruction) -> None:
        targets = instruction.targets
        edges = [(TRUE, targets[0])]
        if instruction.operands:
            condition = self.instructions.use(state, instruction.operands[0])
            assert isinstance(condition, Scalar)
            state.fail(ops.ill_defined(condition, self.side.choices))
            edges = _edges(condition, instruction)
        paths: dict[str, list[State]] = {}
        before = state.path
        for literals, target in edges:
            path = before
            for literal in literals if isinstance(literals, list) else [literals]:
                path = path.and_(literal)
            if not path.is_impossible:
                paths.setdefault(target, []).append(replace(state, path=path))
        if not paths or z3.is_true(state.has_failed):
            self.behaviour.fail(state)
            return
        for target, arriving in paths.items():
            self._follow(node, target, states.join(arriving))

    def _follow(self, node: Node, target: str, state: State) -> None:
        following = self.graph.follow(node, target)
        if following is None:
            self.behaviour.go_beyond(state)
            self.behaviour.fail(state)
            return
        values = {
            name: state.values[name] for name in sorted(self._live[target]) if name in state.values
        }
        for phi in self.graph.blocks[target].instructions:
            if phi.opcode != "phi":
                break
            incoming = phi.operands[phi.targets.index(node.block)]
            values[phi.name] = self.instructions.value(state, incoming)
        self._arrive(following, replace(state, values=values))

    def _arrive(self, node: Node, state: State) -> None:
        if node not in self._arriving:
            self._arriving[node] = []
            heapq.heappush(self._queue, node)
        self._arriving[node].append(state)

    # the end ------------------------------------------------------------------------------------

    def _finish(self, promises: Promises) -> None:
        """All returns as one."""
        ends = []
        for state, value in self._returning:
            if "noreturn" in self.side.function.attributes:
                state.fail(TRUE)
            result = {} if value is None else {"": promises.returned(state, value)}
            self.behaviour.fail(state)
            ends.append(replace(state, values=result))
        if ends:
            self.behaviour.returned = states.join(ends)
            self.behaviour.value = self.behaviour.returned.values.get("")


def _edges(condition: Scalar, instruction: ir.Instruction) -> list[tuple[list[z3.BoolRef], str]]:
    """Where a conditional branch goes, each with the literals that must hold for it."""
    if instruction.opcode == "br":
        taken = z3.simplify(ops.is_set(condition))
        first, second = instruction.targets
        return [([taken], first), ([negate(taken)], second)]
    default, *targets = instruction.targets
    before: list[z3.BoolRef] = []
    edges = []
    for case, target in zip(instruction.cases, targets, strict=True):
        number = z3.BitVecVal(case, condition.bits.size())
        found = z3.simplify(equal(condition.bits, number))
        edges.append(([*before, found], target))
        before.append(negate(found))
    return [*edges, (before, default)]
