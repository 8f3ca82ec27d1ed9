"""The form that makes a study. It is not modal: the workbench goes on behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from earbench_app.study_plan import ANCHORS, StudyPlan
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.wizard_tables import ConditionEditor, ItemEditor
from earbench_mushra.design import TestType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QCloseEvent

    from earbench_app.notifications import Notice
    from earbench_app.study_builder import BuildProgress
    from earbench_app.study_plan import Problem
    from earbench_codecs.base import CodecInfo

_TYPES = {
    "MUSHRA: rate each against the reference, 0 to 100": TestType.MUSHRA,
    "A/B: which is preferred": TestType.AB,
    "ABX: can they be told apart": TestType.ABX,
}
_FIELDS = ("name", "items", "conditions", "anchors", "pairs")


class StudyWizard(QDialog):
    """Passive: hands back the whole plan at each edit."""

    plan_changed = Signal(StudyPlan)
    files_dropped = Signal(list)
    condition_added = Signal(str, object)
    type_changed = Signal(TestType)
    parent_changed = Signal(Path)
    create_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New study")
        self.setObjectName("study_wizard")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        room = self.screen().availableSize() - QSize(4 * GRID_PX, 6 * GRID_PX)  # for the frame
        self.resize(QSize(110 * GRID_PX, 100 * GRID_PX).boundedTo(room))
        self._plan = StudyPlan("")
        self._building = self._may_close = False
        self.notices = NoticeBar(self)
        self._name, self._title = QLineEdit(), QLineEdit()
        self._folder, self._browse = QLabel(), QPushButton("Change…")
        self._type = QComboBox()
        self.items, self.conditions = ItemEditor(), ConditionEditor()
        self._anchors = QCheckBox("Add the 3.5 kHz and 7 kHz anchors")
        self._loudness = QCheckBox("Bring all items to one loudness (BS.1770)")
        self._original = QCheckBox("Offer the original")
        self._tie = QCheckBox("Offer “no preference”")
        self._repetitions = QSpinBox()
        self._comments = QCheckBox("Let listeners comment on each trial")
        self._instructions = QPlainTextEdit()
        self._problems = {field: QLabel() for field in _FIELDS}
        self._bar, self._step = QProgressBar(), QLabel()
        self._create, self._cancel = QPushButton("Make the study"), QPushButton("Cancel")
        self._form = QWidget()
        self._rows = QFormLayout(self._form)
        self._paired = _beside(self._original, self._tie, self._repetitions)
        self._lay_out()
        self._connect()

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """Offer these."""
        self.conditions.show_codecs(codecs)

    def show_plan(self, plan: StudyPlan, folder: Path) -> None:
        """Fill in the form."""
        self._plan = plan
        mushra = plan.test_type is TestType.MUSHRA
        widgets = self._editors()
        for widget in widgets:
            widget.blockSignals(True)
        _set_text(self._name, plan.name)
        _set_text(self._title, plan.title)
        self._type.setCurrentIndex(list(_TYPES.values()).index(plan.test_type))
        self._anchors.setChecked(plan.anchors == ANCHORS)
        self._loudness.setChecked(plan.match_loudness)
        self._original.setChecked(plan.show_reference)
        self._tie.setChecked(plan.allow_tie)
        self._repetitions.setValue(plan.repetitions)
        self._comments.setChecked(plan.comments)
        if self._instructions.toPlainText() != plan.instructions:
            self._instructions.setPlainText(plan.instructions)
        for widget in widgets:
            widget.blockSignals(False)
        self._anchors.setVisible(mushra)
        self._rows.setRowVisible(self._paired, not mushra)
        for widget in (self._original, self._tie):
            widget.setVisible(plan.test_type is TestType.AB)
        self.items.show_items(plan.items)
        self.conditions.show_conditions(plan.conditions)
        self._folder.setText(str(folder))

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show what is wrong, where it is; only what blocks keeps the button off."""
        for field, label in self._problems.items():
            own = [problem for problem in problems if problem.where == field]
            label.setText("\n".join(problem.message for problem in own))
            label.setVisible(bool(own))
            label.setProperty("class", "error" if any(p.blocking for p in own) else "warning")
            label.style().polish(label)
        self._create.setEnabled(not self._building and not any(problem.blocking for problem in problems))

    def show_progress(self, progress: BuildProgress | None) -> None:
        """Show how far the build is; None while the form is edited."""
        self._building = progress is not None
        self._form.setEnabled(progress is None)
        self._create.setEnabled(progress is None)
        for widget in (self._bar, self._step):
            widget.setVisible(progress is not None)
        if progress is not None:
            self._bar.setRange(0, progress.total)
            self._bar.setValue(progress.done)
            self._step.setText(progress.text)

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place, or none."""
        self.notices.show_notice(notice)

    def close_now(self) -> None:
        """Close the form."""
        self._may_close = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Cancel the study being made, if one is; else close."""
        if self._building and not self._may_close:
            self.cancel_requested.emit()
            event.ignore()
        else:
            event.accept()  # QDialog's own would ask `reject`, and stay open

    def reject(self) -> None:
        """Esc is the button Cancel."""
        self.cancel_requested.emit()

    def _edited(self) -> None:
        self._plan = replace(
            self._plan,
            name=self._name.text().strip(),
            title=self._title.text().strip(),
            items=self.items.items,
            conditions=self.conditions.conditions,
            anchors=ANCHORS if self._anchors.isChecked() else (),
            match_loudness=self._loudness.isChecked(),
            show_reference=self._original.isChecked(),
            allow_tie=self._tie.isChecked(),
            repetitions=self._repetitions.value(),
            comments=self._comments.isChecked(),
            instructions=self._instructions.toPlainText(),
        )
        self.plan_changed.emit(self._plan)

    def show_folder(self, folder: Path) -> None:
        """Show where the study will be."""
        self._folder.setText(str(folder))

    def _choose_parent(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Make the study's folder in"):
            self.parent_changed.emit(Path(folder))

    def _editors(self) -> tuple[QWidget, ...]:
        checks = (self._anchors, self._loudness, self._original, self._tie, self._comments)
        return (self._name, self._title, self._type, *checks, self._repetitions, self._instructions)

    def _connect(self) -> None:
        for line in (self._name, self._title):
            line.textEdited.connect(lambda: self._edited())
        for check in (self._anchors, self._loudness, self._original, self._tie, self._comments):
            check.toggled.connect(lambda: self._edited())
        self._repetitions.valueChanged.connect(lambda: self._edited())
        self._instructions.textChanged.connect(lambda: self._edited())
        self._type.activated.connect(lambda index: self.type_changed.emit(list(_TYPES.values())[index]))
        self.items.changed.connect(lambda: self._edited())
        relay(self.items.files_given, self.files_dropped)
        self.conditions.changed.connect(lambda: self._edited())
        relay(self.conditions.added, self.condition_added)
        self._browse.clicked.connect(lambda: self._choose_parent())
        self._create.clicked.connect(lambda: self.create_requested.emit())
        self._cancel.clicked.connect(lambda: self.cancel_requested.emit())

    def _lay_out(self) -> None:
        self._dress()
        form = self._rows
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(GRID_PX)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Method", self._type)
        form.addRow("Name", _stack(self._name, self._problems["name"]))
        form.addRow("Folder", _beside(self._folder, self._browse))
        form.addRow("Items", _stack(self.items, self._problems["items"]))
        form.addRow(
            "Conditions",
            _stack(self.conditions, self._problems["conditions"], self._problems["pairs"]),
        )
        form.addRow("", _stack(self._anchors, self._problems["anchors"]))
        form.addRow("", self._paired)
        form.addRow("", self._loudness)
        form.addRow("", self._comments)
        form.addRow("Listeners see", _stack(self._title, self._instructions))
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(self._form)
        foot = QHBoxLayout()
        foot.addWidget(self._step, 1)
        foot.addWidget(self._bar, 1)
        foot.addStretch(1)
        foot.addWidget(self._cancel)
        foot.addWidget(self._create)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID_PX, 2 * GRID_PX, 3 * GRID_PX, 2 * GRID_PX)
        column.addWidget(scroll, 1)
        column.addLayout(foot)

    def _dress(self) -> None:
        self._type.addItems(list(_TYPES))
        self._title.setPlaceholderText(
            "Title for listeners; “Listening test” without. Do not name what is tested."
        )
        self._repetitions.setRange(1, 99)
        self._repetitions.setSuffix(" × each pair")
        self._instructions.setMinimumHeight(16 * GRID_PX)
        self._folder.setProperty("class", "muted")
        self._create.setProperty("class", "primary")
        self._create.setObjectName("create_study")
        self._create.setDefault(True)
        for label in (*self._problems.values(), self._folder, self._step):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._bar.hide()
        self._step.hide()
        self._bar.setTextVisible(False)
        names = {
            self._name: "Name of the study",
            self._title: "Title for listeners",
            self._instructions: "Instructions for listeners",
            self._type: "Method",
            self._repetitions: "Repetitions of each pair",
        }
        for widget, name in names.items():
            widget.setAccessibleName(name)


def _set_text(line: QLineEdit, text: str) -> None:
    if line.text().strip() != text:  # a cursor in the middle stays where it is
        line.setText(text)


def _stack(*widgets: QWidget) -> QWidget:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(GRID_PX // 2)
    for widget in widgets:
        column.addWidget(widget)
    return box


def _beside(*widgets: QWidget) -> QWidget:
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return box
