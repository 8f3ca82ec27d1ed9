"""Histograms of the code values of the versions whose coders show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from earbench_app.views.qt.empty_state import EmptyState
from earbench_app.views.qt.histogram_plot import HistogramPlot, Steps
from earbench_app.views.qt.theme import GRID_PX, version_pen
from earbench_app.views.qt.view_export import ViewExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QShowEvent

    from earbench_app.views.analysis_protocols import Styled
    from earbench_codecs.codes import CodeHistogram

_TIP = (
    "How often each code value (quantisation index) occurs in the bitstream, as a decoder reads it; the whole"
    " clip, all channels and streams pooled.\nEntropy: of this histogram; a context model may need less.\n"
    "Line: what the coder's static table expects, from its training."
)


class CodesPanel(QWidget):
    """Implements `CodesView`."""

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("codes_panel")
        self.plot = HistogramPlot()
        self.plot.setAccessibleName("Histogram of code values")
        self.plot.setToolTip(_TIP)
        self.exporter = ViewExporter(self.plot, self.plot, "code values")
        self._steps: list[Steps] = []
        self._state = ""
        self.scales = QComboBox()
        self.scales.addItems(["linear", "log"])
        self.scales.setAccessibleName("Probability scale")
        self.scales.setToolTip("Probability scale")
        self.scales.currentIndexChanged.connect(lambda _: self._draw())
        self.empty = EmptyState(
            "No code values yet",
            "Neural coders show the integers their bitstream is made of, and this is where their histogram"
            " appears, with its entropy. Add versions… made by a checkpoint, or train one first:"
            " earbench train --help.",
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self._with_controls())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.stack)

    @property
    def wanted(self) -> bool:
        """Whether it can be seen."""
        return self.isVisible()

    def show_histograms(self, histograms: Sequence[tuple[Styled, CodeHistogram]]) -> None:
        """Draw the histograms."""
        self._steps = [
            Steps(style.title, version_pen(style.color, 1.5), found) for style, found in histograms
        ]
        self._draw()

    def show_state(self, text: str) -> None:
        """Say what is awaited, or why there is nothing."""
        self._state = text
        self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for what could not be seen before."""
        super().showEvent(event)
        self.asked.emit()

    def _draw(self) -> None:
        self.stack.setCurrentIndex(1 if self._steps or self._state else 0)
        self.plot.show_steps(self._steps, log=self.scales.currentText() == "log")
        self.plot.show_message("" if self._steps else self._state)
        self._note.setText(self._state if self._steps and self._state else "of the bitstream, over the clip")

    def _with_controls(self) -> QWidget:
        self._note = QLabel()
        self._note.setProperty("class", "muted")
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, GRID_PX // 2, GRID_PX, 0)
        row.addWidget(self._note, 1)
        row.addWidget(self.scales)
        row.addWidget(self.exporter.button())
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(row)
        column.addWidget(self.plot, 1)
        return page
