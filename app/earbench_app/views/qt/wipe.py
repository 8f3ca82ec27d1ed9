"""The A/B wipe: one version left of a line, another right of it, each named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from earbench_app.views.qt.theme import theme, version_color

if TYPE_CHECKING:
    from earbench_app.views.picture_protocols import Side

_FLAGS = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)


def split(plot: QRectF, wipe_x: float) -> tuple[QRectF, QRectF]:
    """Return what is left and what is right of the line."""
    left, right = QRectF(plot), QRectF(plot)
    left.setRight(wipe_x)
    right.setLeft(wipe_x)
    return left, right


def side_color(side: Side | None) -> QColor:
    """Return the colour of a side's version."""
    if side is None or side.color is None:
        return QColor(theme().waveform)
    return version_color(side.color)


def paint_wipe(painter: QPainter, plot: QRectF, wipe_x: float) -> None:
    """Draw the line, light on dark and dark on light, with a grip."""
    top, bottom = QPointF(wipe_x, plot.top()), QPointF(wipe_x, plot.bottom())
    for width_px, color in ((4, theme().surface), (2, theme().text)):
        painter.setPen(QPen(QColor(color), width_px))
        painter.drawLine(top, bottom)
    painter.setPen(QPen(QColor(theme().surface), 1))
    painter.setBrush(QColor(theme().text))
    painter.drawRoundedRect(QRectF(wipe_x - 4, plot.center().y() - 9, 8, 18), 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def paint_captions(
    painter: QPainter, plot: QRectF, wipe_x: float | None, heard: Side | None, left: Side | None
) -> None:
    """Name what is drawn: in the corner, or either side of the line."""
    if wipe_x is None:
        _paint_caption(painter, plot, plot.left() + 8, heard)
        return
    left_part, right_part = split(plot, wipe_x)
    title_px = painter.fontMetrics().horizontalAdvance(left.title) if left else 0
    _paint_caption(painter, left_part, wipe_x - title_px - 28, left)
    _paint_caption(painter, right_part, wipe_x + 12, heard)


def _paint_caption(painter: QPainter, part: QRectF, left_px: float, side: Side | None) -> None:
    if side is None:
        return
    place = QRectF(left_px + 12, part.top() + 4, 2000, 20)
    box = painter.boundingRect(place, _FLAGS, side.title)
    back = QColor(theme().plot)
    back.setAlphaF(0.8)
    painter.save()
    painter.setClipRect(part)
    painter.fillRect(box.adjusted(-16, -2, 4, 2), back)
    painter.fillRect(QRectF(box.left() - 12, box.center().y() - 4, 8, 8), side_color(side))
    painter.setPen(QColor(theme().text))
    painter.drawText(box, _FLAGS, side.title)
    painter.restore()
