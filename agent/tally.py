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

    functions: Counter[str] = field(default_factory=Counter)
    saved: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, choices: Iterable[Mapping[str, Any]], refused: Mapping[str, int]) -> Tally:
        """From `agent.optimise.Choice`s as dictionaries."""
        tally = cls(refused=Counter(refused))
        for choice in choices:
            verdict = choice["verdict"] or _OZ
            tally.functions[verdict] += 1
            tally.saved[verdict] += choice["before"] - choice["after"]
        return tally

    def __add__(self, other: Tally) -> Tally:
        saved = self.saved.copy()
        saved.update(other.saved)  # `+` would drop what is not positive
        return Tally(self.functions + other.functions, saved, self.refused + other.refused)

    def __str__(self) -> str:
        kinds = [kind for kind in _ORDER if self.functions[kind]]
        parts = [f"{self.functions[kind]} {kind} ({-self.saved[kind]:+d})" for kind in kinds]
        refused = ", ".join(f"{count} {kind}" for kind, count in sorted(self.refused.items()))
        return f"verdicts: {', '.join(parts) or 'none'}; refused: {refused or 'none'}"
