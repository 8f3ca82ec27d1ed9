"""The training page: jobs at the left; curves and log of those selected, or the form of a new run, right."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from psygnal import Signal, SignalInstance
from PySide6.QtCore import QEvent, QProcess, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from earbench_app.notifications import Notice
from earbench_app.presenters.training_new import takes
from earbench_app.views.qt.empty_state import EmptyState
from earbench_app.views.qt.main_window import dropped_paths
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.training_details import RunPanel
from earbench_app.views.qt.training_form import TrainingForm
from earbench_app.views.qt.training_list import JobList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PySide6.QtGui import QDragEnterEvent, QDropEvent

    from earbench_app.views.training_protocols import Actions, CurveOptions, CurvePanel, JobRow, RunDetails

_OPENER = "xdg-open"
_TEACH = (
    "A run trains a neural coder from a recipe and a folder of audio, on this machine or on a cluster. It"
    " goes on when this window is closed. Watch its curves here, compare it with others, and listen to its"
    " checkpoints. Drop a recipe (TOML) or a folder of audio here to begin."
)


def _wants(widget: QWidget | None, key: QKeyEvent) -> bool:
    if isinstance(widget, QComboBox):
        return key.text().isalnum()
    return isinstance(widget, QAbstractButton) and key.key() == Qt.Key.Key_Space


class TrainingPage(QWidget):
    """Implements `TrainingView`; `form` is its `TrainingFormView`."""

    jobs_chosen = Signal(tuple)
    new_requested = Signal()
    pause_requested = Signal(tuple)
    resume_requested = Signal(tuple)
    cancel_requested = Signal(tuple)
    duplicate_requested = Signal(str)
    folder_requested = Signal(str)
    tensorboard_requested = Signal(tuple)
    paths_given = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("training_page")
        self.setAcceptDrops(True)
        self.jobs, self.run, self.form = JobList(), RunPanel(), TrainingForm()
        self.notice_bar = NoticeBar(self, at_foot=True, above=self.jobs.confirm)
        self._right, self._whole = QStackedWidget(), QStackedWidget()
        self._form_shown = False
        self._lay_out()
        self._connect()
        self._bind_keys()
        self.setFocusProxy(self.jobs.table)

    def event(self, event: QEvent) -> bool:
        """Leave keys of the page to what has the keyboard: Space presses a button, letters find an entry."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
            if plain and _wants(self.window().focusWidget(), event):
                event.accept()
                return True
        return super().event(event)

    # Signals of the parts ----------------------------------------------------------------------------

    @property
    def delete_confirmed(self) -> SignalInstance:
        """(tuple of job ids)."""
        return self.jobs.delete_confirmed

    @property
    def annotated(self) -> SignalInstance:
        """(job id, notes, tuple of tags)."""
        return self.run.annotated

    @property
    def other_data_requested(self) -> SignalInstance:
        """(job id)."""
        return self.run.data_asked

    @property
    def options_changed(self) -> SignalInstance:
        """(CurveOptions)."""
        return self.run.curves.options_changed

    @property
    def numbers_requested(self) -> SignalInstance:
        """(Path)."""
        return self.run.curves.exporter.numbers_requested

    @property
    def notice_acted(self) -> SignalInstance:
        """(action)."""
        return self.notice_bar.action_pressed

    # Setters -----------------------------------------------------------------------------------------

    def show_jobs(self, rows: Sequence[JobRow]) -> None:
        """List the jobs; without any, say how to begin."""
        self.jobs.show_rows(rows)
        self._show_whole()

    def choose(self, job_ids: Sequence[str]) -> None:
        """Select these."""
        self.jobs.choose(job_ids)

    def show_actions(self, actions: Actions) -> None:
        """Enable what can be done."""
        self.jobs.show_actions(actions)

    def show_curves(self, panels: Sequence[CurvePanel], x_title: str) -> None:
        """Draw these."""
        self.run.curves.show_curves(panels, x_title)

    def show_details(self, details: RunDetails | None) -> None:
        """Show the run in front."""
        if details is not None:
            self.run.show_details(details, len(self.jobs.chosen_ids()))
        if not self._form_shown:
            self._right.setCurrentIndex(0 if details is None else 1)

    def show_gpus(self, text: str) -> None:
        """Say how the GPUs do."""
        self.jobs.gpus.setText(text)
        self.jobs.gpus.setVisible(bool(text))

    def show_options(self, options: CurveOptions) -> None:
        """Show how curves are drawn."""
        self.run.curves.show_options(options)

    def show_form(self, shown: bool) -> None:
        """Show the form in the place of the curves, or these again."""
        self._form_shown = shown
        chosen = bool(self.jobs.chosen_ids())
        self._right.setCurrentIndex(2 if shown else int(chosen))
        self._show_whole()
        (self.form.recipes if shown else self.jobs.table).setFocus()

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place."""
        self.notice_bar.show_notice(notice)

    def open_folder(self, folder: Path, failed: Callable[[], None]) -> None:
        """Show a folder in the system's file manager; call `failed` where there is none."""
        opener = shutil.which(_OPENER) if sys.platform.startswith("linux") else None
        if opener is None:
            if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
                failed()
            return
        process = QProcess(self)  # Qt starts it too, but does not ask how it ended
        process.finished.connect(lambda code, _: failed() if code else None)
        process.finished.connect(process.deleteLater)
        process.start(opener, [str(folder)])

    def copy_text(self, text: str) -> None:
        """Put a text on the clipboard."""
        QGuiApplication.clipboard().setText(text)

    def open_address(self, address: str) -> None:
        """Show a page in the browser, and say where it is: not every machine has a browser."""
        self.show_notice(Notice(f"Open in the browser: {address}"))
        QDesktopServices.openUrl(QUrl(address))

    def splitters(self) -> dict[str, QSplitter]:
        """Return the borders that are remembered."""
        return {"training": self.splitter, "training_run": self.run.splitter}

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome a recipe or a folder; what else is dropped is the window's."""
        if takes(dropped_paths(event)):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take a recipe's file, or a folder of audio."""
        event.acceptProposedAction()
        self.paths_given.emit(dropped_paths(event))

    # Construction ------------------------------------------------------------------------------------

    def _show_whole(self) -> None:
        self._whole.setCurrentIndex(1 if self.jobs.model.rows or self._form_shown else 0)

    def _act(self, name: str, job_ids: tuple[str, ...]) -> None:
        single = {"duplicate": self.duplicate_requested, "open_folder": self.folder_requested}
        several = {
            "pause": self.pause_requested,
            "resume": self.resume_requested,
            "cancel": self.cancel_requested,
            "tensorboard": self.tensorboard_requested,
        }
        if name in single:
            single[name].emit(job_ids[0])
        else:
            several[name].emit(job_ids)

    def _connect(self) -> None:
        relay(self.jobs.chosen, self.jobs_chosen)
        relay(self.jobs.new_requested, self.new_requested)
        self.jobs.acted.connect(self._act)
        self.run.curves.exporter.told.connect(self.show_notice)

    def _bind_keys(self) -> None:
        curves = self.run.curves
        for widget in (self.jobs, self.run):  # not where the form is filled in
            self._bind(widget, "Ctrl+F", self.jobs.search.setFocus)
            self._bind(widget, "F", curves.grid.see_all)
            self._bind(widget, "L", self.run.toggle_log)
            self._bind(widget, "T", curves.turn_axis)
            self._bind(widget, "Y", curves.log_y.toggle)
            self._bind(widget, "Shift+Y", curves.log_x.toggle)
        self._bind(self, "Ctrl+N", lambda: self.new_requested.emit())
        self.run.addActions(self.jobs.actions())

    def _bind(self, widget: QWidget, key: str, action: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(key), widget)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(action)

    def _lay_out(self) -> None:
        nothing = QLabel("Select a run to see its curves; with Ctrl or Shift, several to compare them.")
        nothing.setProperty("class", "muted")
        nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        nothing.setWordWrap(True)
        for widget in (nothing, self.run, self.form):
            self._right.addWidget(widget)
        right = QWidget()
        right.setProperty("class", "surface")
        right.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        inside = QVBoxLayout(right)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self._right)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.jobs)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([78 * GRID_PX, 82 * GRID_PX])
        empty = EmptyState("No runs yet", _TEACH, (("New run…", lambda: self.new_requested.emit()),))
        self._whole.addWidget(empty)
        self._whole.addWidget(self.splitter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._whole, 1)
