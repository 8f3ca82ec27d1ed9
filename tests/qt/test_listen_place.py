"""The listening area in the training page: whose key Space is, and what the pointer meets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from audition_doubles import HandPool, view_double
from psygnal import Signal
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from earbench_app.jobs.job import State
from earbench_app.notifications import Level, Notice
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.audition import AuditionPresenter
from earbench_app.presenters.checkpoints import CheckpointShelf
from earbench_app.settings import Settings
from earbench_app.views.qt.listen_place import ListenPlace
from earbench_app.views.qt.training_page import TrainingPage
from earbench_app.views.training_protocols import Actions, JobRow, RunDetails

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from earbench_app.presenters.training_slots import Runs
    from earbench_app.views.qt.training_listen import ListenArea

ROWS = [JobRow(f"j{n}", f"run {n}", State.RUNNING, created_s=n) for n in range(3)]


class Training:
    """Which runs are selected: none."""

    runs_changed = Signal(tuple)
    runs: Runs = ()


@pytest.fixture
def page(qtbot: QtBot) -> TrainingPage:
    page = TrainingPage()
    qtbot.addWidget(page)
    page.resize(1280, 800)
    page.show_jobs(ROWS)
    page.show_actions(Actions(*[True] * 6))
    page.show_details(RunDetails("j2", "run 2"))
    with qtbot.waitActive(page):  # keys go to the window that is active
        page.show()
    page.jobs.table.setFocus()
    return page


@pytest.fixture
def area(page: TrainingPage) -> ListenArea:
    pool = HandPool()
    audition = AuditionPresenter(
        view_double(), FakePlayer(), pool, HandPool(), HandPool(), Settings(), Path("/cache")
    )
    place = ListenPlace(audition, pool, CheckpointShelf(pool, Mock(), audition.release), Mock(), Mock())
    place.attach(page, Training())  # type: ignore[arg-type]
    assert place.area is not None
    return place.area


@pytest.fixture
def played(area: ListenArea) -> list[bool]:
    played: list[bool] = []
    area.play_toggled.connect(lambda: played.append(True))
    return played


def press(*keys: Qt.Key) -> None:
    for key in keys:
        widget = QApplication.focusWidget()
        assert widget is not None
        QTest.keyClick(widget, key)


def test_a_run_is_cancelled_with_the_keyboard_alone(page: TrainingPage, played: list[bool]) -> None:
    cancelled: list[tuple[str, ...]] = []
    page.cancel_requested.connect(cancelled.append)
    press(Qt.Key.Key_X)
    assert page.jobs.confirm.no.hasFocus()
    press(Qt.Key.Key_Left, Qt.Key.Key_Space)
    assert cancelled == [("j2",)]
    assert played == []
    assert page.jobs.table.hasFocus()
    press(Qt.Key.Key_Space)
    assert played == [True]


def test_space_presses_the_button_that_tab_came_to(area: ListenArea, played: list[bool]) -> None:
    shown: list[bool] = []
    area.shown_requested.connect(lambda: shown.append(True))
    area.show_there.setFocus(Qt.FocusReason.TabFocusReason)
    press(Qt.Key.Key_Space)
    assert (shown, played) == ([True], [])


def test_a_click_on_a_button_leaves_space_to_play(
    page: TrainingPage, area: ListenArea, played: list[bool]
) -> None:
    for button in (area.show_there, page.jobs.new):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert not button.hasFocus()
    press(Qt.Key.Key_Space)
    assert played == [True]


def test_a_notice_and_a_question_move_no_line_under_the_pointer(
    page: TrainingPage, area: ListenArea, qtbot: QtBot
) -> None:
    def places() -> list[QPoint]:
        QApplication.processEvents()
        widgets = (page.jobs.table.viewport(), page.run, area.table.viewport(), area.publish)
        return [widget.mapTo(page, QPoint()) for widget in widgets]

    before = places()
    text = "speech_16k/0001.flac could not be read; put it back, and resume. " * 3
    page.show_notice(Notice(text, Level.ERROR))
    press(Qt.Key.Key_X)
    qtbot.waitUntil(page.jobs.confirm.isVisible)
    assert places() == before
    bar = page.notice_bar
    assert page.rect().contains(bar.geometry())
    label = bar._text
    assert label.height() >= label.heightForWidth(label.width())  # all of its lines are seen
    page.resize(900, 700)
    assert page.rect().contains(bar.geometry())
