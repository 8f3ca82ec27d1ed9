"""One quantity of several runs over steps or time, and the names of the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from psygnal import Signal
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from earbench_app.views.qt.plot_export import own_menu
from earbench_app.views.qt.plot_parts import Legend, LegendItem
from earbench_app.views.qt.theme import GRID_PX, number_font, theme, version_color, version_pen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QPaintEvent, QResizeEvent, QWheelEvent

    from earbench_app.views.training_protocols import CurveLine, CurvePanel

_LONGEST_NAME = 48
_AXIS_PX = 7 * GRID_PX


class CurvePlot(pg.PlotWidget):  # type: ignore[misc]
    """Passive. Drag to pan, Ctrl and wheel to zoom, double click to see all; `hovered` tells x or None."""

    hovered = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        own_menu(self)
        self.hideButtons()
        self._lines: dict[tuple[int, bool, bool], Any] = {}
        self._bands: list[Any] = []
        self._log = (False, False)
        self._dressed: object = None
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self._cursor.hide()
        self.addItem(self._cursor, ignoreBounds=True)
        self.scene().sigMouseMoved.connect(self._hover)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the table and the exported numbers say the same
        self._dress()

    def show_log(self, log_x: bool, log_y: bool) -> None:
        """Turn axes logarithmic."""
        if (log_x, log_y) != self._log:
            self._log = (log_x, log_y)
            self.plotItem.setLogMode(log_x, log_y)
            self.see_all()

    def show_panel(self, panel: CurvePanel) -> None:
        """Draw these lines; those there were are given new points."""
        self._dress()
        wanted = dict(_items(panel.lines))
        for key in [key for key in self._lines if key not in wanted]:
            self.removeItem(self._lines.pop(key))
        for key, (x, y) in wanted.items():
            if key not in self._lines:
                self._lines[key] = self.plot(**_style(*key))
            self._lines[key].setData(*self._drawable(x, y))
        self._show_bands(panel.bands)

    def show_cursor(self, x: float | None) -> None:
        """Draw a line at a place that all plots share."""
        self._cursor.setVisible(x is not None)
        if x is not None:
            self._cursor.setValue(np.log10(max(x, 1e-9)) if self._log[0] else x)

    def see_all(self) -> None:
        """Zoom out, and follow what comes."""
        self.plotItem.enableAutoRange(x=True, y=True)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with Ctrl; else leave the wheel to the page."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
        else:
            event.ignore()

    def mouseDoubleClickEvent(self, event: object) -> None:
        """See all again."""
        del event
        self.see_all()

    def leaveEvent(self, event: object) -> None:
        """Take the cursor away."""
        super().leaveEvent(event)
        self.hovered.emit(None)

    def _drawable(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the points that there are on these axes: a logarithm has no zero."""
        log_x, log_y = self._log
        kept = np.full(len(x), True)
        kept &= (x > 0) if log_x else kept
        kept &= (y > 0) if log_y else kept
        return x[kept], y[kept]

    def _show_bands(self, bands: Sequence[tuple[float, float]]) -> None:
        shown = [tuple(np.log10(edge) for edge in band) if self._log[1] else band for band in bands]
        while len(self._bands) > len(shown):
            self.removeItem(self._bands.pop())
        while len(self._bands) < len(shown):
            band = pg.LinearRegionItem(orientation="horizontal", movable=False)
            band.setZValue(-10)
            self.addItem(band)
            self._bands.append(band)
        tint = QColor(theme().accent)
        tint.setAlphaF(0.16)
        for item, edges in zip(self._bands, shown, strict=True):
            item.setRegion(edges)
            item.setBrush(tint)
            for line in item.lines:
                line.setPen(QPen(Qt.PenStyle.NoPen))

    def _hover(self, place: Any) -> None:
        if self.plotItem.vb.sceneBoundingRect().contains(place):
            x = self.plotItem.vb.mapSceneToView(place).x()
            self.hovered.emit(10**x if self._log[0] else x)

    def _dress(self) -> None:
        colors = theme()
        if self._dressed is colors:
            return
        self._dressed = colors
        self.setBackground(colors.plot)
        for name in ("left", "bottom"):
            axis = self.getAxis(name)
            axis.setPen(QColor(colors.line))
            axis.setTextPen(QColor(colors.muted))
            axis.setTickFont(number_font(self.font()))
            axis.enableAutoSIPrefix(False)
        self.getAxis("left").setWidth(_AXIS_PX)
        self.showGrid(x=True, y=True, alpha=0.15)
        self._cursor.setPen(QPen(QColor(colors.muted), 0, Qt.PenStyle.DotLine))


class PanelView(QWidget):
    """A plot with its title, and what the curves are where the pointer is."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.panel: CurvePanel | None = None
        self._title, self._values = QLabel(), QLabel()
        self._title.setProperty("class", "heading")
        self._values.setProperty("class", "muted")
        self._values.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._values.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.plot = CurvePlot()
        self.plot.setMinimumHeight(20 * GRID_PX)
        row = QHBoxLayout()
        row.setContentsMargins(GRID_PX, 0, GRID_PX, 0)
        row.addWidget(self._title)
        row.addWidget(self._values, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(row)
        column.addWidget(self.plot, 1)

    def show_panel(self, panel: CurvePanel) -> None:
        """Draw it."""
        self.panel = panel
        self._title.setText(f"{panel.title}, {panel.unit}" if panel.unit else panel.title)
        runs = ", ".join(dict.fromkeys(line.run for line in panel.lines))
        self.plot.setAccessibleName(f"{panel.title} of {runs}")
        self.plot.show_panel(panel)
        if not self._values.text():
            self._values.setText(panel.note)

    def show_cursor(self, x: float | None) -> None:
        """Say what the curves are at a place."""
        self.plot.show_cursor(x)
        lines = self.panel.lines if self.panel is not None and x is not None else ()
        texts = [
            f"<span style='color:{version_color(line.color).name()}'>●</span> {_value_at(line, x):.4g}"
            for line in lines[:6]
            if x is not None
        ]
        note = self.panel.note if self.panel is not None else ""
        self._values.setText("  ".join(texts) or note)


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
            self._legend.paint(painter)

    def _place(self) -> None:
        items = [LegendItem(_shortened(name), "", version_pen(color)) for name, color in self._runs]
        height = int(self._legend.place(items, self.fontMetrics(), 0, self.width())) + 1
        if height != self.height():
            self.setFixedHeight(height)
        self.update()


def _items(
    lines: Sequence[CurveLine],
) -> Iterable[tuple[tuple[int, bool, bool], tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Yield what is drawn of each line: before smoothing, faintly, and what it is."""
    for line in lines:
        if line.raw_y is not None:
            yield (line.color, line.few, True), (line.x, line.raw_y)
        yield (line.color, line.few, False), (line.x, line.y)


def _style(color: int, few: bool, faint: bool) -> dict[str, Any]:
    pen = version_pen(color, 1.0 if faint else 2.0)
    pen.setCosmetic(True)
    if faint:
        ink = QColor(pen.color())
        ink.setAlphaF(0.3)
        pen.setColor(ink)
        pen.setStyle(Qt.PenStyle.SolidLine)
    marks = {"symbol": "o", "symbolSize": 5, "symbolBrush": version_color(color), "symbolPen": None}
    return {"pen": pen, "antialias": True, **(marks if few else {})}


def _value_at(line: CurveLine, x: float) -> float:
    """Return the value of the point nearest to a place."""
    return float(line.y[int(np.argmin(np.abs(line.x - x)))])


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
