"""The spectrogram of what sounds; a picture stretches until a newer one comes from the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from earbench_app.analysis.colormaps import colormap
from earbench_app.settings import SpectrogramSettings
from earbench_app.views.picture_protocols import Part
from earbench_app.views.qt.theme import GRID_PX, number_font, theme
from earbench_app.views.qt.time_panel import RIGHT_PX, TimePanel
from earbench_app.views.qt.waveform_view import time_text
from earbench_app.views.qt.wipe import paint_captions, paint_wipe, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QResizeEvent, QShowEvent
    from PySide6.QtWidgets import QWidget

    from earbench_app.analysis.spectrogram import Picture
    from earbench_app.views.picture_protocols import Side
    from earbench_app.views.qt.time_axis import TimeAxis

_RIGHT_MIDDLE = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class SpectrogramView(TimePanel):
    """Asks for pictures with `part_requested` (Part); left of the wipe is another version's."""

    part_requested = Signal(Part)
    region_opacity = 0.0  # a tint would change the levels read from the colours
    playhead_color = "#FFFFFF"
    wipes = True

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self.setObjectName("spectrogram")
        self.setAccessibleName("Spectrogram")
        self.setAccessibleDescription("Drag to select a loop, click to seek, wheel to zoom")
        self.setMinimumHeight(12 * GRID_PX)
        self._settings = SpectrogramSettings()
        self.picture: Picture | None = None
        self.left: Picture | None = None
        self._images: tuple[QImage | None, QImage | None] = (None, None)
        self._sides: tuple[Side | None, Side | None] = (None, None)
        axis.view_changed.connect(self.ask)

    def sizeHint(self) -> QSize:
        """Return a height at which partials can be told apart."""
        return QSize(80 * GRID_PX, 26 * GRID_PX)

    def ask(self) -> None:
        """Ask for a picture of what is in view, at the screen's resolution."""
        ratio, plot = self.devicePixelRatioF(), self.plot_rect()
        n_columns, n_rows = int(plot.width() * ratio), int(plot.height() * ratio)
        if self.axis.span_s > 0 and n_columns > 0 and n_rows > 0 and self.isVisible():
            self.part_requested.emit(Part(self.axis.start_s, self.axis.end_s, n_columns, n_rows))

    def show_settings(self, settings: SpectrogramSettings) -> None:
        """Draw in these colours; transforms and axis come with the next picture."""
        self._settings = settings
        self.show_pictures(self.picture, self.left)

    def show_pictures(self, picture: Picture | None, left: Picture | None) -> None:
        """Draw a picture, and another left of the wipe; None clears."""
        self.picture, self.left = picture, left
        self._images = (self._as_image(picture), self._as_image(left))
        self.redraw()

    def show_sides(self, heard: Side | None, left: Side | None) -> None:
        """Name what is either side of the wipe."""
        if (heard, left) != self._sides:
            self._sides = (heard, left)
            self.redraw()

    def read_out(self, place: QPointF) -> str:
        """Return time, frequency and the level drawn there."""
        wipe_x = self.wipe_x() if self.left is not None else None
        picture = self.left if wipe_x is not None and place.x() < wipe_x else self.picture
        if picture is None:
            return ""
        half_px = 0.5 / self.devicePixelRatioF()  # the pointer's place is the corner of its pixel
        plot, time_s = self.plot_rect(), self.time_at(place.x() + half_px)
        position = (plot.bottom() - place.y() - half_px) / plot.height()
        db = picture.at(time_s, position)
        hz = float(picture.axis.frequency_hz(position))
        level = "" if db is None else f"  {db:.1f} dBFS"
        return f"{time_text(time_s, self.axis.span_s / plot.width())}  {hz:.0f} Hz{level}".replace("-", "−")

    def table(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return a row a column of the picture: version, time, dB of each frequency."""
        hz = () if self.picture is None else self.picture.frequencies_hz().tolist()
        return ["version", "time_s", *(f"dbfs_at_{f:.1f}_hz" for f in hz)], self._table_rows()

    def _table_rows(self) -> Iterator[Sequence[object]]:
        for side, picture in zip(self._sides, (self.picture, self.left), strict=True):
            if side is not None and picture is not None:
                for time_s, column in zip(picture.times_s().tolist(), picture.db.T, strict=True):
                    yield [side.title, round(time_s, 6), *np.round(column.astype(float), 2).tolist()]

    # Painting ----------------------------------------------------------------------------------------

    def paint_picture(self, painter: QPainter) -> None:
        """Draw the view for a file: without playhead and selection."""
        painter.fillRect(self.rect(), QColor(theme().surface))
        self.paint_content(painter, self.plot_rect())

    def paint_content(self, painter: QPainter, plot: QRectF) -> None:
        """Draw the picture where its times are now, the axis at the left, the colour bar at the right."""
        if self.picture is None:
            painter.fillRect(plot, QColor(theme().plot))
            painter.setPen(QColor(theme().muted))
            if self.axis.duration_s > 0:
                painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, "computing the spectrogram…")
            return
        painter.setFont(number_font(self.font()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # of fills over whole pixels
        if self.picture.start_s > self.axis.start_s or self.picture.end_s < self.axis.end_s:
            painter.fillRect(plot, QColor.fromRgb(int(self._words()[0])))
        wipe_x = self.wipe_x() if self.left is not None else None
        if wipe_x is None:
            self._paint_picture(painter, plot, plot, self.picture, self._images[0])
        else:
            left, right = split(plot, wipe_x)
            self._paint_picture(painter, plot, left, self.left, self._images[1])
            self._paint_picture(painter, plot, right, self.picture, self._images[0])
        self._paint_frequencies(painter, plot)
        self._paint_color_bar(painter, plot)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if wipe_x is not None:
            paint_wipe(painter, plot, wipe_x)
            paint_captions(painter, plot, wipe_x, *self._sides)

    def _paint_picture(
        self, painter: QPainter, plot: QRectF, clip: QRectF, picture: Picture | None, image: QImage | None
    ) -> None:
        if picture is None or image is None:
            return
        left, right = self.x_of(picture.start_s), self.x_of(picture.end_s)
        seen = clip.intersected(QRectF(left, plot.top(), right - left, plot.height()))
        a_column = image.width() / max(1e-9, right - left)
        source = QRectF((seen.left() - left) * a_column, 0, seen.width() * a_column, image.height())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)  # it has a value a pixel
        painter.drawImage(seen, image, source)  # cut by hand: an SVG knows no clipping

    def _words(self) -> NDArray[np.uint32]:
        """Return the 256 colours as Qt's words."""
        red, green, blue = colormap(self._settings.colormap).T.astype(np.uint32)
        words: NDArray[np.uint32] = np.uint32(255 << 24) | (red << 16) | (green << 8) | blue
        return words

    def _as_image(self, picture: Picture | None) -> QImage | None:
        if picture is None:
            return None
        shades = picture.shades(self._settings.low_db, self._settings.high_db)
        pixels = np.take(self._words(), shades)
        n_rows, n_columns = pixels.shape
        image = QImage(pixels.data, n_columns, n_rows, 4 * n_columns, QImage.Format.Format_RGB32)
        return image.copy()  # owns its bytes

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for a picture of the new size."""
        super().resizeEvent(event)
        self.ask()

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for what was not computed while nobody could see it."""
        super().showEvent(event)
        self.ask()

    def _paint_frequencies(self, painter: QPainter, plot: QRectF) -> None:
        assert self.picture is not None
        axis = self.picture.axis
        ticks = axis.ticks_hz()
        painter.setPen(QColor(theme().muted))
        lowest_px = plot.bottom() + GRID_PX * 2
        for hz, place in zip(ticks, axis.position(ticks).tolist(), strict=True):
            y_px = plot.bottom() - place * plot.height()
            if lowest_px - y_px < 2 * GRID_PX:
                continue  # labels would touch
            lowest_px = y_px
            painter.fillRect(QRectF(plot.left(), round(y_px), plot.width(), 1), QColor(255, 255, 255, 40))
            text = f"{hz / 1000:g}k" if hz >= 1000 else f"{hz:g}"
            y_px = min(max(y_px, plot.top() + 8), plot.bottom() - 8)
            painter.drawText(QRectF(0, y_px - 8, plot.left() - 6, 16), _RIGHT_MIDDLE, text)
        painter.drawText(QRectF(2, plot.top(), plot.left() - 6, 16), Qt.AlignmentFlag.AlignLeft, "Hz")

    def _paint_color_bar(self, painter: QPainter, plot: QRectF) -> None:
        bar = QRectF(plot.right() + 6, plot.top() + 4, 6, plot.height() - 8)
        pixels = np.ascontiguousarray(self._words()[::-1])
        painter.drawImage(bar, QImage(pixels.data, 1, 256, 4, QImage.Format.Format_RGB32))
        painter.setPen(QColor(theme().muted))
        low, high = self._settings.low_db, self._settings.high_db
        for db in (high, round((high + low) / 20) * 10, low):
            y_px = bar.top() + (high - db) / (high - low) * bar.height()
            y_px = min(max(y_px, plot.top() + 8), plot.bottom() - 8)
            place = QRectF(bar.right() + 4, y_px - 8, RIGHT_PX - 12, 16)
            text = f"{db} dB" if db == high else f"{db}"
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, text.replace("-", "−"))
