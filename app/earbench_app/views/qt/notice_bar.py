"""A message in place: what failed, on what, what to do; with one button at most, and never modal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from earbench_app.notifications import Level, Notice
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

_CLASS = {Level.INFO: "", Level.WARNING: "warning", Level.ERROR: "error"}


class NoticeBar(QWidget):
    """Shows the last notice until it is dismissed or replaced."""

    action_pressed = Signal(str)
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice_bar")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)  # a file name is no markup
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._action = QPushButton()
        self._action.hide()
        self._action.clicked.connect(lambda: self.action_pressed.emit(self._action.text()))
        self._close = QToolButton()
        self._close.setProperty("class", "quiet")
        self._close.setIcon(icon("close"))
        self._close.setToolTip("Dismiss this message")
        self._close.setAccessibleName("Dismiss this message")
        self._close.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        layout.addWidget(self._text)
        layout.addWidget(self._action)
        layout.addWidget(self._close)
        self._level = Level.INFO
        self.hide()

    @property
    def text(self) -> str:
        """What is shown; empty when nothing is."""
        return "" if self.isHidden() else self._text.text()

    def show_notice(self, notice: Notice | None) -> None:
        """Show a notice in the place of the last, or none."""
        if notice is None:
            self.hide()
            return
        self._level = notice.level
        self._text.setText(notice.text)
        self._text.setAccessibleName(f"{notice.level}: {notice.text}")
        self._text.setProperty("class", _CLASS[notice.level])
        self._text.style().polish(self._text)
        self._action.setText(notice.action)
        self._action.setVisible(bool(notice.action))
        self.show()

    def hide_error(self) -> None:
        """Hide what failed: it is read, and other things are done now."""
        if self._level is Level.ERROR:
            self.hide()

    def dismiss(self) -> None:
        """Hide it, and say so."""
        self.hide()
        self.dismissed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """Take the height its text needs."""
        super().showEvent(event)
        self.updateGeometry()
