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

_COLUMNS = ("codec", "name", "kind", "kbps", "kHz", "version", "notes")
_WIDEST_PX = 17 * GRID_PX  # of a column; more is wrapped, so that the notes can be read without scrolling


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
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
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
                    last = column == len(_COLUMNS) - 1
                    item.setForeground(QColor(theme().error if last else theme().muted))
                self.table.setItem(row, column, item)
        self.table.resizeColumnsToContents()
        header = self.table.horizontalHeader()
        for column in range(header.count()):
            header.resizeSection(column, min(header.sectionSize(column) + GRID_PX, _WIDEST_PX))
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)


def _range(values: Sequence[float]) -> str:
    if len(values) < 2:
        return "".join(f"{value:g}" for value in values)
    return f"{min(values):g} to {max(values):g}"


def _bitrates(info: CodecInfo) -> str:
    span = _range(info.bitrates_kbps) or "–"
    if len(info.bitrates_kbps) < 2:
        return span
    return f"{span} (any)" if info.continuous else f"{span} ({len(info.bitrates_kbps)} rates)"


def _texts(info: CodecInfo) -> tuple[str, ...]:
    return (
        info.title,
        info.name,
        info.kind,
        _bitrates(info),
        _range([rate / 1000 for rate in info.sample_rates_hz]) or "any",
        info.version,
        info.description if info.available else f"Not available: {info.reason}",
    )
