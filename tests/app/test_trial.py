"""The presenters of a sitting, with a real session, a real renderer and a view that only remembers."""

from __future__ import annotations

import sqlite3
from unittest.mock import Mock

import pytest
from psygnal import Signal
from studies import make_small_study

from earbench_app.notifications import Level
from earbench_app.playback.fake import FakePlayer
from earbench_app.playback.player import DeviceState
from earbench_app.presenters.ab import AbPresenter
from earbench_app.presenters.listener import BREAK_AFTER_S, ListenerPresenter
from earbench_app.presenters.trial import TrialPresenter
from earbench_app.presenters.trial_playback import N_PEAKS, TrialPlayback
from earbench_mushra.design import TestType
from earbench_mushra.export import open_results
from earbench_mushra.records import EventKind, Phase
from earbench_mushra.sittings import open_session
from earbench_mushra.store import Store


class Frame:
    play_requested = Signal(str)
    play_toggled = Signal()
    seek_requested = Signal(float)
    loop_changed = Signal(object, bool)
    comment_changed = Signal(str)
    volume_changed = Signal(float)
    next_requested = Signal()
    score_changed = Signal(str, float)
    choice_made = Signal(str)

    def __init__(self):
        self.calls = Mock()

    def __getattr__(self, name):
        if name.startswith(("show_", "mark_")):
            return getattr(self.calls, name)
        raise AttributeError(name)

    def last(self, name):
        return getattr(self.calls, name).call_args.args

    @property
    def notice(self):
        return self.last("show_notice")[0]


class Window:
    name_entered = Signal(str)
    start_requested = Signal()
    leave_requested = Signal()
    leave_confirmed = Signal()
    ticked = Signal()

    def __init__(self):
        self.mushra, self.ab, self.calls = Frame(), Frame(), Mock()

    def __getattr__(self, name):
        if name.startswith("show_") or name == "close_now":
            return getattr(self.calls, name)
        raise AttributeError(name)


@pytest.fixture
def folder(tmp_path):
    make_small_study(tmp_path / "study")
    return tmp_path / "study"


@pytest.fixture
def player():
    return FakePlayer()


@pytest.fixture
def sitting(folder, player):
    """The training trial of a MUSHRA sitting on the screen: session, view, presenter."""
    session = open_session(folder, "L1")
    session.start()
    view, playback = Frame(), TrialPlayback(session, player)
    presenter = TrialPresenter(session, view, playback)
    presenter.show()
    yield session, view, presenter
    session.close()


def hear(player, presenter, seconds=0.1):
    player.advance(seconds)
    presenter.tick()


def play(view, player, presenter, label):
    view.play_requested.emit(label)
    hear(player, presenter)


def score_all(session, view, player, presenter, top=100):
    for n, label in enumerate(session.labels):
        play(view, player, presenter, label)
        view.score_changed.emit(label, top - 10 * n)


def test_a_trial_shows_labels_and_the_reference_alone(sitting, player):
    session, view, _ = sitting
    assert view.last("show_trial") == (session.labels, True)
    assert view.last("show_scores")[0] == dict.fromkeys(session.labels)
    assert view.last("show_waveform")[0].shape == (2, N_PEAKS)
    assert len(player.stimuli) == 1 + len(session.labels)


def test_what_is_heard_is_what_is_chosen(sitting, player, folder):
    """The player's stimulus for a label is the file the session names for it."""
    session, view, presenter = sitting
    from earbench_codecs.clip_files import read_clip

    for label in ("R", *session.labels):
        play(view, player, presenter, label)
        status = player.status()
        assert player.stimuli[status.stimulus].sha256() == read_clip(session.audio(label)).sha256()
        assert session.playing_label == label
        assert view.last("show_heard")[0].label == label


def test_only_the_playing_signal_can_be_scored(sitting, player):
    session, view, presenter = sitting
    first, second, *_ = session.labels
    play(view, player, presenter, first)
    view.score_changed.emit(second, 50)
    assert session.scores[second] is None
    assert view.notice.level is Level.WARNING
    assert second in view.notice.text
    view.score_changed.emit(first, 50)
    assert session.scores[first] == 50


def test_a_paused_signal_cannot_be_scored(sitting, player):
    session, view, presenter = sitting
    label = session.labels[0]
    play(view, player, presenter, label)
    view.play_toggled.emit()
    hear(player, presenter)
    view.score_changed.emit(label, 50)
    assert session.scores[label] is None
    assert view.last("show_scores")[0][label] is None


