"""The Studies page: a list at the left; design and sittings of one study at the right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.qt.design_table import DesignTable
from earbench_app.views.qt.empty_state import EmptyState
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.sittings_table import SittingsTable
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QHideEvent, QShowEvent

    from earbench_app.notifications import Notice
    from earbench_app.presenters.studies import Cell, KnownStudy, StudyDetails
    from earbench_mushra.records import Sitting

_REFRESH_MS = 2000
_FOLDER_ROLE = Qt.ItemDataRole.UserRole
_LIST_STYLE = "QListView::item:selected { background: palette(highlight); color: palette(highlighted-text); }"


class StudiesPage(QWidget):
    """Passive."""

    study_selected = Signal(Path)
    open_requested = Signal(Path)
    forget_requested = Signal(Path)
    cell_pressed = Signal(str, str)
    sit_requested = Signal()
    export_requested = Signal(Path)
    refresh_requested = Signal()
    new_requested = Signal()
    left = Signal()  # another page came up

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("studies_page")
        self._folder = Path()
        self._list = QListWidget()
        self._title, self._detail = QLabel(), QLabel()
        self.notices = NoticeBar(self, at_foot=True)
        self._design, self._sittings = DesignTable(), SittingsTable()
        self._tabs = QTabWidget()
        self._stack = QStackedWidget()
        self._timer = QTimer(self, interval=_REFRESH_MS)
        self._timer.timeout.connect(lambda: self.refresh_requested.emit())
        self._lay_out()
        self._list.currentItemChanged.connect(self._select)
        relay(self._design.cell_pressed, self.cell_pressed)

    def show_studies(self, studies: Sequence[KnownStudy], current: Path | None) -> None:
        """List them."""
        self._list.blockSignals(True)
        self._list.clear()
        for known in studies:
            item = QListWidgetItem(f"{known.name}\n{known.detail}")
            item.setData(_FOLDER_ROLE, known.folder)
            item.setToolTip(str(known.folder))
            self._list.addItem(item)
            if known.folder == current:
                self._list.setCurrentItem(item)
        self._list.blockSignals(False)

    def show_study(self, details: StudyDetails | None) -> None:
        """Show one, or how to get one."""
        self._stack.setCurrentIndex(0 if details is None else 1)
        if details is None:
            return
        self._folder = details.folder
        self._title.setText(details.study.name)
        self._detail.setText(str(details.folder))
        self._design.show_design(details.study, details.missing)
        self.show_sittings(details.sittings)

    def show_sittings(self, sittings: Sequence[Sitting]) -> None:
        """Show who listened."""
        self._sittings.show_sittings(sittings)
        self._tabs.setTabText(1, f"Sittings ({len(sittings)})")

    def show_playing(self, cell: Cell | None) -> None:
        """Mark the cell that plays."""
        self._design.show_playing(cell)

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place, or none."""
        self.notices.show_notice(notice)

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the sittings while the page is seen."""
        super().showEvent(event)
        self.refresh_requested.emit()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the disk, and the sound, alone while it is not."""
        super().hideEvent(event)
        self._timer.stop()
        self.left.emit()

    def choose_study(self) -> None:
        """Ask for the folder of a study."""
        if folder := QFileDialog.getExistingDirectory(self, "Open the folder of a study"):
            self.open_requested.emit(Path(folder))

    def _select(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.study_selected.emit(item.data(_FOLDER_ROLE))

    def _choose_csv(self) -> None:
        start = str(self._folder / f"{self._title.text()}.csv")
        path, _ = QFileDialog.getSaveFileName(
            self, "Export ratings; this opens the results", start, "CSV (*.csv)"
        )
        if path:
            self.export_requested.emit(Path(path))

    def _forget(self) -> None:
        if item := self._list.currentItem():
            self.forget_requested.emit(item.data(_FOLDER_ROLE))

    def _lay_out(self) -> None:
        splitter = QSplitter()
        splitter.addWidget(self._side())
        splitter.addWidget(self._stack)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([34 * GRID_PX, 120 * GRID_PX])
        self._stack.addWidget(
            EmptyState(
                "No study yet",
                "Choose clips and versions on the Audition page and press “Make a test”, make one here from "
                "audio files, or open the folder of a study.",
                [
                    ("New study…", lambda: self.new_requested.emit()),
                    ("Open a study…", self.choose_study),
                ],
            )
        )
        self._stack.addWidget(self._body())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(splitter, 1)

    def _side(self) -> QWidget:
        side = QWidget()
        self._list.setAccessibleName("Studies")
        self._list.setWordWrap(True)
        self._list.setStyleSheet(_LIST_STYLE)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        new, add, forget = QPushButton("New…"), QPushButton("Open…"), QPushButton("Remove")
        new.setToolTip("Make a study from audio files and codecs")
        add.setToolTip("Add the folder of a study to this list")
        forget.setToolTip("Take the study off this list; its folder stays as it is")
        new.clicked.connect(lambda: self.new_requested.emit())
        add.clicked.connect(self.choose_study)
        forget.clicked.connect(self._forget)
        row = QHBoxLayout()
        for button in (new, add, forget):
            row.addWidget(button)
        column = QVBoxLayout(side)
        column.setContentsMargins(2 * GRID_PX, 2 * GRID_PX, GRID_PX, 2 * GRID_PX)
        column.addWidget(self._list, 1)
        column.addLayout(row)
        return side

    def _body(self) -> QWidget:
        body = QWidget()
        self._title.setProperty("class", "title")
        self._detail.setProperty("class", "muted")
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (self._title, self._detail):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setProperty("class", "navigation")
        self._tabs.tabBar().setDrawBase(False)
        self._tabs.addTab(self._design, "Design")
        self._tabs.addTab(self._sittings, "Sittings")
        column = QVBoxLayout(body)
        column.setContentsMargins(GRID_PX, 2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
        heading = QHBoxLayout()
        names = QVBoxLayout()
        names.addWidget(self._title)
        names.addWidget(self._detail)
        heading.addLayout(names, 1)
        for button in self._actions():
            heading.addWidget(button)
        column.addLayout(heading)
        column.addWidget(self._tabs, 1)
        return body

    def _actions(self) -> list[QPushButton]:
        start, export, folder = (
            QPushButton("Start a sitting"),
            QPushButton("Export CSV…"),
            QPushButton("Open folder"),
        )
        start.setProperty("class", "primary")
        start.setObjectName("start_sitting")
        start.setIcon(icon("play", "on_accent"))
        start.setToolTip("Open the listener's window, a program of its own")
        export.setToolTip("Write all ratings as CSV; the study notes that its results were opened")
        start.clicked.connect(lambda: self.sit_requested.emit())
        export.clicked.connect(self._choose_csv)
        folder.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder))))
        return [folder, export, start]
