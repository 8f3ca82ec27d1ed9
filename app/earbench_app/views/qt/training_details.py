"""The run in front: how it stands, its notes, its curves, its log, and room to listen to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from earbench_app.counting import counted
from earbench_app.views.qt.elided_label import ElidedLabel
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.training_curves import CurvesView
from earbench_app.views.qt.training_log import LogView

if TYPE_CHECKING:
    from earbench_app.views.training_protocols import RunDetails

_LONGEST_MESSAGE = 400
_LOG = 1  # place of the tab


class RunPanel(QWidget):
    """Passive. `annotated` (job id, notes, tuple of tags) when a field is left; `data_asked` (job id)."""

    annotated = Signal(str, str, tuple)
    data_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("run_panel")
        self._details: RunDetails | None = None
        self._n_chosen = 0
        self._title, self._headline = ElidedLabel("title"), ElidedLabel("muted")
        self._message = _label("")
        self.other_data = QPushButton("Choose another folder…")
        self._whose = ElidedLabel("muted")
        self.tags, self.notes = QLineEdit(), QLineEdit()
        self.curves, self.log = CurvesView(), LogView()
        self._facts = QFormLayout()
        self._listen: QWidget | None = None
        self.tabs = QTabWidget()
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self._lay_out()
        self._say_which("")
        for line in (self.tags, self.notes):
            line.editingFinished.connect(self._annotate)
        self.other_data.clicked.connect(self._ask_data)

    def show_details(self, details: RunDetails, n_chosen: int) -> None:
        """Show the run in front, of so many that are selected."""
        if (details, n_chosen) == (self._details, self._n_chosen):
            return
        before, self._details, self._n_chosen = self._details, details, n_chosen
        self._say_which(details.name)
        self._headline.setText(details.headline)
        if before is None or (before.message, before.is_error) != (details.message, details.is_error):
            self._show_message(details)
        self.other_data.setVisible(details.lacks_data)
        other = before is None or before.id != details.id
        for line, text in ((self.tags, ", ".join(details.tags)), (self.notes, details.notes)):
            if other or not line.hasFocus():
                line.setText(text)
        self.curves.grid.show_nothing(details.no_curves)
        self.log.show_lines(details.log)
        n_errors = self.log.n_errors
        title = f"Log ({counted(n_errors, 'error')})" if n_errors else "Log"
        if title != self.tabs.tabText(_LOG):  # else the tabs would be laid out anew at each step
            self.tabs.setTabText(_LOG, title)
        if other or before is None or before.facts != details.facts:
            self._show_facts(details)

    def set_listen_area(self, widget: QWidget) -> None:
        """Put a widget below the curves, in which the run's checkpoints can be heard."""
        self._listen = widget
        self.splitter.addWidget(widget)
        self.splitter.setStretchFactor(0, 2)
        self.splitter.setStretchFactor(1, 1)  # of a higher window, the list gets its share
        self.splitter.setCollapsible(1, True)
        self.splitter.setSizes([54 * GRID_PX, 27 * GRID_PX])  # two rows of curves, a handful of checkpoints

    def toggle_log(self) -> None:
        """Go to the log, or back to the curves."""
        at_log = self.tabs.currentWidget() is self.log
        self.tabs.setCurrentWidget(self.curves if at_log else self.log)

    def _say_which(self, name: str) -> None:
        """Name the run; of several, also that tags and notes are its own."""
        several = self._n_chosen > 1
        self._title.setText(f"{name}   and {self._n_chosen - 1} more" if several else name)
        self._whose.setText(f"Tags, notes of {name} alone:")
        self._whose.setVisible(several)
        of = f" of {name}" if several else ""
        for line, what in ((self.tags, "Tags"), (self.notes, "Notes")):
            line.setAccessibleName(f"{what}{of}")
        self.tags.setPlaceholderText(f"tags{of}, separated by commas")
        self.notes.setPlaceholderText(f"notes{of}")

    def _annotate(self) -> None:
        if self._details is None:
            return
        tags = tuple(dict.fromkeys(tag.strip() for tag in self.tags.text().split(",") if tag.strip()))
        notes = self.notes.text().strip()
        if (notes, tags) != (self._details.notes, self._details.tags):
            self.annotated.emit(self._details.id, notes, tags)

    def _ask_data(self) -> None:
        if self._details is not None:
            self.data_asked.emit(self._details.id)

    def _show_message(self, details: RunDetails) -> None:
        text = details.message
        short = (
            text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}… (all of it is in the log)"
        )
        self._message.setText(short)
        self._message.setVisible(bool(text))
        self._message.setProperty("class", "error" if details.is_error else "warning")
        self._message.style().polish(self._message)

    def _show_facts(self, details: RunDetails) -> None:
        while self._facts.rowCount():
            self._facts.removeRow(0)
        for name, value in details.facts:
            text = _label("")
            text.setText(value)
            heading = _label("muted")
            heading.setText(name)
            self._facts.addRow(heading, text)

    def _lay_out(self) -> None:
        self.tags.setToolTip("Tags, separated by commas; runs can be found by them")
        self.notes.setToolTip("What you want to remember of this run")
        words = QHBoxLayout()
        words.addWidget(self._whose, 2)
        words.addWidget(self.tags, 2)
        words.addWidget(self.notes, 3)
        head = QVBoxLayout()
        head.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        head.setSpacing(GRID_PX // 2)
        for label in (self._title, self._headline, self._message):
            head.addWidget(label)
        self.other_data.setToolTip("Fill the form with what this run was asked for, to be given other audio")
        self.other_data.hide()
        head.addWidget(self.other_data, 0, Qt.AlignmentFlag.AlignLeft)
        head.addLayout(words)
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setProperty("class", "navigation")
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setAccessibleName("Run")
        self.tabs.addTab(self.curves, "Curves")
        self.tabs.addTab(self.log, "Log")
        self.tabs.addTab(self._about(), "About")
        self.tabs.setTabToolTip(_LOG, "What the run wrote besides its events (L)")
        self.splitter.addWidget(self.tabs)
        self.splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.splitter, 1)

    def _about(self) -> QWidget:
        inside = QWidget()
        inside.setProperty("class", "surface")
        inside.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        inside.setLayout(self._facts)
        self._facts.setContentsMargins(2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
        self._facts.setHorizontalSpacing(2 * GRID_PX)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setProperty("class", "surface")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        return scroll


def _label(kind: str) -> QLabel:
    label = QLabel()
    label.setProperty("class", kind)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
