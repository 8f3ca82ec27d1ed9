"""Codecs × bitrates to tick, several at once; what is not available says why and what to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earbench_app.views.qt.theme import GRID_PX
from earbench_codecs.base import Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QKeyEvent

    from earbench_codecs.base import CodecInfo, OptionInfo

_COLUMNS = 12
Choice = tuple[str, Setting]


class CodecPicker(QFrame):
    """A panel over the page; closes on Escape or a click beside it."""

    versions_asked = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("codec_picker")
        self.setAccessibleName("Add versions")
        self.setProperty("class", "surface")
        self._groups: list[CodecGroup] = []
        self._hint = QLabel("Looking for codecs…")
        self._hint.setProperty("class", "muted")
        self._list = QVBoxLayout()
        self._list.setSpacing(3 * GRID_PX)
        self._list.addWidget(self._hint)
        self.add = QPushButton("Add")
        self.add.setProperty("class", "primary")
        self.add.clicked.connect(self._ask)
        self._lay_out()
        self._count()

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """List the codecs, the available ones first."""
        self._hint.hide()
        for group in self._groups:
            group.deleteLater()
        self._groups = [CodecGroup(info) for info in sorted(codecs, key=lambda info: not info.available)]
        for group in self._groups:
            group.changed.connect(self._count)
            self._list.addWidget(group)

    def show_picked(self, picked: Iterable[Choice]) -> None:
        """Tick and lock what the table has already."""
        picked = set(picked)
        for group in self._groups:
            group.show_picked({setting for codec, setting in picked if codec == group.codec})
        self._count()

    def open_at(self, place: QPoint) -> None:
        """Open with the lower right corner here, within the screen."""
        screen = self.screen().availableGeometry()
        width = min(96 * GRID_PX, screen.width() - 2 * GRID_PX)
        height = min(80 * GRID_PX, place.y() - screen.top() - GRID_PX, self._wanted_height())
        self.resize(width, max(40 * GRID_PX, height))
        left = min(max(screen.left() + GRID_PX, place.x() - width), screen.right() - width - GRID_PX)
        self.move(left, max(screen.top() + GRID_PX, place.y() - self.height()))
        self.show()
        self.setFocus()

    def choices(self) -> list[Choice]:
        """Return what is ticked and new."""
        return [choice for group in self._groups for choice in group.choices()]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Add on Enter, close on Escape."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.add.isEnabled():
            self._ask()
        else:
            super().keyPressEvent(event)

    def _ask(self) -> None:
        choices = self.choices()
        self.close()
        if choices:
            self.versions_asked.emit(choices)

    def _count(self) -> None:
        n_chosen = len(self.choices())
        self.add.setEnabled(n_chosen > 0)
        self.add.setText(f"Add {n_chosen} version{'s' * (n_chosen != 1)}" if n_chosen else "Add")

    def _wanted_height(self) -> int:
        return self._inside.sizeHint().height() + 14 * GRID_PX

    def _lay_out(self) -> None:
        self._inside = QWidget()
        self._inside.setProperty("class", "surface")
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(2 * GRID_PX, 0, 2 * GRID_PX, 0)
        column.addLayout(self._list)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setProperty("class", "surface")
        scroll.setWidget(self._inside)
        title = QLabel("Add versions")
        title.setProperty("class", "heading")
        hint = QLabel("kbps of a stream with all its channels · encoded in the background for every clip")
        hint.setProperty("class", "muted")
        top = QHBoxLayout()
        top.setContentsMargins(2 * GRID_PX, 0, 2 * GRID_PX, 0)
        top.addWidget(title)
        top.addSpacing(GRID_PX)
        top.addWidget(hint)
        top.addStretch(1)
        foot = QHBoxLayout()
        foot.setContentsMargins(2 * GRID_PX, 0, 2 * GRID_PX, 0)
        foot.addStretch(1)
        foot.addWidget(self.add)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 2 * GRID_PX, 0, 2 * GRID_PX)
        rows.setSpacing(2 * GRID_PX)
        rows.addLayout(top)
        rows.addWidget(scroll, 1)
        rows.addLayout(foot)


class CodecGroup(QWidget):
    """One codec: its options, and a button for each rate it offers."""

    changed = Signal()

    def __init__(self, info: CodecInfo) -> None:
        super().__init__()
        self._info = info
        self.chips: dict[Setting, QToolButton] = {}
        self._options: dict[str, QComboBox] = {}
        self._other = QLineEdit(self)
        self._other.setVisible(info.available and info.continuous)
        self._grid = QGridLayout()
        self._grid.setSpacing(GRID_PX // 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(self._title_row())
        column.addLayout(self._grid)
        if info.available:
            self._add_chips()

    @property
    def codec(self) -> str:
        """The codec's name."""
        return self._info.name

    def choices(self) -> list[Choice]:
        """Return what is ticked and new, with the options chosen."""
        ticked = [setting for setting, chip in self.chips.items() if chip.isChecked() and chip.isEnabled()]
        return [(self.codec, self._with_options(setting)) for setting in ticked + self._other_rates()]

    def show_picked(self, picked: set[Setting]) -> None:
        """Tick and lock the rates that the table has, at the options chosen now."""
        for setting, chip in self.chips.items():
            there = self._with_options(setting) in picked
            chip.setEnabled(not there)
            chip.setChecked(there)
        self._other.clear()

    def _title_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID_PX)
        title = QLabel(self._info.title)
        title.setProperty("class", "heading")
        row.addWidget(title)
        note = QLabel(self._info.description if self._info.available else self._info.reason)
        note.setProperty("class", "muted" if self._info.available else "error")
        note.setWordWrap(True)
        note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(note, 1)
        if self._info.available:
            for option in self._info.options:
                if not option.replaces_bitrate:
                    row.addWidget(self._option_box(option))
        return row

    def _option_box(self, option: OptionInfo) -> QComboBox:
        box = QComboBox()
        for value in option.values:
            box.addItem(str(value), value)
        box.setToolTip(option.help)
        box.setAccessibleName(f"{self._info.title} {option.name}")
        box.currentIndexChanged.connect(lambda _: self._unlock())
        self._options[option.name] = box
        return box

    def _add_chips(self) -> None:
        settings = [Setting.of(kbps) for kbps in self._info.bitrates_kbps] or [Setting()]
        top = self._grid.rowCount()
        self._add_row_of_chips("kbps" if self._info.bitrates_kbps else "", settings)
        if self._info.continuous:
            self._other.setPlaceholderText("other, e.g. 41.5")
            self._other.setAccessibleName(f"{self._info.title}, other bitrates in kbps")
            self._other.setMaximumWidth(18 * GRID_PX)
            self._other.textChanged.connect(lambda _: self.changed.emit())
            row, column = divmod(len(settings), _COLUMNS)
            self._grid.addWidget(self._other, top + row, column + 1, 1, 3)
        for option in self._info.options:
            if option.replaces_bitrate:
                values = option.values[1:]
                self._add_row_of_chips(option.name, [Setting(None, ((option.name, v),)) for v in values])
        self._grid.setColumnStretch(_COLUMNS + 4, 1)

    def _add_row_of_chips(self, name: str, settings: Sequence[Setting]) -> None:
        label = QLabel(name)
        label.setProperty("class", "muted")
        label.setMinimumWidth(6 * GRID_PX)
        top = self._grid.rowCount()
        self._grid.addWidget(label, top, 0)
        for place, setting in enumerate(settings):
            row, column = divmod(place, _COLUMNS)
            self._grid.addWidget(self._chip(setting), top + row, column + 1)

    def _chip(self, setting: Setting) -> QToolButton:
        chip = QToolButton()
        chip.setCheckable(True)
        text = f"{setting.kbps:g}" if setting.kbps is not None else "add"
        if setting.options:
            name, value = setting.options[0]
            text = str(value)
            chip.setToolTip(f"{name} {value}, without a fixed bitrate")
        chip.setText(text)
        chip.setAccessibleName(f"{self._info.title} {setting.label}")
        chip.setFixedWidth(6 * GRID_PX)
        chip.toggled.connect(lambda _: self.changed.emit())
        self.chips[setting] = chip
        return chip

    def _with_options(self, setting: Setting) -> Setting:
        """Return the setting as the codec completes it: all options named."""
        values = {option.name: option.values[0] for option in self._info.options}
        values |= {name: box.currentData() for name, box in self._options.items()}
        values |= dict(setting.options)
        return Setting(setting.kbps, tuple(sorted(values.items())))

    def _other_rates(self) -> list[Setting]:
        rates = []
        for text in self._other.text().replace(";", ",").split(","):
            try:
                rates.append(Setting.of(float(text)))
            except ValueError:
                continue  # not a number yet
        return rates

    def _unlock(self) -> None:
        """With other options every rate is new."""
        for chip in self.chips.values():
            if not chip.isEnabled():
                chip.setEnabled(True)
                chip.setChecked(False)
        self.changed.emit()
