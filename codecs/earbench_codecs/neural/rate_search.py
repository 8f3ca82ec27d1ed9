"""Find the gains at which a coder has the rate, or the quality, that is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.neural.units import LARGEST_OFFSET, OFFSETS_PER_OCTAVE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_CLOSE = math.log2(1.003)
_MOST_TRIALS = 8
BEYOND_OCTAVES = 6.0
"""Octaves of gain beyond the table that are tried for signals unlike those it was measured with."""
_LEAST_SLOPE = 0.1
_LONGEST_STEP = 3.0
"""Octaves that one trial changes a gain by."""


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
    lowest, highest = gains[0] - BEYOND_OCTAVES, gains[-1] + BEYOND_OCTAVES
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


class Secants:
    """Searches for many gains side by side: what each brings grows with it.

    Parameters
    ----------
    slope : float or ndarray
        What an octave of gain brings, to begin with.
    least, most : float
        What it brings at least and at most.
    """

    def __init__(self, slope: float | Numbers, least: float, most: float) -> None:
        self._slope, self._range = slope, (least, most)
        self._last: tuple[NDArray[np.int64], Numbers] | None = None
        self.slopes: Numbers = np.empty(0)

    def better(self, offsets: NDArray[np.int64], values: Numbers, wanted: Numbers) -> NDArray[np.int64]:
        """Return offsets [n], in parts of an octave, at which values are expected to be those wanted.

        Parameters
        ----------
        offsets, values : ndarray
            What was tried, and what it brought; NaN where nothing can be told, and nothing changes.
        wanted : ndarray
        """
        self.learn(offsets, values)
        change = np.nan_to_num((wanted - values) / self.slopes)
        change = np.rint(np.clip(change, -_LONGEST_STEP, _LONGEST_STEP) * OFFSETS_PER_OCTAVE)
        return np.clip(offsets + change.astype(np.int64), -LARGEST_OFFSET, LARGEST_OFFSET)

    def learn(self, offsets: NDArray[np.int64], values: Numbers) -> None:
        """Take note of what offsets brought, for slopes."""
        if self._last is None:
            self.slopes = np.broadcast_to(self._slope, offsets.shape).astype(np.float64)
        else:
            octaves = (offsets - self._last[0]) / OFFSETS_PER_OCTAVE
            rise = np.divide(values - self._last[1], octaves, where=octaves != 0, out=self.slopes.copy())
            self.slopes = np.clip(np.where(np.isnan(rise), self.slopes, rise), *self._range)
        self._last = offsets, values
