"""What every panel over time does alike: mapping, cached content, playhead, region, mouse."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent

    from earbench_app.views.qt.time_axis import TimeAxis

LEFT_PX, RIGHT_PX = 7 * GRID_PX, 7 * GRID_PX  # gutters for the labels of the vertical axis
_DRAG_PX, _EDGE_PX = 4, 5
_ZOOM_A_NOTCH = 1.25


class TimePanel(QWidget):
    """Draws its content once into a pixmap; a moving playhead repaints two strips only.

    A drag selects a region, a click seeks, the wheel zooms, Shift and the wheel or a drag with Alt or the
    middle button pans, a double click shows the whole clip.
    """

    seek_requested = Signal(float)
    region_selected = Signal(object)
    region_opacity = 0.16
    playhead_color = ""  # that of `Theme.error` where empty

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = axis
        self._content: QPixmap | None = None
        self._pressed_px: float | None = None
        self._anchor_s: float | None = None  # the fixed end of the region being dragged
        self._panning = False
        self.setMouseTracking(True)
        axis.view_changed.connect(self.redraw)
        axis.region_changed.connect(lambda: self.update())
        axis.playhead_moved.connect(self._playhead_moved)

    @abstractmethod
    def paint_content(self, painter: QPainter, plot: QRectF) -> None:
        """Draw all but region and playhead; `plot` is the part over which time runs."""

    def plot_rect(self) -> QRectF:
        """Return the part over which time runs."""
        return QRectF(self.rect()).adjusted(LEFT_PX, 0, -RIGHT_PX, 0)

    def x_of(self, time_s: float) -> float:
        """Return where a moment is drawn."""
        plot = self.plot_rect()
        return plot.left() + (time_s - self.axis.start_s) / (self.axis.span_s or 1.0) * plot.width()

    def time_at(self, x_px: float) -> float:
        """Return the moment drawn at x, within the clip."""
        plot = self.plot_rect()
        time_s = self.axis.start_s + (x_px - plot.left()) / max(1.0, plot.width()) * self.axis.span_s
        return min(max(0.0, time_s), self.axis.duration_s)

    def redraw(self) -> None:
        """Draw the content anew at the next paint."""
        self._content = None
        self.update()

    # Painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Copy the content, then draw region and playhead over it."""
        if self._content is None:
            self._content = self._drawn()
        with QPainter(self) as painter:
            ratio = self._content.devicePixelRatio()
            target = event.rect()
            source = QRectF(
                target.x() * ratio, target.y() * ratio, target.width() * ratio, target.height() * ratio
            )
            painter.drawPixmap(QRectF(target), self._content, source)
            if self.axis.duration_s > 0:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setClipRect(self.plot_rect())
                self._paint_region(painter)
                self._paint_playhead(painter)

    def _drawn(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap((self.size().toSizeF() * ratio).toSize())
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(QColor(theme().surface))
        with QPainter(pixmap) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.paint_content(painter, self.plot_rect())
        return pixmap

    def _paint_region(self, painter: QPainter) -> None:
        if self.axis.region_s is None:
            return
        left, right = (self.x_of(time_s) for time_s in self.axis.region_s)
        color = QColor(theme().accent if self.axis.looping else theme().muted)
        shade = QColor(color)
        shade.setAlphaF(self.region_opacity)
        painter.fillRect(QRectF(left, 0, right - left, self.height()), shade)
        painter.setPen(QPen(color, 1.5))
        for x_px in (left, right):
            painter.drawLine(QPointF(x_px, 0), QPointF(x_px, self.height()))

    def _paint_playhead(self, painter: QPainter) -> None:
        x_px = self.x_of(self.axis.playhead_s)
        painter.setPen(QPen(QColor(self.playhead_color or theme().error), 1.5))
        painter.drawLine(QPointF(x_px, 0), QPointF(x_px, self.height()))

    def _playhead_moved(self, before_s: float, after_s: float) -> None:
        for time_s in (before_s, after_s):
            self.update(QRect(int(self.x_of(time_s)) - 3, 0, 7, self.height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw anew at the new size."""
        super().resizeEvent(event)
        self.redraw()

    def changeEvent(self, event: QEvent) -> None:
        """Draw anew when the colours or the screen's scale change."""
        super().changeEvent(event)
        if event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.StyleChange,
            QEvent.Type.DevicePixelRatioChange,
        ):
            self.redraw()

    # Mouse -------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a selection, the moving of an edge, or a pan."""
        x_px = event.position().x()
        middle = event.button() == Qt.MouseButton.MiddleButton
        self._panning = middle or bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if self._panning or event.button() == Qt.MouseButton.LeftButton:
            self._pressed_px = x_px
            edge = self._edge_at(x_px)
            if edge is not None and self.axis.region_s is not None and not self._panning:
                self._anchor_s = self.axis.region_s[1 - edge]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show what a drag would select, or pan."""
        x_px = event.position().x()
        if self._pressed_px is None:
            near_edge = self._edge_at(x_px) is not None
            self.setCursor(Qt.CursorShape.SizeHorCursor if near_edge else Qt.CursorShape.ArrowCursor)
        elif self._panning:
            self.axis.pan(self.time_at(self._pressed_px) - self.time_at(x_px))
            self._pressed_px = x_px
        elif self._anchor_s is not None or abs(x_px - self._pressed_px) >= _DRAG_PX:
            if self._anchor_s is None:
                self._anchor_s = self.time_at(self._pressed_px)
            self.axis.set_region(self._dragged(x_px), self.axis.looping)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Select what was dragged over, or seek where nothing was."""
        pressed_px, self._pressed_px = self._pressed_px, None
        anchor_s, x_px = self._anchor_s, event.position().x()
        if pressed_px is None or self._panning or self.axis.duration_s == 0:
            self._panning = False
        elif anchor_s is not None:
            self.region_selected.emit(self._dragged(x_px))
        else:
            self.seek_requested.emit(self.time_at(x_px))
        self._anchor_s = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show the whole clip."""
        event.accept()
        self.axis.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the pointer; with Shift, or sideways, pan."""
        delta = event.angleDelta()
        sideways = delta.x() if abs(delta.x()) > abs(delta.y()) else 0
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            sideways = sideways or delta.y()
        if sideways:
            self.axis.pan(-sideways / 120 * self.axis.span_s / 10)
        else:
            self.axis.zoom(_ZOOM_A_NOTCH ** (delta.y() / 120), self.time_at(event.position().x()))
        event.accept()

    def _dragged(self, x_px: float) -> tuple[float, float]:
        assert self._anchor_s is not None
        return min(self._anchor_s, self.time_at(x_px)), max(self._anchor_s, self.time_at(x_px))

    def _edge_at(self, x_px: float) -> int | None:
        """Return which edge of the region is under the pointer, 0 or 1."""
        if self.axis.region_s is None:
            return None
        near = [abs(self.x_of(time_s) - x_px) <= _EDGE_PX for time_s in self.axis.region_s]
        return near.index(True) if any(near) else None
