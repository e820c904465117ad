"""The control-flow graph of a function unrolled into an acyclic one.

A node is a block with the number of the iteration, from zero, of each loop around it. Natural loops
are covered, nested ones too; a graph that is not reducible is unsupported.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ir_tools.verify import ir
from ir_tools.verify.smt.values import UnsupportedError


@dataclass(frozen=True, order=True, slots=True)
class Node:
    """A copy of a block. `order` sorts nodes so that every edge goes forward."""

    order: tuple[int, ...]
    block: str = field(compare=False)
    rounds: tuple[int, ...] = field(compare=False)


class Graph:
    def __init__(self, function: ir.Function, unroll: int) -> None:
        self.blocks = {block.name: block for block in function.blocks}
        self.entry = function.blocks[0].name
        self._unroll = unroll
        self._next = {
            name: tuple(dict.fromkeys(block.terminator.targets)) if _branches(block) else ()
            for name, block in self.blocks.items()
        }
        self._position = {
            name: i for i, name in enumerate(_reverse_postorder(self._next, self.entry))
        }
        self._before = _predecessors(self._next, self._position)
        self._loops = self._find_loops()

    def start(self) -> Node:
        return self._node(self.entry, {})

    def follow(self, node: Node, target: str) -> Node | None:
        """The copy of `target` that an edge leads to; None beyond the bound."""
        rounds = dict(zip(self._around(node.block), node.rounds, strict=True))
        if target in self._loops and node.block in self._loops[target]:
            rounds[target] += 1
            if rounds[target] > self._unroll:
                return None
        return self._node(target, rounds)

    def live(self) -> dict[str, frozenset[str]]:
        """The locals that each block needs from before it, its phis' own apart."""
        live = {name: frozenset[str]() for name in self.blocks}
        changed = True
        while changed:
            changed = False
            for name in sorted(self._position, key=self._position.__getitem__, reverse=True):
                needed = _needed(
                    self.blocks[name], [self._live_into(name, t, live) for t in self._next[name]]
                )
                changed |= needed != live[name]
                live[name] = needed
        return live

    def _live_into(
        self, source: str, target: str, live: dict[str, frozenset[str]]
    ) -> frozenset[str]:
        used = set(live[target])
        for phi in self.blocks[target].instructions:
            if phi.opcode != "phi":
                break
            for value, block in zip(phi.operands, phi.targets, strict=True):
                if block == source and isinstance(value, ir.Local):
                    used.add(value.name)
        return frozenset(used)

    def _node(self, block: str, rounds: dict[str, int]) -> Node:
        around = self._around(block)
        order: list[int] = []
        for header in around:
            order += [self._position[header], rounds.get(header, 0)]
        numbers = tuple(rounds.get(header, 0) for header in around)
        return Node((*order, self._position[block]), block, numbers)

    def _around(self, block: str) -> list[str]:
        """The headers of the loops around a block, outermost first."""
        headers = [header for header, body in self._loops.items() if block in body]
        return sorted(headers, key=lambda header: len(self._loops[header]), reverse=True)

    def _find_loops(self) -> dict[str, set[str]]:
        """The bodies of natural loops, by header."""
        dominators = self._dominators()
        loops: dict[str, set[str]] = {}
        for tail in self._position:
            for header in self._next[tail]:
                if header in dominators[tail]:
                    loops.setdefault(header, {header}).update(self._body(header, tail))
                elif self._position[header] <= self._position[tail]:
                    raise UnsupportedError("irreducible control flow")
        return loops

    def _body(self, header: str, tail: str) -> set[str]:
        body, pending = {header}, [tail]
        while pending:
            block = pending.pop()
            if block not in body:
                body.add(block)
                pending += self._before[block]
        return body

    def _dominators(self) -> dict[str, set[str]]:
        everything = set(self._position)
        found = dict.fromkeys(self._position, everything) | {self.entry: {self.entry}}
        changed = True
        while changed:
            changed = False
            for name in self._position:
                before = [found[each] for each in self._before[name]]
                new = {name} | (set.intersection(*before) if before else set())
                if name != self.entry and new != found[name]:
                    found[name], changed = new, True
        return found


def _branches(block: ir.Block) -> bool:
    return block.terminator.opcode in ("br", "switch")


def _needed(block: ir.Block, after: list[frozenset[str]]) -> frozenset[str]:
    needed = set[str]().union(*after)
    for instruction in reversed(block.instructions):
        needed.discard(instruction.name)
        if instruction.opcode != "phi":
            operands = list(instruction.operands)
            if instruction.call:
                operands.append(instruction.call.callee)
                operands += [value for _, values in instruction.call.bundles for value in values]
            needed.update(value.name for value in operands if isinstance(value, ir.Local))
    return frozenset(needed)


def _reverse_postorder(following: dict[str, tuple[str, ...]], entry: str) -> list[str]:
    order: list[str] = []
    seen, stack = {entry}, [(entry, iter(following[entry]))]
    while stack:
        block, rest = stack[-1]
        for target in rest:
            if target not in seen:
                seen.add(target)
                stack.append((target, iter(following[target])))
                break
        else:
            stack.pop()
            order.append(block)
    return order[::-1]


def _predecessors(
    following: dict[str, tuple[str, ...]], reachable: dict[str, int]
) -> dict[str, list[str]]:
    before: dict[str, list[str]] = {name: [] for name in reachable}
    for name in reachable:
        for target in following[name]:
            before[target].append(name)
    return before
