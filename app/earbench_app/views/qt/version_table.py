"""The table of versions: key, colour and line, measured figures, state; its first row is the original."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QKeySequence, QPainter, QPen, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from earbench_app.audition.workspace import State
from earbench_app.views.protocols import Heard, VersionRow
from earbench_app.views.qt.figure_texts import figure_texts, rate_tip
from earbench_app.views.qt.rate_control import RateControl
from earbench_app.views.qt.theme import GRID_PX, number_font, theme, version_pen
from earbench_app.views.qt.version_rates import ROW_PX, RateRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earbench_app.views.analysis_protocols import MetricColumn
    from earbench_codecs.metrics.measurement import Measurement

Index = QModelIndex | QPersistentModelIndex

_COLUMNS = (
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
_KEY, _VERSION, _KBPS, _STATE = 0, 1, 2, len(_COLUMNS) - 1
_WIDTHS = 5, 28, 8, 9, 8, 8, 9  # in grid units; what is left is the state's
_ESTIMATE_WIDTH = 16  # of the column of rates, where one has an estimate beside it
_SWATCH_PX = 28
_HEARD = Qt.ItemDataRole.UserRole


class VersionModel(QAbstractTableModel):
    """Row 0 is the original, then the versions in the order of their keys."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[VersionRow] = []
        self._original = ""
        self._heard = Heard()
        self._waiting_for: int | None = None
        self._measured: list[MetricColumn] = []  # their columns follow `_COLUMNS`
        self._figures: Mapping[int | None, Mapping[str, Measurement | str]] = {}

    def rowCount(self, parent: Index | None = None) -> int:
        """Return the number of versions and the original."""
        return 0 if parent is not None and parent.isValid() else len(self.rows) + 1

    def columnCount(self, parent: Index | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS) + len(self._measured)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return names, and what they mean as tooltips."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        titles = [*_COLUMNS, *((column.title, column.tooltip) for column in self._measured)]
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
        if role == _HEARD:
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
        name = self._measured[column - len(_COLUMNS)].name
        return self._figures.get(row.id if row else None, {}).get(name, "")

    def _figure_text(self, row: VersionRow | None, column: int) -> str:
        figure = self._figure(row, column)
        if isinstance(figure, str):
            return figure
        decimals = self._measured[column - len(_COLUMNS)].decimals
        return "–" if figure.value is None else f"{figure.value:.{decimals}f}".replace("-", "−")

    def _figure_tip(self, row: VersionRow | None, column: int) -> str:
        if column == _KBPS and row is not None and row.figures is not None:
            return rate_tip(row.figures)
        if column < len(_COLUMNS):
            return ""
        figure = self._figure(row, column)
        notes = () if isinstance(figure, str) else figure.notes
        return "\n".join([self._measured[column - len(_COLUMNS)].tooltip, *notes])

    def _text(self, row: VersionRow | None, column: int) -> str:
        if column >= len(_COLUMNS):
            return self._figure_text(row, column)
        if row is None:
            texts = {_KEY: "R", _VERSION: "Original", _STATE: self._original}
            return texts.get(column, "")
        if column == _KEY:
            return row.key
        if column == _VERSION:
            return row.title
        if column == _STATE:
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
            return QColor(colors.error if column == _STATE else colors.muted)
        quiet = column in (_KEY, _STATE) or (row is not None and row.state is not State.READY)
        return QColor(colors.muted if quiet else colors.text)


