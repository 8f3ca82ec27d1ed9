"""A plot with its title and its figures under the pointer, and the names of the runs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from earbench_app.views.qt.plot_parts import Legend, LegendItem
from earbench_app.views.qt.theme import GRID_PX, version_color, version_pen
from earbench_app.views.qt.training_plot import CurvePlot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QPaintEvent, QResizeEvent

    from earbench_app.views.qt.training_axes import Range
    from earbench_app.views.training_protocols import CurveLine, CurvePanel

_LONGEST_NAME = 48
_DOT = "<span style='color:{}'>●</span>"
_GAP = "&nbsp; "
_ROWS = "<p style='white-space: pre'>{}</p>"


class PanelView(QWidget):
    """A plot with its title, and what the curves are where the pointer is."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.panel: CurvePanel | None = None
        self._pointed = False
        self.title, self.values = QLabel(), QLabel()
        self.title.setProperty("class", "heading")
        self.values.setProperty("class", "muted")
        self.values.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.values.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.plot = CurvePlot()
        row = QHBoxLayout()
        row.setContentsMargins(GRID_PX, 0, GRID_PX, 0)
        row.addWidget(self.title)
        row.addWidget(self.values, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(row)
        column.addWidget(self.plot, 1)

    def show_panel(self, panel: CurvePanel, extent: Range | None = None) -> None:
        """Draw it, over the extent of x that all plots share."""
        self.panel = panel
        self.title.setText(f"{panel.title}, {panel.unit}" if panel.unit else panel.title)
        runs = ", ".join(dict.fromkeys(line.run for line in panel.lines))
        self.plot.setAccessibleName(f"{panel.title} of {runs}")
        self.plot.show_panel(panel, extent)
        if not self._pointed:
            self.values.setText(panel.note)

    @property
    def note(self) -> str:
        """What is what in the plot."""
        return self.panel.note if self.panel is not None else ""

    def show_cursor(self, x: float | None, x_title: str = "") -> None:
        """Say what the curves are at a place of the x axis."""
        self.plot.show_cursor(x)
        self._pointed = x is not None
        lines = self.panel.lines if self.panel is not None and x is not None else ()
        values = [] if x is None else [f"{_value_at(line, x):.4g}" for line in lines]
        dots = [_DOT.format(version_color(line.color).name()) for line in lines]
        n_fit = self._n_fit(values)
        more = f"{_GAP}…" if n_fit < len(values) else ""
        told = [f"{dot} {value}" for dot, value in zip(dots, values, strict=True)]
        self.values.setText(_GAP.join(told[:n_fit]) + more if told else self.note)
        names = [escape(_shortened(line.run)) for line in lines]
        rows = [f"{one}{_GAP}{name}" for one, name in zip(told, names, strict=True)]
        rows.insert(0, "" if x is None else escape(_place(x, x_title)))
        self.plot.setToolTip(_ROWS.format("<br>".join(rows)) if lines else "")

    def _n_fit(self, values: Sequence[str]) -> int:
        """Return how many values there is room for, and for dots that say that there are more."""
        metrics = self.values.fontMetrics()
        ends_px = np.cumsum([metrics.horizontalAdvance(f"● {value}    ") for value in values])
        if not len(ends_px) or ends_px[-1] <= self.values.width():
            return len(values)
        return int((ends_px <= self.values.width() - metrics.horizontalAdvance("…")).sum())


class RunLegend(QWidget):
    """The runs' names, each with its line."""

    def __init__(self) -> None:
        super().__init__()
        self._legend = Legend()
        self._runs: list[tuple[str, int]] = []
        self.setAccessibleName("Runs that are drawn")

    def show_runs(self, runs: Iterable[tuple[str, int]]) -> None:
        """Show these names with their colours."""
        found = list(dict.fromkeys(runs))
        if found != self._runs:
            self._runs = found
            self.setAccessibleDescription(", ".join(name for name, _ in found))
            self._place()

    def sizeHint(self) -> QSize:
        """Return room for a row."""
        return QSize(20 * GRID_PX, 2 * GRID_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the names anew."""
        super().resizeEvent(event)
        self._place()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw them."""
        del event
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.paint_picture(painter)

    def paint_picture(self, painter: QPainter) -> None:
        """Draw them anywhere."""
        painter.setFont(self.font())
        self._legend.paint(painter)

    def _place(self) -> None:
        items = [LegendItem(_shortened(name), "", version_pen(color)) for name, color in self._runs]
        height = int(self._legend.place(items, self.fontMetrics(), 0, self.width())) + 1
        if height != self.height():
            self.setFixedHeight(height)
        self.update()


def _place(x: float, x_title: str) -> str:
    """Return where on an x axis that is, such as "step 1,400" or "12.5 min"."""
    name, _, unit = x_title.removesuffix(")").rpartition("(")
    return f"{x:.4g} {unit}" if name else f"{x_title} {x:,.0f}"


def _value_at(line: CurveLine, x: float) -> float:
    """Return the value of the point nearest to a place."""
    return float(line.y[int(np.argmin(np.abs(line.x - x)))])


def _shortened(name: str) -> str:
    """Leave out the middle of a long name: sweeps differ at its end."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"
