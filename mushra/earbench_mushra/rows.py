"""Between the rows of the database and the records; and what a failure of SQLite means to a user."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from earbench_mushra.design import Role
from earbench_mushra.records import Answer, BlindTrial, Event, EventKind, Phase, Sitting

if TYPE_CHECKING:
    from earbench_mushra.design import Study

Row = dict[str, Any]

_REASONS = {
    sqlite3.SQLITE_BUSY: "locked by another program; close it and try again",
    sqlite3.SQLITE_LOCKED: "locked by another program; close it and try again",
    sqlite3.SQLITE_READONLY: "cannot be written; move the study to a folder you may write to",
    sqlite3.SQLITE_FULL: "the disk is full; free some space and try again",
    sqlite3.SQLITE_IOERR: "the disk reports an error; copy the study to another disk",
    sqlite3.SQLITE_CORRUPT: "damaged; restore the study from a copy",
    sqlite3.SQLITE_NOTADB: "not an Earbench database; restore the study from a copy",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that its folder is there and that you may write to it",
}


def reason(error: sqlite3.Error) -> str:
    """Return what failed and what to do."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more than a user can use
    return f"{_REASONS[primary]} ({error})" if primary in _REASONS else str(error)


def presented_row(study: Study, item: str, condition: str) -> Row:
    """Return the row of what a trial presents under a label."""
    cell = study.stimulus(item, condition)
    return {
        "condition": condition,
        "role": study.condition(condition).role.value,
        "file": cell.file,
        "sha256": cell.sha256,
        "bitrate_kbps": cell.bitrate_kbps,
    }


def sitting_of(row: Row) -> Sitting:
    """Return a sitting."""
    return Sitting(
        id=row["id"],
        listener=row["listener"],
        number=row["number"],
        seed=int(row["seed"]),
        phase=Phase(row["phase"]),
        started_at=at(row["started_at"]),
        software=row["software"],
        finished_at=time_of(row["finished_at"]),
        trials_done=row["trials_done"],
        n_trials=row["n_trials"],
    )


def event_of(row: Row) -> Event:
    """Return an event."""
    return Event(
        kind=EventKind(row["kind"]),
        at=at(row["at"]),
        elapsed_s=row["elapsed_s"],
        label=row["label"],
        position_s=row["position_s"],
        value=None if row["value"] is None else json.loads(row["value"]),
        trial_id=row["trial"],
    )


def stamp(at: datetime) -> str:
    """Write ISO 8601 in UTC, to the millisecond, which also sorts."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def at(text: str) -> datetime:
    """Read what `stamp` wrote."""
    return datetime.fromisoformat(text)


def time_of(text: str | None) -> datetime | None:
    """Read what `stamp` wrote, if it did."""
    return None if text is None else at(text)


def event_row(sitting: str, event: Event) -> Row:
    """Return the row of an event."""
    return {
        "sitting": sitting,
        "trial": event.trial_id,
        "kind": event.kind.value,
        "at": stamp(event.at),
        "elapsed_s": event.elapsed_s,
        "label": event.label,
        "position_s": event.position_s,
        "value": None if event.value is None else json.dumps(event.value, ensure_ascii=False),
    }


def sitting_row(sitting: Sitting, design: str) -> Row:
    """Return the row of a sitting that begins."""
    return {
        "id": sitting.id,
        "listener": sitting.listener,
        "number": sitting.number,
        "design": design,
        "seed": str(sitting.seed),
        "software": sitting.software,
        "phase": sitting.phase.value,
        "started_at": stamp(sitting.started_at),
        "finished_at": None,
    }


def answer_of(row: Row) -> Answer:
    """Return what was presented, and its score."""
    return Answer(
        label=row["label"],
        condition=row["condition"],
        role=Role(row["role"]),
        file=row["file"],
        sha256=row["sha256"],
        bitrate_kbps=row["bitrate_kbps"],
        score=row["score"],
        rated_at=time_of(row["rated_at"]),
    )


def blind_trial_of(row: Row, files: dict[str, str]) -> BlindTrial:
    """Return a trial as a session may see it."""
    return BlindTrial(
        id=row["id"],
        number=row["number"],
        of=row["n"],
        training=bool(row["training"]),
        files=files,
        finished=row["finished_at"] is not None,
    )
