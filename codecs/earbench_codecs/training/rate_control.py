"""τ: the weight of entropy in the objective, moved until the coder has the rate that is wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from earbench_codecs.training.recipe_tables import RateTable

_MOST_STEPS = 10.0
_LARGEST_FACTOR = 2.0
"""Of the rule "log", in one epoch."""
_RANGE = 100.0
"""By so much at most the rule "log" goes away from the initial τ, so that it finds back from where a coder
does not answer to it."""


@dataclass(slots=True)
class RateControl:
    """Holds τ and moves it.

    Parameters
    ----------
    table : RateTable
        Target, tolerance, and the rule.

    Attributes
    ----------
    tau : float
        Present value; begins at `table.tau_initial`.
    target_kbps : float
        The table's, or that of the present stage.
    last_kbps : float, optional
        What the epoch before measured, in the same stage.
    """

    table: RateTable
    tau: float = field(init=False)
    target_kbps: float = field(init=False)
    last_kbps: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.tau = self.table.tau_initial
        self.target_kbps = self.table.target_kbps

    def enter_stage(self, target_kbps: float | None, *, begins: bool) -> None:
        """Aim at a stage's own target, or the table's; where the stage begins, forget the last one's rate."""
        self.target_kbps = target_kbps or self.table.target_kbps
        if begins:
            self.last_kbps = None

    def update(self, kbps: float) -> None:
        """Move τ after an epoch whose measured rate was `kbps`: up where it was too high."""
        if self.table.rule == "log":
            self.tau *= self._factor(kbps)
            lowest, highest = self.table.tau_initial / _RANGE, self.table.tau_initial * _RANGE
            self.tau = min(max(self.tau, lowest), highest)
        else:
            self.tau += self.table.tau_step * self._steps(kbps)
        if self.table.tau_floor != "none":
            self.tau = max(self.table.tau_floor, self.tau)
        self.last_kbps = kbps

    def state(self) -> dict[str, float | None]:
        """Return what a run that goes on must know, as JSON."""
        return {"tau": self.tau, "last_kbps": self.last_kbps}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a stored state."""
        self.tau, self.last_kbps = state["tau"], state.get("last_kbps")  # older runs had no last rate

    def _factor(self, kbps: float) -> float:
        """Return τ's factor: the error calls for more; where the rate is on its way already, for less."""
        kbps = max(kbps, self.target_kbps / 1000)  # all codes alike cost nothing
        last = max(self.last_kbps or kbps, self.target_kbps / 1000)
        error = self.table.gain * math.log(kbps / self.target_kbps)
        trend = self.table.damping * math.log(kbps / last)
        most = math.log(_LARGEST_FACTOR)
        return math.exp(min(most, max(-most, error + trend)))

    def _steps(self, kbps: float) -> float:
        excess = (kbps - self.target_kbps) / self.table.tolerance_kbps
        direction = float(excess > 0) - float(excess < 0)
        if self.table.rule == "always":
            return direction
        if abs(excess) <= 1:
            return 0.0
        if self.table.rule == "outside":
            return direction
        return max(-_MOST_STEPS, min(_MOST_STEPS, excess))
