"""The catalogue's claims, checked against LLVM and against what its pipelines print."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ir_tools.llvm import Context, Module
from ir_tools.passes import (
    BY_NAME,
    FUNCTION_SCOPES,
    CataloguePass,
    Pass,
    Scope,
    Trust,
    catalogue,
)
from ir_tools.pipeline import Pipeline
from ir_tools.target import Target

ROWS = catalogue(Trust.EXPERIMENTAL)
VARIANTS = [variant for row in ROWS for variant in row.variants]
PRODUCTION = {row.name for row in catalogue()}

# opt-22 -passes='default<Oz>' -print-pipeline-passes, the names of its leaves.
PRINTED_BY_OZ = """
adce aggressive-instcombine alignment-from-assumptions alloc-token always-inline annotation-remarks
annotation2metadata bdce called-value-propagation cg-profile constmerge constraint-elimination
coro-annotation-elide coro-cleanup coro-early coro-elide coro-split correlated-propagation
deadargelim div-rem-pairs drop-unnecessary-assumes dse early-cse ee-instrument elim-avail-extern
extra-simple-loop-unswitch-passes float2int forceattrs function-attrs globaldce globalopt gvn
indvars infer-alignment inferattrs inject-tli-mappings inline instcombine instsimplify invalidate
ipsccp jump-threading licm loop-deletion loop-distribute loop-idiom loop-instsimplify loop-load-elim
loop-rotate loop-simplifycfg loop-sink loop-unroll loop-unroll-full loop-vectorize
lower-constant-intrinsics lower-expect mem2reg memcpyopt memprof-remove-attributes mldst-motion
move-auto-init openmp-opt reassociate recompute-globalsaa rel-lookup-table-converter require
rpo-function-attrs sccp simple-loop-unswitch simplifycfg speculative-execution sroa tailcallelim
transform-warning vector-combine verify
"""

NOT_OPTIMISATIONS = """
alloc-token annotation-remarks annotation2metadata cg-profile coro-annotation-elide coro-cleanup
coro-early coro-elide coro-split ee-instrument extra-simple-loop-unswitch-passes forceattrs
invalidate memprof-remove-attributes recompute-globalsaa require transform-warning verify
"""

# A loop with memory, a switch in a loop, a local callee with an unused argument, a table.
SAMPLE = """
@table = internal constant [4 x i32] [i32 7, i32 9, i32 11, i32 13]
@count = internal global i32 0

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal i32 @step(i32 %x, i32 %unused) minsize optsize {
  %slot = alloca i32
  store i32 %x, ptr %slot
  %v = load i32, ptr %slot
  %d = sdiv i32 %v, 3
  %r = srem i32 %v, 3
  %s = add i32 %d, %r
  ret i32 %s
}

define i32 @machine(ptr %code, i32 %n) minsize optsize {
entry:
  br label %head
head:
  %i = phi i32 [ 0, %entry ], [ %next, %latch ]
  %acc = phi i32 [ 0, %entry ], [ %sum, %latch ]
  %more = icmp slt i32 %i, %n
  br i1 %more, label %body, label %exit
body:
  %wide = sext i32 %i to i64
  %at = getelementptr inbounds i32, ptr %code, i64 %wide
  %op = load i32, ptr %at
  switch i32 %op, label %latch [ i32 0, label %look
                                 i32 1, label %call
                                 i32 2, label %exit ]
look:
  %masked = and i32 %i, 3
  %index = zext i32 %masked to i64
  %entry.at = getelementptr [4 x i32], ptr @table, i64 0, i64 %index
  %found = load i32, ptr %entry.at
  br label %latch
call:
  %stepped = call i32 @step(i32 %acc, i32 %n)
  store i32 %stepped, ptr @count
  br label %latch
latch:
  %value = phi i32 [ %op, %body ], [ %found, %look ], [ %stepped, %call ]
  %sum = add i32 %acc, %value
  %next = add i32 %i, 1
  br label %head
exit:
  ret i32 %acc
}

define float @clear(ptr %to, i32 %n) minsize optsize {
entry:
  call void @llvm.memset.p0.i64(ptr %to, i8 0, i64 64, i1 false)
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %loop ]
  %at = getelementptr inbounds float, ptr %to, i32 %i
  %whole = sitofp i32 %i to float
  store float %whole, ptr %at
  %next = add nuw nsw i32 %i, 1
  %done = icmp eq i32 %next, %n
  br i1 %done, label %exit, label %loop
exit:
  %first = load float, ptr %to
  ret float %first
}
"""


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target() as host:
        yield host


def signatures(module: Module) -> list[str]:
    return re.findall(r"^define .*?(\w+ @\w+\(.*?\))", str(module), re.MULTILINE)


def test_it_covers_ninety_passes_once_each() -> None:
    assert len(ROWS) == len(BY_NAME) >= 90
    assert len({variant.text for variant in VARIANTS}) == len(VARIANTS)


def test_variants_are_parameters_of_their_row() -> None:
    for row in ROWS:
        for variant in row.variants:
            (element,) = Pipeline.parse(variant.text).elements
            assert (element.name, element.body, variant.scope) == (row.name, None, row.scope)


def test_instcombine_never_aborts_on_a_missed_fixpoint() -> None:
    assert all("no-verify-fixpoint" in variant.text for variant in BY_NAME["instcombine"].variants)


def test_oz_is_production() -> None:
    assert set(PRINTED_BY_OZ.split()) - PRODUCTION == set(NOT_OPTIMISATIONS.split())


@pytest.mark.parametrize(
    "name", ["attributor", "newgvn", "gvn-hoist", "gvn-sink", "iroutliner", "hotcoldsplit"]
)
def test_what_needs_a_proof_is_experimental(name: str) -> None:
    assert BY_NAME[name].trust is Trust.EXPERIMENTAL


@pytest.mark.parametrize(
    "name", ["internalize", "strip", "lower-atomic", "asan", "print", "verify"]
)
def test_what_is_no_optimisation_is_absent(name: str) -> None:
    assert name not in BY_NAME


def test_catalogue_is_production_unless_asked() -> None:
    assert all(row.trust is Trust.PRODUCTION for row in catalogue())
    assert set(catalogue()) < set(catalogue(Trust.EXPERIMENTAL)) == set(BY_NAME.values())


def test_catalogue_by_scope() -> None:
    rows = catalogue(scopes=FUNCTION_SCOPES)
    assert {row.scope for row in rows} == {Scope.FUNCTION, Scope.LOOP, Scope.LOOP_MSSA}
    assert [row.name for row in catalogue(scopes=[Scope.LOOP_MSSA])] == ["licm"]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.text)
def test_every_variant_runs(variant: Pass, target: Target) -> None:
    with Context() as context, context.parse(SAMPLE) as module:
        before = signatures(module)
        module.run(str(Pipeline.of([variant])), target)
        module.verify()
        if variant.scope in FUNCTION_SCOPES:
            assert signatures(module) == before


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_llvm_reads_a_leading_pass_in_its_scope(row: CataloguePass, target: Target) -> None:
    leading, explicit = row.variants[0].text, str(Pipeline.of(row.variants[:1]))
    with Context() as context, context.parse(SAMPLE) as one, context.parse(SAMPLE) as other:
        one.run(leading, target)
        other.run(explicit, target)
        assert str(one) == str(other)
