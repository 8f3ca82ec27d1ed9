"""Scores by condition: box (median, quartiles), mean with its 95 % interval, and every single point."""

from __future__ import annotations

from collections import defaultdict
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor, QPen

from earbench_app.views.qt.plot_export import own_menu
from earbench_app.views.qt.theme import GRID_PX, theme, version_color

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from earbench_app.presenters.results import Shown
    from earbench_mushra.ratings import Rating
    from earbench_mushra.statistics import ConditionSummary

_HALF_BOX = 0.24
_N_BESIDE = 8  # so many names fit beside each other in longer lines
_BANDS = ("Bad", "Poor", "Fair", "Good", "Excellent")


class BoxPlot(pg.PlotWidget):  # type: ignore[misc]
    """Passive. Every column has its place and its name below, so that no colour needs telling apart."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self.setAccessibleName("Box plot of the scores by condition; the same figures are in the table")
        own_menu(self)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)

    def show_scores(self, shown: Shown) -> None:
        """Draw the conditions in the order of the table."""
        self.clear()
        colors = theme()
        self.setBackground(colors.plot)
        by_condition: dict[str, list[Rating]] = defaultdict(list)
        for rating in shown.scores:
            by_condition[rating.condition].append(rating)
        summaries = shown.analysis.conditions
        for x, summary in enumerate(summaries):
            self._draw_box(x, summary)
            self._draw_points(x, by_condition[summary.condition])
            self._draw_mean(x, summary)
        names = [(x, shown.titles.get(s.condition, s.condition)) for x, s in enumerate(summaries)]
        self._dress_axes(names)

    def _draw_box(self, x: int, summary: ConditionSummary) -> None:
        pen = QPen(QColor(theme().text), 0)
        corners = [-_HALF_BOX, _HALF_BOX, _HALF_BOX, -_HALF_BOX, -_HALF_BOX]
        heights = [summary.q1, summary.q1, summary.q3, summary.q3, summary.q1]
        self.plot([x + c for c in corners], heights, pen=pen)
        median = QPen(QColor(theme().text), 3)
        median.setCosmetic(True)
        self.plot([x - _HALF_BOX, x + _HALF_BOX], [summary.median] * 2, pen=median)

    def _draw_mean(self, x: int, summary: ConditionSummary) -> None:
        pen = QPen(QColor(theme().accent), 2)
        pen.setCosmetic(True)
        place = x + _HALF_BOX + 0.1
        if summary.ci95_low is not None and summary.ci95_high is not None:
            half = (summary.ci95_high - summary.ci95_low) / 2
            bar = pg.ErrorBarItem(
                x=np.array([place]),
                y=np.array([summary.mean]),
                height=np.array([2 * half]),
                beam=0.08,
                pen=pen,
            )
            self.addItem(bar)
        self.plot(
            [place],
            [summary.mean],
            pen=None,
            symbol="d",
            symbolSize=10,
            symbolBrush=pen.color(),
            symbolPen=None,
        )

    def _draw_points(self, x: int, ratings: list[Rating]) -> None:
        spots = pg.ScatterPlotItem(
            x=x + _spread(len(ratings)),
            y=[rating.score for rating in ratings],
            data=ratings,
            size=7,
            pen=QPen(QColor(theme().plot), 0),
            brush=version_color(x),
            hoverable=True,
            hoverSize=11,
            tip=_tip,
        )
        self.addItem(spots)

    def _dress_axes(self, names: list[tuple[int, str]]) -> None:
        colors = theme()
        left, bottom = self.getAxis("left"), self.getAxis("bottom")
        for axis in (left, bottom):
            axis.setPen(QColor(colors.line))
            axis.setTextPen(QColor(colors.text))
        bands = [(10 + 20 * i, name) for i, name in enumerate(_BANDS)]
        left.setTicks([[(score, str(score)) for score in range(0, 101, 20)], bands])
        left.setWidth(90)
        left.setStyle(textFillLimits=[(0, 1.0)])  # the names of the bands, however many ticks there are
        letters = 16 if len(names) <= _N_BESIDE else 12
        wrapped = [(x, fill(name.replace(" kbps", "\N{NO-BREAK SPACE}kbps"), letters)) for x, name in names]
        bottom.setTicks([wrapped])
        n_lines = max((name.count("\n") + 1 for _, name in wrapped), default=1)
        bottom.setHeight(n_lines * self.fontMetrics().height() + GRID_PX)
        self.setLabel("left", "score")
        self.showGrid(y=True, alpha=0.2)
        self.setRange(xRange=(-0.6, len(names) - 0.4), yRange=(-2, 102), padding=0)


def _spread(n: int) -> np.ndarray[Any, Any]:
    """Return places beside each other, in a fixed order, so that equal scores do not hide each other."""
    return ((np.arange(n) * 0.618) % 1 - 0.5) * _HALF_BOX * 1.6


def _tip(x: float, y: float, data: Rating) -> str:
    del x
    return f"{data.listener} · {data.item}: {y:g}"
