"""Long-term spectra of the original and the versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from earbench_app.analysis.frequency_axis import FrequencyAxis, Scale
from earbench_app.views.qt.frequency_plot import Curve, FrequencyPlot
from earbench_app.views.qt.theme import GRID_PX, theme, version_pen
from earbench_app.views.qt.view_export import ViewExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QShowEvent

    from earbench_app.analysis.levels import Spectrum
    from earbench_app.views.analysis_protocols import Styled

_SCALES = {"log": Scale.LOG, "Bark": Scale.BARK, "Hz": Scale.LINEAR}
_TIP = (
    "Mean power spectrum (Welch, Hann, 4096 samples, half overlap), channels averaged in power;"
    " dB relative to a full-scale sine"
)


class SpectrumPanel(QWidget):
    """Implements `SpectrumView`."""

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("spectrum_panel")
        self.plot = FrequencyPlot("dBFS", -110.0, 0.0)
        self.plot.setAccessibleName("Long-term spectrum")
        self.plot.setToolTip(_TIP)
        self.exporter = ViewExporter(self.plot, self.plot, "long-term spectrum")
        self._spectra: Sequence[tuple[Styled | None, Spectrum]] = ()
        self._over = QLabel()
        self._over.setProperty("class", "muted")
        self.scales = QComboBox()
        self.scales.addItems(list(_SCALES))
        self.scales.setAccessibleName("Frequency scale")
        self.scales.setToolTip("Frequency scale")
        self.scales.currentIndexChanged.connect(lambda _: self._draw())
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, GRID_PX // 2, GRID_PX, 0)
        row.addWidget(self._over, 1)
        row.addWidget(self.scales)
        row.addWidget(self.exporter.button())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(row)
        column.addWidget(self.plot, 1)

    @property
    def wanted(self) -> bool:
        """Whether it can be seen."""
        return self.isVisible()

    def show_spectra(self, spectra: Sequence[tuple[Styled | None, Spectrum]], over: str) -> None:
        """Draw the spectra."""
        self._spectra = spectra
        self._over.setText(f"mean {over}")
        self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for what could not be seen before."""
        super().showEvent(event)
        self.asked.emit()

    def _draw(self) -> None:
        if not self._spectra:
            self.plot.show_curves(np.empty(0), ())
            return
        hz = self._spectra[0][1].frequencies_hz
        self.plot.show_axis(FrequencyAxis(_SCALES[self.scales.currentText()], float(hz[-1])))
        self.plot.show_curves(hz, [_curve(style, spectrum) for style, spectrum in self._spectra])


def _curve(style: Styled | None, spectrum: Spectrum) -> Curve:
    if style is None:
        return Curve("Original", "", QPen(QColor(theme().text), 1.5), spectrum.db)
    return Curve(style.title, "", version_pen(style.color, 1.5), spectrum.db)
