"""The critical-band rate, and the bands that noise is summed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MASKER_LIMIT_HZ = 20_000.0
"""No line above it masks: the standard's critical bands end here, and ultrasound is not heard."""


def bark(frequency_hz: ArrayLike) -> NDArray[np.float64]:
    """Critical-band rate z in Bark of a frequency in Hz.

    Zwicker and Terhardt (1980); within 0.001 Bark of ISO 11172-3, tables D.1.
    """
    f_khz = np.asarray(frequency_hz, dtype=np.float64) / 1000
    return np.asarray(13 * np.arctan(0.76 * f_khz) + 3.5 * np.arctan((f_khz / 7.5) ** 2))


def line_frequencies_hz(n_fft: int, sample_rate_hz: float) -> NDArray[np.float64]:
    """Frequency in Hz of each spectral line, from 0 to half the sample rate: shape [n_fft / 2 + 1]."""
    return np.arange(n_fft // 2 + 1, dtype=np.float64) * (sample_rate_hz / n_fft)


def critical_band_of_line(n_fft: int, sample_rate_hz: float) -> NDArray[np.int64]:
    """Band b for lines in [b, b + 1) Bark; -1 for the lines that belong to none.

    Those are DC, the line at half the sample rate and all above `MASKER_LIMIT_HZ`. The standard's
    tables D.2 round these band limits to a line of its tables; the formula serves any sample rate.
    """
    frequency_hz = line_frequencies_hz(n_fft, sample_rate_hz)
    band = np.floor(bark(frequency_hz)).astype(np.int64)
    band[frequency_hz > MASKER_LIMIT_HZ] = -1
    band[[0, -1]] = -1
    return band


def band_matrix(n_fft: int, sample_rate_hz: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the lower Bark limits of the bands that hold lines, [B], and a 0/1 matrix [lines, B]."""
    band = critical_band_of_line(n_fft, sample_rate_hz)
    bands = np.unique(band[band >= 0])
    return bands, (band[:, np.newaxis] == bands).astype(np.float64)
