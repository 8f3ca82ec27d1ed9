"""The two lists of the wizard: items with their excerpts, and conditions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QListWidget,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from earbench_app.study_plan import PlannedItem, Use
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QDragEnterEvent, QDropEvent

    from earbench_app.study_plan import PlannedCondition
    from earbench_codecs.base import CodecInfo

_COLUMNS = ("file", "from s", "to s", "used for")


class ItemEditor(QWidget):
    """Files, the part of each that is heard, and what for. Takes dropped files."""

    changed = Signal()
    files_given = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.items: tuple[PlannedItem, ...] = ()
        self._table = QTableWidget(0, len(_COLUMNS))
        self._table.setAccessibleName("Items")
        self._table.setHorizontalHeaderLabels(list(_COLUMNS))
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(5 * GRID_PX)
        self._table.setShowGrid(False)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setMinimumHeight(24 * GRID_PX)
        self._table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        add, remove = QPushButton("Add files…"), QPushButton("Remove")
        add.clicked.connect(lambda: self._choose())
        remove.clicked.connect(lambda: self._remove())
        _arrange(self, self._table, add, remove)

    def show_items(self, items: Sequence[PlannedItem]) -> None:
        """Fill the list."""
        self.items = tuple(items)
        self._table.setRowCount(len(items))
        for row, item in enumerate(items):
            name = QTableWidgetItem(item.title)
            name.setToolTip(str(item.path))
            self._table.setItem(row, 0, name)
            for column, seconds in enumerate(item.excerpt_s, start=1):
                self._table.setCellWidget(row, column, self._seconds(row, seconds, item.duration_s))
            self._table.setCellWidget(row, 3, self._use(row, item.use))
        for column, width in ((1, 14), (2, 14), (3, 22)):
            self._table.setColumnWidth(column, width * GRID_PX)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand the files on."""
        event.acceptProposedAction()
        self.files_given.emit(
            [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        )

    def _seconds(self, row: int, seconds: float, longest_s: float) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(0.0, longest_s)
        box.setDecimals(3)
        box.setSingleStep(0.1)
        box.setValue(seconds)
        box.setAccessibleName(f"Seconds, item {row + 1}")
        box.valueChanged.connect(lambda: self._edit(row))
        return box

    def _use(self, row: int, use: Use) -> QComboBox:
        box = QComboBox()
        box.addItems([str(one) for one in Use])
        box.setCurrentText(str(use))
        box.setAccessibleName(f"Used for, item {row + 1}")
        box.activated.connect(lambda: self._edit(row))
        return box

    def _edit(self, row: int) -> None:
        start, end, use = (self._table.cellWidget(row, column) for column in (1, 2, 3))
        assert isinstance(start, QDoubleSpinBox)
        assert isinstance(end, QDoubleSpinBox)
        assert isinstance(use, QComboBox)
        edited = replace(self.items[row], region_s=(start.value(), end.value()), use=Use(use.currentText()))
        self.items = (*self.items[:row], edited, *self.items[row + 1 :])
        self.changed.emit()

    def _choose(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Audio files to be tested")
        if files:
            self.files_given.emit([Path(file) for file in files])

    def _remove(self) -> None:
        chosen = {index.row() for index in self._table.selectedIndexes()}
        self.show_items([item for row, item in enumerate(self.items) if row not in chosen])
        self.changed.emit()


class ConditionEditor(QWidget):
    """The systems under test; a codec and a bitrate are added at a time."""

    changed = Signal()
    added = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.conditions: tuple[PlannedCondition, ...] = ()
        self._infos: dict[str, CodecInfo] = {}
        self._list = QListWidget()
        self._list.setAccessibleName("Conditions")
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._list.setFixedHeight(16 * GRID_PX)
        self._codec, self._rate = QComboBox(), QComboBox()
        self._codec.setAccessibleName("Codec")
        self._rate.setAccessibleName("Bitrate")
        self._codec.currentIndexChanged.connect(lambda: self._show_rates())
        add, remove = QPushButton("Add"), QPushButton("Remove")
        add.clicked.connect(lambda: self._add())
        remove.clicked.connect(lambda: self._remove())
        _arrange(self, self._list, self._codec, self._rate, add, remove)

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """Offer the codecs that work here; the one chosen stays chosen."""
        chosen = self._codec.currentData(Qt.ItemDataRole.UserRole)
        self._infos = {info.name: info for info in codecs if info.available}
        self._codec.clear()
        for info in self._infos.values():
            self._codec.addItem(info.name if info.kind == "neural" else info.title, info.name)
            self._codec.setItemData(self._codec.count() - 1, info.title, Qt.ItemDataRole.ToolTipRole)
        if chosen in self._infos:
            self._codec.setCurrentIndex(list(self._infos).index(chosen))

    def show_conditions(self, conditions: Sequence[PlannedCondition]) -> None:
        """Fill the list."""
        self.conditions = tuple(conditions)
        self._list.clear()
        self._list.addItems([condition.title for condition in conditions])

    def _show_rates(self) -> None:
        info = self._infos.get(self._codec.currentData(Qt.ItemDataRole.UserRole))
        self._rate.clear()
        self._rate.setVisible(bool(info and info.bitrates_kbps))
        if info is None:
            return
        for kbps in info.bitrates_kbps:
            self._rate.addItem(f"{kbps:g} kbps", kbps)
        if info.default.kbps in info.bitrates_kbps:
            self._rate.setCurrentIndex(info.bitrates_kbps.index(info.default.kbps))

    def _add(self) -> None:
        name = self._codec.currentData(Qt.ItemDataRole.UserRole)
        if name:
            self.added.emit(name, self._rate.currentData(Qt.ItemDataRole.UserRole))

    def _remove(self) -> None:
        chosen = {index.row() for index in self._list.selectedIndexes()}
        self.show_conditions([one for row, one in enumerate(self.conditions) if row not in chosen])
        self.changed.emit()


def _arrange(owner: QWidget, table: QWidget, *buttons: QWidget) -> None:
    row = QHBoxLayout()
    for button in buttons:
        row.addWidget(button)
    row.addStretch(1)
    column = QVBoxLayout(owner)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(table)
    column.addLayout(row)
