"""The study's database: the only SQL there is. Methods take and return the dataclasses of `records`.

The file is in WAL mode with synchronous=FULL: when a method that writes has returned, what it wrote is on
the disk, whatever becomes of the process. Each method writes in one transaction: an event and the score it
brought are both there, or neither is.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlite_utils import Database

from earbench_mushra.design import TestType
from earbench_mushra.errors import StoreError
from earbench_mushra.migrations import MIGRATIONS
from earbench_mushra.records import Event, EventKind, FinishedTrial, Opening, Phase, Sitting, TrialState
from earbench_mushra.rows import (
    Row,
    answer_of,
    at,
    blind_trial_of,
    event_of,
    event_row,
    presented_row,
    reason,
    sitting_of,
    sitting_row,
    stamp,
    time_of,
)
from earbench_mushra.study_files import DATABASE_FILE, design_from_json, design_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from earbench_mushra.blinding import TrialPlan
    from earbench_mushra.design import Study
    from earbench_mushra.records import Answer, BlindTrial


class Store:
    """The database of the study in a folder, made if it is not there.

    Parameters
    ----------
    folder : Path
    busy_timeout_s : float
        How long to wait for another program that is writing.
    durable : bool
        False only for simulations: a power cut may then lose the last events.
    read_only : bool
        For a study on a medium that cannot be written; the database must be there.

    Raises
    ------
    StoreError
        If it cannot be opened; also from every method, if it cannot be read or written.
    """

    def __init__(
        self, folder: Path, *, busy_timeout_s: float = 5.0, durable: bool = True, read_only: bool = False
    ) -> None:
        self.path = folder / DATABASE_FILE
        with self._told():
            self._db = Database(_connection(self.path, busy_timeout_s, read_only))
            try:
                self._prepare(durable)
            except BaseException:
                self._db.close()
                raise

    def _prepare(self, durable: bool) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        self._refuse_newer()
        if MIGRATIONS.pending(self._db):
            self._db.enable_wal()
            with self._transaction():
                MIGRATIONS.apply(self._db)

    def _refuse_newer(self) -> None:
        known = {step.name for step in MIGRATIONS.pending(Database(memory=True))}
        if foreign := [step.name for step in MIGRATIONS.applied(self._db) if step.name not in known]:
            newer = f"written by a newer Earbench (schema step {foreign[-1]}); update Earbench to open it"
            raise StoreError(self.path, newer)

    def integrity(self) -> str:
        """Return "ok", or what SQLite finds wrong with the file."""
        with self._told():
            return "; ".join(row["integrity_check"] for row in self._db.query("PRAGMA integrity_check"))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(self.path, reason(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write all of it or nothing; taking the lock first, a busy file fails before any change."""
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._db.rollback()
                raise

    # Design and sittings

    def designs(self) -> list[Study]:
        """Return every design a sitting was begun with, the oldest first; normally one."""
        with self._told():
            rows = self._db.query("SELECT design FROM designs ORDER BY frozen_at, rowid")
            return [design_from_json(row["design"]) for row in rows]

    def add_sitting(self, study: Study, sitting: Sitting, plan: Sequence[TrialPlan]) -> None:
        """Begin a sitting: the design as it is now, the listener, and the full order of presentation."""
        design = design_json(study)
        digest = hashlib.sha256(design.encode()).hexdigest()
        begun_at = stamp(sitting.started_at)
        with self._transaction():
            self._db.table("designs").insert(
                {
                    "sha256": digest,
                    "study": study.name,
                    "test_type": study.test_type.value,
                    "design": design,
                    "frozen_at": begun_at,
                },
                ignore=True,
            )
            self._db.table("listeners").insert(
                {"id": sitting.listener, "first_seen_at": begun_at}, ignore=True
            )
            self._db.table("sittings").insert(sitting_row(sitting, digest))
            self._add_trials(study, sitting.id, plan)

    def _add_trials(self, study: Study, sitting: str, plan: Sequence[TrialPlan]) -> None:
        numbers = {True: 0, False: 0}
        for position, trial in enumerate(plan, start=1):
            numbers[trial.training] += 1
            row = {
                "sitting": sitting,
                "position": position,
                "number": numbers[trial.training],
                "item": trial.item,
                "training": int(trial.training),
                "comment": "",
                "finished_at": None,
            }
            trial_id = self._db.table("trials").insert(row).last_pk
            self._db.table("presented").insert_all(
                {"trial": trial_id, "label": label, **presented_row(study, trial.item, condition)}
                for label, condition in trial.conditions.items()
            )

    def sittings(self, listener: str | None = None) -> list[Sitting]:
        """Return the sittings there are, of one listener or of all, the oldest first."""
        with self._told():
            rows = self._db.query(
                """SELECT s.*, count(t.id) AS n_trials, count(t.finished_at) AS trials_done
                   FROM sittings AS s LEFT JOIN trials AS t ON t.sitting = s.id AND NOT t.training
                   WHERE :listener IS NULL OR s.listener = :listener
                   GROUP BY s.id ORDER BY s.started_at, s.rowid""",
                {"listener": listener},
            )
            return [sitting_of(row) for row in rows]

    # A sitting while it runs

    def trials(self, sitting: str) -> list[BlindTrial]:
        """Return a sitting's trials in order, without their conditions."""
        with self._told():
            rows = list(
                self._db.query(
                    """SELECT *, count(*) OVER (PARTITION BY training) AS n FROM trials
                       WHERE sitting = ? ORDER BY position""",
                    [sitting],
                )
            )
            return [
                blind_trial_of(row, {p["label"]: p["file"] for p in self._of_trial("presented", row["id"])})
                for row in rows
            ]

    def trial_state(self, trial: int) -> TrialState:
        """Return what the listener has done in a trial so far."""
        with self._told():
            events = [event_of(row) for row in self._of_trial("events", trial)]
            loops = [event.value for event in events if event.kind is EventKind.LOOP]
            return TrialState(
                scores={row["label"]: row["score"] for row in self._of_trial("ratings", trial)},
                choice=next((row["choice"] for row in self._of_trial("choices", trial)), None),
                comment=self._db.table("trials").get(trial)["comment"],
                heard={e.label for e in events if e.kind in _HEARD and e.label is not None},
                loop_s=tuple(loops[-1]) if loops and isinstance(loops[-1], list) else None,
            )

    def events(self, sitting: str) -> list[Event]:
        """Return the journal of a sitting, the oldest first."""
        with self._told():
            rows = self._db.table("events").rows_where("sitting = ?", [sitting], order_by="id")
            return [event_of(row) for row in rows]

    def record(self, sitting: str, event: Event) -> None:
        """Write an event that changes nothing else."""
        with self._transaction():
            self._journal(sitting, event)

    def record_score(self, sitting: str, event: Event) -> None:
        """Write a score: the event, and the trial's current value."""
        row = {
            "trial": event.trial_id,
            "label": event.label,
            "score": event.value,
            "rated_at": stamp(event.at),
        }
        with self._transaction():
            self._journal(sitting, event)
            self._db.table("ratings").upsert(row, pk=("trial", "label"))

    def record_choice(self, sitting: str, event: Event) -> None:
        """Write a choice of an A/B or ABX trial: the event, and the trial's current value."""
        row = {"trial": event.trial_id, "choice": event.value, "chosen_at": stamp(event.at)}
        with self._transaction():
            self._journal(sitting, event)
            self._db.table("choices").upsert(row, pk="trial")

    def record_comment(self, sitting: str, event: Event) -> None:
        """Write a trial's comment."""
        with self._transaction():
            self._journal(sitting, event)
            self._db.execute("UPDATE trials SET comment = ? WHERE id = ?", [event.value, event.trial_id])

    def advance(self, sitting: str, phase: Phase, events: Sequence[Event]) -> None:
        """Go on: to a phase, with the events that say so; a NEXT event finishes its trial."""
        with self._transaction():
            for event in events:
                self._journal(sitting, event)
                if event.kind is EventKind.NEXT:
                    done = [stamp(event.at), event.trial_id]
                    self._db.execute("UPDATE trials SET finished_at = ? WHERE id = ?", done)
            finished_at = stamp(events[-1].at) if phase is Phase.FINISHED else None
            row = {"phase": phase.value, "finished_at": finished_at}
            self._db.table("sittings").update(sitting, row)

    # Results

    def finished_trials(self, *, training: bool = False) -> list[FinishedTrial]:
        """Return every finished trial of the test, by sitting and order; with the training if asked."""
        sittings = {sitting.id: sitting for sitting in self.sittings()}
        with self._told():
            rows = list(
                self._db.query(
                    """SELECT t.*, d.study, d.test_type FROM trials AS t
                       JOIN sittings AS s ON s.id = t.sitting JOIN designs AS d ON d.sha256 = s.design
                       WHERE t.finished_at IS NOT NULL AND (NOT t.training OR :training)
                       ORDER BY s.started_at, s.rowid, t.position""",
                    {"training": training},
                )
            )
            return [self._finished(row, sittings[row["sitting"]]) for row in rows]

    def _finished(self, row: Row, sitting: Sitting) -> FinishedTrial:
        choice: Row = next(self._of_trial("choices", row["id"]), {})
        return FinishedTrial(
            study=row["study"],
            test_type=TestType(row["test_type"]),
            sitting=sitting,
            number=row["number"],
            item=row["item"],
            training=bool(row["training"]),
            answers=tuple(self._answers(row["id"])),
            choice=choice.get("choice"),
            chosen_at=time_of(choice.get("chosen_at")),
            comment=row["comment"],
            events=tuple(event_of(event) for event in self._of_trial("events", row["id"])),
        )

    def _answers(self, trial: int) -> Iterator[Answer]:
        rows = self._db.query(
            """SELECT p.*, r.score, r.rated_at FROM presented AS p LEFT JOIN ratings AS r USING (trial, label)
               WHERE trial = ? ORDER BY label""",
            [trial],
        )
        return (answer_of(row) for row in rows)

    def record_opening(self, opening: Opening) -> None:
        """Write down that somebody looked at the results."""
        row = {"at": stamp(opening.at), "by": opening.by, "means": opening.means}
        with self._transaction():
            self._db.table("openings").insert(row)

    def openings(self) -> list[Opening]:
        """Return who has looked at the results, the oldest first."""
        with self._told():
            rows = self._db.table("openings").rows_where(order_by="id")
            return [Opening(at(row["at"]), row["by"], row["means"]) for row in rows]

    def _of_trial(self, table: str, trial: int) -> Iterator[Row]:
        return self._db.table(table).rows_where("trial = ?", [trial], order_by="rowid")

    def _journal(self, sitting: str, event: Event) -> None:
        self._db.table("events").insert(event_row(sitting, event))


_HEARD = {EventKind.PLAY, EventKind.SWITCH, EventKind.SEEK}


def _connection(path: Path, busy_timeout_s: float, read_only: bool) -> sqlite3.Connection:
    if not read_only:
        return sqlite3.connect(path, timeout=busy_timeout_s)
    # Without a log to be read, SQLite must be told not to look for one, which would need to write.
    logged = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.resolve().as_uri()}?mode=ro{'' if logged else '&immutable=1'}"
    return sqlite3.connect(uri, timeout=busy_timeout_s, uri=True)
