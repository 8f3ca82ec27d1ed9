"""The audition page: clips at the left; waveform, spectrogram, transport and versions at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from earbench_app.views.qt.shortcuts_overlay import Shortcuts

SHORTCUTS: Shortcuts = (
    ("Space", "play or pause"),
    ("1 … 9, 0", "choose a version"),
    ("R", "the original"),
    ("D", "difference of the chosen version"),
    ("L", "loop on or off"),
    ("← →", "1 s back or on; with Shift 0.1 s"),
    ("Esc", "stop"),
    ("Ctrl+E", "export the version as WAV"),
    ("Ctrl+Z", "undo a removal"),
    ("Delete", "remove the clip or version in focus"),
)


class AuditionPage(QWidget):
    """Passive view of the audition."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("audition_page")
