"""Pictures over time at the left, plots at the right; every border can be moved, and is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QTabWidget, QVBoxLayout, QWidget

from earbench_app.views.qt.audible_map_view import AudibleMapPanel
from earbench_app.views.qt.codes_panel import CodesPanel
from earbench_app.views.qt.levels_panel import LevelsPanel
from earbench_app.views.qt.noise_panel import NoisePanel
from earbench_app.views.qt.spectrogram_panel import SpectrogramPanel
from earbench_app.views.qt.spectrum_panel import SpectrumPanel
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from earbench_app.views.qt.spectrogram_view import SpectrogramView
    from earbench_app.views.qt.time_axis import TimeAxis
    from earbench_app.views.qt.view_export import ViewExporter
    from earbench_app.views.qt.waveform_view import TimeRuler, WaveformView


class AnalysisArea(QSplitter):
    """Holds the analysis views; has no behaviour of its own."""

    def __init__(
        self, axis: TimeAxis, ruler: TimeRuler, waveform: WaveformView, spectrogram: SpectrogramView
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setObjectName("analysis_area")
        self.pictures = SpectrogramPanel(waveform, spectrogram)
        self.map_panel = AudibleMapPanel(axis)
        self.noise = NoisePanel()
        self.spectrum = SpectrumPanel()
        self.levels = LevelsPanel()
        self.codes = CodesPanel()
        self.stack = QSplitter(Qt.Orientation.Vertical)
        self.stack.setChildrenCollapsible(False)
        for widget, stretch in ((waveform, 2), (self.pictures, 4), (self.map_panel, 3)):
            self.stack.addWidget(widget)
            self.stack.setStretchFactor(self.stack.count() - 1, stretch)
        self.stack.setSizes([9 * GRID_PX, 25 * GRID_PX, 18 * GRID_PX])
        self.tabs = self._tabs()
        self.addWidget(_surface(ruler, self.stack))
        self.addWidget(_surface(self.tabs))
        self.setStretchFactor(0, 3)
        self.setStretchFactor(1, 2)
        self.setSizes([78 * GRID_PX, 54 * GRID_PX])
        self.setCollapsible(0, False)

    @property
    def exporters(self) -> tuple[ViewExporter, ...]:
        """What saves and copies the views."""
        panels = (self.map_panel, self.noise, self.spectrum, self.levels, self.codes)
        return *self.pictures.exporters, *(panel.exporter for panel in panels)

    def _tabs(self) -> QTabWidget:
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.tabBar().setProperty("class", "navigation")
        tabs.tabBar().setDrawBase(False)
        tabs.setAccessibleName("Analysis")
        for widget, title, tip in (
            (self.noise, "Noise vs mask", "Signal, masking threshold and noise over frequency"),
            (self.spectrum, "Spectrum", "Long-term spectra"),
            (self.levels, "Levels", "Meters and loudness"),
            (self.codes, "Codes", "Histogram of a coder's code values"),
        ):
            tabs.setTabToolTip(tabs.addTab(widget, title), tip)
        return tabs


def _surface(*widgets: QWidget) -> QWidget:
    surface = QWidget()
    surface.setProperty("class", "surface")
    surface.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    column = QVBoxLayout(surface)
    column.setContentsMargins(0, 0, 0, GRID_PX)
    column.setSpacing(GRID_PX // 2)
    for widget in widgets:
        column.addWidget(widget)
    return surface
