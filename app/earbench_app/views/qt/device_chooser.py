"""A drop-down of sound outputs, asked for anew each time it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.playback.player import OutputDevice


class DeviceChooser(QComboBox):
    """Passive: emits the key chosen, None for the system's default."""

    device_chosen = Signal(object)
    opening = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("device_chooser")
        self.setAccessibleName("Sound output")
        self.setFixedWidth(24 * GRID_PX)
        self.currentTextChanged.connect(lambda text: self.setToolTip(f"Sound output: {text}"))
        self.addItem("System default", None)
        self.activated.connect(lambda index: self.device_chosen.emit(self.itemData(index)))

    def show_devices(self, devices: Sequence[OutputDevice], chosen: str | None) -> None:
        """List the outputs, the chosen one selected; one that is gone stays listed and says so."""
        self.clear()
        self.addItem("System default", None)
        for device in devices:
            self.addItem(f"{device.name} · {device.sample_rate_hz / 1000:g} kHz", device.key)
        if chosen is not None and chosen not in {device.key for device in devices}:
            self.addItem(f"{chosen} (not there)", chosen)
        self.setCurrentIndex(max(0, self.findData(chosen)))
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 3 * GRID_PX)

    def showPopup(self) -> None:
        """Ask for the present list first."""
        self.opening.emit()
        super().showPopup()
