"""The form of a new run: common fields first, the recipe's tables below, each to be folded away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from earbench_app.counting import counted
from earbench_app.notifications import Level
from earbench_app.presenters.training_run_fields import (
    CLUSTER,
    RUN_FIELDS,
    SLURM_FIELDS,
    SWEEP_FIELDS,
    TARGET,
)
from earbench_app.presenters.training_values import field_at
from earbench_app.views.qt.elided_label import ElidedLabel
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.training_sections import FieldRows, SectionBody, SectionFold
from earbench_app.views.qt.wheel import leave_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.notifications import Notice
    from earbench_app.presenters.training_fields import FormSection
    from earbench_app.views.qt.training_editors import Editor
    from earbench_app.views.training_form_protocols import FormState, RecipeChoice

_OPENED = frozenset({"objective"})
_WIDEST_PX = 100 * GRID_PX
_SCAN_LINES, _ESTIMATE_LINES = 2, 3
"""There is room for so many."""


class TrainingForm(QWidget):
    """Implements `TrainingFormView`."""

    recipe_chosen = Signal(str)
    recipe_file_given = Signal(Path)
    loss_chosen = Signal(str)
    value_changed = Signal(str, str)
    value_settled = Signal(str)
    table_switched = Signal(str, bool)
    estimate_requested = Signal()
    save_requested = Signal(Path)
    start_requested = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training_form")
        self.notice_bar = NoticeBar(self)
        self.recipes = QComboBox()
        self._losses: list[tuple[str, str]] = [("", "Take the terms of…")]
        self._about = _text("muted")
        self._scan = _text("muted")
        self._summary, self._estimate = ElidedLabel("", Qt.TextElideMode.ElideRight), _text("muted")
        target = field_at(TARGET)
        assert target is not None
        self._run = FieldRows([RUN_FIELDS[0], RUN_FIELDS[1]])
        self._where = FieldRows([target, *RUN_FIELDS[2:4], *SLURM_FIELDS, *RUN_FIELDS[4:]])
        self._sweep = FieldRows(SWEEP_FIELDS)
        self._editors: dict[str, Editor] = {}
        self._sections: dict[str, SectionFold] = {}
        self._choices: dict[str, Sequence[str]] = {}
        self._room = QVBoxLayout()
        self.open_file = QPushButton("Open a file…")
        self.try_out, self.save = QPushButton("Estimate"), QPushButton("Save as a recipe…")
        self.start, self.close_form = QPushButton("Start"), QPushButton("Close")
        self.add_stage = QPushButton("Add a stage")
        self._n_stages = 0
        self._name = ""
        self._dress()
        self._lay_out()
        self._connect()

    # Setters -----------------------------------------------------------------------------------------

    def show_recipes(self, choices: Sequence[RecipeChoice], losses: Sequence[tuple[str, str]]) -> None:
        """Offer recipes, and the losses of some."""
        for choice in choices:
            self.recipes.addItem(f"{choice.name}  –  {choice.title}", choice.name)
            row = self.recipes.count() - 1
            self.recipes.setItemData(row, choice.note, Qt.ItemDataRole.ToolTipRole)
        self._losses += [(name, f"{terms}  ({name})") for name, terms in losses]

    def show_recipe(self, name: str, title: str, note: str) -> None:
        """Say, at the top, with what the form was filled; the name of a file or a past run is in no list."""
        self._scroll.verticalScrollBar().setValue(0)
        self.recipes.setPlaceholderText(f"{name}  –  {title}")
        self.recipes.setCurrentIndex(self.recipes.findData(name))
        self._about.setText(" ".join(note.split()))

    def show_state(self, state: FormState) -> None:
        """Show texts and problems."""
        self._name = state.values.get("run.name", "").strip()
        self._fit_sections(state.sections)
        for path, editor in self._editors.items():
            editor.show_text(state.values.get(path, ""))
            editor.show_problem(state.problems.get(path, ""))
        for fold in self._sections.values():
            fold.show_state(state.values, state.problems)
        self._show_rows(state)
        n_problems = len(state.problems)
        wrong = f"{counted(n_problems, 'field')} to mend" if n_problems else ""
        self._summary.setText(state.problems.get("") or wrong or state.summary)
        self.start.setText(f"Start {state.n_jobs} runs" if state.n_jobs > 1 else "Start")
        self.start.setEnabled(state.n_jobs > 0)
        self.try_out.setEnabled(state.n_jobs > 0)

    def show_choices(self, path: str, choices: Sequence[str]) -> None:
        """Offer values for a field."""
        self._choices[path] = choices
        if path in self._editors:
            self._editors[path].offer(choices)
        for fold in self._sections.values():
            fold.offer(path, choices)

    def show_note(self, path: str, text: str, level: Level = Level.INFO) -> None:
        """Say something beside a field of the run."""
        self._editors[path].show_note(text, level)

    def show_scan(self, text: str, level: Level, details: str) -> None:
        """Say what is in the data folder."""
        _say(self._scan, text, level)
        self._scan.setToolTip(details)

    def point_at(self, path: str) -> None:
        """Lead the user to a field of the run."""
        control = self._editors[path].control
        self._scroll.ensureWidgetVisible(control)
        control.setFocus()
        if isinstance(control, QLineEdit):
            control.selectAll()

    def show_estimate(self, text: str, busy: bool, level: Level) -> None:
        """Say how long it will take."""
        _say(self._estimate, text, level)
        self.try_out.setText("Stop trying" if busy else "Estimate")

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place."""
        self.notice_bar.show_notice(notice)

    # Parts -------------------------------------------------------------------------------------------

    def _fit_sections(self, sections: Sequence[FormSection]) -> None:
        wanted = {section.path: section for section in sections}
        for path in [path for path in self._sections if path not in wanted]:
            fold = self._sections.pop(path)
            self._room.removeWidget(fold)
            fold.deleteLater()
        for place, (path, section) in enumerate(wanted.items()):
            if path not in self._sections:
                self._room.insertWidget(place, self._new_section(section))
        self._n_stages = sum(path.startswith("stages.") for path in wanted)

    def _new_section(self, section: FormSection) -> SectionFold:
        self._sections[section.path] = fold = SectionFold(section, frozenset({TARGET}), self._dress_section)
        relay(fold.changed, self.value_changed)
        relay(fold.settled, self.value_settled)
        relay(fold.switched, self.table_switched)
        for path, choices in self._choices.items():
            fold.offer(path, choices)
        fold.button.setChecked(section.path in _OPENED)
        return fold

    def _dress_section(self, body: SectionBody) -> None:
        """Add to a table's fields what only some tables have."""
        path = body.section.path
        if path == "objective":
            body.column.insertWidget(1, self._loss_box())
        if path.startswith("stages."):
            remove = QPushButton("Remove this stage")
            remove.clicked.connect(lambda: self.table_switched.emit(path, False))
            body.column.addWidget(remove, 0, Qt.AlignmentFlag.AlignLeft)

    def _show_rows(self, state: FormState) -> None:
        self._where.show_row(TARGET, any(path.startswith("rate") for path in state.values))
        on_cluster = state.values.get("run.executor") == CLUSTER
        for field in SLURM_FIELDS:
            self._where.show_row(field.path, on_cluster)
        self._where.show_row("run.device", not on_cluster)
        for number, shown in ((0, True), (1, bool(state.values.get("sweep.0.path")))):
            self._sweep.show_row(f"sweep.{number}.path", shown)
            swept = bool(state.values.get(f"sweep.{number}.path"))
            self._sweep.show_row(f"sweep.{number}.values", shown and swept)

    def _choose_file(self) -> None:
        dialog = QFileDialog(self, "Open a recipe")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter("Recipes (*.toml);;All files (*)")
        dialog.fileSelected.connect(lambda name: self.recipe_file_given.emit(Path(name)))
        dialog.open()

    def _choose_target(self) -> None:
        dialog = QFileDialog(self, "Save as a recipe")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("Recipes (*.toml)")
        dialog.setDefaultSuffix("toml")
        name = "".join(letter for letter in self._name if letter not in "/\\")
        dialog.selectFile(f"{name or 'recipe'}.toml")  # typed, its completions would take the first click
        dialog.fileSelected.connect(lambda name: self.save_requested.emit(Path(name)))
        dialog.open()

    # Construction ------------------------------------------------------------------------------------

    def _connect(self) -> None:
        for rows in (self._run, self._where, self._sweep):
            self._editors |= rows.editors
            relay(rows.changed, self.value_changed)
            relay(rows.settled, self.value_settled)
        self.recipes.activated.connect(lambda _: self.recipe_chosen.emit(self.recipes.currentData()))
        self.open_file.clicked.connect(lambda: self._choose_file())
        self.save.clicked.connect(lambda: self._choose_target())
        self.try_out.clicked.connect(lambda: self.estimate_requested.emit())
        self.start.clicked.connect(lambda: self.start_requested.emit())
        self.close_form.clicked.connect(lambda: self.left.emit())
        self.add_stage.clicked.connect(lambda: self.table_switched.emit(f"stages.{self._n_stages}", True))
        keys = {
            "Ctrl+Return": self.start,
            "Ctrl+S": self.save,
            "Ctrl+T": self.try_out,
            "Esc": self.close_form,
        }
        for key, button in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(button.click)

    def _loss_box(self) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName("Take the terms of another recipe's objective")
        for name, text in self._losses:
            box.addItem(text, name)
        _let_shrink(box)
        leave_wheel(box)

        def choose(row: int) -> None:
            box.setCurrentIndex(0)
            if row:
                self.loss_chosen.emit(self._losses[row][0])

        box.activated.connect(choose)
        return box

    def _dress(self) -> None:
        self.recipes.setAccessibleName("Recipe")
        self.recipes.setToolTip("A recipe that comes with the program; it fills the form")
        _let_shrink(self.recipes)
        leave_wheel(self.recipes)
        self.open_file.setToolTip("A recipe's TOML file; or drop one on this form")
        self.try_out.setToolTip("Try a few steps, to know time and memory of the run (Ctrl+T)")
        self.save.setToolTip("Save what stands here as a TOML file (Ctrl+S)")
        self.start.setToolTip("Queue it; it begins as soon as there is room (Ctrl+Return)")
        self.close_form.setToolTip("Back to the curves; what stands here is kept (Esc)")
        self.start.setProperty("class", "primary")
        rooms = ((self._scan, _SCAN_LINES), (self._estimate, _ESTIMATE_LINES))
        for label, n_lines in rooms:  # what comes must move nothing under the pointer
            label.setMinimumHeight(n_lines * label.fontMetrics().lineSpacing())
            label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)

    def _lay_out(self) -> None:
        heading = QLabel("New run")
        heading.setProperty("class", "title")
        recipe = QHBoxLayout()
        recipe.addWidget(self.recipes, 1)
        recipe.addWidget(self.open_file)
        inside = QWidget()
        inside.setMaximumWidth(_WIDEST_PX)
        inside.setProperty("class", "surface")
        inside.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(inside)
        column.setContentsMargins(3 * GRID_PX, 2 * GRID_PX, 3 * GRID_PX, 2 * GRID_PX)
        column.setSpacing(GRID_PX)
        column.addWidget(heading)
        column.addLayout(recipe)
        for part in (self._about, self._run, self._scan, self._where, self._sweep):
            column.addWidget(part)
        column.addLayout(self._room)
        column.addWidget(self.add_stage, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setProperty("class", "surface")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(scroll, 1)
        whole.addLayout(self._foot())

    def _foot(self) -> QVBoxLayout:
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID_PX)
        buttons.addStretch(1)
        for button in (self.try_out, self.save, self.close_form, self.start):
            buttons.addWidget(button)
        foot = QVBoxLayout()
        foot.setContentsMargins(3 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        foot.addWidget(self._summary)
        foot.addWidget(self._estimate)
        foot.addLayout(buttons)
        return foot


def _text(kind: str) -> QLabel:
    label = QLabel()
    label.setProperty("class", kind)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _let_shrink(box: QComboBox) -> None:
    """Let a box be narrower than its longest text."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(24)


def _say(label: QLabel, text: str, level: Level) -> None:
    label.setText(text)
    label.setProperty("class", "muted" if level is Level.INFO else str(level))
    label.style().polish(label)
