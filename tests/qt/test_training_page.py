"""The training page under real mouse and keys: the list, the form, the curves, the run in front."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from dropping import drop
from PySide6.QtCore import QPoint, QRect, Qt, QUrl
from PySide6.QtGui import QColor, QDesktopServices, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QTableView,
    QWidget,
)
from training_runs import request

from earbench_app.jobs.job import State
from earbench_app.jobs.scan import Scan
from earbench_app.notifications import Level, Notice
from earbench_app.presenters.training_new import TrainingFormPresenter
from earbench_app.presenters.training_trials import Trials
from earbench_app.views.qt import theme
from earbench_app.views.qt.notice_bar import NoticeBar
from earbench_app.views.qt.training_jobs import COLUMNS, FILTERS, STATE_ICONS
from earbench_app.views.qt.training_page import TrainingPage
from earbench_app.views.qt.training_plot import CurvePlot, bulk_span, ticks
from earbench_app.views.training_protocols import (
    Actions,
    CurveLine,
    CurveOptions,
    CurvePanel,
    Figure,
    JobRow,
    LogLine,
    RunDetails,
)

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

ALL = Actions(True, True, True, True, True, True)
ROWS = [
    JobRow("j1", "alpha", State.DONE, step=40, n_steps=40, kbps=24.2, target_kbps=24, tolerance_kbps=0.45,
           best=Figure("PESQ-WB", 3.4), created_s=100, tags=("speech",)),
    JobRow("j2", "beta", State.RUNNING, step=10, n_steps=40, eta_s=75, kbps=30, target_kbps=24,
           tolerance_kbps=0.45, best=Figure("PESQ-WB", 2.1), created_s=200, device="cuda:0"),
    JobRow("j3", "gamma", State.FAILED, message="the disk is full", created_s=300, notes="for the paper"),
]  # fmt: skip


@pytest.fixture
def page(qtbot: QtBot) -> TrainingPage:
    page = TrainingPage()
    qtbot.addWidget(page)
    page.resize(1280, 800)
    with qtbot.waitActive(page):  # keys go to the window that is active
        page.show()
    return page


@pytest.fixture
def listed(page: TrainingPage) -> TrainingPage:
    page.show_jobs(ROWS)
    page.show_details(RunDetails("j3", "gamma"))
    page.show_actions(ALL)
    page.jobs.table.setFocus()
    return page


def names(page: TrainingPage) -> list[str]:
    model = page.jobs.filtered
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def cell(page: TrainingPage, name: str, column: int = 0) -> QPoint:
    row = names(page).index(name)
    return page.jobs.table.visualRect(page.jobs.filtered.index(row, column)).center()


def click(widget: QWidget, place: QPoint | None = None, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
    at = widget.rect().center() if place is None else place
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, keys, at)


# The list --------------------------------------------------------------------------------------------


def test_without_runs_it_says_how_to_begin(page: TrainingPage, qtbot: QtBot) -> None:
    asked: list[bool] = []
    page.new_requested.connect(lambda: asked.append(True))
    page.show_jobs([])
    button = next(one for one in page.findChildren(QAbstractButton) if one.isVisible())
    assert button.text() == "New run…"
    click(button)
    QTest.keyClick(page, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
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


# The run in front ------------------------------------------------------------------------------------


def details(**facts: Any) -> RunDetails:
    return RunDetails("j3", "gamma", **facts)


def test_a_failure_is_said_and_errors_are_counted(listed: TrainingPage) -> None:
    log = (LogLine("all is well", Level.INFO), LogLine("RuntimeError: no", Level.ERROR))
    listed.show_details(details(message="the disk is full", is_error=True, log=log))
    assert listed.run.tabs.tabText(1) == "Log (1 error)"
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_L)
    assert listed.run.log.text.isVisible()
    assert listed.run.log.text.toPlainText() == "all is well\nRuntimeError: no"
    click(listed.run.log.only_errors, QPoint(8, listed.run.log.only_errors.height() // 2))
    assert listed.run.log.text.toPlainText() == "RuntimeError: no"


def test_a_run_that_failed_for_its_folder_leads_to_another(listed: TrainingPage) -> None:
    asked: list[str] = []
    listed.other_data_requested.connect(asked.append)
    button = listed.run.other_data
    listed.show_details(details(message="the disk is full", is_error=True))
    assert not button.isVisible()
    listed.show_details(details(message="no audio in it", is_error=True, lacks_data=True))
    assert button.isVisible()
    click(button)
    assert asked == ["j3"]
    listed.show_form(True)
    listed.form.point_at("run.data")
    assert field(listed, "run.data").hasFocus()


def test_the_log_grows_at_its_end(listed: TrainingPage) -> None:
    first = tuple(LogLine(f"line {i}", Level.INFO) for i in range(3))
    listed.show_details(details(log=first))
    listed.show_details(details(log=(*first, LogLine("line 3", Level.WARNING))))
    assert listed.run.log.text.toPlainText().splitlines() == [f"line {i}" for i in range(4)]
    listed.show_details(details(log=(LogLine("another", Level.INFO),)))
    assert listed.run.log.text.toPlainText() == "another"


def test_tags_and_notes_are_written_when_the_field_is_left(listed: TrainingPage) -> None:
    told: list[tuple[object, ...]] = []
    listed.annotated.connect(lambda *args: told.append(args))
    listed.show_details(details(notes="old"))
    assert listed.run.notes.text() == "old"
    click(listed.run.tags)
    QTest.keyClicks(listed.run.tags, "speech, good, speech")
    listed.show_details(details(notes="old", headline="running"))  # comes while it is typed
    QTest.keyClick(listed.run.tags, Qt.Key.Key_Return)
    assert told == [("j3", "old", ("speech", "good"))]


def test_there_is_room_to_listen_below_the_curves(listed: TrainingPage) -> None:
    area = QWidget()
    area.setMinimumHeight(80)
    listed.run.set_listen_area(area)
    assert area.isVisible()
    below = area.mapTo(listed, QPoint()).y()
    assert below > listed.run.curves.mapTo(listed, QPoint()).y() + 100


# Curves ----------------------------------------------------------------------------------------------


def panel(key: str = "loss", bands: tuple[tuple[float, float], ...] = (), n: int = 50) -> CurvePanel:
    x = np.arange(n, dtype=float)
    lines = tuple(CurveLine(f"run {i}", i, x, 5 + i + np.sin(x / 9)) for i in range(2))
    return CurvePanel(key, key.title(), "", lines, bands)


def test_curves_are_drawn_and_followed(listed: TrainingPage, qtbot: QtBot) -> None:
    listed.show_curves([panel(), panel("rate", ((4.0, 6.0),))], "step")
    grid = listed.run.curves.grid
    assert list(grid.views) == ["loss", "rate"]
    plot = grid.views["loss"].plot
    before = grid.views["loss"]
    listed.show_curves([panel(n=90), panel("rate", ((4.0, 6.0),), 90)], "step")
    assert grid.views["loss"] is before
    qtbot.waitUntil(lambda: plot.x_range == (0, 89))
    low, high = plot.y_range
    assert low < 4 < 7 < high < 7.5
    assert grid.views["rate"].plot.y_range[0] < 4.0


def luminance(color: QColor) -> float:
    """As WCAG 2 defines it."""
    parts = np.array(color.getRgbF()[:3])
    return float(
        np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    )


def drawn(y: list[float]) -> CurvePlot:
    plot = CurvePlot()
    plot.show_panel(
        CurvePanel("rate", "Rate", "", (CurveLine("run", 0, np.arange(float(len(y))), np.array(y)),))
    )
    return plot


def test_rounding_is_no_spike_of_a_constant_curve(qapp: object) -> None:
    low, high = drawn([1e-3, 1e-3 + 2e-19, 1e-3 - 2e-19]).y_range
    assert low < 0.6e-3 < 1.4e-3 < high < 1e-2
    low, high = drawn([1e-3, 1e-3 + 1e-8]).y_range  # more than rounding
    assert high - low < 2e-8
    assert drawn([0.0, 0.0]).y_range[0] < -0.4


@pytest.mark.parametrize("span", [(0.001, 0.001 + 1e-9), (1e6, 1e6 + 1), (0.0, 1.0), (-3.0, -2.9999)])
def test_no_two_ticks_say_the_same(span: tuple[float, float]) -> None:
    for log in (False, True):
        texts = [text for _, text in ticks(span if not log or span[0] < 100 else (6.0, 6.0001), 6, log)]
        assert len(set(texts)) == len(texts) > 1


def test_the_tooltip_says_where_the_pointer_is(listed: TrainingPage) -> None:
    for title, told in (("step", "step 30"), ("time of running (min)", "30 min")):
        listed.show_curves([panel()], title)
        view = listed.run.curves.grid.views["loss"]
        view.plot.hovered.emit(30.2)
        assert f"{told}<br>" in view.plot.toolTip().replace(".2", "")


def test_no_colour_is_pale_on_white(qapp: object) -> None:
    with theme.on_paper():
        assert max(luminance(theme.version_color(index)) for index in range(7)) < 0.5


def test_no_plot_is_of_the_selection_before(listed: TrainingPage) -> None:
    listed.show_curves([panel(), panel("rate")], "step")
    other = CurveLine("another", 0, np.arange(9.0), np.arange(9.0))
    listed.show_curves([CurvePanel(key, key, "", (other,)) for key in ("loss", "rate")], "step")
    for view in listed.run.curves.grid.views.values():
        assert view.panel is not None
        assert [line.run for line in view.panel.lines] == ["another"]


def test_keys_and_slider_change_how_curves_are_drawn(listed: TrainingPage) -> None:
    told: list[CurveOptions] = []
    listed.options_changed.connect(told.append)
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_T)
    assert told[-1] == CurveOptions("time")
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_Y)
    assert told[-1] == CurveOptions("time", log_y=True)
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_Y, Qt.KeyboardModifier.ShiftModifier)
    assert told[-1].log_x
    listed.run.curves.smoothing.setFocus()
    QTest.keyClick(listed.run.curves.smoothing, Qt.Key.Key_Right)
    assert 0 < told[-1].smoothing < 1


def test_how_curves_were_drawn_last_is_shown_and_tells_nothing(listed: TrainingPage) -> None:
    told: list[CurveOptions] = []
    listed.options_changed.connect(told.append)
    listed.show_options(CurveOptions("time", 0.9, log_y=True))
    curves = listed.run.curves
    assert (curves.axis.currentData(), curves._share.text(), curves.log_x.isChecked()) == (
        "time",
        "0.9",
        False,
    )
    assert told == []
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_Y)
    assert told == [CurveOptions("time", 0.9)]


def test_logarithmic_axes_leave_out_what_they_cannot_show(listed: TrainingPage) -> None:
    curves = listed.run.curves
    curves.log_y.setChecked(True)
    x = np.arange(4.0)
    line = CurveLine("a", 0, x, np.array([-1.0, 0.0, 10.0, 100.0]))
    listed.show_curves([CurvePanel("tau", "τ", "", (line,), ((1.0, 10.0),))], "step")
    plot = curves.grid.views["tau"].plot
    assert plot.x_range == (0, 3)
    np.testing.assert_allclose(plot.y_range, (-0.08, 2.08))  # 1 to 100, and a margin


def test_spikes_do_not_set_the_scale_and_are_not_hidden_silently(listed: TrainingPage, qtbot: QtBot) -> None:
    x = np.arange(400.0)
    y = 3 + np.sin(x / 9)
    y[:3], y[200] = (90, 50, 20), -70
    few = CurveLine("a", 0, x[:9], np.full(9, 6.0), few=True)
    listed.show_curves([CurvePanel("loss", "Loss", "", (CurveLine("a", 0, x, y), few))], "step")
    grid = listed.run.curves.grid
    plot = grid.views["loss"].plot
    low, high = plot.y_range
    assert 1 < low < 2
    assert 6 < high < 7
    assert plot.beyond == (1, 3)
    with qtbot.waitExposed(plot):
        plot.show()
    QTest.mouseDClick(plot, Qt.MouseButton.LeftButton, pos=plot.rect().center())
    assert plot.y_range[0] < -70 < 90 < plot.y_range[1]
    assert plot.beyond == (0, 0)
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_F)
    assert plot.y_range == (low, high)


@pytest.mark.parametrize("y", [np.geomspace(8, 2, 400), np.full(400, 3.0), np.array([90.0, 3.0, 3.0])])
def test_curves_without_outliers_are_seen_whole(y: np.ndarray) -> None:
    low, high = bulk_span([y])
    assert low <= y.min() <= y.max() <= high


def test_a_plot_can_be_hidden(listed: TrainingPage) -> None:
    listed.show_curves([panel(), panel("rate")], "step")
    curves = listed.run.curves
    action = next(one for one in curves._panel_menu.actions() if one.text() == "Loss")
    assert curves._panels.text() == "Plots ▾"
    action.trigger()
    assert curves._panels.text() == "1/2 ▾"
    assert not curves.grid.views["loss"].isVisible()
    assert curves.grid.views["rate"].isVisible()


def test_the_pointer_reads_all_curves(listed: TrainingPage) -> None:
    listed.show_curves([panel(), panel("rate")], "step")
    grid = listed.run.curves.grid
    grid.views["loss"].plot.hovered.emit(20.2)
    expected = f"{5 + np.sin(20 / 9):.4g}"
    assert expected in grid.views["loss"].values.text()
    assert expected in grid.views["rate"].values.text()


def test_the_pointer_says_that_there_are_more_values_than_fit(listed: TrainingPage) -> None:
    x = np.arange(9.0)
    lines = tuple(CurveLine(f"<{n}>", n, x, np.full(9, 1.2345 * n)) for n in range(40))
    listed.show_curves([CurvePanel("loss", "Loss", "", lines)], "step")
    view = listed.run.curves.grid.views["loss"]
    view.plot.hovered.emit(3.0)
    shown = view.values.text()
    assert 1 <= shown.count("●") < 40
    assert shown.endswith("…")
    assert view.values.sizeHint().width() <= view.values.width()
    assert view.plot.toolTip().count("●") == 40
    assert "&lt;39&gt;" in view.plot.toolTip()
    view.plot.hovered.emit(None)
    assert (view.values.text(), view.plot.toolTip()) == ("", "")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plots_are_exported(listed: TrainingPage, qtbot: QtBot, tmp_path: Path, suffix: str) -> None:
    listed.show_curves([panel(), panel("rate")], "step")
    plot = listed.run.curves.grid.views["loss"].plot
    grid = listed.run.curves.grid
    qtbot.waitUntil(lambda: plot.width() > 200 and grid.height() >= grid.sizeHint().height())
    path = tmp_path / f"curves.{suffix}"
    size = grid.size()
    listed.run.curves.exporter.save(path)
    content = path.read_bytes()
    if suffix == "png":
        image = QImage(str(path))
        assert image.size() == size * 2
        colors = {image.pixelColor(x, y).name() for x in range(0, image.width(), 5) for y in range(0, 600, 5)}
        assert "#e69f00" in colors  # the first run's line
    elif suffix == "svg":
        assert b"#e69f00" in content.lower()
        assert content.count(b"<polyline") + content.count(b"<path") > 10
    else:
        assert content.startswith(b"%PDF-")
        assert content.count(b"/Type /Page\n") == 1


def test_a_picture_for_a_paper_is_light_and_names_runs_and_units(
    listed: TrainingPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a dark screen it was dark."""
    monkeypatch.setattr(theme, "_active", theme.DARK)
    listed.show_curves([replace(panel(), unit="kbps")], "time of running (min)")
    exporter = listed.run.curves.exporter
    exporter.save(tmp_path / "curves.png")
    image = QImage(str(tmp_path / "curves.png"))
    colors = {image.pixelColor(x, y).name() for x in range(image.width()) for y in (0, image.height() // 2)}
    assert "#ffffff" in colors
    assert not {theme.DARK.surface.lower(), theme.DARK.plot.lower()} & colors
    assert theme.theme() is theme.DARK
    exporter.save(tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert "<clipPath" in text  # what lies beyond a plot's range is cut off
    for words in ("run 0", "run 1", "Loss, kbps", "time of running (min)"):
        assert f">{words}<" in text


def test_a_table_asks_for_all_numbers(listed: TrainingPage, tmp_path: Path) -> None:
    told: list[Path] = []
    listed.numbers_requested.connect(told.append)
    listed.run.curves.exporter.save(tmp_path / "numbers.csv")
    assert told == [tmp_path / "numbers.csv"]


def test_an_export_that_fails_is_told(listed: TrainingPage, tmp_path: Path) -> None:
    listed.run.curves.exporter.save(tmp_path / "no" / "folder.pdf")
    assert "folder.pdf" in listed.notice_bar.text


def test_a_notice_hides_no_button(listed: TrainingPage) -> None:
    listed.choose(["j1"])
    QTest.keyClick(listed.jobs.table, Qt.Key.Key_Delete)
    listed.show_notice(Notice("Open in the browser: http://localhost:6006/ " * 3))
    QApplication.processEvents()
    bar = listed.notice_bar
    buttons = [one for one in listed.findChildren(QAbstractButton) if one.isVisible()]
    places = {
        one.text() or one.toolTip(): QRect(one.mapTo(listed, QPoint()), one.size())
        for one in buttons
        if not bar.isAncestorOf(one)
    }
    assert {"Delete", "New run…"} <= places.keys()
    assert [name for name, place in places.items() if bar.geometry().intersects(place)] == []


# The form --------------------------------------------------------------------------------------------


@pytest.fixture
def form(page: TrainingPage) -> TrainingFormPresenter:
    trials = Trials(lambda function: None)
    presenter = TrainingFormPresenter(page.form, trials)
    trials.scanned.connect(lambda *_: trials.read.emit(Scan(Path(), 9, 9, 9)))  # any folder is good
    page.paths_given.connect(presenter.take_dropped)
    presenter.open()
    page.show_form(True)
    return presenter


def field(page: TrainingPage, path: str) -> QLineEdit:
    found = page.form.findChild(QLineEdit, path)
    assert found is not None
    return found


def type_into(line: QLineEdit, text: str) -> None:
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, text)


def test_a_run_is_begun_with_the_keyboard(
    form: TrainingFormPresenter, page: TrainingPage, tmp_path: Path
) -> None:
    asked: list[tuple[Any, ...]] = []
    form.submitted.connect(asked.append)
    assert not page.form.start.isEnabled()
    type_into(field(page, "run.name"), "first")
    type_into(field(page, "run.data"), str(tmp_path))
    type_into(field(page, "rate.target_kbps"), "18")
    assert page.form.start.isEnabled()
    QTest.keyClick(field(page, "rate.target_kbps"), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    ((one,),) = asked
    assert (one.name, one.data) == ("first", tmp_path)
    assert "target_kbps = 18" in one.recipe_toml


def test_a_mistake_is_said_at_its_field_while_it_is_typed(
    form: TrainingFormPresenter, page: TrainingPage
) -> None:
    del form
    target = page.form._editors["rate.target_kbps"]
    type_into(field(page, "rate.target_kbps"), "2x")
    assert "number" in target.problem
    assert target.isVisible()
    assert "number" in field(page, "rate.target_kbps").accessibleDescription()
    type_into(field(page, "rate.target_kbps"), "20")
    assert target.problem == ""


def test_a_folded_table_says_that_something_in_it_is_wrong(
    form: TrainingFormPresenter, page: TrainingPage
) -> None:
    page.form.value_changed.emit("optimiser.batch", "x")
    fold = page.form._sections["optimiser"]
    assert fold.body is None
    assert fold._note.text() == "1 to mend"
    click(fold.button)
    assert fold.body is not None
    assert "whole number" in fold.body.editors["optimiser.batch"].problem


def test_a_term_is_switched_on_and_weighed(form: TrainingFormPresenter, page: TrainingPage) -> None:
    switch = page.form.findChild(QAbstractButton, "objective.rmse")
    assert switch is not None
    assert not field(page, "objective.rmse.weight").isVisible()
    click(switch, QPoint(8, switch.height() // 2))
    assert field(page, "objective.rmse.weight").isVisible()
    type_into(field(page, "objective.rmse.weight"), "3")
    assert form._values["objective.rmse.weight"] == "3"


def test_a_sweep_says_how_many_runs_it_is(
    form: TrainingFormPresenter, page: TrainingPage, tmp_path: Path
) -> None:
    del form
    type_into(field(page, "run.data"), str(tmp_path))
    box = page.form.findChild(QComboBox, "sweep.0.path")
    assert box is not None
    assert not field(page, "sweep.0.values").isVisible()
    box.setCurrentIndex(box.findData("rate.target_kbps"))
    box.activated.emit(box.currentIndex())
    type_into(field(page, "sweep.0.values"), "9, 16, 24")
    assert page.form.start.text() == "Start 3 runs"


def test_recipes_and_folders_are_dropped(
    form: TrainingFormPresenter, page: TrainingPage, tmp_path: Path
) -> None:
    del form
    recipe = tmp_path / "mine.toml"
    recipe.write_text(request(kbps=17).recipe_toml)
    drop(page, [recipe])
    assert field(page, "rate.target_kbps").text() == "17"
    folder = tmp_path / "corpus"
    folder.mkdir()
    drop(page, [folder])
    assert field(page, "run.data").text() == str(folder)


def test_the_wheel_changes_no_value(form: TrainingFormPresenter, page: TrainingPage, qtbot: QtBot) -> None:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    del form, qtbot
    box = page.form.findChild(QComboBox, "run.device")
    assert box is not None
    page.form.show_choices("run.device", ("auto", "cpu", "cuda:0"))
    at = QPointF(5, 5)
    wheel = QWheelEvent(
        at,
        box.mapToGlobal(at),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, wheel)
    assert box.currentData() == "auto"


def test_keys_of_the_list_do_nothing_in_the_form(form: TrainingFormPresenter, page: TrainingPage) -> None:
    told: list[object] = []
    page.pause_requested.connect(told.append)
    page.show_jobs(ROWS)
    page.show_actions(ALL)
    switch = page.form.findChild(QAbstractButton, "objective.rmse")
    assert switch is not None
    switch.setFocus()
    QTest.keyClick(switch, Qt.Key.Key_P)
    assert told == []
    left: list[bool] = []
    form.left.connect(lambda: left.append(True))
    QTest.keyClick(switch, Qt.Key.Key_Escape)
    assert left == [True]


# For all ---------------------------------------------------------------------------------------------


def test_every_control_has_a_name_and_is_reached_by_keys(
    form: TrainingFormPresenter, page: TrainingPage
) -> None:
    del form
    page.show_jobs(ROWS)
    for fold in page.form._sections.values():
        fold.button.setChecked(True)
    kinds = (QLineEdit, QComboBox, QAbstractButton, QSlider, QTableView, QPlainTextEdit)
    controls = [one for kind in kinds for one in page.findChildren(kind)]
    own = [one for one in controls if not one.objectName().startswith(("qt_", "_q_", "ScrollLeft"))]
    own = [one for one in own if not isinstance(one.parent(), QComboBox | QTableView | QLineEdit | NoticeBar)]
    nameless = [one for one in own if not (one.accessibleName() or getattr(one, "text", str)())]
    assert nameless == []
    assert len(own) > 80
    out_of_reach = [
        one
        for one in own
        if one.focusPolicy() == Qt.FocusPolicy.NoFocus and one.metaObject().className() != "CloseButton"
    ]
    assert [one.accessibleName() for one in out_of_reach] == []


def test_an_address_is_told_also_where_there_is_no_browser(
    page: TrainingPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    page.open_address("http://localhost:6006/")
    assert opened == [QUrl("http://localhost:6006/")]
    assert "http://localhost:6006/" in page.notice_bar.text
