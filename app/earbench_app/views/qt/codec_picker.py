"""Codecs × bitrates to tick, several at once; what is not available says why and what to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from earbench_app.audition.listing import ListedCheckpoint, sections
from earbench_app.views.qt.codec_card import CodecCard
from earbench_app.views.qt.codec_group import CheckpointGroup, Choice, CodecGroup
from earbench_app.views.qt.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QKeyEvent

    from earbench_app.audition.listing import CodecSection
    from earbench_codecs.base import CodecInfo

_PAGES = ("Reference codecs", "Neural codecs", "Plug-ins and anchors")
_REFERENCE, _NEURAL, _OTHERS = range(3)
_HINT = (
    "kbps of two channels together, of each where a codec is mono · encoded in the background for every clip"
)


class CodecPicker(QFrame):
    """A panel over the page; closes on Escape or a click beside it."""

    versions_asked = Signal(list)
    checkpoint_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("codec_picker")
        self.setAccessibleName("Add versions")
        self.setProperty("class", "surface")
        self._groups: list[CodecGroup] = []
        self._checkpoints: set[str] | None = None  # until they are listed
        self._pages = [_Page() for _ in _PAGES]
        self.tabs = QTabBar()
        self.card = CodecCard()
        self.back = QPushButton("Back")
        self.back.setToolTip("Back to the list (Esc)")
        self.add_checkpoint = QPushButton("Add a checkpoint…")
        self.add = QPushButton("Add")
        self.add.setProperty("class", "primary")
        self._lay_out()
        self._connect()
        self._count()

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """List the codecs, the available ones first; a checkpoint that is new is in sight."""
        for page in self._pages:
            page.clear()
        self._groups = []
        for section in sections(codecs):
            self._add_section(section)
        for group in self._groups:
            group.changed.connect(self._count)
            group.card_asked.connect(self.show_card)
        checkpoints = {info.name for info in codecs if isinstance(info, ListedCheckpoint)}
        if self._checkpoints is not None and checkpoints - self._checkpoints:
            self.tabs.setCurrentIndex(_NEURAL)
        self._checkpoints = checkpoints
        self._count()

    def show_picked(self, picked: Iterable[Choice]) -> None:
        """Tick and lock what the table has already."""
        picked = set(picked)
        for group in self._groups:
            group.show_picked({setting for codec, setting in picked if codec == group.codec})
        self._count()

    def show_card(self, info: CodecInfo) -> None:
        """Show a codec's card in the place of the list."""
        self.card.show_codec(info)
        self._faces.setCurrentIndex(1)
        self.card.text.setFocus()

    def show_list(self) -> None:
        """Go back from a card."""
        self._faces.setCurrentIndex(0)
        self.setFocus()

    def open_at(self, place: QPoint) -> None:
        """Open with the lower right corner here, within the screen."""
        screen = self.screen().availableGeometry()
        width = min(96 * GRID_PX, screen.width() - 2 * GRID_PX)
        height = min(80 * GRID_PX, place.y() - screen.top() - GRID_PX, self._wanted_height())
        self.resize(width, max(40 * GRID_PX, height))
        left = min(max(screen.left() + GRID_PX, place.x() - width), screen.right() - width - GRID_PX)
        self.move(left, max(screen.top() + GRID_PX, place.y() - self.height()))
        self.show_list()
        self.show()
        self.setFocus()

    def choices(self) -> list[Choice]:
        """Return what is ticked and new."""
        return [choice for group in self._groups for choice in group.choices()]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Add on Enter; on Escape leave the card, else close."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.add.isEnabled():
            self._ask()
        elif event.key() == Qt.Key.Key_Escape and self._faces.currentIndex() == 1:
            self.show_list()
        else:
            super().keyPressEvent(event)

    def _ask(self) -> None:
        choices = self.choices()
        self.close()
        if choices:
            self.versions_asked.emit(choices)

    def _ask_for_checkpoint(self) -> None:
        self.close()
        self.checkpoint_asked.emit()

    def _count(self) -> None:
        n_chosen = len(self.choices())
        self.add.setEnabled(n_chosen > 0)
        self.add.setText(f"Add {n_chosen} version{'s' * (n_chosen != 1)}" if n_chosen else "Add")

    def _add_section(self, section: CodecSection) -> None:
        place = _OTHERS if section.codecs[0].kind in ("plugin", "anchor") else _REFERENCE
        page = self._pages[_NEURAL if section.neural else place]
        groups = [_group(info) for info in section.codecs]
        if section.neural:
            page.add_network(section, groups)
        else:
            page.add(groups)
        self._groups += groups

    def _wanted_height(self) -> int:
        return max(page.inside.sizeHint().height() for page in self._pages) + 20 * GRID_PX

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._lists.setCurrentIndex)
        self.back.clicked.connect(self.show_list)
        self.add.clicked.connect(self._ask)
        self.add_checkpoint.clicked.connect(self._ask_for_checkpoint)

    def _lay_out(self) -> None:
        title = QLabel("Add versions")
        title.setProperty("class", "heading")
        top = _row(title, _muted(_HINT))
        top.insertSpacing(1, GRID_PX)
        self.tabs.setProperty("class", "navigation")
        self.tabs.setAccessibleName("Kinds of codecs")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self._lists = QStackedWidget()
        for name, page in zip(_PAGES, self._pages, strict=True):
            self.tabs.addTab(name)
            self._lists.addWidget(page)
        neural_foot = _row(self.add_checkpoint, _muted("or drop its file anywhere on the window"))
        neural_foot.setContentsMargins(0, 0, 0, 0)
        self._pages[_NEURAL].column.addLayout(neural_foot)
        for page in self._pages:
            page.column.addStretch(1)
        foot = _row(None, self.add)
        self._faces = QStackedWidget()
        self._faces.addWidget(_column(top, self.tabs, self._lists, foot))
        self._faces.addWidget(_column(_row(self.back, None), self.card))
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 2 * GRID_PX, 0, 2 * GRID_PX)
        rows.addWidget(self._faces)


