"""What a check may spend, counted so that its verdict does not depend on how busy the machine is.

z3 counts the resource units of its own work; the encoding's work is counted in steps, each of
which costs so many of these units. The processor's time is only a net, far above: a verdict that it
forced says `OUT_OF_TIME`, and may be another one on another day.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ir_tools.verify.smt.values import BudgetError

UNITS_PER_S = 4_000_000  # z3, in checks of more than half a second (2.5 to 9 million)
STEPS_PER_S = 3_000  # the encoding of all of Alive2's pairs
_UNITS_PER_STEP = UNITS_PER_S // STEPS_PER_S
_SLACK = 20  # times the nominal time, until the clock ends a check
OUT_OF_TIME = "out of time"
OUT_OF_BUDGET = "out of budget"


@dataclass(slots=True)
class Budget:
    """So many nominal seconds: what an idle machine of 2026 does in them."""

    nominal_s: float
    left: int = field(init=False)
    _deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = int(self.nominal_s * UNITS_PER_S)
        self._deadline = time.process_time() + _SLACK * self.nominal_s

    @property
    def seconds_left(self) -> float:
        """Of the processor, until the clock ends the check. Raises BudgetError where it has."""
        left = self._deadline - time.process_time()
        if left <= 0:
            raise BudgetError(OUT_OF_TIME)
        return left

    def step(self, count: int = 1) -> None:
        """Account for steps of the encoding. Raises BudgetError."""
        self.spend(count * _UNITS_PER_STEP)

    def spend(self, units: int) -> None:
        """Raises BudgetError when nothing is left."""
        self.left -= units
        if self.left <= 0:
            raise BudgetError(OUT_OF_BUDGET)
        _ = self.seconds_left
