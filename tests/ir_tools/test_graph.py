"""`ir_tools.graph`: a small graph drawn by hand, and laws on real programs."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest

from ir_tools.features import inst_count
from ir_tools.graph import Edge, Flow, Node, NodeType, ProgramGraph, program_graph
from ir_tools.instructions import blocks
from ir_tools.libllvm import library
from ir_tools.llvm import Context, Module
from ir_tools.target import Target
from tests.ir_tools.conftest import Program

SMALL = """
source_filename = "small.c"
target triple = "x86_64-unknown-linux-gnu"
declare i32 @g(i32)
define i32 @f(i1 %c, i32 %unused) {
  br i1 %c, label %a, label %b
a:
  %x = call i32 @g(i32 7)
  ret i32 %x
b:
  ret i32 7
}
"""

SWITCH = """
define void @f(i8 %x) {
  switch i8 %x, label %no [ i8 3, label %yes
                            i8 4, label %yes ]
yes:
  ret void
no:
  unreachable
}
"""

TYPES = """
%pair = type { i32, [4 x i32] }
define <2 x float> @f(%pair %p, ptr %q, <2 x float> %v) {
  %i = extractvalue %pair %p, 0
  store i32 %i, ptr %q
  ret <2 x float> %v
}
"""

AWKWARD = r"""
declare i32 @personality(...)
declare void @may_throw()
@"odd ] name" = global i8 0
define i32 @"a ; b"(i1 %"{", ptr %0) personality ptr @personality {
  %2 = load i8, ptr @"odd ] name"
  invoke void @may_throw()
          to label %fine unwind label %pad
fine:
  ret i32 1
pad:
  %l = landingpad { ptr, i32 }
          cleanup
          catch ptr null
  %e = extractvalue { ptr, i32 } %l, 1
  ret i32 %e
}
"""


def by_text(graph: ProgramGraph, flow: Flow) -> Counter[tuple[str, str, int]]:
    """The edges of a kind as the full texts of their ends, or their texts where there is none."""
    names = [node.full_text or node.text for node in graph.nodes]
    return Counter(
        (names[edge.source], names[edge.target], edge.position)
        for edge in graph.edges
        if edge.flow is flow
    )


def graph_of(text: str, context: Context) -> ProgramGraph:
    with context.parse(text) as module:
        return program_graph(module)


def test_a_small_graph_is_as_drawn(context: Context) -> None:
    graph = graph_of(SMALL, context)
    br, call, ret, other = (
        "br i1 %c, label %a, label %b", "%x = call i32 @g(i32 7)", "ret i32 %x", "ret i32 7",
    )  # fmt: skip
    instruction, variable = NodeType.INSTRUCTION, NodeType.VARIABLE
    assert graph.functions == ["g", "f"]
    assert (graph.name, graph.triple) == ("small.c", "x86_64-unknown-linux-gnu")
    assert Counter(graph.nodes) == Counter(
        [
            Node(instruction, "[external]"),
            Node(instruction, "; undefined function", "", 0),
            Node(instruction, "br", br, 1, 0),
            Node(instruction, "call", call, 1, 1),
            Node(instruction, "ret", ret, 1, 1),
            Node(instruction, "ret", other, 1, 2),
            Node(variable, "var", "i1 %c", 1, 0),
            Node(variable, "var", "i32 %x", 1, 1),
            Node(NodeType.CONSTANT, "val", "i32 7"),
            Node(NodeType.TYPE, "i1", "i1"),
            Node(NodeType.TYPE, "i32", "i32"),
        ]
    )
    assert by_text(graph, Flow.CONTROL) == Counter([(br, call, 0), (br, other, 1), (call, ret, 0)])
    assert by_text(graph, Flow.DATA) == Counter(
        [
            ("i1 %c", br, 0), ("i32 7", call, 0), (call, "i32 %x", 0), ("i32 %x", ret, 0),
            ("i32 7", other, 0),
        ]
    )  # fmt: skip
    outside, g = "[external]", "; undefined function"
    assert by_text(graph, Flow.CALL) == Counter(
        [
            (outside, g, 0), (g, outside, 0), (call, g, 0), (g, call, 0),
            (outside, br, 0), (ret, outside, 0), (other, outside, 0),
        ]
    )  # fmt: skip
    assert by_text(graph, Flow.TYPE) == Counter(
        [("i1", "i1 %c", 0), ("i32", "i32 7", 0), ("i32", "i32 %x", 0)]
    )


def test_a_switch_has_an_edge_for_each_case_and_its_value(context: Context) -> None:
    graph = graph_of(SWITCH, context)
    switch = graph.nodes[1].full_text
    assert switch == "switch i8 %x, label %no [ i8 3, label %yes i8 4, label %yes ]"
    assert by_text(graph, Flow.CONTROL) == Counter(
        [(switch, "unreachable", 0), (switch, "ret void", 1), (switch, "ret void", 2)]
    )
    assert by_text(graph, Flow.DATA) == Counter(
        [("i8 %x", switch, 0), ("i8 3", switch, 2), ("i8 4", switch, 4)]
    )


def test_types_are_made_of_types(context: Context) -> None:
    graph = graph_of(TYPES, context)
    texts = Counter(node.text for node in graph.nodes if node.type is NodeType.TYPE)
    # The members of a struct are nodes of their own; the element of an array is shared.
    assert texts == {"struct": 1, "[]": 1, "*": 1, "vector": 1, "float": 1, "i32": 2}
    made = {edge for edge in by_text(graph, Flow.TYPE) if "%p" not in edge[1].split()[-1]}
    pair = "%pair = type { i32, [4 x i32] }"
    assert {
        ("i32", pair, 0), ("[4 x i32]", pair, 1), ("i32", "[4 x i32]", 0),
        ("float", "<2 x float>", 0), ("i32", "i32 %i", 0), ("ptr", "ptr %q", 0),
    } <= made  # fmt: skip


def test_instructions_of_several_lines_and_odd_names_are_told_apart(context: Context) -> None:
    graph = graph_of(AWKWARD, context)
    texts = [n.full_text for n in graph.nodes if n.type is NodeType.INSTRUCTION and n.full_text]
    assert texts == [
        '%2 = load i8, ptr @"odd ] name", align 1',
        "invoke void @may_throw() to label %fine unwind label %pad",
        "ret i32 1",
        "%l = landingpad { ptr, i32 } cleanup catch ptr null",
        "%e = extractvalue { ptr, i32 } %l, 1",
        "ret i32 %e",
    ]
    invoke = texts[1]
    assert by_text(graph, Flow.CALL)[invoke, "; undefined function", 0] == 1


def test_an_empty_module_is_the_world_outside(context: Context) -> None:
    graph = graph_of("", context)
    assert (graph.nodes, graph.edges) == ([Node(NodeType.INSTRUCTION, "[external]")], [])


@pytest.mark.parametrize("flags", [(), ("-g",)], ids=["plain", "debug"])
@pytest.mark.parametrize("pipeline", ["", "default<Oz>"])
@pytest.mark.parametrize("name", ["json.c", "vm.c"])
def test_the_graphs_of_programs_keep_the_laws(
    name: str, pipeline: str, flags: tuple[str, ...], program: Program, context: Context
) -> None:
    with context.parse(program(name, *flags)) as module, Target(module=module) as target:
        module.run(pipeline, target)
        graph = program_graph(module)
        check_instructions_and_control(graph, module)
        check_calls(graph, module)
        with module.clone() as copy:
            assert program_graph(copy) == graph
    check_data(graph)
    assert pickle.loads(pickle.dumps(graph)) == graph


def check_instructions_and_control(graph: ProgramGraph, module: Module) -> None:
    """Each instruction is one node, and control edges are the CFG."""
    bodies = [list(blocks(function.handle)) for function in module.functions()]
    inner = sum(len(block.instructions) - 1 for body in bodies for block in body)
    between = sum(len(block.successors()) for body in bodies for block in body)
    instructions = [node for node in graph.nodes if node.type is NodeType.INSTRUCTION]
    declared = sum(not body for body in bodies)
    assert len(instructions) == 1 + declared + inst_count(module)[0]
    control = [edge for edge in graph.edges if edge.flow is Flow.CONTROL]
    assert len(control) == inner + between
    for edge in control:
        source, target = graph.nodes[edge.source], graph.nodes[edge.target]
        assert source.type is target.type is NodeType.INSTRUCTION
        assert source.function == target.function
    by_block = Counter(node.block for node in instructions if node.block is not None)
    assert sorted(by_block.values()) == sorted(len(b.instructions) for body in bodies for b in body)


def check_calls(graph: ProgramGraph, module: Module) -> None:
    """The outside calls every function; what is called returns to where it was called."""
    lib = library()
    nodes = iter(index for index, node in enumerate(graph.nodes) if is_inside(node))
    ends: dict[int, tuple[int, list[int]]] = {}
    sites: list[tuple[int, int]] = []
    for function in module.functions():
        body = list(blocks(function.handle))
        own = {i: next(nodes) for block in body for i in block.instructions}
        undefined = [] if body else [next(nodes)]
        last = [own[b.instructions[-1]] for b in body if not b.successors()] or undefined
        ends[function.handle] = [*own.values(), *undefined][0], last
        direct = [i for i in own if lib.LLVMIsACallInst(i)]
        sites += [(own[i], lib.LLVMGetCalledValue(i)) for i in direct]
    sites += [(0, function) for function in ends]
    expected = Counter[tuple[int, int]]()
    for site, callee in sites:
        entry, exits = ends.get(callee, (None, []))
        expected.update((exit_, site) for exit_ in exits)
        if entry is not None:
            expected[site, entry] += 1
    assert expected == Counter((e.source, e.target) for e in graph.edges if e.flow is Flow.CALL)


def is_inside(node: Node) -> bool:
    return node.type is NodeType.INSTRUCTION and node.function is not None


def check_data(graph: ProgramGraph) -> None:
    """A variable has at most one definition, some use and one type; edges join what they may."""
    into, out = Counter[tuple[Flow, int]](), Counter[tuple[Flow, int]]()
    for edge in graph.edges:
        into[edge.flow, edge.target] += 1
        out[edge.flow, edge.source] += 1
        if edge.flow is Flow.DATA:
            kinds = {graph.nodes[edge.source].type, graph.nodes[edge.target].type}
            assert NodeType.INSTRUCTION in kinds
            assert len(kinds) == 2
    for index, node in enumerate(graph.nodes):
        if node.type in (NodeType.VARIABLE, NodeType.CONSTANT):
            assert into[Flow.DATA, index] <= (node.type is NodeType.VARIABLE)
            assert out[Flow.DATA, index] >= 1
            assert into[Flow.TYPE, index] == 1
        elif node.type is NodeType.TYPE:
            assert out[Flow.TYPE, index] >= 1


def test_networkx_gets_every_node_and_edge_under_programls_names(context: Context) -> None:
    networkx = pytest.importorskip("networkx", reason="networkx is not installed")
    graph = graph_of(SWITCH, context)
    theirs = graph.to_networkx()
    assert isinstance(theirs, networkx.MultiDiGraph)
    assert dict(theirs.nodes[1]) == {
        "type": 0, "text": "switch", "function": 0, "block": 0,
        "features": {"full_text": [graph.nodes[1].full_text]},
    }  # fmt: skip
    edges = [
        Edge(Flow(data["flow"]), data["position"], source, target)
        for source, target, data in theirs.edges(data=True)
    ]
    assert Counter(edges) == Counter(graph.edges)
    assert theirs.number_of_nodes() == len(graph.nodes)
    assert theirs.graph["function"] == [{"name": "f", "module": 0}]
