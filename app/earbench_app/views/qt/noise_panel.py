"""Noise against mask: what a codec adds, and what of it the ear can hear, at the playhead or on average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from earbench_app.analysis.frequency_axis import FrequencyAxis, Scale
from earbench_app.views.analysis_protocols import Extent, Styled
from earbench_app.views.qt.frequency_plot import Curve, FrequencyPlot
from earbench_app.views.qt.theme import GRID_PX, theme, version_pen
from earbench_app.views.qt.view_export import ViewExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QShowEvent

    from earbench_app.analysis.noise_plot import NoisePlot

_LOW_DB, _HIGH_DB = -20.0, 100.0
_SCALES = {"Bark": Scale.BARK, "log": Scale.LOG, "Hz": Scale.LINEAR}
_BANDS = (
    "critical bands",
    "Level of the noise in the critical band (1 Bark) around each line, which is what the noise-to-mask"
    " ratio compares with the mask: where it is above the mask, it can be heard",
)
_LINES = (
    "lines",
    "Level of the noise in each spectral line, as in Fig. 2 of Shin et al. (2022). It lies lower than the"
    " noise of a critical band, so noise under the mask here can still be heard",
)
_TIP = (
    "Signal and noise against the global masking threshold of ISO 11172-3 model 1, FFT 512 with a Hann"
    " window, hop 256; a full-scale sine is taken as 96 dB SPL; channels averaged in power. Noise is"
    " version minus original. Shaded: above the mask. Beside the names: noise-to-mask ratio, mean over"
    " bands and what is shown."
)


class NoisePanel(QWidget):
    """Implements `NoiseView`."""

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("noise_panel")
        self.hidden_ids: set[int] = set()
        self._versions: Sequence[Styled] = ()
        self._heard_id: int | None = None
        self.shown: NoisePlot | None = None
        self.plot = FrequencyPlot("dB SPL", _LOW_DB, _HIGH_DB)
        self.plot.setAccessibleName("Noise against masking threshold")
        self.plot.setToolTip(_TIP)
        self.plot.legend_clicked.connect(self._toggle)
        self.exporter = ViewExporter(self.plot, self.plot, "noise against mask")
        self.extents = _combo("Over what", [extent.value for extent in Extent])
        self.extents.currentIndexChanged.connect(lambda _: self.asked.emit())
        self.scales = _combo("Frequency scale", list(_SCALES))
        self.scales.currentIndexChanged.connect(lambda _: self._draw())
        self.readings = _combo("How the noise is drawn", [_BANDS[0], _LINES[0]])
        for row, (_, tip) in enumerate((_BANDS, _LINES)):
            self.readings.setItemData(row, tip, Qt.ItemDataRole.ToolTipRole)
        self.readings.currentIndexChanged.connect(self._reading_changed)
        self._choose = QMenu("Versions in the plot", self)
        self._lay_out()
        self._reading_changed()

    @property
    def extent(self) -> Extent:
        """Over what it is taken."""
        return Extent(self.extents.currentText())

    @property
    def wanted(self) -> bool:
        """Whether it can be seen."""
        return self.isVisible()

    def show_versions(self, versions: Sequence[Styled]) -> None:
        """List the versions there are."""
        self._versions = versions
        self._choose.clear()
        for version in versions:
            action = self._choose.addAction(version.title)
            action.setCheckable(True)
            action.setChecked(version.id not in self.hidden_ids)
            action.triggered.connect(lambda _=False, key=version.id: self._toggle(key))
        self._choose.menuAction().setEnabled(bool(versions))
        self._draw()

    def show_heard(self, version_id: int | None) -> None:
        """Bring out the curve of what sounds."""
        if version_id != self._heard_id:
            self._heard_id = version_id
            self._draw()

    def show_plot(self, plot: NoisePlot | None) -> None:
        """Draw the curves."""
        self.shown = plot
        self._draw()

    def show_state(self, text: str) -> None:
        """Say why there is nothing."""
        self.plot.show_message(text)

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for what could not be seen before."""
        super().showEvent(event)
        self.asked.emit()

    def _toggle(self, version_id: int) -> None:
        self.hidden_ids ^= {version_id}
        self.show_versions(self._versions)
        self.asked.emit()

    def _reading_changed(self) -> None:
        self.readings.setToolTip((_BANDS, _LINES)[self.readings.currentIndex()][1])
        self._draw()

    def _draw(self) -> None:
        if self.shown is None:
            self.plot.show_curves(self.plot.axis.frequency_hz([]), ())
            return
        hz = self.shown.frequencies_hz
        self.plot.show_axis(FrequencyAxis(_SCALES[self.scales.currentText()], float(hz[-1])))
        mask = self.shown.threshold_db_spl
        signal_pen, mask_pen = QPen(QColor(theme().waveform), 1), QPen(QColor(theme().text), 2.5)
        curves = [
            Curve("signal", "", signal_pen, self.shown.level_db_spl),
            Curve("mask", "", mask_pen, mask),
        ]
        curves += [self._curve(version) for version in self._versions]
        self.plot.show_curves(hz, curves, _note(self.shown, self.extent))

    def _curve(self, version: Styled) -> Curve:
        assert self.shown is not None
        noise = self.shown.noises.get(version.id)
        heard, key = version.id == self._heard_id, version.id
        pen = version_pen(version.color, 3.0 if heard else 1.5)
        if noise is None or version.id in self.hidden_ids:
            return Curve(
                version.title, "hidden" if version.id in self.hidden_ids else "…", pen, None, key=key
            )
        db = noise.band_db_spl if self.readings.currentIndex() == 0 else noise.line_db_spl
        nmr = f"{noise.nmr_db:+z.1f} dB".replace("-", "−") if np.isfinite(noise.nmr_db) else "no noise"
        opacity = 0.3 if heard or len(self._versions) == 1 else 0.1
        column = f"noise of {version.title}, {self.readings.currentText()}"
        return Curve(version.title, nmr, pen, db, self.shown.threshold_db_spl, key, opacity, column)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(GRID_PX, GRID_PX // 2, GRID_PX, 0)
        row.setSpacing(GRID_PX // 2)
        for combo in (self.extents, self.readings, self.scales):
            row.addWidget(combo)
        row.addStretch(1)
        row.addWidget(self.exporter.button(self._choose))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(row)
        column.addWidget(self.plot, 1)


def _note(plot: NoisePlot, extent: Extent) -> str:
    """Say what the curves are of: of a long range, not every frame is taken."""
    if plot.n_frames == 1:
        asked = "nothing selected: " if extent is Extent.SELECTION else ""
        return f"{asked}{(plot.start_s + plot.end_s) / 2:.2f} s"
    out_of = f" of {plot.n_covering}" if plot.n_frames < plot.n_covering else ""
    return f"{plot.start_s:.2f} to {plot.end_s:.2f} s, mean of {plot.n_frames}{out_of} frames"


def _combo(name: str, items: Sequence[str]) -> QComboBox:
    combo = QComboBox()
    combo.addItems(items)
    combo.setAccessibleName(name)
    combo.setToolTip(name)
    return combo
