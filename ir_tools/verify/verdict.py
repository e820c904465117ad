"""What verification is asked about a pair of functions, and what it says. Imports nothing slow."""

from __future__ import annotations

import dataclasses
import enum
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Side:
    """A function of a module, which is textual IR or bitcode."""

    data: bytes = field(repr=False)
    function: str


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try, for one pair. Execution stops at `runs` inputs or at its time.

    Times are nominal: work is counted, so that a verdict is a function of the pair and of this.
    SMT leaves functions of more than `smt_instructions` alone; None for all.
    """

    unroll: int = 4
    smt_instructions: int | None = None
    smt_s: float = 10.0
    runs: int = 64
    execution_s: float = 10.0
    seed: int = 0


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
    suspicion        the law that a counterexample breaks which nothing has confirmed; of `unknown`
                     alone, and no run of samples lifts it
    of_source        what keeps it from being better is the source: the judge would hardly say more
                     of another target that is not the same; of `unknown` alone
    """

    kind: Kind
    judge: str
    reason: str = ""
    counterexample: str = ""
    unroll: int = 0
    inputs: int = 0
    suspicion: str = ""
    of_source: bool = False

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


def acceptance(name: str) -> Accept | None:
    """What a user's word stands for; None for `unverified`: nothing is judged."""
    return None if name == "unverified" else Accept(name)


def stronger(smt: Verdict, execution: Verdict) -> Verdict:
    """What both together say: a difference that was run counts even against a bounded proof, and
    no number of runs against a counterexample that is merely suspected."""
    if Kind.REFUTED in (smt.kind, execution.kind):
        return smt if smt.kind is Kind.REFUTED else execution
    if execution.kind is Kind.PROVED or (
        execution.kind is Kind.BOUNDED and smt.kind is Kind.UNKNOWN  # by alive-tv
    ):
        return execution
    if execution.kind is Kind.TESTED and smt.kind is Kind.UNKNOWN:
        return smt if smt.suspicion else dataclasses.replace(execution, reason=smt.reason)
    if smt.kind is Kind.UNKNOWN:
        reasons = dict.fromkeys(filter(None, (smt.reason, execution.reason)))
        of_source = smt.of_source and execution.of_source
        return dataclasses.replace(smt, reason="; ".join(reasons), of_source=of_source)
    return smt
