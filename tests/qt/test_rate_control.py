"""The bitrate slider: what mouse, keys, wheel and typing make of it, and where the table has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QStyle, QStyleOptionSlider

from earbench_app.audition.workspace import State
from earbench_app.views.protocols import ClipRow, RateRange, VersionRow
from earbench_app.views.qt.audition_page import AuditionPage
from earbench_app.views.qt.rate_control import RateControl, ladder

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

RATE = RateRange(16.0, 6.0, 64.0, (6, 9, 12, 16, 24, 32, 64))
ROWS = [
    VersionRow(11, "1", 0, "MP3 64", State.READY),
    VersionRow(12, "2", 1, "mdct-hyper-16k 16", State.READY, rate=RATE),
    VersionRow(13, "3", 2, "Opus 32", State.READY, rate=RateRange(32.0, 6.0, 510.0, (6, 32, 510))),
]


@pytest.fixture
def page(qtbot: QtBot) -> AuditionPage:
    page = AuditionPage()
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show_clips([ClipRow(1, "castanets", "0:08.0")], 1)
    page.show_versions(ROWS, "")
    page.show_duration(8.0)
    page.show()
    page.activateWindow()
    qtbot.waitExposed(page)
    return page


@pytest.fixture
def control(page: AuditionPage) -> RateControl:
    control = page.table.rates.control(2)
    assert control is not None
    return control


def hear(page: AuditionPage) -> Mock:
    heard = Mock()
    for name in ("rate_dragged", "rate_chosen", "seek_by_requested", "clip_chosen"):
        getattr(page, name).connect(getattr(heard, name), check_nargs=False)
    return heard


def calls(heard: Mock) -> list[tuple[str, tuple[Any, ...]]]:
    return [(name, tuple(arguments)) for name, arguments, _ in heard.mock_calls]


def handle(control: RateControl) -> QPoint:
    option = QStyleOptionSlider()
    control.slider.initStyleOption(option)
    part = QStyle.SubControl.SC_SliderHandle
    return (
        control.slider.style()
        .subControlRect(QStyle.ComplexControl.CC_Slider, option, part, control.slider)
        .center()
    )


def test_stops_are_evenly_spaced_to_the_ear_and_hold_the_usual_rates() -> None:
    stops = ladder(RATE)
    assert set(RATE.usual_kbps) <= set(stops)
    assert (stops[0], stops[-1]) == (6.0, 64.0)
    steps = np.diff(np.log(stops))
    assert steps.min() > 0
    assert steps.max() < 0.035
    assert np.median(steps) == pytest.approx(np.log(64 / 6) / 240, rel=0.2)


def test_only_rows_that_take_any_rate_have_a_control_and_are_higher(page: AuditionPage) -> None:
    there = [page.table.rates.control(place) is not None for place in range(4)]
    assert there == [False, False, True, True]
    heights = [page.table.rowHeight(place) for place in range(4)]
    assert heights[0] == heights[1] < heights[2] == heights[3]


def test_it_stands_below_its_title_and_within_the_table(page: AuditionPage, control: RateControl) -> None:
    row = page.table.visualRect(page.table.model().index(2, 1))
    place = control.geometry()
    assert row.top() < place.top()
    assert place.bottom() <= row.bottom()
    assert place.right() <= page.table.viewport().width()
    assert control.number.height() <= place.height()


def test_a_drag_tells_what_it_passes_and_the_release_what_it_chose(
    page: AuditionPage, control: RateControl
) -> None:
    heard, start = hear(page), handle(control)
    QTest.mousePress(control.slider, Qt.MouseButton.LeftButton, pos=start)
    for x in range(10, 60, 10):
        QTest.mouseMove(control.slider, start + QPoint(x, 0))
    passed = calls(heard)
    assert {name for name, _ in passed} == {"rate_dragged"}
    rates = [arguments[1] for _, arguments in passed]
    assert rates == sorted(rates)
    assert rates[0] > 16.0
    QTest.mouseRelease(control.slider, Qt.MouseButton.LeftButton, pos=start + QPoint(50, 0))
    assert calls(heard)[len(passed) :] == [("rate_chosen", (12, rates[-1]))]
    assert control.number.value() == rates[-1]


def test_a_press_that_moves_nothing_chooses_nothing(page: AuditionPage, control: RateControl) -> None:
    page.show_version(VersionRow(12, "2", 1, "x", State.READY, rate=RateRange(17.3, 6.0, 64.0)))
    heard = hear(page)
    QTest.mouseClick(control.slider, Qt.MouseButton.LeftButton, pos=handle(control))
    assert calls(heard) == []
    assert control.number.value() == 17.3


def test_while_it_is_held_what_is_shown_does_not_move_it(page: AuditionPage, control: RateControl) -> None:
    start = handle(control)
    QTest.mousePress(control.slider, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(control.slider, start + QPoint(40, 0))
    there = control.slider.value()
    page.show_version(VersionRow(12, "2", 1, "x", State.READY, rate=RATE, part="Only 1 s"))
    assert control.slider.value() == there
    assert control.note.toolTip() == "Only 1 s"
    QTest.mouseRelease(control.slider, Qt.MouseButton.LeftButton, pos=start + QPoint(40, 0))
    page.show_version(VersionRow(12, "2", 1, "x", State.READY, rate=RATE))
    assert control.number.value() == 16.0


@pytest.mark.parametrize("key", [Qt.Key.Key_Right, Qt.Key.Key_PageUp, Qt.Key.Key_End])
def test_keys_step_the_slider_that_has_the_focus_and_not_the_page(
    page: AuditionPage, control: RateControl, key: Qt.Key, qtbot: QtBot
) -> None:
    control.slider.setFocus()
    qtbot.waitUntil(control.slider.hasFocus)
    heard = hear(page)
    QTest.keyClick(control.slider, key)
    ((name, (version_id, kbps)),) = calls(heard)
    assert (name, version_id) == ("rate_chosen", 12)
    assert 16.0 < kbps <= 64.0


def test_an_exact_rate_can_be_typed(page: AuditionPage, control: RateControl) -> None:
    heard = hear(page)
    control.number.setFocus()
    control.number.selectAll()
    QTest.keyClicks(control.number.lineEdit(), "23.7")
    assert calls(heard) == []
    QTest.keyClick(control.number.lineEdit(), Qt.Key.Key_Return)
    assert calls(heard) == [("rate_chosen", (12, 23.7))]


def test_the_wheel_turns_it_only_with_the_focus(
    page: AuditionPage, control: RateControl, qtbot: QtBot
) -> None:
    heard = hear(page)

    def turn() -> None:
        for widget in (control.slider, control.number):
            middle = QPointF(widget.rect().center())
            event = QWheelEvent(
                middle,
                QPointF(widget.mapToGlobal(widget.rect().center())),
                QPoint(),
                QPoint(0, 120),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            QApplication.sendEvent(widget, event)

    page.setFocus()
    turn()
    assert calls(heard) == []
    control.slider.setFocus()
    qtbot.waitUntil(control.slider.hasFocus)
    turn()
    assert [name for name, _ in calls(heard)] == ["rate_chosen"]


def test_rows_shown_again_keep_the_slider_that_is_held(page: AuditionPage, control: RateControl) -> None:
    page.show_versions(
        [*ROWS[:1], VersionRow(12, "2", 1, "mdct-hyper-16k 24", State.WAITING, rate=RATE), ROWS[2]], ""
    )
    assert page.table.rates.control(2) is control
    page.show_versions([ROWS[1]], "")
    other = page.table.rates.control(1)
    assert other is not None
    assert other.version_id == 12
    assert page.table.rates.control(2) is None


def test_screen_readers_are_told_whose_bitrate_it_is(control: RateControl) -> None:
    assert control.slider.accessibleName() == "Bitrate of mdct-hyper-16k 16"
    assert control.number.accessibleName() == "Bitrate of mdct-hyper-16k 16 in kbps"
