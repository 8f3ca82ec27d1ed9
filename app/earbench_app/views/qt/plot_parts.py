"""What the plots of the analysis have in common: legend, read-out, lines of many points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPolygonF
from shiboken6 import VoidPtr

from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QFontMetrics, QPainter, QPen

_SWATCH_PX, _ROW_PX = 24, 17


@dataclass(frozen=True, slots=True, eq=False)
class LegendItem:
    """One line of a legend.

    Parameters
    ----------
    name, detail : str
        `detail` is a figure such as the noise-to-mask ratio.
    pen : QPen
        Of the swatch.
    key : int, optional
        What a click on it reports.
    hidden : bool
        Whether what it is of has been taken out of the plot.
    """

    name: str
    detail: str
    pen: QPen
    key: int | None = None
    hidden: bool = False


class Legend:
    """Names above a plot, as many in a row as fit, so that they cover nothing."""

    def __init__(self) -> None:
        self.rows: list[tuple[QRectF, LegendItem]] = []

    def place(
        self, items: Sequence[LegendItem], metrics: QFontMetrics, left_px: float, width: float
    ) -> float:
        """Lay the items out within a view of this width; return the height they take."""
        left, top, self.rows = left_px, 0.0, []
        for item in items:
            width_px = _SWATCH_PX + metrics.horizontalAdvance(f"{item.name}  {item.detail}") + 3 * GRID_PX
            if left > left_px and left + width_px > width:
                left, top = left_px, top + _ROW_PX
            self.rows.append((QRectF(left, top, width_px, _ROW_PX), item))
            left += width_px
        return top + _ROW_PX if items else 0.0

    def paint(self, painter: QPainter) -> None:
        """Draw the items where they were placed."""
        for row, item in self.rows:
            painter.setOpacity(0.45 if item.hidden else 1.0)
            painter.setPen(item.pen)
            middle = row.center().y()
            painter.drawLine(QPointF(row.left(), middle), QPointF(row.left() + _SWATCH_PX, middle))
            painter.setPen(QColor(theme().text))
            flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            text = row.adjusted(_SWATCH_PX + GRID_PX, 0, 0, 0)
            painter.drawText(text, flags, item.name)
            painter.setPen(QColor(theme().muted))
            name_px = painter.fontMetrics().horizontalAdvance(f"{item.name}  ")
            painter.drawText(text.adjusted(name_px, 0, 0, 0), flags, item.detail)
        painter.setOpacity(1.0)

    def key_at(self, place: QPointF) -> int | None:
        """Return the key of the item at a place."""
        return next((item.key for row, item in self.rows if row.contains(place)), None)


def paint_read_out(painter: QPainter, plot: QRectF, text: str) -> None:
    """Draw the figures under the pointer in a corner of the plot."""
    flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    box = painter.boundingRect(plot.adjusted(GRID_PX, 3 * GRID_PX, 0, 0), flags, text)
    back = QColor(theme().raised)
    back.setAlphaF(0.92)
    painter.fillRect(box.adjusted(-4, -2, 4, 2), back)
    painter.setPen(QColor(theme().text))
    painter.drawText(box, flags, text)


def paint_message(painter: QPainter, plot: QRectF, text: str) -> None:
    """Say in the middle of the plot why there is nothing to be seen."""
    painter.setPen(QColor(theme().muted))
    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    painter.drawText(plot.adjusted(16, 16, -16, -16), int(flags), text)


def polygon(x_px: NDArray[np.float64], y_px: NDArray[np.float64]) -> QPolygonF:
    """Return the points as Qt has them, written straight into its memory: ten times as fast as one by one."""
    points = QPolygonF()
    points.resize(len(x_px))
    memory: Any = VoidPtr(points.data(), 16 * len(x_px), True)  # type: ignore[call-arg, arg-type]  # stubs
    array = np.frombuffer(memory, np.float64).reshape(-1, 2)
    array[:, 0], array[:, 1] = x_px, y_px
    return points
