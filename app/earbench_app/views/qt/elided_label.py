"""A line of text that leaves out a part of it where there is no room for all, and always has its height."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent


class ElidedLabel(QLabel):
    """`text` is the whole text; so is the tooltip."""

    def __init__(self, kind: str, left_out: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__()
        self._whole, self._left_out = "", left_out
        self.setMinimumHeight(self.fontMetrics().height())
        self.setProperty("class", kind)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def text(self) -> str:
        """Return all of it."""
        return self._whole

    def setText(self, text: str) -> None:
        """Show a text."""
        self._whole = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._show()

    def show_text(self, text: str, kind: str) -> None:
        """Show a text of another kind, such as a warning."""
        if self.property("class") != kind:
            self.setProperty("class", kind)
            self.style().polish(self)
        self.setText(text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as much as there is room for now."""
        super().resizeEvent(event)
        self._show()

    def _show(self) -> None:
        super().setText(self.fontMetrics().elidedText(self._whole, self._left_out, self.width()))
