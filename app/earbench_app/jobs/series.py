"""A curve of bounded length, however long a run is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_KEPT = 4000
"""Points of a curve that are kept, at most."""
_LITTLE = 0.5
"""Weight of a report, by its steps, below which it is no point of its own: a pause cuts one short."""


class Series:
    """A curve of bounded length: when it is full, each two points become their mean.

    Parameters
    ----------
    n_points : int
        At most.
    """

    def __init__(self, n_points: int = N_KEPT) -> None:
        self._points = np.empty((n_points, 4))  # step, seconds, sum of values, of weights
        self._n = 0
        self._stride = 1

    def add(self, step: float, seconds: float, value: float | None, weight: float = 1.0) -> None:
        """Add a point; None is a gap. One of little weight is taken into the point before it."""
        if value is None or not math.isfinite(value):
            self._append((step, seconds, 0, math.inf))
        elif self._n and self._has_room(weight):
            self._points[self._n - 1] += (0, 0, weight * value, weight)
            self._points[self._n - 1, :2] = step, seconds
        else:
            self._append((step, seconds, weight * value, weight))

    def drop_after(self, step: float) -> None:
        """Forget points beyond a step: a run that goes on from a checkpoint makes them again."""
        self._n = int(np.searchsorted(self._points[: self._n, 0], step, side="right"))

    def __len__(self) -> int:
        return self._n

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return steps, seconds of running, and values, each [n]; a gap is NaN."""
        steps, seconds, sums, counts = self._points[: self._n].T
        values = np.where(np.isfinite(counts), sums / counts, np.nan)
        return steps.copy(), seconds.copy(), values

    def _has_room(self, weight: float) -> bool:
        """Return whether a point is to be taken into the last one."""
        has = float(self._points[self._n - 1, 3])
        return has < self._stride or (weight < _LITTLE and math.isfinite(has))

    def _append(self, point: tuple[float, float, float, float]) -> None:
        if self._n == len(self._points):
            self._halve()
        self._points[self._n] = point
        self._n += 1

    def _halve(self) -> None:
        pairs = self._points.reshape(-1, 2, 4)
        gaps = ~np.isfinite(pairs[:, :, 3])
        known = np.where(gaps[:, :, np.newaxis], 0, pairs).sum(axis=1)
        merged = np.column_stack([pairs[:, 1, :2], known[:, 2:]])
        merged[gaps.all(axis=1), 3] = math.inf
        self._n = len(merged)
        self._points[: self._n] = merged
        self._stride *= 2
