"""The codecs there are: which can be used, and what to do about those that cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.base import CodecInfo

_COLUMNS = ("codec", "name", "kind", "available", "rates kbps", "sample rates kHz", "version", "notes")


class CodecsPage(QWidget):
    """Passive table of all codecs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("codecs_page")
        self._hint = QLabel("Looking for codecs…")
        self._hint.setProperty("class", "muted")
        self._hint.setWordWrap(True)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setAccessibleName("Codecs")
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX, GRID_PX)
        layout.addWidget(self._hint)
        layout.addWidget(self.table, 1)

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """Fill the table."""
        n_available = sum(info.available for info in codecs)
        self._hint.setText(
            f"{n_available} of {len(codecs)} codecs can be used. Command-line codecs are added by TOML files,"
            " Python ones by entry points; `earbench codecs` lists the same on the command line."
        )
        self.table.setRowCount(len(codecs))
        for row, info in enumerate(codecs):
            for column, text in enumerate(_texts(info)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if not info.available:
                    item.setForeground(QColor(theme().error if column == 3 else theme().muted))
                self.table.setItem(row, column, item)
        self.table.resizeColumnsToContents()
        header = self.table.horizontalHeader()
        for column in range(header.count()):
            header.resizeSection(column, min(header.sectionSize(column) + GRID_PX, 30 * GRID_PX))
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.table.resizeRowsToContents()


def _range(values: Sequence[float], what: str) -> str:
    if len(values) < 2:
        return "".join(f"{value:g}" for value in values)
    count = what if what.startswith("any") else f"{len(values)} {what}"
    return f"{min(values):g} to {max(values):g} ({count})"


def _texts(info: CodecInfo) -> tuple[str, ...]:
    return (
        info.title,
        info.name,
        info.kind,
        "yes" if info.available else "no",
        _range(info.bitrates_kbps, "any rate" if info.continuous else "rates") or "–",
        _range([rate / 1000 for rate in info.sample_rates_hz], "rates") or "any",
        info.version,
        info.description if info.available else info.reason,
    )