class VersionTable(QTableView):
    """Passive table. A click or Enter chooses a row to be heard; selected rows can be exported or removed."""

    version_chosen = Signal(object)
    versions_removed = Signal(list)
    retry_requested = Signal(int)
    export_requested = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("version_table")
        self.setAccessibleName("Versions")
        self._rows = VersionModel()
        self.setModel(self._rows)
        self.rates = RateRows(self, _VERSION)
        self.setItemDelegate(_VersionDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._set_up_headers()
        self.clicked.connect(self._clicked)
        self.activated.connect(self._activated)
        self.customContextMenuRequested.connect(self._open_menu)
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove_selected)

    def show_rows(self, rows: Sequence[VersionRow], original: str) -> None:
        """Fill the table; the selection is kept."""
        selected, focused = self.selected_ids(), self.rates.focused_id()
        self._rows.show_rows(rows, original)
        self._fit_rates()
        self.rates.show_rows(rows)
        self.rates.focus(focused)
        for index, row in enumerate(rows, start=1):
            if row.id in selected:
                self.selectRow(index)

    def show_row(self, row: VersionRow) -> None:
        """Change one row in place."""
        self._rows.show_row(row)
        self._fit_rates()
        self.rates.show_rows(self._rows.rows)

    def show_heard(self, heard: Heard, waiting_for: int | None) -> None:
        """Mark what sounds."""
        self._rows.show_heard(heard, waiting_for)

    def show_columns(self, columns: Sequence[MetricColumn]) -> None:
        """Set the columns of what is measured; the state stays last."""
        selected = self.selected_ids()
        self._rows.show_columns(columns)
        self.rates.show_rows(self._rows.rows)
        for index, row in enumerate(self._rows.rows, start=1):
            if row.id in selected:
                self.selectRow(index)
        header = self.horizontalHeader()
        for column in range(len(_COLUMNS), header.count()):
            title = str(self._rows.headerData(column, Qt.Orientation.Horizontal))
            text_px = header.fontMetrics().horizontalAdvance(title)
            self.setColumnWidth(column, max(8 * GRID_PX, text_px + 3 * GRID_PX))
        header.moveSection(header.visualIndex(_STATE), header.count() - 1)

    def show_figures(self, figures: Mapping[int | None, Mapping[str, Measurement | str]]) -> None:
        """Fill the columns of what is measured."""
        self._rows.show_figures(figures)

    def title_of(self, version_id: int) -> str:
        """Return a version's title; empty where there is none."""
        return next((row.title for row in self._rows.rows if row.id == version_id), "")

    def selected_ids(self) -> list[int]:
        """Return the ids of the selected versions, in the order of the table."""
        indexes = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        return [row.id for row in map(self._rows.row, indexes) if row is not None]

    def _fit_rates(self) -> None:
        """Make room for an estimate as soon as there is one."""
        width = _ESTIMATE_WIDTH * GRID_PX
        figures = (row.figures for row in self._rows.rows)
        if self.columnWidth(_KBPS) < width and any(f and f.entropy_kbps is not None for f in figures):
            self.setColumnWidth(_KBPS, width)

    def _set_up_headers(self) -> None:
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(_STATE, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(column, width * GRID_PX)

    def _clicked(self, index: QModelIndex) -> None:
        row = self._rows.row(index)
        self.version_chosen.emit(row.id if row else None)

    def _activated(self, index: QModelIndex) -> None:
        row = self._rows.row(index)
        if row is not None and row.state in (State.ERROR, State.CANCELLED):
            self.retry_requested.emit(row.id)
        else:
            self._clicked(index)

    def _remove_selected(self) -> None:
        if ids := self.selected_ids():
            self.versions_removed.emit(ids)

    def _retry(self, version_ids: Sequence[int]) -> None:
        for version_id in version_ids:
            self.retry_requested.emit(version_id)

    def _open_menu(self, place: QPoint) -> None:
        ids = self.selected_ids()
        if not ids:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Export as WAV…\tCtrl+E", lambda: self.export_requested.emit(ids))
        stopped = [
            row.id for row in self._rows.rows if row.id in ids and row.state in (State.ERROR, State.CANCELLED)
        ]
        if stopped:
            menu.addAction("Encode again", lambda: self._retry(stopped))
        menu.addSeparator()
        menu.addAction("Remove\tDel", self._remove_selected)
        menu.popup(self.viewport().mapToGlobal(place))


class _VersionDelegate(QStyledItemDelegate):
    """Whole-row selection, a bar and bold type on what sounds, the version's line before its title."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colors = theme()
        rect: QRect = option.rect
        heard = bool(index.data(_HEARD))
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(colors.selected))
        if heard and index.column() == _KEY:
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), QColor(colors.accent))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(colors.accent), 1))
            painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        rect = QRect(rect.topLeft(), QSize(rect.width(), ROW_PX))  # below it a row may have its bitrate
        if index.column() == _VERSION:
            rect = self._paint_swatch(painter, rect, index)
        font = QFont(number_font(option.font))
        font.setWeight(QFont.Weight.DemiBold if heard and index.column() <= _VERSION else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(index.data(Qt.ItemDataRole.ForegroundRole))
        text = rect.adjusted(GRID_PX, 0, -GRID_PX, 0)
        # A version's rate is at the end of its title
        where = Qt.TextElideMode.ElideMiddle if index.column() == _VERSION else Qt.TextElideMode.ElideRight
        elided = painter.fontMetrics().elidedText(index.data(), where, text.width())
        painter.drawText(text, index.data(Qt.ItemDataRole.TextAlignmentRole), elided)
        painter.restore()

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        """Put a bitrate's control below its row's title."""
        table = self.parent()
        if isinstance(editor, RateControl) and isinstance(table, VersionTable):
            table.rates.place_control(editor, option.rect, 2 * GRID_PX + _SWATCH_PX)
        else:
            super().updateEditorGeometry(editor, option, index)

    def _paint_swatch(self, painter: QPainter, rect: QRect, index: Index) -> QRect:
        model = index.model()
        assert isinstance(model, VersionModel)
        row = model.row(index)
        pen = QPen(QColor(theme().waveform), 3) if row is None else version_pen(row.color, 3)
        painter.setPen(pen)
        middle = rect.center().y() + 0.5
        left = rect.left() + GRID_PX
        painter.drawLine(QPointF(left, middle), QPointF(left + _SWATCH_PX, middle))
        return rect.adjusted(GRID_PX + _SWATCH_PX, 0, 0, 0)


def _alignment(column: int) -> Qt.AlignmentFlag:
    if column in (_VERSION, _STATE):
        return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    if column == _KEY:
        return Qt.AlignmentFlag.AlignCenter
    return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
