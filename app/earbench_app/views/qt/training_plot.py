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
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from earbench_app.counting import counted
from earbench_app.views.qt.plot_parts import polygon
from earbench_app.views.qt.theme import GRID_PX, number_font, theme, version_color, version_pen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QMouseEvent, QPaintEvent, QWheelEvent

    from earbench_app.views.training_protocols import CurveLine, CurvePanel

Range = tuple[float, float]

_LEFT_PX, _BOTTOM_PX, _TOP_PX, _RIGHT_PX = 7 * GRID_PX, 4 * GRID_PX, GRID_PX, 2 * GRID_PX
_TICK_PX, _ACROSS_PX = 3 * GRID_PX, 7 * GRID_PX  # between two ticks of the axes, at least
_MARGIN = 0.04  # of the range, above and below what is drawn
_ZOOM = 1.25
_BULK_PERCENT = (5.0, 95.0)
_BESIDE = 0.5  # of the bulk's range
_MANY = 50  # points, so that some are outside of that
_MARK_PX = 2.5
_ROUNDING = 1e-6  # of a value: what means of a constant differ by, and less
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

    def show_panel(self, panel: CurvePanel) -> None:
        """Draw these lines."""
        self._lines, self._bands = panel.lines, panel.bands
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
        low, high = self._chosen[0] or _span([self._drawn(line)[0] for line in self._lines])
        return (0.0 if not self._log[0] and self._chosen[0] is None else low), high

    @property
    def y_range(self) -> Range:
        """What is seen of the y axis; logarithms where it is logarithmic."""
        if self._chosen[1] is not None:
            return self._chosen[1]
        if self._free_y is None:
            drawn = [self._drawn(line)[1] for line in self._lines]
            edges = [np.array(self._y_axis(np.array(band))) for band in self._bands]
            span = _span if self._whole else bulk_span
            self._free_y = _widened(span([*drawn, *edges]))
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
        painter.fillRect(plot, QColor(theme().plot))
        self._paint_y_axis(painter, plot, y_range)
        self._paint_x_axis(painter, plot, x_range)
        painter.save()
        painter.setClipRect(plot)
        self._paint_bands(painter, plot, y_range)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for line in self._lines:
            self._paint_line(painter, line, plot, x_range, y_range)
        painter.restore()
        self._paint_beyond(painter, plot)

    def plot_rect(self) -> QRectF:
        """Return where the lines are."""
        return QRectF(self.rect()).adjusted(_LEFT_PX, _TOP_PX, -_RIGHT_PX, -_BOTTOM_PX)

    def _paint_line(
        self, painter: QPainter, line: CurveLine, plot: QRectF, x_range: Range, y_range: Range
    ) -> None:
        x, y = self._drawn(line)
        if not len(x):
            return
        x_px, y_px = _x_px(x, x_range, plot), _y_px(y, y_range, plot)
        if line.raw_y is not None:
            faint = QColor(version_color(line.color))
            faint.setAlphaF(0.35)
            raw_x, raw_y = self._on_axes(line.x, line.raw_y)
            painter.setPen(QPen(faint, 1))
            painter.drawPolyline(polygon(_x_px(raw_x, x_range, plot), _y_px(raw_y, y_range, plot)))
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

    def _paint_bands(self, painter: QPainter, plot: QRectF, y_range: Range) -> None:
        tint = QColor(theme().accent)
        tint.setAlphaF(0.18)
        for band in self._bands:
            low_px, high_px = _y_px(self._y_axis(np.array(band)), y_range, plot).tolist()
            painter.fillRect(QRectF(plot.left(), high_px, plot.width(), max(2.0, low_px - high_px)), tint)
            painter.setPen(QColor(theme().muted))
            place = QPointF(plot.left() + GRID_PX / 2, max(high_px - 3, plot.top() + 12))
            painter.drawText(place, f"target {sum(band) / 2:.4g} ± {(band[1] - band[0]) / 2:.3g}")

    def _paint_y_axis(self, painter: QPainter, plot: QRectF, y_range: Range) -> None:
        free_px = plot.bottom() + 2 * GRID_PX
        for place, text in ticks(y_range, int(plot.height() / _TICK_PX), self._log[1]):
            y_px = float(_y_px(np.array(place), y_range, plot))
            painter.setPen(QColor(theme().line))
            painter.drawLine(QPointF(plot.left(), y_px), QPointF(plot.right(), y_px))
            if y_px + 2 * GRID_PX <= free_px:  # names must not touch
                free_px = y_px
                painter.setPen(QColor(theme().muted))
                painter.drawText(QRectF(0, y_px - 8, plot.left() - 6, 16), _RIGHT_MIDDLE, text)

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
            x_px = float(_x_px(np.array(place), x_range, plot))
            width_px = metrics.horizontalAdvance(text)
            left_px = x_px - width_px / 2
            if left_px >= free_px and left_px + width_px <= self.width():
                free_px = left_px + width_px + GRID_PX
                painter.drawText(QPointF(left_px, plot.bottom() + 2 * GRID_PX), text)

    def _paint_cursor(self, painter: QPainter) -> None:
        if self._cursor is None or (self._log[0] and self._cursor <= 0):
            return
        plot = self.plot_rect()
        x_px = float(_x_px(self._x_axis(np.array(self._cursor)), self.x_range, plot))
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
            _scaled(self.x_range, factor, (at.x() - plot.left()) / plot.width()),
            _scaled(self.y_range, factor, (plot.bottom() - at.y()) / plot.height()),
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


