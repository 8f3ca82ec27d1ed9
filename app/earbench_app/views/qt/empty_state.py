"""What a page says while there is nothing on it: what to do, and a button that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TEXT_WIDTH_PX = 56 * GRID_PX


class EmptyState(QWidget):
    """A title, a text and buttons (label, action) in the middle; the first button is the primary one."""

    def __init__(self, title: str, text: str, buttons: Sequence[tuple[str, Callable[[], None]]] = ()) -> None:
        super().__init__()
        heading = QLabel(title)
        heading.setProperty("class", "title")
        explanation = QLabel(text)
        explanation.setProperty("class", "muted")
        explanation.setWordWrap(True)
        explanation.setMaximumWidth(_TEXT_WIDTH_PX)
        middle = QHBoxLayout()  # aligned to the centre instead, a wrapped label would be cut off
        middle.addStretch(1)
        middle.addWidget(explanation, _TEXT_WIDTH_PX)
        middle.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        for number, (label, action) in enumerate(buttons):
            button = QPushButton(label)
            button.setProperty("class", "" if number else "primary")
            button.clicked.connect(lambda _=False, action=action: action())
            row.addWidget(button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setSpacing(2 * GRID_PX)
        column.addStretch(1)
        for text_label in (heading, explanation):
            text_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(heading)
        column.addLayout(middle)
        column.addLayout(row)
        column.addStretch(1)
