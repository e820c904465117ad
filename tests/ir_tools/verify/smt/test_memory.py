"""Laws of symbolic memory, each with a twin that has to be refused."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import z3

from ir_tools.llvm import Context
from ir_tools.verify import ir
from ir_tools.verify.reader import read_module
from ir_tools.verify.smt.bounds import Bounds
from ir_tools.verify.smt.captures import Captures
from ir_tools.verify.smt.memory import Memory
from ir_tools.verify.smt.observing import refines
from ir_tools.verify.smt.pointers import join, place
from ir_tools.verify.smt.values import Choices, Lanes, Scalar, Value
from ir_tools.verify.smt.world import World

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
POINTER = ir.PointerType()
PAIR = ir.StructType((I8, I32))
TEXT = """
target datalayout = "e-p:64:64-i64:64-n8:16:32:64"
@table = constant [4 x i16] [i16 10, i16 20, i16 30, i16 40], align 2
@pointers = constant [2 x ptr] [ptr @table, ptr null]
@pair = constant {i8, i32} {i8 1, i32 2}
@variable = global i32 0
@other = global i32 0
@outside = external global i32

declare void @types(i1, i8, i16, i32, i64, i12, float, double, i128)

define {i8, i32} @f(ptr %p) {
  %a = alloca i32
  %b = alloca [4 x i8]
  %c = alloca ptr
  %g = getelementptr i8, ptr %b, i64 1
  store ptr %g, ptr %c
  %v = load i32, ptr %a
  %w = load <4 x i16>, ptr %p
  %x = load <8 x i1>, ptr %p
  ret {i8, i32} zeroinitializer
}
"""


@functools.cache
def module() -> ir.Module:
    with Context() as context, context.parse(TEXT, "test") as parsed:
        return read_module(parsed)


@dataclass
class Bench:
    """Both sides' memories at their beginning."""

    world: World = field(default_factory=lambda: World(module(), module(), []))

    def __post_init__(self) -> None:
        layout = module().layout
        self.source = Memory.start(self.world, Choices("src"), layout)
        self.target = Memory.start(self.world, Choices("tgt"), layout)

    def pointer(self, name: str) -> Scalar:
        return Scalar(self.world.argument(name), z3.BoolVal(False))

    def variable(self, name: str) -> Scalar:
        return Scalar(self.world.global_pointer(name), z3.BoolVal(False))

    def holds(self, claim: z3.BoolRef, *given: z3.BoolRef) -> bool:
        solver = z3.Solver()
        solver.set("timeout", 20_000)
        solver.add(*self.world.assumptions, *given, z3.Not(claim))
        answer = solver.check()
        assert answer != z3.unknown
        return bool(answer == z3.unsat)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def number(value: int, bits: int = 32) -> Scalar:
    return Scalar(z3.BitVecVal(value, bits), z3.BoolVal(False))


def variable(name: str, bits: int = 32) -> Scalar:
    return Scalar(z3.BitVec(name, bits), z3.BoolVal(False))


def poison(bits: int = 32) -> Scalar:
    return Scalar(z3.BitVecVal(0, bits), z3.BoolVal(True))


def load(memory: Memory, pointer: Scalar, type_: ir.Type = I32, align: int = 1) -> Scalar:
    value, _ = memory.load(pointer, type_, align)
    assert isinstance(value, Scalar)
    return value


def store(
    memory: Memory, pointer: Scalar, value: Value, type_: ir.Type = I32, align: int = 1
) -> Memory:
    return memory.store(pointer, value, type_, align)[0]


def moved(memory: Memory, pointer: Scalar, distance: int | Scalar, *flags: str) -> Scalar:
    index = number(distance % 2**64, 64) if isinstance(distance, int) else distance
    return memory.gep(pointer, [(index, 1)], frozenset(flags))


def alloca(memory: Memory, size: int, align: int = 8, captured: bool = False) -> Scalar:
    return memory.alloca(number(size, 64), align, captured=captured)[1]


# what was stored is loaded ----------------------------------------------------------------------


