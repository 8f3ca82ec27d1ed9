"""Window, length, overlap, colours and range of the spectrogram, in a panel over the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPixmap
from PySide6.QtWidgets import QComboBox, QFormLayout, QFrame, QHBoxLayout, QPushButton, QSpinBox, QWidget

from earbench_app.analysis.colormaps import COLORMAPS, colormap
from earbench_app.settings import LEVELS_DB, SMALLEST_RANGE_DB, SpectrogramSettings
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtCore import QPoint

_WINDOWS = {
    "Hann": "hann",
    "Hamming": "hamming",
    "Blackman–Harris": "blackmanharris",
    "rectangular": "boxcar",
}
_LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384)
_OVERLAPS = {"none": 1, "50 %": 2, "75 %": 4, "87.5 %": 8}


class SpectrogramOptions(QFrame):
    """Emits `changed` (SpectrogramSettings) at each change; closes on Escape or a click beside it."""

    changed = Signal(SpectrogramSettings)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("spectrogram_options")
        self.setAccessibleName("Spectrogram")
        self._settings = SpectrogramSettings()
        self._showing = False
        self.window_shape = self._combo("Window", _WINDOWS.items())
        self.length = self._combo("Window length", ((str(n), n) for n in _LENGTHS))
        self.overlap = self._combo("Overlap", _OVERLAPS.items())
        self.colors = self._combo("Colours", ((name, name) for name in COLORMAPS))
        self.colors.setIconSize(QSize(8 * GRID_PX, 12))
        for row, name in enumerate(COLORMAPS):
            self.colors.setItemIcon(row, _swatch(name))
        self.low, self.high = self._level("Lowest level"), self._level("Highest level")
        self.reset = QPushButton("Defaults")
        self.reset.clicked.connect(self._reset)
        self._lay_out()
        self.show_settings(self._settings)
        self.show_rate(48_000)

    def show_settings(self, settings: SpectrogramSettings) -> None:
        """Set the controls."""
        self._settings, self._showing = settings, True
        for combo, value in (
            (self.window_shape, settings.window),
            (self.length, settings.n_fft),
            (self.overlap, settings.hops_a_window),
            (self.colors, settings.colormap),
        ):
            combo.setCurrentIndex(combo.findData(value))
        self.low.setRange(LEVELS_DB[0], settings.high_db - SMALLEST_RANGE_DB)
        self.high.setRange(settings.low_db + SMALLEST_RANGE_DB, LEVELS_DB[1])
        self.low.setValue(settings.low_db)
        self.high.setValue(settings.high_db)
        self._showing = False

    def show_rate(self, sample_rate_hz: int) -> None:
        """Say what the lengths mean in time and frequency."""
        for row, n_fft in enumerate(_LENGTHS if sample_rate_hz else ()):
            ms, hz = 1000 * n_fft / sample_rate_hz, sample_rate_hz / n_fft
            self.length.setItemText(row, f"{n_fft} samples · {ms:.3g} ms · {hz:.3g} Hz")

    def open_at(self, corner: QPoint) -> None:
        """Open with the upper left corner here, within the screen."""
        self.adjustSize()
        screen = self.screen().availableGeometry()
        left = min(corner.x(), screen.right() - self.width() - GRID_PX)
        top = min(corner.y(), screen.bottom() - self.height() - GRID_PX)
        self.move(max(screen.left(), left), max(screen.top(), top))
        self.show()
        self.window_shape.setFocus()

    def _change(self) -> None:
        if not self._showing:
            made = SpectrogramSettings(
                scale=self._settings.scale,
                window=self.window_shape.currentData(),
                n_fft=self.length.currentData(),
                hops_a_window=self.overlap.currentData(),
                colormap=self.colors.currentData(),
                low_db=self.low.value(),
                high_db=self.high.value(),
            )
            self.changed.emit(made)

    def _reset(self) -> None:
        self.changed.emit(SpectrogramSettings(scale=self._settings.scale))

    def _combo(self, name: str, items: Iterable[tuple[str, Any]]) -> QComboBox:
        combo = QComboBox()
        for text, data in items:
            combo.addItem(text, data)
        combo.setAccessibleName(name)
        combo.currentIndexChanged.connect(lambda _: self._change())
        return combo

    def _level(self, name: str) -> QSpinBox:
        box = QSpinBox()
        box.setSuffix(" dB")
        box.setSingleStep(5)
        box.setKeyboardTracking(False)
        box.setAccessibleName(name)
        box.setToolTip(f"{name}, relative to a full-scale sine")
        box.valueChanged.connect(lambda _: self._change())
        return box

    def _lay_out(self) -> None:
        levels = QHBoxLayout()
        levels.setSpacing(GRID_PX)
        levels.addWidget(self.low)
        levels.addWidget(self.high)
        form = QFormLayout(self)
        form.setContentsMargins(2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
        form.setVerticalSpacing(GRID_PX)
        form.setHorizontalSpacing(2 * GRID_PX)
        for name, combo in (
            ("Window", self.window_shape),
            ("Length", self.length),
            ("Overlap", self.overlap),
            ("Colours", self.colors),
        ):
            form.addRow(name, combo)
        form.addRow("Range", levels)
        form.addRow("", self.reset)


def _swatch(name: str) -> QIcon:
    """Return the colours from the lowest level to the highest."""
    image = QImage(256, 1, QImage.Format.Format_RGB32)
    for place, rgb in enumerate(colormap(name).tolist()):
        image.setPixelColor(place, 0, QColor(*rgb))
    return QIcon(QPixmap.fromImage(image.scaled(8 * GRID_PX, 12)))
