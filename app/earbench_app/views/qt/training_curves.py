"""Curves of the selected runs: a plot for each quantity, with one x axis, one smoothing, one cursor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QPoint, QRect, QSignalBlocker, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.qt.theme import GRID_PX, on_paper, theme
from earbench_app.views.qt.training_axes import x_extent
from earbench_app.views.qt.training_export import CurvesExporter
from earbench_app.views.qt.training_plots import PanelView, RunLegend
from earbench_app.views.training_protocols import CurveOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QResizeEvent

    from earbench_app.views.qt.training_axes import Range
    from earbench_app.views.qt.training_plot import CurvePlot
    from earbench_app.views.training_protocols import CurvePanel

_WIDTH_PX = 40 * GRID_PX  # of a plot, at least
_SHARES = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)
_FRAME_MS = 16
_PLOTS = "Plots ▾"  # what is said of hidden ones is no longer, so that nothing moves


class CurveGrid(QWidget):
    """The plots; `Exportable`."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("curve_grid")
        self.setProperty("class", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.legend = RunLegend()
        self.views: dict[str, PanelView] = {}
        self.hidden: set[str] = set()
        self._of: tuple[object, ...] = ()
        self._due: dict[str, CurvePanel] = {}
        self._extent: Range | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._show_next)
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setProperty("class", "muted")
        self._note.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._x_title = ""
        self._grid = QGridLayout()
        self._grid.setSpacing(2 * GRID_PX)
        self._n_columns = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        column.addWidget(self.legend)
        column.addWidget(self._note, 1)
        column.addLayout(self._grid, 1)

    def show_panels(self, panels: Sequence[CurvePanel], x_title: str, log: tuple[bool, bool]) -> None:
        """Draw these; a plot that is there already is given new points."""
        runs = tuple(dict.fromkeys((line.run, line.color) for panel in panels for line in panel.lines))
        self.legend.show_runs(runs)
        if x_title != self._x_title:  # what was zoomed into is elsewhere
            self.see(whole=False)
        self._note.setVisible(not panels)
        self._x_title = x_title
        self._extent = x_extent([line.x for panel in panels for line in panel.lines], log[0])
        keys = [panel.key for panel in panels]
        of = (runs, x_title, log)
        new = set(keys) if of != self._of else set(keys) - set(self.views)  # no plot is of another selection
        self._of = of
        if keys != list(self.views):
            self._fit(keys)
        for panel in panels:
            self.views[panel.key].plot.show_axes(x_title, log[0], log[1] and panel.can_log_y)
        due = {panel.key: panel for panel in panels if panel.key not in self.hidden}
        self._due = {key: due[key] for key in (*self._due, *due) if key in due}  # who waited comes first
        for key in new & self._due.keys():
            self.views[key].show_panel(self._due.pop(key), self._extent)
        if self._due:
            self._timer.start()

    def show_nothing(self, text: str) -> None:
        """Say this while there are no curves."""
        self._note.setText(text)

    def _show_next(self) -> None:
        """Draw the next plot that is due: one a frame, that no frame takes long."""
        if not self._due:
            self._timer.stop()
            return
        key = next(iter(self._due))
        panel = self._due.pop(key)
        if key in self.views:
            self.views[key].show_panel(panel, self._extent)

    def show_hidden(self, key: str, hidden: bool) -> None:
        """Take a plot away, or put it back."""
        (self.hidden.add if hidden else self.hidden.discard)(key)
        self._arrange()

    def see_all(self) -> None:
        """Zoom all plots out, to every point; where these are seen, to the bulk of them."""
        self.see(whole=not all(view.plot.sees_all for view in self.views.values()))

    def see(self, *, whole: bool) -> None:
        """Zoom all plots out, to every point or to the bulk of them."""
        for view in self.views.values():
            view.plot.see(whole=whole)

    def table(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """Return the points as they are drawn."""
        rows = (
            (panel.title, panel.unit, line.run, x, y)
            for view in self.views.values()
            if (panel := view.panel) is not None
            for line in panel.lines
            for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True)
        )
        return ("quantity", "unit", "run", self._x_title, "value"), rows

    def paint_picture(self, painter: QPainter) -> None:
        """Draw the legend and all plots, on white."""
        with on_paper():
            painter.fillRect(self.rect(), QColor(theme().surface))
            self._paint_part(painter, self.legend)
            for view in self.views.values():
                if not view.isHidden():
                    self._paint_text(painter, view.title, view.title.text(), theme().text)
                    self._paint_text(painter, view.values, view.note, theme().muted)
                    self._paint_part(painter, view.plot)

    def _paint_part(self, painter: QPainter, part: RunLegend | CurvePlot) -> None:
        painter.save()
        painter.translate(part.mapTo(self, QPoint()))
        part.paint_picture(painter)
        painter.restore()

    def _paint_text(self, painter: QPainter, label: QLabel, text: str, color: str) -> None:
        painter.setFont(label.font())
        painter.setPen(QColor(color))
        place = QRect(label.mapTo(self, QPoint()), label.size())
        painter.drawText(place, int(label.alignment().value), text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put as many plots beside each other as fit."""
        super().resizeEvent(event)
        if self._columns() != self._n_columns:
            self._arrange()

    def _columns(self) -> int:
        return max(1, self.width() // _WIDTH_PX)

    def _fit(self, keys: Sequence[str]) -> None:
        before, self.views = self.views, {}
        for key in keys:
            self.views[key] = before.pop(key) if key in before else self._new_view(key)
        for view in before.values():
            self._grid.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._arrange()

    def _new_view(self, key: str) -> PanelView:
        view = PanelView(key)
        view.setParent(self)
        view.plot.hovered.connect(self._show_cursor)
        view.plot.zoomed.connect(self._show_x)
        view.plot.see_all_asked.connect(self.see_all)
        return view

    def _arrange(self) -> None:
        self._n_columns = self._columns()
        seen = [view for key, view in self.views.items() if key not in self.hidden]
        for key, view in self.views.items():
            view.setVisible(key not in self.hidden)
        for place, view in enumerate(seen):
            self._grid.addWidget(view, *divmod(place, self._n_columns))
        for number in range(self._grid.columnCount()):
            self._grid.setColumnStretch(number, int(number < self._n_columns))

    def _show_x(self, x_range: tuple[float, float]) -> None:
        for view in self.views.values():
            view.plot.show_x(x_range)

    def _show_cursor(self, x: float | None) -> None:
        for view in self.views.values():
            view.show_cursor(x, self._x_title)


class CurvesView(QWidget):
    """The plots, and above them how they are drawn."""

    options_changed = Signal(CurveOptions)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("training_curves")
        self.grid = CurveGrid()
        self.exporter = CurvesExporter(self.grid, self.grid, "training curves")
        self.axis, self.smoothing = QComboBox(), QSlider(Qt.Orientation.Horizontal)
        self._share = QLabel()
        self.log_x, self.log_y = QCheckBox("log x"), QCheckBox("log y")
        self._panels, self._panel_menu = QToolButton(), QMenu(self)
        self._fit = QToolButton()
        self._options = CurveOptions()
        self._keys: list[str] = []
        self._dress()
        self._lay_out()
        self._connect()

    def show_curves(self, panels: Sequence[CurvePanel], x_title: str) -> None:
        """Draw these."""
        new = [panel.key for panel in panels] != list(self.grid.views)
        self.grid.show_panels(panels, x_title, (self._options.log_x, self._options.log_y))
        if new:
            self._fill_panels(panels)

    def show_options(self, options: CurveOptions) -> None:
        """Show how they are drawn."""
        self._options = options
        controls = (self.axis, self.smoothing, self.log_x, self.log_y)
        blocked = [QSignalBlocker(control) for control in controls]
        self.axis.setCurrentIndex(self.axis.findData(options.x))
        self.smoothing.setValue(int(np.searchsorted(_SHARES, options.smoothing)))
        self.log_x.setChecked(options.log_x)
        self.log_y.setChecked(options.log_y)
        self._say_share()
        del blocked

    def turn_axis(self) -> None:
        """Go from steps to time, or back."""
        self.axis.setCurrentIndex(1 - self.axis.currentIndex())
        self._axis_chosen()

    def _edited(self) -> None:
        self._options = CurveOptions(
            self.axis.currentData(),
            _SHARES[self.smoothing.value()],
            self.log_x.isChecked(),
            self.log_y.isChecked(),
        )
        self._say_share()
        self.options_changed.emit(self._options)

    def _say_share(self) -> None:
        self._share.setText(f"{self._options.smoothing:g}" if self._options.smoothing else "none")

    def _axis_chosen(self) -> None:
        self.grid.see(whole=False)
        self._edited()

    def _fill_panels(self, panels: Sequence[CurvePanel]) -> None:
        self._panel_menu.clear()
        self._keys = [panel.key for panel in panels]
        self._count_panels()
        for panel in panels:
            action = self._panel_menu.addAction(panel.title)
            action.setCheckable(True)
            action.setChecked(panel.key not in self.grid.hidden)
            action.toggled.connect(lambda on, key=panel.key: self._turn_panel(key, on))

    def _count_panels(self) -> None:
        """Say how many of how many plots are shown, where some are not."""
        n_shown = sum(key not in self.grid.hidden for key in self._keys)
        all_are = n_shown == len(self._keys)
        self._panels.setText(_PLOTS if all_are else f"{n_shown}/{len(self._keys)} ▾")

    def _turn_panel(self, key: str, shown: bool) -> None:
        self.grid.show_hidden(key, not shown)
        self._count_panels()
        self.options_changed.emit(replace(self._options))  # its points, which it was not given meanwhile

    def _connect(self) -> None:
        self.axis.activated.connect(lambda _: self._axis_chosen())
        self.smoothing.valueChanged.connect(lambda _: self._edited())
        self.log_x.toggled.connect(lambda _: self._edited())
        self.log_y.toggled.connect(lambda _: self._edited())
        self._fit.clicked.connect(self.grid.see_all)

    def _dress(self) -> None:
        self.axis.addItem("over steps", "step")
        self.axis.addItem("over time", "time")
        self.axis.setAccessibleName("Curves over steps or time")
        self.axis.setToolTip("Steps, or time of running without pauses (T)")
        self.smoothing.setRange(0, len(_SHARES) - 1)
        self.smoothing.setPageStep(1)
        self.smoothing.setFixedWidth(12 * GRID_PX)
        self.smoothing.setAccessibleName("Smoothing")
        self.smoothing.setToolTip(
            "Running mean: the share that each point keeps of the mean before it; not of what is no noisy"
            " measurement: validation, learning rate and τ"
        )
        self._share.setText("none")
        self._share.setProperty("class", "muted")
        self._share.setMinimumWidth(4 * GRID_PX)
        self.log_x.setToolTip("Logarithmic x axes (Shift+Y)")
        self.log_y.setToolTip("Logarithmic y axes (Y); what is in dB stays linear, and says so")
        self._panels.setText(_PLOTS)
        self._panels.setAccessibleName("Plots that are shown")
        self._panels.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self._panels.setToolTip("Choose which plots are shown")
        self._panels.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._panels.setMenu(self._panel_menu)
        self._fit.setText("Fit")
        self._fit.setToolTip(
            "See every point of every curve; again, the bulk of them (F, or double click in a plot);"
            " drag to pan, Ctrl and wheel to zoom"
        )

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(2 * GRID_PX, GRID_PX // 2, GRID_PX, GRID_PX // 2)
        row.setSpacing(GRID_PX)
        label = QLabel("smoothing")
        label.setBuddy(self.smoothing)
        label.setProperty("class", "muted")
        for widget in (self.axis, label, self.smoothing, self._share, self.log_x, self.log_y):
            row.addWidget(widget)
        row.addStretch(1)
        for button in (self._fit, self._panels, self.exporter.button()):
            row.addWidget(button)
        self._scroll = QScrollArea()
        self._scroll.setProperty("class", "surface")
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(self.grid)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self._scroll, 1)

    def sizeHint(self) -> QSize:
        """Return room for two plots beside each other."""
        return QSize(2 * _WIDTH_PX + 6 * GRID_PX, 60 * GRID_PX)
