"""Where, in time and pitch, the noise of each version can be heard: a lane a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from earbench_app.analysis.colormaps import colormap
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX, number_font, theme, version_pen
from earbench_app.views.qt.time_panel import RIGHT_PX, TimePanel
from earbench_app.views.qt.view_export import ViewExporter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QMouseEvent, QResizeEvent

    from earbench_app.analysis.audible_map import MapPicture
    from earbench_app.views.analysis_protocols import Styled
    from earbench_app.views.qt.time_axis import TimeAxis

HIGHEST_DB = 20.0
_GAP_PX = 2.0
_LOWEST_LANE_PX, _LOWEST_NAMED_PX = 12, 20  # lower ones are not named; on the screen, the pointer names them
_TIP = (
    "Noise-to-mask ratio above 0 dB in each frame and critical band: what of the noise can be heard"
    " (ISO 11172-3 model 1, as in the NMR column; the highest of the channels)."
    " Click to hear half a second there in a loop; drag to select."
)


def colors() -> NDArray[np.uint8]:
    """Return 256 colours, [256, 3], from barely audible (0) to `HIGHEST_DB` and above."""
    name, first, last = ("inferno", 90, 255) if theme().dark else ("magma", 215, 40)
    chosen: NDArray[np.uint8] = colormap(name)[np.linspace(first, last, 256).astype(int)]
    return chosen


class AudibleMapView(TimePanel):
    """The lanes. `spot_chosen` (version id, seconds) where a lane is clicked."""

    picture_requested = Signal(float, float, int)
    spot_chosen = Signal(int, float)
    region_opacity = 0.08

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(axis, parent)
        self.setObjectName("audible_map")
        self.setAccessibleName("Audible noise")
        self.setAccessibleDescription(_TIP)
        self.setToolTip(_TIP)
        self.setMinimumHeight(5 * GRID_PX)
        self._versions: Sequence[Styled] = ()
        self._pictures: Mapping[int, MapPicture] = {}
        self._pressed_lane: int | None = None
        self._named = False  # whether low lanes, too, say whose they are
        axis.view_changed.connect(self.ask)
        self.seek_requested.connect(self._choose)

    def sizeHint(self) -> QSize:
        """Return a height at which bands can be told apart."""
        return QSize(80 * GRID_PX, 14 * GRID_PX)

    def ask(self) -> None:
        """Ask for pictures of what is in view, at the screen's resolution."""
        n_columns = int(self.plot_rect().width() * self.devicePixelRatioF())
        if self.axis.span_s > 0 and n_columns > 0 and self.isVisible():
            self.picture_requested.emit(self.axis.start_s, self.axis.end_s, n_columns)

    def show_versions(self, versions: Sequence[Styled]) -> None:
        """Make a lane for each version."""
        if list(versions) != list(self._versions):
            self._versions = versions
            self.redraw()

    def show_pictures(self, pictures: Mapping[int, MapPicture]) -> None:
        """Draw the lanes that are known."""
        self._pictures = pictures
        self.redraw()

    def table(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return version, time and the ratio of each band, a row a column of the picture."""
        bands: Sequence[int] = ()
        for picture in self._pictures.values():  # all of one clip, so of the same bands
            bands = picture.bands_bark.tolist()
        header = ["version", "time_s", *(f"nmr_db_{band}_to_{band + 1}_bark" for band in bands)]
        return header, self._table_rows()

    def _table_rows(self) -> Iterator[Sequence[object]]:
        for version in self._versions:
            picture = self._pictures.get(version.id)
            if picture is not None:
                n_columns = picture.nmr_db.shape[1]
                edges = np.linspace(picture.start_s, picture.end_s, n_columns + 1)
                for time_s, column in zip((edges[:-1] + edges[1:]) / 2, picture.nmr_db.T, strict=True):
                    values = ["" if np.isnan(db) else round(float(db), 2) for db in column]
                    yield [version.title, round(float(time_s), 6), *values]

    # Painting ----------------------------------------------------------------------------------------

    def paint_picture(self, painter: QPainter) -> None:
        """Draw the view for a file: without playhead and selection."""
        painter.fillRect(self.rect(), QColor(theme().surface))
        self._named = True
        self.paint_content(painter, self.plot_rect())
        self._named = False

    def paint_content(self, painter: QPainter, plot: QRectF) -> None:
        """Draw the lanes, one below the other, and the colour bar."""
        painter.setFont(number_font(self.font()))
        if not self._versions:
            painter.setPen(QColor(theme().muted))
            painter.drawText(
                plot, Qt.AlignmentFlag.AlignCenter, "Add a version to see what of its noise is heard."
            )
            return
        for lane, version in zip(self._lanes(plot), self._versions, strict=True):
            painter.fillRect(lane, QColor(theme().plot if theme().dark else theme().window))
            if version.id in self._pictures:
                self._paint_lane(painter, lane, self._pictures[version.id])
            else:  # an empty lane would say that nothing is heard
                painter.setPen(QColor(theme().muted))
                painter.drawText(lane, Qt.AlignmentFlag.AlignCenter, "not yet known")
            self._paint_name(painter, lane, version)
        self._paint_color_bar(painter, plot)

    def _lanes(self, plot: QRectF) -> list[QRectF]:
        pitch_px = plot.height() / max(1, len(self._versions))
        tops = [plot.top() + i * pitch_px for i in range(len(self._versions))]
        return [QRectF(plot.left(), top, plot.width(), max(1.0, pitch_px - _GAP_PX)) for top in tops]

    def _paint_lane(self, painter: QPainter, lane: QRectF, picture: MapPicture) -> None:
        left, right = self.x_of(picture.start_s), self.x_of(picture.end_s)
        painter.save()
        painter.setClipRect(lane)
        n_rows = max(1, int(lane.height() * self.devicePixelRatioF()))
        image = as_image(_pooled(picture.nmr_db, n_rows))
        painter.drawImage(QRectF(left, lane.top(), right - left, lane.height()), image)
        painter.restore()

    def _paint_name(self, painter: QPainter, lane: QRectF, version: Styled) -> None:
        middle = lane.center().y()
        painter.setPen(version_pen(version.color, 3))
        painter.drawLine(QPointF(2 * GRID_PX, middle), QPointF(lane.left() - GRID_PX, middle))
        if lane.height() < (_LOWEST_LANE_PX if self._named else _LOWEST_NAMED_PX):
            return
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        box = painter.boundingRect(lane.adjusted(6, 1, 0, 0), flags, version.title)
        back = QColor(theme().plot)
        back.setAlphaF(0.75)
        painter.fillRect(box.adjusted(-3, 0, 3, 0), back)
        painter.setPen(QColor(theme().text))
        painter.drawText(box, flags, version.title)

    def _paint_color_bar(self, painter: QPainter, plot: QRectF) -> None:
        bar = QRectF(plot.right() + 6, plot.top() + 4, 6, plot.height() - 10)
        image = QImage(np.arange(255, -1, -1, dtype=np.uint8).data, 1, 256, 1, QImage.Format.Format_Indexed8)
        image.setColorTable([*_color_table()[1:], _color_table()[-1]])
        painter.drawImage(bar, image.copy())
        painter.setPen(QColor(theme().muted))
        for db in (0, 20):
            y_px = bar.bottom() - db / HIGHEST_DB * bar.height()
            y_px = min(max(y_px, plot.top() + 8), plot.bottom() - 8)
            place = QRectF(bar.right() + 4, y_px - 8, RIGHT_PX - 14, 16)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), f"{db} dB" if db else "0")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for pictures of the new size."""
        super().resizeEvent(event)
        self.ask()

    # Mouse -------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Note the lane, then do what every panel does."""
        self._pressed_lane = self._lane_at(event.position().y())
        super().mousePressEvent(event)

    def read_out(self, place: QPointF) -> str:
        """Return version, time, critical band and ratio under the pointer."""
        key, time_s = self._lane_at(place.y()), self.time_at(place.x())
        picture = self._pictures.get(key) if key is not None else None
        if key is None or picture is None or not picture.start_s <= time_s < picture.end_s:
            return ""
        number = [version.id for version in self._versions].index(key)
        lane = self._lanes(self.plot_rect())[number]
        n_bands, n_columns = picture.nmr_db.shape
        row = min(n_bands - 1, max(0, int((lane.bottom() - place.y()) / lane.height() * n_bands)))
        share = (time_s - picture.start_s) / (picture.end_s - picture.start_s)
        nmr_db, band = picture.nmr_db[row, int(share * n_columns)], picture.bands_bark[row]
        ratio = "…" if np.isnan(nmr_db) else f"NMR {nmr_db:+.1f} dB".replace("-", "−")
        return f"{self._versions[number].title}  {time_s:.2f} s  {band}–{band + 1} Bark  {ratio}"

    def _lane_at(self, y_px: float) -> int | None:
        lanes = zip(self._lanes(self.plot_rect()), self._versions, strict=True)
        return next((version.id for lane, version in lanes if y_px <= lane.bottom() + _GAP_PX), None)

    def _choose(self, time_s: float) -> None:
        if self._pressed_lane is not None:
            self.spot_chosen.emit(self._pressed_lane, time_s)


def _pooled(nmr_db: NDArray[np.float32], n_rows: int) -> NDArray[np.float32]:
    """Return no more rows than there are pixels, each the highest of its bands, so that none is lost."""
    if n_rows >= len(nmr_db):
        return nmr_db
    firsts = np.linspace(0, len(nmr_db), n_rows + 1).astype(np.int64)[:-1]
    pooled: NDArray[np.float32] = np.fmax.reduceat(nmr_db, firsts, axis=0)
    return pooled


def as_image(nmr_db: NDArray[np.float32]) -> QImage:
    """Return a lane's picture: nothing where the noise is masked or not yet known."""
    shares = np.clip(nmr_db[::-1] / HIGHEST_DB, 0, 1)
    heard = np.nan_to_num(nmr_db[::-1], nan=0.0) > 0
    levels = np.where(heard, 1 + np.nan_to_num(shares) * 254, 0).astype(np.uint8)
    n_rows, n_columns = levels.shape
    image = QImage(
        np.ascontiguousarray(levels).data, n_columns, n_rows, n_columns, QImage.Format.Format_Indexed8
    ).copy()  # owns its bytes
    image.setColorTable(_color_table())
    return image


def _color_table() -> list[int]:
    """Return Qt's words: the first transparent, then the colours."""
    return [0, *(QColor(*rgb).rgba() for rgb in colors().tolist()[:255])]


class AudibleMapPanel(QWidget):
    """Implements `MapView`: the lanes with their buttons above."""

    worst_requested = Signal()
    audible_requested = Signal()

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("audible_map_panel")
        self.map = AudibleMapView(axis)
        self.exporter = ViewExporter(self.map, self.map, "audible noise")
        self.picture_requested = self.map.picture_requested
        self.spot_chosen = self.map.spot_chosen
        self.worst = _button("next", "Next worst spot", "Go to the next worst spot and loop it (N)")
        self.worst.clicked.connect(lambda: self.worst_requested.emit())
        tip = "Hear only the part of the noise that exceeds the mask, with the difference's gain (M)"
        self.audible = _button("", "M  Audible part", tip)
        self.audible.setCheckable(True)
        self.audible.clicked.connect(self._audible_clicked)
        self._state = QLabel()
        self._state.setProperty("class", "muted")
        self._state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lay_out()

    def show_versions(self, versions: Sequence[Styled]) -> None:
        """Make a lane for each version."""
        self.map.show_versions(versions)
        for button in (self.worst, self.audible):
            button.setEnabled(bool(versions))

    def show_pictures(self, pictures: Mapping[int, MapPicture]) -> None:
        """Draw the lanes that are known."""
        self.map.show_pictures(pictures)

    def refresh(self) -> None:
        """Ask for pictures anew."""
        self.map.ask()

    def show_state(self, text: str) -> None:
        """Say what was found, or why there is nothing."""
        self._state.setText(text)
        self._state.setToolTip(text)

    def show_audible(self, on: bool) -> None:
        """Mark whether the audible part sounds."""
        self.audible.setChecked(on)

    def _audible_clicked(self, checked: bool) -> None:
        self.audible.setChecked(not checked)  # the presenter decides
        self.audible_requested.emit()

    def _lay_out(self) -> None:
        title = QLabel("Audible noise")
        title.setProperty("class", "heading")
        title.setToolTip(_TIP)
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, 0, GRID_PX, 0)
        row.setSpacing(GRID_PX)
        for widget in (title, self.worst, self.audible):
            row.addWidget(widget)
        row.addWidget(self._state, 1)
        row.addWidget(self.exporter.button())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(row)
        column.addWidget(self.map, 1)


def _button(image: str, text: str, tip: str) -> QToolButton:
    button = QToolButton()
    if image:
        button.setIcon(icon(image))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setText(text)
    button.setToolTip(tip)
    button.setAccessibleName(text.removeprefix("M  "))
    button.setEnabled(False)
    return button
