"""The bitrate of a version that may have any: a slider, its number, and what is at that rate as yet."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from PySide6.QtCore import QEvent, QSignalBlocker, Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QSizePolicy, QSlider, QWidget

from earbench_app.views.qt.theme import GRID_PX, number_font

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent, QWheelEvent

    from earbench_app.views.protocols import RateRange

_N_PLACES = 240
_PAGE = 12
_STEP_KBPS = 0.5
_OWN_KEYS = (
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
)


def ladder(rate: RateRange) -> list[float]:
    """Return the rates a slider stops at, in kbps: evenly spaced to the ear, the usual ones among them."""
    places = np.geomspace(rate.lowest_kbps, rate.highest_kbps, _N_PLACES + 1)
    stops = np.where(places < 100, places.round(1), places.round())
    for usual in rate.usual_kbps:
        stops[np.abs(np.log(places / usual)).argmin()] = usual
    stops[[0, -1]] = rate.lowest_kbps, rate.highest_kbps
    found: list[float] = np.unique(stops).tolist()
    return found


class RateControl(QWidget):
    """Passive: says what is dragged over and what is chosen, shows what it is told unless it is being moved.

    Parameters
    ----------
    version_id : int
    """

    dragged = Signal(int, float)
    chosen = Signal(int, float)

    def __init__(self, version_id: int) -> None:
        super().__init__()
        self.version_id = version_id
        self._rate: RateRange | None = None
        self._stops: list[float] = []
        self._was_moved = False
        self.slider = _Slider(Qt.Orientation.Horizontal)
        self.number = _Number()
        self._lowest, self._highest = _end(), _end()
        self._highest.setMinimumWidth(4 * GRID_PX)  # numbers stand in a column
        self.note = _Note()
        self.slider.valueChanged.connect(self._moved)
        self.slider.sliderPressed.connect(self._pressed)
        self.slider.sliderReleased.connect(self._released)
        self.number.valueChanged.connect(self._typed)
        self.number.lineEdit().returnPressed.connect(self.slider.setFocus)
        self._lay_out()

    def show_rate(self, rate: RateRange, title: str, note: str) -> None:
        """Show where the bitrate is; while the slider is held, the note alone."""
        self.note.show_text(note)
        if self.slider.isSliderDown() or rate == self._rate:
            return
        if self._rate is None or self._limits(rate) != self._limits(self._rate):
            self._set_limits(rate)
        self._rate = rate
        self.slider.setAccessibleName(f"Bitrate of {title}")
        self.number.setAccessibleName(f"Bitrate of {title} in kbps")
        self._show_kbps(rate.kbps)
        with QSignalBlocker(self.slider):
            self.slider.setValue(self._place(rate.kbps))

    @staticmethod
    def _limits(rate: RateRange) -> tuple[float, float, tuple[float, ...]]:
        return rate.lowest_kbps, rate.highest_kbps, rate.usual_kbps

    def _set_limits(self, rate: RateRange) -> None:
        self._stops = ladder(rate)
        with QSignalBlocker(self.slider), QSignalBlocker(self.number):
            self.slider.setRange(0, len(self._stops) - 1)
            self.number.setRange(rate.lowest_kbps, rate.highest_kbps)
        self._lowest.setText(f"{rate.lowest_kbps:g}")
        self._highest.setText(f"{rate.highest_kbps:g}")
        tip = (
            f"Bitrate, {rate.lowest_kbps:g} to {rate.highest_kbps:g} kbps: the selection is coded anew at"
            " once, while it plays, and the whole clip after it. Arrow keys step (Ctrl+Z goes back)"
        )
        for part in (self.slider, self.number):
            part.setToolTip(tip)

    def _place(self, kbps: float) -> int:
        """Return the place of the stop nearest to a rate."""
        above = min(bisect_left(self._stops, kbps), len(self._stops) - 1)
        return min((max(0, above - 1), above), key=lambda place: abs(self._stops[place] - kbps))

    def _show_kbps(self, kbps: float) -> None:
        with QSignalBlocker(self.number):
            self.number.setValue(kbps)

    def _pressed(self) -> None:
        self._was_moved = False

    def _moved(self, place: int) -> None:
        kbps = self._stops[place]
        self._was_moved = True
        self._show_kbps(kbps)
        signal = self.dragged if self.slider.isSliderDown() else self.chosen
        signal.emit(self.version_id, kbps)

    def _released(self) -> None:
        self._rate = None if self._was_moved else self._rate  # what is told next is shown
        if self._was_moved:
            self.chosen.emit(self.version_id, self._stops[self.slider.value()])

    def _typed(self, kbps: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(self._place(kbps))
        self.chosen.emit(self.version_id, round(kbps, 1))

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID_PX)
        row.addWidget(self._lowest)
        row.addWidget(self.slider)
        row.addWidget(self._highest)
        row.addWidget(self.number)
        row.addWidget(self.note, 1)


class _Slider(QSlider):
    def __init__(self, orientation: Qt.Orientation) -> None:
        super().__init__(orientation)
        self.setFixedWidth(28 * GRID_PX)
        self.setPageStep(_PAGE)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def event(self, event: QEvent) -> bool:
        """Claim the keys that step it, which else are the page's."""
        if event.type() == QEvent.Type.ShortcutOverride and _is_own(event):
            event.accept()
            return True
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turn only where it has the focus; else the list scrolls."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class _Number(QDoubleSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setProperty("class", "compact")
        self.setDecimals(1)
        self.setSingleStep(_STEP_KBPS)
        self.setSuffix(" kbps")
        self.setKeyboardTracking(False)
        self.setFixedWidth(13 * GRID_PX)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turn only where it has the focus; else the list scrolls."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class _Note(QLabel):
    """A line of text, cut with an ellipsis where there is no room; all of it is in its tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("class", "muted")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._text = ""

    def show_text(self, text: str) -> None:
        """Show it."""
        self._text = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut it anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setText(self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, self.width()))


def _is_own(event: QEvent) -> bool:
    key: QKeyEvent = event  # type: ignore[assignment]  # PySide gives the event as what it is
    return key.modifiers() == Qt.KeyboardModifier.NoModifier and key.key() in _OWN_KEYS


def _end() -> QLabel:
    label = QLabel()
    label.setProperty("class", "muted")
    label.setFont(number_font(label.font()))
    return label
