"""What goes wrong around a sitting is said where the listener looks, and nothing that was done is lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from sitting import Sitting
from studies import make_small_study

from earbench_mushra.study_files import stimulus_path


@pytest.fixture
def study(tmp_path):
    return make_small_study(tmp_path / "study")


@pytest.fixture
def sit_down(qtbot, tmp_path):
    """A function that opens the window on the study."""
    sittings = []

    def open_window():
        sittings.append(Sitting(qtbot, tmp_path / "study"))
        return sittings[-1]

    yield open_window
    for sitting in sittings:
        sitting.presenter.close()


def shown(sitting):
    return " ".join(label.text() for label in sitting.window.findChildren(QLabel) if label.isVisible())


def score_all(sitting):
    for label in sitting.session.labels:
        sitting.key(label.lower())
        for key in (*"100", Qt.Key.Key_Return):
            sitting.key(key)


@pytest.mark.parametrize(("damage", "said"), [("gone", "is missing"), ("other", "SHA-256 differs")])
def test_a_damaged_stimulus_is_said_on_the_first_page_and_can_be_put_right(
    sit_down, study, tmp_path, damage, said
):
    path = stimulus_path(tmp_path / "study", study.stimuli[3].file)
    content = path.read_bytes()
    path.unlink()
    if damage == "other":
        path.write_bytes(content + b"\0")
    sitting = sit_down()
    assert said in shown(sitting)
    assert "copy the study again" in shown(sitting)
    assert study.stimuli[3].condition not in shown(sitting)
    path.write_bytes(content)
    sitting.click("go_on")
    assert sitting.find("instructions_accept").isVisible()


def test_a_stimulus_that_goes_within_a_sitting_ends_it_with_all_kept(sit_down, study, tmp_path):
    sitting = sit_down()
    sitting.start()
    score_all(sitting)
    sitting.click("next")
    contents = {}
    for stimulus in study.stimuli:
        path = stimulus_path(tmp_path / "study", stimulus.file)
        contents[path] = path.read_bytes()
        path.unlink()
    sitting.start()
    assert "The test cannot go on" in shown(sitting)
    assert "Everything so far is saved" in shown(sitting)
    for path, content in contents.items():
        path.write_bytes(content)
    again = sit_down()
    assert again.window.mushra.isVisible()
    assert again.session.progress == (1, 2)
    assert not again.session.is_training


def test_a_locked_database_says_so_and_the_score_can_be_given_again(sit_down, study, tmp_path):
    sitting = sit_down()
    sitting.start()
    label = sitting.session.labels[0]
    sitting.key(label.lower())
    sitting.session._store._db.execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(tmp_path / "study" / "study.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        for key in "64":
            sitting.key(key)
        sitting.window.mushra._board.finish_typing()
        assert "locked by another program" in sitting.window.mushra.notices.text
        assert sitting.find(f"readout_{label}").text() == "not scored"
        other.rollback()
    for key in (*"64", Qt.Key.Key_Return):
        sitting.key(key)
    assert sitting.scores() == {label: 64}


def test_a_second_window_says_where_the_sitting_is(sit_down, study):
    first = sit_down()
    first.start()
    second = sit_down()
    assert "open in another window" in shown(second)
    first.presenter.close()
    second.click("go_on")
    assert second.window.mushra.isVisible()
