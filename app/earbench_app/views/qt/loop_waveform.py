"""The reference's waveform with playhead and loop region; for the listener's window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from earbench_app.playback.player import MIN_LOOP_S
from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QMouseEvent, QPaintEvent

_GRIP_PX = 6
_DRAG_PX = 4  # less is a click


class LoopWaveform(QWidget):
    """Passive. Drag selects a loop, its edges can be dragged, a click seeks, a double click loops all."""

    loop_changed = Signal(object)  # (start_s, end_s)
    seek_requested = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("waveform")
        self.setAccessibleName("Reference waveform: drag to select a loop, click to move the playhead")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._peaks: NDArray[np.float32] | None = None
        self._duration_s = 0.0
        self._position_s = 0.0
        self._region_s = (0.0, 0.0)
        self._loop_on = True
        self._anchor_s: float | None = None
        self._pressed_x = 0.0
        self._draft_s: tuple[float, float] | None = None

    def sizeHint(self) -> QSize:
        """One strip."""
        return QSize(60 * GRID_PX, 9 * GRID_PX)

    def show_waveform(self, peaks: NDArray[np.float32] | None, duration_s: float) -> None:
        """Draw lows and highs, [2, N]; without them, a bare time line."""
        self._peaks, self._duration_s, self._position_s = peaks, duration_s, 0.0
        self.update()

    def show_loop(self, region_s: tuple[float, float], on: bool) -> None:
        """Draw the loop region."""
        self._region_s, self._loop_on = region_s, on
        self.update()

    def show_position(self, position_s: float) -> None:
        """Move the playhead."""
        if self._x(position_s) != self._x(self._position_s):
            self._position_s = position_s
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a selection, or take hold of an edge."""
        if event.button() != Qt.MouseButton.LeftButton or not self._duration_s:
            return
        x = self._pressed_x = event.position().x()
        start_s, end_s = self._region_s
        edge = self._edge_at(x)
        self._anchor_s = self._seconds(x) if edge is None else (end_s if edge == start_s else start_s)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the selection as it grows."""
        x = event.position().x()
        if self._anchor_s is None:
            on_edge = self._edge_at(x) is not None
            self.setCursor(Qt.CursorShape.SizeHorCursor if on_edge else Qt.CursorShape.IBeamCursor)
        elif self._draft_s or abs(x - self._pressed_x) >= _DRAG_PX:
            now_s = self._seconds(x)
            self._draft_s = (min(self._anchor_s, now_s), max(self._anchor_s, now_s))
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Loop what was selected, or seek."""
        if self._anchor_s is None or event.button() != Qt.MouseButton.LeftButton:
            return
        draft, self._draft_s, self._anchor_s = self._draft_s, None, None
        if draft is None:
            self.seek_requested.emit(self._seconds(event.position().x()))
        else:
            self.loop_changed.emit(draft)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Loop the whole excerpt."""
        del event
        self._anchor_s = None
        self.loop_changed.emit((0.0, self._duration_s))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw selection, waveform, playhead."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = theme()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.surface))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        if self._duration_s:
            self._paint_region(painter)
            self._paint_wave(painter)
            painter.setPen(QPen(QColor(colors.text), 2))
            x = self._x(self._position_s)
            painter.drawLine(QPointF(x, 2), QPointF(x, self.height() - 2))
        painter.end()

    def _paint_region(self, painter: QPainter) -> None:
        colors = theme()
        start_s, end_s = self._draft_s or self._region_s
        box = QRectF(self._x(start_s), 0, self._x(end_s) - self._x(start_s), self.height())
        too_short = self._draft_s is not None and end_s - start_s < MIN_LOOP_S
        if self._loop_on or self._draft_s:
            painter.fillRect(box, QColor(colors.raised if too_short else colors.selected))
        style = Qt.PenStyle.SolidLine if self._loop_on else Qt.PenStyle.DashLine
        painter.setPen(QPen(QColor(colors.accent), 2, style))
        for x in (box.left() + 1, box.right() - 1):
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))

    def _paint_wave(self, painter: QPainter) -> None:
        painter.setPen(QPen(QColor(theme().waveform), 1))
        middle, scale = self.height() / 2, self.height() / 2 - 3
        if self._peaks is None:
            painter.drawLine(QPointF(self._x(0), middle), QPointF(self._x(self._duration_s), middle))
            return
        low, high = self._peaks / max(1e-6, float(np.abs(self._peaks).max()))
        xs = np.linspace(self._x(0), self._x(self._duration_s), low.size)
        outline = [QPointF(x, middle - scale * y) for x, y in zip(xs, high, strict=True)]
        outline += [QPointF(x, middle - scale * y) for x, y in zip(xs[::-1], low[::-1], strict=True)]
        painter.setBrush(QColor(theme().waveform))
        painter.drawPolygon(QPolygonF(outline))

    def _x(self, seconds: float) -> float:
        inner = self.width() - 2 * _GRIP_PX
        return round(_GRIP_PX + inner * seconds / self._duration_s) if self._duration_s else 0.0

    def _seconds(self, x: float) -> float:
        share = (x - _GRIP_PX) / max(1, self.width() - 2 * _GRIP_PX)
        return min(1.0, max(0.0, share)) * self._duration_s

    def _edge_at(self, x: float) -> float | None:
        return next((edge for edge in self._region_s if abs(self._x(edge) - x) <= _GRIP_PX), None)
