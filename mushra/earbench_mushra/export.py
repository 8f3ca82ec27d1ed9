"""Ratings as a CSV: UTF-8, comma, RFC 4180; every text as it was written, whatever it holds."""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from earbench_mushra.blinding import REFERENCE_LABEL, X_LABEL
from earbench_mushra.design import TestType
from earbench_mushra.errors import StudyFileError
from earbench_mushra.listening import Listening, listening, trial_duration_s
from earbench_mushra.records import Opening
from earbench_mushra.rows import stamp
from earbench_mushra.store import Store
from earbench_mushra.study_files import DATABASE_FILE, load_study, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from earbench_mushra.records import Answer, FinishedTrial

_TRIAL_COLUMNS = ("study", "session_id", "listener", "test_type", "trial", "item")
MUSHRA_COLUMNS = (
    *_TRIAL_COLUMNS,
    *("condition", "role", "label", "score", "rated_at", "plays", "listen_s", "trial_s", "seed"),
    *("bitrate_kbps", "sha256", "sitting", "training", "comment"),
)
_SIDE_COLUMNS = ("plays_a", "listen_a_s", "plays_b", "listen_b_s", "trial_s", "seed")
_FILE_COLUMNS = ("bitrate_a_kbps", "bitrate_b_kbps", "sha256_a", "sha256_b", "sitting", "training", "comment")
AB_COLUMNS = (
    *_TRIAL_COLUMNS,
    *("option_a", "option_b", "choice", "preferred", "rated_at"),
    *_SIDE_COLUMNS,
    *_FILE_COLUMNS,
)
ABX_COLUMNS = (
    *_TRIAL_COLUMNS,
    *("option_a", "option_b", "choice", "preferred", "rated_at", "x", "correct"),
    *_SIDE_COLUMNS,
    *_FILE_COLUMNS,
)


class Results(NamedTuple):
    """The opened results of a study.

    Parameters
    ----------
    trials : list of FinishedTrial
    recorded : bool
        Whether the opening could be written down; False on a medium that cannot be written.
    """

    trials: list[FinishedTrial]
    recorded: bool


def open_results(folder: Path, *, by: str, means: str, training: bool = False) -> Results:
    """Lift the blind: read every finished trial, and write down who did so.

    Parameters
    ----------
    folder : Path
        The study's.
    by, means : str
        Who opens the results, and with what: a command or a page.
    training : bool
        Whether to read the training phase as well.

    Raises
    ------
    StudyFileError
        If there is no study, or no sitting yet.
    StoreError
    """
    load_study(folder)
    path = folder / DATABASE_FILE
    if not path.is_file():
        raise StudyFileError(path, "not there: nobody has sat down to this test yet")
    writable = os.access(folder, os.W_OK) and os.access(path, os.W_OK)
    with Store(folder, read_only=not writable) as store:
        if writable:
            store.record_opening(Opening(datetime.now(UTC), by, means))
        return Results(store.finished_trials(training=training), writable)


def ratings_table(trials: Iterable[FinishedTrial]) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Return the columns and rows of the CSV.

    MUSHRA has a row for each graded signal, A/B and ABX one for each trial.
    """
    trials = list(trials)
    test_type = trials[0].test_type if trials else TestType.MUSHRA
    rows = _mushra_rows if test_type is TestType.MUSHRA else _paired_rows
    return _COLUMNS[test_type], [row for trial in trials for row in rows(trial)]


def ratings_csv(trials: Iterable[FinishedTrial]) -> str:
    """Return the CSV's text."""
    columns, rows = ratings_table(trials)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_ratings(trials: Iterable[FinishedTrial], path: Path) -> None:
    """Write the CSV, whole or not at all.

    Raises
    ------
    StudyFileError
        If it cannot be written.
    """
    try:
        write_whole(path, ratings_csv(trials).encode())
    except OSError as error:
        raise StudyFileError(path, f"cannot be written: {error.strerror}") from error


_COLUMNS = {TestType.MUSHRA: MUSHRA_COLUMNS, TestType.AB: AB_COLUMNS, TestType.ABX: ABX_COLUMNS}


def _of_trial(trial: FinishedTrial) -> dict[str, str]:
    return {
        "study": trial.study,
        "session_id": trial.sitting.id,
        "listener": trial.sitting.listener,
        "test_type": trial.test_type.value,
        "trial": str(trial.number),
        "item": trial.item,
        "trial_s": f"{trial_duration_s(trial.events):.3f}",
        "seed": str(trial.sitting.seed),
        "sitting": str(trial.sitting.number),
        "training": _flag(trial.training),
        "comment": trial.comment,
    }


def _mushra_rows(trial: FinishedTrial) -> Iterator[dict[str, str]]:
    heard = listening(trial.events)
    for answer in trial.answers:
        if answer.label == REFERENCE_LABEL:
            continue
        times = heard.get(answer.label, Listening())
        yield _of_trial(trial) | {
            "condition": answer.condition,
            "role": answer.role.value,
            "label": answer.label,
            "score": "" if answer.score is None else f"{answer.score:g}",
            "rated_at": _stamped(answer.rated_at),
            "plays": str(times.plays),
            "listen_s": f"{times.listen_s:.3f}",
            "bitrate_kbps": _kbps(answer),
            "sha256": answer.sha256,
        }


def _paired_rows(trial: FinishedTrial) -> Iterator[dict[str, str]]:
    chosen = trial.answer(trial.choice.upper()).condition if trial.choice in ("a", "b") else ""
    row = _of_trial(trial) | {
        "choice": trial.choice or "",
        "preferred": chosen if trial.test_type is TestType.AB else "",
        "rated_at": _stamped(trial.chosen_at),
    }
    heard = listening(trial.events)
    for label, side in (("A", "a"), ("B", "b")):
        answer, times = trial.answer(label), heard.get(label, Listening())
        row |= {
            f"option_{side}": answer.condition,
            f"plays_{side}": str(times.plays),
            f"listen_{side}_s": f"{times.listen_s:.3f}",
            f"bitrate_{side}_kbps": _kbps(answer),
            f"sha256_{side}": answer.sha256,
        }
    if trial.test_type is TestType.ABX:
        unknown = trial.answer(X_LABEL).condition
        row |= {"x": unknown, "correct": _flag(chosen == unknown)}
    yield row


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _kbps(answer: Answer) -> str:
    return "" if answer.bitrate_kbps is None else f"{answer.bitrate_kbps:.10g}"


def _stamped(at: datetime | None) -> str:
    return "" if at is None else stamp(at)
