"""One channel of a waveform: an image, which is quick, for the screen; curves for files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW = 0.5  # columns a pixel; with fewer, single samples are seen, joined by lines
_DOTS_PX = 8.0  # from this distance on each sample has a dot


def lane_as_image(
    painter: QPainter,
    lane: QRectF,
    edges_px: NDArray[np.float64],
    low_px: NDArray[np.float64],
    high_px: NDArray[np.float64],
    color: QColor,
) -> None:
    """Draw a lane; `low_px` and `high_px` are distances up from its middle, of the columns between edges."""
    if len(low_px) < _FEW * lane.width():
        _draw_samples(painter, lane, edges_px[:-1], high_px, color)
        return
    ratio = painter.device().devicePixelRatioF()
    middle = lane.height() / 2
    low, high = joined(low_px, high_px)
    alpha = coverage((middle - high) * ratio, (middle - low) * ratio, round(lane.height() * ratio))
    pixels = np.take(_shades(color), alpha)
    n_rows, n_columns = pixels.shape
    image = QImage(pixels.data, n_columns, n_rows, 4 * n_columns, QImage.Format.Format_ARGB32_Premultiplied)
    left, right = float(edges_px[0]), float(edges_px[-1])
    painter.drawImage(QRectF(left, lane.top(), right - left, lane.height()), image)


def lane_as_curve(
    painter: QPainter,
    lane: QRectF,
    edges_px: NDArray[np.float64],
    low_px: NDArray[np.float64],
    high_px: NDArray[np.float64],
    color: QColor,
) -> None:
    """Draw the same as lines and areas, which stay sharp at any size."""
    if len(low_px) < _FEW * lane.width():
        _draw_samples(painter, lane, edges_px[:-1], high_px, color)
        return
    low, high = joined(low_px, high_px)
    centres, middle = (edges_px[:-1] + edges_px[1:]) / 2, lane.center().y()
    painter.setPen(QPen(color, 0.5))
    painter.setBrush(color)
    upper, lower = _points(centres, middle - high), _points(centres, middle - low)
    painter.drawPolygon(QPolygonF(upper + lower[::-1]))


def joined(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lengthen columns so that each touches the one before it, as the sound between them is continuous."""
    low, high = low.copy(), high.copy()
    low[1:], high[1:] = np.minimum(low[1:], high[:-1]), np.maximum(high[1:], low[:-1])
    return low, high


def coverage(top: NDArray[np.float64], bottom: NDArray[np.float64], n_rows: int) -> NDArray[np.uint8]:
    """Return how much of each pixel lies between top and bottom, 0 to 255, shape [n_rows, columns].

    Columns thinner than a pixel are drawn a pixel thick.
    """
    thin = np.maximum(0, 1 - (bottom - top)) / 2
    top, bottom = (top - thin).astype(np.float32), (bottom + thin).astype(np.float32)
    rows = np.arange(n_rows, dtype=np.float32)[:, np.newaxis]
    covered = np.minimum(rows + 1, bottom)
    covered -= np.maximum(rows, top)
    np.clip(covered, 0, 1, out=covered)
    covered *= 255
    return covered.astype(np.uint8)


def _shades(color: QColor) -> NDArray[np.uint32]:
    """Return the colour at 256 degrees of opacity, as Qt's premultiplied words."""
    alpha = np.arange(256, dtype=np.uint32)
    red, green, blue = (channel * alpha // 255 for channel in (color.red(), color.green(), color.blue()))
    words = (alpha << 24) | (red << 16) | (green << 8) | blue
    return words.astype(np.uint32)


def _draw_samples(
    painter: QPainter,
    lane: QRectF,
    x_px: NDArray[np.float64],
    up_px: NDArray[np.float64],
    color: QColor,
) -> None:
    points = _points(x_px, lane.center().y() - up_px)
    painter.setPen(QPen(color, 1.5))
    painter.drawPolyline(QPolygonF(points))
    if len(points) > 1 and x_px[1] - x_px[0] >= _DOTS_PX:
        painter.setBrush(color)
        for point in points:
            painter.drawEllipse(point, 2, 2)


def _points(x_px: NDArray[np.float64], y_px: NDArray[np.float64]) -> list[QPointF]:
    return [QPointF(x, y) for x, y in zip(x_px.tolist(), y_px.tolist(), strict=True)]
