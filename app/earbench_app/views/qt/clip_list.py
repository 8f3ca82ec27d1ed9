"""The list of clips at the left: title, length, rate; an unreadable file says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.views.protocols import ClipRow

_ID = Qt.ItemDataRole.UserRole
_DETAIL = Qt.ItemDataRole.UserRole + 1
_ERROR = Qt.ItemDataRole.UserRole + 2
_CURRENT = Qt.ItemDataRole.UserRole + 3


class ClipList(QListWidget):
    """Passive list; several can be selected, one is current."""

    clip_chosen = Signal(int)
    clips_removed = Signal(list)
    test_requested = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("clip_list")
        self.setAccessibleName("Clips")
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setItemDelegate(_ClipDelegate(self))
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        self.currentItemChanged.connect(self._item_changed)
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove_selected)

    def show_clips(self, rows: Sequence[ClipRow], current: int | None) -> None:
        """List the clips; the selection is kept."""
        if [row.id for row in rows] != self._ids():
            self._rebuild(len(rows), {item.data(_ID) for item in self.selectedItems()}, rows)
        for index, row in enumerate(rows):
            self._fill(self.item(index), row, row.id == current)

    def selected_ids(self) -> list[int]:
        """Return the ids of the selected clips, in the order of the list."""
        return [item.data(_ID) for item in map(self.item, range(self.count())) if item.isSelected()]

    def _ids(self) -> list[int]:
        return [self.item(index).data(_ID) for index in range(self.count())]

    def _rebuild(self, n_rows: int, selected: set[int], rows: Sequence[ClipRow]) -> None:
        self.blockSignals(True)
        self.clear()
        for row in rows[:n_rows]:
            item = QListWidgetItem(self)
            item.setData(_ID, row.id)
            item.setSelected(row.id in selected)
        self.blockSignals(False)

    def _fill(self, item: QListWidgetItem, row: ClipRow, current: bool) -> None:
        item.setText(row.title)
        item.setData(_DETAIL, row.detail)
        item.setData(_ERROR, bool(row.error))
        item.setData(_CURRENT, current)
        item.setToolTip(row.error or f"{row.title}\n{row.detail}")
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{row.title}, {row.error or row.detail}")
        if current and self.currentItem() is not item:
            self.blockSignals(True)
            self.setCurrentItem(item)
            self.blockSignals(False)

    def _item_changed(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.clip_chosen.emit(item.data(_ID))

    def _remove_selected(self) -> None:
        if ids := self.selected_ids():
            self.clips_removed.emit(ids)

    def _open_menu(self, place: QPoint) -> None:
        if not self.selected_ids():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Make a test of these…", lambda: self.test_requested.emit(self.selected_ids()))
        menu.addSeparator()
        menu.addAction("Remove from the list\tDel", self._remove_selected)
        menu.popup(self.mapToGlobal(place))


class _ClipDelegate(QStyledItemDelegate):
    """Two lines: the title, and below it, muted, what the clip is."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        del index
        return QSize(10 * GRID_PX, 2 * option.fontMetrics.height() + 2 * GRID_PX)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        colors = theme()
        rect: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(colors.selected))
        if index.data(_CURRENT):
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), QColor(colors.accent))
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(colors.accent))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))
        line_px = option.fontMetrics.height()
        text = rect.adjusted(2 * GRID_PX, GRID_PX - 2, -GRID_PX, 0)
        text.setHeight(line_px)
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold if index.data(_CURRENT) else QFont.Weight.Normal)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        title = metrics.elidedText(index.data(), Qt.TextElideMode.ElideMiddle, text.width())
        painter.setPen(QColor(colors.text))
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, title)
        painter.setFont(option.font)
        text.translate(0, line_px + 3)
        painter.setPen(QColor(colors.error if index.data(_ERROR) else colors.muted))
        detail = option.fontMetrics.elidedText(index.data(_DETAIL), Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, detail)
        painter.restore()
