"""Histograms of integers as steps, what is expected of them as lines: legend, read-out, linear or log."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from earbench_app.views.qt.plot_parts import Legend, LegendItem, paint_message, paint_read_out, polygon
from earbench_app.views.qt.theme import GRID_PX, number_font, theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QMouseEvent, QPaintEvent

    from earbench_codecs.codes import CodeHistogram

_LEFT_PX, _BOTTOM_PX, _TOP_PX, _RIGHT_PX = 7 * GRID_PX, 3 * GRID_PX, GRID_PX, GRID_PX
_RIGHT_MIDDLE = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LOWEST_SHARE = 1e-8
_OPACITY = 0.16


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """One histogram of the plot."""

    name: str
    pen: QPen
    histogram: CodeHistogram

    @property
    def detail(self) -> str:
        """Return entropy and number of codes, for the legend."""
        n_codes = f"{self.histogram.n_codes:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
        return f"{self.histogram.entropy_bits:.3f} bit/code, {n_codes} codes"

    def span(self) -> tuple[int, int]:
        """Return the lowest and the highest value that occur and have a place in the table."""
        values, table = self.histogram.values, self.histogram.table
        if table is not None:
            inside = values[(values >= table.values[0]) & (values <= table.values[-1])]
            values = inside if inside.size else values
        return int(values[0]), int(values[-1])

    def shares(self, low: int, high: int) -> NDArray[np.float64]:
        """Return the probability of each value from `low` to `high`."""
        return _dense(self.histogram.values, self.histogram.shares, low, high)

    def expected(self, low: int, high: int) -> NDArray[np.float64] | None:
        """Return what the table expects of them."""
        table = self.histogram.table
        return None if table is None else _dense(table.values, table.shares, low, high)


class HistogramPlot(QWidget):
    """Passive: `show_steps` draws."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.legend = Legend()
        self.steps: Sequence[Steps] = ()
        self.log = False
        self._low, self._high = 0, 1  # values at the sides
        self._bottom, self._top = 0.0, 1.0  # probabilities
        self._message = ""
        self._pointer: QPointF | None = None
        self._legend_px = 0.0
        self.setMouseTracking(True)
        self.setMinimumSize(30 * GRID_PX, 14 * GRID_PX)

    def sizeHint(self) -> QSize:
        """Return a size at which bars can be told apart."""
        return QSize(56 * GRID_PX, 40 * GRID_PX)

    def show_steps(self, steps: Sequence[Steps], *, log: bool) -> None:
        """Draw these, the first at the back, probability on a linear or a logarithmic axis."""
        self.steps, self.log = steps, log
        if steps:
            spans = [one.span() for one in steps]
            self._low, self._high = min(low for low, _ in spans), max(high for _, high in spans)
            self._bottom, self._top = self._extent()
        self.update()

    def show_message(self, text: str) -> None:
        """Say why there is nothing to be seen; empty to say nothing."""
        self._message = text
        self.update()

    def table(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return counts and probabilities of every value that occurs or has a place in the table."""
        header = ["version", "code_value", "count", "probability", "table_probability"]
        return header, [row for one in self.steps for row in _rows(one)]

    # Painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all of it."""
        del event
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.paint_picture(painter)
            self._paint_read_out(painter)

    def paint_picture(self, painter: QPainter) -> None:
        """Draw axes, histograms and legend."""
        painter.fillRect(self.rect(), QColor(theme().surface))
        painter.setFont(number_font(self.font()))
        items = [LegendItem(one.name, one.detail, one.pen) for one in self.steps]
        self._legend_px = self.legend.place(items, painter.fontMetrics(), _LEFT_PX, self.width())
        plot = self.plot_rect()
        painter.fillRect(plot, QColor(theme().plot))
        if self.steps:
            self._paint_shares(painter, plot)
            self._paint_values(painter, plot)
            painter.save()
            painter.setClipRect(plot)
            for one in self.steps:
                self._paint_steps(painter, plot, one)
            for one in self.steps:
                self._paint_expected(painter, plot, one)
            painter.restore()
            self._paint_note(painter, plot)
        self.legend.paint(painter)
        if self._message:
            paint_message(painter, plot, self._message)

    def plot_rect(self) -> QRectF:
        """Return where the histograms are drawn."""
        return QRectF(self.rect()).adjusted(_LEFT_PX, _TOP_PX + self._legend_px, -_RIGHT_PX, -_BOTTOM_PX)

    def x_of(self, value: float, plot: QRectF) -> float:
        """Return where a value's bar has its middle, in pixels."""
        return plot.left() + (value - self._low + 0.5) / (self._high - self._low + 1) * plot.width()

    def y_of(self, share: float, plot: QRectF) -> float:
        """Return the height of a probability, in pixels."""
        return float(self._y_px(np.asarray(share), plot))

    def _y_px(self, shares: NDArray[np.float64], plot: QRectF) -> NDArray[np.float64]:
        if self.log:
            floor = np.maximum(shares, _LOWEST_SHARE / 10)
            heights = np.log10(floor / self._bottom) / math.log10(self._top / self._bottom)
        else:
            heights = shares / self._top
        return np.asarray(plot.bottom() - np.maximum(heights, -0.05) * plot.height())

    def _extent(self) -> tuple[float, float]:
        shares = np.concatenate([one.shares(self._low, self._high) for one in self.steps])
        expected = [one.expected(self._low, self._high) for one in self.steps]
        highest = max(shares.max(), *(table.max() for table in expected if table is not None), 0.0)
        if not self.log:
            return 0.0, float(highest) * 1.05
        lowest = max(_LOWEST_SHARE, shares[shares > 0].min())
        bottom = 10.0 ** math.floor(math.log10(lowest))
        return bottom / 10 if lowest <= bottom * 1.001 else bottom, 10.0 ** math.ceil(math.log10(highest))

    def _paint_steps(self, painter: QPainter, plot: QRectF, one: Steps) -> None:
        edges = np.arange(self._low, self._high + 2) - 0.5
        left, width_px = self.x_of(self._low - 0.5, plot), plot.width() / (self._high - self._low + 1)
        x_px = np.asarray(left + np.repeat(edges - edges[0], 2) * width_px, np.float64)
        tops = self._y_px(np.repeat(one.shares(self._low, self._high), 2), plot)
        y_px = np.concatenate([[plot.bottom() + 2], tops, [plot.bottom() + 2]])
        color = QColor(one.pen.color())
        color.setAlphaF(_OPACITY)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        outline = polygon(x_px, y_px)
        painter.drawPolygon(outline)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(one.pen)
        painter.drawPolyline(outline)

    def _paint_expected(self, painter: QPainter, plot: QRectF, one: Steps) -> None:
        expected = one.expected(self._low, self._high)
        if expected is None:
            return
        step_px = plot.width() / (self._high - self._low + 1)
        x_px = np.asarray(self.x_of(self._low, plot) + np.arange(len(expected)) * step_px, np.float64)
        y_px = self._y_px(expected, plot)
        painter.setPen(QPen(one.pen.color(), 1))
        painter.drawPolyline(polygon(x_px, y_px))
        if step_px > 5:
            painter.setBrush(QColor(theme().plot))
            for x, y in zip(x_px.tolist(), y_px.tolist(), strict=True):
                painter.drawEllipse(QPointF(x, y), 2.5, 2.5)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_note(self, painter: QPainter, plot: QRectF) -> None:
        outside = sum(_n_outside(one.histogram, self._low, self._high) for one in self.steps)
        lines = ["line: the coder's static table"] if any(one.histogram.table for one in self.steps) else []
        if outside:
            lines.append(f"{outside} codes beyond {self._low} to {self._high} not drawn".replace("-", "−"))
        painter.setPen(QColor(theme().muted))
        place = plot.adjusted(GRID_PX, GRID_PX // 2, -GRID_PX, 0)
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
        painter.drawText(place, int(flags), "\n".join(lines))

    def _paint_shares(self, painter: QPainter, plot: QRectF) -> None:
        for share in self._share_ticks():
            y_px = self.y_of(share, plot)
            painter.setPen(QColor(theme().line))
            painter.drawLine(QPointF(plot.left(), y_px), QPointF(plot.right(), y_px))
            painter.setPen(QColor(theme().muted))
            if y_px > plot.top() + 14:
                painter.drawText(QRectF(0, y_px - 8, plot.left() - 5, 16), _RIGHT_MIDDLE, f"{share:g}")
        painter.setPen(QColor(theme().muted))
        painter.drawText(QRectF(4, plot.top() - 4, plot.left() + 60, 16), 0, "probability")

    def _share_ticks(self) -> list[float]:
        if self.log:
            first, last = round(math.log10(self._bottom)), round(math.log10(self._top))
            return [10.0**decade for decade in range(first, last + 1)]
        step = round_step(self._top, 5)
        return [step * number for number in range(int(self._top / step) + 1)]

    def _paint_values(self, painter: QPainter, plot: QRectF) -> None:
        n_labels = max(2, int(plot.width() / (6 * GRID_PX)))
        step = max(1, round(round_step(self._high - self._low + 1, n_labels)))
        painter.setPen(QColor(theme().muted))
        for value in range(-(-self._low // step) * step, self._high + 1, step):
            x_px = self.x_of(value, plot)
            painter.drawLine(QPointF(x_px, plot.bottom()), QPointF(x_px, plot.bottom() + 3))
            if x_px < plot.right() - 9 * GRID_PX:
                place = QRectF(x_px - 30, plot.bottom() + 4, 60, 16)
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"{value}".replace("-", "−"))
        place = QRectF(plot.right() - 80, plot.bottom() + 3, 80, 18)
        painter.drawText(place, _RIGHT_MIDDLE, "code value")

    def _paint_read_out(self, painter: QPainter) -> None:
        plot = self.plot_rect()
        if self._pointer is not None and plot.contains(self._pointer) and self.steps:
            value = self._value_at(self._pointer.x(), plot)
            x_px = self.x_of(value, plot)
            painter.setPen(QPen(QColor(theme().muted), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(x_px, plot.top()), QPointF(x_px, plot.bottom()))
            paint_read_out(painter, plot, self.read_out(value))

    def read_out(self, value: int) -> str:
        """Return what is known of a code value."""
        lines = [f"code value {value}"]
        for one in self.steps:
            expected = one.expected(value, value)
            table = "" if expected is None else f", table {expected[0]:.4g}"
            lines.append(f"{one.name}  {one.shares(value, value)[0]:.4g}{table}")
        return "\n".join(lines).replace("-", "−")

    def _value_at(self, x_px: float, plot: QRectF) -> int:
        share = (x_px - plot.left()) / plot.width()
        return min(self._high, self._low + int(share * (self._high - self._low + 1)))

    # Mouse -------------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read out what is under the pointer."""
        self._pointer = event.position()
        self.update()

    def leaveEvent(self, event: object) -> None:
        """Take the read-out away."""
        del event
        self._pointer = None
        self.update()


def round_step(extent: float, n_steps: int) -> float:
    """Return 1, 2 or 5 times a power of ten that divides an extent into no more than so many steps."""
    least = extent / n_steps
    decade = 10.0 ** math.floor(math.log10(least))
    return next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= least * (1 - 1e-9))


def _dense(
    values: NDArray[np.int64], shares: NDArray[np.float64], low: int, high: int
) -> NDArray[np.float64]:
    found = np.zeros(high - low + 1)
    inside = (values >= low) & (values <= high)
    found[values[inside] - low] = shares[inside]
    return found


def _n_outside(histogram: CodeHistogram, low: int, high: int) -> int:
    return int(histogram.counts[(histogram.values < low) | (histogram.values > high)].sum())


def _rows(one: Steps) -> Iterable[Sequence[object]]:
    counts = dict(zip(one.histogram.values.tolist(), one.histogram.counts.tolist(), strict=True))
    table = one.histogram.table
    expected = {} if table is None else dict(zip(table.values.tolist(), table.shares.tolist(), strict=True))
    for value in sorted(counts.keys() | expected.keys()):
        count = counts.get(value, 0)
        yield one.name, value, count, count / one.histogram.n_codes, expected.get(value, "")
