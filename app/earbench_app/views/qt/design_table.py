"""Items × conditions of a study; each cell can be heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QWidget

    from earbench_app.presenters.studies import Cell
    from earbench_mushra.design import Item, Stimulus, Study

_CELL_ROLE = Qt.ItemDataRole.UserRole


class DesignTable(QTableWidget):
    """Passive; a click, Enter or Space on a cell asks to play it."""

    cell_pressed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Items and conditions")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        self.setStyleSheet("QTableCornerButton::section { background: palette(base); border: none; }")
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.horizontalHeader().setMinimumSectionSize(12 * GRID_PX)
        self.verticalHeader().setDefaultSectionSize(5 * GRID_PX)
        self.verticalHeader().setMaximumWidth(
            32 * GRID_PX
        )  # a long name must not push the cells out of sight
        self.verticalHeader().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.cellClicked.connect(self._press)

    def show_design(self, study: Study, missing: frozenset[Cell]) -> None:
        """Fill it; a cell whose file is not there says so."""
        self.clear()
        self.setRowCount(len(study.items))
        self.setColumnCount(len(study.conditions))
        self.setHorizontalHeaderLabels([condition.title for condition in study.conditions])
        self.setVerticalHeaderLabels([_item_text(item) for item in study.items])
        for row, item in enumerate(study.items):
            self.verticalHeaderItem(row).setToolTip(item.title)
            for column, condition in enumerate(study.conditions):
                stimulus = study.stimulus(item.id, condition.id)
                cell = _cell(stimulus, (item.id, condition.id) in missing)
                cell.setToolTip(f"Play {item.title}, {condition.title} ({stimulus.file})")
                self.setItem(row, column, cell)
        self.resizeColumnsToContents()

    def show_playing(self, cell: Cell | None) -> None:
        """Mark the cell that plays."""
        for row in range(self.rowCount()):
            for column in range(self.columnCount()):
                item = self.item(row, column)
                if item is not None and item.data(_CELL_ROLE) is not None:
                    playing = item.data(_CELL_ROLE) == cell
                    item.setIcon(icon("pause" if playing else "play", "accent" if playing else "text"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Play with Enter or Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._press(self.currentRow(), self.currentColumn())
        else:
            super().keyPressEvent(event)

    def _press(self, row: int, column: int) -> None:
        item = self.item(row, column)
        if item is not None and item.data(_CELL_ROLE) is not None:
            self.cell_pressed.emit(*item.data(_CELL_ROLE))


def _item_text(item: Item) -> str:
    return f"{item.title} (training)" if item.training else item.title


def _cell(stimulus: Stimulus, missing: bool) -> QTableWidgetItem:
    rate = "" if stimulus.bitrate_kbps is None else f"{stimulus.bitrate_kbps:.1f} kbps"
    cell = QTableWidgetItem(f"{stimulus.file} is missing" if missing else rate)
    if missing:
        cell.setForeground(QColor(theme().error))
    else:
        cell.setIcon(icon("play"))
        cell.setData(_CELL_ROLE, (stimulus.item, stimulus.condition))
    return cell