def test_pressing_the_playing_signal_pauses(sitting, player):
    session, view, presenter = sitting
    play(view, player, presenter, session.labels[0])
    play(view, player, presenter, session.labels[0])
    assert session.playing_label is None
    assert not player.status().playing


def test_the_playhead_goes_on_across_switches(sitting, player):
    session, view, presenter = sitting
    play(view, player, presenter, "R")
    before = player.status().position_s
    play(view, player, presenter, session.labels[1])
    assert player.status().position_s == pytest.approx(before + 0.1, abs=1e-3)


def test_a_silent_device_blocks_scoring_until_it_is_back(sitting, player):
    session, view, presenter = sitting
    label = session.labels[0]
    play(view, player, presenter, label)
    player.set_device_state(DeviceState.LOST, "The headphones went away.")
    presenter.tick()
    assert view.last("show_heard")[0].banner == "The headphones went away."
    view.score_changed.emit(label, 40)
    assert session.scores[label] is None
    player.set_device_state(DeviceState.READY)
    presenter.tick()
    view.score_changed.emit(label, 40)
    assert session.scores[label] == 40


def test_untouched_signals_block_going_on_by_name(sitting, player):
    session, view, presenter = sitting
    label = session.labels[0]
    play(view, player, presenter, label)
    view.score_changed.emit(label, 100)
    view.next_requested.emit()
    assert view.last("mark_untouched")[0] == session.labels[1:]
    assert all(other in view.notice.text for other in session.labels[1:])
    assert session.progress.trial == 1
    assert view.last("show_next") == (False, "1 of 4 scored")


def test_no_100_is_reminded_of_once(sitting, player):
    session, view, presenter = sitting
    done = Mock()
    presenter.finished.connect(lambda: done())
    score_all(session, view, player, presenter, top=90)
    view.next_requested.emit()
    assert "100" in view.notice.text
    assert not done.called
    view.next_requested.emit()
    assert done.called
    assert session.phase is Phase.BREAK


def test_the_loop_is_widened_to_half_a_second_and_kept_over_a_resume(sitting, player, folder):
    session, view, _ = sitting
    assert player.status().loop_s == (0.0, 2.0)
    view.loop_changed.emit((1.0, 1.1), True)
    assert view.last("show_loop") == ((1.0, 1.5), True)
    assert player.status().loop_s == (1.0, 1.5)
    session.close()
    with open_session(folder, "L1") as again:
        playback = TrialPlayback(again, player)
        playback.load()
        assert player.status().loop_s == (1.0, 1.5)


def test_a_loop_at_the_end_stays_inside(sitting, player):
    _, view, _ = sitting
    view.loop_changed.emit((1.9, 2.0), True)
    assert player.status().loop_s == (1.5, 2.0)


def test_volume_never_clips_and_is_locked_within_an_item_of_the_test(sitting, player):
    session, view, presenter = sitting
    assert player.status().gain_db == -4.0
    view.volume_changed.emit(4.0)
    assert player.status().gain_db == 0.0
    score_all(session, view, player, presenter)
    view.next_requested.emit()
    session.start()
    presenter.show()
    assert view.last("show_volume") == (4.0, False)
    play(view, player, presenter, "R")
    assert view.last("show_volume") == (4.0, True)
    view.volume_changed.emit(-2.0)
    assert view.last("show_volume") == (4.0, True)
    assert player.status().gain_db == 0.0
    assert view.notice.level is Level.WARNING


def test_a_full_disk_is_said_in_place_and_the_score_not_shown(sitting, player, monkeypatch):
    session, view, presenter = sitting
    label = session.labels[0]
    play(view, player, presenter, label)

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "_journal", full)
    view.score_changed.emit(label, 40)
    assert view.notice.level is Level.ERROR
    assert "full" in view.notice.text
    assert view.last("show_scores")[0][label] is None
    monkeypatch.undo()
    view.score_changed.emit(label, 40)
    assert session.scores[label] == 40


def test_the_journal_holds_what_was_heard_when(sitting, player, folder):
    session, view, presenter = sitting
    play(view, player, presenter, "R")
    play(view, player, presenter, session.labels[0])
    view.seek_requested.emit(1.2)
    view.play_toggled.emit()
    hear(player, presenter)
    with Store(folder, read_only=True) as store:
        events = [(e.kind, e.label) for e in store.events(session.session_id)]
    kinds = [
        event
        for event in events
        if event[0] in (EventKind.PLAY, EventKind.SWITCH, EventKind.SEEK, EventKind.PAUSE)
    ]
    first = session.labels[0]
    assert kinds == [
        (EventKind.PLAY, "R"),
        (EventKind.SWITCH, first),
        (EventKind.SEEK, first),
        (EventKind.PAUSE, first),
    ]


