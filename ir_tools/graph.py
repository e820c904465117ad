"""A module as a ProGraML graph: instructions, values and types, and what flows between them.

The schema is ProGraML's (Cummins et al., ICML 2021; types as of its release 0.3). Node 0 is the
world outside. Control edges follow the instructions of a block and lead on to its successors. Data
edges go from an instruction to the variable that it defines, and from variables and constants to
the instructions that use them, with the operand's position. Call edges go from a call, and from the
world outside, to the first instruction of each function and back from each of its exits. Type edges
go from a type to what has it, and to the types that are made of it. Texts are as there.

What differs: a variable is one node, as in the paper, where ProGraML's own builder makes one for
each use; invoke and callbr have call edges as call has; unreachable blocks have their edges;
pointers point to no type, since LLVM's have none. The values of a switch's cases, which are no
operands in LLVM 22, keep the positions that they had as such.

What is not covered: metadata, profiles, inline assembly and module-level assembly. Functions that
are only mentioned, not called, are no data.
"""

from __future__ import annotations

import ctypes
import enum
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ir_tools.instructions import (
    CONSTANT_KINDS,
    FUNCTION_KIND,
    INSTRUCTION_KIND,
    NUMBERS,
    OPCODES,
    Block,
    blocks,
    case_values,
    operands,
)
from ir_tools.libllvm import library, take_message
from ir_tools.llvm import Module
from ir_tools.symbols import Function

if TYPE_CHECKING:
    import networkx

_ARGUMENT_KIND = 0  # LLVMValueKind
_SWITCH = NUMBERS["switch"]
_CALLS = frozenset(NUMBERS[name] for name in ("call", "invoke", "callbr"))
# In a function's text an instruction begins after two blanks; what goes on or comes between, a
# switch's cases and debug records among it, stands deeper.
_INSTRUCTION = re.compile(r"^  (?=[^ \]])", re.MULTILINE)
# LLVMTypeKind of the types that are made of others, and the text of their nodes.
_STRUCT, _ARRAY, _POINTER = 10, 11, 12
_COMPOSITE = {_STRUCT: "struct", _ARRAY: "[]", _POINTER: "*", 13: "vector", 17: "vector"}


class NodeType(enum.IntEnum):
    """What a node stands for, by ProGraML's numbers."""

    INSTRUCTION = 0
    VARIABLE = 1
    CONSTANT = 2
    TYPE = 3


class Flow(enum.IntEnum):
    """What flows along an edge, by ProGraML's numbers."""

    CONTROL = 0
    DATA = 1
    CALL = 2
    TYPE = 3


@dataclass(frozen=True, slots=True)
class Node:
    """A node; its number is its place among the nodes.

    `function` is an index of the graph's functions and `block` a number unique in the graph; None
    where a node belongs to none.
    """

    type: NodeType
    text: str
    full_text: str = ""
    function: int | None = None
    block: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge between two nodes; `position` tells a node's edges of one flow apart."""

    flow: Flow
    position: int
    source: int
    target: int


@dataclass(slots=True)
class ProgramGraph:
    """Nodes and edges; plain values, which outlive the module."""

    name: str
    triple: str
    data_layout: str
    functions: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def node_link(self) -> dict[str, Any]:
        """The graph as JSON, as ProGraML and CompilerGym exchange it; None is 0 there.

        Parallel edges have different keys, so that networkx keeps them all.
        """
        features = {"llvm_target_triple": [self.triple], "llvm_data_layout": [self.data_layout]}
        return {
            "directed": True,
            "multigraph": True,
            "graph": {
                "function": [{"name": name, "module": 0} for name in self.functions],
                "module": [{"name": self.name, "features": features}],
            },
            "nodes": [
                {
                    "id": index,
                    "type": int(node.type),
                    "text": node.text,
                    "function": node.function or 0,
                    "block": node.block or 0,
                    "features": {"full_text": [node.full_text]},
                }
                for index, node in enumerate(self.nodes)
            ],
            "links": list(self._links()),
        }

    def _links(self) -> Iterator[dict[str, int]]:
        parallel: dict[tuple[int, int], int] = {}
        for edge in self.edges:
            key = parallel[edge.source, edge.target] = (
                parallel.get((edge.source, edge.target), -1) + 1
            )
            yield {
                "flow": int(edge.flow), "position": edge.position,
                "source": edge.source, "target": edge.target, "key": key,
            }  # fmt: skip

    def to_networkx(self) -> networkx.MultiDiGraph[int]:
        """As ProGraML's `to_networkx`; needs the package networkx."""
        import networkx

        return networkx.node_link_graph(self.node_link(), edges="links")


