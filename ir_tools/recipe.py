"""-Oz taken apart: the plans among which a search chooses.

First what crosses function borders, for all functions alike; then each function's own pipeline, or
the body that -Oz's own way gives it; then what tidies up the module.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from ir_tools.plan import OZ_FUNCTION, OZ_LATE, Plan, canonical

# What crosses function borders comes first, for all plans of a module alike: facts about arguments,
# results and globals, and attributes. How far functions are simplified for it is a choice: SROA,
# with which every pipeline would begin anyway, lets it see through local variables; -Oz does more.
_EARLY = (
    "function(sroa<modify-cfg>),",
    "",
    "function(lower-expect,simplifycfg,sroa<modify-cfg>,early-cse),",
)
_FACTS = (
    "ipsccp,called-value-propagation,globalopt,deadargelim,cgscc(function-attrs),rpo-function-attrs"
)
FACTS = tuple(f"inferattrs,{early}{_FACTS}" for early in _EARLY)
_INLINE = ",always-inline,globaldce"
# -Oz's own way with a function, from which plans borrow bodies: callees are simplified before they
# are inlined, and late passes follow. It changes no signature and no global.
_LENDER = (
    f",cgscc(devirt<4>(inline,function<eager-inv;no-rerun>({OZ_FUNCTION}))),globaldce,"
    f"function({OZ_LATE})"
)
_AFTER = "globalopt,globaldce,constmerge,rel-lookup-table-converter"


def plan(functions: Mapping[str, str], inline: Iterable[str]) -> Plan:
    """These pipelines, after these functions were inlined everywhere."""
    before = FACTS[0] + _INLINE
    return Plan(tuple(sorted(inline)), before, functions=canonical(functions), after=_AFTER)


def lender(inline: Iterable[str]) -> Plan:
    """What the lender makes of all functions."""
    return Plan(tuple(sorted(inline)), FACTS[0] + _LENDER)


def borrowing(plan: Plan, names: Iterable[str]) -> Plan:
    """The plan with the lender's bodies for these functions as well."""
    borrowed = tuple(sorted({*plan.borrowed, *names}))
    return after_facts(dataclasses.replace(plan, borrowed=borrowed), _facts(plan))


def after_facts(plan: Plan, facts: str) -> Plan:
    """The same plan on another of the beginnings `FACTS`."""
    lends = facts + _LENDER if plan.borrowed else ""
    return dataclasses.replace(plan, before=facts + _INLINE, lender=lends)


def _facts(plan: Plan) -> str:
    return plan.before.removesuffix(_INLINE)


def flipped(plan: Plan, names: Iterable[str]) -> Plan:
    """The plan with the inlining of these functions reversed."""
    return dataclasses.replace(plan, inline=tuple(sorted({*plan.inline} ^ {*names})))