class _Page(QScrollArea):
    """Codecs of a kind, one below the other."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("class", "surface")
        self.inside = QWidget()
        self.inside.setProperty("class", "surface")
        self._hint = _muted("Looking for codecs…")
        self._list = QVBoxLayout()
        self._list.setSpacing(3 * GRID_PX)
        self._list.addWidget(self._hint)
        self.column = QVBoxLayout(self.inside)
        self.column.setContentsMargins(2 * GRID_PX, 0, 2 * GRID_PX, 0)
        self.column.setSpacing(3 * GRID_PX)
        self.column.addLayout(self._list)
        self.setWidget(self.inside)

    def clear(self) -> None:
        self._hint.hide()
        while self._list.count() > 1:
            item = self._list.takeAt(1)
            if item is not None and (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()

    def add(self, groups: Sequence[QWidget]) -> None:
        for group in groups:
            self._list.addWidget(group)

    def add_network(self, section: CodecSection, groups: Sequence[QWidget]) -> None:
        """Add checkpoints under the name of their network; a network without one names itself."""
        if not any(isinstance(info, ListedCheckpoint) for info in section.codecs):
            self.add(groups)
            return
        heading = QLabel(section.title)
        heading.setProperty("class", "heading")
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addWidget(heading)
        for group in groups:
            column.addWidget(group)
        self._list.addWidget(box)


def _group(info: CodecInfo) -> CodecGroup:
    usable = isinstance(info, ListedCheckpoint) and info.available
    return CheckpointGroup(info) if usable else CodecGroup(info)


def _muted(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("class", "muted")
    return label


def _row(*widgets: QWidget | None) -> QHBoxLayout:
    """Return widgets beside each other; None takes the room that is left."""
    row = QHBoxLayout()
    row.setContentsMargins(2 * GRID_PX, 0, 2 * GRID_PX, 0)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget)
    if None not in widgets:
        row.addStretch(1)
    return row


def _column(*parts: QWidget | QHBoxLayout) -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(GRID_PX)
    for part in parts:
        if isinstance(part, QHBoxLayout):
            column.addLayout(part)
        else:
            column.addWidget(part, 0 if isinstance(part, QTabBar) else 1)
    return page