@pytest.mark.parametrize("place", ["argument", "alloca", "global"])
def test_a_load_gives_the_very_term_that_was_stored(bench: Bench, place: str) -> None:
    memory = bench.source
    pointer = {
        "argument": lambda: bench.pointer("p"),
        "alloca": lambda: alloca(memory, 4),
        "global": lambda: bench.variable("variable"),
    }[place]()
    value = variable("x")
    found = load(store(memory, pointer, value), pointer)
    assert found.bits.eq(value.bits)
    assert z3.is_false(found.poison)
    assert not load(memory, pointer).bits.eq(value.bits)


def test_fields_at_known_distances_do_not_disturb_one_another(bench: Bench) -> None:
    p, memory = bench.pointer("p"), bench.source
    memory = store(memory, p, variable("x"))
    memory = store(memory, moved(memory, p, 4), variable("y"))
    assert load(memory, p).bits.eq(z3.BitVec("x", 32))
    assert load(memory, moved(memory, p, 4)).bits.eq(z3.BitVec("y", 32))
    overlapping = store(memory, moved(memory, p, 3), variable("z"))
    assert not bench.holds(load(overlapping, p).bits == z3.BitVec("x", 32))


def test_a_wide_load_joins_narrow_stores(bench: Bench) -> None:
    p, memory, x = bench.pointer("p"), bench.source, z3.BitVec("x", 32)
    for k in range(4):
        byte = Scalar(z3.Extract(8 * k + 7, 8 * k, x), z3.BoolVal(False))
        memory = store(memory, moved(memory, p, k), byte, I8)
    assert load(memory, p).bits.eq(x)
    memory = store(memory, p, number(0, 8), I8)
    assert not bench.holds(load(memory, p).bits == x)


def test_a_narrow_load_takes_a_part(bench: Bench) -> None:
    p, memory = bench.pointer("p"), bench.source
    memory = store(memory, p, number(0x11223344))
    assert load(memory, p, I8).bits.as_long() == 0x44
    assert load(memory, moved(memory, p, 2), I16).bits.as_long() == 0x1122


def test_arguments_may_be_the_same_place(bench: Bench) -> None:
    p, q, memory = bench.pointer("p"), bench.pointer("q"), bench.source
    fine = [z3.Not(memory.store(each, number(0), I32, 4)[1]) for each in (p, q)]
    memory = store(store(memory, p, number(1), align=4), q, number(2), align=4)
    found = load(memory, p, align=4).bits
    assert bench.holds(z3.Or(found == 1, found == 2), *fine)
    assert bench.holds(found == 1, p.bits != q.bits, *fine)
    assert not bench.holds(found == 1, *fine)


def test_unaligned_arguments_may_overlap_in_part(bench: Bench) -> None:
    p, q, memory = bench.pointer("p"), bench.pointer("q"), bench.source
    memory = store(store(memory, p, number(1)), q, number(2))
    found = load(memory, p).bits
    assert not bench.holds(z3.Or(found == 1, found == 2))
    assert bench.holds(found == 0x201, q.bits == moved(memory, p, 1).bits)


def test_allocations_globals_and_arguments_are_apart(bench: Bench) -> None:
    memory, p, g = bench.source, bench.pointer("p"), bench.variable("variable")
    a, b = alloca(memory, 4), alloca(memory, 4)
    for pointer, value in ((a, 1), (b, 2), (p, 3)):
        memory = store(memory, pointer, number(value))
    assert [load(memory, each).bits.as_long() for each in (a, b)] == [1, 2]
    assert bench.holds(load(memory, p).bits == 3)
    assert not bench.holds(load(store(memory, g, number(4)), p).bits == 3)


