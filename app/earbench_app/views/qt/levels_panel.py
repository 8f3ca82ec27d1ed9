"""Meters of what sounds, and the loudness of every version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from earbench_app.views.qt.theme import GRID_PX, number_font, theme, version_pen
from earbench_app.views.qt.view_export import ViewExporter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QPaintEvent

    from earbench_app.analysis.levels import Meter
    from earbench_app.views.analysis_protocols import Styled

_LOWEST_DB = -60.0
_BAR_PX, _ROW_PX, _NAME_PX, _FIGURE_PX = 14.0, 28.0, 11 * GRID_PX, 13 * GRID_PX
_RIGHT_MIDDLE = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT_MIDDLE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_TIP = (
    "Meter: sample peak and RMS of the last 300 ms of what sounds, before the volume, in dBFS (a full-scale"
    " sine has a peak of 0 and an RMS of −3 dB). Loudness: integrated, LUFS (ITU-R BS.1770-4)."
)


class LevelsPicture(QWidget):
    """Passive bars."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Levels and loudness")
        self.setToolTip(_TIP)
        self._meter: Meter | None = None
        self._loudness: Sequence[tuple[Styled | None, float | None]] = ()
        self._name_px = float(_NAME_PX)

    def show_meter(self, meter: Meter | None) -> None:
        """Show the levels at the playhead."""
        if meter != self._meter:
            self._meter = meter
            self.update()

    def show_loudness(self, rows: Sequence[tuple[Styled | None, float | None]]) -> None:
        """Show LUFS of the original and the versions."""
        self._loudness = rows
        self.setMinimumHeight(int((len(rows) + 3) * _ROW_PX) + 3 * GRID_PX)
        self.update()

    def table(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return the loudness of each version."""
        rows = [(_name(style), lufs) for style, lufs in self._loudness]
        return ["version", "loudness_lufs"], [[name, "" if lufs is None else lufs] for name, lufs in rows]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw all of it."""
        del event
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.paint_picture(painter)

    def paint_picture(self, painter: QPainter) -> None:
        """Draw meters above, loudness below."""
        painter.fillRect(self.rect(), QColor(theme().surface))
        painter.setFont(number_font(self.font()))
        texts = [painter.fontMetrics().horizontalAdvance(_name(style)) for style, _ in self._loudness]
        self._name_px = min(max([_NAME_PX, *(px + 3 * GRID_PX for px in texts)]), 0.5 * self.width())
        top = float(GRID_PX)
        if self._meter is not None:
            levels = zip(self._meter.peak_dbfs, self._meter.rms_dbfs, strict=True)
            names = ("",) if len(self._meter.peak_dbfs) == 1 else ("L", "R", "C", "Ls", "Rs")
            for name, (peak, rms) in zip(names, levels, strict=False):
                self._paint_meter(painter, top, f"Peak, RMS {name}".strip(), peak, rms)
                top += _ROW_PX
        self._paint_scale(painter, top)
        top += 3 * GRID_PX
        for style, lufs in self._loudness:
            self._paint_loudness(painter, top, style, lufs)
            top += _ROW_PX

    def _bar(self, top: float) -> QRectF:
        return QRectF(self._name_px, top + 5, self.width() - self._name_px - _FIGURE_PX, _BAR_PX)

    def _paint_meter(self, painter: QPainter, top: float, name: str, peak_db: float, rms_db: float) -> None:
        bar = self._bar(top)
        painter.fillRect(bar, QColor(theme().plot if theme().dark else theme().window))
        color = QColor(theme().error if peak_db > -0.1 else theme().accent)
        painter.fillRect(QRectF(bar.topLeft(), QPointF(_x_of(rms_db, bar), bar.bottom())), color)
        painter.setPen(QPen(color, 2))
        x_px = _x_of(peak_db, bar)
        painter.drawLine(QPointF(x_px, bar.top()), QPointF(x_px, bar.bottom()))
        self._paint_texts(painter, bar, name, f"{peak_db:.1f}  {rms_db:.1f}")

    def _paint_loudness(
        self, painter: QPainter, top: float, style: Styled | None, lufs: float | None
    ) -> None:
        bar = self._bar(top)
        painter.fillRect(bar, QColor(theme().plot if theme().dark else theme().window))
        if lufs is not None:
            pen = QPen(QColor(theme().waveform), 4) if style is None else version_pen(style.color, 4)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            middle = bar.center().y()
            painter.drawLine(QPointF(bar.left(), middle), QPointF(_x_of(lufs, bar), middle))
        self._paint_texts(painter, bar, _name(style), "–" if lufs is None else f"{lufs:.1f} LUFS")

    def _paint_texts(self, painter: QPainter, bar: QRectF, name: str, figure: str) -> None:
        painter.setPen(QColor(theme().text))
        place = QRectF(2 * GRID_PX, bar.top() - 4, bar.left() - 3 * GRID_PX, bar.height() + 8)
        elided = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(place.width()))
        painter.drawText(place, _LEFT_MIDDLE, elided)
        right = QRectF(bar.right(), bar.top() - 4, _FIGURE_PX - GRID_PX, bar.height() + 8)
        painter.drawText(right, _RIGHT_MIDDLE, figure.replace("-", "−"))

    def _paint_scale(self, painter: QPainter, top: float) -> None:
        bar = self._bar(top)
        painter.setPen(QColor(theme().muted))
        step_db = 12 if bar.width() > 25 * GRID_PX else 20
        for db in range(int(_LOWEST_DB), 1, step_db):
            place = QRectF(_x_of(db, bar) - 20, top, 40, 16)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"{db}".replace("-", "−"))
        painter.drawText(QRectF(2 * GRID_PX, top, bar.left() - 3 * GRID_PX, 16), _LEFT_MIDDLE, "dBFS, LUFS")


def _name(style: Styled | None) -> str:
    return "Original" if style is None else style.title


def _x_of(db: float, bar: QRectF) -> float:
    return bar.left() + min(1.0, max(0.0, 1 - db / _LOWEST_DB)) * bar.width()


class LevelsPanel(QWidget):
    """Implements `LevelsView`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("levels_panel")
        self.picture = LevelsPicture()
        self.exporter = ViewExporter(self.picture, self.picture, "levels and loudness")
        self.show_meter, self.show_loudness = self.picture.show_meter, self.picture.show_loudness
        note = QLabel("what sounds, and loudness over the clip")
        note.setProperty("class", "muted")
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, GRID_PX // 2, GRID_PX, 0)
        row.addWidget(note, 1)
        row.addWidget(self.exporter.button())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(self.picture)
        column.addWidget(scroll, 1)

    @property
    def wanted(self) -> bool:
        """Whether it can be seen."""
        return self.isVisible()
