"""Play, stop, loop, time; reference and difference with its gain; volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QSizePolicy, QSlider, QToolButton, QWidget

from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.theme import GRID_PX, number_font
from earbench_app.views.qt.waveform_view import time_text

if TYPE_CHECKING:
    from psygnal import SignalInstance

    from earbench_app.views.protocols import Heard

LOWEST_VOLUME_DB, HIGHEST_MAKEUP_DB = -60, 80.0


class TransportBar(QWidget):
    """Passive: buttons emit, setters show."""

    play_toggled = Signal()
    stop_requested = Signal()
    loop_toggled = Signal()
    reference_requested = Signal()
    difference_requested = Signal()
    makeup_changed = Signal(float)
    volume_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("transport_bar")
        self._duration_s = 0.0
        self._playing = False
        self.play = self._button("play", "Play or pause (Space)", self.play_toggled)
        self.stop = self._button("stop", "Stop (Esc)", self.stop_requested)
        self.loop = self._button("loop", "Loop the selection, or the whole clip (L)", self.loop_toggled)
        self.loop.setCheckable(True)
        self.reference = self._button("", "Hear the original (R)", self.reference_requested, "R  Original")
        self.difference = self._button(
            "", "Hear the chosen version minus the original (D)", self.difference_requested, "D  Difference"
        )
        self.reference.setCheckable(True)
        self.difference.setCheckable(True)
        self._time = QLabel()
        self._time.setAccessibleName("Position and length")
        self._time.setFont(number_font(self.font()))
        self._time.setFixedWidth(15 * GRID_PX)
        self.makeup = self._makeup_box()
        self._applied = QLabel()
        self._applied.setProperty("class", "warning")
        self._applied.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.volume = self._volume_slider()
        self._volume_text = QLabel()
        self._volume_text.setProperty("class", "muted")
        self._volume_text.setFont(number_font(self.font()))
        self._volume_text.setFixedWidth(6 * GRID_PX)
        self._lay_out()

    def show_playing(self, playing: bool) -> None:
        """Turn the play button into a pause button, and back."""
        if playing != self._playing:
            self._playing = playing
            self.play.setIcon(icon("pause" if playing else "play"))
            self.play.setAccessibleName("Pause" if playing else "Play")

    def show_position(self, position_s: float) -> None:
        """Show the time, to the hundredth."""
        self._time.setText(f"{time_text(position_s)} / {time_text(self._duration_s)}")

    def show_duration(self, duration_s: float) -> None:
        """Show a clip's length; 0 disables what needs a clip."""
        self._duration_s = duration_s
        self.show_position(0.0)
        for button in (self.play, self.stop, self.loop, self.reference, self.difference):
            button.setEnabled(duration_s > 0)

    def show_looping(self, looping: bool) -> None:
        """Show whether the region loops."""
        self.loop.setChecked(looping)

    def show_heard(self, heard: Heard) -> None:
        """Show whether the original or a difference sounds."""
        self.reference.setChecked(heard.version_id is None)
        self.difference.setChecked(heard.difference and not heard.audible)

    def show_makeup(self, asked_db: float, text: str) -> None:
        """Show the gain asked for, and what was applied where it differs."""
        with QSignalBlocker(self.makeup):
            self.makeup.setValue(asked_db)
        self._applied.setText(text)
        self._applied.setToolTip(text)

    def show_volume(self, volume_db: float) -> None:
        """Set the slider."""
        with QSignalBlocker(self.volume):
            self.volume.setValue(round(volume_db))
        self._volume_text.setText(f"{volume_db:.0f} dB".replace("-", "−"))

    def _button(self, image: str, tip: str, signal: SignalInstance, text: str = "") -> QToolButton:
        button = QToolButton()
        if image:
            button.setIcon(icon(image))
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(" (")[0])
        # Checked states are the presenter's to give: undo Qt's own toggling, then tell.
        button.clicked.connect(lambda checked: self._clicked(button, checked, signal))
        return button

    def _clicked(self, button: QToolButton, checked: bool, signal: SignalInstance) -> None:
        if button.isCheckable():
            button.setChecked(not checked)
        signal.emit()

    def _makeup_box(self) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(0.0, HIGHEST_MAKEUP_DB)
        box.setDecimals(0)
        box.setSingleStep(3.0)
        box.setPrefix("+")
        box.setSuffix(" dB")
        box.setFixedWidth(11 * GRID_PX)
        box.setKeyboardTracking(False)
        box.setToolTip("Make-up gain of the difference signal")
        box.setAccessibleName("Make-up gain of the difference signal")
        box.valueChanged.connect(self.makeup_changed.emit)
        return box

    def _volume_slider(self) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(LOWEST_VOLUME_DB, 0)
        slider.setPageStep(6)
        slider.setMinimumWidth(6 * GRID_PX)
        slider.setMaximumWidth(14 * GRID_PX)
        slider.setToolTip("Volume, in dB below full scale")
        slider.setAccessibleName("Volume")
        slider.valueChanged.connect(self._volume_moved)
        return slider

    def _volume_moved(self, volume_db: int) -> None:
        self.show_volume(volume_db)
        self.volume_changed.emit(float(volume_db))

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        row.setSpacing(GRID_PX)
        for button in (self.play, self.stop, self.loop):
            row.addWidget(button)
        row.addWidget(self._time)
        row.addWidget(self.reference)
        row.addWidget(self.difference)
        row.addWidget(self.makeup)
        row.addWidget(self._applied, 1)
        speaker = QLabel()
        speaker.setPixmap(icon("volume", "muted").pixmap(16, 16))
        row.addWidget(speaker)
        row.addWidget(self.volume)
        row.addWidget(self._volume_text)
