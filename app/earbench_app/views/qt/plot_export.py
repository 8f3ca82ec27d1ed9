"""Writes a plot as it is on the screen to SVG, or to PNG at three times its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QIODevice, QRectF
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
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if path.suffix.lower() == ".svg":
        _draw_svg(plot, buffer)
    else:
        _draw_png(plot, buffer)
    path.write_bytes(bytes(buffer.data().data()))


def own_menu(plot: Any) -> None:
    """Let a pyqtgraph plot own the menu it makes, which would outlive it else."""
    menu = plot.plotItem.ctrlMenu
    menu.setParent(plot, menu.windowFlags())


def _draw_svg(plot: QGraphicsView, buffer: QBuffer) -> None:
    canvas = QSvgGenerator()
    canvas.setOutputDevice(buffer)
    canvas.setSize(plot.size())
    canvas.setViewBox(QRectF(plot.rect()))
    canvas.setTitle(plot.accessibleName())
    painter = QPainter(canvas)
    plot.render(painter)
    painter.end()


def _draw_png(plot: QGraphicsView, buffer: QBuffer) -> None:
    image = QImage(plot.size() * _PNG_SCALE, QImage.Format.Format_RGB32)
    image.fill(QColor(theme().plot))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    plot.render(painter, QRectF(image.rect()))
    painter.end()
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # the stub wants bytes, the function a str
