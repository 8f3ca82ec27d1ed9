from __future__ import annotations

import collections
import dataclasses
import itertools
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlite_utils import Database

from earbench_mushra.errors import (
    DesignError,
    SessionError,
    SittingInUseError,
    StimulusError,
    StoreError,
)
from earbench_mushra.migrations import MIGRATIONS
from earbench_mushra.records import Opening, Phase
from earbench_mushra.sittings import open_session
from earbench_mushra.store import Store
from earbench_mushra.study_files import load_study, save_study, stimulus_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earbench_mushra.session import Session

    MakeFolder = Callable[..., Path]

STEPS = [
    "0001_designs_listeners_sittings",
    "0002_trials_presented",
    "0003_ratings_choices_events",
    "0004_openings",
]


def _finish(session: Session) -> None:
    while session.phase is not Phase.FINISHED:
        if session.phase in (Phase.INSTRUCTIONS, Phase.BREAK):
            session.start()
        for label in session.labels:
            session.playing(label, 0.0)
            session.rate(label, 50)
        session.next()


def test_the_file_is_in_wal_mode_and_written_in_full(study_folder: MakeFolder) -> None:
    with Store(study_folder()) as store:
        db = store._db
        assert db.journal_mode == "wal"
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert [step.name for step in MIGRATIONS.applied(db)] == STEPS


@pytest.mark.parametrize("n_steps", range(len(STEPS)))
def test_a_database_of_any_older_schema_is_brought_up_to_date(study_folder: MakeFolder, n_steps: int) -> None:
    folder = study_folder()
    with closing(sqlite3.connect(folder / "study.sqlite")) as old:
        MIGRATIONS.apply(Database(old), stop_before=STEPS[n_steps])
    with open_session(folder, "anna") as session:
        _finish(session)
    with Store(folder) as store:
        assert len(store.finished_trials()) == 3


def test_a_database_of_a_newer_earbench_is_refused(study_folder: MakeFolder) -> None:
    folder = study_folder()
    Store(folder).close()
    with closing(sqlite3.connect(folder / "study.sqlite")) as db:
        db.execute("INSERT INTO _sqlite_migrations VALUES (99, 'earbench_study', '0099_future', 'then')")
        db.commit()
    with pytest.raises(StoreError, match=r"newer Earbench.*0099_future"):
        Store(folder)


def test_a_foreign_file_is_refused(study_folder: MakeFolder) -> None:
    folder = study_folder()
    (folder / "study.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="not an Earbench database") as caught:
        open_session(folder, "anna")
    assert caught.value.path == folder / "study.sqlite"


def test_a_locked_database_refuses_the_event_and_the_session_goes_on_after(study_folder: MakeFolder) -> None:
    folder = study_folder()
    with open_session(folder, "anna", busy_timeout_s=0.05) as session:
        session.start()
        session.playing("A", 0.0)
        with closing(sqlite3.connect(folder / "study.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked by another program"):
                session.rate("A", 70)
            with pytest.raises(StoreError):
                session.playing("B", 0.0)
            assert session.scores["A"] is None
            assert session.playing_label == "A"
        session.rate("A", 70)
        assert session.scores["A"] == 70


def test_a_full_disk_refuses_the_event_and_keeps_what_was_stored(study_folder: MakeFolder) -> None:
    folder = study_folder(n_training=0)
    session = open_session(folder, "anna")
    session.start()
    session.playing("A", 0.0)
    session.rate("A", 70)
    db = session._store._db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 4}")
    remarks = itertools.accumulate(["a long remark "] * 1000)
    with pytest.raises(StoreError, match="disk is full"):
        collections.deque(map(session.set_comment, remarks), maxlen=0)
    assert session.comment
    kept = session.comment
    session.close()
    with open_session(folder, "anna") as again:
        assert again.scores["A"] == 70
        assert again.comment == kept


def test_a_database_that_cannot_be_written_is_told(study_folder: MakeFolder) -> None:
    with open_session(study_folder(), "anna") as session:
        session._store._db.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="cannot be written"):
            session.start()
        assert session.phase is Phase.INSTRUCTIONS
        session._store._db.execute("PRAGMA query_only = OFF")


@pytest.mark.parametrize("log_left", [True, False])
def test_results_can_be_read_where_nothing_can_be_written(study_folder: MakeFolder, log_left: bool) -> None:
    folder = study_folder()
    session = open_session(folder, "anna")
    _finish(session)
    copy = folder.parent / "archive"
    if log_left:
        shutil.copytree(folder, copy)
    session.close()
    if not log_left:
        shutil.copytree(folder, copy)
    assert (copy / "study.sqlite-wal").exists() is log_left
    with Store(copy, read_only=True) as store:
        assert len(store.finished_trials()) == 3
        with pytest.raises(StoreError, match="cannot be written"):
            store.record_opening(Opening(datetime.now(UTC), "x", "y"))


