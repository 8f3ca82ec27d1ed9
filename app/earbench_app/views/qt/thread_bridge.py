"""From any thread to Qt's main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

if TYPE_CHECKING:
    from collections.abc import Callable


class MainThread(QObject):
    """Runs functions on the thread it was made in, in the order they were posted."""

    _posted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed = False
        self._posted.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def post(self, function: Callable[[], None]) -> None:
        """Call it soon on the main thread; may be called from any thread."""
        self._posted.emit(function)

    def close(self) -> None:
        """Drop what has not been called yet."""
        self._closed = True

    def _call(self, function: Callable[[], None]) -> None:
        if not self._closed:
            function()
