"""The listener's window as a listener meets it: by mouse, by keys, by screen reader."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton
from sitting import Sitting
from studies import make_small_study

from earbench_app.playback.player import DeviceState
from earbench_app.views.qt.score_slider import ScoreSlider
from earbench_app.views.qt.widget_map import widget_map
from earbench_mushra.design import TestType


@pytest.fixture
def folder(tmp_path):
    make_small_study(tmp_path / "study")
    return tmp_path / "study"


@pytest.fixture
def sitting(qtbot, folder):
    sitting = Sitting(qtbot, folder)
    sitting.start()
    yield sitting
    sitting.presenter.close()


@pytest.fixture
def pair(qtbot, tmp_path):
    make_small_study(tmp_path / "pair", TestType.AB)
    sitting = Sitting(qtbot, tmp_path / "pair")
    sitting.start()
    yield sitting
    sitting.presenter.close()


def test_who_listens_is_asked_and_blank_is_refused(qtbot, folder):
    sitting = Sitting(qtbot, folder, listener="")
    name, button = sitting.find("listener", QLineEdit), sitting.find("go_on")
    assert not button.isEnabled()
    QTest.keyClicks(name, "  L07 ")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert sitting.session.listener == "L07"
    assert sitting.find("instructions_accept").isVisible()
    sitting.presenter.close()


def test_only_the_slider_of_what_plays_is_live(sitting):
    labels = sitting.session.labels
    assert not any(sitting.find(f"score_{label}").isEnabled() for label in labels)
    for label in labels:
        sitting.click(f"play_{label}")
        live = [other for other in labels if sitting.find(f"score_{other}").isEnabled()]
        assert live == [label]
    sitting.click("play_R")
    assert not any(sitting.find(f"score_{label}").isEnabled() for label in labels)


def test_the_mouse_scores_where_it_lets_go(sitting):
    label = sitting.session.labels[1]
    sitting.click(f"play_{label}")
    slider = sitting.find(f"score_{label}", ScoreSlider)
    x = slider.width() // 2
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(x, round(slider.y_of(20))))
    QTest.mouseMove(slider, QPoint(x, round(slider.y_of(63))))
    assert sitting.scores() == {}
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(x, round(slider.y_of(63))))
    assert sitting.scores() == {label: pytest.approx(63, abs=1)}


def test_a_click_on_a_sleeping_slider_does_nothing(sitting):
    a, b = sitting.session.labels[:2]
    sitting.click(f"play_{a}")
    QTest.mouseClick(sitting.find(f"score_{b}"), Qt.MouseButton.LeftButton)
    assert sitting.scores() == {}


def test_a_drag_ends_without_a_score_when_its_signal_stops(sitting):
    label = sitting.session.labels[0]
    sitting.click(f"play_{label}")
    slider = sitting.find(f"score_{label}", ScoreSlider)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(10, round(slider.y_of(40))))
    sitting.player.pause()
    sitting.pass_time()
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(10, round(slider.y_of(40))))
    assert sitting.scores() == {}
    assert sitting.find(f"readout_{label}").text() == "not scored"


def test_the_wheel_does_not_score(sitting, qtbot):
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent

    label = sitting.session.labels[0]
    sitting.click(f"play_{label}")
    slider = sitting.find(f"score_{label}")
    where = QPointF(5, 5)
    turn = QWheelEvent(
        where,
        slider.mapToGlobal(where),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(slider, turn)
    assert sitting.scores() == {}


@pytest.mark.parametrize(("typed", "expected"), [("72", 72), ("100", 100), ("07", 7), ("00", 0)])
def test_digits_score_what_plays(sitting, typed, expected, qtbot):
    label = sitting.session.labels[2]
    sitting.key(label.lower())
    for digit in typed:
        sitting.key(digit)
    qtbot.waitUntil(lambda: sitting.scores() == {label: expected}, timeout=10_000)


@pytest.mark.parametrize(("typed", "expected"), [("5", 5), ("10", 10)])
def test_a_short_number_ends_with_enter(sitting, typed, expected):
    label = sitting.session.labels[0]
    sitting.key(label.lower())
    for digit in typed:
        sitting.key(digit)
    assert sitting.scores() == {}
    sitting.key(Qt.Key.Key_Return)
    assert sitting.scores() == {label: expected}
    assert sitting.session.progress.trial == 1


def test_a_number_half_typed_is_scored_before_the_switch(sitting):
    a, b = sitting.session.labels[:2]
    sitting.key(a.lower())
    sitting.key("8")
    sitting.key(b.lower())
    assert sitting.scores() == {a: 8}
    assert sitting.session.playing_label == b


def test_arrows_move_the_score(sitting):
    label = sitting.session.labels[0]
    sitting.key(label.lower())
    sitting.key(Qt.Key.Key_Up)
    assert sitting.scores() == {label: 50}
    for key in (Qt.Key.Key_PageUp, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
        sitting.key(key)
    assert sitting.scores() == {label: 59}
    for _ in range(5):
        sitting.key(Qt.Key.Key_PageUp)
    assert sitting.scores() == {label: 100}


def test_keys_play_pause_loop_and_move_along(sitting):
    labels = sitting.session.labels
    sitting.key("r")
    assert sitting.session.playing_label == "R"
    sitting.key(Qt.Key.Key_Right)
    assert sitting.session.playing_label == labels[0]
    sitting.key(Qt.Key.Key_Left)
    sitting.key(Qt.Key.Key_Left)
    assert sitting.session.playing_label == labels[-1]
    sitting.key(Qt.Key.Key_Space)
    assert sitting.session.playing_label is None
    sitting.key(Qt.Key.Key_L)
    assert sitting.player.status().loop_s is None
    sitting.key(Qt.Key.Key_L)
    assert sitting.player.status().loop_s == (0.0, 2.0)


def test_a_loop_is_drawn_on_the_waveform(sitting):
    waveform = sitting.find("waveform")
    y = waveform.height() // 2
    QTest.mousePress(waveform, Qt.MouseButton.LeftButton, pos=QPoint(waveform.width() // 4, y))
    QTest.mouseMove(waveform, QPoint(waveform.width() // 2, y))
    QTest.mouseMove(waveform, QPoint(3 * waveform.width() // 4, y))
    QTest.mouseRelease(waveform, Qt.MouseButton.LeftButton, pos=QPoint(3 * waveform.width() // 4, y))
    start_s, end_s = sitting.player.status().loop_s
    assert (start_s, end_s) == (pytest.approx(0.5, abs=0.02), pytest.approx(1.5, abs=0.02))
    QTest.mouseClick(waveform, Qt.MouseButton.LeftButton, pos=QPoint(waveform.width() // 2, y))
    assert sitting.player.status().position_s == pytest.approx(1.0, abs=0.02)


def test_a_comment_is_text_not_commands(sitting):
    comment = sitting.find("comment", QLineEdit)
    comment.setFocus()
    QTest.keyClicks(comment, "a & b <i>1 r</i>")
    assert sitting.session.playing_label is None
    assert sitting.scores() == {}
    QTest.keyClick(comment, Qt.Key.Key_Return)
    assert sitting.session.comment == "a & b <i>1 r</i>"
    assert sitting.session.progress.trial == 1
    assert not comment.hasFocus()


def test_going_on_too_early_marks_what_is_missing(sitting):
    labels = sitting.session.labels
    sitting.key(labels[0].lower())
    sitting.key("9")
    sitting.key("0")
    sitting.click("next")
    assert sitting.find(f"readout_{labels[1]}").property("class") == "warning"
    assert labels[1] in sitting.window.mushra.notices.text
    assert sitting.session.progress.trial == 1


def test_a_sitting_to_the_end_by_keys_alone(sitting, qtbot):
    for _ in range(2):
        while sitting.session and sitting.session.labels:
            for label in sitting.session.labels:
                sitting.key(label.lower())
                for digit in "100":
                    sitting.key(digit)
                qtbot.waitUntil(lambda label=label: sitting.session.scores[label] == 100, timeout=10_000)
            sitting.key(Qt.Key.Key_Return)
        if sitting.session:
            sitting.key(Qt.Key.Key_Space)  # the button of the break page has the focus
    assert sitting.find("end_accept").isVisible()
    assert sitting.session is None


def test_closing_asks_first_and_can_be_taken_back(sitting):
    sitting.key(sitting.session.labels[0].lower())
    sitting.window.close()
    assert sitting.window.isVisible()
    assert not sitting.player.status().playing
    sitting.click("leave_accept")
    assert sitting.window.mushra.isVisible()
    sitting.window.close()
    sitting.click("leave_decline")
    assert not sitting.window.isVisible()


def test_a_lost_device_is_said_on_the_page(sitting):
    sitting.player.set_device_state(DeviceState.LOST, "The headphones went away.")
    sitting.pass_time()
    assert sitting.window.mushra._device.isVisible()
    assert sitting.window.mushra._device.text() == "The headphones went away."
    sitting.player.set_device_state(DeviceState.READY)
    sitting.pass_time()
    assert not sitting.window.mushra._device.isVisible()


def test_the_volume_is_locked_by_the_first_sound_of_a_test_item(pair):
    session = pair.session
    for _ in range(session.progress.of):
        for key in "ad":
            pair.key(key)
        pair.key(Qt.Key.Key_Left)
        pair.key(Qt.Key.Key_Return)
    pair.click("instructions_accept")
    assert pair.find("volume").isEnabled()
    pair.key("a")
    assert not pair.find("volume").isEnabled()


def test_ab_keys_listen_and_choose(pair):
    for key, label in (("a", "A"), ("s", "R"), ("d", "B"), ("b", None), ("b", "B")):
        pair.key(key)
        assert pair.session.playing_label == label
    for key, choice in ((Qt.Key.Key_Left, "a"), (Qt.Key.Key_Down, "none"), (Qt.Key.Key_Right, "b")):
        pair.key(key)
        assert pair.session.choice == choice
        assert pair.find(f"choose_{choice}", QPushButton).isChecked()
    trial = pair.session.progress
    pair.key(Qt.Key.Key_Return)
    assert pair.session.progress != trial or not pair.session.labels


def test_ab_without_a_tie_or_an_original(qtbot, tmp_path):
    make_small_study(tmp_path / "s", TestType.AB, allow_tie=False, show_reference=False)
    sitting = Sitting(qtbot, tmp_path / "s")
    sitting.start()
    names = widget_map(sitting.window)
    assert "choose_none" not in names
    assert "play_R" not in names
    sitting.key("s")
    assert sitting.session.playing_label is None
    sitting.presenter.close()


def test_abx_asks_which_one_x_is(qtbot, tmp_path):
    make_small_study(tmp_path / "s", TestType.ABX, repetitions=2)
    sitting = Sitting(qtbot, tmp_path / "s")
    sitting.start()
    for key in "asd":
        sitting.key(key)
    assert sitting.session.heard == {"A", "B", "X"}
    assert sitting.find("choose_a", QPushButton).text() == "X is A"
    sitting.key(Qt.Key.Key_Right)
    assert sitting.session.choice == "b"
    sitting.presenter.close()


def test_with_twelve_signals_l_is_a_label_and_ctrl_l_loops(qtbot):
    from earbench_app.views.qt.mushra_view import MushraView

    view = MushraView()
    qtbot.addWidget(view)
    view.show()
    view.show_trial("ABCDEFGHIJKL", True)
    asked, loops = [], []
    view.play_requested.connect(asked.append)
    view.loop_changed.connect(lambda *args: loops.append(args))
    QTest.keyClick(view, Qt.Key.Key_L)
    QTest.keyClick(view, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert asked == ["L"]
    assert len(loops) == 1


def test_a_screen_reader_hears_state_and_score(sitting):
    label = sitting.session.labels[0]
    slider = sitting.find(f"score_{label}")
    assert slider.accessibleName() == f"Score of {label}, not scored; play it to score it"
    sitting.key(label.lower())
    assert slider.accessibleName() == f"Score of {label}, not scored"
    assert sitting.find(f"play_{label}").accessibleName() == f"Pause {label}"
    for digit in "64":
        sitting.key(digit)
    sitting.key(Qt.Key.Key_Return)
    assert slider.accessibleName() == f"Score of {label}, 64"
    assert QAccessible.queryAccessibleInterface(slider).role() == QAccessible.Role.Slider


def test_going_to_the_reference_leaves_the_keys_with_the_trial(sitting):
    """A slider that is disabled under the focus must not hand it to the comment, where keys are text."""
    label = sitting.session.labels[-1]
    sitting.key(label.lower())
    sitting.key("r")
    assert not isinstance(QApplication.focusWidget(), QLineEdit | ScoreSlider)
    sitting.key(label.lower())
    assert sitting.session.playing_label == label


def hold(widget, key, text=""):
    """Let a key repeat itself, as one that is held does."""
    event = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, text, autorep=True)
    QApplication.sendEvent(widget, event)


def test_a_held_key_does_not_switch_back_and_forth(sitting):
    label = sitting.session.labels[0]
    sitting.key(label.lower())
    for _ in range(3):
        hold(QApplication.focusWidget(), Qt.Key(ord(label)), label.lower())
        hold(QApplication.focusWidget(), Qt.Key.Key_Space, " ")
    sitting.pass_time()
    assert sitting.session.playing_label == label
    hold(QApplication.focusWidget(), Qt.Key.Key_Up)
    hold(QApplication.focusWidget(), Qt.Key.Key_Up)
    assert sitting.find(f"readout_{label}").text() == "51"
    QTest.keyRelease(QApplication.focusWidget(), Qt.Key.Key_Up)
    assert sitting.scores() == {label: 51}


@pytest.mark.parametrize("page", ["sitting", "pair"])
def test_a_question_mark_lists_the_keys_and_any_key_goes_back(page, request):
    sitting = request.getfixturevalue(page)
    sitting.key("?")
    overlay = sitting.find("shortcuts_overlay")
    texts = {label.text() for label in overlay.findChildren(QLabel)}
    assert {"Listen", "Sound", "Trial", "Space", "Enter", "Ctrl+Q"} <= texts
    assert ("Score" if page == "sitting" else "Choose") in texts
    sitting.key("a")
    assert not overlay.isVisible()
    assert sitting.session.playing_label is None
    sitting.key("a")
    assert sitting.session.playing_label == "A"


def test_brackets_set_the_loop_and_ctrl_q_asks_to_leave(sitting):
    sitting.key("a")
    sitting.pass_time(0.5)
    sitting.key("[")
    assert sitting.player.status().loop_s[0] == pytest.approx(0.6, abs=0.15)
    sitting.pass_time(0.8)
    sitting.key("]")
    start_s, end_s = sitting.player.status().loop_s
    assert 0.5 <= end_s - start_s < 1.2
    QTest.keyClick(sitting.window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    assert sitting.find("leave_accept").isVisible()


def test_the_next_trial_has_sliders_of_its_own_and_no_others(sitting):
    for label in sitting.session.labels:
        sitting.key(label.lower())
        for digit in "100":
            sitting.key(digit)
        sitting.key(Qt.Key.Key_Return)
    sitting.click("next")
    sitting.start()
    names = [slider.objectName() for slider in sitting.window.findChildren(ScoreSlider)]
    assert sorted(names) == [f"score_{label}" for label in sitting.session.labels]
    assert {sitting.find(f"readout_{label}").text() for label in sitting.session.labels} == {"not scored"}
