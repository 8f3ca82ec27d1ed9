"""The spectrogram with its row of controls; with the waveform above, it is one view to its presenter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earbench_app.settings import SpectrogramSettings
from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.spectrogram_options import SpectrogramOptions
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.view_export import ViewExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.analysis.peaks import PeakPyramid
    from earbench_app.analysis.spectrogram import Picture
    from earbench_app.views.analysis_protocols import Styled
    from earbench_app.views.picture_protocols import Side
    from earbench_app.views.qt.spectrogram_view import SpectrogramView
    from earbench_app.views.qt.waveform_view import WaveformView

_SCALES = {"Bark": "bark", "mel": "mel", "log": "log", "linear": "linear"}
WIPE_STEP = 0.02  # of the view, by a key


class SpectrogramPanel(QWidget):
    """Implements `PicturesView`."""

    peaks_requested = Signal()
    settings_changed = Signal(SpectrogramSettings)
    wipe_toggled = Signal(bool)
    left_chosen = Signal(object)

    def __init__(self, waveform: WaveformView, spectrogram: SpectrogramView) -> None:
        super().__init__()
        self.setObjectName("spectrogram_panel")
        self.waveform, self.spectrogram = waveform, spectrogram
        waveform.shown.connect(self.peaks_requested.emit)  # which was not asked for while nobody could see it
        self.axis = spectrogram.axis
        self.part_requested = spectrogram.part_requested
        self._settings = SpectrogramSettings()
        self.exporters = (
            ViewExporter(waveform, waveform, "waveform"),
            ViewExporter(spectrogram, spectrogram, "spectrogram"),
        )
        self.options = SpectrogramOptions(self)
        self.options.changed.connect(self.settings_changed.emit)
        self.scales = QComboBox()
        self.scales.addItems(list(_SCALES))
        self.scales.setAccessibleName("Frequency scale")
        self.scales.setToolTip("Frequency scale")
        self.scales.currentTextChanged.connect(self._scale_chosen)
        self._more = self._button("sliders", "Window, overlap, colours and range")
        self._more.clicked.connect(self.open_options)
        self.wipe = self._wipe_button()
        self.lefts = QComboBox()
        self.lefts.setAccessibleName("Left of the line")
        self.lefts.setToolTip("What is left of the line; right of it is what you hear")
        self.lefts.activated.connect(lambda _: self.left_chosen.emit(self.lefts.currentData()))
        self.lefts.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.lefts.setMinimumContentsLength(8)
        self.lefts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.lefts.hide()
        self._state = QLabel()
        self._state.setProperty("class", "muted")
        self._state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._state.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )  # the first to give way
        self._state.setMinimumWidth(0)
        self._lay_out()

    # Setters -----------------------------------------------------------------------------------------

    def show_settings(self, settings: SpectrogramSettings) -> None:
        """Set the controls; pictures made from now on are like this."""
        self._settings = settings
        self.scales.blockSignals(True)
        self.scales.setCurrentText(next(text for text, name in _SCALES.items() if name == settings.scale))
        self.scales.blockSignals(False)
        self.options.show_settings(settings)
        self.spectrogram.show_settings(settings)

    def show_choices(self, versions: Sequence[Styled]) -> None:
        """List what can stand left of the wipe, beside the original."""
        choices = [("Original", None), *((version.title, version.id) for version in versions)]
        if choices != [(self.lefts.itemText(i), self.lefts.itemData(i)) for i in range(self.lefts.count())]:
            chosen = self.lefts.currentData()
            self.lefts.clear()
            for title, key in choices:
                self.lefts.addItem(title, key)
            self.lefts.setCurrentIndex(max(0, self.lefts.findData(chosen)))
        self.wipe.setEnabled(bool(versions))

    def show_sides(self, heard: Side | None, left: Side | None) -> None:
        """Name what sounds, and what is left of the wipe; without the latter there is no wipe."""
        self.axis.set_wiping(left is not None)
        self.wipe.setChecked(left is not None)
        self.lefts.setVisible(left is not None)
        self._state.setVisible(left is None)
        self.waveform.show_sides(heard, left)
        self.spectrogram.show_sides(heard, left)

    def show_peaks(self, heard: PeakPyramid | None, left: PeakPyramid | None, sample_rate_hz: int) -> None:
        """Draw the waveforms."""
        self.waveform.show_peaks(heard, left, sample_rate_hz)
        self.options.show_rate(sample_rate_hz)

    def show_pictures(self, heard: Picture | None, left: Picture | None) -> None:
        """Draw the spectrograms, and say how they were taken."""
        self.spectrogram.show_pictures(heard, left)
        taken = "" if heard is None else how_taken(heard, self._settings)
        self._state.setText(taken)
        self._state.setToolTip(f"{taken}. {_TIP}" if taken else "")

    def refresh(self) -> None:
        """Ask anew for what is in view."""
        if self.waveform.isVisible():
            self.peaks_requested.emit()
        self.spectrogram.ask()

    # Actions -----------------------------------------------------------------------------------------

    def open_options(self) -> None:
        """Open the further controls below their button."""
        self.options.open_at(self._more.mapToGlobal(QPoint(0, self._more.height() + GRID_PX // 2)))

    def toggle_wipe(self) -> None:
        """Put the wipe on, or take it away."""
        if self.wipe.isEnabled():
            self.wipe_toggled.emit(self.axis.wipe is None)

    def step_wipe(self, steps: int) -> None:
        """Move the line of the wipe."""
        if self.axis.wipe is not None:
            self.axis.move_wipe(self.axis.wipe + steps * WIPE_STEP)

    def _scale_chosen(self, text: str) -> None:
        self.settings_changed.emit(self._settings.model_copy(update={"scale": _SCALES[text]}))

    def _wipe_clicked(self, checked: bool) -> None:
        self.wipe.setChecked(not checked)  # the presenter decides
        self.toggle_wipe()

    # Construction ------------------------------------------------------------------------------------

    def _wipe_button(self) -> QToolButton:
        button = QToolButton()
        button.setText("W  Wipe")
        button.setCheckable(True)
        button.setToolTip(
            "Another version left of a line, what you hear right of it (W); drag the line, or Alt+← →"
        )
        button.setAccessibleName("Wipe")
        button.clicked.connect(self._wipe_clicked)
        return button

    def _button(self, image: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(image))
        button.setProperty("class", "quiet")
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        return button

    def _lay_out(self) -> None:
        title = QLabel("Spectrogram")
        title.setProperty("class", "heading")
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, 0, GRID_PX, 0)
        row.setSpacing(GRID_PX)
        for widget in (title, self.scales, self._more, self.wipe):
            row.addWidget(widget)
        row.addWidget(self.lefts, 1)
        row.addWidget(self._state, 1)
        waveform_menu = QMenu("Waveform", self)
        self.exporters[0].fill(waveform_menu)
        row.addWidget(self.exporters[1].button(waveform_menu))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(row)
        column.addWidget(self.spectrogram, 1)


_TIP = (
    "Power spectra, channels averaged; dB relative to a full-scale sine. A pixel that holds several values"
    " shows the highest; one between two is interpolated. Where a column of the picture is longer than a"
    " window, evenly spaced windows are averaged in it: zoom in to see all of the sound."
)


def how_taken(picture: Picture, settings: SpectrogramSettings) -> str:
    """Return the hop of a picture, and how many windows were averaged."""
    hop_ms = 1000 * picture.hop_s
    hop = f"{hop_ms:.3g} ms" if hop_ms < 1000 else f"{picture.hop_s:.3g} s"
    windows = f", {picture.n_averaged} windows in each" if picture.n_averaged > 1 else ""
    return f"{settings.n_fft} samples every {hop}{windows}"
