"""A `Plan`: how one module is compiled. Pass pipelines for its functions are chosen one by one.

What `-Oz` has simplified cannot be re-ordered, so the choice is given to every function before it
is simplified: inline first, then run each function's own pipeline in place, then what concerns the
whole module. `-Oz` itself is the plan `Plan(before="default<Oz>")`.
`ir_tools.apply` carries plans out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

# LLVM 23 drops default<Os> and default<Oz> in favour of the attributes with O2: change it here.
OZ = "default<Oz>"
# The part of -Oz that simplifies one function, as one pass of LLVM 22.
OZ_FUNCTION = "function-simplification<Oz>"
# And what -Oz runs on functions after the last inlining, vectorisers apart.
OZ_LATE = (
    "drop-unnecessary-assumes,float2int,lower-constant-intrinsics,"
    "loop(loop-rotate<no-header-duplication>,loop-deletion),instcombine<no-verify-fixpoint>,"
    "simplifycfg<forward-switch-cond;switch-range-to-icmp;switch-to-arithmetic;switch-to-lookup;"
    "no-keep-loops;hoist-common-insts;sink-common-insts>,"
    "vector-combine,instcombine<no-verify-fixpoint>,sroa<preserve-cfg>,"
    "instcombine<no-verify-fixpoint>,loop-mssa(licm),instsimplify,div-rem-pairs,tailcallelim,"
    "simplifycfg"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The recipe for one compilation of a module. Pipelines are LLVM's text; empty ones do nothing.

    Steps, in order:
    inline     these functions are marked `alwaysinline` (write `always-inline` into `before`)
    before     a module pipeline
    functions  pairs (function, pipeline of function and loop passes), run on that function alone
    default    the pipeline of every defined function that `functions` does not name
    borrowed   these functions get the body that they have after `lender`
    after      a module pipeline

    `lender` is a module pipeline that runs in the place of `before`, on a copy. It must agree with
    `before` in what it does to signatures and globals, or the plan is invalid.
    """

    inline: tuple[str, ...] = ()
    before: str = ""
    functions: tuple[tuple[str, str], ...] = ()
    default: str = ""
    borrowed: tuple[str, ...] = ()
    lender: str = ""
    after: str = ""

    @property
    def digest(self) -> str:
        """A content hash that is stable between runs: 32 hexadecimal digits."""
        values = tuple(getattr(self, field.name) for field in dataclasses.fields(self))
        return hashlib.sha256(repr(values).encode()).hexdigest()[:32]

    def without(self, names: set[str]) -> Plan:
        """The same plan with the empty pipeline for these functions."""
        functions = dict(self.functions) | dict.fromkeys(names, "")
        return dataclasses.replace(self, functions=tuple(sorted(functions.items())))


def canonical(functions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """`Plan.functions` of a mapping, so that equal choices make equal plans."""
    return tuple(sorted(functions.items()))


@dataclass(frozen=True, slots=True)
class Change:
    """A function before and after its own pipeline, each in a module of its own, as bitcode.

    `symbol` is the function's name there.
    """

    function: str
    symbol: str
    before: bytes
    after: bytes
