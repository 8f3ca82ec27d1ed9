"""Mel filter banks as the seed papers' codes build them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scale = Literal["floor", "triangle"]


def mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mel of frequencies in hertz: 1127.01048 ln(1 + f / 700)."""
    return 1127.01048 * np.log1p(frequency_hz / 700)


def mel_bank(n_bands: int, n_fft: int, sample_rate_hz: float, scale: Scale) -> NDArray[np.float64]:
    """Return a matrix [n_fft / 2 + 1, n_bands] of triangles of height 1 from 0 Hz to half the sample rate.

    Parameters
    ----------
    scale : {"floor", "triangle"}
        "floor" (Kankanahalli's code): edges at whole lines, floor((n_fft / 2 + 1) f / (sample rate / 2)),
        straight in hertz between them; a filter with two edges on one line loses that side, and is empty
        with all three. "triangle" (TensorFlow, PAM-NAC's code): edges between lines, straight in mel,
        nothing of 0 Hz.
    """
    lines_hz = np.linspace(0, sample_rate_hz / 2, n_fft // 2 + 1)
    lines_mel = mel(lines_hz)
    edges_mel = np.linspace(0, lines_mel[-1], n_bands + 2)
    if scale == "floor":
        edges_hz = 700 * np.expm1(edges_mel / 1127.01048)
        # The last edge is half the sample rate exactly; rounding must not bring it one line down.
        lines = np.floor(len(lines_hz) * edges_hz / (sample_rate_hz / 2) + 1e-9)
        return _triangles(np.arange(len(lines_hz), dtype=np.float64), lines)
    bank = _triangles(lines_mel, edges_mel)
    bank[0] = 0
    return bank


def _triangles(places: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = []
    for (low, middle), (_, high) in pairwise(pairwise(edges)):
        rising = (places >= low) & (places < middle)
        falling = (places >= middle) & (places < high)
        column = np.zeros_like(places)
        column[rising] = (places[rising] - low) / (middle - low)
        column[falling] = (high - places[falling]) / (high - middle)
        columns.append(column)
    return np.stack(columns, axis=1)
