"""A MUSHRA trial on the screen: reference, sliders under letters, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.score_board import ScoreBoard
from earbench_app.views.qt.trial_frame import REFERENCE, TrialFrame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QWidget

    from earbench_app.presenters.trial_playback import Heard
    from earbench_app.views.qt.shortcuts_overlay import Shortcuts

_STEPS = {
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_PageUp: 10,
    Qt.Key.Key_PageDown: -10,
}


class MushraView(TrialFrame):
    """Passive. Keys: letters and R choose, digits and arrows score what plays, Enter goes on."""

    score_changed = Signal(str, float)
    repeating_keys = frozenset(_STEPS)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._board = ScoreBoard()
        self._chosen = ""
        self._key_line = QLabel()
        self._key_line.setProperty("class", "muted")
        self._key_line.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.body.addWidget(self._board, 1)
        self.body.addWidget(self._key_line)
        self._board.play_requested.connect(self._play_label)
        relay(self._board.score_changed, self.score_changed)

    def show_trial(self, labels: Sequence[str], has_reference: bool) -> None:
        """Lay out one slider a label."""
        self.set_labels(tuple(labels), has_reference)
        self._board.set_labels(labels)
        self._key_line.setText(
            f"{labels[0]} to {labels[-1]}, R  listen        ↑ ↓ or digits  score what is playing        "
            f"Space  play, pause        {self.loop_key}  loop        Enter  next        ?  all keys"
        )
        self.setFocus()

    def show_scores(self, scores: Mapping[str, float | None]) -> None:
        """Set the sliders; None is one not yet touched."""
        self._board.show_scores(scores)

    def mark_untouched(self, labels: Sequence[str]) -> None:
        """Point out what still needs a score."""
        self._board.mark_untouched(labels)

    def show_heard(self, heard: Heard) -> None:
        """Enable the slider of what is audible."""
        super().show_heard(heard)
        self._chosen = heard.chosen
        self._board.show_playing(heard.label, heard.chosen)

    def key_groups(self) -> list[tuple[str, Shortcuts]]:
        """Return what the keys of this page do."""
        listen = (
            (f"{self.labels[0]} to {self.labels[-1]}", "listen to this signal; again: pause"),
            (REFERENCE, "listen to the reference"),
            ("←  →", "listen to the neighbour"),
        )
        score = (
            ("0 to 9", "type the score of what is playing: two digits, or 100; Enter ends a short one"),
            ("↑  ↓", "one point up or down"),
            ("Page ↑  Page ↓", "ten points up or down"),
        )
        return [("Listen", listen), ("Score", score)]

    def press_key(self, event: QKeyEvent) -> bool:
        """Score, or move to the neighbour."""
        key = Qt.Key(event.key())
        if event.text().isdecimal():
            self._board.type_digit(event.text())
        elif key in _STEPS:
            self._board.nudge(_STEPS[key], final=not event.isAutoRepeat())
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._play_neighbour(1 if key == Qt.Key.Key_Right else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._board.is_typing:
            self._board.finish_typing()
        else:
            self._board.finish_typing()  # any other key ends a number
            return False
        return True

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Score where a held arrow key has come to."""
        if event.key() in _STEPS and not event.isAutoRepeat():
            self._board.commit()

    def before_leaving(self) -> None:
        """Hand over what is still in the fields."""
        self._board.finish_typing()
        super().before_leaving()

    def _play_label(self, label: str) -> None:
        self._board.finish_typing()
        self.play_requested.emit(label)

    def _play_neighbour(self, step: int) -> None:
        order = (REFERENCE, *self.labels)
        at = order.index(self._chosen) if self._chosen in order else 0
        self._play_label(order[(at + step) % len(order)])
