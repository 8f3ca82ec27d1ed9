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
    Table = Sequence[tuple[float, float]]

BEYOND_OCTAVES = 6.0
"""Octaves of gain beyond the table that are tried for signals unlike those it was measured with."""
_LONGEST_STEP = 3.0
"""Octaves that one trial changes a gain by."""
_SHORTEST_STEP = 1 / 32
"""Shorter ones say little of the slope."""
_SLOPES = 0.03, 4.0
"""Octaves of bits that an octave of gain brings, at least and at most."""


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
        self.slopes: Numbers = np.asarray(slope, np.float64)
        self._range = least, most
        self._last: tuple[Numbers, Numbers] | None = None

    def steps(self, octaves: Numbers, values: Numbers, wanted: Numbers) -> Numbers:
        """Return octaves [n] of gain by which values are expected to become those wanted.

        Parameters
        ----------
        octaves, values : ndarray
            What was tried, and what it brought; NaN where nothing can be told, and nothing changes.
        wanted : ndarray
        """
        self.learn(octaves, values)
        change: Numbers = np.nan_to_num((wanted - values) / self.slopes)
        return np.clip(change, -_LONGEST_STEP, _LONGEST_STEP)

    def better(
        self,
        offsets: NDArray[np.int64],
        values: Numbers,
        wanted: Numbers,
        largest: int = LARGEST_OFFSET,
    ) -> NDArray[np.int64]:
        """Return offsets [n], in parts of an octave, at which values are expected to be those wanted.

        None is beyond the largest, up or down.
        """
        change = self.steps(offsets / OFFSETS_PER_OCTAVE, values, wanted)
        moved = offsets + np.rint(change * OFFSETS_PER_OCTAVE).astype(np.int64)
        return np.clip(moved, -largest, largest)

    def learn(self, octaves: Numbers, values: Numbers) -> None:
        """Take note of what gains brought, for slopes."""
        self.slopes = np.broadcast_to(self.slopes, octaves.shape)
        if self._last is not None:
            change = octaves - self._last[0]
            told = np.abs(change) > _SHORTEST_STEP
            rise = np.divide(values - self._last[1], change, where=told, out=self.slopes.copy())
            self.slopes = np.clip(np.where(np.isnan(rise), self.slopes, rise), *self._range)
        self._last = octaves, values

    def forget(self) -> None:
        """Keep slopes alone: what comes is measured in another way."""
        self._last = None


class GainSearch:
    """Searches for the gain at which a rate is met.

    Parameters
    ----------
    kbps : float
        Wanted.
    table : sequence of (kbps, gain)
        What is usual, in ascending order; the search begins there. Two pairs or more.
    """

    def __init__(self, kbps: float, table: Table) -> None:
        rates, gains = np.log2(np.array(table).T)
        self.kbps, self._wanted = kbps, math.log2(kbps)
        self._octaves = math.log2(usual_gain(kbps, table))
        self._lowest, self._highest = gains[0] - BEYOND_OCTAVES, gains[-1] + BEYOND_OCTAVES
        after = min(max(int(np.searchsorted(rates, self._wanted)), 1), len(rates) - 1)
        slope = (rates[after] - rates[after - 1]) / (gains[after] - gains[after - 1])
        self._secants = Secants(min(max(slope, _SLOPES[0]), _SLOPES[1]), *_SLOPES)

    def approach(self, measured_kbps: Callable[[float], float], close: float, most_trials: int) -> bool:
        """Measure rates until one is close, and go to where it is expected to be met; return whether one was.

        Parameters
        ----------
        measured_kbps : callable
            Gives the rate at a gain; more at a higher one.
        close : float
            Share of the rate that it may be off by.
        most_trials : int
        """
        self._secants.forget()
        low, high = -math.inf, math.inf  # where the rate was too low, and too high
        for _ in range(most_trials):
            octaves = self._octaves
            rate = math.log2(max(measured_kbps(2**octaves), 1e-9))
            (step,) = self._secants.steps(np.array([octaves]), np.array([rate]), np.array([self._wanted]))
            low, high = (octaves, high) if rate < self._wanted else (low, octaves)
            self._octaves = _within(float(np.clip(octaves + step, self._lowest, self._highest)), low, high)
            if (met := abs(2 ** (rate - self._wanted) - 1) < close) or self._octaves == octaves:
                break
        return met


def _within(octaves: float, low: float, high: float) -> float:
    """Return where to look next: in the middle, where a slope leads beyond what was tried.

    A coder with notches takes fewer bits at some higher gains, so slopes may lead astray.
    """
    return octaves if low < octaves < high or math.isinf(high - low) else (low + high) / 2


def usual_gain(kbps: float, table: Table) -> float:
    """Return the gain at which a table (kbps, gain) has a rate."""
    rates, gains = np.log2(np.array(table).T)
    return float(2 ** np.interp(math.log2(kbps), rates, gains))