def test_a_second_window_is_refused_until_the_first_has_closed(study_folder: MakeFolder) -> None:
    folder = study_folder()
    first = open_session(folder, "anna")
    with pytest.raises(SittingInUseError, match="open in another window"):
        open_session(folder, "anna")
    first.start()
    with open_session(folder, "berta") as other:  # another listener may sit at the same time
        other.start()
    first.close()
    first.close()
    with open_session(folder, "anna") as again:
        assert again.session_id == first.session_id
        assert again.phase is Phase.TRAINING


def test_a_failed_opening_releases_the_listener(study_folder: MakeFolder) -> None:
    folder = study_folder()
    (folder / "study.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError):
        open_session(folder, "anna")
    (folder / "study.sqlite").unlink()
    open_session(folder, "anna").close()


def test_a_copied_study_goes_on_in_another_booth(study_folder: MakeFolder) -> None:
    folder = study_folder()
    with open_session(folder, "anna") as session:
        session.start()
        session.playing("C", 0.0)
        session.rate("C", 33)
        files = [session.audio(label).name for label in session.labels]
    booth = shutil.copytree(folder, folder.parent / "booth 2 & more")
    with open_session(booth, "anna") as session:
        assert session.scores["C"] == 33
        assert [session.audio(label).name for label in session.labels] == files
        assert session.audio("C").parent == booth / "stimuli"


def test_a_changed_stimulus_stops_a_sitting_before_it_begins_or_resumes(study_folder: MakeFolder) -> None:
    folder = study_folder()
    open_session(folder, "anna").close()
    cell = load_study(folder).stimuli[0]
    stimulus_path(folder, cell.file).write_bytes(b"other audio")
    for listener in ("anna", "berta"):
        with pytest.raises(StimulusError, match="SHA-256 differs") as caught:
            open_session(folder, listener)
        assert cell.file in str(caught.value)
    with Store(folder) as store:
        assert [sitting.listener for sitting in store.sittings()] == ["anna"]


def test_a_design_is_frozen_by_its_first_sitting(study_folder: MakeFolder) -> None:
    folder = study_folder()
    open_session(folder, "anna").close()
    study = load_study(folder)
    save_study(dataclasses.replace(study, seed=8, title="Changed"), folder)
    with pytest.raises(DesignError, match=r"changed after the first sitting \(title, seed\)"):
        open_session(folder, "anna")
    save_study(study, folder)
    open_session(folder, "anna").close()
    with Store(folder) as store:
        assert store.designs() == [study]


def test_a_finished_sitting_is_followed_by_a_new_one_in_another_order(study_folder: MakeFolder) -> None:
    folder = study_folder()
    ids, orders = [], []
    for _ in range(2):
        with open_session(folder, " anna ") as session:
            ids.append(session.session_id)
            session.start()
            orders.append([session.audio(label).name for label in session.labels])
            _finish(session)
    with Store(folder) as store:
        sittings = store.sittings("anna")
        assert store.sittings("berta") == []
    assert [s.id for s in sittings] == ids
    assert [(s.number, s.phase, s.trials_done, s.n_trials) for s in sittings] == [
        (1, Phase.FINISHED, 3, 3),
        (2, Phase.FINISHED, 3, 3),
    ]
    assert all(s.finished_at and s.finished_at >= s.started_at for s in sittings)
    assert orders[0] != orders[1]


def test_a_listener_needs_a_name(study_folder: MakeFolder) -> None:
    with pytest.raises(SessionError, match="name"):
        open_session(study_folder(), "  ")


def test_openings_of_the_results_are_kept(study_folder: MakeFolder) -> None:
    at = datetime(2026, 5, 4, 3, 2, 1, 987000, tzinfo=UTC)
    with Store(study_folder()) as store:
        assert store.openings() == []
        store.record_opening(Opening(at, "prof", "results page"))
        assert store.openings() == [Opening(at, "prof", "results page")]


def test_the_level_and_the_loop_are_found_again(study_folder: MakeFolder) -> None:
    folder = study_folder()
    with open_session(folder, "anna") as session:
        session.start()
        session.set_volume(-3.5)
        session.looped((1.0, 2.0))
    with open_session(folder, "anna") as session:
        assert session.volume_db == -3.5
        assert session.loop_s == (1.0, 2.0)
        assert session.playing_label is None
        session.looped(None)
    with open_session(folder, "anna") as session:
        assert session.loop_s is None
