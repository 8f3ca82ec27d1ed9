"""Editors of a form's fields, one for each kind: text in, text out, and room for what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from earbench_app.notifications import Level
from earbench_app.presenters.training_fields import FormField, Kind
from earbench_app.views.qt.elided_label import ElidedLabel
from earbench_app.views.qt.file_dialogs import ask_folder
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.wheel import leave_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDEST_PX = {
    Kind.NUMBER: 16 * GRID_PX,
    Kind.INTEGER: 16 * GRID_PX,
    Kind.NUMBER_OR_WORD: 16 * GRID_PX,
    Kind.CHOICE: 32 * GRID_PX,
}


class Editor(QWidget):
    """An editor of one field. `changed` (path, text) at each keystroke, `settled` (path) when it is left."""

    changed = Signal(str, str)
    settled = Signal(str)

    def __init__(self, field: FormField, control: QWidget, *beside: QWidget) -> None:
        super().__init__()
        self.field, self.control = field, control
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        control.setObjectName(field.path)
        control.setAccessibleName(" ".join(part for part in (field.label, field.unit) if part))
        control.setAccessibleDescription(field.help)
        control.setToolTip(_tip(field))
        leave_wheel(control)
        self._note, self._level, self._message = "", Level.INFO, ""
        self._problem = ElidedLabel("error", Qt.TextElideMode.ElideRight)
        row = QHBoxLayout()
        row.setSpacing(GRID_PX)
        row.addWidget(control, 1)
        for widget in beside:
            row.addWidget(widget)
        if field.unit:
            row.addWidget(_muted(field.unit))
        if field.kind in _WIDEST_PX:
            control.setMaximumWidth(_WIDEST_PX[field.kind])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        if field.kind in _WIDEST_PX or field.kind is Kind.SWITCH:  # there is room beside it
            row.addWidget(self._problem, 1)
        else:
            column.addWidget(self._problem)

    def show_text(self, text: str) -> None:
        """Show a text, unless it is the one that stands there."""
        raise NotImplementedError

    def offer(self, choices: Sequence[str]) -> None:
        """Offer values."""

    @property
    def problem(self) -> str:
        """The message shown beside or below; empty where there is none."""
        return self._message

    def show_problem(self, message: str) -> None:
        """Say what is wrong; empty where nothing is."""
        if message != self._message:
            self._message = message
            self._say()

    def show_note(self, text: str, level: Level = Level.INFO) -> None:
        """Say something where nothing is wrong."""
        if (text, level) != (self._note, self._level):
            self._note, self._level = text, level
            self._say()

    def _say(self) -> None:
        said = self._message or self._note
        kind = "error" if self._message else "muted" if self._level is Level.INFO else str(self._level)
        self._problem.show_text(said, kind)
        self.control.setAccessibleDescription(f"{said}. {self.field.help}" if said else self.field.help)


class LineEditor(Editor):
    """A line of text."""

    def __init__(self, field: FormField, *beside: QWidget) -> None:
        self.line = QLineEdit()
        self.line.setPlaceholderText(field.default or ("" if field.required else field.empty))
        super().__init__(field, self.line, *beside)
        self.line.textEdited.connect(lambda text: self.changed.emit(field.path, text))
        self.line.editingFinished.connect(lambda: self.settled.emit(field.path))

    def show_text(self, text: str) -> None:
        """Show a text; the cursor stays where it is while it is typed."""
        if text != self.line.text():
            self.line.setText(text)
            self.line.setCursorPosition(0)

    def offer(self, choices: Sequence[str]) -> None:
        """Complete what is typed to one of these."""
        completer = QCompleter(list(choices), self.line)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.activated.connect(lambda text: self.changed.emit(self.field.path, text))
        self.line.setCompleter(completer)


class FolderEditor(LineEditor):
    """A folder, typed, chosen or dropped."""

    def __init__(self, field: FormField) -> None:
        self._browse = QPushButton("Choose…")
        self._browse.setToolTip("Choose a folder; or drop one on this form")
        self._browse.setAccessibleName(f"Choose a folder: {field.label}")
        super().__init__(field, self._browse)
        self.line.setPlaceholderText("a folder of audio, with all below it")
        self._browse.clicked.connect(self._ask)

    def take(self, folder: Path) -> None:
        """Use a folder that was chosen or dropped."""
        self.changed.emit(self.field.path, str(folder))
        self.settled.emit(self.field.path)

    def _ask(self) -> None:
        ask_folder(self, self.field.label, Path(self.line.text() or Path.home()), self.take)


class ChoiceEditor(Editor):
    """One of several values."""

    def __init__(self, field: FormField) -> None:
        self.box = QComboBox()
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        super().__init__(field, self.box)
        self.offer(field.choices)
        self.box.activated.connect(lambda _: self._chosen())

    def show_text(self, text: str) -> None:
        """Choose a value; the default where the text is empty."""
        wanted = text or self.field.default
        if self.box.findData(wanted) < 0:
            self.box.addItem(wanted, wanted)  # such as a GPU of another machine
        self.box.setCurrentIndex(self.box.findData(wanted))

    def offer(self, choices: Sequence[str]) -> None:
        """Offer these; what is chosen stays so."""
        if [self.box.itemData(row) for row in range(self.box.count())] == list(choices):
            return
        chosen = self.box.currentData()
        with QSignalBlocker(self.box):
            self.box.clear()
            for choice in choices:
                self.box.addItem(choice or "nothing", choice)
        if chosen is not None:
            self.show_text(chosen)

    def _chosen(self) -> None:
        self.changed.emit(self.field.path, self.box.currentData())
        self.settled.emit(self.field.path)


class SwitchEditor(Editor):
    """Yes or no."""

    def __init__(self, field: FormField) -> None:
        self.check = QCheckBox()
        super().__init__(field, self.check)
        self.check.clicked.connect(lambda on: self.changed.emit(field.path, "true" if on else "false"))

    def show_text(self, text: str) -> None:
        """Tick it or not."""
        self.check.setChecked((text or self.field.default) == "true")


class ParagraphEditor(Editor):
    """Several lines of text."""

    def __init__(self, field: FormField) -> None:
        self.text = QPlainTextEdit()
        self.text.setFixedHeight(9 * GRID_PX)
        self.text.setTabChangesFocus(True)
        super().__init__(field, self.text)
        self.text.textChanged.connect(lambda: self.changed.emit(field.path, self.text.toPlainText()))

    def show_text(self, text: str) -> None:
        """Show a text; the cursor stays where it is while it is typed."""
        if text != self.text.toPlainText():
            with QSignalBlocker(self.text):
                self.text.setPlainText(text)


def editor(field: FormField) -> Editor:
    """Return an editor for a field's kind."""
    if field.path == "run.data":
        return FolderEditor(field)
    if field.kind is Kind.CHOICE:
        return ChoiceEditor(field)
    if field.kind is Kind.SWITCH:
        return SwitchEditor(field)
    return ParagraphEditor(field) if field.kind is Kind.PARAGRAPH else LineEditor(field)


def _tip(field: FormField) -> str:
    default = f"Without: {field.default}." if field.default else ""
    key = "" if field.path.startswith(("run.", "slurm.", "sweep.")) else f"[{field.path}]"
    return "\n".join(part for part in (field.help, default, key) if part)


def _muted(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("class", "muted")
    return label
