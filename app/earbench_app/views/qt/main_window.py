"""The workbench's frame: pages along the top, the device chooser, the status line at the foot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.qt.device_chooser import DeviceChooser
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.shortcuts_overlay import Shortcuts, ShortcutsOverlay
from earbench_app.views.qt.status_line import StatusLine
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QResizeEvent

_GLOBAL_SHORTCUTS: Shortcuts = (
    ("Ctrl+1 … 9", "go to a page"),
    ("Ctrl+O", "open audio files"),
    ("F11", "full screen"),
    ("Ctrl+Q", "quit"),
    ("?", "this overlay"),
)


class MainWindow(QMainWindow):
    """Passive frame. `add_page` takes any widget; `closed` is emitted before the window goes."""

    closed = Signal()
    page_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Earbench")
        self.setObjectName("main_window")
        self.resize(QSize(160 * GRID_PX, 100 * GRID_PX))
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
        self.notice_bar = NoticeBar()
        self._help = QToolButton()
        self._build()
        self._overlay = ShortcutsOverlay(self)
        self._bind_keys()

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
        top.addWidget(self.devices)
        top.addWidget(self._help)
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, GRID_PX // 2, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(top)
        rows.addWidget(self.notice_bar)
        rows.addWidget(self._stack, 1)
        rows.addWidget(self.status_line)
        self.setCentralWidget(body)

    def _bind_keys(self) -> None:
        QShortcut(QKeySequence("?"), self).activated.connect(self.show_shortcuts)
        QShortcut(QKeySequence("Ctrl+Q"), self).activated.connect(self.close)
        QShortcut(QKeySequence("F11"), self).activated.connect(self._toggle_full_screen)

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _page_chosen(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        if page := self._stack.widget(index):
            page.setFocus()
        self.page_changed.emit(self._titles[index])
