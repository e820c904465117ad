"""Promises about values: attributes of parameters and results, and the same words as metadata.

A value that breaks `nonnull`, `align`, `range` or `nofpclass` becomes poison; where it is also
`noundef`, or breaks `dereferenceable`, the behaviour is undefined. What speaks of memory accesses
(`readonly`, `noalias`, `memory`) is `ir_tools.verify.interpreter.rights`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ir_tools.verify import ir
from ir_tools.verify.interpreter.concrete import FORMATS, POISON, Nan, Undef, Undefined
from ir_tools.verify.interpreter.float_semantics import fp_class
from ir_tools.verify.interpreter.operations import leaf_type
from ir_tools.verify.interpreter.storage import NULL, Memory, Pointer

Promises = Mapping[str, Any]  # an instruction's metadata, or `ir.Attributes`


def enforce(value: Any, type_: ir.Type, promises: Promises, memory: Memory, where: str) -> Any:
    """The value, or POISON; raises Undefined."""
    if not promises:
        return value
    leaf = leaf_type(type_)
    result = tuple(_lane(v, leaf, promises, memory) for v in value) if (
        type(value) is tuple and isinstance(type_, ir.VectorType)
    ) else _lane(value, leaf, promises, memory)  # fmt: skip
    if "noundef" in promises and not is_defined(result):
        raise Undefined(f"{where}: noundef, but it is not a defined value that keeps its promises")
    for name in ("dereferenceable", "dereferenceable_or_null"):
        if name in promises and not _dereferenceable(result, name, _number(promises[name])):
            raise Undefined(f"{where}: not {name}({_number(promises[name])})")
    return result


def is_defined(value: Any) -> bool:
    """No poison and no undefined bit anywhere in it."""
    if type(value) is tuple:
        return all(map(is_defined, value))
    return value is not POISON and (not isinstance(value, Undef) or isinstance(value, Nan))


def _number(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple) else value)


def _lane(value: Any, leaf: ir.Type, promises: Promises, memory: Memory) -> Any:
    if value is POISON:
        return value
    broken = (
        ("nonnull" in promises and value == NULL)
        or ("align" in promises and not is_aligned(value, _number(promises["align"])))
        or ("range" in promises and not _in_range(value, promises["range"]))
        or ("nofpclass" in promises and _in_class(value, leaf, _number(promises["nofpclass"])))
    )
    return POISON if broken else value


def is_aligned(value: Any, align: int) -> bool:
    return not isinstance(value, Pointer) or align <= 1 or value.address % align == 0


def _in_range(value: Any, pairs: Any) -> bool:
    """Half-open intervals, which may wrap around."""
    if not isinstance(value, int):
        return True
    for low, high in zip(pairs[::2], pairs[1::2], strict=True):
        if (low < high and low <= value < high) or (low >= high and (value >= low or value < high)):
            return True
    return False


def _in_class(value: Any, leaf: ir.Type, excluded: int) -> bool:
    if not isinstance(leaf, ir.FloatType) or leaf.name not in FORMATS:
        return False
    if isinstance(value, Nan):
        return bool(excluded & 3)
    return isinstance(value, int) and bool(fp_class(value, FORMATS[leaf.name]) & excluded)


def _dereferenceable(value: Any, name: str, size: int) -> bool:
    if value == NULL:
        return name.endswith("null")
    return is_dereferenceable(value, size)


def is_dereferenceable(value: Any, size: int) -> bool:
    if not isinstance(value, Pointer) or value.block is None:
        return False
    block = value.block
    return block.live and value.offset >= 0 and value.offset + size <= block.size
