"""Waveform envelopes at many zoom levels, so that an hour draws as fast as a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BASE_BLOCK = 256  # samples a block of the finest stored level; below it the samples themselves are read
LEVEL_FACTOR = 8


@dataclass(frozen=True, slots=True)
class Envelope:
    """Lowest and highest sample in each column of a picture.

    Parameters
    ----------
    low, high : ndarray of float32, shape [C, columns]
    edges : ndarray of int64, shape [columns + 1]
        Sample index at which each column begins; the last is the end.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    edges: NDArray[np.int64]


class PeakPyramid:
    """Minima and maxima of a clip's samples over blocks of 256, 2048, 16384, … samples.

    Parameters
    ----------
    samples : ndarray of float32, shape [C, T]

    Notes
    -----
    Building takes a third of a second for an hour of 48 kHz stereo (`make bench`): do it in the background.
    """

    def __init__(self, samples: NDArray[np.float32]) -> None:
        self._samples = samples
        self._levels = [_reduced(samples, samples, BASE_BLOCK)]
        while self._levels[-1][0].shape[1] > LEVEL_FACTOR:
            self._levels.append(_reduced(*self._levels[-1], LEVEL_FACTOR))

    @property
    def peak(self) -> float:
        """Largest magnitude of any sample."""
        low, high = self._levels[-1]
        return float(max(-low.min(), high.max()))

    @property
    def n_bytes(self) -> int:
        """Memory of the levels; the samples themselves belong to the clip."""
        return sum(low.nbytes + high.nbytes for low, high in self._levels)

    def envelope(self, start: int, end: int, n_columns: int) -> Envelope:
        """Return the envelope of samples [start, end) in at most `n_columns` columns.

        Columns are made of whole blocks of the finest level that is not finer than needed, so no peak is
        ever lost; a column's edges are then at most one block away from where a pixel would be.
        """
        start, end = max(0, start), min(self._samples.shape[1], end)
        n_columns = max(1, min(n_columns, end - start))
        step = (end - start) / n_columns
        if step < BASE_BLOCK:
            return self._from_samples(start, end, n_columns)
        level = min(int(np.log(step / BASE_BLOCK) / np.log(LEVEL_FACTOR)), len(self._levels) - 1)
        return self._from_level(level, start, end, n_columns)

    def _from_samples(self, start: int, end: int, n_columns: int) -> Envelope:
        edges = np.linspace(start, end, n_columns + 1).astype(np.int64)
        part = self._samples[:, start:end]
        low = np.minimum.reduceat(part, edges[:-1] - start, axis=1)
        high = np.maximum.reduceat(part, edges[:-1] - start, axis=1)
        return Envelope(low, high, edges)

    def _from_level(self, level: int, start: int, end: int, n_columns: int) -> Envelope:
        block = BASE_BLOCK * LEVEL_FACTOR**level
        low, high = self._levels[level]
        first, last = start // block, min(low.shape[1], -(-end // block))
        cuts = np.unique(np.linspace(first, last, n_columns + 1).astype(np.int64))
        return Envelope(
            np.minimum.reduceat(low[:, first:last], cuts[:-1] - first, axis=1),
            np.maximum.reduceat(high[:, first:last], cuts[:-1] - first, axis=1),
            np.minimum(cuts * block, self._samples.shape[1]),
        )


def _reduced(
    low: NDArray[np.float32], high: NDArray[np.float32], factor: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return minima and maxima of blocks; the last block may be shorter.

    Reductions along an axis let other threads run meanwhile, which `reduceat` does not: on an hour it would
    stop the interface for a fifth of a second.
    """
    n_channels, n_whole = low.shape[0], low.shape[1] // factor
    whole = n_whole * factor
    lowest = low[:, :whole].reshape(n_channels, n_whole, factor).min(axis=2)
    highest = high[:, :whole].reshape(n_channels, n_whole, factor).max(axis=2)
    if whole < low.shape[1]:
        lowest = np.append(lowest, low[:, whole:].min(axis=1, keepdims=True), axis=1)
        highest = np.append(highest, high[:, whole:].max(axis=1, keepdims=True), axis=1)
    return lowest, highest
