"""Curves of training as PNG, SVG, PDF, and the numbers behind them as CSV."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QBuffer, QIODevice, QMarginsF
from PySide6.QtGui import QPageSize, QPainter, QPdfWriter

from earbench_app.notifications import Level, Notice
from earbench_app.views.qt.view_export import Exportable, ViewExporter
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMenu

_PDF_DPI = 96


class CurvesExporter(ViewExporter):
    """Saves the plots as PNG, SVG or PDF; for CSV, asks for the numbers as they were told."""

    numbers_requested = Signal(Path)

    def fill(self, menu: QMenu) -> None:
        """Add the actions to a menu."""
        menu.addAction("Copy picture", self.copy_picture)
        menu.addSeparator()
        for suffix in ("png", "svg", "pdf"):
            menu.addAction(f"Save as {suffix.upper()}…", partial(self._ask, suffix))
        menu.addSeparator()
        menu.addAction("Save the numbers as CSV…", partial(self._ask, "csv"))

    def save(self, path: Path) -> None:
        """Write the plots in the format that the file's name asks for."""
        if path.suffix.lower() == ".csv":
            self.numbers_requested.emit(path)
        elif path.suffix.lower() == ".pdf":
            self._save_pdf(path)
        else:
            super().save(path)

    def _save_pdf(self, path: Path) -> None:
        try:
            write_atomically(path, [pdf_bytes(self._view, self._title)])
        except OSError as error:
            text = f"{path} could not be written ({error.strerror}); choose another folder"
            self.told.emit(Notice(text, Level.ERROR))
        else:
            self.told.emit(Notice(f"Saved {path}"))


def pdf_bytes(view: Exportable, title: str) -> bytes:
    """Return a view as the content of a PDF of one page, as large as the view is on the screen."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(title)
    writer.setResolution(_PDF_DPI)
    size_pt = view.size().toSizeF() * (72 / _PDF_DPI)
    writer.setPageSize(QPageSize(size_pt, QPageSize.Unit.Point))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    with QPainter(writer) as painter:
        view.paint_picture(painter)
    return bytes(buffer.data().data())
