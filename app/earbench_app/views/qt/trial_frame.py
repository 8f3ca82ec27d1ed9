"""What a MUSHRA and an A/B trial have in common: progress above, the sound, the comment and Next below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.loop_waveform import LoopWaveform
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.shortcuts_overlay import ShortcutsOverlay
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.volume_control import VolumeControl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from earbench_app.notifications import Notice
    from earbench_app.presenters.trial_playback import Heard
    from earbench_app.views.qt.shortcuts_overlay import Shortcuts

REFERENCE = "R"
_COMMENT_MS = 800


class TrialFrame(QWidget):
    """Passive. Subclasses put their signals into `body` and their keys into `press_key`."""

    play_requested = Signal(str)
    play_toggled = Signal()
    seek_requested = Signal(float)
    loop_changed = Signal(object, bool)
    comment_changed = Signal(str)
    volume_changed = Signal(float)
    next_requested = Signal()

    repeating_keys: frozenset[int] = frozenset()
    """Keys that act again while they are held; any other would switch back and forth."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.labels: tuple[str, ...] = ()
        self._region_s, self._loop_on, self._position_s = (0.0, 0.0), True, 0.0
        self._place = QLabel()
        self._bar = QProgressBar()
        self.volume = VolumeControl()
        self._waveform = LoopWaveform()
        self._reference = QPushButton("R")
        self._play = QPushButton()
        self._loop = QPushButton("Loop")
        self._device = QLabel()
        self.notices = NoticeBar(self)
        self.body = QVBoxLayout()
        self._comment = QLineEdit()
        self._status = QLabel()
        self._next = QPushButton("Next")
        self._keys = QPushButton("Keys")
        self._commenting = QTimer(self, singleShot=True, interval=_COMMENT_MS)
        self._build()
        self._connect()
        self._help = ShortcutsOverlay(self)

    @property
    def loop_key(self) -> str:
        """The key that turns the loop on and off: L, unless a signal has that label."""
        return "Ctrl+L" if "L" in self.labels else "L"

    def set_labels(self, labels: tuple[str, ...], has_reference: bool) -> None:
        """Take the trial's labels; the reference has its own button."""
        self.labels = labels
        self._reference.setVisible(has_reference)
        self._loop.setToolTip(f"Loop the selection ({self.loop_key}); [ and ] set its ends at the playhead")

    def show_progress(self, trial: int, of: int, training: bool) -> None:
        """Say where the listener is."""
        self._place.setText(
            f"Training {trial} of {of} · scores are not used" if training else f"Trial {trial} of {of}"
        )
        self._bar.setRange(0, of)
        self._bar.setValue(trial - 1)
        self._next.setText("Next")
        self._bar.setAccessibleName(self._place.text())

    def show_waveform(self, peaks: NDArray[np.float32] | None, duration_s: float) -> None:
        """Draw the reference, or a bare time line."""
        self._waveform.show_waveform(peaks, duration_s)

    def show_loop(self, region_s: tuple[float, float], on: bool) -> None:
        """Draw the loop."""
        self._region_s, self._loop_on = region_s, on
        self._waveform.show_loop(region_s, on)
        self._loop.setChecked(on)
        self._loop.setAccessibleName(f"Loop, {'on' if on else 'off'}")

    def show_comment(self, text: str, allowed: bool) -> None:
        """Show the comment, or no field for one."""
        self._commenting.stop()
        self._comment.setVisible(allowed)
        self._comment.setText(text)

    def show_volume(self, volume_db: float, locked: bool) -> None:
        """Show the listener's level and whether it may be moved."""
        self.volume.show_volume(volume_db, locked)

    def show_heard(self, heard: Heard) -> None:
        """Show the playhead and what plays."""
        self._position_s = heard.position_s
        self._waveform.show_position(heard.position_s)
        self._device.setText(heard.banner)
        self._device.setVisible(bool(heard.banner))
        self._play.setIcon(icon("pause" if heard.playing else "play"))
        self._play.setText("Pause" if heard.playing else "Play")
        on_reference = heard.chosen == REFERENCE
        self._reference.setChecked(on_reference)
        self._reference.setIcon(icon("pause" if heard.label == REFERENCE else "play"))
        action = "Pause" if heard.label == REFERENCE else "Play"
        self._reference.setAccessibleName(f"{action} the reference")

    def show_next(self, complete: bool, text: str) -> None:
        """Show whether the trial is complete; Next stays live, to say what is missing."""
        self._status.setText(text)
        self._next.setProperty("class", "primary" if complete else "")
        self._next.style().polish(self._next)

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place, or none."""
        self.notices.show_notice(notice)

    def key_groups(self) -> list[tuple[str, Shortcuts]]:
        """Return the subclass's own keys, by group."""
        raise NotImplementedError

    def press_key(self, event: QKeyEvent) -> bool:
        """Act on a key of the subclass; return whether it was one."""
        raise NotImplementedError

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Act on a key, wherever in the trial the focus is."""
        held = event.isAutoRepeat() and event.key() not in self.repeating_keys
        if not (held or self.press_key(event) or self._press_common(event)):
            event.ignore()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave the comment with Enter or Esc, back to the keys of the trial."""
        if watched is self._comment and event.type() == QEvent.Type.KeyPress:
            key = event.key()  # type: ignore[attr-defined]  # a QKeyEvent, as its type says
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
                self._commented()
                self.setFocus()
                return True
        return super().eventFilter(watched, event)

    def before_leaving(self) -> None:
        """Hand over what is still in the fields."""
        self._commented()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Close the list of keys, which covers the page as it was."""
        super().resizeEvent(event)
        if self._help.isVisible():
            self._help.close_overlay()

    def _show_keys(self) -> None:
        sound = (
            ("Space", "play, pause"),
            (self.loop_key, "loop the selection, or play through"),
            ("[  ]", "begin or end the loop at the playhead"),
        )
        trial = (
            ("Enter", "next trial"),
            ("Tab", "go from control to control, to the comment too"),
            ("Esc", "leave the comment"),
            ("F11", "full screen"),
            ("Ctrl+Q", "leave the test; it can be resumed"),
        )
        self._help.open([*self.key_groups(), ("Sound", sound), ("Trial", trial)])

    def _press_common(self, event: QKeyEvent) -> bool:
        key, text = event.key(), event.text().upper()
        ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if key == Qt.Key.Key_Space:
            self.play_toggled.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._go_on()
        elif key == Qt.Key.Key_L and ctrl == (self.loop_key != "L"):
            self._toggle_loop()
        elif text == REFERENCE and not self._reference.isHidden() and not ctrl:
            self.play_requested.emit(REFERENCE)
        elif text in self.labels and text and not ctrl:
            self.play_requested.emit(text)
        elif text == "?":
            self._show_keys()
        elif text in ("[", "]"):
            start_s, end_s = self._region_s
            region = (self._position_s, end_s) if text == "[" else (start_s, self._position_s)
            self.loop_changed.emit((min(region), max(region)), True)
        else:
            return False
        return True

    def _go_on(self) -> None:
        self.before_leaving()
        self.next_requested.emit()

    def _toggle_loop(self) -> None:
        self.loop_changed.emit(self._region_s, not self._loop_on)

    def _commented(self) -> None:
        self._commenting.stop()
        if not self._comment.isHidden():
            self.comment_changed.emit(self._comment.text())

    def _connect(self) -> None:
        self._reference.clicked.connect(lambda: self.play_requested.emit(REFERENCE))
        self._play.clicked.connect(lambda: self.play_toggled.emit())
        self._loop.clicked.connect(lambda: self._toggle_loop())
        self._next.clicked.connect(lambda: self._go_on())
        self._keys.clicked.connect(lambda: self._show_keys())
        relay(self._waveform.seek_requested, self.seek_requested)
        self._waveform.loop_changed.connect(lambda region: self.loop_changed.emit(region, True))
        relay(self.volume.volume_changed, self.volume_changed)
        self._comment.textEdited.connect(lambda: self._commenting.start())
        self._comment.editingFinished.connect(self._commented)
        self._comment.installEventFilter(self)
        self._commenting.timeout.connect(self._commented)

    def _build(self) -> None:
        self._name_and_dress()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(4 * GRID_PX, 2 * GRID_PX, 4 * GRID_PX, 3 * GRID_PX)
        rows.setSpacing(2 * GRID_PX)
        rows.addLayout(_row(self._place, None, self.volume, self._keys))
        rows.addWidget(self._bar)
        rows.addWidget(self._device)
        buttons = QVBoxLayout()
        buttons.addWidget(self._play)
        buttons.addWidget(self._loop)
        sound = _row(self._reference, self._waveform)
        sound.addLayout(buttons)
        rows.addLayout(sound)
        rows.addLayout(self.body, 1)
        footer = _row(self._comment, self._status, self._next)
        footer.setStretch(0, 1)
        rows.addLayout(footer)

    def _name_and_dress(self) -> None:
        for widget, name in (
            (self._reference, "play_R"),
            (self._play, "play_pause"),
            (self._loop, "loop"),
            (self._comment, "comment"),
            (self._next, "next"),
            (self._keys, "keys"),
            (self._status, "status"),
            (self._place, "place"),
        ):
            widget.setObjectName(name)
        self._place.setProperty("class", "title")
        self._bar.setTextVisible(False)
        self._device.setProperty("class", "error")
        self._device.setWordWrap(True)
        self._device.hide()
        self._reference.setMinimumWidth(12 * GRID_PX)
        self._reference.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self._reference.setToolTip("Play the reference (R)")
        self._reference.setCheckable(True)
        self._play.setToolTip("Play or pause (Space)")
        self._loop.setIcon(icon("loop"))
        self._loop.setCheckable(True)
        self._next.setToolTip("Finish this trial and go on (Enter)")
        self._next.setMinimumWidth(14 * GRID_PX)
        self._keys.setToolTip("Show what each key does (?)")
        for button in (self._reference, self._next):
            button.setProperty("scale", "large")
        self._comment.setPlaceholderText("Comment (optional)")
        self._comment.setAccessibleName("Comment on this trial, optional")
        for button in (self._reference, self._play, self._loop, self._next, self._keys):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._comment.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)


def _row(*widgets: QWidget | None) -> QHBoxLayout:
    """Lay widgets out in a row; None is a stretch."""
    row = QHBoxLayout()
    row.setSpacing(2 * GRID_PX)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget)
    return row
