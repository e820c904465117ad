"""Boolean connectives that fold constants at once, so that what is plainly false stays small."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import z3

T = TypeVar("T", bound=z3.ExprRef)
_lasting: list[tuple[z3.ExprRef, Callable[[], z3.ExprRef]]] = []


def lasting(make: Callable[[], T]) -> T:
    """A constant of this program, which outlives `renewed`."""
    term = make()
    _lasting.append((term, make))
    return term


@contextlib.contextmanager
def renewed() -> Iterator[None]:
    """Give z3 a context in which nothing has happened; terms of before are of no use any more.

    In an old one the numbers of terms, and so their order and what a query costs, depend on all
    that was asked before. For the same reason no garbage is collected meanwhile.
    """
    z3.z3._main_ctx = z3.Context()
    for term, make in _lasting:
        term.__init__(make().as_ast())
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect(0)  # all since then: terms in cycles keep their context, and its memory


TRUE = lasting(lambda: z3.BoolVal(True))
FALSE = lasting(lambda: z3.BoolVal(False))


def both(*terms: z3.BoolRef) -> z3.BoolRef:
    """Their conjunction."""
    kept = _distinct(terms, z3.is_true)
    if any(map(z3.is_false, kept)):
        return FALSE
    return _joined(kept, z3.And, TRUE)


def either(*terms: z3.BoolRef) -> z3.BoolRef:
    """Their disjunction."""
    kept = _distinct(terms, z3.is_false)
    if any(map(z3.is_true, kept)):
        return TRUE
    return _joined(kept, z3.Or, FALSE)


def negate(term: z3.BoolRef) -> z3.BoolRef:
    if z3.is_true(term):
        return FALSE
    if z3.is_false(term):
        return TRUE
    return term.arg(0) if z3.is_not(term) else z3.Not(term)


def choose(condition: z3.BoolRef, then: z3.ExprRef, other: z3.ExprRef) -> z3.ExprRef:
    """`then` where the condition holds, else `other`."""
    if z3.is_true(condition) or then.eq(other):
        return then
    if z3.is_false(condition):
        return other
    if z3.is_bool(then):
        return _choose_bool(condition, then, other)
    return z3.If(condition, then, other)


def _choose_bool(condition: z3.BoolRef, then: z3.BoolRef, other: z3.BoolRef) -> z3.BoolRef:
    if z3.is_false(then):
        return both(negate(condition), other)
    if z3.is_false(other):
        return both(condition, then)
    if z3.is_true(then):
        return either(condition, other)
    if z3.is_true(other):
        return either(negate(condition), then)
    return z3.If(condition, then, other)


def implies(premise: z3.BoolRef, conclusion: z3.BoolRef) -> z3.BoolRef:
    return either(negate(premise), conclusion)


def equal(left: z3.ExprRef, right: z3.ExprRef) -> z3.BoolRef:
    """Equality, decided at once for identical terms and for numbers."""
    if left.eq(right):
        return TRUE
    if z3.is_bv_value(left) and z3.is_bv_value(right):
        return FALSE
    return left == right


def _distinct(terms: Iterable[z3.BoolRef], neutral: object) -> list[z3.BoolRef]:
    found = {term.get_id(): term for term in terms if not neutral(term)}  # type: ignore[operator]
    return list(found.values())


def _joined(terms: list[z3.BoolRef], join: object, empty: z3.BoolRef) -> z3.BoolRef:
    if len(terms) < 2:
        return terms[0] if terms else empty
    return join(*terms)  # type: ignore[operator]