def ticks(span: Range, n_most: int, log: bool = False) -> list[tuple[float, str]]:
    """Return places on an axis and what stands there: about so many, at 1, 2 or 5 times a power of ten.

    On a logarithmic axis `span` and places are logarithms; of less than two decades, ticks are at round
    values within them.
    """
    low, high = span
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


def _span(parts: Sequence[NDArray[np.float64]]) -> Range:
    """Return the least and the largest of some values; of one value but for rounding, half of it beside."""
    known = [part for part in parts if len(part)]
    if not known:
        return 0.0, 1.0
    low, high = min(float(part.min()) for part in known), max(float(part.max()) for part in known)
    size = max(abs(low), abs(high))
    return (low, high) if high - low > _ROUNDING * size else (low - (size or 1) / 2, high + (size or 1) / 2)


def bulk_span(parts: Sequence[NDArray[np.float64]]) -> Range:
    """Return the least and the largest of all but outliers, such as a loss's first steps.

    Outliers are what lies further beyond the bulk of all curves than half of what that spans, so that curves
    without them are seen whole; curves of few points, such as validation's, have none.
    """
    inner = [np.percentile(part, _BULK_PERCENT) if len(part) >= _MANY else part for part in parts]
    low, high = _span(inner)
    beside = _BESIDE * (high - low)
    return _span([part[(part >= low - beside) & (part <= high + beside)] for part in parts])


def _widened(span: Range) -> Range:
    more = _MARGIN * (span[1] - span[0])
    return span[0] - more, span[1] + more


def _scaled(span: Range, factor: float, share: float) -> Range:
    """Return a range that is larger by a factor, around a place in it."""
    at = span[0] + share * (span[1] - span[0])
    return at - factor * (at - span[0]), at + factor * (span[1] - at)


def _x_px(x: NDArray[np.float64], span: Range, plot: QRectF) -> NDArray[np.float64]:
    return np.asarray(plot.left() + (x - span[0]) / (span[1] - span[0]) * plot.width())


def _y_px(y: NDArray[np.float64], span: Range, plot: QRectF) -> NDArray[np.float64]:
    return np.asarray(plot.bottom() - (y - span[0]) / (span[1] - span[0]) * plot.height())
