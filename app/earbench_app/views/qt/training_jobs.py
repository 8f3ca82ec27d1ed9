"""The list of jobs: a table that is sorted and filtered, with states, progress and figures."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from earbench_app.counting import duration_text
from earbench_app.jobs.job import ACTIVE, State
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX, theme, version_pen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.views.training_protocols import JobRow

Index = QModelIndex | QPersistentModelIndex

ID_ROLE = Qt.ItemDataRole.UserRole
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
ROW_ROLE = Qt.ItemDataRole.UserRole + 2

STATE_ICONS = {
    State.QUEUED: ("clock", "muted"),
    State.RUNNING: ("play", "accent"),
    State.PAUSING: ("pause", "muted"),
    State.PAUSED: ("pause", "warning"),
    State.CANCELLING: ("stop", "muted"),
    State.CANCELLED: ("stop", "muted"),
    State.DONE: ("check", "accent"),
    State.FAILED: ("cross", "error"),
}
_STOPPED = ("clock", "warning")  # by a limit
_STATE_ORDER = {state: number for number, state in enumerate(State)}
FILTERS: dict[str, frozenset[str]] = {
    "all": frozenset({*State, "stopped"}),
    "running": frozenset(ACTIVE),
    **{name: frozenset({name}) for name in ("queued", "paused", "stopped", "done", "failed", "cancelled")},
}
"""By what the list says of a state."""


class Column:
    """A column: what it says, how it is sorted, and what the mouse is told.

    Parameters
    ----------
    title, tip : str
    width : int
        In grid units.
    text, key : callable
        Of a row; the second is what rows are sorted by.
    right : bool
        Aligned to the right, as figures are.
    rank : int
        Of those that are seen only where there is room: the first comes first; 0 is always seen.
    """

    def __init__(
        self,
        title: str,
        width: int,
        text: Callable[[JobRow], str],
        key: Callable[[JobRow], Any] | None = None,
        *,
        tip: str = "",
        right: bool = False,
        rank: int = 0,
    ) -> None:
        self.title, self.width, self.text, self.tip, self.right = title, width, text, tip, right
        self.key, self.rank = key or text, rank


def _eta(row: JobRow) -> str:
    return "" if row.eta_s is None else duration_text(row.eta_s)


def _rate(row: JobRow) -> str:
    if row.kbps is None:
        return "" if row.target_kbps is None else f"– / {row.target_kbps:g}"
    target = "" if row.target_kbps is None else f" / {row.target_kbps:g}"
    mark = {True: "", False: " !", None: ""}[row.in_band]
    return f"{row.kbps:.1f}{target}{mark}"


def _best(row: JobRow) -> str:
    return "" if row.best is None else f"{row.best.title} {row.best.value:.2f}"


def _progress(row: JobRow) -> str:
    return row.doing or (f"{100 * row.fraction:.0f} %" if row.n_steps else "")


def _made(row: JobRow) -> str:
    when = datetime.fromtimestamp(row.created_s)
    today = when.date() == datetime.fromtimestamp(time.time()).date()
    return when.strftime("%H:%M" if today else "%Y-%m-%d")


COLUMNS = (
    Column("run", 18, lambda row: row.name, lambda row: row.name.casefold()),
    Column("state", 12, lambda row: row.state_text, lambda row: (_STATE_ORDER[row.state], row.state_text)),
    Column("progress", 11, _progress, lambda row: row.fraction, tip="Steps done of the recipe's"),
    Column("left", 8, _eta, lambda row: row.eta_s or 0.0, tip="Time to go", right=True),
    Column(
        "kbps",
        10,
        _rate,
        lambda row: row.kbps or 0.0,
        tip="Rate as measured last, against the target; ! is beyond the tolerance",
        right=True,
    ),
    Column(
        "best",
        14,
        _best,
        lambda row: row.best.value if row.best else float("-inf"),
        tip="Best validation figure among the steps within the rate; empty until one is",
    ),
    Column("device", 9, lambda row: row.device, rank=2),
    Column("tags", 12, lambda row: ", ".join(row.tags), rank=3),
    Column("notes", 20, lambda row: " ".join(row.notes.split()), rank=4),
    Column("made", 11, _made, lambda row: row.created_s, right=True, rank=1),
)
NAME, STATE, PROGRESS, RATE, MADE = 0, 1, 2, 4, len(COLUMNS) - 1


class JobModel(QAbstractTableModel):
    """The rows, in the order of the board."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[JobRow] = []

    def show_rows(self, rows: Sequence[JobRow]) -> None:
        """Take new rows; views are told of no more than what changed, so that selections stay."""
        wanted = {row.id for row in rows}
        for place in reversed(range(len(self.rows))):
            if self.rows[place].id not in wanted:
                self.beginRemoveRows(QModelIndex(), place, place)
                del self.rows[place]
                self.endRemoveRows()
        for place, row in enumerate(rows):
            if place < len(self.rows) and self.rows[place].id == row.id:
                if self.rows[place] != row:
                    self._change(place, row)
            else:
                self.beginInsertRows(QModelIndex(), place, place)
                self.rows.insert(place, row)
                self.endInsertRows()

    def _change(self, place: int, row: JobRow) -> None:
        """Take a row in the place of another; what looks the same is not painted anew."""
        before, self.rows[place] = self.rows[place], row
        whole = (before.color, before.state, before.message) != (row.color, row.state, row.message)
        changed = [n for n, column in enumerate(COLUMNS) if whole or column.text(before) != column.text(row)]
        if before.fraction != row.fraction:
            changed.append(PROGRESS)
        if changed:
            self.dataChanged.emit(self.index(place, min(changed)), self.index(place, max(changed)))

    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many jobs there are."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return how many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's title, and what it is."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(COLUMNS[section])
        return COLUMNS[section].tip or None if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == SORT_ROLE:
            return column.key(row)
        if role == ID_ROLE:
            return row.id
        if role == ROW_ROLE:
            return row
        return self._looks(row, index.column(), Qt.ItemDataRole(role))

    def _looks(self, row: JobRow, column: int, role: Qt.ItemDataRole) -> Any:
        if role == Qt.ItemDataRole.DecorationRole and column == STATE:
            return icon(*(_STOPPED if row.state_text == "stopped" else STATE_ICONS[row.state]))
        if role == Qt.ItemDataRole.ForegroundRole:
            return _ink(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(COLUMNS[column])
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(row, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{COLUMNS[column].title}: {COLUMNS[column].text(row) or 'none'}"
        return None


class JobFilter(QSortFilterProxyModel):
    """Keeps the jobs that have all words of a text, and one of some states."""

    def __init__(self, model: JobModel) -> None:
        super().__init__()
        self._model = model
        self._words: tuple[str, ...] = ()
        self._states = FILTERS["all"]
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(True)

    def show_only(self, text: str, states: frozenset[str]) -> None:
        """Filter; words are looked for in name, state, device, notes and tags."""
        self._words, self._states = tuple(text.casefold().split()), states
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Return whether a row is seen."""
        del source_parent
        row = self._model.rows[source_row]
        text = " ".join([row.name, row.state_text, row.device, row.notes, row.message, *row.tags]).casefold()
        return row.state_text in self._states and all(word in text for word in self._words)


class JobDelegate(QStyledItemDelegate):
    """Draws a bar under the progress, and the line of a run that is drawn beside its name."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw a cell."""
        row: JobRow = index.data(ROW_ROLE)
        option.state &= ~QStyle.StateFlag.State_HasFocus  # the row's background tells
        if index.column() == NAME:  # runs of a sweep differ at the end
            option.textElideMode = Qt.TextElideMode.ElideMiddle
        if index.column() == NAME and row.color is not None:
            self._paint_swatch(painter, option, row.color)
            option.rect.adjust(4 * GRID_PX, 0, 0, 0)
        super().paint(painter, option, index)
        if index.column() == PROGRESS and row.n_steps:
            _paint_bar(painter, QRectF(option.rect), row)

    def _paint_swatch(self, painter: QPainter, option: QStyleOptionViewItem, color: int) -> None:
        if QStyle.StateFlag.State_Selected in option.state:
            painter.fillRect(option.rect, QColor(theme().selected))
        painter.setPen(version_pen(color, 3))
        middle, left = option.rect.center().y() + 1, option.rect.left() + GRID_PX
        painter.drawLine(left, middle, left + 3 * GRID_PX, middle)


def _alignment(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _paint_bar(painter: QPainter, cell: QRectF, row: JobRow) -> None:
    bar = QRectF(cell.left() + 5, cell.bottom() - 6, cell.width() - 10, 3)
    painter.fillRect(bar, QColor(theme().raised))
    bar.setWidth(bar.width() * row.fraction)
    role = "error" if row.state is State.FAILED else "accent" if row.state in ACTIVE else "muted"
    painter.fillRect(bar, QColor(getattr(theme(), role)))


def _ink(row: JobRow, column: int) -> QColor | None:
    if column == STATE and row.state is State.FAILED:
        return QColor(theme().error)
    if column == RATE and row.in_band is False:
        return QColor(theme().warning)
    return QColor(theme().muted) if column in (MADE,) or row.state is State.CANCELLED else None


def _tip(row: JobRow, column: int) -> str:
    if column == PROGRESS:
        step = f"step {row.step:,} of {row.n_steps:,}" if row.n_steps else "not begun"
        return f"{step}\n{row.message}".strip()
    if column == RATE and row.kbps is not None and row.target_kbps is not None:
        beyond = "\n! beyond the tolerance" if row.in_band is False else ""
        return f"{row.kbps:.2f} kbps, target {row.target_kbps:g} ± {row.tolerance_kbps:g} kbps{beyond}"
    message = f"{row.name}\n{row.message}" if row.message else row.name
    return row.notes if column == len(COLUMNS) - 2 and row.notes else message
