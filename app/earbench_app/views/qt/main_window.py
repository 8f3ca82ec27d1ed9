"""The workbench's frame: pages along the top, the device chooser, the status line at the foot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal, SignalInstance
from PySide6.QtCore import QByteArray, QSize, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.qt.device_chooser import DeviceChooser
from earbench_app.views.qt.file_dialogs import ask_checkpoints
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.shortcuts_overlay import Shortcuts, ShortcutsOverlay
from earbench_app.views.qt.status_line import StatusLine
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent, QResizeEvent

    from earbench_app.background.progress import WorkProgress
    from earbench_app.notifications import Notice
    from earbench_app.playback.player import OutputDevice

_TICK_MS = 250

_GLOBAL_SHORTCUTS: Shortcuts = (
    ("Ctrl+1 … 9", "go to a page"),
    ("Ctrl+O", "open audio files"),
    ("Ctrl+Shift+O", "add a checkpoint"),
    ("F11", "full screen"),
    ("Ctrl+Q", "quit"),
    ("?", "this overlay"),
)


class MainWindow(QMainWindow):
    """Passive frame. `add_page` takes any widget.

    `painted` is emitted once, when the window is first seen: what can wait should wait for it. `closed` is
    emitted before the window goes.
    """

    painted = Signal()
    closed = Signal()
    page_changed = Signal(str)
    paths_given = Signal(list)
    ticked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Earbench")
        self.setObjectName("main_window")
        self.resize(QSize(160 * GRID_PX, 100 * GRID_PX))
        self.setAcceptDrops(True)
        self._was_painted = False
        self._checkpoint_folder = ""  # where the dialog starts
        self._titles: list[str] = []
        self._shortcuts: dict[str, Shortcuts] = {}
        self._tabs = QTabBar()
        self._tabs.setProperty("class", "navigation")
        self._tabs.setAccessibleName("Pages")
        self._tabs.setDrawBase(False)
        self._tabs.setExpanding(False)
        self._tabs.currentChanged.connect(self._page_chosen)
        self._stack = QStackedWidget()
        self.devices = DeviceChooser()
        self.status_line = StatusLine()
        self.notice_bar = NoticeBar(self._stack, at_foot=True)
        self._help = QToolButton()
        self._build()
        self._overlay = ShortcutsOverlay(self)
        self._bind_keys()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.ticked.emit)
        self._timer.start(_TICK_MS)

    @property
    def device_chosen(self) -> SignalInstance:
        """(key, or None for the system's default)."""
        return self.devices.device_chosen

    @property
    def devices_opening(self) -> SignalInstance:
        """(): the list is about to be seen."""
        return self.devices.opening

    @property
    def cancel_requested(self) -> SignalInstance:
        """(): of the background work."""
        return self.status_line.cancel_requested

    def show_devices(self, devices: Sequence[OutputDevice], chosen: str | None) -> None:
        """List the outputs."""
        self.devices.show_devices(devices, chosen)

    def show_work(self, progress: WorkProgress | None) -> None:
        """Show background work."""
        self.status_line.show_work(progress)

    def show_device_state(self, text: str, warning: bool) -> None:
        """Say how the device does."""
        self.status_line.show_device(text, warning=warning)

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message over all pages."""
        self.notice_bar.show_notice(notice)

    def add_page(self, title: str, widget: QWidget, shortcuts: Shortcuts = ()) -> None:
        """Add a page at the end of the navigation; its shortcuts appear in the `?` overlay."""
        self._titles.append(title)
        self._shortcuts[title] = shortcuts
        self._stack.addWidget(widget)
        index = self._tabs.addTab(title)
        keys = QKeySequence(f"Ctrl+{index + 1}")
        self._tabs.setTabToolTip(index, f"{title} ({keys.toString()})")
        QShortcut(keys, self).activated.connect(lambda: self.show_page(title))

    def show_page(self, title: str) -> None:
        """Go to a page; a title there is none of is ignored, as it may come from old settings."""
        if title in self._titles:
            self._tabs.setCurrentIndex(self._titles.index(title))

    @property
    def page(self) -> str:
        """Title of the page shown."""
        index = self._tabs.currentIndex()
        return self._titles[index] if index >= 0 else ""

    def ask_checkpoints(self) -> None:
        """Let the user choose checkpoints."""
        ask_checkpoints(self, self._checkpoint_folder, self._checkpoints_chosen)

    def show_shortcuts(self) -> None:
        """Open the overlay with the shortcuts of this page and of the window."""
        groups = [(self.page, self._shortcuts.get(self.page, ())), ("Everywhere", _GLOBAL_SHORTCUTS)]
        self._overlay.open([group for group in groups if group[1]])

    def geometry_text(self) -> str:
        """Return size and place as text for the settings."""
        return bytes(self.saveGeometry().toBase64().data()).decode("ascii")

    def restore_geometry_text(self, text: str) -> None:
        """Take size and place from the settings; nonsense is ignored by Qt."""
        self.restoreGeometry(QByteArray.fromBase64(text.encode("ascii", "ignore")))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Welcome files and folders, on whatever page."""
        if dropped_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take files and folders."""
        if paths := dropped_paths(event):
            event.acceptProposedAction()
            self.paths_given.emit(paths)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tell, after the first time, that the window is there."""
        super().paintEvent(event)
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self, self.painted.emit)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell the presenters, then close."""
        self.closed.emit()
        super().closeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the overlay over the whole window."""
        super().resizeEvent(event)
        if self._overlay.isVisible():
            self._overlay.close_overlay()

    def _build(self) -> None:
        self._help.setText("?")
        self._help.setProperty("class", "quiet")
        self._help.setToolTip("Keyboard shortcuts (?)")
        self._help.setAccessibleName("Keyboard shortcuts")
        self._help.clicked.connect(self.show_shortcuts)
        top = QHBoxLayout()
        top.setContentsMargins(GRID_PX, 0, GRID_PX, 0)
        top.addWidget(self._tabs, 1, Qt.AlignmentFlag.AlignBottom)
        output = QLabel("Output:")
        output.setProperty("class", "muted")
        output.setBuddy(self.devices)
        top.addWidget(output)
        top.addSpacing(GRID_PX // 2)
        top.addWidget(self.devices)
        top.addWidget(self._help)
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, GRID_PX // 2, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(top)
        rows.addWidget(self._stack, 1)
        rows.addWidget(self.status_line)
        self.setCentralWidget(body)

    def _bind_keys(self) -> None:
        help_keys = QShortcut(self)
        help_keys.setKeys([QKeySequence("?"), QKeySequence("Shift+?")])  # as the platform reports it
        help_keys.activated.connect(self.show_shortcuts)
        QShortcut(QKeySequence("Ctrl+Shift+O"), self).activated.connect(self.ask_checkpoints)
        QShortcut(QKeySequence("Ctrl+Q"), self).activated.connect(self.close)
        QShortcut(QKeySequence("F11"), self).activated.connect(self._toggle_full_screen)

    def _checkpoints_chosen(self, paths: list[Path]) -> None:
        self._checkpoint_folder = str(paths[0].parent)
        self.paths_given.emit(paths)

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _page_chosen(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        if page := self._stack.widget(index):
            page.setFocus()
        self.notice_bar.hide_error()
        self.page_changed.emit(self._titles[index])


def dropped_paths(event: QDropEvent) -> list[Path]:
    """Return the files and folders that are dragged or dropped."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]


def state_text(splitter: QSplitter) -> str:
    """Return a splitter's state as text for the settings."""
    return bytes(splitter.saveState().toBase64().data()).decode("ascii")


def restore_state(splitter: QSplitter, text: str) -> None:
    """Take a splitter's state from the settings; nonsense is ignored by Qt."""
    splitter.restoreState(QByteArray.fromBase64(text.encode("ascii", "ignore")))
