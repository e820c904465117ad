"""The pass catalogue: every pass of LLVM 22 that takes part in size or speed optimisation.

One row a pass name. A row is `production` when LLVM's own pipelines run the pass; where each group
comes from is said in the table. Everything else is `experimental`: it needs a proof, not a test.

What is not here, on purpose:
- analyses, printers, verifiers, instrumentation, sanitizers, coroutine and GC lowering, debug info;
- passes that change what the author asked for or what others can see (`internalize`, `strip`,
  `forceattrs`, `lower-atomic`, `lower-invoke`, `normalize`), or that assume the whole program
  (`norecurse-lto-inference`, `globaldce<vfe-linkage-unit-visibility>`);
- passes that do nothing without a profile or a summary (`pgo-memop-opt`, `function-import`), that
  serve one language's runtime (`objc-arc`), or that emit what only some CPUs select
  (`hardware-loops`);
- passes that crash on ordinary input: `codegenprepare` without a cached profile summary,
  `unify-loop-exits` on switches;
- variants less trusted than their row (`gvn<memoryssa>`), and `instcombine` without
  `no-verify-fixpoint`, which aborts the process when it has not converged.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType


class Scope(enum.StrEnum):
    """The manager that runs a pass; the value is its name in pipeline text.

    Loop passes that need MemorySSA have a scope of their own: LLVM aborts when `licm` runs in
    `loop(…)`, and when most other loop passes run in `loop-mssa(…)`.
    """

    MODULE = "module"
    CGSCC = "cgscc"
    FUNCTION = "function"
    LOOP = "loop"
    LOOP_MSSA = "loop-mssa"


class Trust(enum.StrEnum):
    """Whether production compilers depend on a pass."""

    PRODUCTION = "production"
    EXPERIMENTAL = "experimental"


FUNCTION_SCOPES = frozenset({Scope.FUNCTION, Scope.LOOP, Scope.LOOP_MSSA})
"""Scopes whose passes change one function's body and never its signature."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One step of a pipeline's flat view: an element's text, and the manager that it runs in."""

    text: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class CataloguePass:
    """A row: a pass, and the parameter variants of it worth searching as separate actions."""

    name: str
    scope: Scope
    trust: Trust
    purpose: str
    variants: tuple[Pass, ...]


_Row = tuple[Scope, str, str]
"""Scope, the variants separated by spaces, purpose."""

