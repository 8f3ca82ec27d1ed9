from __future__ import annotations

import csv
import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earbench_mushra.blinding import plan_sitting
from earbench_mushra.design import TestType
from earbench_mushra.errors import StudyFileError
from earbench_mushra.export import open_results, ratings_csv, write_ratings
from earbench_mushra.records import Phase
from earbench_mushra.sittings import open_session
from earbench_mushra.store import Store
from earbench_mushra.study_files import load_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earbench_mushra.session import Session

    MakeFolder = Callable[..., Path]

CONTRACT_MUSHRA = (
    "study,session_id,listener,test_type,trial,item,condition,role,label,score,rated_at,plays,listen_s,"
    "trial_s,seed,bitrate_kbps,sha256"
)
CONTRACT_PAIRED = "study,session_id,listener,test_type,trial,item,option_a,option_b,choice,preferred,rated_at"


class Clock:
    """A clock a test moves."""

    def __init__(self) -> None:
        self.elapsed_s = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=self.elapsed_s)

    def monotonic_s(self) -> float:
        return self.elapsed_s


def _rows(folder: Path, *, training: bool = False) -> list[dict[str, str]]:
    trials = open_results(folder, by="test", means="test", training=training).trials
    return list(csv.DictReader(io.StringIO(ratings_csv(trials), newline=""), strict=True))


def _rate_all(session: Session, scores: Callable[[], float]) -> dict[str, float]:
    given = {}
    for label in session.labels:
        session.playing(label, 0.0)
        given[label] = scores()
        session.rate(label, given[label])
    return given


def test_every_score_comes_out_as_it_went_in(study_folder: MakeFolder) -> None:
    folder = study_folder()
    study = load_study(folder)
    plan = plan_sitting(study, "anna", 1)
    numbers = itertools.count(1)
    given: list[dict[str, float]] = []
    with open_session(folder, "anna") as session:
        while session.phase is not Phase.FINISHED:
            if session.phase in (Phase.INSTRUCTIONS, Phase.BREAK):
                session.start()
            given.append(_rate_all(session, lambda: next(numbers) * 2.5))
            session.next()
        session_id = session.session_id
    rows = _rows(folder)
    assert len(rows) == 15
    assert len(_rows(folder, training=True)) == 20
    for row in rows:
        n = int(row["trial"])
        trial, scores = plan[n], given[n]  # one training trial comes first
        cell = study.stimulus(row["item"], row["condition"])
        assert row["item"] == trial.item
        assert row["condition"] == trial.conditions[row["label"]]
        assert float(row["score"]) == scores[row["label"]]
        assert row["role"] == study.condition(row["condition"]).role
        assert (row["study"], row["session_id"], row["listener"]) == ("demo", session_id, "anna")
        assert (row["test_type"], row["seed"], row["sha256"]) == ("mushra", "7", cell.sha256)
        assert row["bitrate_kbps"] == ("31.9" if row["condition"] == "opus32" else "")
        assert (row["plays"], row["training"]) == ("1", "false")
        assert datetime.fromisoformat(row["rated_at"]).utcoffset() == timedelta(0)


def test_columns_are_those_of_the_contract_and_lines_end_as_rfc_4180_says(study_folder: MakeFolder) -> None:
    folder = study_folder()
    with open_session(folder, "anna") as session:
        session.start()
        _rate_all(session, lambda: 1)
        session.next()
    text = ratings_csv(open_results(folder, by="", means="").trials)
    assert text.startswith(CONTRACT_MUSHRA + ",")
    assert text.endswith("\r\n")
    assert len(text.splitlines()) == 1  # the training is not exported
    for test_type in (TestType.AB, TestType.ABX):
        folder = study_folder(test_type=test_type, pairs=(("opus32", "mp3_64"),), n_training=0)
        _choose_all(folder, {})
        header = ratings_csv(open_results(folder, by="", means="").trials).splitlines()[0]
        assert header.startswith(CONTRACT_PAIRED + ",")
        assert ("x,correct" in header) is (test_type is TestType.ABX)


def _choose_all(folder: Path, choices: dict[int, str]) -> None:
    with open_session(folder, "anna") as session:
        session.start()
        for n in itertools.count(1):
            for label in session.labels:
                session.playing(label, 0.0)
            session.choose(choices.get(n, "a"))
            session.next()
            if session.phase is Phase.FINISHED:
                return


def test_a_preference_names_the_condition_that_was_chosen(study_folder: MakeFolder) -> None:
    folder = study_folder(test_type=TestType.AB, pairs=(("opus32", "mp3_64"),), n_training=0)
    _choose_all(folder, {1: "a", 2: "b", 3: "none"})
    plan = plan_sitting(load_study(folder), "anna", 1)
    rows = _rows(folder)
    assert [row["choice"] for row in rows] == ["a", "b", "none"]
    expected = [plan[0].conditions["A"], plan[1].conditions["B"], ""]
    assert [row["preferred"] for row in rows] == expected
    assert [row["option_a"] for row in rows] == [trial.conditions["A"] for trial in plan]
    assert [row["option_b"] for row in rows] == [trial.conditions["B"] for trial in plan]
    assert [row["bitrate_a_kbps"] for row in rows] == [
        "31.9" if trial.conditions["A"] == "opus32" else "" for trial in plan
    ]


