"""One quantity of several runs over steps or time: lines, marks, where it should be, and a cursor.

Painted by hand: an update of ten plots with eight runs costs a third of what it does with pyqtgraph, and one
plot is drawn at a time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QWidget

from earbench_app.counting import counted
from earbench_app.views.qt.plot_parts import polygon
from earbench_app.views.qt.theme import GRID_PX, number_font, theme, version_color, version_pen
from earbench_app.views.qt.training_axes import (
    Range,
    bulk_span,
    scaled,
    span,
    ticks,
    widened,
    within,
    x_to_px,
    y_to_px,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QMouseEvent, QPaintEvent, QWheelEvent

    from earbench_app.views.training_protocols import CurveLine, CurvePanel

_LEFT_PX, _BOTTOM_PX, _TOP_PX, _RIGHT_PX = 7 * GRID_PX, 4 * GRID_PX, GRID_PX, 2 * GRID_PX
_PAD_PX = 4  # beside the first and the last step, whose marks are no halves then
_NAME_GAP_PX = 6  # between an axis and what stands at it
_TARGET_PX = 2 * GRID_PX  # of the line that names the target
_TICK_PX, _ACROSS_PX = 3 * GRID_PX, 7 * GRID_PX  # between two ticks of the axes, at least
_ZOOM = 1.25
_MARK_PX = 2.5
_RIGHT_MIDDLE = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class CurvePlot(QWidget):
    """Passive. Drag to pan, Ctrl and wheel to zoom; untouched, it is as high as the bulk of its curves.

    `hovered` tells x, or None; `zoomed` the range of x on its axis; `see_all_asked` is a double click.
    """

    hovered = Signal(object)
    zoomed = Signal(tuple)
    see_all_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[CurveLine] = ()
        self._bands: Sequence[Range] = ()
        self._scale: tuple[float | None, float | None] = (None, None)
        self._extent: Range | None = None  # of x in all plots; logarithms where the axis is
        self._log = (False, False)
        self._chosen: tuple[Range | None, Range | None] = (None, None)
        self._whole = False
        self._free_y: Range | None = None  # of what is drawn, where nobody chose a part; painted at each move
        self._x_title = ""
        self._cursor: float | None = None
        self._dragged: QPointF | None = None
        self.setMinimumHeight(21 * GRID_PX)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)

    def sizeHint(self) -> QSize:
        """Return a size at which curves can be told apart."""
        return QSize(40 * GRID_PX, 22 * GRID_PX)

    def show_panel(self, panel: CurvePanel, extent: Range | None = None) -> None:
        """Draw these lines; the x axis spans the extent, which all plots share, if there is one."""
        self._lines, self._bands, self._scale, self._extent = panel.lines, panel.bands, panel.scale, extent
        self._free_y = None
        self.update()

    def show_axes(self, x_title: str, log_x: bool, log_y: bool) -> None:
        """Say what the x axis is of, with its unit if it has one; turn axes logarithmic."""
        self._x_title = x_title
        if (log_x, log_y) != self._log:
            self._log = (log_x, log_y)
            self.see(whole=False)

    def show_cursor(self, x: float | None) -> None:
        """Draw a line at a place."""
        self._cursor = x
        self.update()

    def show_x(self, x_range: Range) -> None:
        """Show a part of the x axis; in what it is drawn in, which may be logarithms."""
        self._chosen = (x_range, self._chosen[1])
        self.update()

    def see(self, *, whole: bool) -> None:
        """Zoom out, to every point or to the bulk of them, and follow what comes."""
        self._whole, self._chosen, self._free_y = whole, (None, None), None
        self.update()

    @property
    def sees_all(self) -> bool:
        """Whether every point is shown."""
        return self._whole and self._chosen == (None, None)

    @property
    def x_range(self) -> Range:
        """What is seen of the x axis; logarithms where it is logarithmic."""
        low, high = self._chosen[0] or self._extent or span([self._drawn(line)[0] for line in self._lines])
        return (0.0 if not self._log[0] and self._chosen[0] is None else low), high

    @property
    def y_range(self) -> Range:
        """What is seen of the y axis; logarithms where it is logarithmic."""
        if self._chosen[1] is not None:
            return self._chosen[1]
        if self._free_y is None:
            drawn = [self._drawn(line)[1] for line in self._lines]
            edges = [np.array(self._y_axis(np.array(band))) for band in self._bands]
            found = (span if self._whole else bulk_span)([*drawn, *edges])
            self._free_y = widened(within(found, self._scale_on_axis()))
        return self._free_y

    @property
    def beyond(self) -> tuple[int, int]:
        """How many points lie below and above what is shown; none where the user chose what that is."""
        if self._chosen[1] is not None:
            return 0, 0
        (low, high), drawn = self.y_range, [self._drawn(line)[1] for line in self._lines]
        return sum(int((y < low).sum()) for y in drawn), sum(int((y > high).sum()) for y in drawn)

    # Painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all of it."""
        del event
        with QPainter(self) as painter:
            self.paint_picture(painter)
            self._paint_cursor(painter)

    def paint_picture(self, painter: QPainter) -> None:
        """Draw axes, bands and lines."""
        plot, x_range, y_range = self.plot_rect(), self.x_range, self.y_range
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setFont(number_font(self.font()))
        ground = plot.adjusted(-_PAD_PX, 0, _PAD_PX, 0)
        painter.fillRect(ground, QColor(theme().plot))
        self._paint_y_axis(painter, ground, y_range)
        self._paint_x_axis(painter, plot, x_range)
        self._paint_target(painter, ground)
        painter.save()
        painter.setClipRect(ground)
        self._paint_bands(painter, ground, y_range)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for line in self._lines:
            self._paint_line(painter, line, plot, x_range, y_range)
        painter.restore()
        self._paint_beyond(painter, plot)

    def plot_rect(self) -> QRectF:
        """Return where the lines are; at the left there is room for what stands at the axis."""
        top_px = _TOP_PX + (_TARGET_PX if self._bands else 0)
        plot = QRectF(self.rect()).adjusted(_PAD_PX, top_px, -_RIGHT_PX - _PAD_PX, -_BOTTOM_PX)
        metrics = QFontMetricsF(number_font(self.font()))
        names = (metrics.horizontalAdvance(text) for _, text in self._y_ticks(plot))
        return plot.adjusted(max(_LEFT_PX, max(names, default=0.0) + _NAME_GAP_PX + 2), 0, 0, 0)

    def _y_ticks(self, plot: QRectF) -> list[tuple[float, str]]:
        return ticks(self.y_range, int(plot.height() / _TICK_PX), self._log[1])

    def _paint_line(
        self, painter: QPainter, line: CurveLine, plot: QRectF, x_range: Range, y_range: Range
    ) -> None:
        x, y = self._drawn(line)
        if not len(x):
            return
        x_px, y_px = x_to_px(x, x_range, plot), y_to_px(y, y_range, plot)
        if line.raw_y is not None:
            faint = QColor(version_color(line.color))
            faint.setAlphaF(0.35)
            raw_x, raw_y = self._on_axes(line.x, line.raw_y)
            painter.setPen(QPen(faint, 1))
            painter.drawPolyline(polygon(x_to_px(raw_x, x_range, plot), y_to_px(raw_y, y_range, plot)))
        painter.setPen(version_pen(line.color, 1.2 if line.few else 2.0))
        painter.drawPolyline(polygon(x_px, y_px))
        if line.few:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(version_color(line.color))
            for at in zip(x_px.tolist(), y_px.tolist(), strict=True):
                painter.drawEllipse(QPointF(*at), _MARK_PX, _MARK_PX)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_beyond(self, painter: QPainter, plot: QRectF) -> None:
        """Say how many points are out of sight, where they are."""
        n_below, n_above = self.beyond
        inside = plot.adjusted(GRID_PX, 2, -GRID_PX, -2)
        right = Qt.AlignmentFlag.AlignRight
        painter.setPen(QColor(theme().text))
        if n_above:
            painter.drawText(
                inside, right | Qt.AlignmentFlag.AlignTop, f"▲ {counted(n_above, 'point')} above"
            )
        if n_below:
            below = right | Qt.AlignmentFlag.AlignBottom
            painter.drawText(inside, below, f"▼ {counted(n_below, 'point')} below")

    def _paint_target(self, painter: QPainter, ground: QRectF) -> None:
        """Name the target above the plot, where no curve is."""
        if not self._bands:
            return
        swatch = QRectF(ground.left(), _TOP_PX / 2 + 4, 12, _TARGET_PX - 8)
        painter.fillRect(swatch, _band_tint())
        place = QRectF(swatch.right() + 6, _TOP_PX / 2, ground.right() - swatch.right() - 6, _TARGET_PX)
        text = ", ".join(f"{(low + high) / 2:.4g} ± {(high - low) / 2:.3g}" for low, high in self._bands)
        told = painter.fontMetrics().elidedText(
            f"target {text}", Qt.TextElideMode.ElideRight, int(place.width())
        )
        painter.setPen(QColor(theme().muted))
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, told)

    def _paint_bands(self, painter: QPainter, ground: QRectF, y_range: Range) -> None:
        for band in self._bands:
            low_px, high_px = y_to_px(self._y_axis(np.array(band)), y_range, ground).tolist()
            height_px = max(2.0, low_px - high_px)
            painter.fillRect(QRectF(ground.left(), high_px, ground.width(), height_px), _band_tint())

    def _paint_y_axis(self, painter: QPainter, plot: QRectF, y_range: Range) -> None:
        free_px = plot.bottom() + 2 * GRID_PX
        for place, text in self._y_ticks(plot):
            y_px = float(y_to_px(np.array(place), y_range, plot))
            painter.setPen(QColor(theme().line))
            painter.drawLine(QPointF(plot.left(), y_px), QPointF(plot.right(), y_px))
            if y_px + 2 * GRID_PX <= free_px:  # names must not touch
                free_px = y_px
                painter.setPen(QColor(theme().muted))
                painter.drawText(QRectF(0, y_px - 8, plot.left() - _NAME_GAP_PX, 16), _RIGHT_MIDDLE, text)

    def _paint_x_axis(self, painter: QPainter, plot: QRectF, x_range: Range) -> None:
        metrics = painter.fontMetrics()
        painter.setPen(QColor(theme().muted))
        painter.drawText(
            plot.adjusted(0, plot.height() + 2 * GRID_PX, 0, _BOTTOM_PX),
            Qt.AlignmentFlag.AlignCenter,
            self._x_title,
        )
        free_px = 0.0
        for place, text in ticks(x_range, int(plot.width() / _ACROSS_PX), self._log[0]):
            x_px = float(x_to_px(np.array(place), x_range, plot))
            width_px = metrics.horizontalAdvance(text)
            left_px = x_px - width_px / 2
            if left_px >= free_px and left_px + width_px <= self.width():
                free_px = left_px + width_px + GRID_PX
                painter.drawText(QPointF(left_px, plot.bottom() + 2 * GRID_PX), text)

    def _paint_cursor(self, painter: QPainter) -> None:
        if self._cursor is None or (self._log[0] and self._cursor <= 0):
            return
        plot = self.plot_rect()
        x_px = float(x_to_px(self._x_axis(np.array(self._cursor)), self.x_range, plot))
        if plot.left() <= x_px <= plot.right():
            painter.setPen(QPen(QColor(theme().muted), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(x_px, plot.top()), QPointF(x_px, plot.bottom()))

    # Axes --------------------------------------------------------------------------------------------

    def _drawn(self, line: CurveLine) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._on_axes(line.x, line.y)

    def _on_axes(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the points that there are on these axes: a logarithm has no zero."""
        log_x, log_y = self._log
        if log_x or log_y:
            kept = ((x > 0) | (not log_x)) & ((y > 0) | (not log_y))
            x, y = x[kept], y[kept]
        return self._x_axis(x), self._y_axis(y)

    def _x_axis(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log10(x) if self._log[0] else x

    def _scale_on_axis(self) -> Range:
        """Return the ends of the scale; infinite where it has none."""
        low, high = self._scale
        if self._log[1]:
            low, high = (None if end is None or end <= 0 else math.log10(end) for end in (low, high))
        return -math.inf if low is None else low, math.inf if high is None else high

    def _y_axis(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log10(y) if self._log[1] else y

    # Mouse -------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with Ctrl at the pointer; else leave the wheel to the page."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
            return
        factor = _ZOOM ** (-event.angleDelta().y() / 120)
        at, plot = event.position(), self.plot_rect()
        self._choose(
            scaled(self.x_range, factor, (at.x() - plot.left()) / plot.width()),
            scaled(self.y_range, factor, (plot.bottom() - at.y()) / plot.height()),
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to pan."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan, or tell where the pointer is."""
        plot, x_range = self.plot_rect(), self.x_range
        if self._dragged is not None:
            moved = event.position() - self._dragged
            self._dragged = event.position()
            across = -moved.x() / plot.width() * (x_range[1] - x_range[0])
            low, high = self.y_range
            up = moved.y() / plot.height() * (high - low)
            self._choose((x_range[0] + across, x_range[1] + across), (low + up, high + up))
        elif plot.contains(event.position()):
            x = x_range[0] + (event.position().x() - plot.left()) / plot.width() * (x_range[1] - x_range[0])
            self.hovered.emit(10**x if self._log[0] else x)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End to pan."""
        del event
        self._dragged = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """See all, here and in the other plots."""
        del event
        self.see_all_asked.emit()

    def leaveEvent(self, event: object) -> None:
        """Take the cursor away."""
        del event
        self.hovered.emit(None)

    def _choose(self, x_range: Range, y_range: Range) -> None:
        self._chosen = (x_range, y_range)
        self.update()
        self.zoomed.emit(x_range)


def _band_tint() -> QColor:
    tint = QColor(theme().accent)
    tint.setAlphaF(0.18)
    return tint
