"""The Results page: the seal, and behind it the figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from earbench_app.notifications import Level, Notice
from earbench_app.views.qt.empty_state import EmptyState
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.relay import relay
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from earbench_app.presenters.results import Seal, Shown
    from earbench_app.views.qt.results_figures import ResultsFigures


class ResultsPage(QWidget):
    """Passive."""

    open_confirmed = Signal()
    rule_chosen = Signal(str)
    export_requested = Signal(Path)
    shown = Signal()  # the page came up

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("results_page")
        self.notices = NoticeBar(self, at_foot=True)
        self._seal_title, self._seal_text = QLabel(), QLabel()
        self._open = QPushButton("Open the results")
        self._stack = QStackedWidget()
        self.figures: ResultsFigures | None = None
        self._lay_out()

    def show_nothing(self) -> None:
        """Say that no study is chosen, or that nobody has listened."""
        self._stack.setCurrentIndex(0)

    def show_seal(self, seal: Seal) -> None:
        """Ask before opening."""
        self._stack.setCurrentIndex(1)
        self._seal_title.setText(
            f"{seal.study}: sittings finished {seal.n_finished}, under way {seal.n_open}"
        )
        opened = seal.opened_at.astimezone() if seal.opened_at else None
        if opened:
            self._seal_text.setText(
                f"The results were first opened by {seal.opened_by} on {opened:%Y-%m-%d %H:%M}."
            )
            self._open.setText("Show the results")
        else:
            self._seal_text.setText(
                "The results are sealed, so that nobody stops or goes on because of how they look. Opening "
                "them is written down in the study, with your name and the time, and cannot be undone."
            )
            self._open.setText("Open the results for good")

    def show_results(self, shown: Shown) -> None:
        """Show them."""
        if self.figures is None:
            self.figures = self._new_figures()
            self._stack.addWidget(self.figures)
        self.figures.show_results(shown)
        self._stack.setCurrentWidget(self.figures)

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place, or none."""
        self.notices.show_notice(notice)

    def showEvent(self, event: QShowEvent) -> None:
        """Say that the page came up."""
        super().showEvent(event)
        self.shown.emit()

    def _new_figures(self) -> ResultsFigures:
        from earbench_app.views.qt.results_figures import ResultsFigures  # loads the plotting library

        figures = ResultsFigures()
        relay(figures.rule_chosen, self.rule_chosen)
        relay(figures.export_requested, self.export_requested)
        figures.plot_requested.connect(self._save_plot)
        return figures

    def _save_plot(self, path: Path) -> None:
        assert self.figures is not None
        try:
            self.figures.save_plot(path)
        except OSError as error:
            self.show_notice(Notice(str(error), Level.ERROR))
        else:
            self.show_notice(Notice(f"Plot written to {path}"))

    def _lay_out(self) -> None:
        self._stack.addWidget(
            EmptyState(
                "Nothing to show yet",
                "Choose a study on the Studies page. Its results can be opened once somebody has taken it.",
            )
        )
        self._stack.addWidget(self._seal_page())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack, 1)

    def _seal_page(self) -> QWidget:
        page = QWidget()
        self._seal_title.setProperty("class", "title")
        for label in (self._seal_title, self._seal_text):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._open.setObjectName("open_results")
        self._open.clicked.connect(lambda: self.open_confirmed.emit())
        rows = QVBoxLayout()
        rows.setSpacing(2 * GRID_PX)
        rows.addStretch(1)
        for label in (self._seal_title, self._seal_text):
            label.setMinimumWidth(72 * GRID_PX)
            rows.addWidget(label)  # not aligned: a layout cuts off a wrapped label that is
        rows.addWidget(self._open, 0, Qt.AlignmentFlag.AlignHCenter)
        rows.addStretch(2)
        sides = QHBoxLayout(page)
        sides.addStretch(1)
        sides.addLayout(rows)
        sides.addStretch(1)
        return page
