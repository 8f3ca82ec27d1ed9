"""All signals of a MUSHRA trial side by side over one five-band scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from PySide6.QtCore import QPoint, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QFontInfo, QPainter, QPen
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from earbench_app.views.qt.icons import icon
from earbench_app.views.qt.score_slider import ScoreSlider
from earbench_app.views.qt.theme import GRID_PX, number_font, theme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtGui import QPaintEvent

BANDS = ("Excellent", "Good", "Fair", "Poor", "Bad")
_GUTTER_PX = 14 * GRID_PX
_TYPING_MS = 1200


class ScoreColumn:
    """The widgets of one signal: what it is doing, its scale, its score, its play button."""

    def __init__(self, label: str, board: QWidget) -> None:
        self.label = label
        self.state = QLabel(board)
        self.slider = ScoreSlider(board)
        self.readout = QLabel(board)
        self.button = QPushButton(label, board)
        self.missing = False
        for widget, name in ((self.slider, "score"), (self.button, "play"), (self.readout, "readout")):
            widget.setObjectName(f"{name}_{label}")
        for text in (self.state, self.readout):
            text.setAlignment(Qt.AlignmentFlag.AlignCenter)
            text.setTextFormat(Qt.TextFormat.PlainText)
        self.readout.setFont(number_font(self.readout.font()))
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setProperty("scale", "large")
        self.button.setCheckable(True)
        self.button.setToolTip(f"Play {label} ({label})")

    def widgets(self) -> tuple[QWidget, ...]:
        """Return them from top to bottom."""
        return (self.state, self.slider, self.readout, self.button)

    def show_state(self, audible: bool, chosen: bool) -> None:
        """Show whether this signal plays: only then can it be scored."""
        self.slider.setEnabled(audible)
        self.slider.setToolTip("" if audible else f"Play {self.label} to score it")
        self.state.setText("playing" if audible else "")
        self.button.setChecked(chosen)
        self.button.setIcon(icon("pause" if audible else "play", "text"))
        action = "Pause" if audible else "Play"
        self.button.setAccessibleName(f"{action} {self.label}")
        self.show_readout()

    def show_readout(self, typed: str = "") -> None:
        """Write the score, or that there is none."""
        score = self.slider.score
        self.missing = self.missing and score is None
        text = "not scored" if score is None else str(score)
        self.readout.setText(f"{typed}_" if typed else text)
        kind = "warning" if self.missing else "muted" if score is None else "score"
        if self.readout.property("class") != kind:
            self.readout.setProperty("class", kind)
            self.readout.style().polish(self.readout)
        can = "" if self.slider.isEnabled() else "; play it to score it"
        self.slider.setAccessibleName(f"Score of {self.label}, {text}{can}")


class ScoreBoard(QWidget):
    """Passive: sliders in the order of their labels; one of them at most is enabled."""

    play_requested = Signal(str)
    score_changed = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._columns: dict[str, ScoreColumn] = {}
        self._audible: str | None = None
        self._playing_now: tuple[str | None, str] = (None, "")
        self._typed = ""
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self.finish_typing)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(_GUTTER_PX, 0, 0, 0)
        self._grid.setHorizontalSpacing(GRID_PX // 2)
        self._grid.setVerticalSpacing(GRID_PX // 2)
        self._grid.setRowStretch(1, 1)

    def set_labels(self, labels: Sequence[str]) -> None:
        """Make a column a label."""
        for column in self._columns.values():
            for widget in column.widgets():
                self._grid.removeWidget(widget)
                widget.setParent(None)  # gone at once, not when Qt comes to delete it
                widget.deleteLater()
        for index in range(self._grid.columnCount()):
            self._grid.setColumnStretch(index, 0)
        self._columns = {label: ScoreColumn(label, self) for label in labels}
        self._audible, self._playing_now, self._typed = None, (None, ""), ""
        for index, column in enumerate(self._columns.values()):
            self._add(index, column)

    def show_scores(self, scores: Mapping[str, float | None]) -> None:
        """Set every slider."""
        for label, column in self._columns.items():
            column.slider.show_score(scores.get(label))
            column.show_readout()

    def show_playing(self, audible: str | None, chosen: str) -> None:
        """Enable the signal that is audible now, and no other."""
        if (audible, chosen) == self._playing_now:
            return
        self._playing_now = (audible, chosen)
        self._audible, self._typed = audible, ""
        if isinstance(QApplication.focusWidget(), ScoreSlider):
            self.setFocus()  # from a disabled slider Qt would move it on, perhaps into the comment
        for label, column in self._columns.items():
            column.show_state(label == audible, label == chosen)
        if audible in self._columns and not isinstance(QApplication.focusWidget(), QLineEdit):
            self._columns[audible].slider.setFocus()
        self.update()

    def mark_untouched(self, labels: Sequence[str]) -> None:
        """Point out what still needs a score."""
        for label in labels:
            self._columns[label].missing = True
            self._columns[label].show_readout()

    def nudge(self, step: int, *, final: bool) -> None:
        """Move the score of the signal now playing."""
        if column := self._playing():
            column.slider.nudge(step, final=final)

    def commit(self) -> None:
        """Score what a held key has moved."""
        if column := self._playing():
            column.slider.commit()

    def type_digit(self, digit: str) -> None:
        """Take a score typed digit by digit: two digits, or 100."""
        column = self._playing()
        if column is None:
            return
        self._typed += digit
        column.show_readout(self._typed)
        complete = len(self._typed) > 2 or (len(self._typed) == 2 and self._typed != "10")
        self._typing.start(0 if complete else _TYPING_MS)

    @property
    def is_typing(self) -> bool:
        """Whether a score is half typed."""
        return bool(self._typed)

    def finish_typing(self) -> None:
        """Score what was typed."""
        typed, self._typed = self._typed, ""
        self._typing.stop()
        column = self._playing()
        if column and typed:
            self.score_changed.emit(column.label, min(100, int(typed)))
            column.show_readout()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the scale behind the sliders."""
        del event
        if not self._columns:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_scale(painter)
        painter.end()

    def _add(self, index: int, column: ScoreColumn) -> None:
        for row, widget in enumerate(column.widgets()):
            self._grid.addWidget(widget, row, index)
            widget.show()
        self._grid.setColumnStretch(index, 1)
        self._grid.setColumnMinimumWidth(index, 8 * GRID_PX)
        column.button.clicked.connect(lambda: self.play_requested.emit(column.label))
        column.slider.scored.connect(lambda score: self.score_changed.emit(column.label, score))
        column.slider.moved.connect(lambda score: column.readout.setText(str(score)))
        column.show_state(False, False)

    def _playing(self) -> ScoreColumn | None:
        return self._columns.get(self._audible) if self._audible else None

    def _paint_playing_column(self, painter: QPainter) -> None:
        column = self._playing()
        if column is None:
            return
        box = column.slider.geometry().united(column.readout.geometry()).united(column.state.geometry())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme().selected))
        painter.drawRoundedRect(QRectF(box.adjusted(4, 0, -4, 0)), 8, 8)

    def _paint_scale(self, painter: QPainter) -> None:
        colors = theme()
        slider = next(iter(self._columns.values())).slider
        top = slider.mapTo(self, QPoint(0, 0)).y()
        lines = [top + slider.y_of(score) for score in (100, 80, 60, 40, 20, 0)]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.surface))
        for upper, lower in ((lines[0], lines[1]), (lines[2], lines[3]), (lines[4], lines[5])):
            painter.drawRect(
                QRectF(_GUTTER_PX - GRID_PX, upper, self.width() - _GUTTER_PX + GRID_PX, lower - upper)
            )
        self._paint_playing_column(painter)
        painter.setFont(_smaller(self.font()))
        for score, y in zip((100, 80, 60, 40, 20, 0), lines, strict=True):
            painter.setPen(QPen(QColor(colors.line), 1))
            painter.drawLine(_GUTTER_PX - GRID_PX, round(y), self.width(), round(y))
            painter.setPen(QColor(colors.muted))
            number = QRectF(0, y - 10, _GUTTER_PX - 1.5 * GRID_PX, 20)
            painter.drawText(number, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(score))
        painter.setFont(self.font())
        painter.setPen(QColor(colors.text))
        for name, upper, lower in zip(BANDS, lines, lines[1:], strict=False):
            band = QRectF(0, upper, _GUTTER_PX - 1.5 * GRID_PX, lower - upper)
            painter.drawText(band, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)


def _smaller(font: QFont) -> QFont:
    small = QFont(number_font(font))
    small.setPixelSize(round(0.8 * QFontInfo(font).pixelSize()))
    return small
