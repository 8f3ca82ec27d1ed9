"""The line at the window's foot: work under way at the left, the sound device at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QWidget

from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from earbench_app.background.progress import WorkProgress


class StatusLine(QWidget):
    """Passive: shows what it is given, reports the press of cancel."""

    cancel_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("status_line")
        self._work = QLabel()
        self._work.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(20 * GRID_PX)
        self._bar.setAccessibleName("Progress of the background work")
        self._eta = QLabel()
        self._eta.setProperty("class", "muted")
        self._cancel = QToolButton()
        self._cancel.setProperty("class", "quiet")
        self._cancel.setIcon(icon("close"))
        self._cancel.setToolTip("Cancel the background work")
        self._cancel.setAccessibleName("Cancel the background work")
        self._cancel.clicked.connect(lambda: self.cancel_requested.emit())
        self._device = QLabel()
        self._device.setTextFormat(Qt.TextFormat.PlainText)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID_PX, 0, 2 * GRID_PX, 0)
        layout.setSpacing(GRID_PX)
        for widget in (self._work, self._bar, self._eta, self._cancel):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(self._device)
        self.setFixedHeight(4 * GRID_PX)
        self.show_work(None)

    @property
    def text(self) -> str:
        """What is said of the work and the device."""
        return f"{self._work.text()} · {self._device.text()}".strip(" ·")

    def show_work(self, progress: WorkProgress | None) -> None:
        """Show a batch of work, or that there is none."""
        for widget in (self._bar, self._eta, self._cancel):
            widget.setVisible(progress is not None)
        self._work.setText(progress.text if progress else "")
        if progress:
            self._bar.setRange(0, progress.n_total)
            self._bar.setValue(progress.n_done)
            self._eta.setText(progress.eta_text)

    def show_device(self, text: str, *, warning: bool = False) -> None:
        """Say what the device does, such as ``no underruns · 48 kHz``."""
        if text == self._device.text():
            return
        self._device.setText(text)
        self._device.setProperty("class", "warning" if warning else "muted")
        self._device.style().polish(self._device)