@pytest.fixture
def pair(tmp_path, player):
    make_small_study(tmp_path / "pair", TestType.AB)
    session = open_session(tmp_path / "pair", "L1")
    session.start()
    view = Frame()
    presenter = AbPresenter(session, view, TrialPlayback(session, player))
    presenter.show()
    yield session, view, presenter
    session.close()


def test_a_choice_needs_both_to_be_heard(pair, player):
    session, view, presenter = pair
    play(view, player, presenter, "A")
    assert view.last("show_next")[1] == "Still to be heard: B"
    view.choice_made.emit("a")
    assert session.choice is None
    assert "B" in view.notice.text
    play(view, player, presenter, "B")
    view.choice_made.emit("a")
    assert view.last("show_choice") == ("a",)
    view.choice_made.emit("none")
    assert session.choice == "none"


def test_going_on_without_a_choice_says_so(pair, player):
    session, view, presenter = pair
    for label in "AB":
        play(view, player, presenter, label)
    view.next_requested.emit()
    assert view.notice.text == "Make your choice."
    assert session.progress.trial == 1


def test_a_whole_sitting_from_name_to_thanks(folder, player):
    window = Window()
    presenter = ListenerPresenter(folder, window, player)
    assert window.calls.show_name_entry.called
    window.name_entered.emit("L9")
    window.start_requested.emit()
    for _ in range(2):  # the training, then the test after its break
        while presenter._session and presenter._session.labels:
            for label in presenter._session.labels:
                window.mushra.play_requested.emit(label)
                player.advance(0.1)
                window.ticked.emit()
                window.mushra.score_changed.emit(label, 100)
            window.mushra.next_requested.emit()
        window.start_requested.emit() if presenter._session else None
    assert window.calls.show_end.call_args.args[0] == "Thank you"
    trials = open_results(folder, by="me", means="test").trials
    assert [len([a for a in trial.answers if a.score == 100]) for trial in trials] == [4, 4]


def test_leaving_asks_and_coming_back_goes_on(folder, player):
    window = Window()
    presenter = ListenerPresenter(folder, window, player, "L9")
    window.start_requested.emit()
    label = presenter._session.labels[0]
    window.mushra.play_requested.emit(label)
    player.advance(0.1)
    window.ticked.emit()
    window.mushra.score_changed.emit(label, 61)
    window.leave_requested.emit()
    assert "saved" in window.calls.show_leave.call_args.args[0]
    assert not window.calls.close_now.called
    window.leave_confirmed.emit()
    assert window.calls.close_now.called
    assert player.closed
    again = Window()
    second = ListenerPresenter(folder, again, FakePlayer(), "L9")
    assert again.mushra.last("show_scores")[0][label] == 61
    second.close()


def test_a_sitting_open_elsewhere_is_refused_in_place(folder, player):
    with open_session(folder, "L9"):
        window = Window()
        ListenerPresenter(folder, window, player, "L9")
        _, listener, message = window.calls.show_name_entry.call_args.args
        assert listener == "L9"
        assert "another window" in message


def test_a_break_is_suggested_after_twenty_minutes(folder, player):
    now = [0.0]
    window = Window()
    presenter = ListenerPresenter(folder, window, player, "L9", clock=lambda: now[0])
    window.start_requested.emit()
    for minutes in (1, 30):
        for label in presenter._session.labels:
            window.mushra.play_requested.emit(label)
            player.advance(0.1)
            window.ticked.emit()
            window.mushra.score_changed.emit(label, 100)
        now[0] += minutes * 60
        window.mushra.next_requested.emit()
        window.start_requested.emit() if presenter._session.phase is Phase.BREAK else None
    assert now[0] > BREAK_AFTER_S
    assert "30 minutes" in window.mushra.notice.text
    presenter.close()


@pytest.mark.parametrize("test_type", [TestType.MUSHRA, TestType.AB])
def test_no_view_is_ever_told_a_condition(tmp_path, player, test_type):
    study = make_small_study(tmp_path / "s", test_type)
    window = Window()
    presenter = ListenerPresenter(tmp_path / "s", window, player, "L9")
    frame = window.mushra if test_type is TestType.MUSHRA else window.ab
    window.start_requested.emit()
    for label in presenter._session.labels:
        frame.play_requested.emit(label)
        player.advance(0.1)
        window.ticked.emit()
    frame.next_requested.emit()
    told = repr(window.calls.mock_calls) + repr(frame.calls.mock_calls)
    for condition in study.conditions:
        assert condition.title not in told
        assert condition.id not in told or condition.id == "reference"
    presenter.close()
