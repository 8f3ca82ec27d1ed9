"""Find the gain at which a coder has the rate that is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CLOSE = math.log2(1.003)
_MOST_TRIALS = 8
_MARGIN = 6.0
"""Octaves of gain beyond the table that are tried for signals unlike those it was measured with."""
_LEAST_SLOPE = 0.1


def gain_for(
    kbps: float, measured_kbps: Callable[[float], float], table: Sequence[tuple[float, float]]
) -> float:
    """Return the gain whose rate is within 0.3 % of what is wanted, or as near as eight trials come.

    Parameters
    ----------
    kbps : float
        Wanted.
    measured_kbps : callable
        Gives the rate at a gain; more at a higher one.
    table : sequence of (kbps, gain)
        What is usual, in ascending order; the search begins there. Two pairs or more.
    """
    rates, gains = np.log2(np.array(table).T)
    lowest, highest = gains[0] - _MARGIN, gains[-1] + _MARGIN
    wanted, gain = math.log2(kbps), float(np.interp(math.log2(kbps), rates, gains))
    slope = float((rates[-1] - rates[0]) / (gains[-1] - gains[0]))
    best, last = (math.inf, gain), None
    for _ in range(_MOST_TRIALS):
        rate = math.log2(max(measured_kbps(2**gain), 1e-9))
        best = min(best, (abs(rate - wanted), gain))
        if best[0] < _CLOSE:
            break
        if last is not None and gain != last[0]:
            slope = max(_LEAST_SLOPE, (rate - last[1]) / (gain - last[0]))
        last = gain, rate
        gain = min(highest, max(lowest, gain + (wanted - rate) / slope))
    return float(2 ** best[1])