_PRODUCTION: tuple[_Row, ...] = (
    # Printed by `opt -passes='default<O?>' -print-pipeline-passes`, at Oz unless noted, or a named
    # part of what it prints.
    (Scope.MODULE, "always-inline", "inline what is marked alwaysinline"),
    (Scope.MODULE, "called-value-propagation", "note the possible targets of indirect calls"),
    (Scope.MODULE, "constmerge", "merge identical constants"),
    (Scope.MODULE, "deadargelim", "drop unused arguments and results of local functions"),
    (Scope.MODULE, "elim-avail-extern", "drop bodies that another module provides"),
    (Scope.MODULE, "globaldce", "drop unreachable globals"),
    (Scope.MODULE, "globalopt", "shrink, constify or remove local globals"),
    (Scope.MODULE, "inferattrs", "annotate declarations of known library functions"),
    (Scope.MODULE, "ipsccp ipsccp<no-func-spec>", "propagate constants across calls"),
    (Scope.MODULE, "openmp-opt", "simplify OpenMP runtime calls"),
    (Scope.MODULE, "rel-lookup-table-converter", "make tables of pointers relative"),
    (Scope.MODULE, "rpo-function-attrs", "infer norecurse, callers first"),
    (Scope.MODULE, "scc-oz-module-inliner", "inline and simplify bottom-up, as Oz does"),
    (Scope.CGSCC, "argpromotion", "pass the loaded value instead of the pointer (O3)"),
    (
        Scope.CGSCC,
        "function-attrs function-attrs<skip-non-recursive-function-attrs>",
        "infer attributes, callees first",
    ),
    (Scope.CGSCC, "inline inline<only-mandatory>", "inline calls where it pays"),
    (Scope.CGSCC, "openmp-opt-cgscc", "simplify OpenMP runtime calls, callees first"),
    (Scope.FUNCTION, "adce", "drop what is not proven live"),
    (Scope.FUNCTION, "aggressive-instcombine", "combine costlier or wider patterns"),
    (Scope.FUNCTION, "alignment-from-assumptions", "raise alignments from assumptions"),
    (Scope.FUNCTION, "bdce", "drop computations of bits that nobody demands"),
    (Scope.FUNCTION, "callsite-splitting", "duplicate calls where arguments become known (O3)"),
    (Scope.FUNCTION, "chr", "merge biased branches, by profile (O3)"),
    (Scope.FUNCTION, "constraint-elimination", "fold conditions implied by linear constraints"),
    (Scope.FUNCTION, "correlated-propagation", "simplify by value ranges at each use"),
    (Scope.FUNCTION, "div-rem-pairs", "share work between division and remainder"),
    (
        Scope.FUNCTION,
        "drop-unnecessary-assumes drop-unnecessary-assumes<drop-deref>",
        "drop assumptions that no longer help",
    ),
    (Scope.FUNCTION, "dse", "drop dead stores"),
    (Scope.FUNCTION, "early-cse early-cse<memssa>", "drop redundant computations down dominators"),
    (Scope.FUNCTION, "float2int", "compute in integers where floats are exact"),
    (
        Scope.FUNCTION,
        (
            "function-simplification<O1> function-simplification<O2> function-simplification<O3> "
            "function-simplification<Os> function-simplification<Oz>"
        ),
        "a level's whole function simplification",
    ),
    (Scope.FUNCTION, "gvn gvn<no-pre> gvn<no-load-pre>", "number values, drop redundant loads"),
    (Scope.FUNCTION, "infer-alignment", "raise alignments of loads and stores"),
    (Scope.FUNCTION, "inject-tli-mappings", "note the vector variants of library calls"),
    (
        Scope.FUNCTION,
        "instcombine<no-verify-fixpoint> instcombine<max-iterations=4;no-verify-fixpoint>",
        "combine and canonicalise instructions",
    ),
    (Scope.FUNCTION, "instsimplify", "fold to existing values"),
    (Scope.FUNCTION, "jump-threading", "thread branches whose outcome is known on an edge"),
    (Scope.FUNCTION, "lcssa", "close loops with phis; every loop manager runs it"),
    (Scope.FUNCTION, "libcalls-shrinkwrap", "guard calls needed only for errno (not at Oz)"),
    (Scope.FUNCTION, "loop-distribute", "split loops so that parts vectorise"),
    (Scope.FUNCTION, "loop-load-elim", "forward stores to the next iteration's loads"),
    (Scope.FUNCTION, "loop-simplify", "canonicalise loops; every loop manager runs it"),
    (Scope.FUNCTION, "loop-sink", "sink invariants into cold loop blocks"),
    (
        Scope.FUNCTION,
        "loop-unroll<O2> loop-unroll<O3> loop-unroll<O2;no-partial;no-runtime>",
        "unroll or peel loops",
    ),
    (
        Scope.FUNCTION,
        "loop-vectorize loop-vectorize<interleave-forced-only;vectorize-forced-only>",
        "vectorise loops",
    ),
    (Scope.FUNCTION, "lower-constant-intrinsics", "decide is.constant and objectsize"),
    (Scope.FUNCTION, "lower-expect", "turn expectations into branch weights"),
    (Scope.FUNCTION, "mem2reg", "promote scalars on the stack to registers"),
    (Scope.FUNCTION, "memcpyopt", "form, forward and drop memory copies"),
    (Scope.FUNCTION, "mldst-motion mldst-motion<split-footer-bb>", "merge a diamond's stores"),
    (Scope.FUNCTION, "move-auto-init", "move automatic initialisation towards its use"),
    (Scope.FUNCTION, "reassociate", "reorder expressions for folding"),
    (Scope.FUNCTION, "sccp", "propagate constants through branches"),
    (
        Scope.FUNCTION,
        (  # the first one of Oz, the study's, the one after vectorising, the last one of Oz
            "simplifycfg "
            "simplifycfg<hoist-common-insts;sink-common-insts;switch-to-lookup> "
            "simplifycfg<no-keep-loops;forward-switch-cond;switch-range-to-icmp;"
            "switch-to-arithmetic;switch-to-lookup;hoist-common-insts;sink-common-insts> "
            "simplifycfg<switch-range-to-icmp;switch-to-arithmetic;"
            "hoist-loads-stores-with-cond-faulting;speculate-unpredictables>"
        ),
        "merge, fold and remove blocks",
    ),
    (Scope.FUNCTION, "slp-vectorizer", "vectorise straight-line code (not opt's Oz, but clang's)"),
    (Scope.FUNCTION, "speculative-execution", "hoist cheap instructions above branches"),
    (Scope.FUNCTION, "sroa<modify-cfg> sroa<preserve-cfg>", "split aggregates into scalars"),
    (Scope.FUNCTION, "tailcallelim", "turn tail recursion into loops, mark tail calls"),
    (Scope.FUNCTION, "vector-combine", "fold vector operations by cost"),
    (Scope.LOOP, "indvars", "canonicalise induction variables and exit tests"),
    (Scope.LOOP, "loop-deletion", "delete loops without effect"),
    (Scope.LOOP, "loop-idiom", "recognise memset, memcpy, popcount and the like"),
    (Scope.LOOP, "loop-idiom-vectorize", "vectorise search loops (AArch64, RISC-V)"),
    (Scope.LOOP, "loop-instsimplify", "fold instructions in loops"),
    (Scope.LOOP, "loop-rotate loop-rotate<no-header-duplication>", "move the test to the bottom"),
    (Scope.LOOP, "loop-simplifycfg", "fold branches inside loops"),
    (Scope.LOOP, "loop-unroll-full", "unroll short loops completely"),
    (
        Scope.LOOP,
        "simple-loop-unswitch simple-loop-unswitch<nontrivial>",
        "move invariant conditions out of loops",
    ),
    (Scope.LOOP_MSSA, "licm licm<no-allowspeculation>", "move invariants out of loops"),
    # Only in lto<…>.
    (Scope.MODULE, "globalsplit", "split vtable groups"),
    # Behind an option that a production compiler sets: rustc, clang -fenable-matrix.
    (Scope.MODULE, "mergefunc", "merge identical functions"),
    (Scope.FUNCTION, "lower-matrix-intrinsics", "expand matrix operations, fusing them"),
    # In llc's IR pipeline for every CPU: `llc -O2 -debug-pass=Structure`.
    (Scope.FUNCTION, "consthoist", "share constants that are costly to encode"),
    (Scope.FUNCTION, "expand-memcmp", "expand small memcmp calls into loads"),
    (Scope.FUNCTION, "expand-reductions", "expand vector reductions the target lacks"),
    (Scope.FUNCTION, "mergeicmps", "turn chains of comparisons into memcmp"),
    (Scope.FUNCTION, "partially-inline-libcalls", "inline the fast path of sqrt"),
    (Scope.FUNCTION, "replace-with-veclib", "call the vector library for vector intrinsics"),
    (Scope.FUNCTION, "scalarize-masked-mem-intrin", "expand masked accesses the target lacks"),
    (Scope.FUNCTION, "unreachableblockelim", "drop unreachable blocks"),
    (Scope.LOOP, "canon-freeze", "move freeze out of loop recurrences"),
    (Scope.LOOP, "loop-reduce", "rewrite address arithmetic of loops for the target's modes"),
    # In llc's IR pipeline for some CPUs: AArch64, ARM, RISC-V, Hexagon, PowerPC.
    (Scope.MODULE, "global-merge<max-offset=4095>", "put globals in one block to share its base"),
    (Scope.FUNCTION, "complex-deinterleaving", "form complex arithmetic"),
    (Scope.FUNCTION, "dce", "drop trivially dead instructions"),
    (Scope.FUNCTION, "interleaved-access", "form interleaved loads and stores"),
    (Scope.FUNCTION, "interleaved-load-combine", "join loads that one interleaved load covers"),
    (Scope.FUNCTION, "loop-data-prefetch", "prefetch in loops, where the CPU profits"),
    (Scope.FUNCTION, "select-optimize", "turn selects into branches where it pays"),
    (
        Scope.FUNCTION,
        "separate-const-offset-from-gep separate-const-offset-from-gep<lower-gep>",
        "share address bases by splitting constant offsets off",
    ),
    (Scope.FUNCTION, "typepromotion", "widen narrow integer chains to registers"),
    (Scope.LOOP, "loop-term-fold", "test another induction variable, drop the primary one"),
    # In llc's IR pipeline for GPUs only: rewrites that a kernel exercises like any CPU code. The
    # study's pipelines hold three of them. What restructures control flow for GPUs is experimental:
    # kernels hardly ever have its hard cases (switches, exceptions, irreducible loops).
    (Scope.FUNCTION, "infer-address-spaces", "replace flat pointers by specific ones"),
    (Scope.FUNCTION, "load-store-vectorizer", "join adjacent loads and stores"),
    (Scope.FUNCTION, "lower-switch", "turn switches into trees of branches"),
    (Scope.FUNCTION, "nary-reassociate", "reassociate to reuse dominating expressions"),
    (Scope.FUNCTION, "sink", "sink instructions into the successors that use them"),
    (Scope.FUNCTION, "slsr", "reuse one multiplication's result for the next"),
    # In none of these pipelines, but in the study's, which are production passes by definition.
    (Scope.FUNCTION, "mergereturn", "join all returns in one block"),
)

