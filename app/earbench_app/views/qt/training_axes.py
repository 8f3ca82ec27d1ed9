"""Axes of plots: what they span, where their ticks are, and where on the screen a value is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtCore import QRectF

Range = tuple[float, float]

_MARGIN = 0.04  # of the range, above and below what is drawn
_BULK_PERCENT = (5.0, 95.0)
_BESIDE = 0.5  # of the bulk's range
_MANY = 50  # points, so that some are outside of that
_ROUNDING = 1e-6  # of a value: what means of a constant differ by, and less


def ticks(ends: Range, n_most: int, log: bool = False) -> list[tuple[float, str]]:
    """Return places on an axis and what stands there: about so many, at 1, 2 or 5 times a power of ten.

    On a logarithmic axis `ends` and places are logarithms; of less than two decades, ticks are at round
    values within them.
    """
    low, high = ends
    if not log:
        return _numbered(_round_values(low, high, n_most))
    if high - low >= 2:
        every = max(1, math.ceil((high - low) / max(1, n_most)))
        return [(float(k), _number(10.0**k)) for k in range(math.ceil(low), math.floor(high) + 1, every)]
    values = _round_values(10**low, 10**high, n_most)
    return [(math.log10(value), text) for value, text in _numbered(values) if value > 0]


def _round_values(low: float, high: float, n_most: int) -> list[float]:
    rough = (high - low) / max(1, n_most)
    if not (rough > 0 and math.isfinite(rough)):
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= 0.999 * rough)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [k * step for k in range(first, last + 1)]


def _numbered(values: Sequence[float]) -> list[tuple[float, str]]:
    """Return values with their texts, in as many figures as tell them apart."""
    for n_figures in range(6, 17):
        texts = [_number(value, n_figures) for value in values]
        if len(set(texts)) == len(texts):
            break
    return list(zip(values, texts, strict=True))


def _number(value: float, n_figures: int = 6) -> str:
    return f"{value:.{n_figures}g}".replace("-", "−").replace("e−0", "e−").replace("e+0", "e")


def span(parts: Sequence[NDArray[np.float64]]) -> Range:
    """Return the least and the largest of some values; of one value but for rounding, half of it beside."""
    known = [part for part in parts if len(part)]
    if not known:
        return 0.0, 1.0
    low, high = min(float(part.min()) for part in known), max(float(part.max()) for part in known)
    size = max(abs(low), abs(high))
    return (low, high) if high - low > _ROUNDING * size else (low - (size or 1) / 2, high + (size or 1) / 2)


def x_extent(parts: Sequence[NDArray[np.float64]], log: bool) -> Range | None:
    """Return what the x axis of several plots spans; logarithms where it is of these, None without any."""
    known = [np.log10(part[part > 0]) if log else part for part in parts]
    return span(known) if any(len(part) for part in known) else None


def bulk_span(parts: Sequence[NDArray[np.float64]]) -> Range:
    """Return the least and the largest of all but outliers, such as a loss's first steps.

    Outliers are what lies further beyond the bulk of all curves than half of what that spans, so that curves
    without them are seen whole; curves of few points, such as validation's, have none.
    """
    inner = [np.percentile(part, _BULK_PERCENT) if len(part) >= _MANY else part for part in parts]
    low, high = span(inner)
    beside = _BESIDE * (high - low)
    return span([part[(part >= low - beside) & (part <= high + beside)] for part in parts])


def widened(ends: Range) -> Range:
    """Return a range with a margin at both ends."""
    more = _MARGIN * (ends[1] - ends[0])
    return ends[0] - more, ends[1] + more


def within(ends: Range, scale: Range) -> Range:
    """Return what of a range is on a scale."""
    low, high = max(ends[0], scale[0]), min(ends[1], scale[1])
    return (low, high) if low < high else ends


def scaled(ends: Range, factor: float, share: float) -> Range:
    """Return a range that is larger by a factor, around a place in it."""
    at = ends[0] + share * (ends[1] - ends[0])
    return at - factor * (at - ends[0]), at + factor * (ends[1] - at)


def x_to_px(x: NDArray[np.float64], ends: Range, plot: QRectF) -> NDArray[np.float64]:
    """Return where values of the x axis are in a plot."""
    return np.asarray(plot.left() + (x - ends[0]) / (ends[1] - ends[0]) * plot.width())


def y_to_px(y: NDArray[np.float64], ends: Range, plot: QRectF) -> NDArray[np.float64]:
    """Return where values of the y axis are in a plot."""
    return np.asarray(plot.bottom() - (y - ends[0]) / (ends[1] - ends[0]) * plot.height())
