"""Chooses which metrics the version table shows; choosing one measures it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtWidgets import QMenu, QToolButton

from earbench_app.presenters.analysis_figures import choices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from earbench_app.views.analysis_protocols import MetricColumn
    from earbench_app.views.qt.version_table import VersionTable
    from earbench_codecs.metrics.measurement import Measurement


class MeasureButton(QToolButton):
    """Implements `FiguresView` with the version table."""

    measure_requested = Signal(list)

    def __init__(self, table: VersionTable) -> None:
        super().__init__()
        self._table = table
        self.setText("Measure ▾")
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.setToolTip("PESQ, STOI, ViSQOL and more as columns, measured in the background")
        self.setAccessibleName("Measure")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self._actions = []
        for column in choices():
            action = menu.addAction(column.title)
            action.setCheckable(True)
            action.setToolTip(column.tooltip)
            action.setData(column.name)
            action.triggered.connect(self._chosen)
            self._actions.append(action)
        menu.addSeparator()
        menu.addAction("All", self.measure_all)
        self.setMenu(menu)

    def measure_all(self) -> None:
        """Ask for everything there is."""
        for action in self._actions:
            action.setChecked(True)
        self._chosen()

    def show_columns(self, columns: Sequence[MetricColumn]) -> None:
        """Set the table's columns."""
        self._table.show_columns(columns)

    def show_figures(self, figures: Mapping[int | None, Mapping[str, Measurement | str]]) -> None:
        """Fill them."""
        self._table.show_figures(figures)

    def _chosen(self) -> None:
        self.measure_requested.emit([action.data() for action in self._actions if action.isChecked()])
