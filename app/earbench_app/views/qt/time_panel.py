"""What every panel over time does alike: mapping, cached content, playhead, region, wipe, read-out, mouse."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from earbench_app.views.qt.theme import GRID_PX, number_font, theme

if TYPE_CHECKING:
    from PySide6.QtGui import QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent

    from earbench_app.views.qt.time_axis import TimeAxis

LEFT_PX, RIGHT_PX = 7 * GRID_PX, 7 * GRID_PX  # gutters for the labels of the vertical axis
_DRAG_PX, _EDGE_PX, _WIPE_PX = 4, 5, 6
_ZOOM_A_NOTCH = 1.25


class TimePanel(QWidget):
    """Draws its content once into a pixmap; a moving playhead repaints two strips only.

    A drag selects a region, a click seeks, the wheel zooms, Shift and the wheel or a drag with Alt or the
    middle button pans, a double click shows the whole clip. Where the panel `wipes`, the line is dragged.
    """

    seek_requested = Signal(float)
    region_selected = Signal(object)
    region_opacity = 0.16
    playhead_color = ""  # that of `Theme.error` where empty
    wipes = False

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = axis
        self._content: QPixmap | None = None
        self._pressed_px: float | None = None
        self._anchor_s: float | None = None  # the fixed end of the region being dragged
        self._panning = self._wiping = False
        self._pointer: QPointF | None = None
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # nothing shines through
        axis.view_changed.connect(self.redraw)
        axis.region_changed.connect(lambda: self.update())
        axis.playhead_moved.connect(self._playhead_moved)
        if self.wipes:
            axis.wipe_changed.connect(self.redraw)

    @abstractmethod
    def paint_content(self, painter: QPainter, plot: QRectF) -> None:
        """Draw all but region and playhead; `plot` is the part over which time runs."""

    def read_out(self, place: QPointF) -> str:
        """Return what to say of a place in the plot."""
        del place
        return ""

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

    def wipe_x(self) -> float | None:
        """Return where the line of the wipe is drawn, if there is one."""
        if self.axis.wipe is None or not self.wipes:
            return None
        plot = self.plot_rect()
        return plot.left() + self.axis.wipe * plot.width()

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
                self._paint_read_out(painter)

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

    def _paint_read_out(self, painter: QPainter) -> None:
        text = self.read_out(self._pointer) if self._pointer and self._pressed_px is None else ""
        if not text or self._pointer is None:
            return
        plot = self.plot_rect()
        painter.setFont(number_font(self.font()))
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        box = painter.boundingRect(plot, flags, text)
        beside = self._pointer + QPointF(2 * GRID_PX, -box.height() - GRID_PX)
        left = min(beside.x(), plot.right() - box.width() - GRID_PX)
        top = beside.y() if beside.y() > plot.top() + 2 else self._pointer.y() + 2 * GRID_PX
        box.moveTopLeft(QPointF(left, min(top, plot.bottom() - box.height() - 2)))
        back = QColor(theme().raised)
        back.setAlphaF(0.92)
        painter.fillRect(box.adjusted(-4, -2, 4, 2), back)
        painter.setPen(QColor(theme().text))
        painter.drawText(box, flags, text)

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
        if event.button() == Qt.MouseButton.LeftButton and self._on_wipe(x_px):
            self._wiping = True
            return
        middle = event.button() == Qt.MouseButton.MiddleButton
        self._panning = middle or bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if self._panning or event.button() == Qt.MouseButton.LeftButton:
            self._pressed_px = x_px
            edge = self._edge_at(x_px)
            if edge is not None and self.axis.region_s is not None and not self._panning:
                self._anchor_s = self.axis.region_s[1 - edge]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read out what is under the pointer; show what a drag would select, pan, or move the wipe."""
        x_px = event.position().x()
        self._point_at(event.position())
        if self._wiping:
            plot = self.plot_rect()
            self.axis.move_wipe((x_px - plot.left()) / max(1.0, plot.width()))
        elif self._pressed_px is None:
            self.setCursor(self._cursor_at(x_px))
        elif self._panning:
            self.axis.pan(self.time_at(self._pressed_px) - self.time_at(x_px))
            self._pressed_px = x_px
        elif self._anchor_s is not None or abs(x_px - self._pressed_px) >= _DRAG_PX:
            if self._anchor_s is None:
                self._anchor_s = self.time_at(self._pressed_px)
            self.axis.set_region(self._dragged(x_px), self.axis.looping)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Select what was dragged over, or seek where nothing was."""
        if self._wiping:
            self._wiping = False
            return
        pressed_px, self._pressed_px = self._pressed_px, None
        anchor_s, x_px = self._anchor_s, event.position().x()
        if pressed_px is None or self._panning or self.axis.duration_s == 0:
            self._panning = False
        elif anchor_s is not None:
            self.region_selected.emit(self._dragged(x_px))
        else:
            self.seek_requested.emit(self.time_at(x_px))
        self._anchor_s = None

    def leaveEvent(self, event: QEvent) -> None:
        """Take the read-out away."""
        super().leaveEvent(event)
        self._point_at(None)

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

    def _point_at(self, place: QPointF | None) -> None:
        inside = place is not None and self.plot_rect().contains(place)
        before, self._pointer = self._pointer, place if inside else None
        if before != self._pointer:
            self.update()

    def _on_wipe(self, x_px: float) -> bool:
        wipe_x = self.wipe_x()
        return wipe_x is not None and abs(wipe_x - x_px) <= _WIPE_PX

    def _cursor_at(self, x_px: float) -> Qt.CursorShape:
        if self._on_wipe(x_px):
            return Qt.CursorShape.SplitHCursor
        near_edge = self._edge_at(x_px) is not None
        return Qt.CursorShape.SizeHorCursor if near_edge else Qt.CursorShape.ArrowCursor

    def _dragged(self, x_px: float) -> tuple[float, float]:
        assert self._anchor_s is not None
        return min(self._anchor_s, self.time_at(x_px)), max(self._anchor_s, self.time_at(x_px))

    def _edge_at(self, x_px: float) -> int | None:
        """Return which edge of the region is under the pointer, 0 or 1."""
        if self.axis.region_s is None:
            return None
        near = [abs(self.x_of(time_s) - x_px) <= _EDGE_PX for time_s in self.axis.region_s]
        return near.index(True) if any(near) else None