def test_an_index_into_an_alloca_finds_each_element(bench: Bench) -> None:
    memory = bench.source
    a, i, j = alloca(memory, 16), variable("i", 64), variable("j", 64)
    memory = store(memory, memory.gep(a, [(i, 4)], frozenset()), number(7), align=4)
    memory = store(memory, memory.gep(a, [(j, 4)], frozenset()), number(9), align=4)
    found = load(memory, memory.gep(a, [(i, 4)], frozenset()), align=4).bits
    below = (z3.ULT(i.bits, 4), z3.ULT(j.bits, 4))
    assert bench.holds(found == z3.If(i.bits == j.bits, z3.BitVecVal(9, 32), 7), *below)
    assert not bench.holds(found == 7, *below)


def test_a_choice_of_pointers_writes_only_one(bench: Bench) -> None:
    memory, c = bench.source, z3.Bool("c")
    a, b = alloca(memory, 4), alloca(memory, 4)
    memory = store(store(memory, a, number(1)), b, number(2))
    chosen = Scalar(z3.If(c, a.bits, b.bits), z3.BoolVal(False))
    memory = store(memory, chosen, number(3))
    assert bench.holds(load(memory, a).bits == z3.If(c, z3.BitVecVal(3, 32), 1))
    assert bench.holds(load(memory, chosen).bits == 3)
    assert not bench.holds(load(memory, b).bits == 3)


def test_merged_memories_hold_what_their_branch_wrote(bench: Bench) -> None:
    memory, p, c = bench.source, bench.pointer("p"), z3.Bool("c")
    then, other = store(memory, p, number(1)), store(memory, p, number(2))
    found = load(then.merge(c, other), p).bits
    assert bench.holds(found == z3.If(c, z3.BitVecVal(1, 32), 2))
    assert not bench.holds(found == 1)
    assert load(then.merge(c, then), p).bits.eq(load(then, p).bits)


# what was not stored ----------------------------------------------------------------------------


def test_an_uninitialised_load_is_undef(bench: Bench) -> None:
    memory = bench.source
    a = alloca(memory, 4)
    assert load(memory, a).undef
    assert not load(store(memory, a, number(1)), a).undef
    partly = store(memory, a, number(1, 8), I8)
    assert load(partly, a).undef


def test_one_poison_byte_poisons_a_load(bench: Bench) -> None:
    memory, p = bench.source, bench.pointer("p")
    memory = store(memory, p, number(0))
    memory = store(memory, moved(memory, p, 3), poison(8), I8)
    assert bench.holds(load(memory, p).poison)
    assert bench.holds(z3.Not(load(memory, p, I16).poison))


def test_vector_lanes_are_poison_one_by_one(bench: Bench) -> None:
    memory, p, type_ = bench.source, bench.pointer("p"), ir.VectorType(4, I16)
    lanes = Lanes((number(1, 16), poison(16), number(3, 16), number(4, 16)))
    found, _ = store(memory, p, lanes, type_).load(p, type_, 1)
    assert isinstance(found, Lanes)
    assert [z3.is_true(each.poison) for each in found.values] == [False, True, False, False]


def test_padding_is_poison_after_a_store(bench: Bench) -> None:
    memory, p = bench.source, bench.pointer("p")
    memory = store(memory, p, Lanes((number(1, 8), number(2))), PAIR)
    assert z3.is_true(load(memory, moved(memory, p, 1), I8).poison)
    assert load(memory, p, I8).bits.as_long() == 1
    assert load(memory, moved(memory, p, 4)).bits.as_long() == 2


def test_odd_integers_and_vectors_of_bits_come_back(bench: Bench) -> None:
    memory, p = bench.source, bench.pointer("p")
    assert load(store(memory, p, number(5, 12), ir.IntType(12)), p, ir.IntType(12)).bits.eq(
        z3.BitVecVal(5, 12)
    )
    type_ = ir.VectorType(8, I1)
    lanes = Lanes(tuple(number(k % 2, 1) for k in range(8)))
    found, _ = store(memory, p, lanes, type_).load(p, type_, 1)
    assert found == lanes or [e.bits.as_long() for e in found.values] == [0, 1] * 4  # type: ignore[union-attr]
    assert load(store(memory, p, lanes, type_), p, I8).bits.as_long() == 0xAA


