"""Levels over frequency: curves, shading where one exceeds another, legend, read-out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from earbench_app.analysis.frequency_axis import FrequencyAxis, Scale, bark
from earbench_app.views.qt.plot_parts import Legend, LegendItem, paint_message, paint_read_out, polygon
from earbench_app.views.qt.theme import GRID_PX, number_font, theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QMouseEvent, QPaintEvent

_LEFT_PX, _BOTTOM_PX, _TOP_PX, _RIGHT_PX = 5 * GRID_PX, 3 * GRID_PX, GRID_PX, GRID_PX
_RIGHT_MIDDLE = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line of the plot.

    Parameters
    ----------
    name, detail : str
        For the legend; `detail` is a figure such as the noise-to-mask ratio.
    pen : QPen
    db : ndarray, shape [K], optional
        None for a curve that is hidden and only in the legend.
    above : ndarray, shape [K], optional
        Shade where `db` exceeds this.
    key : int, optional
        What a click on its line of the legend reports.
    opacity : float
        Of the shading.
    column : str
        What it is called in a table, if not by its name.
    """

    name: str
    detail: str
    pen: QPen
    db: NDArray[np.float64] | None
    above: NDArray[np.float64] | None = None
    key: int | None = None
    opacity: float = 0.28
    column: str = ""


