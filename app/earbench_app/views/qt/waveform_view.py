"""The waveform of what sounds, channel over channel, and the ruler above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from earbench_app.views.qt.theme import GRID_PX, number_font, theme, version_color
from earbench_app.views.qt.time_panel import TimePanel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

    from earbench_app.analysis.peaks import PeakPyramid
    from earbench_app.views.qt.time_axis import TimeAxis

_STEPS_S = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    1800,
)
_TICK_PX = 72


class TimeRuler(TimePanel):
    """Seconds along the top; a click seeks."""

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self.setObjectName("time_ruler")
        self.setAccessibleName("Time")
        self.setFixedHeight(3 * GRID_PX)

    def paint_content(self, painter: QPainter, plot: QRectF) -> None:
        """Draw round times, at least 72 px apart."""
        if self.axis.duration_s == 0:
            return
        step_s = tick_step_s(self.axis.span_s / max(1.0, plot.width()))
        painter.setFont(number_font(self.font()))
        first = int(np.ceil(self.axis.start_s / step_s))
        for number in range(first, int(self.axis.end_s / step_s) + 1):
            x_px = self.x_of(number * step_s)
            painter.setPen(QColor(theme().line))
            painter.drawLine(QPointF(x_px, 2 * GRID_PX), QPointF(x_px, self.height()))
            painter.setPen(QColor(theme().muted))
            painter.drawText(QPointF(x_px + 4, self.height() - 6), time_text(number * step_s, step_s))


class WaveformView(TimePanel):
    """Minimum and maximum of each pixel's samples."""

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self.setObjectName("waveform")
        self.setAccessibleName("Waveform")
        self.setAccessibleDescription("Drag to select a loop, click to seek, wheel to zoom")
        self.setMinimumHeight(9 * GRID_PX)
        self._peaks: PeakPyramid | None = None
        self._rate_hz = 0
        self._color: int | None = None
        self._caption = ""
        self._top_db = 0.0

    def sizeHint(self) -> QSize:
        """Return a height at which stereo can be read."""
        return QSize(80 * GRID_PX, 16 * GRID_PX)

    def show_peaks(self, peaks: PeakPyramid | None, sample_rate_hz: int, color: int | None) -> None:
        """Draw this; `color` is the version's place in the palette, None for the original."""
        self._peaks, self._rate_hz, self._color = peaks, sample_rate_hz, color
        self.redraw()

    def show_caption(self, caption: str) -> None:
        """Name what is drawn, in the corner."""
        if caption != self._caption:
            self._caption = caption
            self.redraw()

    def paint_content(self, painter: QPainter, plot: QRectF) -> None:
        """Draw the channels, one above the other."""
        painter.fillRect(plot, QColor(theme().plot))
        if self._peaks is None or self.axis.span_s == 0:
            return
        start = int(self.axis.start_s * self._rate_hz)
        end = int(np.ceil(self.axis.end_s * self._rate_hz))
        envelope = self._peaks.envelope(start, end, int(plot.width() * self.devicePixelRatioF()))
        x_px = np.array([self.x_of(edge / self._rate_hz) for edge in envelope.edges])
        self._top_db = top_db(self._peaks)
        n_channels = len(envelope.low)
        lane_px = plot.height() / n_channels
        for channel in range(n_channels):
            lane = QRectF(plot.left(), plot.top() + channel * lane_px, plot.width(), lane_px)
            self._paint_scale(painter, lane)
            painter.setClipRect(plot)
            self._paint_lane(painter, lane, x_px, envelope.low[channel], envelope.high[channel])
            painter.setClipping(False)
        self._paint_caption(painter, plot)

    def _paint_lane(
        self,
        painter: QPainter,
        lane: QRectF,
        x_px: NDArray[np.float64],
        low: NDArray[np.float32],
        high: NDArray[np.float32],
    ) -> None:
        middle, scale = lane.center().y(), (lane.height() / 2 - 3) / 10 ** (self._top_db / 20)
        centres = (x_px[:-1] + x_px[1:]) / 2
        upper = [QPointF(x, middle - scale * y) for x, y in zip(centres, high, strict=True)]
        lower = [QPointF(x, middle - scale * y) for x, y in zip(centres, low, strict=True)]
        color = QColor(theme().waveform) if self._color is None else version_color(self._color)
        painter.setPen(QPen(color, 1))
        painter.setBrush(color)
        painter.drawPolygon(QPolygonF(upper + lower[::-1]))

    def _paint_scale(self, painter: QPainter, lane: QRectF) -> None:
        painter.setFont(number_font(self.font()))
        middle, scale = lane.center().y(), lane.height() / 2 - 3
        painter.setPen(QColor(theme().line))
        painter.drawLine(QPointF(lane.left(), middle), QPointF(lane.right(), middle))
        painter.setPen(QColor(theme().muted))
        text = f"{self._top_db:.0f} dB".replace("-", "−")
        for level in (1.0, -1.0) if lane.height() > 5 * GRID_PX else (1.0,):
            place = QRectF(0, middle - (scale - 5) * level - 8, lane.left() - 6, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_caption(self, painter: QPainter, plot: QRectF) -> None:
        if not self._caption:
            return
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        place = painter.boundingRect(plot.adjusted(8, 4, -8, -4), flags, self._caption)
        back = QColor(theme().plot)
        back.setAlphaF(0.8)
        painter.fillRect(place.adjusted(-4, -2, 4, 2), back)
        painter.setPen(QColor(theme().text))
        painter.drawText(place, flags, self._caption)


def top_db(peaks: PeakPyramid) -> float:
    """Return the level at a lane's edge: the lowest step of 6 dB, −48 to 0, that the peak stays under."""
    peak = peaks.peak
    return next((step for step in range(-48, 0, 6) if peak <= 10 ** (step / 20)), 0)


def tick_step_s(seconds_a_pixel: float) -> float:
    """Return the smallest round step whose ticks are at least 72 px apart."""
    wanted_s = seconds_a_pixel * _TICK_PX
    return next((step for step in _STEPS_S if step >= wanted_s), 3600.0)


def time_text(time_s: float, step_s: float = 0.01) -> str:
    """Return m:ss with as many decimals as the step needs."""
    n_decimals = max(0, int(np.ceil(-np.log10(step_s) - 1e-9)))
    minutes, seconds = divmod(round(time_s, n_decimals), 60)
    width = 2 + (n_decimals + 1 if n_decimals else 0)
    return f"{minutes:.0f}:{seconds:0{width}.{n_decimals}f}"