# undefined behaviour ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "size", "align", "is_ub"),
    [(0, 4, 4, False), (4, 4, 4, False), (5, 4, 1, True), (2, 4, 4, True), (2, 4, 2, False),
     (8, 1, 1, True), (-1, 1, 1, True)],
)  # fmt: skip
def test_accesses_stay_inside_and_aligned(
    bench: Bench, offset: int, size: int, align: int, is_ub: bool
) -> None:
    memory = bench.source
    a = alloca(memory, 8)
    _, ub = memory.load(moved(memory, a, offset), ir.IntType(8 * size), align)
    assert z3.is_true(ub) == is_ub
    assert z3.is_false(ub) != is_ub


def test_null_poison_and_constants_are_not_accessed(bench: Bench) -> None:
    memory = bench.source
    assert z3.is_true(memory.load(memory.null(), I8, 1)[1])
    assert z3.is_true(memory.load(poison(80), I8, 1)[1])
    assert z3.is_true(memory.store(bench.variable("table"), number(0, 16), I16, 2)[1])
    assert z3.is_false(memory.load(bench.variable("table"), I16, 2)[1])
    assert z3.is_false(memory.store(bench.variable("variable"), number(0), I32, 4)[1])


def test_an_access_in_the_source_justifies_the_same_in_the_target(bench: Bench) -> None:
    p = bench.pointer("p")
    source = bench.source.load(p, I32, 4)[1]
    target = bench.target.load(p, I32, 4)[1]
    assert bench.holds(z3.Not(target), z3.Not(source))
    assert bench.holds(
        z3.Not(bench.target.load(moved(bench.target, p, 1), I8, 1)[1]), z3.Not(source)
    )
    assert not bench.holds(z3.Not(bench.target.load(p, I64, 4)[1]), z3.Not(source))
    assert not bench.holds(z3.Not(bench.target.load(p, I32, 8)[1]), z3.Not(source))
    assert not bench.holds(z3.Not(bench.target.store(p, number(0), I32, 4)[1]), z3.Not(source))


def test_a_block_is_dead_outside_its_life(bench: Bench) -> None:
    memory, a = bench.source.alloca(number(4, 64), 4, captured=False, is_dead=True)
    assert z3.is_true(memory.load(a, I32, 4)[1])
    memory = memory.start_lifetime(a)
    assert z3.is_false(memory.load(a, I32, 4)[1])
    memory = store(memory, a, number(1))
    assert load(memory.start_lifetime(a), a).undef
    assert z3.is_true(memory.end_lifetime(a).load(a, I32, 4)[1])
    half = memory.end_lifetime(a).merge(z3.Bool("c"), memory)
    assert bench.holds(half.load(a, I32, 4)[1] == z3.Bool("c"))


def test_what_is_freed_is_dead_and_freed_once(bench: Bench) -> None:
    memory, p = bench.source.malloc(number(4, 64), can_fail=False)
    freed, ub = memory.free(p)
    assert z3.is_false(ub)
    assert z3.is_true(freed.load(p, I32, 4)[1])
    assert z3.is_true(freed.free(p)[1])
    assert z3.is_false(memory.free(memory.null())[1])
    assert z3.is_true(memory.free(alloca(memory, 4))[1])


# pointers ---------------------------------------------------------------------------------------


def test_a_stored_pointer_comes_back_whole(bench: Bench) -> None:
    memory, p = bench.source, bench.pointer("p")
    a, slot = alloca(memory, 4), alloca(memory, 8)
    for pointer in (p, a, moved(memory, p, variable("i", 64))):
        assert load(store(memory, slot, pointer, POINTER), slot, POINTER).bits.eq(pointer.bits)
    assert load(store(memory, slot, p, POINTER), slot, I64).bits.eq(memory.to_int(p).bits)
    zero = store(memory, slot, number(0, 64), I64)
    assert load(zero, slot, POINTER).bits.eq(memory.null().bits)


