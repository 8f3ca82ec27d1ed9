from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from earbench_mushra.blinding import plan_sitting
from earbench_mushra.design import TestType
from earbench_mushra.errors import (
    IncompleteTrialError,
    NotHeardError,
    NotPlayingError,
    ScoreError,
    SessionError,
    VolumeLockedError,
    WrongPhaseError,
)
from earbench_mushra.records import EventKind, Phase
from earbench_mushra.sittings import open_session
from earbench_mushra.store import Store
from earbench_mushra.study_files import load_study, stimulus_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from earbench_mushra.session import Session

    MakeFolder = Callable[..., Path]


def _rate_all(session: Session, score: float = 60) -> None:
    for label in session.labels:
        session.playing(label, 0.0)
        session.rate(label, score)


@pytest.fixture
def session(study_folder: MakeFolder) -> Iterator[Session]:
    """Return a MUSHRA session at its first training trial."""
    with open_session(study_folder(), "anna") as session:
        session.start()
        yield session


def _paired(study_folder: MakeFolder, test_type: TestType, **changes: object) -> Session:
    changes = {"pairs": (("opus32", "mp3_64"),), "n_training": 0, **changes}
    session = open_session(study_folder(test_type=test_type, **changes), "anna")
    session.start()
    return session


def test_the_phases_follow_each_other(study_folder: MakeFolder) -> None:
    seen = []
    with open_session(study_folder(), "anna") as session:
        while session.phase is not Phase.FINISHED:
            seen.append((session.phase.value, *session.progress, session.is_training))
            if session.phase in (Phase.INSTRUCTIONS, Phase.BREAK):
                assert session.labels == ()
                assert not session.complete
                session.start()
                continue
            assert session.labels == ("A", "B", "C", "D", "E")
            _rate_all(session)
            session.next()
        assert session.labels == ()
        assert session.progress == (0, 0)
        with pytest.raises(WrongPhaseError):
            session.next()
        with pytest.raises(WrongPhaseError):
            session.start()
    assert seen == [
        ("instructions", 1, 1, False),
        ("training", 1, 1, True),
        ("break", 1, 3, False),
        ("test", 1, 3, False),
        ("test", 2, 3, False),
        ("test", 3, 3, False),
    ]


def test_without_training_the_test_starts_at_once(study_folder: MakeFolder) -> None:
    with open_session(study_folder(n_training=0), "anna") as session:
        session.start()
        assert session.phase is Phase.TEST


def test_before_the_start_nothing_can_be_heard_or_scored(study_folder: MakeFolder) -> None:
    with open_session(study_folder(), "anna") as session:
        for act in (
            lambda: session.playing("A", 0.0),
            lambda: session.rate("A", 1),
            lambda: session.audio("A"),
            lambda: session.set_comment("x"),
            lambda: session.looped((0.0, 1.0)),
            session.next,
        ):
            with pytest.raises(WrongPhaseError):
                act()


def test_only_the_signal_now_playing_can_be_scored(session: Session) -> None:
    with pytest.raises(NotPlayingError, match="nothing is playing"):
        session.rate("A", 50)
    session.playing("B", 0.0)
    with pytest.raises(NotPlayingError, match="B is playing"):
        session.rate("A", 50)
    session.rate("B", 50)
    session.playing("R", 1.0)
    with pytest.raises(NotPlayingError):
        session.rate("B", 60)
    with pytest.raises(SessionError, match="open reference"):
        session.rate("R", 100)
    session.playing("B", 2.0)
    session.paused(2.5)
    with pytest.raises(NotPlayingError):
        session.rate("B", 60)
    assert session.scores == {"A": None, "B": 50, "C": None, "D": None, "E": None}


def test_untouched_signals_block_going_on_and_a_zero_is_a_score(session: Session) -> None:
    for label in "ABD":
        session.playing(label, 0.0)
        session.rate(label, 0)
    assert session.untouched == ("C", "E")
    assert not session.complete
    with pytest.raises(IncompleteTrialError) as caught:
        session.next()
    assert caught.value.untouched == ("C", "E")
    assert session.progress == (1, 1)


