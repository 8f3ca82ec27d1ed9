"""The training page: the run in front, messages, and what holds for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, QRect, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QWidget,
)
from training_pages import click, field

from earbench_app.notifications import Level, Notice
from earbench_app.views.training_protocols import (
    LogLine,
    RunDetails,
)

if TYPE_CHECKING:
    import pytest

    from earbench_app.views.qt.training_page import TrainingPage


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


def test_of_several_runs_it_is_said_whose_tags_and_notes_are_edited(listed: TrainingPage) -> None:
    panel = listed.run
    listed.show_details(details(tags=("speech",)))
    assert not panel._whose.isVisible()
    height = panel.curves.mapTo(listed, QPoint()).y()
    listed.jobs.table.selectAll()
    listed.show_details(details(tags=("speech",)))  # the same run is in front
    QApplication.processEvents()
    assert panel._title.text() == "gamma   and 2 more"
    assert panel._whose.isVisible()
    assert panel._whose.text() == "Tags, notes of gamma alone:"
    assert (panel.tags.accessibleName(), panel.notes.placeholderText()) == ("Tags of gamma", "notes of gamma")
    assert panel.curves.mapTo(listed, QPoint()).y() == height
    listed.choose(["j3"])
    listed.show_details(details(tags=("speech",)))
    assert not panel._whose.isVisible()
    assert panel.notes.placeholderText() == "notes"


def test_there_is_room_to_listen_below_the_curves(listed: TrainingPage) -> None:
    area = QWidget()
    area.setMinimumHeight(80)
    listed.run.set_listen_area(area)
    assert area.isVisible()
    below = area.mapTo(listed, QPoint()).y()
    assert below > listed.run.curves.mapTo(listed, QPoint()).y() + 100


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


def test_an_address_is_told_also_where_there_is_no_browser(
    training_page: TrainingPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    training_page.open_address("http://localhost:6006/")
    assert opened == [QUrl("http://localhost:6006/")]
    assert "http://localhost:6006/" in training_page.notice_bar.text