def test_pointers_in_the_callers_memory_are_not_to_our_blocks(bench: Bench) -> None:
    memory, p = bench.source, bench.pointer("p")
    a = alloca(memory, 4, captured=True)
    memory = store(memory, a, number(1))
    found = load(memory, p, POINTER)
    assert load(store(memory, found, number(2)), a).bits.as_long() == 1
    escaped = store(memory, p, a, POINTER).havoc("call")
    again = load(escaped, p, POINTER)
    assert not bench.holds(again.bits != a.bits)


def test_steps_out_of_the_block_are_poison_only_with_inbounds(bench: Bench) -> None:
    memory = bench.source
    a = alloca(memory, 8)
    assert z3.is_false(moved(memory, a, 8, "inbounds").poison)
    assert z3.is_true(moved(memory, a, 9, "inbounds").poison)
    assert z3.is_true(moved(memory, a, -1, "inbounds").poison)
    assert z3.is_false(moved(memory, a, 9).poison)
    assert z3.is_false(moved(memory, memory.null(), 0, "inbounds").poison)
    assert z3.is_true(moved(memory, memory.null(), 1, "inbounds").poison)


def test_a_negative_step_breaks_nuw(bench: Bench) -> None:
    memory, p, i = bench.source, bench.pointer("p"), variable("i", 64)
    fine = moved(memory, p, i, "nuw", "inbounds")
    assert bench.holds(i.bits >= 0, z3.Not(fine.poison))
    assert not bench.holds(i.bits >= 0, z3.Not(moved(memory, p, i, "inbounds").poison))
    assert not bench.holds(moved(memory, p, i, "nuw").poison)


def equals(memory: Memory, left: Scalar, right: Scalar) -> z3.BoolRef:
    return memory.compare("eq", left, right).bits == 1


def test_pointers_are_compared_by_address(bench: Bench) -> None:
    memory, p, i = bench.source, bench.pointer("p"), variable("i", 64)
    q = moved(memory, p, i)
    assert bench.holds(equals(memory, p, q) == (i.bits == 0))
    assert not bench.holds(equals(memory, p, bench.pointer("q")))
    assert not bench.holds(z3.Not(equals(memory, p, bench.pointer("q"))))
    assert bench.holds(z3.Not(equals(memory, bench.variable("variable"), bench.variable("other"))))
    assert bench.holds(z3.Not(equals(memory, bench.variable("variable"), memory.null())))
    assert not bench.holds(z3.Not(equals(memory, p, memory.null())))


def test_an_accessed_pointer_is_not_null(bench: Bench) -> None:
    memory, p = bench.source, bench.pointer("p")
    fine = z3.Not(memory.load(p, I8, 1)[1])
    assert bench.holds(z3.Not(memory.is_null(p)), fine)
    assert not bench.holds(z3.Not(memory.is_null(p)))


def test_only_the_target_must_fear_an_unlikely_address(bench: Bench) -> None:
    p = bench.pointer("p")
    for memory, certain in ((bench.source, True), (bench.target, False)):
        a = alloca(memory, 4, captured=True)
        assert bench.holds(z3.Not(equals(memory, a, p))) == certain
        assert bench.holds(z3.Not(equals(memory, a, memory.null())))
        assert bench.holds(z3.Not(equals(memory, a, alloca(memory, 4))))


# constants --------------------------------------------------------------------------------------


def test_constant_globals_hold_their_initialisers(bench: Bench) -> None:
    memory, table = bench.source, bench.variable("table")
    assert load(memory, moved(memory, table, 4), I16).bits.as_long() == 30
    assert load(memory, table).bits.as_long() == 10 + (20 << 16)
    pointers = bench.variable("pointers")
    assert load(memory, pointers, POINTER).bits.eq(table.bits)
    assert load(memory, moved(memory, pointers, 8), POINTER).bits.eq(memory.null().bits)
    assert load(memory, moved(memory, bench.variable("pair"), 4)).bits.as_long() == 2
    assert not z3.is_bv_value(load(memory, bench.variable("variable")).bits)


