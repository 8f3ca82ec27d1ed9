"""Who has listened, and how far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from earbench_mushra.records import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from earbench_mushra.records import Sitting

_COLUMNS = ("listener", "sitting", "progress", "state", "started", "finished")
_STATES = {
    Phase.INSTRUCTIONS: "reading the instructions",
    Phase.TRAINING: "in training",
    Phase.BREAK: "before the test",
    Phase.TEST: "in the test",
    Phase.FINISHED: "finished",
}


class SittingsTable(QTableWidget):
    """Passive."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setAccessibleName("Sittings")
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.horizontalHeader().setStretchLastSection(True)
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._shown: tuple[Sitting, ...] | None = None

    def show_sittings(self, sittings: Sequence[Sitting]) -> None:
        """Fill it, the newest first; left alone where nothing has changed."""
        if tuple(sittings) == self._shown:
            return
        self._shown = tuple(sittings)
        self.setRowCount(len(sittings))
        for row, sitting in enumerate(reversed(sittings)):
            for column, text in enumerate(_texts(sitting)):
                cell = QTableWidgetItem(text)
                cell.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, cell)
        self.resizeColumnsToContents()


def _texts(sitting: Sitting) -> tuple[str, ...]:
    times = [at.astimezone() if at else None for at in (sitting.started_at, sitting.finished_at)]
    return (
        sitting.listener,
        str(sitting.number),
        f"{sitting.trials_done} of {sitting.n_trials}",
        _STATES[sitting.phase],
        *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in times),
    )
