"""Refinement of functions as formulas, after Alive2 (Lopes et al., PLDI 2021).

added.py           promises that the target makes and the source does not: checked, or unsupported
addresses.py       instructions on pointers and memory: what they ask of `smt.memory`
addressing.py      what is calculated from pointers without reading memory: steps, comparisons
bounds.py          how the bounds of a block hang together: facts that spare the solver arithmetic
budget.py          what a check may spend, counted without a clock
bytes.py           runs of bytes as scalars, and how values of LLVM's types are laid out in them
calls.py           calls: intrinsics by what they mean
captures.py        which allocas' addresses may leave their function
constants.py       what constant globals hold, as the events that would have written it
corners.py         arguments pinned to a few values, where the question is too hard without
effects.py         what a call may do: the attributes of the call and of its callee
encode.py          one function as a formula: control flow unrolled, states joined with ite
floats.py          floating-point operations on bit patterns
graph.py           the control-flow graph of a function unrolled into an acyclic one
instructions.py    what each instruction does to the state, by opcode
intrinsic_calls.py calls of LLVM's intrinsics: which table each belongs to
intrinsics.py      intrinsics that calculate: a table by name, one scalar function each
library.py         the functions that LLVM knows by name, and so changes calls of
liveness.py        which blocks are alive at a point of a function
logic.py           boolean connectives that fold constants at once
memory.py          memory of one side at one point of a function, as a value
nodes.py           what has happened to memory, as a graph that is read backwards
observing.py       refinement of memories: all that the caller, or a callee, can see in them
ops.py             integer, cast, compare and vector operations on symbolic values
ordered.py         volatile and atomic accesses, and fences, as events
origins.py         what pointers are based on, by the text: allocas, arguments, globals
path.py            under which condition a point of a function is reached
pointers.py        pointers as bit-vectors: a block's number above an offset into it
promises.py        attributes and metadata that promise something of a value
reading.py         what memory holds at a place
refine.py          does a target refine a source? The SMT judge's answer
relation.py        when a target's behaviour is allowed by a source's, one law each
replay.py          a counterexample as an input of the interpreter, which has to confirm it
rights.py          what a function may read and write by its own attributes
session.py         one check: what source and target share, and what each side has of its own
solve.py           the question that refinement asks of z3, and its answer
state.py           what is known at a point of a function, how such states are joined
tags.py            which bytes in memory are parts of pointers other than null
values.py          symbolic values: bits, when they are poison, and what of them is undef
world.py           what source and target share: the blocks that the caller knows
"""
