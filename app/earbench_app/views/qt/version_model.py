"""What the table of versions holds: a row of texts and colours for the original and each version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from earbench_app.audition.workspace import State
from earbench_app.views.protocols import Heard, VersionRow
from earbench_app.views.qt.figure_texts import figure_texts, rate_tip
from earbench_app.views.qt.theme import theme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earbench_app.views.analysis_protocols import MetricColumn
    from earbench_codecs.metrics.measurement import Measurement

Index = QModelIndex | QPersistentModelIndex

COLUMNS = (
    ("key", "Key that chooses it"),
    ("version", "Codec and setting"),
    (
        "kbps",
        "Measured: bytes of the bitstream × 8 / duration / 1000\n"
        "est: what a neural codec's own model estimates, before the bytes are made",
    ),
    ("bytes", "Of the bitstream"),
    (
        "enc ×",
        "Real-time factor of the encoder: processing time / duration, in one worker; below 1 is faster",
    ),
    (
        "dec ×",
        "Real-time factor of the decoder: processing time / duration, in one worker; below 1 is faster",
    ),
    ("SDR dB", "Signal-to-distortion ratio 10 log₁₀(|s|² / |ŝ − s|²) over the whole clip, all channels"),
    ("", "State, and what was done on the way"),
)
KEY, VERSION, KBPS, STATE = 0, 1, 2, len(COLUMNS) - 1
HEARD = Qt.ItemDataRole.UserRole


class VersionModel(QAbstractTableModel):
    """Row 0 is the original, then the versions in the order of their keys."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[VersionRow] = []
        self._original = ""
        self._heard = Heard()
        self._waiting_for: int | None = None
        self._measured: list[MetricColumn] = []  # their columns follow `COLUMNS`
        self._figures: Mapping[int | None, Mapping[str, Measurement | str]] = {}

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of versions and the original."""
        return 0 if parent is not None and parent.isValid() else len(self.rows) + 1

    def columnCount(self, parent: Index | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS) + len(self._measured)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return names, and what they mean as tooltips."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        titles = [*COLUMNS, *((column.title, column.tooltip) for column in self._measured)]
        if role == Qt.ItemDataRole.DisplayRole:
            return titles[section][0]
        return titles[section][1] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, colour and alignment of a cell."""
        row = self.row(index)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._text(row, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._figure_tip(row, index.column()) or self._tip(row)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._ink(row, index.column())
        if role == HEARD:
            return self._heard.version_id == (row.id if row else None)
        return None

    def row(self, index: Index) -> VersionRow | None:
        """Return the version of a row, None for the original."""
        return self.rows[index.row() - 1] if index.row() > 0 else None

    def show_rows(self, rows: Sequence[VersionRow], original: str) -> None:
        """Fill the table anew; rows of the same versions change in place."""
        if [row.id for row in rows] == [row.id for row in self.rows]:
            self.rows, self._original = list(rows), original
            self._tell(0, len(rows))
            return
        self.beginResetModel()
        self.rows, self._original = list(rows), original
        self.endResetModel()

    def show_row(self, row: VersionRow) -> None:
        """Change one row."""
        place = next((i for i, old in enumerate(self.rows) if old.id == row.id), None)
        if place is not None:
            self.rows[place] = row
            self._tell(place + 1, place + 1)

    def show_heard(self, heard: Heard, waiting_for: int | None) -> None:
        """Mark what sounds."""
        self._heard, self._waiting_for = heard, waiting_for
        self._tell(0, len(self.rows))

    def show_columns(self, columns: Sequence[MetricColumn]) -> None:
        """Set the columns of what is measured."""
        self.beginResetModel()
        self._measured = list(columns)
        self.endResetModel()

    def show_figures(self, figures: Mapping[int | None, Mapping[str, Measurement | str]]) -> None:
        """Fill the columns of what is measured."""
        self._figures = figures
        self._tell(0, len(self.rows))

    def _tell(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, self.columnCount() - 1))

    def _figure(self, row: VersionRow | None, column: int) -> Measurement | str:
        name = self._measured[column - len(COLUMNS)].name
        return self._figures.get(row.id if row else None, {}).get(name, "")

    def _figure_text(self, row: VersionRow | None, column: int) -> str:
        figure = self._figure(row, column)
        if isinstance(figure, str):
            return figure
        decimals = self._measured[column - len(COLUMNS)].decimals
        return "–" if figure.value is None else f"{figure.value:.{decimals}f}".replace("-", "−")

    def _figure_tip(self, row: VersionRow | None, column: int) -> str:
        if column == KBPS and row is not None and row.figures is not None:
            return rate_tip(row.figures)
        if column < len(COLUMNS):
            return ""
        figure = self._figure(row, column)
        notes = () if isinstance(figure, str) else figure.notes
        return "\n".join([self._measured[column - len(COLUMNS)].tooltip, *notes])

    def _text(self, row: VersionRow | None, column: int) -> str:
        if column >= len(COLUMNS):
            return self._figure_text(row, column)
        if row is None:
            texts = {KEY: "R", VERSION: "Original", STATE: self._original}
            return texts.get(column, "")
        if column == KEY:
            return row.key
        if column == VERSION:
            return row.title
        if column == STATE:
            return self._state(row)
        return "" if row.figures is None else figure_texts(row.figures)[column - 2]

    def _state(self, row: VersionRow) -> str:
        if row.id == self._heard.version_id and self._heard.difference:
            audible = self._heard.audible
            return "audible part of the noise" if audible else "difference from the original"
        if row.id == self._waiting_for and row.state in (State.WAITING, State.ENCODING, State.READY):
            return "plays as soon as it is there"
        if row.state is State.CANCELLED:
            return "double-click to encode"
        if row.state is State.READY:
            notes = (row.level, *(row.figures.notes if row.figures else ()))
            return "; ".join(filter(None, notes))
        return row.message or {State.WAITING: "waiting…", State.ENCODING: "encoding…"}.get(row.state, "")

    def _tip(self, row: VersionRow | None) -> str:
        if row is None:
            return "The original (R)"
        key = f" ({row.key})" if row.key else ""
        return f"{row.title}{key}\n{row.message or self._state(row)}".strip()

    def _ink(self, row: VersionRow | None, column: int) -> QColor:
        colors = theme()
        if row is not None and row.state is State.ERROR:
            return QColor(colors.error if column == STATE else colors.muted)
        quiet = column in (KEY, STATE) or (row is not None and row.state is not State.READY)
        return QColor(colors.muted if quiet else colors.text)


def _alignment(column: int) -> Qt.AlignmentFlag:
    if column in (VERSION, STATE):
        return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    if column == KEY:
        return Qt.AlignmentFlag.AlignCenter
    return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