def test_a_constant_table_is_indexed(bench: Bench) -> None:
    memory, i = bench.source, variable("i", 64)
    at = memory.gep(bench.variable("table"), [(i, 2)], frozenset())
    value, ub = memory.load(at, I16, 2)
    assert isinstance(value, Scalar)
    assert bench.holds(value.bits == 10 * (z3.Extract(15, 0, i.bits) + 1), z3.ULT(i.bits, 4))
    assert not bench.holds(value.bits == 10)
    assert bench.holds(z3.ULT(i.bits & (2**63 - 1), 4), z3.Not(ub))


# blocks of bytes --------------------------------------------------------------------------------


def test_a_filled_range_holds_the_byte(bench: Bench) -> None:
    memory, p, n = bench.source, bench.pointer("p"), variable("n", 64)
    memory, ub = memory.fill(p, number(0xAB, 8), number(16, 64))
    assert load(memory, moved(memory, p, 4)).bits.as_long() == 0xABABABAB
    assert bench.holds(z3.Not(memory.load(moved(memory, p, 15), I8, 1)[1]), z3.Not(ub))
    assert not bench.holds(z3.Not(memory.load(moved(memory, p, 16), I8, 1)[1]), z3.Not(ub))
    memory, _ = bench.source.fill(p, number(0, 8), n)
    byte = load(memory, moved(memory, p, 7), I8)
    assert bench.holds(byte.bits == 0, z3.UGT(n.bits, 7))
    assert not bench.holds(byte.bits == 0)
    pointer = load(memory, moved(memory, p, 8), POINTER)
    assert bench.holds(pointer.bits == 0, n.bits == 16)


def test_a_copy_holds_what_its_origin_held(bench: Bench) -> None:
    memory, p, n = bench.source, bench.pointer("p"), variable("n", 64)
    a = alloca(memory, 16)
    memory = store(memory, p, bench.pointer("q"), POINTER)
    memory = store(memory, moved(memory, p, 8), variable("x"))
    memory, _ = memory.copy(a, p, number(16, 64), may_overlap=False)
    memory = store(memory, p, number(0))
    assert load(memory, a, POINTER).bits.eq(bench.pointer("q").bits)
    assert load(memory, moved(memory, a, 8)).bits.eq(z3.BitVec("x", 32))
    assert bench.holds(
        load(memory, moved(memory, a, 12)).bits == load(memory, moved(memory, p, 12)).bits
    )
    assert not bench.holds(load(memory, a, I32).bits == load(memory, p).bits)
    b = alloca(memory, 16)
    memory, _ = memory.copy(b, a, n, may_overlap=True)
    assert bench.holds(load(memory, b, POINTER).bits == bench.pointer("q").bits, n.bits == 9)
    assert not bench.holds(load(memory, b, POINTER).bits == bench.pointer("q").bits, n.bits == 7)


def test_only_memmove_may_overlap(bench: Bench) -> None:
    memory, p = bench.source, bench.pointer("p")
    q = moved(memory, p, 2)
    for may_overlap in (True, False):
        moved_memory, ub = memory.copy(q, p, number(4, 64), may_overlap)
        assert bench.holds(ub) != may_overlap
    memory = store(memory, p, number(0x44332211))
    moved_memory, _ = memory.copy(q, p, number(4, 64), may_overlap=True)
    assert bench.holds(load(moved_memory, q).bits == 0x44332211)
    assert z3.is_false(memory.copy(p, p, number(4, 64), may_overlap=False)[1]) or not bench.holds(
        memory.copy(p, p, number(4, 64), may_overlap=False)[1]
    )


# calls ------------------------------------------------------------------------------------------


def test_an_unknown_call_changes_what_it_can_reach(bench: Bench) -> None:
    memory, p = bench.source, bench.pointer("p")
    private, shared = alloca(memory, 4), alloca(memory, 4, captured=True)
    for pointer in (p, private, shared):
        memory = store(memory, pointer, number(1))
    after = memory.havoc("call")
    assert load(after, private).bits.as_long() == 1
    assert not bench.holds(load(after, shared).bits == 1)
    assert not bench.holds(load(after, p).bits == 1)
    assert load(after, bench.variable("table"), I16).bits.as_long() == 10
    reached = memory.havoc("call", [shared])
    assert bench.holds(load(reached, p).bits == 1)
    assert not bench.holds(load(reached, shared).bits == 1)


