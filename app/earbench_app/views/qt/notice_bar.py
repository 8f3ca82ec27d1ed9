"""A message in place: what failed, on what, what to do; with one button at most, and never modal.

It comes by itself, so it moves nothing: what is clicked on stays where it is. What only informs goes by
itself too; what failed stays until it is dismissed or another takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer
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
    from PySide6.QtGui import QEnterEvent, QHideEvent, QShowEvent

_CLASS = {Level.INFO: "", Level.WARNING: "warning", Level.ERROR: "error"}
_WIDEST = 76 * GRID_PX
"""So that at the foot it stays over the lists that pages have at their left."""
_MOVES = (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.Move, QEvent.Type.Resize)
READ_MS, ACT_MS = 8000, 30_000
"""After which what only informs leaves, and what has a button, such as to undo it; the pointer keeps it."""


class NoticeBar(QFrame):
    """Shows the last notice over a page.

    Parameters
    ----------
    page : QWidget
        What it floats over; its layout knows nothing of it.
    at_foot : bool
        Where it floats: at the left of the foot, or in the middle of the top, where that has the buttons.
    above : QWidget, optional
        A part of the page at the foot that comes and goes, and is not to be hidden.
    """

    action_pressed = Signal(str)

    def __init__(self, page: QWidget, *, at_foot: bool = False, above: QWidget | None = None) -> None:
        super().__init__(page)
        self.setObjectName("notice_bar")
        self._page, self._at_foot, self._above = page, at_foot, above
        self._leaving = QTimer(self, singleShot=True)
        self._leaving.timeout.connect(self.hide)
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
        self._close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        layout.addWidget(self._text)
        layout.addWidget(self._action)
        layout.addWidget(self._close)
        self._level = Level.INFO
        page.installEventFilter(self)
        if above is not None:
            above.installEventFilter(self)
        if isinstance(page, QStackedWidget):
            page.currentChanged.connect(lambda _: self._float())  # it raised the page that it shows
        self.hide()

    @property
    def text(self) -> str:
        """What is shown; empty when nothing is."""
        return "" if self.isHidden() else self._text.text()

    def show_notice(self, notice: Notice | None) -> None:
        """Show a notice in the place of the last, or none."""
        self._leaving.stop()
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
        self._leave_in_time()

    def hide_error(self) -> None:
        """Hide what failed: it is read, and other things are done now."""
        if self._level is Level.ERROR:
            self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in place when the page's size changes, or it gets more to show."""
        of_page = watched is self._page and event.type() in (QEvent.Type.Resize, QEvent.Type.ChildAdded)
        if of_page or (watched is self._above and event.type() in _MOVES):
            self._float()
        return super().eventFilter(watched, event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Stay while it is pointed at."""
        super().enterEvent(event)
        self._leaving.stop()

    def leaveEvent(self, event: QEvent) -> None:
        """Leave some time after that."""
        super().leaveEvent(event)
        self._leave_in_time()

    def showEvent(self, event: QShowEvent) -> None:
        """Make room for it, also where it comes back with its page."""
        super().showEvent(event)
        self._float_all()

    def hideEvent(self, event: QHideEvent) -> None:
        """Let others take its room."""
        super().hideEvent(event)
        self._float_all()

    def _leave_in_time(self) -> None:
        if self._level is Level.INFO:
            self._leaving.start(ACT_MS if self._action.text() else READ_MS)

    def _float_all(self) -> None:
        for bar in self.window().findChildren(NoticeBar):
            bar._float()

    def _float(self) -> None:
        """Be above all of the page, and beside the notices that parts of it show in the same place."""
        size = self._size()
        others: list[QWidget] = [
            bar
            for bar in self._page.findChildren(NoticeBar)
            if bar is not self and bar.isVisible() and bar._at_foot == self._at_foot
        ]
        if self._above is not None and self._above.isVisible():
            others.append(self._above)
        if self._at_foot:
            heads = (bar.mapTo(self._page, QPoint(0, 0)).y() for bar in others)
            left, top = GRID_PX, min(heads, default=self._page.height()) - GRID_PX - size.height()
        else:
            feet = (bar.mapTo(self._page, QPoint(0, bar.height())).y() for bar in others)
            left, top = (self._page.width() - size.width()) // 2, max(feet, default=0) + GRID_PX
        self.setGeometry(left, top, size.width(), size.height())
        self.raise_()

    def _size(self) -> QSize:
        """Return the width that the text asks for in one line, as far as there is room, and the height."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        text_px = self._text.fontMetrics().horizontalAdvance(self._text.text()) + GRID_PX
        others_px = layout.totalMinimumSize().width() - self._text.minimumSizeHint().width()
        width = min(text_px + others_px, _WIDEST, self._page.width() - 4 * GRID_PX)
        return QSize(width, layout.totalHeightForWidth(width))