def test_an_abx_row_tells_x_and_whether_it_was_found(study_folder: MakeFolder) -> None:
    folder = study_folder(
        test_type=TestType.ABX, pairs=(("opus32", "mp3_64"),), n_training=0, repetitions=3
    )  # fmt: skip
    _choose_all(folder, {2: "b", 5: "b", 6: "b"})
    rows = _rows(folder)
    plan = plan_sitting(load_study(folder), "anna", 1)
    assert len(rows) == 9
    for row, trial in zip(rows, plan, strict=True):
        assert row["x"] == trial.conditions["X"]
        assert row["correct"] == str(row[f"option_{row['choice']}"] == row["x"]).lower()
        assert row["preferred"] == ""
    assert len({row["correct"] for row in rows}) == 2


def test_listening_times_add_up(study_folder: MakeFolder) -> None:
    folder = study_folder(n_training=0, n_items=1)
    clock = Clock()

    def wait(seconds: float) -> None:
        clock.elapsed_s += seconds

    with open_session(folder, "anna", clock=clock) as session:
        wait(50)  # reading the instructions counts for no trial
        session.start()
        wait(1)
        session.playing("A", 0.0)
        wait(2)
        session.playing("R", 2.0)
        wait(4)
        session.playing("A", 6.0)
        wait(8)
        session.playing("A", 0.0)  # a seek goes on with the same play
        wait(16)
        session.paused(1.0)
        wait(32)
        session.playing("B", 1.0)
        wait(0.25)
        session.rate("B", 10)
        wait(7)  # not known to have been heard: the process dies here
        session._store.close()
        session._lock.release()
    clock.elapsed_s += 10_000
    with open_session(folder, "anna", clock=clock) as session:
        wait(0.5)
        _rate_all(session, lambda: 20)
        wait(0.125)
        session.next()
    rows = {row["label"]: row for row in _rows(folder)}
    assert (rows["A"]["plays"], rows["A"]["listen_s"]) == ("3", "26.000")
    assert (rows["B"]["plays"], rows["B"]["listen_s"]) == ("2", "0.250")
    assert (rows["E"]["plays"], rows["E"]["listen_s"]) == ("1", "0.125")
    assert rows["A"]["trial_s"] == "63.875"  # 1 + 2 + 4 + 8 + 16 + 32 + 0.25 before, 0.625 after


awkward = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
AWKWARD = [
    'a "quoted" & <b>',
    "one, two;\tthree",
    "line\r\nbreak\nand\rmore",
    "=SUM(A1:A9)",
    "@+-'",
    "日本 ñ 😀",
]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listener=st.sampled_from(AWKWARD) | awkward, comment=st.sampled_from(AWKWARD) | awkward)
def test_any_text_survives(study_folder: MakeFolder, listener: str, comment: str) -> None:
    if not listener.strip():
        return
    folder = study_folder(n_training=0, n_items=1)
    with open_session(folder, listener, simulation="quick") as session:
        session.start()
        _rate_all(session, lambda: 3)
        session.set_comment(comment)
        session.next()
    path = folder / "ratings.csv"
    write_ratings(open_results(folder, by="", means="").trials, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert {row["listener"] for row in rows} == {listener.strip()}
    assert {row["comment"] for row in rows} == {comment}


def test_a_trial_not_finished_is_left_out_and_an_unfinished_sitting_is_not(study_folder: MakeFolder) -> None:
    folder = study_folder(n_training=0)
    with open_session(folder, "anna") as session:
        session.start()
        _rate_all(session, lambda: 5)
        session.next()
        session.playing("A", 0.0)
        session.rate("A", 99)
    assert {row["trial"] for row in _rows(folder)} == {"1"}


def test_each_opening_is_written_down(study_folder: MakeFolder) -> None:
    folder = study_folder()
    open_session(folder, "anna").close()
    assert open_results(folder, by="prof", means="results page").recorded
    with Store(folder) as store:
        assert [(o.by, o.means) for o in store.openings()] == [("prof", "results page")]


def test_a_study_nobody_sat_down_to_says_so_and_stays_as_it_is(study_folder: MakeFolder) -> None:
    folder = study_folder()
    with pytest.raises(StudyFileError, match="nobody has sat down"):
        open_results(folder, by="", means="")
    assert not (folder / "study.sqlite").exists()


def test_a_csv_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="cannot be written: No such file"):
        write_ratings([], tmp_path / "nowhere" / "ratings.csv")