@pytest.mark.parametrize("score", [-0.1, 100.1, math.nan, math.inf, True, "50", None])
def test_scores_outside_the_scale_are_refused(session: Session, score: object) -> None:
    session.playing("A", 0.0)
    with pytest.raises(ScoreError):
        session.rate("A", score)  # type: ignore[arg-type]
    assert session.scores["A"] is None


def test_scores_keep_one_decimal_and_can_be_revised(session: Session) -> None:
    session.playing("A", 0.0)
    for given, kept in ((0, 0.0), (72.349, 72.3), (100, 100.0), (41, 41.0)):
        session.rate("A", given)
        assert session.scores["A"] == kept


def test_a_reminder_asks_for_one_hundred_but_does_not_block(session: Session) -> None:
    assert session.reminder == ""
    _rate_all(session, 99)
    assert "100" in session.reminder
    session.rate("E", 100)
    assert session.reminder == ""
    session.rate("E", 90)
    session.next()
    assert session.phase is Phase.BREAK


def test_going_on_silences_and_clears(session: Session) -> None:
    _rate_all(session)
    session.set_comment("harsh & <b>loud</b>\n")
    session.next()
    session.start()
    assert session.playing_label is None
    assert session.comment == ""
    assert session.heard == frozenset()
    assert set(session.scores.values()) == {None}


def test_every_label_plays_the_file_the_plan_says(study_folder: MakeFolder) -> None:
    folder = study_folder()
    study = load_study(folder)
    with open_session(folder, "anna") as session:
        for trial in plan_sitting(study, "anna", 1):
            if session.phase in (Phase.INSTRUCTIONS, Phase.BREAK):
                session.start()
            for label, condition in trial.conditions.items():
                expected = stimulus_path(folder, study.stimulus(trial.item, condition).file)
                assert session.audio(label) == expected
            _rate_all(session)
            session.next()


def test_unknown_labels_are_refused(session: Session) -> None:
    for act in (
        session.audio,
        lambda label: session.playing(label, 0.0),
        lambda label: session.rate(label, 1),
    ):
        with pytest.raises(SessionError, match="no signal 'F'"):
            act("F")


def test_what_a_view_gets_tells_no_condition(study_folder: MakeFolder) -> None:
    folder = study_folder()
    study = load_study(folder)
    secrets = {w for c in study.conditions for w in (c.id, c.title, c.codec, c.setting) if len(w) > 2}
    secrets -= {"reference"}  # a word of the rules as well; looked for below
    with open_session(folder, "anna") as session:
        session.start()
        _rate_all(session)
        told = "\n".join(_everything(session))
        assert not [secret for secret in secrets if secret in told]
        assert "'reference'" not in told
        files = [session.audio(label) for label in session.labels]
        assert len(set(files)) == len(files)
        _rate_all(session)
        session.next()
        session.start()
        assert not {str(f) for f in files} & {str(session.audio(label)) for label in session.labels}