_EXPERIMENTAL: tuple[_Row, ...] = (
    # Off by default behind an option of LLVM's pipelines.
    (Scope.MODULE, "attributor", "deduce attributes interprocedurally"),
    (Scope.MODULE, "hotcoldsplit", "outline cold regions"),
    (Scope.MODULE, "iroutliner", "outline repeated regions"),
    (Scope.MODULE, "module-inline", "inline in an order of priority"),
    (Scope.MODULE, "partial-inliner", "inline a function's early exit only"),
    (Scope.CGSCC, "attributor-cgscc", "deduce attributes, callees first"),
    (Scope.FUNCTION, "assume-simplify", "merge and drop assumptions"),
    (Scope.FUNCTION, "dfa-jump-threading", "thread state machines' switches"),
    (Scope.FUNCTION, "gvn-hoist", "hoist equal expressions from branches"),
    (Scope.FUNCTION, "gvn-sink", "sink equal expressions into the join"),
    (Scope.FUNCTION, "jump-table-to-switch", "turn calls through tables into switches"),
    (Scope.FUNCTION, "newgvn", "number values, optimistically"),
    (Scope.LOOP, "loop-flatten", "turn nested loops into one"),
    (Scope.LOOP, "loop-interchange", "swap nested loops"),
    (Scope.LOOP, "loop-unroll-and-jam", "unroll outer loops, fuse the inner ones"),
    (Scope.LOOP, "loop-versioning-licm", "version loops for aliasing, then hoist"),
    # In llc's IR pipeline for GPUs only: see above.
    (Scope.FUNCTION, "fix-irreducible", "turn irreducible cycles into loops"),
    (Scope.FUNCTION, "flatten-cfg", "turn nested conditions into logic"),
    (Scope.FUNCTION, "structurizecfg", "make control flow structured"),
    # In none of these pipelines.
    (Scope.MODULE, "attributor-light", "deduce fewer attributes interprocedurally"),
    (Scope.MODULE, "global-merge-func", "merge functions that differ in constants"),
    (Scope.MODULE, "loop-extract loop-extract<single>", "outline loops into functions"),
    (Scope.CGSCC, "attributor-light-cgscc", "deduce fewer attributes, callees first"),
    (Scope.FUNCTION, "assume-builder", "keep what is known as assumptions"),
    (Scope.FUNCTION, "break-crit-edges", "split critical edges"),
    (Scope.FUNCTION, "guard-widening", "join guards into one wider guard"),
    (Scope.FUNCTION, "irce", "split loops to drop range checks"),
    (Scope.FUNCTION, "loop-fusion", "fuse adjacent loops"),
    (Scope.FUNCTION, "loop-versioning", "version loops for aliasing"),
    (Scope.FUNCTION, "reg2mem", "demote registers to the stack"),
    (Scope.FUNCTION, "sandbox-vectorizer", "vectorise straight-line code, transactionally"),
    (Scope.FUNCTION, "scalarizer scalarizer<load-store>", "split vector operations into scalars"),
    (Scope.LOOP, "loop-bound-split", "split loops at a condition's bound"),
    (Scope.LOOP, "loop-predication", "make range checks invariant"),
    (Scope.LOOP_MSSA, "lnicm", "move invariants out of whole loop nests"),
)


def _catalogue_pass(trust: Trust, row: _Row) -> CataloguePass:
    scope, texts, purpose = row
    variants = tuple(Pass(text, scope) for text in texts.split())
    name = variants[0].text.partition("<")[0]
    return CataloguePass(name, scope, trust, purpose, variants)


_ROWS = (
    *(_catalogue_pass(Trust.PRODUCTION, row) for row in _PRODUCTION),
    *(_catalogue_pass(Trust.EXPERIMENTAL, row) for row in _EXPERIMENTAL),
)

BY_NAME: Mapping[str, CataloguePass] = MappingProxyType({row.name: row for row in _ROWS})
"""Every row of the catalogue under its pass's name."""


def catalogue(
    trust: Trust = Trust.PRODUCTION, scopes: Collection[Scope] = tuple(Scope)
) -> tuple[CataloguePass, ...]:
    """The rows that run in one of `scopes` and deserve at least `trust`, in a fixed order.

    A policy for single functions draws from `catalogue(scopes=FUNCTION_SCOPES)`.
    """
    accepted = {Trust.PRODUCTION, trust}
    return tuple(row for row in _ROWS if row.trust in accepted and row.scope in scopes)
