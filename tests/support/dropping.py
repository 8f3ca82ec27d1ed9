"""Drags files over a window and drops them, as the window system does it: through the window's handle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtWidgets import QWidget


def drop(target: QWidget, paths: Sequence[Path]) -> bool:
    """Drop files on the middle of a widget; return whether whatever lies there took them."""
    window = target.window()
    place = target.mapTo(window, QPoint(target.width() // 2, target.height() // 2))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    copy = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(place, copy, data, buttons, keys)
    QApplication.sendEvent(window.windowHandle(), enter)
    if not enter.isAccepted():
        return False
    QApplication.sendEvent(window.windowHandle(), QDragMoveEvent(place, copy, data, buttons, keys))
    event = QDropEvent(place, copy, data, buttons, keys)
    QApplication.sendEvent(window.windowHandle(), event)
    return event.isAccepted()