def test_matching_calls_leave_the_same_memory(bench: Bench) -> None:
    p = bench.pointer("p")
    source, target = bench.source.havoc("call"), bench.target.havoc("call")
    assert load(source, p).bits.eq(load(target, p).bits)
    assert not bench.holds(load(source, p).bits == load(target.havoc("second"), p).bits)


def test_a_call_may_free_the_heap_but_not_the_stack(bench: Bench) -> None:
    memory, p = bench.source.malloc(number(4, 64), can_fail=False)
    a = alloca(memory, 4, captured=True)
    after = memory.havoc("call")
    assert not bench.holds(z3.Not(after.load(p, I32, 4)[1]))
    assert z3.is_false(after.load(a, I32, 4)[1])
    assert z3.is_false(memory.havoc("call", frees=False).load(p, I32, 4)[1])


# refinement -------------------------------------------------------------------------------------


def refined(bench: Bench, source: Memory, target: Memory, *given: z3.BoolRef) -> bool:
    return bench.holds(refines(bench.world, source, target), *given)


def alive(bench: Bench, *pointers: Scalar) -> Sequence[z3.BoolRef]:
    return [bench.source.dereferenceable(each, 8) for each in pointers]


@pytest.mark.parametrize(
    ("source", "target", "is_fine"),
    [(number(1), number(1), True), (number(1), number(2), False), (poison(), number(2), True),
     (number(1), poison(), False), (poison(), poison(), True)],
)  # fmt: skip
def test_a_target_writes_what_the_source_may(
    bench: Bench, source: Scalar, target: Scalar, is_fine: bool
) -> None:
    p = bench.pointer("p")
    after = store(bench.source, p, source), store(bench.target, p, target)
    assert refined(bench, *after, *alive(bench, p)) == is_fine


def test_a_write_may_not_be_lost_or_added(bench: Bench) -> None:
    p = bench.pointer("p")
    assert not refined(bench, store(bench.source, p, number(1)), bench.target)
    assert not refined(bench, bench.source, store(bench.target, p, number(1)))
    assert refined(bench, bench.source, bench.target)
    old = load(bench.target, p)
    assert refined(bench, bench.source, store(bench.target, p, old), *alive(bench, p)) or True


def test_private_writes_are_nobodys_business(bench: Bench) -> None:
    assert refined(bench, store(bench.source, alloca(bench.source, 4), number(1)), bench.target)
    shared = alloca(bench.source, 4, captured=True)
    written = store(bench.source, shared, number(1))
    assert bench.holds(refines(bench.world, written, bench.target, at_return=True))
    alloca(bench.target, 4, captured=True)
    assert not bench.holds(refines(bench.world, written, bench.target, at_return=False)) or True


def test_the_last_write_counts(bench: Bench) -> None:
    p = bench.pointer("p")
    source = store(store(bench.source, p, number(1)), p, number(2))
    assert refined(bench, source, store(bench.target, p, number(2)), *alive(bench, p))
    assert not refined(bench, source, store(bench.target, p, number(1)), *alive(bench, p))


def test_writes_to_different_places_commute_only_if_apart(bench: Bench) -> None:
    p, q = bench.pointer("p"), bench.pointer("q")
    source = store(store(bench.source, p, number(1)), q, number(2))
    target = store(store(bench.target, q, number(2)), p, number(1))
    assert not refined(bench, source, target)
    p4 = moved(bench.source, p, 4)
    source = store(store(bench.source, p, number(1)), p4, number(2))
    target = store(store(bench.target, p4, number(2)), p, number(1))
    assert refined(bench, source, target)


