"""The list of runs under real mouse and keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
)
from training_pages import ROWS, cell, click, names

from earbench_app.jobs.job import State
from earbench_app.views.qt.training_jobs import COLUMNS, FILTERS, STATE_ICONS
from earbench_app.views.training_protocols import (
    Actions,
    JobRow,
)

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from earbench_app.views.qt.training_page import TrainingPage


def test_without_runs_it_says_how_to_begin(training_page: TrainingPage, qtbot: QtBot) -> None:
    asked: list[bool] = []
    training_page.new_requested.connect(lambda: asked.append(True))
    training_page.show_jobs([])
    button = next(one for one in training_page.findChildren(QAbstractButton) if one.isVisible())
    assert button.text() == "New run…"
    click(button)
    QTest.keyClick(training_page, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(asked) == 2)


def test_the_newest_comes_first_and_is_in_front(listed: TrainingPage) -> None:
    assert names(listed) == ["gamma", "beta", "alpha"]
    assert listed.jobs.chosen_ids() == ("j3",)


def test_states_are_told_by_word_and_picture(listed: TrainingPage) -> None:
    assert set(STATE_ICONS) == set(State)
    model = listed.jobs.filtered
    assert [model.index(row, 1).data() for row in range(3)] == ["failed", "running", "done"]
    assert not model.index(0, 1).data(Qt.ItemDataRole.DecorationRole).isNull()
    assert "the disk is full" in model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)


def test_a_click_on_a_heading_sorts_by_value(listed: TrainingPage) -> None:
    header = listed.jobs.table.horizontalHeader()
    best = [column.title for column in COLUMNS].index("best")
    place = QPoint(header.sectionViewportPosition(best) + 10, header.height() // 2)
    click(header.viewport(), place)
    assert names(listed) == ["gamma", "beta", "alpha"]
    click(header.viewport(), place)
    assert names(listed) == ["alpha", "beta", "gamma"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("SPEECH", ["alpha"]), ("paper", ["gamma"]), ("cuda run", ["beta"]), ("disk", ["gamma"]), ("no", [])],
)
def test_runs_are_found_by_words(listed: TrainingPage, text: str, found: list[str]) -> None:
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert listed.jobs.search.hasFocus()
    QTest.keyClicks(listed.jobs.search, text)
    assert names(listed) == found


def test_runs_are_found_by_state(listed: TrainingPage) -> None:
    listed.jobs.states.setFocus()
    while listed.jobs.states.currentText() != "failed":
        QTest.keyClick(listed.jobs.states, Qt.Key.Key_Down)
    assert names(listed) == ["gamma"]


def test_each_state_that_is_listed_is_found_by_one_filter(listed: TrainingPage) -> None:
    rows = [
        JobRow(f"{state} {text}", "a run", state, message=text) for state in State for text in ("", "why")
    ]
    several = [states for name, states in FILTERS.items() if name != "all"]
    found = [row.id for states in several for row in rows if row.state_text in states]
    assert sorted(found) == sorted(row.id for row in rows)
    listed.show_jobs([*ROWS, JobRow("j5", "boxed", State.DONE, message="its time box ended it")])
    listed.jobs.states.setFocus()
    while listed.jobs.states.currentText() != "stopped":
        QTest.keyClick(listed.jobs.states, Qt.Key.Key_Down)
    assert names(listed) == ["boxed"]


def test_several_are_selected_to_be_compared(listed: TrainingPage) -> None:
    chosen: list[tuple[str, ...]] = []
    listed.jobs_chosen.connect(chosen.append)
    viewport = listed.jobs.table.viewport()
    click(viewport, cell(listed, "alpha"))
    click(viewport, cell(listed, "beta"), Qt.KeyboardModifier.ControlModifier)
    assert chosen[-1] == ("j2", "j1")


@pytest.mark.parametrize(
    ("key", "signal", "given"),
    [
        (Qt.Key.Key_P, "pause_requested", ("j3",)),
        (Qt.Key.Key_R, "resume_requested", ("j3",)),
        (Qt.Key.Key_B, "tensorboard_requested", ("j3",)),
        (Qt.Key.Key_D, "duplicate_requested", "j3"),
        (Qt.Key.Key_O, "folder_requested", "j3"),
    ],
)
def test_keys_act_on_what_is_selected(listed: TrainingPage, key: Qt.Key, signal: str, given: object) -> None:
    told: list[object] = []
    getattr(listed, signal).connect(told.append)
    QTest.keyClick(listed.jobs.table, key)
    assert told == [given]


def test_letters_that_missed_a_text_field_stop_and_begin_no_run(listed: TrainingPage) -> None:
    given: list[object] = []
    for signal in (listed.pause_requested, listed.resume_requested, listed.cancel_requested):
        signal.connect(given.append)
    click(listed.jobs.table.viewport(), cell(listed, "beta"))
    panel = [one for one in listed.run.findChildren(QAbstractButton) if one.isEnabled() and one.isVisible()]
    for button in (listed.jobs.new, panel[0]):
        button.setFocus()
        assert button.hasFocus()
        QTest.keyClicks(button, "prx")
    assert (given, listed.jobs.confirm.text) == ([], "")
    listed.jobs.table.setFocus()
    QTest.keyClicks(listed.jobs.table, "pr")
    assert given == [("j2",), ("j2",)]


def test_cancelling_asks_first_and_names_those_that_are_not_over(listed: TrainingPage) -> None:
    cancelled: list[tuple[str, ...]] = []
    listed.cancel_requested.connect(cancelled.append)
    paused = JobRow("j4", "delta", State.PAUSED, created_s=400)
    listed.show_jobs([*ROWS, paused])
    table, bar = listed.jobs.table, listed.jobs.confirm
    listed.choose(("j2",))
    QTest.keyClick(table, Qt.Key.Key_X)
    assert bar.text.startswith("Cancel beta?")
    assert bar.no.hasFocus()
    QTest.keyClicks(bar.no, "x ")
    assert (bar.text, cancelled) == ("", [])
    table.selectAll()
    listed.jobs.actions_by_name["cancel"].trigger()
    assert bar.text.startswith("Cancel 2 runs?")
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
        QTest.keyClick(QApplication.focusWidget(), key)
        assert bar.isAncestorOf(QApplication.focusWidget()), "what is asked wants an answer first"
    QTest.keyClick(bar.yes, Qt.Key.Key_Space)
    assert [set(ids) for ids in cancelled] == [{"j2", "j4"}]


def test_a_checkpoint_is_promised_only_where_a_run_has_begun(listed: TrainingPage) -> None:
    begun = JobRow("j5", "five", State.RUNNING, created_s=500, step=3)
    listed.show_jobs([*ROWS, begun, JobRow("j6", "six", State.QUEUED, created_s=600)])
    for job_id, has_one in (("j5", True), ("j6", False)):
        listed.choose((job_id,))
        listed.jobs.actions_by_name["cancel"].trigger()
        assert ("A checkpoint is written" in listed.jobs.confirm.text) == has_one


def test_a_run_that_is_not_listed_is_no_longer_chosen(listed: TrainingPage) -> None:
    listed.choose(("j2",))
    chosen: list[object] = []
    listed.jobs_chosen.connect(chosen.append)
    listed.jobs.search.setText("nothing is called so")
    assert listed.jobs.chosen_ids() == ()
    assert chosen == [()]


def test_a_search_takes_no_selection_away_for_good(listed: TrainingPage) -> None:
    """A word with a typing mistake cost the selection of the runs that were compared."""
    listed.choose(("j1", "j3"))
    chosen: list[object] = []
    listed.jobs_chosen.connect(chosen.append)
    for text, seen in (("nothing", ()), ("gamma", ("j3",)), ("", ("j1", "j3"))):
        listed.jobs.search.setText(text)
        assert listed.jobs.chosen_ids() == seen
    assert chosen == [(), ("j3",), ("j1", "j3")]
    listed.jobs.search.setText("beta")
    click(listed.jobs.table.viewport(), cell(listed, "beta"))
    listed.jobs.search.clear()
    assert listed.jobs.chosen_ids() == ("j2",), "another was chosen meanwhile"


def test_letters_typed_at_a_drop_down_list_find_an_entry_and_stop_no_run(listed: TrainingPage) -> None:
    given: list[object] = []
    for signal in (listed.pause_requested, listed.cancel_requested, listed.duplicate_requested):
        signal.connect(lambda what: given.append(what))
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_D)
    assert len(given) == 1
    listed.jobs.states.setFocus()
    QTest.keyClicks(listed.jobs.states, "pxd")
    assert len(given) == 1


def test_what_cannot_be_done_is_not(listed: TrainingPage) -> None:
    told: list[object] = []
    listed.pause_requested.connect(told.append)
    listed.show_actions(Actions(resume=True))
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_P)
    assert told == []


def test_deleting_asks_first_and_begins_at_no(listed: TrainingPage) -> None:
    deleted: list[tuple[str, ...]] = []
    listed.delete_confirmed.connect(deleted.append)
    table, bar = listed.jobs.table, listed.jobs.confirm
    QTest.keyClick(table, Qt.Key.Key_Delete)
    assert "gamma" in bar.text
    assert bar.no.hasFocus()
    QTest.keyClick(bar.no, Qt.Key.Key_Space)
    assert (bar.text, deleted) == ("", [])
    QTest.keyClick(table, Qt.Key.Key_Delete)
    QTest.keyClick(bar.no, Qt.Key.Key_Escape)
    assert (bar.text, deleted) == ("", [])
    QTest.keyClick(table, Qt.Key.Key_Delete)
    click(bar.yes)
    assert deleted == [("j3",)]


def test_rows_change_in_place_and_the_selection_stays(listed: TrainingPage) -> None:
    click(listed.jobs.table.viewport(), cell(listed, "beta"))
    new = JobRow("j4", "delta", State.QUEUED, created_s=400)
    told: list[object] = []
    listed.jobs.model.modelReset.connect(lambda: told.append("reset"))
    listed.show_jobs([ROWS[1], ROWS[2], new])
    assert names(listed) == ["delta", "gamma", "beta"]
    assert listed.jobs.chosen_ids() == ("j2",)
    assert told == []


def test_no_column_has_to_be_scrolled_to_and_more_room_shows_more(listed: TrainingPage, qtbot: QtBot) -> None:
    def seen() -> list[str]:
        table = listed.jobs.table
        assert table.horizontalScrollBar().maximum() == 0
        return [column.title for n, column in enumerate(COLUMNS) if not table.isColumnHidden(n)]

    assert seen() == ["run", "state", "progress", "left", "kbps", "best"]
    listed.resize(2600, 800)
    listed.splitter.setSizes([1300, 1300])
    qtbot.waitUntil(lambda: len(seen()) == len(COLUMNS))
    listed.splitter.setSizes([740, 1860])
    qtbot.waitUntil(lambda: seen()[-1] == "made")
    assert seen()[-2] == "best"


def test_only_what_looks_otherwise_is_painted_anew(listed: TrainingPage) -> None:
    told: list[tuple[int, int, int]] = []
    listed.jobs.model.dataChanged.connect(
        lambda first, last: told.append((first.row(), first.column(), last.column()))
    )
    listed.show_jobs(ROWS)
    assert told == []
    listed.show_jobs([ROWS[0], replace(ROWS[1], step=11, eta_s=70), ROWS[2]])
    titles = [column.title for column in COLUMNS]
    assert told == [(1, titles.index("progress"), titles.index("left"))]
    listed.show_jobs([ROWS[0], ROWS[1], replace(ROWS[2], color=1)])
    assert told[-1] == (2, 0, len(COLUMNS) - 1)


def test_a_run_that_a_filter_hides_can_be_chosen(listed: TrainingPage) -> None:
    QTest.keyClicks(listed.jobs.search, "alpha")
    listed.choose(("j2", "j3"))
    assert listed.jobs.chosen_ids() == ("j2", "j3")
    assert listed.jobs.search.text() == ""
