"""The waveform of what sounds, channel over channel, and the ruler above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter

from earbench_app.views.qt.theme import GRID_PX, number_font, theme
from earbench_app.views.qt.time_panel import TimePanel
from earbench_app.views.qt.wave_lane import lane_as_curve, lane_as_image
from earbench_app.views.qt.wipe import paint_captions, paint_wipe, side_color, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray
    from PySide6.QtGui import QShowEvent
    from PySide6.QtWidgets import QWidget

    from earbench_app.analysis.peaks import Envelope, PeakPyramid
    from earbench_app.views.picture_protocols import Side
    from earbench_app.views.qt.time_axis import TimeAxis

    Pixels: TypeAlias = NDArray[np.float64]
    _DrawLane: TypeAlias = Callable[[QPainter, QRectF, Pixels, Pixels, Pixels, QColor], None]

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
    """Minimum and maximum of each pixel's samples; left of the wipe, those of another version."""

    wipes = True
    shown = Signal()

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self.setObjectName("waveform")
        self.setAccessibleName("Waveform")
        self.setAccessibleDescription("Drag to select a loop, click to seek, wheel to zoom")
        self.setMinimumHeight(9 * GRID_PX)
        self._peaks: PeakPyramid | None = None
        self._left: PeakPyramid | None = None
        self._sides: tuple[Side | None, Side | None] = (None, None)
        self._rate_hz = 0
        self._top_db = 0.0

    def sizeHint(self) -> QSize:
        """Return a height at which stereo can be read."""
        return QSize(80 * GRID_PX, 16 * GRID_PX)

    def show_peaks(self, peaks: PeakPyramid | None, left: PeakPyramid | None, sample_rate_hz: int) -> None:
        """Draw this, and `left` left of the wipe."""
        self._peaks, self._left, self._rate_hz = peaks, left, sample_rate_hz
        self.redraw()

    def show_sides(self, heard: Side | None, left: Side | None) -> None:
        """Name what is drawn, and give it its colour."""
        if (heard, left) != self._sides:
            self._sides = (heard, left)
            self.redraw()

    def read_out(self, place: QPointF) -> str:
        """Return time, and the peak of each channel in the pixel."""
        peaks = self._left if self._is_left(place.x()) else self._peaks
        if peaks is None:
            return ""
        pixel_s = self.axis.span_s / max(1.0, self.plot_rect().width() * self.devicePixelRatioF())
        time_s = self.time_at(place.x())
        envelope = self._envelope(peaks, time_s, time_s + pixel_s, 1)
        levels = [
            dbfs_text(max(-low[0], high[0])) for low, high in zip(envelope.low, envelope.high, strict=True)
        ]
        return f"{time_text(time_s, pixel_s)}  " + "  ".join(levels)

    def table(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return what is drawn: lowest and highest sample of each column, of one channel after the other."""
        header = ("version", "channel", "start_s", "end_s", "lowest", "highest")
        return header, self._table_rows()

    def _table_rows(self) -> Iterator[Sequence[object]]:
        for side, peaks in zip(self._sides, (self._peaks, self._left), strict=True):
            if side is None or peaks is None:
                continue
            envelope = self._envelope(peaks, self.axis.start_s, self.axis.end_s, self._n_columns())
            edges_s = (envelope.edges / self._rate_hz).tolist()
            for channel, (low, high) in enumerate(
                zip(envelope.low.tolist(), envelope.high.tolist(), strict=True)
            ):
                for start_s, end_s, lowest, highest in zip(edges_s, edges_s[1:], low, high, strict=False):
                    yield side.title, channel + 1, round(start_s, 6), round(end_s, 6), lowest, highest

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that it can be seen: another clip may sound by now."""
        super().showEvent(event)
        self.shown.emit()

    # Painting ----------------------------------------------------------------------------------------

    def paint_content(self, painter: QPainter, plot: QRectF) -> None:
        """Draw the channels, one above the other."""
        self._paint(painter, plot, lane_as_image)

    def paint_picture(self, painter: QPainter) -> None:
        """Draw the view for a file: in curves, without playhead and selection."""
        painter.fillRect(self.rect(), QColor(theme().surface))
        self._paint(painter, self.plot_rect(), lane_as_curve)

    def _paint(self, painter: QPainter, plot: QRectF, draw: _DrawLane) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # of a fill over whole pixels
        painter.fillRect(plot, QColor(theme().plot))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._peaks is None or self.axis.span_s == 0:
            return
        self._top_db = max(top_db(peaks) for peaks in (self._peaks, self._left) if peaks is not None)
        wipe_x = self.wipe_x() if self._left is not None else None
        if wipe_x is None:
            self._paint_side(painter, plot, plot, self._peaks, self._sides[0], draw)
        else:
            left, right = split(plot, wipe_x)
            assert self._left is not None
            self._paint_side(painter, plot, left, self._left, self._sides[1], draw)
            self._paint_side(painter, plot, right, self._peaks, self._sides[0], draw)
            paint_wipe(painter, plot, wipe_x)
        paint_captions(painter, plot, wipe_x, *self._sides)

    def _paint_side(
        self,
        painter: QPainter,
        plot: QRectF,
        clip: QRectF,
        peaks: PeakPyramid,
        side: Side | None,
        draw: _DrawLane,
    ) -> None:
        start_s, end_s = self.time_at(clip.left()), self.time_at(clip.right())  # an SVG knows no clipping
        n_columns = round(self._n_columns() * clip.width() / max(1.0, plot.width()))
        envelope = self._envelope(peaks, start_s, end_s, max(1, n_columns))
        color = side_color(side)
        lane_px = plot.height() / len(envelope.low)
        for channel, (low, high) in enumerate(zip(envelope.low, envelope.high, strict=True)):
            lane = QRectF(plot.left(), plot.top() + channel * lane_px, plot.width(), lane_px)
            self._paint_scale(painter, lane)
            painter.save()
            painter.setClipRect(clip)
            scale = (lane.height() / 2 - 3) / 10 ** (self._top_db / 20)
            draw(painter, lane, self._x_of_samples(envelope.edges), low * scale, high * scale, color)
            painter.restore()

    def _envelope(self, peaks: PeakPyramid, start_s: float, end_s: float, n_columns: int) -> Envelope:
        start, end = int(start_s * self._rate_hz), int(np.ceil(end_s * self._rate_hz))
        return peaks.envelope(start, max(start + 1, end), n_columns)

    def _n_columns(self) -> int:
        return max(1, int(self.plot_rect().width() * self.devicePixelRatioF()))

    def _x_of_samples(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        plot = self.plot_rect()
        share = (numbers / self._rate_hz - self.axis.start_s) / (self.axis.span_s or 1.0)
        return np.asarray(plot.left() + share * plot.width())

    def _is_left(self, x_px: float) -> bool:
        wipe_x = self.wipe_x()
        return self._left is not None and wipe_x is not None and x_px < wipe_x

    def _paint_scale(self, painter: QPainter, lane: QRectF) -> None:
        painter.setFont(number_font(self.font()))
        middle, scale = lane.center().y(), lane.height() / 2 - 3
        painter.fillRect(QRectF(lane.left(), round(middle), lane.width(), 1), QColor(theme().line))
        painter.setPen(QColor(theme().muted))
        text = f"{self._top_db:.0f} dB".replace("-", "−")
        for level in (1.0, -1.0) if lane.height() > 5 * GRID_PX else (1.0,):
            place = QRectF(0, middle - (scale - 5) * level - 8, lane.left() - 6, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)


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


def dbfs_text(level: float) -> str:
    """Return a sample's magnitude in dB, 0 dB at full scale."""
    return f"{20 * np.log10(level):.1f} dBFS".replace("-", "−") if level > 0 else "−∞ dBFS"
