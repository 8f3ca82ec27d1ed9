"""Writes a plot as it is on the screen to SVG, or to PNG at three times its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from earbench_app.views.qt.theme import theme

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QGraphicsView

_PNG_SCALE = 3


def save_plot(plot: QGraphicsView, path: Path) -> None:
    """Write the plot, as SVG or PNG by the ending of the name.

    Raises
    ------
    OSError
        It cannot be written.
    """
    if path.suffix.lower() == ".svg":
        canvas = QSvgGenerator()
        canvas.setFileName(str(path))
        canvas.setSize(plot.size())
        canvas.setViewBox(QRectF(plot.rect()))
        canvas.setTitle(plot.accessibleName())
        painter = QPainter(canvas)
        written = painter.isActive()
        plot.render(painter)
        painter.end()
    else:
        image = QImage(plot.size() * _PNG_SCALE, QImage.Format.Format_RGB32)
        image.fill(QColor(theme().plot))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot.render(painter, QRectF(image.rect()))
        painter.end()
        written = image.save(str(path))
    if not written:
        raise OSError(f"{path}: the plot cannot be written there; choose another folder or name")
