"""The left side of the training page: jobs, what is looked for among them, what is done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QAbstractItemModel, QItemSelection, QItemSelectionModel, QPoint, QSize, Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earbench_app.presenters.training_rows import CANCELLABLE
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.training_jobs import (
    COLUMNS,
    FILTERS,
    ID_ROLE,
    MADE,
    NAME,
    JobDelegate,
    JobFilter,
    JobModel,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QResizeEvent

    from earbench_app.views.training_protocols import Actions, JobRow

_ACTIONS = (
    # name, label, icon, key, what it does
    ("pause", "Pause", "pause", "P", "write a checkpoint and stop; resume goes on from it"),
    ("resume", "Resume", "play", "R", "go on from the last checkpoint"),
    ("cancel", "Cancel…", "stop", "X", "stop, with a checkpoint to resume from; you are asked first"),
    ("duplicate", "Duplicate", "copy", "D", "a new run with the same settings, to be changed first"),
    ("open_folder", "Open folder", "open", "O", "its checkpoints, events and log"),
    ("tensorboard", "Open in TensorBoard", "chart", "B", "in the browser"),
    ("delete", "Delete…", "trash", "Del", "its folder with all checkpoints; you are asked first"),
)
_OF_LIST = frozenset({"pause", "resume", "cancel"})
"""Their keys are the list's alone: a letter that missed its text field must stop no run."""


