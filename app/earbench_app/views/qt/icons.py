"""Small line icons, painted at the size and in the colour asked, so crisp at every scale and theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QIcon,
    QIconEngine,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QPolygonF,
)

from earbench_app.views.qt.theme import theme

if TYPE_CHECKING:
    from collections.abc import Callable


def icon(name: str, role: str = "text") -> QIcon:
    """Return an icon by name; `role` names a colour of `Theme`, looked up when it is painted."""
    return QIcon(_Engine(name, role))


def icon_names() -> tuple[str, ...]:
    """Return the names there are."""
    return tuple(_PAINTERS)


class _Engine(QIconEngine):
    def __init__(self, name: str, role: str) -> None:
        super().__init__()
        self._name, self._role = name, role

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        del state
        role = "muted" if mode == QIcon.Mode.Disabled else self._role
        color = QColor(getattr(theme(), role))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side = min(rect.width(), rect.height())
        painter.translate(QRectF(rect).center() - QPointF(side / 2, side / 2))
        painter.scale(side / 16, side / 16)  # the shapes below are drawn on 16 × 16
        painter.setPen(QPen(color, 1.6, c=Qt.PenCapStyle.RoundCap, j=Qt.PenJoinStyle.RoundJoin))
        painter.setBrush(color)
        _PAINTERS[self._name](painter)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPointF(0, 0).toPoint(), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._role)


def _polygon(*points: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in points])


def _play(painter: QPainter) -> None:
    painter.drawPolygon(_polygon((4, 2.5), (13, 8), (4, 13.5)))


def _pause(painter: QPainter) -> None:
    painter.drawRect(QRectF(4, 3, 2, 10))
    painter.drawRect(QRectF(10, 3, 2, 10))


def _stop(painter: QPainter) -> None:
    painter.drawRect(QRectF(4, 4, 8, 8))


def _loop(painter: QPainter) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    path = QPainterPath(QPointF(3, 7))
    path.cubicTo(3, 3.5, 6, 3.5, 8, 3.5)
    path.lineTo(13, 3.5)
    path.moveTo(13, 9)
    path.cubicTo(13, 12.5, 10, 12.5, 8, 12.5)
    path.lineTo(3, 12.5)
    painter.drawPath(path)
    painter.drawPolyline(_polygon((10.8, 1.5), (13, 3.5), (10.8, 5.5)))
    painter.drawPolyline(_polygon((5.2, 10.5), (3, 12.5), (5.2, 14.5)))


def _plus(painter: QPainter) -> None:
    painter.drawLine(QPointF(8, 3), QPointF(8, 13))
    painter.drawLine(QPointF(3, 8), QPointF(13, 8))


def _close(painter: QPainter) -> None:
    painter.drawLine(QPointF(4.5, 4.5), QPointF(11.5, 11.5))
    painter.drawLine(QPointF(11.5, 4.5), QPointF(4.5, 11.5))


def _export(painter: QPainter) -> None:
    painter.drawLine(QPointF(8, 2), QPointF(8, 10))
    painter.drawPolyline(_polygon((5, 7.2), (8, 10.2), (11, 7.2)))
    painter.drawPolyline(_polygon((2.5, 10.5), (2.5, 13.5), (13.5, 13.5), (13.5, 10.5)))


def _volume(painter: QPainter) -> None:
    painter.drawPolygon(_polygon((2, 6), (4.5, 6), (8, 3), (8, 13), (4.5, 10), (2, 10)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(QRectF(7, 5.2, 4.5, 5.6), -60 * 16, 120 * 16)
    painter.drawArc(QRectF(6, 3, 8, 10), -60 * 16, 120 * 16)


def _open(painter: QPainter) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolygon(_polygon((2, 4), (6, 4), (7.5, 5.8), (14, 5.8), (14, 13), (2, 13)))


def _circle(painter: QPainter) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(QRectF(3, 3, 10, 10))


def _check(painter: QPainter) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(_polygon((3, 8.5), (6.5, 12), (13, 4.5)))


def _more(painter: QPainter) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    for x in (3, 8, 13):
        painter.drawEllipse(QPointF(x, 8), 1.4, 1.4)


def _next(painter: QPainter) -> None:
    painter.drawPolygon(QPolygonF([QPointF(3, 3), QPointF(10, 8), QPointF(3, 13)]))
    painter.drawLine(QPointF(12.5, 3), QPointF(12.5, 13))


def _sliders(painter: QPainter) -> None:
    for y, x in ((4, 10), (8, 5), (12, 11)):
        painter.drawLine(QPointF(2, y), QPointF(14, y))
        painter.drawEllipse(QPointF(x, y), 1.6, 1.6)


def _clock(painter: QPainter) -> None:
    _circle(painter)
    painter.drawPolyline(_polygon((8, 5.2), (8, 8.2), (10.2, 9.4)))


def _cross(painter: QPainter) -> None:
    _circle(painter)
    painter.drawLine(QPointF(6.3, 6.3), QPointF(9.7, 9.7))
    painter.drawLine(QPointF(9.7, 6.3), QPointF(6.3, 9.7))


def _copy(painter: QPainter) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(QRectF(2.5, 2.5, 8, 8), 1.5, 1.5)
    painter.drawPolyline(_polygon((13.5, 6), (13.5, 13.5), (6, 13.5)))


def _chart(painter: QPainter) -> None:
    painter.drawPolyline(_polygon((2.5, 2.5), (2.5, 13.5), (13.5, 13.5)))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(_polygon((5, 5), (7, 9.5), (10, 7), (13, 10.5)))


def _trash(painter: QPainter) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawLine(QPointF(2.5, 4), QPointF(13.5, 4))
    painter.drawLine(QPointF(6.5, 2), QPointF(9.5, 2))
    painter.drawPolyline(_polygon((4, 4), (4.8, 14), (11.2, 14), (12, 4)))


_PAINTERS: dict[str, Callable[[QPainter], None]] = {
    "play": _play,
    "pause": _pause,
    "stop": _stop,
    "loop": _loop,
    "plus": _plus,
    "close": _close,
    "export": _export,
    "volume": _volume,
    "open": _open,
    "circle": _circle,
    "check": _check,
    "more": _more,
    "next": _next,
    "sliders": _sliders,
    "clock": _clock,
    "cross": _cross,
    "copy": _copy,
    "chart": _chart,
    "trash": _trash,
}
