"""Frequency axes: where a frequency stands on a linear, logarithmic, mel or Bark scale."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

LOWEST_LOG_HZ = 20.0
_ROUND_HZ = (0, 100, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)
_ROUND_LOG_HZ = (20, 50, 100, 200, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)


class Scale(StrEnum):
    """The scales on offer."""

    LINEAR = "linear"
    LOG = "log"
    MEL = "mel"
    BARK = "bark"


def bark(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    """Return the critical-band rate, in Bark, 13 atan(0.76 f) + 3.5 atan((f / 7.5)²), f in kHz (Zwicker)."""
    khz = np.asarray(frequency_hz, np.float64) / 1000
    return 13 * np.arctan(0.76 * khz) + 3.5 * np.arctan((khz / 7.5) ** 2)


def mel(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    """Return mel, 1127 ln(1 + f / 700)."""
    return 1127.01048 * np.log1p(np.asarray(frequency_hz, np.float64) / 700)


def _octaves(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    return np.log2(np.maximum(frequency_hz, LOWEST_LOG_HZ) / LOWEST_LOG_HZ)


_FORWARD = {
    Scale.LINEAR: lambda hz: np.asarray(hz, np.float64),
    Scale.LOG: _octaves,
    Scale.MEL: mel,
    Scale.BARK: bark,
}


@dataclass(frozen=True, slots=True)
class FrequencyAxis:
    """An axis from 0 (20 Hz on the logarithmic scale) to half the sample rate.

    Parameters
    ----------
    scale : Scale
    nyquist_hz : float
    """

    scale: Scale
    nyquist_hz: float

    def position(self, frequency_hz: ArrayLike) -> NDArray[np.float64]:
        """Return where frequencies stand, 0 at the bottom to 1 at the top."""
        forward = _FORWARD[self.scale]
        low, high = forward(0.0), forward(self.nyquist_hz)
        return (forward(frequency_hz) - low) / (high - low)

    def frequency_hz(self, position: ArrayLike) -> NDArray[np.float64]:
        """Return the frequencies at positions 0..1; the inverse of `position`, to 0.01 %."""
        grid = np.linspace(0, self.nyquist_hz, 65537)
        if self.scale is Scale.LOG:
            grid = np.geomspace(LOWEST_LOG_HZ, self.nyquist_hz, 65537)
        return np.interp(np.asarray(position, np.float64), self.position(grid), grid)

    def ticks_hz(self) -> tuple[float, ...]:
        """Return round frequencies worth a label."""
        ticks: Sequence[int] = _ROUND_HZ
        if self.scale is Scale.LINEAR:
            step = next(s for s in (1000, 2000, 4000, 5000, 10000, 20000) if self.nyquist_hz / s <= 8)
            ticks = range(0, int(self.nyquist_hz) + 1, step)
        elif self.scale is Scale.LOG:
            ticks = _ROUND_LOG_HZ
        return tuple(float(hz) for hz in ticks if hz <= self.nyquist_hz)
