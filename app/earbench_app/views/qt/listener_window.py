"""The listener's window: nothing of the workbench in it, and no condition's name anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from earbench_app.views.qt.ab_view import AbView
from earbench_app.views.qt.listener_start import NamePage, TextPage
from earbench_app.views.qt.mushra_view import MushraView
from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent

TICK_MS = 33
TITLE = "Listening test"

# Larger than the workbench: read from an arm's length, hit without looking.
_STYLE = """
QWidget { font-size: 15px; }
QLabel[class="title"] { font-size: 22px; }
QLabel[class="muted"] { font-size: 13px; }
ScoreBoard QLabel[class="warning"] { font-size: 13px; }
QPushButton[scale="large"] { min-height: 40px; font-weight: 600; }
QPushButton[scale="huge"] { min-height: 120px; font-size: 28px; font-weight: 600; }
"""


class ListenerWindow(QWidget):
    """Passive: one page at a time; asks before it closes while a sitting is under way."""

    name_entered = Signal(str)
    start_requested = Signal()
    leave_requested = Signal()
    leave_confirmed = Signal()
    ticked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(TITLE)
        self.setObjectName("listener_window")
        self.resize(QSize(140 * GRID_PX, 90 * GRID_PX).boundedTo(self.screen().availableSize()))
        self.setMinimumSize(QSize(90 * GRID_PX, 70 * GRID_PX))
        self.setStyleSheet(_STYLE)
        self.mushra, self.ab = MushraView(), AbView()
        self._name, self._instructions = NamePage(), TextPage("instructions")
        self._leave, self._end = TextPage("leave"), TextPage("end")
        self._pages = QStackedWidget()
        self._returning: QWidget = self._name
        self._may_close = False
        for page in (self._name, self._instructions, self.mushra, self.ab, self._leave, self._end):
            self._pages.addWidget(page)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self._pages)
        self._connect()
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(lambda: self.ticked.emit())
        self._timer.start()

    def show_name_entry(self, title: str, listener: str, message: str) -> None:
        """Ask who is listening; the message says what went wrong before."""
        self._name.show_entry(title, listener, message)
        self._go_to(self._name)

    def show_instructions(self, title: str, text: str, button: str) -> None:
        """Show text to be read before going on."""
        self._instructions.show_text(title, text, button)
        self._go_to(self._instructions)

    def show_mushra(self) -> None:
        """Show the MUSHRA trial."""
        self._go_to(self.mushra)

    def show_ab(self) -> None:
        """Show the A/B trial."""
        self._go_to(self.ab)

    def show_leave(self, text: str) -> None:
        """Ask whether to leave."""
        if self._pages.currentWidget() is not self._leave:
            self._returning = self._pages.currentWidget() or self._name
        self._leave.show_text("Leave the test?", text, "Go on listening", "Close the window")
        self._go_to(self._leave)

    def show_end(self, title: str, text: str) -> None:
        """Show the last page."""
        self._end.show_text(title, text, "Close the window")
        self._go_to(self._end)

    def close_now(self) -> None:
        """Close without asking."""
        self._may_close = True
        self._timer.stop()
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask first, unless there is nothing to interrupt."""
        if self._may_close:
            super().closeEvent(event)
            return
        event.ignore()
        self.leave_requested.emit()

    def _connect(self) -> None:
        relay(self._name.entered, self.name_entered)
        relay(self._instructions.accepted, self.start_requested)
        self._leave.accepted.connect(lambda: self._go_to(self._returning))
        relay(self._leave.declined, self.leave_confirmed)
        relay(self._end.accepted, self.leave_confirmed)
        QShortcut(QKeySequence("F11"), self).activated.connect(self._toggle_full_screen)
        QShortcut(QKeySequence("Ctrl+Q"), self).activated.connect(self.close)  # full screen has no cross

    def _go_to(self, page: QWidget) -> None:
        self._pages.setCurrentWidget(page)
        if page in (self.mushra, self.ab):
            page.setFocus(Qt.FocusReason.OtherFocusReason)

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
