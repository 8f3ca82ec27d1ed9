"""A message in place: what failed, on what, what to do; with one button at most, and never modal.

It comes and goes by itself, so it moves nothing: what is clicked on stays where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from earbench_app.notifications import Level, Notice
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QShowEvent

_CLASS = {Level.INFO: "", Level.WARNING: "warning", Level.ERROR: "error"}
_WIDEST = 90 * GRID_PX


class NoticeBar(QFrame):
    """Shows the last notice, over the top of a page, until it is dismissed or replaced.

    Parameters
    ----------
    page : QWidget
        What it floats over; its layout knows nothing of it.
    """

    action_pressed = Signal(str)
    dismissed = Signal()

    def __init__(self, page: QWidget) -> None:
        super().__init__(page)
        self.setObjectName("notice_bar")
        self._page = page
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)  # a file name is no markup
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._action = QPushButton()
        self._action.hide()
        self._action.clicked.connect(lambda: self.action_pressed.emit(self._action.text()))
        self._close = QToolButton()
        self._close.setProperty("class", "quiet")
        self._close.setIcon(icon("close"))
        self._close.setToolTip("Dismiss this message")
        self._close.setAccessibleName("Dismiss this message")
        self._close.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        layout.addWidget(self._text)
        layout.addWidget(self._action)
        layout.addWidget(self._close)
        self._level = Level.INFO
        page.installEventFilter(self)
        if isinstance(page, QStackedWidget):
            page.currentChanged.connect(lambda _: self._float())  # it raised the page that it shows
        self.hide()

    @property
    def text(self) -> str:
        """What is shown; empty when nothing is."""
        return "" if self.isHidden() else self._text.text()

    def show_notice(self, notice: Notice | None) -> None:
        """Show a notice in the place of the last, or none."""
        if notice is None:
            self.hide()
            return
        self._level = notice.level
        self._text.setText(notice.text)
        self._text.setAccessibleName(f"{notice.level}: {notice.text}")
        self._text.setProperty("class", _CLASS[notice.level])
        self._text.style().polish(self._text)
        self._action.setText(notice.action)
        self._action.setVisible(bool(notice.action))
        self.show()
        self._float()

    def hide_error(self) -> None:
        """Hide what failed: it is read, and other things are done now."""
        if self._level is Level.ERROR:
            self.hide()

    def dismiss(self) -> None:
        """Hide it, and say so."""
        self.hide()
        self.dismissed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay over the page's top when its size changes, or it gets more to show."""
        if watched is self._page and event.type() in (QEvent.Type.Resize, QEvent.Type.ChildAdded):
            self._float()
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:
        """Make room for it, also where it comes back with its page."""
        super().showEvent(event)
        self._float_all()

    def hideEvent(self, event: QHideEvent) -> None:
        """Let others take its room."""
        super().hideEvent(event)
        self._float_all()

    def _float_all(self) -> None:
        for bar in self.window().findChildren(NoticeBar):
            bar._float()

    def _float(self) -> None:
        """Be above all of the page, and below the notices that parts of it show."""
        others = (bar for bar in self._page.findChildren(NoticeBar) if bar is not self and bar.isVisible())
        feet = (bar.mapTo(self._page, QPoint(0, bar.height())).y() for bar in others)
        self._place(max(feet, default=0) + GRID_PX)
        self.raise_()

    def _place(self, top: int) -> None:
        """Take the middle, as wide as the text in one line asks for, and as high as it needs."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        text_px = self._text.fontMetrics().horizontalAdvance(self._text.text()) + GRID_PX
        others_px = layout.minimumSize().width() - self._text.minimumSizeHint().width()
        width = min(text_px + others_px, _WIDEST, self._page.width() - 4 * GRID_PX)
        left = (self._page.width() - width) // 2
        self.setGeometry(left, top, width, layout.heightForWidth(width))
