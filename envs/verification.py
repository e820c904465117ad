"""Verdicts for many pairs of functions: rung by rung, in workers, remembered by content.

A judge that dies, hangs or outgrows its memory has no say, and the next one is asked.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Sequence

from envs.cache import code_identity
from envs.evaluation import Source
from envs.evaluator import Evaluator
from envs.pool import Death, Request
from ir_tools.errors import OzoneError
from ir_tools.installed import identity
from ir_tools.verify import alive
from ir_tools.verify.verdict import Effort, Kind, Side, Verdict, stronger

RUNGS = ("identity", "smt", "alive", "execution")
# What another run, on another day, might not say again: limits of time and memory, deaths.
_DOUBTFUL = re.compile(
    r"out of (time|memory)|z3:|alive-tv: (timed|Timeout|SMT|SIG)|(crash|hang|oom|killed):"
)
_SETTLED = (Kind.PROVED, Kind.REFUTED)


def verify(
    evaluator: Evaluator,
    pairs: Sequence[tuple[Side, Side]],
    effort: Effort,
    rungs: Sequence[str] = RUNGS,
) -> list[Verdict]:
    """A verdict for each (source, target), from judges in this order, until one of them is sure.

    Raises ParseError, and NotComparableError when a source and its target have other types.
    """
    judges = (identity(), code_identity("ir_tools"), effort, tuple(rungs), alive.identity())
    keys = [_key(judges, source, target) for source, target in pairs]
    verdicts = {
        index: found for index, key in enumerate(keys) if (found := _stored(evaluator, key))
    }
    new = [index for index in range(len(pairs)) if index not in verdicts]
    for rung in rungs if alive.tool() else [rung for rung in rungs if rung != "alive"]:
        pending = [i for i in new if i not in verdicts or verdicts[i].kind not in _SETTLED]
        requests = [_request(rung, *pairs[index], effort) for index in pending]
        for index, reply in zip(pending, evaluator.ask(requests), strict=True):
            said = _verdict(rung, reply)
            if said is not None:
                before = verdicts.get(index)
                verdicts[index] = stronger(before, said) if before else said
    for index in new:
        if not _DOUBTFUL.search(verdicts[index].reason):
            evaluator.cache.put_artefact(keys[index], verdicts[index].to_json().encode())
    return [verdicts[index] for index in range(len(pairs))]


def _request(rung: str, source: Side, target: Side, effort: Effort) -> Request:
    name = f"@{source.function}"
    arguments = (rung, source.function, target, effort)
    return Request("judge", Source(name, source.data), arguments, compilations=0)


def _verdict(rung: str, reply: object) -> Verdict | None:
    if isinstance(reply, Death):
        return Verdict(Kind.UNKNOWN, rung, f"{rung}: {reply.status}: {reply.message}")
    if isinstance(reply, OzoneError):
        raise reply
    found: Verdict | None = getattr(reply, "value", None)
    return found


def _key(judges: object, source: Side, target: Side) -> str:
    hashed = hashlib.sha256(f"verdict {judges}".encode())
    for side in (source, target):
        hashed.update(f" {side.function} {len(side.data)} ".encode(errors="surrogateescape"))
        hashed.update(side.data)
    return hashed.hexdigest()


def _stored(evaluator: Evaluator, key: str) -> Verdict | None:
    stored = evaluator.cache.artefact(key)
    with contextlib.suppress(ValueError, KeyError, TypeError):  # a row that was spoilt
        return Verdict.from_json(stored) if stored is not None else None
    return None
