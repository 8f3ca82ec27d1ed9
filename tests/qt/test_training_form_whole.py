"""The form of a new run with its presenter, under real mouse and keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dropping import drop
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QTableView,
)
from training_pages import ALL, ROWS, click, field
from training_runs import request

from earbench_app.jobs.scan import Scan
from earbench_app.presenters.training_new import TrainingFormPresenter
from earbench_app.presenters.training_trials import Trials
from earbench_app.views.qt.notice_bar import NoticeBar

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from earbench_app.views.qt.training_page import TrainingPage


@pytest.fixture
def form(training_page: TrainingPage) -> TrainingFormPresenter:
    trials = Trials(lambda function: None)
    presenter = TrainingFormPresenter(training_page.form, trials)
    trials.scanned.connect(lambda *_: trials.read.emit(Scan(Path(), 9, 9, 9)))  # any folder is good
    training_page.paths_given.connect(presenter.take_dropped)
    presenter.open()
    training_page.show_form(True)
    return presenter


def type_into(line: QLineEdit, text: str) -> None:
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, text)


def test_a_run_is_begun_with_the_keyboard(
    form: TrainingFormPresenter, training_page: TrainingPage, tmp_path: Path
) -> None:
    asked: list[tuple[Any, ...]] = []
    form.submitted.connect(asked.append)
    assert not training_page.form.start.isEnabled()
    type_into(field(training_page, "run.name"), "first")
    type_into(field(training_page, "run.data"), str(tmp_path))
    type_into(field(training_page, "rate.target_kbps"), "18")
    assert training_page.form.start.isEnabled()
    QTest.keyClick(
        field(training_page, "rate.target_kbps"), Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier
    )
    ((one,),) = asked
    assert (one.name, one.data) == ("first", tmp_path)
    assert "target_kbps = 18" in one.recipe_toml


OF_TEXT_FIELDS = {f"Ctrl+{letter}" for letter in "ACEUVXYZ"}
"""What Qt's text fields keep to themselves under X11; offscreen they have no Ctrl+E, end of line."""


def test_the_forms_keys_work_while_the_cursor_is_in_a_text_field(
    form: TrainingFormPresenter, training_page: TrainingPage, tmp_path: Path
) -> None:
    del form
    type_into(field(training_page, "run.data"), str(tmp_path))
    keys = [one.key().toString() for one in training_page.form.findChildren(QShortcut)]
    assert len(keys) >= 4
    assert not OF_TEXT_FIELDS & set(keys)
    asked: list[bool] = []
    training_page.form.estimate_requested.disconnect()
    training_page.form.estimate_requested.connect(lambda: asked.append(True))
    QTest.keyClick(field(training_page, "run.data"), Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert asked == [True]


def test_a_run_that_is_done_again_is_shown_from_the_top(
    form: TrainingFormPresenter, training_page: TrainingPage, qtbot: QtBot
) -> None:
    """Name and data were out of sight, as the form was left where it had been scrolled to."""
    bar = training_page.form._scroll.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 100)
    bar.setValue(bar.maximum())
    form.leave()
    training_page.show_form(False)
    form.duplicate(request(), "again")
    training_page.show_form(True)
    QApplication.processEvents()
    assert bar.value() == 0
    assert field(training_page, "run.name").visibleRegion().boundingRect().height() > 10


def test_a_mistake_is_said_at_its_field_while_it_is_typed(
    form: TrainingFormPresenter, training_page: TrainingPage
) -> None:
    del form
    target = training_page.form._editors["rate.target_kbps"]
    type_into(field(training_page, "rate.target_kbps"), "2x")
    assert "number" in target.problem
    assert target.isVisible()
    assert "number" in field(training_page, "rate.target_kbps").accessibleDescription()
    type_into(field(training_page, "rate.target_kbps"), "20")
    assert target.problem == ""


def test_a_folded_table_says_that_something_in_it_is_wrong(
    form: TrainingFormPresenter, training_page: TrainingPage
) -> None:
    training_page.form.value_changed.emit("optimiser.batch", "x")
    fold = training_page.form._sections["optimiser"]
    assert fold.body is None
    assert fold._note.text() == "1 to mend"
    click(fold.button)
    assert fold.body is not None
    assert "whole number" in fold.body.editors["optimiser.batch"].problem


def test_a_term_is_switched_on_and_weighed(form: TrainingFormPresenter, training_page: TrainingPage) -> None:
    switch = training_page.form.findChild(QAbstractButton, "objective.rmse")
    assert switch is not None
    assert not field(training_page, "objective.rmse.weight").isVisible()
    click(switch, QPoint(8, switch.height() // 2))
    assert field(training_page, "objective.rmse.weight").isVisible()
    type_into(field(training_page, "objective.rmse.weight"), "3")
    assert form._values["objective.rmse.weight"] == "3"


def test_a_sweep_says_how_many_runs_it_is(
    form: TrainingFormPresenter, training_page: TrainingPage, tmp_path: Path
) -> None:
    del form
    type_into(field(training_page, "run.data"), str(tmp_path))
    box = training_page.form.findChild(QComboBox, "sweep.0.path")
    assert box is not None
    assert not field(training_page, "sweep.0.values").isVisible()
    box.setCurrentIndex(box.findData("rate.target_kbps"))
    box.activated.emit(box.currentIndex())
    type_into(field(training_page, "sweep.0.values"), "9, 16, 24")
    assert training_page.form.start.text() == "Start 3 runs"


def test_recipes_and_folders_are_dropped(
    form: TrainingFormPresenter, training_page: TrainingPage, tmp_path: Path
) -> None:
    del form
    recipe = tmp_path / "mine.toml"
    recipe.write_text(request(kbps=17).recipe_toml)
    drop(training_page, [recipe])
    assert field(training_page, "rate.target_kbps").text() == "17"
    folder = tmp_path / "corpus"
    folder.mkdir()
    drop(training_page, [folder])
    assert field(training_page, "run.data").text() == str(folder)


def test_the_wheel_changes_no_value(
    form: TrainingFormPresenter, training_page: TrainingPage, qtbot: QtBot
) -> None:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent

    del form, qtbot
    box = training_page.form.findChild(QComboBox, "run.device")
    assert box is not None
    training_page.form.show_choices("run.device", ("auto", "cpu", "cuda:0"))
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


def test_keys_of_the_list_do_nothing_in_the_form(
    form: TrainingFormPresenter, training_page: TrainingPage
) -> None:
    told: list[object] = []
    training_page.pause_requested.connect(told.append)
    training_page.show_jobs(ROWS)
    training_page.show_actions(ALL)
    switch = training_page.form.findChild(QAbstractButton, "objective.rmse")
    assert switch is not None
    switch.setFocus()
    QTest.keyClick(switch, Qt.Key.Key_P)
    assert told == []
    left: list[bool] = []
    form.left.connect(lambda: left.append(True))
    QTest.keyClick(switch, Qt.Key.Key_Escape)
    assert left == [True]


def test_every_control_has_a_name_and_is_reached_by_keys(
    form: TrainingFormPresenter, training_page: TrainingPage
) -> None:
    del form
    training_page.show_jobs(ROWS)
    for fold in training_page.form._sections.values():
        fold.button.setChecked(True)
    kinds = (QLineEdit, QComboBox, QAbstractButton, QSlider, QTableView, QPlainTextEdit)
    controls = [one for kind in kinds for one in training_page.findChildren(kind)]
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
