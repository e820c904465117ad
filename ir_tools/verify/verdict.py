"""What verification says about one pair of functions."""

from __future__ import annotations

import dataclasses
import enum
import json
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """From the strongest to the weakest; `refuted` is a proof too, of the contrary."""

    PROVED = "proved"  # for all inputs, no bound was reached
    BOUNDED = "bounded"  # for all inputs, with loops unrolled so many times
    TESTED = "tested"  # no difference on so many inputs
    UNKNOWN = "unknown"
    REFUTED = "refuted"  # with a counterexample


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement, and what it rests on.

    judge            `identical`, `smt`, `execution` or `alive-tv`
    reason           why it is not better than it is: the law that is broken, the instruction that
                     is not understood, the limit that was reached
    counterexample   inputs and both results, for people; of `refuted` alone
    unroll           times that loops were unrolled; of `bounded` alone
    inputs           that were run without undefined behaviour and compared; of `tested` alone
    """

    kind: Kind
    judge: str
    reason: str = ""
    counterexample: str = ""
    unroll: int = 0
    inputs: int = 0

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Verdict:
        """Raises ValueError, KeyError, TypeError for anything else than `to_json`'s."""
        fields = json.loads(text)
        return cls(Kind(fields.pop("kind")), **fields)


class Accept(enum.StrEnum):
    """The weakest verdict that is good enough. A refuted change never is."""

    PROVED = "proved"
    BOUNDED = "bounded"
    TESTED = "tested"

    def allows(self, verdict: Verdict) -> bool:
        ranks = (Kind.PROVED, Kind.BOUNDED, Kind.TESTED)
        return verdict.kind in ranks[: ranks.index(Kind(self)) + 1]
