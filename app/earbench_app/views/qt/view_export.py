"""Every view as PNG, SVG and CSV, saved or copied: from its menu button and from its context menu."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from psygnal import Signal
from PySide6.QtCore import QBuffer, QIODevice, QObject, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from earbench_app.notifications import Level, Notice
from earbench_app.views.qt.icons import icon
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SVG_DPI = 96  # of CSS, so that a picture and its letters are as large as on the screen
_PNG_SCALE = 2.0  # sharp in print, whatever the screen


class Exportable(Protocol):
    """A view that can be drawn anywhere and knows its data."""

    def size(self) -> QSize:
        """Return the size of the picture in logical pixels."""

    def paint_picture(self, painter: QPainter) -> None:
        """Draw everything that is no control."""

    def table(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return the names of the columns, with units, and the rows behind what is drawn."""


def png_image(view: Exportable) -> QImage:
    """Draw a view into an image of twice its size."""
    image = QImage((view.size().toSizeF() * _PNG_SCALE).toSize(), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_PNG_SCALE)
    with QPainter(image) as painter:
        _draw(view, painter)
    return image


def png_bytes(view: Exportable) -> bytes:
    """Return a view as the content of a PNG file."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    png_image(view).save(buffer, "PNG")  # type: ignore[call-overload]  # it takes str, the stubs bytes
    return bytes(buffer.data().data())


def svg_bytes(view: Exportable, title: str) -> bytes:
    """Return a view as the content of an SVG file; curves stay curves."""
    buffer = QBuffer()
    generator = QSvgGenerator(QSvgGenerator.SvgVersion.Svg11)  # Tiny 1.2 has no clipping
    generator.setOutputDevice(buffer)
    generator.setResolution(_SVG_DPI)
    generator.setSize(view.size())
    generator.setViewBox(QRect(QPoint(0, 0), view.size()))
    generator.setTitle(title)
    with QPainter(generator) as painter:
        _draw(view, painter)
    return bytes(buffer.data().data())


def csv_bytes(view: Exportable) -> bytes:
    """Return a view's data as the content of a CSV file (RFC 4180, UTF-8)."""
    header, rows = view.table()
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _draw(view: Exportable, painter: QPainter) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    view.paint_picture(painter)


class ViewExporter(QObject):
    """Saves and copies one view.

    Parameters
    ----------
    widget : QWidget
        The view; also `Exportable`.
    title : str
        Names the view in menus and suggests the files' name.
    """

    told = Signal(Notice)

    def __init__(self, widget: QWidget, view: Exportable, title: str) -> None:
        super().__init__(widget)
        self._widget, self._view, self._title = widget, view, title
        widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        widget.customContextMenuRequested.connect(self._open_menu)

    def fill(self, menu: QMenu) -> None:
        """Add the actions to a menu."""
        menu.addAction("Copy picture", self.copy_picture)
        menu.addAction("Copy data", self.copy_data)
        menu.addSeparator()
        for suffix in ("png", "svg", "csv"):
            menu.addAction(f"Save as {suffix.upper()}…", partial(self._ask, suffix))

    def button(self, more: QMenu | None = None) -> QToolButton:
        """Return a menu button for the view's row of controls; `more` is a menu within it."""
        button = QToolButton()
        button.setIcon(icon("more"))
        button.setProperty("class", "quiet")
        button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        button.setToolTip(f"Copy or save: {self._title}")
        button.setAccessibleName(f"Copy or save: {self._title}")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        if more is not None:
            menu.addMenu(more)
            menu.addSeparator()
        self.fill(menu)
        button.setMenu(menu)
        return button

    def copy_picture(self) -> None:
        """Put the picture on the clipboard."""
        QGuiApplication.clipboard().setImage(png_image(self._view))
        self.told.emit(Notice(f"Copied the picture: {self._title}"))

    def copy_data(self) -> None:
        """Put the data on the clipboard, as CSV."""
        QGuiApplication.clipboard().setText(csv_bytes(self._view).decode())
        self.told.emit(Notice(f"Copied the data: {self._title}"))

    def save(self, path: Path) -> None:
        """Write the view in the format that the file's name asks for."""
        made = {".png": png_bytes, ".svg": self._svg, ".csv": csv_bytes}[path.suffix.lower()]
        try:
            write_atomically(path, [made(self._view)])
        except OSError as error:
            text = f"{path} could not be written ({error.strerror}); choose another folder"
            self.told.emit(Notice(text, Level.ERROR))
        else:
            self.told.emit(Notice(f"Saved {path}"))

    def _svg(self, view: Exportable) -> bytes:
        return svg_bytes(view, self._title)

    def _ask(self, suffix: str) -> None:
        dialog = QFileDialog(self._widget, f"Save as {suffix.upper()}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(f"{suffix.upper()} (*.{suffix})")
        dialog.setDefaultSuffix(suffix)
        dialog.selectFile(f"{self._title}.{suffix}".replace(" ", "_"))
        dialog.fileSelected.connect(lambda name: self.save(Path(name)))
        dialog.open()

    def _open_menu(self, place: QPoint) -> None:
        menu = QMenu(self._widget)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill(menu)
        menu.popup(self._widget.mapToGlobal(place))
