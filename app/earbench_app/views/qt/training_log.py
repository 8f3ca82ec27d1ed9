"""The end of a run's log, with errors picked out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from earbench_app.notifications import Level
from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.views.training_protocols import LogLine

_NOTHING = "The log is empty: nothing went wrong, and nothing was noted."


class LogView(QWidget):
    """Passive. Follows the log's end, unless it was scrolled up."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("training_log")
        self._lines: tuple[LogLine, ...] = ()
        self._shown: tuple[object, ...] = ()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Log")
        self.text.setPlaceholderText(_NOTHING)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.only_errors = QCheckBox("only errors and warnings")
        self.only_errors.toggled.connect(lambda _: self._show())
        self._count = QLabel()
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, GRID_PX // 2, GRID_PX, GRID_PX // 2)
        row.addWidget(self._count, 1)
        row.addWidget(self.only_errors)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.text, 1)

    @property
    def n_errors(self) -> int:
        """How many lines tell of an error."""
        return sum(line.level is Level.ERROR for line in self._lines)

    def show_lines(self, lines: tuple[LogLine, ...]) -> None:
        """Show these."""
        if lines != self._lines:
            self._lines = lines
            n_errors = self.n_errors
            self._count.setText(
                ""
                if not n_errors
                else f"{n_errors} lines tell of an error"
                if n_errors > 1
                else "1 line tells of an error"
            )
            self._count.setProperty("class", "error" if n_errors else "muted")
            self._count.style().polish(self._count)
            self._show()

    def _show(self) -> None:
        seen = self._lines
        if self.only_errors.isChecked():
            seen = tuple(line for line in seen if line.level is not Level.INFO)
        state = (seen, theme())
        if state == self._shown:
            return
        before = self._shown[0] if self._shown and self._shown[1] is theme() else ()
        self._shown = state
        bar = self.text.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 2
        assert isinstance(before, tuple)
        if not before or seen[: len(before)] != before:
            self.text.clear()
            before = ()
        self._append(seen[len(before) :])
        if follows:
            bar.setValue(bar.maximum())

    def _append(self, lines: Sequence[LogLine]) -> None:
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        for line in lines:
            if not cursor.atStart():
                cursor.insertBlock()
            cursor.insertText(line.text, _format(line.level))


def _format(level: Level) -> QTextCharFormat:
    form = QTextCharFormat()
    role = {Level.ERROR: "error", Level.WARNING: "warning"}.get(level, "text")
    form.setForeground(QColor(getattr(theme(), role)))
    if level is Level.ERROR:
        form.setFontWeight(QFont.Weight.Bold)
    return form