def program_graph(module: Module) -> ProgramGraph:
    """The graph of a module. Equal modules give equal graphs."""
    return _Builder(module).build()


class _Builder:
    """Builds the graph of one module: instructions and what they use, then calls and constants."""

    def __init__(self, module: Module) -> None:
        self._lib = library()
        self._module = module
        self._graph = ProgramGraph(module.source_name, module.triple, module.data_layout)
        self._instructions: dict[int, int] = {}  # handles to nodes, of all functions
        self._values: dict[int, int] = {}  # the same for variables and constants
        self._types: dict[int, int] = {}
        self._blocks = 0

    def build(self) -> ProgramGraph:
        outside = self._node(NodeType.INSTRUCTION, "[external]")
        functions = list(self._module.functions())
        exits: dict[int, tuple[int, list[int]]] = {}
        bodies = []
        for function in functions:
            body = list(blocks(function.handle))
            bodies.append(body)
            exits[function.handle] = self._function(function, body)
        for function in functions:
            self._call(outside, exits[function.handle])
        for body in bodies:
            for instruction in self._call_sites(body):
                callee = self._lib.LLVMGetCalledValue(instruction)
                if self._lib.LLVMGetValueKind(callee) == FUNCTION_KIND:
                    self._call(self._instructions[instruction], exits[callee])
        return self._graph

    def _node(self, *fields: Any) -> int:
        self._graph.nodes.append(Node(*fields))
        return len(self._graph.nodes) - 1

    def _edge(self, flow: Flow, position: int, source: int, target: int) -> None:
        self._graph.edges.append(Edge(flow, position, source, target))

    # functions, control and calls ---------------------------------------------------------------

    def _function(self, function: Function, body: list[Block]) -> tuple[int, list[int]]:
        """Adds a function; its entry and its exits."""
        number = len(self._graph.functions)
        self._graph.functions.append(function.name)
        if not body:
            node = self._node(NodeType.INSTRUCTION, "; undefined function", "", number)
            return node, [node]
        first_block = self._blocks
        self._body(body, _instruction_texts(function.handle), number)
        for block in body:
            self._data(block, number, first_block)
        return self._instructions[body[0].instructions[0]], self._control(body)

    def _body(self, body: list[Block], texts: list[str], function: int) -> None:
        """Adds the instructions of a function's blocks."""
        assert len(texts) == sum(len(block.instructions) for block in body)
        following = iter(texts)
        for block in body:
            for instruction, opcode in zip(block.instructions, block.opcodes, strict=True):
                self._instructions[instruction] = self._node(
                    NodeType.INSTRUCTION, OPCODES[opcode], next(following), function, self._blocks
                )
            self._blocks += 1

    def _control(self, body: list[Block]) -> list[int]:
        """Adds a function's control edges; the instructions by which it ends."""
        entries = {block.handle: self._instructions[block.instructions[0]] for block in body}
        exits = []
        for block in body:
            nodes = [self._instructions[instruction] for instruction in block.instructions]
            for source, target in itertools.pairwise(nodes):
                self._edge(Flow.CONTROL, 0, source, target)
            successors = block.successors()
            for position, successor in enumerate(successors):
                self._edge(Flow.CONTROL, position, nodes[-1], entries[successor])
            if not successors:
                exits.append(nodes[-1])
        return exits

    def _call_sites(self, body: list[Block]) -> Iterator[int]:
        for block in body:
            for instruction, opcode in zip(block.instructions, block.opcodes, strict=True):
                if opcode in _CALLS:
                    yield instruction

    def _call(self, site: int, function: tuple[int, list[int]]) -> None:
        entry, exits = function
        self._edge(Flow.CALL, 0, site, entry)
        for node in exits:
            self._edge(Flow.CALL, 0, node, site)

    # data and types -----------------------------------------------------------------------------

    def _data(self, block: Block, function: int, first_block: int) -> None:
        for instruction, opcode in zip(block.instructions, block.opcodes, strict=True):
            used = list(enumerate(operands(instruction)))
            if opcode == _SWITCH:
                used += [(2 * i, value) for i, value in enumerate(case_values(instruction), 1)]
            for position, value in used:
                node = self._value(value, function, first_block)
                if node is not None:
                    self._edge(Flow.DATA, position, node, self._instructions[instruction])

    def _value(self, handle: int, function: int, first_block: int) -> int | None:
        """The node of a variable or constant; None for what is no data."""
        if handle not in self._values:
            kind = self._lib.LLVMGetValueKind(handle)
            if kind == INSTRUCTION_KIND:
                self._values[handle] = self._result(handle)
            elif kind == _ARGUMENT_KIND:
                text = _printed(handle)
                self._values[handle] = self._node(
                    NodeType.VARIABLE, "var", text, function, first_block
                )
            elif kind in CONSTANT_KINDS and kind != FUNCTION_KIND:
                self._values[handle] = self._node(NodeType.CONSTANT, "val", _printed(handle))
            else:
                return None
            self._edge(Flow.TYPE, 0, self._type(self._lib.LLVMTypeOf(handle)), self._values[handle])
        return self._values[handle]

    def _result(self, instruction: int) -> int:
        """The variable that an instruction defines."""
        definition = self._instructions[instruction]
        node = self._graph.nodes[definition]
        name = node.full_text.partition(" = ")[0]
        full_text = f"{_type_text(self._lib.LLVMTypeOf(instruction))} {name}"
        variable = self._node(NodeType.VARIABLE, "var", full_text, node.function, node.block)
        self._edge(Flow.DATA, 0, definition, variable)
        return variable

    def _type(self, handle: int) -> int:
        if handle not in self._types:
            self._types[handle] = self._new_type(handle)
        return self._types[handle]

    def _new_type(self, handle: int) -> int:
        """A type's node. Those of a struct's members are its own; others are shared."""
        lib, kind = self._lib, self._lib.LLVMGetTypeKind(handle)
        text = _type_text(handle)
        node = self._node(NodeType.TYPE, _COMPOSITE.get(kind, text), text)
        if kind == _STRUCT:
            members = (ctypes.c_void_p * lib.LLVMCountStructElementTypes(handle))()
            lib.LLVMGetStructElementTypes(handle, members)
            for position, member in enumerate(members):
                self._edge(Flow.TYPE, position, self._new_type(member or 0), node)
        elif kind in _COMPOSITE and kind != _POINTER:
            self._edge(Flow.TYPE, 0, self._type(lib.LLVMGetElementType(handle)), node)
        return node


def _printed(handle: int) -> str:
    return take_message(library().LLVMPrintValueToString(handle)).strip()


def _type_text(handle: int) -> str:
    return take_message(library().LLVMPrintTypeToString(handle))


def _instruction_texts(function: int) -> list[str]:
    """The text of each of a function's instructions, in order.

    The function is printed once: LLVM numbers all of it anew for each instruction printed alone.
    """
    _, _, body = _printed(function).partition("{\n")
    return [_joined(part) for part in _INSTRUCTION.split(body)[1:]]


def _joined(part: str) -> str:
    """An instruction's lines without the label, debug record or brace that follows them."""
    lines = part.splitlines()
    own = [lines[0]]
    for line in lines[1:]:
        if not line.startswith(" ") or line.lstrip().startswith("#dbg"):
            break
        own.append(line.strip())
    return " ".join(own)
