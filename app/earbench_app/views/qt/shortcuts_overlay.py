"""The `?` overlay: every shortcut of the page, over the window; any key or click closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from earbench_app.views.qt.theme import GRID_PX, theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEvent

Shortcuts = tuple[tuple[str, str], ...]  # (key, what it does)


class ShortcutsOverlay(QWidget):
    """Covers its parent while shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setObjectName("shortcuts_overlay")
        self.setAccessibleName("Keyboard shortcuts")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._card = QFrame(self)
        self._card.setObjectName("shortcuts_card")
        self._rows = QVBoxLayout(self._card)
        self._rows.setContentsMargins(*[4 * GRID_PX] * 4)
        self._rows.setSpacing(2 * GRID_PX)
        self._before: QWidget | None = None
        self.hide()

    def open(self, groups: Sequence[tuple[str, Shortcuts]]) -> None:
        """Show these shortcuts, group by group."""
        while (item := self._rows.takeAt(0)) is not None:
            if widget := item.widget():
                widget.deleteLater()
        for title, shortcuts in groups:
            self._rows.addWidget(_group(title, shortcuts))
        self._before = self._parent.window().focusWidget()
        self._place()
        self.show()
        self.raise_()
        self.setFocus()

    def close_overlay(self) -> None:
        """Hide it and give the focus back."""
        self.hide()
        if self._before is not None:
            self._before.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on any key."""
        event.accept()
        self.close_overlay()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close on a click."""
        event.accept()
        self.close_overlay()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Dim what lies below."""
        del event
        shade = QColor(theme().window)
        shade.setAlphaF(0.8)
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), shade)

    def _place(self) -> None:
        self.setGeometry(self._parent.rect())
        self._card.setStyleSheet(
            f"#shortcuts_card {{ background: {theme().surface}; border: 1px solid {theme().line};"
            " border-radius: 12px; }"
        )
        self._card.adjustSize()
        self._card.move(self.rect().center() - self._card.rect().center())


def _group(title: str, shortcuts: Shortcuts) -> QWidget:
    group = QWidget()
    grid = QGridLayout(group)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(3 * GRID_PX)
    heading = QLabel(title)
    heading.setProperty("class", "heading")
    grid.addWidget(heading, 0, 0, 1, 2)
    for row, (key, what) in enumerate(shortcuts, start=1):
        label = QLabel(key)
        label.setProperty("class", "muted")
        grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(QLabel(what), row, 1)
    grid.setColumnMinimumWidth(0, 12 * GRID_PX)  # the same in every group
    grid.setColumnStretch(1, 1)
    return group
