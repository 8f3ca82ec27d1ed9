"""τ: the weight of entropy in the objective, moved until the coder has the rate that is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earbench_codecs.training.recipe import RateTable

_MOST_STEPS = 10.0


@dataclass(slots=True)
class RateControl:
    """Holds τ and moves it.

    Parameters
    ----------
    table : RateTable
        Target, tolerance, and the paper's rule.
    tau : float
        Present value; begins at `table.tau_initial`.
    """

    table: RateTable
    tau: float

    @property
    def highest_kbps(self) -> float:
        """Rate above which no checkpoint counts as best."""
        return self.table.target_kbps + self.table.tolerance_kbps

    def update(self, kbps: float) -> None:
        """Move τ after an epoch whose measured rate was `kbps`: up where it was too high."""
        tau = self.tau + self.table.tau_step * self._steps(kbps)
        self.tau = tau if self.table.tau_floor == "none" else max(self.table.tau_floor, tau)

    def _steps(self, kbps: float) -> float:
        excess = (kbps - self.table.target_kbps) / self.table.tolerance_kbps
        direction = float(excess > 0) - float(excess < 0)
        if self.table.rule == "always":
            return direction
        if abs(excess) <= 1:
            return 0.0
        if self.table.rule == "outside":
            return direction
        return max(-_MOST_STEPS, min(_MOST_STEPS, excess))
