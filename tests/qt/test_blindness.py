"""Nothing in the listener's window, nor in what a screen reader is told, says what is under test."""

from __future__ import annotations

import pytest
from leaks import leaks, texts_in
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QLabel, QWidget
from sitting import Sitting
from studies import make_small_study

from earbench_mushra.design import TestType


def secrets_of(study):
    told = {text for c in study.conditions for text in (c.title, c.codec, c.id)} - {"", "reference"}
    told |= {stimulus.file for stimulus in study.stimuli} | {item.title for item in study.items}
    return told | {"kbps", "kbit", "bitrate", "hidden reference"}


def press_through(sitting):
    """Take one trial, doing all that can be done in it; yield after each step."""
    yield
    sitting.click("next")  # too early: something is said
    yield
    sitting.key("?")
    yield
    sitting.key("?")
    original = [name for name in ("play_R",) if any(w.isVisible() for w in sitting.all(name))]
    for name in [*original, *(f"play_{label}" for label in sitting.session.labels)]:
        sitting.click(name)
        yield
        if sitting.session.scores and name != "play_R":
            for key in (*"100", Qt.Key.Key_Return):
                sitting.key(key)
            yield
    if not sitting.session.scores:
        sitting.click("choose_a")
    yield
    sitting.window.close()  # asks whether to leave
    yield
    sitting.click("leave_accept")
    sitting.click("next")


@pytest.mark.parametrize("test_type", TestType)
def test_nothing_in_the_window_tells_a_condition(qtbot, tmp_path, test_type):
    study = make_small_study(tmp_path / "s", test_type)
    sitting = Sitting(qtbot, tmp_path / "s", listener="")
    found, phases = texts_in(sitting.window), set()
    sitting.window.name_entered.emit("L1")
    while sitting.session:
        found |= texts_in(sitting.window)
        sitting.start()
        while sitting.session and sitting.session.labels:
            phases.add(sitting.session.phase)
            for _ in press_through(sitting):
                found |= texts_in(sitting.window)
    found |= texts_in(sitting.window)
    assert phases == {"training", "test"}
    assert {"Thank you", "Next", "Leave the test?"} <= found  # the walk has been everywhere
    assert any("Pause" in text for text in found)
    assert not leaks(found, secrets_of(study))
    sitting.presenter.close()


def plant_property(window, secret):
    window.setProperty("codec", secret)


def plant_child(window, secret):
    QObject(window.mushra, objectName=secret)


def plant_tooltip(window, secret):
    window.mushra.findChild(QWidget, "waveform").setToolTip(f"{secret} is drawn")


def plant_description(window, secret):
    window.mushra.findChild(QWidget, "next").setAccessibleDescription(secret)


def plant_title(window, secret):
    window.setWindowTitle(f"Test of {secret}")


def plant_name(window, secret):
    window.mushra.findChild(QWidget, "place").setAccessibleName(secret)


def plant_text(window, secret):
    QLabel(secret, window.ab).hide()


PLANTS = [
    plant_property,
    plant_child,
    plant_tooltip,
    plant_description,
    plant_title,
    plant_name,
    plant_text,
]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_the_search_finds_what_is_planted(qtbot, tmp_path, plant):
    study = make_small_study(tmp_path / "s")
    sitting = Sitting(qtbot, tmp_path / "s")
    sitting.start()
    assert not leaks(texts_in(sitting.window), secrets_of(study))
    plant(sitting.window, "secret-mp3")
    assert leaks(texts_in(sitting.window), secrets_of(study))
    sitting.presenter.close()


def test_the_search_sees_what_a_screen_reader_sees(qtbot, tmp_path):
    make_small_study(tmp_path / "s")
    sitting = Sitting(qtbot, tmp_path / "s")
    sitting.start()
    texts = texts_in(sitting.window)
    for name in ("next", "score_A", "play_R"):
        interface = QAccessible.queryAccessibleInterface(sitting.find(name))
        assert interface.text(QAccessible.Text.Name) in texts
    sitting.presenter.close()
