"""Opened results: plot, table, screening and tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.qt.box_plot import BoxPlot
from earbench_app.views.qt.plot_export import save_plot
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.vote_view import VoteView, vote_rows
from earbench_mushra.screening import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.presenters.results import Shown
    from earbench_mushra.statistics import Analysis, ConditionSummary

_RULES = {
    "BS.1534-3: hidden reference < 90, or mid anchor > 90, on more than 15 % of items": Rule.BS1534,
    "MPEG: any hidden reference < 90, or anchors out of order": Rule.MPEG,
    "No screening": Rule.NONE,
}
_COLUMNS = ("condition", "n", "mean", "95 % CI", "median", "quartiles", "mean before screening")
_VOTE_COLUMNS = ("test", "first", "for first", "second", "for second", "ties", "p")


class ResultsFigures(QWidget):
    """Passive."""

    rule_chosen = Signal(str)
    export_requested = Signal(Path)
    plot_requested = Signal(Path)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = QLabel()
        self._rules = QComboBox()
        self.plot, self.votes = BoxPlot(), VoteView()
        self._plots = QStackedWidget()
        self.table = QTableWidget()
        self._remarks = QLabel()
        self._lay_out()

    def show_results(self, shown: Shown) -> None:
        """Show them."""
        analysis = shown.analysis
        votes = bool(analysis.tests) and not analysis.all
        self._title.setText(shown.study)
        self._rules.setVisible(not votes)
        self._rules.setCurrentIndex(list(_RULES.values()).index(analysis.rule))
        self._plots.setCurrentIndex(int(votes))
        if votes:
            self.votes.show_tests(analysis.tests, shown.titles)
            self._fill(_VOTE_COLUMNS, vote_rows(analysis.tests, shown.titles))
        else:
            self.plot.show_scores(shown)
            before = {summary.condition: summary for summary in analysis.all}
            self._fill(_COLUMNS, [_row(s, shown.titles, before[s.condition]) for s in analysis.conditions])
        self._remarks.setText(_remarks(analysis))

    def save_plot(self, path: Path) -> None:
        """Write the plot on the screen, as SVG or PNG. Raises OSError."""
        save_plot(self.plot if self._plots.currentIndex() == 0 else self.votes, path)

    def _fill(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.table.clear()
        self.table.setColumnCount(len(columns))
        self.table.setHorizontalHeaderLabels(list(columns))
        self.table.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                cell = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
                cell.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, cell)
        self.table.resizeColumnsToContents()

    def _choose_csv(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Export ratings", f"{self._title.text()}.csv", "CSV (*.csv)"
        )
        if path:
            self.export_requested.emit(Path(path))

    def _choose_picture(self) -> None:
        kinds = "Vector graphics (*.svg);;Image (*.png)"
        path, kind = QFileDialog.getSaveFileName(self, "Export the plot", f"{self._title.text()}.svg", kinds)
        if path:
            target = Path(path)
            target = target if target.suffix else target.with_suffix(".png" if "png" in kind else ".svg")
            self.plot_requested.emit(target)

    def _lay_out(self) -> None:
        self._title.setProperty("class", "title")
        self._title.setWordWrap(True)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._rules.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._rules.setMinimumContentsLength(32)
        self._rules.addItems(list(_RULES))
        self._rules.setAccessibleName("Screening rule")
        self._rules.activated.connect(lambda index: self.rule_chosen.emit(str(list(_RULES.values())[index])))
        csv, picture = QPushButton("Export CSV…"), QPushButton("Export plot…")
        csv.clicked.connect(self._choose_csv)
        picture.clicked.connect(self._choose_picture)
        heading = QHBoxLayout()
        heading.addWidget(self._title, 2)
        heading.addWidget(self._rules, 3)
        heading.addWidget(csv)
        heading.addWidget(picture)
        self._plots.addWidget(self.plot)
        self._plots.addWidget(self.votes)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self._plots)
        splitter.addWidget(self._figures())
        splitter.setSizes([300, 200])
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
        column.addLayout(heading)
        column.addWidget(splitter, 1)

    def _figures(self) -> QWidget:
        figures = QWidget()
        self.table.setAccessibleName("Figures")
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._remarks.setWordWrap(True)
        self._remarks.setTextFormat(Qt.TextFormat.PlainText)
        self._remarks.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(figures)
        column.setContentsMargins(0, GRID_PX, 0, 0)
        column.addWidget(self.table, 1)
        column.addWidget(self._remarks)
        return figures


def _row(summary: ConditionSummary, titles: dict[str, str], before: ConditionSummary) -> tuple[str, ...]:
    interval = "–" if summary.ci95_low is None else f"{summary.ci95_low:.1f} to {summary.ci95_high:.1f}"
    return (
        titles.get(summary.condition, summary.condition),
        str(summary.n),
        f"{summary.mean:.1f}",
        interval,
        f"{summary.median:.1f}",
        f"{summary.q1:.1f} to {summary.q3:.1f}",
        f"{before.mean:.1f} (n = {before.n})",
    )


def _remarks(analysis: Analysis) -> str:
    lines = [f"Left out: {exclusion.listener}, {exclusion.reason}" for exclusion in analysis.excluded]
    if not lines and analysis.all:
        lines = ["Nobody is left out by this rule."]
    return "\n".join([*lines, *(f"Note: {warning}" for warning in analysis.warnings)])
