"""The codecs there are, with their cards; and the user's own checkpoints, to be added and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from earbench_app.audition.listing import ListedCheckpoint, is_untrained, origin, sections
from earbench_app.views.qt.codec_card import CodecCard
from earbench_app.views.qt.theme import GRID_PX, theme
from earbench_codecs.registry import ENTRY_POINT_GROUP, plugin_folders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.base import CodecInfo

_COLUMNS = ("codec", "kbps", "kHz", "size", "from")
_WIDTHS = 0, 17, 9, 8, 14  # in grid units; what is left is the first column's
_SIZE = _COLUMNS.index("size")


class CodecsPage(QWidget):
    """Passive: a table of all codecs, and the card of the one that is chosen."""

    checkpoint_asked = Signal()
    checkpoint_removed = Signal(object)  # ListedCheckpoint

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("codecs_page")
        self.codecs: list[CodecInfo] = []  # as the table has them
        self._hint = QLabel("Looking for codecs…")
        self._hint.setProperty("class", "muted")
        self._hint.setWordWrap(True)
        self.table = QTableWidget(0, len(_COLUMNS))
        self.card = CodecCard()
        self.add = QPushButton("Add a checkpoint…")
        self.remove = QPushButton("Remove")
        self._set_up_table()
        self._lay_out()
        self.add.clicked.connect(lambda: self.checkpoint_asked.emit())
        self.remove.clicked.connect(self._remove)
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove)
        self._show_chosen()

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """Fill the table; what was chosen stays so, and a checkpoint that is new is chosen."""
        chosen, known = self._chosen(), {info.name for info in self.codecs}
        self.codecs = [info for section in sections(codecs) for info in section.codecs]
        n_available = sum(info.available for info in codecs)
        self._hint.setText(
            f"{n_available} of {len(self.codecs)} can be used. Command-line codecs are added by TOML files in"
            f" {plugin_folders()[0]}, Python ones by packages with an entry point"
            f" “{ENTRY_POINT_GROUP}”, neural ones by their checkpoints: drop one on this window."
        )
        self.table.setRowCount(len(self.codecs))
        for row, info in enumerate(self.codecs):
            self._fill(row, info)
        new = [i.name for i in self.codecs if isinstance(i, ListedCheckpoint) and i.name not in known]
        self.choose(new[0] if known and new else chosen.name if chosen else "")

    def choose(self, name: str) -> None:
        """Choose a codec by its name; the first where there is none of it."""
        names = [info.name for info in self.codecs]
        self.table.setCurrentCell(names.index(name) if name in names else 0, 0)
        self._show_chosen()

    def _chosen(self) -> CodecInfo | None:
        row = self.table.currentRow()
        return self.codecs[row] if 0 <= row < len(self.codecs) else None

    def _fill(self, row: int, info: CodecInfo) -> None:
        for column, text in enumerate(_texts(info)):
            item = QTableWidgetItem(text)
            item.setToolTip(info.title if info.available else info.reason)
            if not info.available:
                wrong = column == len(_COLUMNS) - 1 and not is_untrained(info)
                item.setForeground(QColor(theme().error if wrong else theme().muted))
            self.table.setItem(row, column, item)

    def _show_chosen(self) -> None:
        info = self._chosen()
        own = isinstance(info, ListedCheckpoint) and info.own
        self.remove.setEnabled(own)
        self.remove.setToolTip(
            "Remove this checkpoint of yours (Del)" if own else "Only checkpoints of yours"
        )
        self.card.setVisible(info is not None)
        if info is not None:
            self.card.show_codec(info)

    def _remove(self) -> None:
        info = self._chosen()
        if isinstance(info, ListedCheckpoint) and info.own:
            self.checkpoint_removed.emit(info)

    def _open_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Add a checkpoint…", self.checkpoint_asked.emit)
        menu.addAction("Remove\tDel", self._remove).setEnabled(self.remove.isEnabled())
        menu.popup(self.table.viewport().mapToGlobal(place))

    def _set_up_table(self) -> None:
        table = self.table
        table.setAccessibleName("Codecs")
        table.setHorizontalHeaderLabels(list(_COLUMNS))
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(28)
        table.setShowGrid(False)
        table.setMinimumWidth(60 * GRID_PX)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open_menu)
        table.itemSelectionChanged.connect(self._show_chosen)
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        size = QTableWidgetItem(_COLUMNS[_SIZE])
        size.setToolTip("Trained parameters, in millions")
        table.setHorizontalHeaderItem(_SIZE, size)
        for column, width in enumerate(_WIDTHS[1:], start=1):
            table.setColumnWidth(column, width * GRID_PX)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        top.setSpacing(GRID_PX)
        top.addWidget(self._hint, 1)
        top.addWidget(self.remove)
        top.addWidget(self.add)
        card = QWidget()
        card.setProperty("class", "surface")
        card.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.card)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(card)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([70 * GRID_PX, 90 * GRID_PX])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.splitter, 1)


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
        info.name if isinstance(info, ListedCheckpoint) else info.title,
        _bitrates(info),
        _range([rate / 1000 for rate in info.sample_rates_hz]) or ("any" if info.available else "–"),
        f"{info.parameters / 1e6:.2f} M" if info.parameters else "–",
        origin(info),
    )
