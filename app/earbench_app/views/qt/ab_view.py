"""An A/B or ABX trial on the screen: listen above, choose below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy

from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.trial_frame import REFERENCE, TrialFrame

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QWidget

    from earbench_app.presenters.trial_playback import Heard
    from earbench_app.views.qt.shortcuts_overlay import Shortcuts

_X = "X"
_CHOICES = ("a", "none", "b")
_CHOICE_KEYS = {
    Qt.Key.Key_Left: "a",
    Qt.Key.Key_1: "a",
    Qt.Key.Key_Down: "none",
    Qt.Key.Key_2: "none",
    Qt.Key.Key_Right: "b",
    Qt.Key.Key_3: "b",
}


class AbView(TrialFrame):
    """Passive. A, S, D listen to what stands left, in the middle and right; the arrows choose."""

    choice_made = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._middle = ""
        self._listen = [_big_button() for _ in range(3)]
        self._marks = [QLabel() for _ in range(3)]
        self._choose = {choice: QPushButton() for choice in _CHOICES}
        self._key_line = QLabel()
        self._lay_out()
        for index, button in enumerate(self._listen):
            button.clicked.connect(lambda _=False, index=index: self._play_place(index))
        for choice, button in self._choose.items():
            button.clicked.connect(lambda _=False, choice=choice: self._chose(choice))

    def show_trial(self, labels: Sequence[str], has_reference: bool, allow_tie: bool) -> None:
        """Lay out the signals; an "X" among the labels asks which one it is."""
        self.set_labels(tuple(labels), False)  # the original stands between A and B here
        self._middle = _X if _X in labels else REFERENCE if has_reference else ""
        names = ("A", {_X: "X", REFERENCE: "Original"}.get(self._middle, ""), "B")
        for index, (button, name) in enumerate(zip(self._listen, names, strict=True)):
            button.setVisible(bool(name))
            button.setText(name)
            button.setObjectName(f"play_{self._places()[index]}")
            button.setToolTip(f"Listen to {name} ({'ASD'[index]})")
        abx = self._middle == _X
        self._choose["a"].setText("X is A" if abx else "I prefer A")
        self._choose["b"].setText("X is B" if abx else "I prefer B")
        self._choose["none"].setVisible(allow_tie)
        self._key_line.setText(self._short_keys(allow_tie))
        self._show_middle(bool(self._middle) or allow_tie)
        self.setFocus()

    def show_choice(self, choice: str | None) -> None:
        """Show what was chosen."""
        for name, button in self._choose.items():
            chosen = name == choice
            button.setChecked(chosen)
            button.setIcon(icon("check" if chosen else "circle"))
            button.setAccessibleName(f"{button.text()}{', chosen' if chosen else ''}")

    def show_heard_labels(self, labels: AbstractSet[str]) -> None:
        """Show what was listened to so far."""
        for label, mark in zip(self._places(), self._marks, strict=True):
            wanted = label in self.labels
            mark.setText("" if not wanted else "heard" if label in labels else "not yet heard")

    def show_heard(self, heard: Heard) -> None:
        """Show which one plays."""
        super().show_heard(heard)
        for label, button in zip(self._places(), self._listen, strict=True):
            playing = bool(label) and heard.label == label
            button.setChecked(bool(label) and heard.chosen == label)
            button.setIcon(icon("pause" if playing else "play"))
            button.setAccessibleName(f"{'Pause' if playing else 'Play'} {button.text()}")

    def key_groups(self) -> list[tuple[str, Shortcuts]]:
        """Return what the keys of this page do."""
        middle = {_X: "X", REFERENCE: "the original"}.get(self._middle, "")
        listen = [("A", "listen to A; again: pause"), ("S", f"listen to {middle}"), ("D or B", "listen to B")]
        choices = (("←  or 1", "a"), ("↓  or 2", "none"), ("→  or 3", "b"))
        offered = [(keys, self._choose[one]) for keys, one in choices if not self._choose[one].isHidden()]
        return [
            ("Listen", tuple(line for line in listen if middle or line[0] != "S")),
            ("Choose", tuple((keys, button.text()) for keys, button in offered)),
        ]

    def press_key(self, event: QKeyEvent) -> bool:
        """Listen or choose."""
        key = Qt.Key(event.key())
        choice = _CHOICE_KEYS.get(key)
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return False
        if choice and not self._choose[choice].isHidden():
            self._chose(choice)
        elif event.text().upper() in ("A", "S", "D", "B", self._middle or "-"):
            self._play_place({"A": 0, "D": 2, "B": 2}.get(event.text().upper(), 1))
        else:
            return False
        return True

    def _places(self) -> tuple[str, str, str]:
        return ("A", self._middle, "B")

    def _play_place(self, index: int) -> None:
        if label := self._places()[index]:
            self.play_requested.emit(label)

    def _chose(self, choice: str) -> None:
        self.choice_made.emit(choice)

    def _short_keys(self, allow_tie: bool) -> str:
        listen = "A · S · D  listen" if self._middle else "A · D  listen"
        choose = "← · ↓ · →  choose" if allow_tie else "← · →  choose"
        parts = [listen, choose, "Space  play, pause", f"{self.loop_key}  loop", "Enter  next", "?  all keys"]
        return "        ".join(parts)

    def _show_middle(self, used: bool) -> None:
        """Give the middle column its third, or leave all the room to A and B."""
        self._grid.setColumnStretch(1, int(used))
        self._marks[1].setVisible(used)

    def _lay_out(self) -> None:
        grid = self._grid = QGridLayout()
        grid.setHorizontalSpacing(3 * GRID_PX)
        grid.setVerticalSpacing(GRID_PX)
        for column, (button, mark) in enumerate(zip(self._listen, self._marks, strict=True)):
            mark.setAlignment(Qt.AlignmentFlag.AlignCenter)
            mark.setProperty("class", "muted")
            grid.addWidget(button, 0, column)
            grid.addWidget(mark, 1, column)
            grid.setColumnStretch(column, 1)
        grid.setRowStretch(0, 3)
        grid.setRowMinimumHeight(2, 2 * GRID_PX)
        grid.setRowStretch(4, 1)
        self._choose["none"].setText("No preference")
        for column, (choice, button) in enumerate(self._choose.items()):
            button.setObjectName(f"choose_{choice}")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setProperty("scale", "large")
            grid.addWidget(button, 3, column)
        self._key_line.setProperty("class", "muted")
        self._key_line.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._key_line.setWordWrap(True)
        self.body.addLayout(grid, 1)
        self.body.addWidget(self._key_line)


def _big_button() -> QPushButton:
    button = QPushButton()
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    button.setMaximumHeight(36 * GRID_PX)
    button.setProperty("scale", "huge")
    button.setIconSize(QSize(3 * GRID_PX, 3 * GRID_PX))
    button.setCheckable(True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
