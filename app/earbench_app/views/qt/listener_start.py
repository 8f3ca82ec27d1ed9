"""The listener's pages without sound: who is listening, what to do, leaving, thanks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

_TEXT_WIDTH_PX = 84 * GRID_PX


class NamePage(QWidget):
    """Asks who is listening."""

    entered = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = _label("title")
        self._name = QLineEdit()
        self._name.setObjectName("listener")
        self._name.setAccessibleName("Your name or number")
        self._name.setPlaceholderText("As the experimenter told you, such as L07")
        self._message = _label("error")
        self._go = QPushButton("Go on")
        self._go.setObjectName("go_on")
        self._go.setProperty("class", "primary")
        self._go.setProperty("scale", "large")
        caption = _label("")
        caption.setText("Your name or number")
        caption.setBuddy(self._name)
        self._go.clicked.connect(lambda: self._enter())
        self._name.returnPressed.connect(lambda: self._enter())
        self._name.textChanged.connect(lambda text: self._go.setEnabled(bool(text.strip())))
        rows = _centred(self)
        for widget in (self._title, caption, self._name, self._message, self._go):
            rows.addWidget(widget)
        rows.addStretch(1)

    def show_entry(self, title: str, listener: str, message: str) -> None:
        """Ask, or ask again with what went wrong."""
        self._title.setText(title)
        self._name.setText(listener)
        self._go.setEnabled(bool(listener.strip()))
        self._message.setText(message)
        self._message.setVisible(bool(message))
        self._name.setFocus()

    def _enter(self) -> None:
        if self._name.text().strip():
            self.entered.emit(self._name.text().strip())


class TextPage(QWidget):
    """A title, a text, and up to two buttons."""

    accepted = Signal()
    declined = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = _label("title")
        self._text = _label("")
        self._text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._accept, self._decline = QPushButton(), QPushButton()
        self._accept.setObjectName(f"{name}_accept")
        self._decline.setObjectName(f"{name}_decline")
        self._accept.setProperty("class", "primary")
        for button in (self._accept, self._decline):
            button.setMinimumWidth(14 * GRID_PX)
            button.setProperty("scale", "large")
            button.setAutoDefault(True)
        self._accept.clicked.connect(lambda: self.accepted.emit())
        self._decline.clicked.connect(lambda: self.declined.emit())
        scroll = _ShortScroll(self._text)
        buttons = QHBoxLayout()
        buttons.addWidget(self._accept)
        buttons.addWidget(self._decline)
        buttons.addStretch(1)
        rows = _centred(self)
        rows.addWidget(self._title)
        rows.addWidget(scroll, 1000)
        rows.addLayout(buttons)
        rows.addStretch(1)

    def show_text(self, title: str, text: str, accept: str = "", decline: str = "") -> None:
        """Show it; a button without text is left out."""
        self._title.setText(title)
        self._text.setText(text)
        for button, caption in ((self._accept, accept), (self._decline, decline)):
            button.setText(caption)
            button.setVisible(bool(caption))
        self._accept.setFocus()


class _ShortScroll(QScrollArea):
    """Scrolls a long text, and is no taller than a short one."""

    def __init__(self, text: QLabel) -> None:
        super().__init__()
        self._text = text
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(text)

    def sizeHint(self) -> QSize:
        """As tall as the text is at this width."""
        width = max(self.viewport().width(), _TEXT_WIDTH_PX // 2)
        return QSize(_TEXT_WIDTH_PX, self._text.heightForWidth(width) + GRID_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for the height anew: another width wraps the text otherwise."""
        super().resizeEvent(event)
        self.setMaximumHeight(self.sizeHint().height())


def _label(kind: str) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)  # a study's text is no markup
    label.setWordWrap(True)
    label.setProperty("class", kind)
    return label


def _centred(page: QWidget) -> QVBoxLayout:
    """Return a column of readable width in the middle of the page."""
    column = QWidget()
    column.setMaximumWidth(_TEXT_WIDTH_PX)
    rows = QVBoxLayout(column)
    rows.setSpacing(2 * GRID_PX)
    sides = QHBoxLayout()
    sides.addStretch(1)
    sides.addWidget(column, 10)
    sides.addStretch(1)
    outer = QVBoxLayout(page)
    outer.setContentsMargins(4 * GRID_PX, 6 * GRID_PX, 4 * GRID_PX, 6 * GRID_PX)
    outer.addStretch(1)
    outer.addLayout(sides, 8)
    outer.addStretch(1)
    return rows