class JobList(QWidget):
    """Passive; `acted` (name of an action, tuple of job ids)."""

    chosen = Signal(tuple)
    acted = Signal(str, tuple)
    delete_confirmed = Signal(tuple)
    new_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("job_list")
        self.model = JobModel()
        self.filtered = JobFilter(self.model)
        self.table = JobTable()
        self.search, self.states = QLineEdit(), QComboBox()
        self.new = QPushButton("New run…")
        self.gpus, self._hint = QLabel(), QLabel("No run is like that.")
        self.confirm = ConfirmBar()
        self.actions_by_name: dict[str, QAction] = {}
        self._told: tuple[str, ...] = ()
        self._wanted: tuple[str, ...] = ()  # the selection of which a search hides some
        self._set_up_table()
        self._make_actions()
        self._lay_out()
        self._connect()

    def show_rows(self, rows: Sequence[JobRow]) -> None:
        """List these; the first time, the newest is selected."""
        first = not self.model.rows
        self.model.show_rows(rows)
        if first and rows and not self.chosen_ids():
            self.table.selectRow(0)
        self._tell_chosen()
        self._show_hint()

    def show_actions(self, actions: Actions) -> None:
        """Enable what can be done."""
        for name, action in self.actions_by_name.items():
            action.setEnabled(bool(self.chosen_ids()) if name == "tensorboard" else getattr(actions, name))

    def chosen_ids(self) -> tuple[str, ...]:
        """Ids of the selected jobs, the one in front first, the others from top to bottom."""
        selection = self.table.selectionModel()
        front = selection.currentIndex()
        rows = sorted(selection.selectedRows(), key=lambda index: (index.row() != front.row(), index.row()))
        return tuple(index.data(ID_ROLE) for index in rows)

    def choose(self, job_ids: Sequence[str]) -> None:
        """Select these; a filter that hides one is taken away."""
        if not set(job_ids) <= set(self._listed()):
            self.search.clear()
            self.states.setCurrentIndex(0)
            self._filter()
        self._select(job_ids)

    def _listed(self) -> dict[str, int]:
        """Return the rows that are seen, by their ids."""
        rows = range(self.filtered.rowCount())
        return {self.filtered.index(row, 0).data(ID_ROLE): row for row in rows}

    def _select(self, job_ids: Sequence[str]) -> None:
        """Select those of these that are seen, the first one in front."""
        listed, selection, flag = (
            self._listed(),
            self.table.selectionModel(),
            QItemSelectionModel.SelectionFlag,
        )
        found = [self.filtered.index(listed[one], 0) for one in job_ids if one in listed]
        rows = QItemSelection()
        for index in found:
            rows.select(index, index)
        if found:
            selection.setCurrentIndex(found[0], flag.NoUpdate)
            self.table.scrollTo(found[0])
        selection.select(rows, flag.ClearAndSelect | flag.Rows)

    def _act(self, name: str) -> None:
        chosen = self.chosen_ids()
        rows = [row for row in self.model.rows if row.id in chosen]
        if name == "delete" and rows:
            question = f"Delete {_named(rows)} with all checkpoints? This cannot be undone."
            self.confirm.ask(question, ("Delete", "Keep"), lambda: self.delete_confirmed.emit(chosen))
        elif name == "cancel":
            self._ask_to_cancel([row for row in rows if row.state in CANCELLABLE])
        elif chosen:
            self.acted.emit(name, chosen)

    def _ask_to_cancel(self, rows: Sequence[JobRow]) -> None:
        ids = tuple(row.id for row in rows)
        if ids:
            begun = all(row.step for row in rows)
            then = (
                "A checkpoint is written, and Resume goes on from it." if begun else "Resume begins it anew."
            )
            question = f"Cancel {_named(rows)}? {then}"
            self.confirm.ask(question, ("Cancel run", "Go on"), lambda: self.acted.emit("cancel", ids))

    def _filter(self) -> None:
        """List what is looked for; what was selected before a search hid it is so again."""
        wanted = self._wanted or self.chosen_ids()
        self.filtered.show_only(self.search.text(), FILTERS[self.states.currentData()])
        listed = self._listed()
        seen = tuple(one for one in wanted if one in listed)
        if seen != self.chosen_ids():
            self._select(seen)
        self._wanted = wanted if seen != wanted else ()
        self._tell_chosen()
        self._show_hint()

    def _selected(self) -> None:
        self._wanted = ()  # another choice was made
        self._tell_chosen()

    def _tell_chosen(self) -> None:
        """Tell of another choice. What is no longer listed is not chosen, but no selection model says so."""
        ids = self.chosen_ids()
        if ids != self._told:
            self._told = ids
            self.chosen.emit(ids)

    def _show_hint(self) -> None:
        self._hint.setVisible(bool(self.model.rows) and not self.filtered.rowCount())

    def _open_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(list(self.actions_by_name.values()))
        menu.popup(self.table.viewport().mapToGlobal(place))

    def _make_actions(self) -> None:
        for name, label, picture, key, what in _ACTIONS:
            action = QAction(icon(picture), label, self)
            action.setShortcut(QKeySequence(key))
            self._bind(name, action)
            action.setToolTip(f"{label.removesuffix('…')}: {what} ({key})")
            action.setEnabled(False)
            action.triggered.connect(lambda _=False, name=name: self._act(name))
            self.actions_by_name[name] = action

    def _bind(self, name: str, action: QAction) -> None:
        context = Qt.ShortcutContext
        if name in _OF_LIST:
            action.setShortcutContext(context.WidgetShortcut)
            self.table.addAction(action)
        else:
            action.setShortcutContext(context.WidgetWithChildrenShortcut)
            self.addAction(action)

    def _connect(self) -> None:
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.search.textChanged.connect(lambda _: self._filter())
        self.states.activated.connect(lambda _: self._filter())
        self.new.clicked.connect(lambda: self.new_requested.emit())
        self.confirm.left.connect(lambda: self.table.setFocus())

    def _set_up_table(self) -> None:
        table = self.table
        table.setModel(self.filtered)
        table.setItemDelegate(JobDelegate(table))
        table.setAccessibleName("Runs")
        table.setSortingEnabled(True)
        table.sortByColumn(MADE, Qt.SortOrder.DescendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setIconSize(QSize(14, 14))
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(4 * GRID_PX)

    def _lay_out(self) -> None:
        self.search.setPlaceholderText("Find by name, state, tag, note…")
        self.search.setAccessibleName("Find runs")
        self.search.setToolTip("All words must be found (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        for name in FILTERS:
            self.states.addItem(name, name)
        self.states.setAccessibleName("State of the runs listed")
        self.states.setToolTip("List runs in one state only")
        self.new.setProperty("class", "primary")
        self.new.setToolTip("Train a coder from a recipe (Ctrl+N)")
        self.gpus.setProperty("class", "muted")
        self.gpus.setWordWrap(True)
        self.gpus.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        self.gpus.hide()
        self._hint.setProperty("class", "muted")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.hide()
        top = QHBoxLayout()
        top.setContentsMargins(2 * GRID_PX, GRID_PX, GRID_PX, 0)
        top.addWidget(self.new)
        top.addWidget(self.search, 1)
        top.addWidget(self.states)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(top)
        column.addLayout(self._tool_row())
        column.addWidget(self._hint)
        column.addWidget(self.table, 1)
        column.addWidget(self.confirm)
        column.addWidget(self.gpus)

    def _tool_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, 0, GRID_PX, 0)
        row.setSpacing(GRID_PX // 2)
        for name, action in self.actions_by_name.items():
            button = QToolButton()
            button.setDefaultAction(action)
            button.setProperty("class", "quiet")
            button.setAccessibleName(action.text().removesuffix("…"))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            if name == "delete":
                row.addStretch(1)
            row.addWidget(button)
        return row


class JobTable(QTableView):
    """As many columns as there is room for, so that none has to be scrolled to; names have what is left."""

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Show a model, its columns as wide as they want to be."""
        super().setModel(model)
        header = self.horizontalHeader()
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(6 * GRID_PX)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for number, column in enumerate(COLUMNS):
            self.setColumnWidth(number, column.width * GRID_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show what there is room for now."""
        room = self.viewport().width()
        for number, column in sorted(enumerate(COLUMNS), key=lambda one: one[1].rank):
            has_width = number != NAME and not self.isColumnHidden(number)
            room -= self.columnWidth(number) if has_width else column.width * GRID_PX
            self.setColumnHidden(number, column.rank > 0 and room < 0)
        super().resizeEvent(event)


class ConfirmBar(QFrame):
    """Asks in place before something is done that is hard to take back."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("confirm_bar")
        self._do: Callable[[], object] = lambda: None
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setProperty("class", "warning")
        self.yes, self.no = QPushButton("Yes"), QPushButton("No")
        self.no.setToolTip("Change nothing (Esc)")
        self.yes.clicked.connect(self._confirm)
        self.no.clicked.connect(self._leave)
        escape = QShortcut(QKeySequence("Esc"), self)
        escape.activated.connect(self._leave)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID_PX, GRID_PX // 2, GRID_PX, GRID_PX // 2)
        row.addWidget(self._text, 1)
        row.addWidget(self.yes)
        row.addWidget(self.no)
        self.hide()

    @property
    def text(self) -> str:
        """What is asked; empty when nothing is."""
        return "" if self.isHidden() else self._text.text()

    def focusNextPrevChild(self, _next: bool) -> bool:
        """Go from one answer to the other: what is asked wants an answer first."""
        (self.no if self.yes.hasFocus() else self.yes).setFocus()
        return True

    def ask(self, text: str, answers: tuple[str, str], do: Callable[[], object]) -> None:
        """Ask, and do it after the first answer; the keyboard is at the one that changes nothing."""
        self._do = do
        self._text.setText(text)
        for button, answer in zip((self.yes, self.no), answers, strict=True):
            button.setText(answer)
        self.show()
        self.no.setFocus()

    def _confirm(self) -> None:
        self._leave()
        self._do()

    def _leave(self) -> None:
        self.hide()
        self.left.emit()


def _named(rows: Sequence[JobRow]) -> str:
    return rows[0].name if len(rows) == 1 else f"{len(rows)} runs"
