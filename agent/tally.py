"""How many functions, and how much of what was saved, each verdict stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_OZ = "-Oz's own body"
_ORDER = ("proved", "bounded", "tested", _OZ)


@dataclass(frozen=True, slots=True)
class Tally:
    """Functions that changed, what they save (bytes, or instructions) and refused pipelines.

    The first two are by the verdict that was accepted, the last by the one that was not.
    """

    functions: Mapping[str, int] = field(default_factory=dict)
    saved: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, choices: Iterable[Mapping[str, Any]], refused: Mapping[str, int]) -> Tally:
        """From `agent.optimise.Choice`s as dictionaries."""
        functions, saved = Counter[str](), Counter[str]()
        for choice in choices:
            verdict = choice["verdict"] or _OZ
            functions[verdict] += 1
            saved[verdict] += choice["before"] - choice["after"]
        return cls(dict(functions), dict(saved), dict(refused))

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            _sum(self.functions, other.functions),
            _sum(self.saved, other.saved),
            _sum(self.refused, other.refused),
        )

    def __str__(self) -> str:
        kinds = [kind for kind in _ORDER if kind in self.functions]
        parts = [f"{self.functions[kind]} {kind} ({-self.saved[kind]:+d})" for kind in kinds]
        refused = ", ".join(f"{count} {kind}" for kind, count in sorted(self.refused.items()))
        return f"verdicts: {', '.join(parts) or 'none'}; refused: {refused or 'none'}"


def _sum(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {kind: first.get(kind, 0) + second.get(kind, 0) for kind in {**first, **second}}
