"""The listener's level: ±4 dB, fixed from the first sound of an item to its end."""

from __future__ import annotations

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from earbench_app.views.qt.theme import GRID_PX

RANGE_DB = 4
_STEPS_PER_DB = 2


class VolumeControl(QWidget):
    """Passive."""

    volume_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("volume")
        self._slider.setRange(-RANGE_DB * _STEPS_PER_DB, RANGE_DB * _STEPS_PER_DB)
        self._slider.setFixedWidth(16 * GRID_PX)
        self._slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._slider.valueChanged.connect(lambda value: self.volume_changed.emit(value / _STEPS_PER_DB))
        self._text = QLabel()
        self._text.setProperty("class", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._text)
        row.addWidget(self._slider)

    def show_volume(self, volume_db: float, locked: bool) -> None:
        """Show the level and whether it may be moved."""
        blocked = self._slider.blockSignals(True)
        self._slider.setValue(round(volume_db * _STEPS_PER_DB))
        self._slider.blockSignals(blocked)
        self._slider.setEnabled(not locked)
        level = f"Volume {volume_db:+.1f} dB"
        self._text.setText(f"{level} · fixed until the next trial" if locked else level)
        self._slider.setAccessibleName(self._text.text())
        self._slider.setToolTip("" if not locked else "The volume stays as it is within a trial")
