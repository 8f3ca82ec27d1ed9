"""The table of versions: key, colour and line, measured figures, state; its first row is the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import (
    QModelIndex,
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
from earbench_app.views.qt.rate_control import RateControl
from earbench_app.views.qt.theme import GRID_PX, number_font, theme, version_pen
from earbench_app.views.qt.version_model import COLUMNS, HEARD, KBPS, KEY, STATE, VERSION, Index, VersionModel
from earbench_app.views.qt.version_rates import ROW_PX, RateRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earbench_app.views.analysis_protocols import MetricColumn
    from earbench_app.views.protocols import Heard, VersionRow
    from earbench_codecs.metrics.measurement import Measurement

_WIDTHS = 5, 28, 8, 9, 8, 8, 9  # in grid units; what is left is the state's
_ESTIMATE_WIDTH = 16  # of the column of rates, where one has an estimate beside it
_SWATCH_PX = 28


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
        self.rates = RateRows(self, VERSION)
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
        for column in range(len(COLUMNS), header.count()):
            title = str(self._rows.headerData(column, Qt.Orientation.Horizontal))
            text_px = header.fontMetrics().horizontalAdvance(title)
            self.setColumnWidth(column, max(8 * GRID_PX, text_px + 3 * GRID_PX))
        header.moveSection(header.visualIndex(STATE), header.count() - 1)

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
        if self.columnWidth(KBPS) < width and any(f and f.entropy_kbps is not None for f in figures):
            self.setColumnWidth(KBPS, width)

    def _set_up_headers(self) -> None:
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(STATE, QHeaderView.ResizeMode.Stretch)
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
        heard = bool(index.data(HEARD))
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(colors.selected))
        if heard and index.column() == KEY:
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), QColor(colors.accent))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(QColor(colors.accent), 1))
            painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        rect = QRect(rect.topLeft(), QSize(rect.width(), ROW_PX))  # below it a row may have its bitrate
        if index.column() == VERSION:
            rect = self._paint_swatch(painter, rect, index)
        font = QFont(number_font(option.font))
        font.setWeight(QFont.Weight.DemiBold if heard and index.column() <= VERSION else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(index.data(Qt.ItemDataRole.ForegroundRole))
        text = rect.adjusted(GRID_PX, 0, -GRID_PX, 0)
        # A version's rate is at the end of its title
        where = Qt.TextElideMode.ElideMiddle if index.column() == VERSION else Qt.TextElideMode.ElideRight
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
