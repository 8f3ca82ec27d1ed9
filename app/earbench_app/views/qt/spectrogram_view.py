"""The spectrogram of what sounds; a picture stretches until a newer one comes from the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QComboBox

from earbench_app.analysis.frequency_axis import Scale
from earbench_app.views.qt.theme import GRID_PX, number_font, theme
from earbench_app.views.qt.time_panel import RIGHT_PX, TimePanel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QResizeEvent
    from PySide6.QtWidgets import QWidget

    from earbench_app.analysis.frequency_axis import FrequencyAxis
    from earbench_app.analysis.spectrogram import Picture
    from earbench_app.views.qt.time_axis import TimeAxis

RANGE_DB = (-110.0, 0.0)  # below a full-scale sine
# Inferno (S. van der Walt, N. Smith; CC0) at 17 places, perceptually uniform; within 6 / 255 of the whole.
_INFERNO = (
    *(0x000004, 0x0B0724, 0x210C4A, 0x3D0965, 0x57106E, 0x71196E, 0x8A226A, 0xA32C61, 0xBC3754),
    *(0xD04545, 0xE35933, 0xF1711F, 0xF98C0A, 0xFCAA0F, 0xF9C932, 0xF2E865, 0xFCFFA4),
)
_SCALES = {"Bark": Scale.BARK, "log": Scale.LOG, "linear": Scale.LINEAR, "mel": Scale.MEL}


def inferno() -> list[int]:
    """Return 256 colours as Qt's RGB words."""
    stops = np.array([(rgb >> 16, rgb >> 8 & 255, rgb & 255) for rgb in _INFERNO], np.float64)
    places = np.linspace(0, len(_INFERNO) - 1, 256)
    channels = [np.interp(places, np.arange(len(_INFERNO)), stops[:, i]) for i in range(3)]
    return [QColor(*(round(c) for c in rgb)).rgb() for rgb in zip(*channels, strict=True)]


class SpectrogramView(TimePanel):
    """Asks for pictures with `picture_requested` (start s, end s, columns, rows, scale)."""

    picture_requested = Signal(float, float, int, int, str)
    region_opacity = 0.0  # a tint would change the levels read from the colours
    playhead_color = "#FFFFFF"

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self.setObjectName("spectrogram")
        self.setAccessibleName("Spectrogram")
        self.setAccessibleDescription("Drag to select a loop, click to seek, wheel to zoom")
        self.setMinimumHeight(12 * GRID_PX)
        self._colors = inferno()
        self._image: QImage | None = None
        self._picture: Picture | None = None
        self._frequency: FrequencyAxis | None = None
        self.scales = QComboBox(self)
        self.scales.addItems(list(_SCALES))
        self.scales.setAccessibleName("Frequency scale")
        self.scales.setToolTip("Frequency scale")
        self.scales.currentIndexChanged.connect(lambda _: self.ask())
        axis.view_changed.connect(self.ask)

    def sizeHint(self) -> QSize:
        """Return a height at which partials can be told apart."""
        return QSize(80 * GRID_PX, 26 * GRID_PX)

    def ask(self) -> None:
        """Ask for a picture of what is in view, at the screen's resolution."""
        ratio = self.devicePixelRatioF()
        plot = self.plot_rect()
        if self.axis.span_s > 0 and plot.width() > 0 and self.isVisible():
            self.picture_requested.emit(
                self.axis.start_s,
                self.axis.end_s,
                int(plot.width() * ratio),
                int(plot.height() * ratio),
                _SCALES[self.scales.currentText()].value,
            )

    def show_picture(self, picture: Picture | None, axis: FrequencyAxis | None) -> None:
        """Draw a picture; None clears."""
        self._picture, self._frequency = picture, axis
        self._image = None if picture is None else self._as_image(picture.db)
        self.redraw()

    def paint_content(self, painter: QPainter, plot: QRectF) -> None:
        """Draw the picture where its times are now, the axis at the left, the colour bar at the right."""
        if self._image is None or self._picture is None:
            painter.fillRect(plot, QColor(theme().plot))
            painter.setPen(QColor(theme().muted))
            if self.axis.duration_s > 0:
                painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, "computing the spectrogram…")
            return
        painter.fillRect(plot, QColor.fromRgb(self._colors[0]))
        left, right = self.x_of(self._picture.start_s), self.x_of(self._picture.end_s)
        painter.save()
        painter.setClipRect(plot)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(left, plot.top(), right - left, plot.height()), self._image)
        painter.restore()
        painter.setFont(number_font(self.font()))
        self._paint_frequencies(painter, plot)
        self._paint_color_bar(painter, plot)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for a picture of the new size."""
        super().resizeEvent(event)
        self.scales.adjustSize()
        self.scales.move(self.width() - RIGHT_PX - self.scales.width() - GRID_PX, GRID_PX)
        self.ask()

    def _as_image(self, db: NDArray[np.float32]) -> QImage:
        low, high = RANGE_DB
        levels = np.clip((db[::-1] - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        n_rows, n_columns = levels.shape
        image = QImage(
            np.ascontiguousarray(levels).data, n_columns, n_rows, n_columns, QImage.Format.Format_Indexed8
        ).copy()  # owns its bytes
        image.setColorTable(self._colors)
        return image

    def _paint_frequencies(self, painter: QPainter, plot: QRectF) -> None:
        assert self._frequency is not None
        ticks = self._frequency.ticks_hz()
        lowest_px = plot.bottom() + GRID_PX * 2
        for hz, place in zip(ticks, self._frequency.position(ticks), strict=True):
            y_px = plot.bottom() - float(place) * plot.height()
            if lowest_px - y_px < 2 * GRID_PX:
                continue  # labels would touch
            lowest_px = y_px
            painter.setPen(QPen(QColor(255, 255, 255, 40), 1))
            painter.drawLine(QPointF(plot.left(), y_px), QPointF(plot.right(), y_px))
            painter.setPen(QColor(theme().muted))
            text = f"{hz / 1000:g}k" if hz >= 1000 else f"{hz:g}"
            y_px = min(max(y_px, plot.top() + 8), plot.bottom() - 8)
            place_px = QRectF(0, y_px - 8, plot.left() - 6, 16)
            painter.drawText(place_px, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        painter.setPen(QColor(theme().muted))
        painter.drawText(QRectF(2, plot.top(), plot.left() - 6, 16), Qt.AlignmentFlag.AlignLeft, "Hz")

    def _paint_color_bar(self, painter: QPainter, plot: QRectF) -> None:
        bar = QRectF(plot.right() + 6, plot.top() + 4, 6, plot.height() - 8)
        column = np.arange(255, -1, -1, dtype=np.uint8)
        image = QImage(np.repeat(column, 4).data, 1, 256, 4, QImage.Format.Format_Indexed8).copy()
        image.setColorTable(self._colors)
        painter.drawImage(bar, image)
        painter.setPen(QColor(theme().muted))
        low, high = RANGE_DB
        for db in (0, -50, -100):
            y_px = bar.top() + (high - db) / (high - low) * bar.height()
            y_px = min(max(y_px, plot.top() + 8), plot.bottom() - 8)
            place = QRectF(bar.right() + 4, y_px - 8, RIGHT_PX - 14, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, f"{db} dB" if db == 0 else f"−{-db}")
