"""One codec in the picker: its options, and a button for each rate it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from earbench_app.audition.listing import is_untrained, short_facts
from earbench_app.views.qt.theme import GRID_PX
from earbench_app.views.qt.wheel import leave_wheel
from earbench_codecs.base import Setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.base import CodecInfo, OptionInfo

_COLUMNS = 12
_CHIP = 6 * GRID_PX
_WIDE_CHIP = 8 * GRID_PX  # for a rate as measured, such as 129.3
Choice = tuple[str, Setting]


class CodecGroup(QWidget):
    """One codec: its options, and a button for each rate it offers."""

    changed = Signal()
    card_asked = Signal(object)  # CodecInfo

    def __init__(self, info: CodecInfo) -> None:
        super().__init__()
        self._info = info
        self.chips: dict[Setting, QToolButton] = {}
        self._options: dict[str, QComboBox] = {}
        self._other = QLineEdit(self)
        self._other.setVisible(info.available and info.continuous)
        self._other.setPlaceholderText("other, e.g. 41.5")
        self._other.setAccessibleName(f"{info.title}, other bitrates in kbps")
        self._other.setMaximumWidth(18 * GRID_PX)
        self._other.textChanged.connect(lambda _: self.changed.emit())
        self._grid = QGridLayout()
        self._grid.setSpacing(GRID_PX // 2)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        column.addLayout(self._title_row())
        column.addLayout(self._grid)
        if self._info.available:
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
        fine = self._info.available or is_untrained(self._info)
        note.setProperty("class", "muted" if fine else "error")
        note.setWordWrap(True)
        note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(note, 1)
        self._add_options(row)
        return row

    def _add_options(self, row: QHBoxLayout) -> None:
        for option in self._info.options if self._info.available else ():
            if not option.replaces_bitrate:
                row.addWidget(self._option_box(option))

    def _option_box(self, option: OptionInfo) -> QComboBox:
        box = QComboBox()
        for value in option.values:
            box.addItem(str(value), value)
        leave_wheel(box)
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
            row, column = divmod(len(settings), _COLUMNS)
            self._grid.addWidget(self._other, top + row, column + 1, 1, 3)
        self._add_chips_without_bitrate()

    def _add_chips_without_bitrate(self) -> None:
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
        chip.setFixedWidth(_CHIP if len(text) < 4 else _WIDE_CHIP)
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


class CheckpointGroup(CodecGroup):
    """A checkpoint on one line: its rate, what it is, its card; below, its rates where it has several."""

    def _lay_out(self) -> None:
        info = self._info
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX // 2)
        row = QHBoxLayout()
        row.setSpacing(GRID_PX)
        column.addLayout(row)
        column.addLayout(self._grid)
        has_one = len(info.bitrates_kbps) == 1 and not info.continuous
        if has_one:
            chip = self._chip(Setting.of(info.bitrates_kbps[0]))
            chip.setFixedWidth(_WIDE_CHIP)  # for all, so that names stand in a column
            row.addWidget(chip)
        name = QLabel(info.name)
        name.setToolTip(info.title)
        row.addWidget(name)
        facts = QLabel(short_facts(info))
        facts.setProperty("class", "muted")
        facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        facts.setToolTip(info.title)
        row.addWidget(facts, 1)
        self._add_options(row)
        card = QPushButton("Card")
        card.setProperty("class", "quiet")
        card.setToolTip("Read how it was trained and what it measures")
        card.setAccessibleName(f"Card of {info.name}")
        card.clicked.connect(lambda: self.card_asked.emit(info))
        row.addWidget(card)
        if has_one:
            self._add_chips_without_bitrate()
        else:
            self._add_chips()
