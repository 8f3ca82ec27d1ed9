"""A/B and ABX results: how the votes fell, pair by pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtGui import QColor

from earbench_app.views.qt.plot_export import own_menu
from earbench_app.views.qt.theme import OKABE_ITO, theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

_FIRST, _SECOND = OKABE_ITO[4], OKABE_ITO[0]


class VoteView(pg.PlotWidget):  # type: ignore[misc]
    """Passive: one bar a pair, its parts written on it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, enableMenu=False)
        self.setAccessibleName("Votes by pair; the same figures are in the table")
        own_menu(self)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)

    def show_tests(self, tests: Sequence[dict[str, Any]], titles: dict[str, str]) -> None:
        """Draw the votes of each pair."""
        self.clear()
        self.setBackground(theme().plot)
        bars = [bar for test in tests if (bar := _parts(test, titles))]
        for y, parts in enumerate(reversed(bars)):
            self._draw_bar(y, parts)
        self.getAxis("left").setTicks([[]])
        self.getAxis("bottom").setTextPen(QColor(theme().text))
        self.setLabel("bottom", "votes")
        widest = max((sum(n for _, n, _ in parts) for parts in bars), default=1)
        middle, half = (len(bars) - 1) / 2, max(1.5, len(bars) / 2 + 0.2)
        self.setRange(xRange=(0, widest * 1.02), yRange=(middle - half, middle + half), padding=0)

    def _draw_bar(self, y: int, parts: Sequence[tuple[str, int, str]]) -> None:
        start = 0
        for _, n, color in parts:
            if n:
                bar = pg.BarGraphItem(
                    x0=[start], y0=[y - 0.25], width=[n], height=[0.5], brush=color or theme().raised
                )
                self.addItem(bar)
            start += n
        words = "    ".join(f"{name}: {n}" for name, n, _ in parts)
        label = pg.TextItem(words, color=theme().text, anchor=(0, 1))
        label.setPos(0, y + 0.27)
        self.addItem(label)


def vote_rows(tests: Sequence[dict[str, Any]], titles: dict[str, str]) -> list[tuple[str, ...]]:
    """Return the tests as rows of a table."""
    return [_row(test, titles) for test in tests]


def _row(test: dict[str, Any], titles: dict[str, str]) -> tuple[str, ...]:
    first, second = (titles.get(test[key], test[key]) for key in ("option_1", "option_2"))
    if "wins_1" in test:
        votes = (str(test["wins_1"]), str(test["wins_2"]), str(test["ties"]))
    elif "chose_a" in test:
        votes = (f"A: {test['chose_a']}", f"B: {test['chose_b']}", "")
    else:
        votes = (f"right: {test['correct']}", f"of {test['n']}", "")
    who = f" · {test['listener']}" if test.get("listener") else ""
    p_value = "< 0.0001" if test["p_value"] < 0.0001 else f"{test['p_value']:.4f}"
    return (test["test"] + who, first, votes[0], second, votes[1], votes[2], p_value)


def _parts(test: dict[str, Any], titles: dict[str, str]) -> list[tuple[str, int, str]]:
    """Return what a bar is made of: name, votes, colour (empty for the neutral one)."""
    first, second = (titles.get(test[key], test[key]) for key in ("option_1", "option_2"))
    if "wins_1" in test:
        return [
            (first, test["wins_1"], _FIRST),
            ("no preference", test["ties"], ""),
            (second, test["wins_2"], _SECOND),
        ]
    if "correct" in test:
        who = test.get("listener") or "all listeners"
        right = (f"{first} or {second}, {who}: right", test["correct"], _FIRST)
        return [right, ("wrong", test["n"] - test["correct"], "")]
    return []
