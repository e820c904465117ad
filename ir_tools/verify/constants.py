"""Constants that two modules share, whose contents only one of them still has."""

from __future__ import annotations

import dataclasses

from ir_tools.verify import ir


def with_constants(target: ir.Module, source: ir.Module) -> ir.Module:
    """The target with the contents of constants that only the source has: passes drop those of
    constants that are defined elsewhere, when they have used them."""
    extents = {**source.layout.extents, **target.layout.extents}
    kept = {
        name: variable
        for name, variable in source.variables.items()
        if (own := target.variables.get(name)) is None or _has_lost(own, variable)
    }
    return dataclasses.replace(
        target,
        layout=dataclasses.replace(target.layout, extents=extents),
        variables={**target.variables, **kept},
        functions={**source.functions, **target.functions},
        aliases={**source.aliases, **target.aliases},
    )


def _has_lost(own: ir.Variable, variable: ir.Variable) -> bool:
    constant = variable.is_constant and own.is_constant
    return own.initializer is None and constant and not variable.may_be_replaced
