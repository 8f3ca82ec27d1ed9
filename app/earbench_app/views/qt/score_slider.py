"""One vertical 0–100 quality scale, with a state for "not yet touched"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QSlider

from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEvent, QWheelEvent
    from PySide6.QtWidgets import QWidget

MARGIN_PX = 12  # above 100 and below 0, half a handle
_HANDLE = QSize(40, 18)


class ScoreSlider(QSlider):
    """Passive: shows a score or that there is none; reports one when a drag ends or a key was pressed.

    A QSlider, so that a screen reader knows what it is. It has no handle until it is touched, and none of
    the wheel's accidents.
    """

    scored = Signal(int)
    moved = Signal(int)  # while a drag lasts; nothing is scored yet

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self.setRange(0, 100)
        self.setPageStep(10)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(22 * GRID_PX)
        self._score: int | None = None
        self._shown: int | None = None
        self._dragging = False

    @property
    def score(self) -> int | None:
        """What was scored last; None if nothing was."""
        return self._score

    def show_score(self, score: float | None) -> None:
        """Show what the session holds."""
        self._score = None if score is None else round(score)
        self._show(self._score)

    def nudge(self, step: int, *, final: bool = True) -> None:
        """Move by a step, from the middle if untouched; `final` scores it."""
        start = 50 - step if self._shown is None else self._shown
        self._show(max(0, min(100, start + step)))
        if final:
            self.commit()
        elif self._shown is not None:
            self.moved.emit(self._shown)

    def commit(self) -> None:
        """Score what is shown, if it differs from the score."""
        if self._shown is not None and self._shown != self._score:
            self.scored.emit(self._shown)

    def y_of(self, score: float) -> float:
        """Return where a score lies, in the slider's own pixels."""
        return MARGIN_PX + (100 - score) / 100 * (self.height() - 2 * MARGIN_PX)

    def sizeHint(self) -> QSize:
        """Prefer a tall scale."""
        return QSize(7 * GRID_PX, 40 * GRID_PX)

    def minimumSizeHint(self) -> QSize:
        """Twelve of them fit beside each other."""
        return QSize(5 * GRID_PX, 22 * GRID_PX)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Jump to where the button went down."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragging = True
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._drag_to(event.position().y())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse."""
        if self._dragging:
            self._drag_to(event.position().y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Score where it was let go."""
        if self._dragging and event.button() == Qt.MouseButton.LeftButton:
            self._dragging = False
            self.commit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave all keys to the page: they mean the signal now playing, wherever the focus is."""
        event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Leave all keys to the page."""
        event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Nothing: a wheel turned in passing must not change a score."""
        event.ignore()

    def changeEvent(self, event: QEvent) -> None:
        """Drop a drag when the signal stops playing under it."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange and not self.isEnabled():
            self._dragging = False
            self._show(self._score)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the track, and the handle if there is a score."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_track(painter)
        if self._shown is not None:
            self._paint_handle(painter, self._shown)
        painter.end()

    def _drag_to(self, y: float) -> None:
        share = (y - MARGIN_PX) / max(1, self.height() - 2 * MARGIN_PX)
        score = max(0, min(100, round(100 * (1 - share))))
        self._show(score)
        self.moved.emit(score)

    def _show(self, score: int | None) -> None:
        self._shown = score
        self.setValue(0 if score is None else score)
        self.update()

    def _paint_track(self, painter: QPainter) -> None:
        colors, x = theme(), self.width() / 2
        pen = QPen(QColor(colors.text if self.isEnabled() else colors.muted), 2)
        if self._shown is None:  # a broken line: nothing said yet, told by shape as well as by words
            pen.setDashPattern([2, 4])
        painter.setPen(pen)
        painter.drawLine(QPointF(x, self.y_of(100)), QPointF(x, self.y_of(0)))

    def _paint_handle(self, painter: QPainter, score: int) -> None:
        colors = theme()
        width = min(_HANDLE.width(), self.width() - 6)
        box = QRectF(0, 0, width, _HANDLE.height())
        box.moveCenter(QPointF(self.width() / 2, self.y_of(score)))
        if self.isEnabled():
            painter.setPen(QPen(QColor(colors.window), 2))
            painter.setBrush(QColor(colors.accent))
        else:  # an outline only: it cannot be moved now
            painter.setPen(QPen(QColor(colors.muted), 2))
            painter.setBrush(QColor(colors.surface))
        painter.drawRoundedRect(box, 5, 5)
        painter.setPen(QPen(QColor(colors.on_accent if self.isEnabled() else colors.muted), 2))
        inset = width / 4
        painter.drawLine(box.center() - QPointF(inset, 0), box.center() + QPointF(inset, 0))
        if self.hasFocus():
            painter.setPen(QPen(QColor(colors.accent), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(-2, -2, 2, 2), 6, 6)
