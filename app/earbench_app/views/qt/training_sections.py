"""The tables of a recipe as parts of a form that fold away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from earbench_app.presenters.training_fields import all_sections
from earbench_app.views.qt.elided_label import ElidedLabel
from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.training_editors import Editor, editor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from earbench_app.presenters.training_fields import FormField, FormSection

LABEL_PX = 17 * GRID_PX
_HEADING = (
    "QToolButton { font-weight: 600; border: 1px solid transparent; padding: 2px 6px 2px 0; }"
    " QToolButton:checked { background: transparent; }"
)


class Fold(QWidget):
    """A heading, and what it hides or shows; `made_body` is asked for that when it is first opened."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._shown: QWidget | None = None
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setArrowType(Qt.ArrowType.RightArrow)
        self.button.setProperty("class", "quiet")
        self.button.setToolTip("Show or hide these fields")
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setStyleSheet(_HEADING)
        self.button.toggled.connect(self._turn)
        self._note = ElidedLabel("error", Qt.TextElideMode.ElideRight)
        head = QHBoxLayout()
        head.addWidget(self.button)
        head.addWidget(self._note, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addLayout(head)

    def made_body(self) -> QWidget:
        """Make what is to be shown."""
        raise NotImplementedError

    def show_problems(self, n_problems: int, own: str) -> None:
        """Say that something within is wrong, or what is wrong with the whole."""
        number = "" if not n_problems else "1 to mend" if n_problems == 1 else f"{n_problems} to mend"
        self._note.setText(own or number)

    def _turn(self, opened: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        if self._shown is None:
            self._shown = self.made_body()
            self._column.addWidget(self._shown)
        self._shown.setVisible(opened)


class FieldRows(QWidget):
    """Fields below each other, each with its label."""

    changed = Signal(str, str)
    settled = Signal(str)

    def __init__(self, fields: Sequence[FormField]) -> None:
        super().__init__()
        self.editors: dict[str, Editor] = {}
        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setVerticalSpacing(GRID_PX // 2)
        self.rows.setHorizontalSpacing(2 * GRID_PX)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        for field in fields:
            self.add(field)

    def add(self, field: FormField) -> Editor:
        """Add a field at the end."""
        made = editor(field)
        self.editors[field.path] = made
        relay(made.changed, self.changed)
        relay(made.settled, self.settled)
        self.rows.addRow(label_of(field, made), made)
        return made

    def show_row(self, path: str, shown: bool) -> None:
        """Show or hide a field with its label."""
        self.rows.setRowVisible(self.editors[path], shown)


class SectionBody(QWidget):
    """A table: its fields, and the tables within it."""

    changed = Signal(str, str)
    settled = Signal(str)
    switched = Signal(str, bool)

    def __init__(self, section: FormSection, without: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.section = section
        self._parts: list[OptionalTable] = []
        self._own = FieldRows([field for field in section.fields if field.path not in without])
        self._switch = QCheckBox(f"Use [{section.path}]") if section.optional else None
        self.editors = dict(self._own.editors)
        self.column = column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID_PX, 0, 0, GRID_PX)
        column.setSpacing(GRID_PX)
        column.addWidget(_wrapped(section.help))
        if self._switch is not None:
            self._switch.clicked.connect(lambda on: self.switched.emit(section.path, on))
            column.addWidget(self._switch)
        for part in section.sections:
            self._add_part(part, column)
        column.addWidget(self._own)
        relay(self._own.changed, self.changed)
        relay(self._own.settled, self.settled)

    def show_values(self, values: Mapping[str, str]) -> None:
        """Show texts."""
        there = self._switch is None or _is_there(self.section.path, values)
        if self._switch is not None:
            self._switch.setChecked(there)
        self._own.setVisible(there)
        for path, one in self._own.editors.items():
            one.show_text(values.get(path, ""))
        for part in self._parts:
            part.show_values(values)

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Show what is wrong, where it is."""
        for path, one in self.editors.items():
            one.show_problem(problems.get(path, ""))

    def _add_part(self, section: FormSection, column: QVBoxLayout) -> None:
        part = OptionalTable(section)
        self._parts.append(part)
        self.editors |= part.editors
        relay(part.changed, self.changed)
        relay(part.switched, self.switched)
        column.addWidget(part)


class SectionFold(Fold):
    """A table that is folded away; its fields are made when it is first opened.

    Parameters
    ----------
    section : FormSection
    without : frozenset of path
        Fields that stand elsewhere.
    dress : callable
        Is given the body once it is made.
    """

    changed = Signal(str, str)
    settled = Signal(str)
    switched = Signal(str, bool)

    def __init__(
        self, section: FormSection, without: frozenset[str], dress: Callable[[SectionBody], None]
    ) -> None:
        super().__init__(section.title)
        self.section, self._without, self._dress = section, without, dress
        self._within = {field.path for part in all_sections((section,)) for field in part.fields}
        self._within = self._within - without | {section.path}
        self._values: Mapping[str, str] = {}
        self._problems: Mapping[str, str] = {}
        self._choices: dict[str, Sequence[str]] = {}
        self.body: SectionBody | None = None

    def show_state(self, values: Mapping[str, str], problems: Mapping[str, str]) -> None:
        """Show texts, and what is wrong with them."""
        self._values, self._problems = values, problems
        own = problems.get(self.section.path, "") if self.section.path else ""
        self.show_problems(len(self._within & problems.keys()), own)
        if self.body is not None:
            self.body.show_values(values)
            self.body.show_problems(problems)

    def offer(self, path: str, choices: Sequence[str]) -> None:
        """Offer values for a field, if it is in here."""
        self._choices[path] = choices
        if self.body is not None and path in self.body.editors:
            self.body.editors[path].offer(choices)

    def made_body(self) -> QWidget:
        """Make the fields."""
        self.body = body = SectionBody(self.section, self._without)
        relay(body.changed, self.changed)
        relay(body.settled, self.settled)
        relay(body.switched, self.switched)
        self._dress(body)
        for path, choices in self._choices.items():
            self.offer(path, choices)
        body.show_values(self._values)
        body.show_problems(self._problems)
        return body


class OptionalTable(QWidget):
    """A table that may be left out, its first field beside its name: a term and its weight."""

    changed = Signal(str, str)
    switched = Signal(str, bool)

    def __init__(self, section: FormSection) -> None:
        super().__init__()
        self.section = section
        first, *others = section.fields
        self.switch = QCheckBox(section.title)
        self.switch.setObjectName(section.path)
        self.switch.setToolTip(section.help)
        self.switch.setAccessibleDescription(section.help)
        self.switch.setMinimumWidth(LABEL_PX)
        self.switch.clicked.connect(lambda on: self.switched.emit(section.path, on))
        self._first = editor(first)
        self._first.control.setAccessibleName(f"{section.title}: {first.label}")
        self._others = FieldRows(others)
        self._others.hide()
        self._more = QToolButton()
        self._more.setText("options")
        self._more.setCheckable(True)
        self._more.setProperty("class", "quiet")
        self._more.setToolTip(f"Options of this term: {', '.join(field.label for field in others)}")
        self._more.setAccessibleName(f"{section.title}: options")
        self._more.toggled.connect(self._others.setVisible)
        self.editors = {first.path: self._first, **self._others.editors}
        for source in (self._first.changed, self._others.changed):
            relay(source, self.changed)
        row = QHBoxLayout()
        row.addWidget(self.switch)
        row.addWidget(self._first, 1)
        row.addWidget(self._more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        inset = QHBoxLayout()
        inset.addSpacing(3 * GRID_PX)
        inset.addWidget(self._others)
        column.addLayout(inset)

    def show_values(self, values: Mapping[str, str]) -> None:
        """Show texts; without the table, nothing but its name."""
        there = _is_there(self.section.path, values)
        self.switch.setChecked(there)
        self._first.setVisible(there)
        self._more.setVisible(there and bool(self._others.editors))
        self._others.setVisible(there and self._more.isChecked())
        for path, one in self.editors.items():
            one.show_text(values.get(path, ""))


def label_of(field: FormField, of: Editor) -> QLabel:
    """Return a field's label; its underlined letter, if any, leads to the editor."""
    label = QLabel(field.label)
    label.setMinimumWidth(LABEL_PX)
    label.setWordWrap(True)
    label.setToolTip(of.control.toolTip())
    label.setBuddy(of.control)
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    label.setContentsMargins(0, GRID_PX - 2, 0, 0)  # the text is at the height of the field's
    return label


def _is_there(path: str, values: Mapping[str, str]) -> bool:
    return any(key == path or key.startswith(f"{path}.") for key in values)


def _wrapped(text: str) -> QLabel:
    label = QLabel(text[:1].upper() + text[1:] if text[:1] != "τ" else text)
    label.setProperty("class", "muted")
    label.setWordWrap(True)
    if not text:
        label.hide()
    return label