def _everything(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the representation of all that attributes and properties of an object lead to."""
    yield repr(value)
    if depth > 4 or isinstance(value, str | int | float | type):
        return
    names = [*getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
    names += [n for n, kind in vars(type(value)).items() if isinstance(kind, property)]
    for name in names:
        if name != "conn":
            yield from _everything(getattr(value, name, None), depth + 1)
    if isinstance(value, list | tuple):
        for part in value:
            yield from _everything(part, depth + 1)


def test_errors_tell_no_condition(session: Session) -> None:
    with pytest.raises(SessionError) as caught:
        session.audio("Z")
    assert "opus" not in str(caught.value)


def test_the_level_is_fixed_within_an_item_and_within_four_decibels(session: Session) -> None:
    session.playing("A", 0.0)
    session.set_volume(-4)  # the training is where a listener finds their level
    for out in (4.1, -4.1, math.nan):
        with pytest.raises(VolumeLockedError):
            session.set_volume(out)
    _rate_all(session)
    session.next()
    session.start()
    session.set_volume(2.5)
    assert not session.volume_locked
    session.playing("A", 0.0)
    assert session.volume_locked
    with pytest.raises(VolumeLockedError, match="within an item"):
        session.set_volume(0)
    assert session.volume_db == 2.5


def test_comments_can_be_switched_off(study_folder: MakeFolder) -> None:
    with open_session(study_folder(comments=False), "anna") as session:
        session.start()
        assert not session.comments_allowed
        with pytest.raises(SessionError, match="no comments"):
            session.set_comment("x")


def test_half_a_surrogate_pair_is_no_reason_to_fail(session: Session) -> None:
    session.set_comment("good\ud83d")
    assert session.comment == "good?"


def test_a_preference_needs_both_sides_heard(study_folder: MakeFolder) -> None:
    with _paired(study_folder, TestType.AB) as session:
        assert session.labels == ("A", "B")
        assert session.has_reference
        session.playing("A", 0.0)
        with pytest.raises(NotHeardError) as caught:
            session.choose("a")
        assert caught.value.labels == ("B",)
        session.playing("B", 0.0)
        with pytest.raises(IncompleteTrialError):
            session.next()
        session.choose("none")
        session.choose("b")
        assert session.choice == "b"
        assert session.complete
        with pytest.raises(SessionError):
            session.rate("B", 50)
        with pytest.raises(SessionError):
            session.choose("c")
        session.next()
        assert session.choice is None
        assert session.scores == {}


def test_no_preference_only_where_the_design_allows_it(study_folder: MakeFolder) -> None:
    with _paired(study_folder, TestType.AB, allow_tie=False, show_reference=False) as session:
        assert not session.has_reference
        for label in session.labels:
            session.playing(label, 0.0)
        with pytest.raises(SessionError, match="choose one of a, b"):
            session.choose("none")


def test_abx_needs_all_three_heard_and_has_no_tie(study_folder: MakeFolder) -> None:
    with _paired(study_folder, TestType.ABX, repetitions=4) as session:
        assert session.labels == ("A", "B", "X")
        assert session.progress == (1, 12)
        assert session.audio("X") in (session.audio("A"), session.audio("B"))
        for label in "AB":
            session.playing(label, 0.0)
        with pytest.raises(NotHeardError) as caught:
            session.choose("a")
        assert caught.value.labels == ("X",)
        session.playing("X", 0.0)
        with pytest.raises(SessionError):
            session.choose("none")
        session.choose("a")
        session.next()


def test_every_event_is_in_the_journal(study_folder: MakeFolder) -> None:
    folder = study_folder(n_training=0)
    with open_session(folder, "anna") as session:
        session.device("DAC", "ready")
        session.start()
        session.looped((0.5, 1.5))
        session.playing("A", 0.5)
        session.rate("A", 30)
        session.rate("A", 30)  # no change, no event
        session.playing("A", 1.0)
        session.playing("R", 1.25)
        session.set_comment("ä")
        session.paused(1.5)
        session.paused(1.5)
        session.looped(None)
        sitting = session.session_id
    with Store(folder) as store:
        events = store.events(sitting)
        (trial, *_) = store.trials(sitting)
    assert [(e.kind.value, e.label, e.position_s, e.value) for e in events] == [
        ("open", None, None, None),
        ("device", None, None, {"name": "DAC", "state": "ready"}),
        ("show", None, None, None),
        ("loop", None, None, [0.5, 1.5]),
        ("play", "A", 0.5, None),
        ("score", "A", None, 30.0),
        ("seek", "A", 1.0, None),
        ("switch", "R", 1.25, None),
        ("comment", None, None, "ä"),
        ("pause", "R", 1.5, None),
        ("loop", None, None, None),
        ("close", None, None, None),
    ]
    assert {e.trial_id for e in events[2:]} == {trial.id}
    assert [e.elapsed_s for e in events] == sorted(e.elapsed_s for e in events)
    assert events[0].kind is EventKind.OPEN
