"""Asks for the name that a checkpoint is published under, in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from earbench_app.presenters.training_new import free_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class PublishBar(QWidget):
    """Hidden until it is opened; `asked` (id of the line, name)."""

    asked = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._line_id = ""
        self._taken: frozenset[str] = frozenset()
        self.what, self.name, self.problem = QLabel(), QLineEdit(), QLabel()
        self.yes, self.no = QPushButton("Publish"), QPushButton("Not now")
        self.what.setTextFormat(Qt.TextFormat.PlainText)
        self.name.setAccessibleName("Name of the codec")
        self.name.setToolTip("Small letters, digits, and . _ + -")
        self.problem.setProperty("class", "error")
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.yes.setProperty("class", "primary")
        row = QHBoxLayout()
        row.addWidget(self.what)
        row.addWidget(self.name, 1)
        row.addWidget(self.yes)
        row.addWidget(self.no)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.problem)
        for source in (self.yes.clicked, self.name.returnPressed):
            source.connect(self._ask)
        self.no.clicked.connect(self.hide)
        leave = QShortcut(QKeySequence("Esc"), self)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        leave.activated.connect(self.hide)
        self.hide()

    def take_names(self, names: Iterable[str]) -> None:
        """Propose none of these: codecs are called so."""
        self._taken = frozenset(names)

    def open(self, line_id: str, title: str, suggested: str) -> None:
        """Ask for the name of a checkpoint, which has a title in the list."""
        self._line_id = line_id
        self.what.setText(f"Publish {title} as")
        name = re.sub(r"[^a-z0-9._+-]+", "-", suggested.lower()).strip("-._+")
        self.name.setText(free_name(name, self._taken) if name in self._taken else name)
        self.problem.hide()
        self.yes.setEnabled(True)
        self.show()
        self.name.setFocus()
        self.name.selectAll()

    def keep_open_for(self, line_ids: Sequence[str]) -> None:
        """Close where the line that is to be named is none of these: another run is looked at."""
        if self._line_id not in line_ids:
            self.hide()

    def show_problem(self, text: str) -> None:
        """Say why it was refused; nothing was where the text is empty, so that it closes."""
        self.yes.setEnabled(True)
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        if not text:
            self.hide()

    def _ask(self) -> None:
        if self.yes.isEnabled():
            self.name.setFocus()  # a button that is disabled hands the keyboard on to the next one
            self.yes.setEnabled(False)  # until it is answered
            self.asked.emit(self._line_id, self.name.text().strip())