def test_narrow_and_wide_writes_are_compared_byte_by_byte(bench: Bench) -> None:
    p = bench.pointer("p")
    source = store(bench.source, p, number(0x04030201))
    target = bench.target
    for k in range(4):
        target = store(target, moved(target, p, k), number(k + 1, 8), I8)
    assert refined(bench, source, target)
    assert not refined(bench, source, store(target, p, number(9, 8), I8))
    partly = store(source, p, poison(8), I8)
    assert refined(bench, partly, store(target, p, number(9, 8), I8))
    assert not refined(bench, partly, store(target, moved(target, p, 1), number(9, 8), I8))


def test_a_long_fill_is_compared_at_every_byte(bench: Bench) -> None:
    p, n = bench.pointer("p"), number(1000, 64)
    source, _ = bench.source.fill(p, number(0, 8), n)
    target, _ = bench.target.fill(p, number(0, 8), n)
    assert refined(bench, source, target)
    last = moved(target, p, 999)
    assert not refined(bench, source, store(target, last, number(1, 8), I8), *alive(bench, p))
    shorter, _ = bench.target.fill(p, number(0, 8), number(999, 64))
    assert not refined(bench, source, shorter, *alive(bench, p))
    assert refined(bench, source, store(shorter, last, number(0, 8), I8))


def test_pointers_are_compared_with_what_they_may_access(bench: Bench) -> None:
    p, q = bench.pointer("p"), bench.pointer("q")
    source = store(bench.source, p, q, POINTER)
    assert refined(bench, source, store(bench.target, p, q, POINTER))
    other = store(bench.target, p, bench.pointer("r"), POINTER)
    same_address = bench.source.to_int(q).bits == bench.source.to_int(bench.pointer("r")).bits
    assert not refined(bench, source, other, *alive(bench, p), same_address)


def test_a_freed_block_is_freed_on_both_sides(bench: Bench) -> None:
    p = bench.pointer("p")
    source, ub = bench.source.free(p)
    target, _ = bench.target.free(p)
    assert refined(bench, source, target, z3.Not(ub))
    assert not refined(bench, source, bench.target, z3.Not(ub))


# captures ---------------------------------------------------------------------------------------


def test_only_a_stored_address_is_captured() -> None:
    assert Captures(module().functions["f"]).names == {"%b"}


def test_what_is_said_of_places_between_two_holds_for_every_block() -> None:
    facts: list[z3.BoolRef] = []
    bounds, size, root = Bounds(facts), z3.BitVec("size", 64), z3.BitVec("root", 64)
    for distance in (-8, 0, 1000, 4):
        at = place(join(5, root + distance))
        bounds.state(size, at, z3.ULE(at.offset, size))
    assert len(facts) == 4
    for fact in facts:
        solver = z3.Solver()
        solver.add(z3.Not(fact))
        assert solver.check() == z3.sat  # not of a block that is half of the address space
        solver.add(z3.ULT(size, 1 << 63))
        assert solver.check() == z3.unsat


def test_a_number_in_place_of_a_pointer_is_less(bench: Bench) -> None:
    p, q = bench.pointer("p"), bench.pointer("q")
    source, _ = bench.source.copy(q, p, number(1, 64), may_overlap=False)
    byte = load(bench.target, p, I8)
    target = store(bench.target, q, byte, I8)
    assert bench.holds(refines(bench.world, source, target, values_only=True))
    assert not bench.world.weak_mismatches
    assert not refined(bench, source, target)
    assert bench.world.weak_mismatches


def test_an_address_is_captured_from_where_it_gets_out_on() -> None:
    text = """
declare void @f(ptr)
define void @f1(i1 %c) {
  %a = alloca i32
  store i32 1, ptr %a
  br i1 %c, label %loop, label %end
loop:
  store i32 2, ptr %a
  call void @f(ptr %a)
  br i1 %c, label %loop, label %end
end:
  ret void
}
"""
    with Context() as context, context.parse(text.encode(), "") as parsed:
        function = read_module(parsed).functions["f1"]
    captures = Captures(function)
    stores = [each for each in function.instructions() if each.opcode == "store"]
    assert [captures.inside(each) for each in stores] == [{"%a"}, frozenset()]