class FrequencyPlot(QWidget):
    """Passive: `show_curves` draws; a click in the legend emits `legend_clicked` (key)."""

    legend_clicked = Signal(int)

    def __init__(self, unit: str, low_db: float, high_db: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.unit, self._low_db, self._high_db = unit, low_db, high_db
        self.axis = FrequencyAxis(Scale.BARK, 22_050)
        self.curves: Sequence[Curve] = ()
        self._hz: NDArray[np.float64] = np.empty(0)
        self._message = self._note = ""
        self._pointer: QPointF | None = None
        self.legend = Legend()
        self._legend_px = 0.0
        self.setMouseTracking(True)
        self.setMinimumSize(30 * GRID_PX, 14 * GRID_PX)

    def sizeHint(self) -> QSize:
        """Return a size at which curves can be told apart."""
        return QSize(56 * GRID_PX, 40 * GRID_PX)

    def show_axis(self, axis: FrequencyAxis) -> None:
        """Change the frequency axis."""
        self.axis = axis
        self.update()

    def show_curves(
        self, frequencies_hz: NDArray[np.float64], curves: Sequence[Curve], note: str = ""
    ) -> None:
        """Draw these, the first at the back; the note says in the corner what they are of."""
        self._hz, self.curves, self._note = frequencies_hz, curves, note
        self.update()

    def show_message(self, text: str) -> None:
        """Say why there is nothing to be seen; empty to say nothing."""
        if text != self._message:
            self._message = text
            self.update()

    def table(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return frequency and curves, as drawn."""
        seen = [(curve.column or curve.name, curve.db) for curve in self.curves if curve.db is not None]
        header = ["frequency_hz", *(f"{name} ({self.unit})" for name, _ in seen)]
        columns = [self._hz, *(np.round(db, 3) for _, db in seen)]
        return header, zip(*(column.tolist() for column in columns), strict=True)

    # Painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all of it: a thousand points take a few milliseconds."""
        del event
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.paint_picture(painter)
            self._paint_read_out(painter)

    def paint_picture(self, painter: QPainter) -> None:
        """Draw grid, curves and legend."""
        painter.fillRect(self.rect(), QColor(theme().surface))
        painter.setFont(number_font(self.font()))
        self._legend_px = self.legend.place(
            self._legend_items(), painter.fontMetrics(), _LEFT_PX, self.width()
        )
        plot = self._plot_rect()
        painter.fillRect(plot, QColor(theme().plot))
        self._paint_levels(painter, plot)
        self._paint_frequencies(painter, plot)
        painter.save()
        painter.setClipRect(plot)
        x_px = plot.left() + self.axis.position(self._hz) * plot.width()
        for curve in self.curves:
            if curve.db is not None and curve.above is not None:
                self._shade(painter, x_px, curve, plot)
        for curve in self.curves:
            if curve.db is not None:
                painter.setPen(curve.pen)
                painter.drawPolyline(polygon(x_px, self._y_of(curve.db, plot)))
        painter.restore()
        self.legend.paint(painter)
        painter.setPen(QColor(theme().muted))
        place = plot.adjusted(GRID_PX, GRID_PX // 2, -GRID_PX, 0)
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, self._note)
        if self._message:
            paint_message(painter, plot, self._message)

    def _plot_rect(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT_PX, _TOP_PX + self._legend_px, -_RIGHT_PX, -_BOTTOM_PX)

    def _y_of(self, db: NDArray[np.float64] | float, plot: QRectF) -> NDArray[np.float64]:
        share = (np.asarray(db) - self._low_db) / (self._high_db - self._low_db)
        return np.asarray(plot.bottom() - np.clip(share, -0.1, 1.1) * plot.height())

    def _shade(self, painter: QPainter, x_px: NDArray[np.float64], curve: Curve, plot: QRectF) -> None:
        assert curve.db is not None
        assert curve.above is not None
        exceeding = np.flatnonzero(curve.db > curve.above)
        if not exceeding.size:
            return
        part = slice(max(0, int(exceeding[0]) - 1), int(exceeding[-1]) + 2)
        upper, lower = np.maximum(curve.db, curve.above)[part], curve.above[part]
        outline_db = np.concatenate([upper, lower[::-1]])
        color = QColor(curve.pen.color())
        color.setAlphaF(curve.opacity)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # the curves lie over its edges
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        outline_px = np.concatenate([x_px[part], x_px[part][::-1]])
        painter.drawPolygon(polygon(outline_px, self._y_of(outline_db, plot)))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_levels(self, painter: QPainter, plot: QRectF) -> None:
        step_db = 20 if plot.height() > 12 * GRID_PX else 40
        first = int(np.ceil(self._low_db / step_db)) * step_db
        for db in range(first, int(self._high_db) + 1, step_db):
            y_px = float(self._y_of(db, plot))
            painter.setPen(QColor(theme().line))
            painter.drawLine(QPointF(plot.left(), y_px), QPointF(plot.right(), y_px))
            painter.setPen(QColor(theme().muted))
            text_y_px = min(max(y_px, plot.top() + 6), plot.bottom() - 6)
            if db + step_db <= self._high_db:
                place = QRectF(0, text_y_px - 8, plot.left() - 5, 16)
                painter.drawText(place, _RIGHT_MIDDLE, f"{db}".replace("-", "−"))
        painter.setPen(QColor(theme().muted))
        painter.drawText(QRectF(2, plot.top() - 4, plot.left() + 40, 16), 0, self.unit)

    def _paint_frequencies(self, painter: QPainter, plot: QRectF) -> None:
        ticks = self.axis.ticks_hz()
        free_px = plot.left() - GRID_PX
        for hz, place in zip(ticks, self.axis.position(ticks).tolist(), strict=True):
            x_px = plot.left() + place * plot.width()
            painter.setPen(QColor(theme().line))
            painter.drawLine(QPointF(x_px, plot.top()), QPointF(x_px, plot.bottom()))
            text = f"{hz / 1000:g}k" if hz >= 1000 else f"{hz:g}"
            width_px = painter.fontMetrics().horizontalAdvance(text)
            left_px = min(max(x_px - width_px / 2, plot.left() - width_px / 2), plot.right() - width_px)
            if left_px < free_px or left_px + width_px > plot.right() - 18:
                continue  # labels would touch
            free_px = left_px + width_px + 6
            painter.setPen(QColor(theme().muted))
            painter.drawText(QPointF(left_px, plot.bottom() + 16), text)
        painter.setPen(QColor(theme().muted))
        painter.drawText(QRectF(plot.right() - 40, plot.bottom() + 3, 40, 18), _RIGHT_MIDDLE, "Hz")

    def _legend_items(self) -> list[LegendItem]:
        return [LegendItem(c.name, c.detail, c.pen, c.key, c.db is None) for c in self.curves]

    def _paint_read_out(self, painter: QPainter) -> None:
        plot = self._plot_rect()
        if self._pointer is None or not plot.contains(self._pointer) or not len(self._hz):
            return
        hz = float(self.axis.frequency_hz((self._pointer.x() - plot.left()) / plot.width()))
        painter.setPen(QPen(QColor(theme().muted), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(self._pointer.x(), plot.top()), QPointF(self._pointer.x(), plot.bottom()))
        lines = [f"{hz:.0f} Hz  {float(bark(hz)):.1f} Bark"]
        for curve in self.curves:
            if curve.db is not None:
                lines.append(f"{curve.name}  {np.interp(hz, self._hz, curve.db):.1f} {self.unit}")
        paint_read_out(painter, plot, "\n".join(lines).replace("-", "−"))

    # Mouse -------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read out what is under the pointer."""
        self._pointer = event.position()
        over = self.legend.key_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.CrossCursor)
        self.update()

    def leaveEvent(self, event: object) -> None:
        """Take the read-out away."""
        del event
        self._pointer = None
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Report a click in the legend."""
        key = self.legend.key_at(event.position())
        if key is not None and event.button() == Qt.MouseButton.LeftButton:
            self.legend_clicked.emit(key)
