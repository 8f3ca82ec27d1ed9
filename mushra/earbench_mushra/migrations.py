"""Named steps of the database's schema; each runs in one transaction with its record, by sqlite-utils."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils import Migrations

if TYPE_CHECKING:
    from sqlite_utils import Database

MIGRATIONS = Migrations("earbench_study")


@MIGRATIONS(name="0001_designs_listeners_sittings")
def _sittings(db: Database) -> None:
    db.table("designs").create(
        {"sha256": str, "study": str, "test_type": str, "design": str, "frozen_at": str},
        pk="sha256",
        not_null={"study", "test_type", "design", "frozen_at"},
    )
    db.table("listeners").create({"id": str, "first_seen_at": str}, pk="id", not_null={"first_seen_at"})
    db.table("sittings").create(
        {
            "id": str,
            "listener": str,
            "number": int,
            "design": str,
            "seed": str,  # a seed may exceed SQLite's 64 bits
            "software": str,
            "phase": str,
            "started_at": str,
            "finished_at": str,
        },
        pk="id",
        not_null={"listener", "number", "design", "seed", "software", "phase", "started_at"},
        foreign_keys=[("listener", "listeners", "id"), ("design", "designs", "sha256")],
    )
    db.table("sittings").create_index(["listener", "number"])


@MIGRATIONS(name="0002_trials_presented")
def _trials(db: Database) -> None:
    db.table("trials").create(
        {
            "id": int,
            "sitting": str,
            "position": int,
            "number": int,
            "item": str,
            "training": int,
            "comment": str,
            "finished_at": str,
        },
        pk="id",
        not_null={"sitting", "position", "number", "item", "training", "comment"},
        foreign_keys=[("sitting", "sittings", "id")],
    )
    db.table("trials").create_index(["sitting", "position"], unique=True)
    db.table("presented").create(
        {
            "trial": int,
            "label": str,
            "condition": str,
            "role": str,
            "file": str,
            "sha256": str,
            "bitrate_kbps": float,
        },
        pk=("trial", "label"),
        not_null={"condition", "role", "file", "sha256"},
        foreign_keys=[("trial", "trials", "id")],
    )


@MIGRATIONS(name="0003_ratings_choices_events")
def _answers(db: Database) -> None:
    db.table("ratings").create(
        {"trial": int, "label": str, "score": float, "rated_at": str},
        pk=("trial", "label"),
        not_null={"score", "rated_at"},
        foreign_keys=[("trial", "trials", "id")],
    )
    db.table("choices").create(
        {"trial": int, "choice": str, "chosen_at": str},
        pk="trial",
        not_null={"choice", "chosen_at"},
        foreign_keys=[("trial", "trials", "id")],
    )
    db.table("events").create(
        {
            "id": int,
            "sitting": str,
            "trial": int,
            "kind": str,
            "at": str,
            "elapsed_s": float,
            "label": str,
            "position_s": float,
            "value": str,
        },
        pk="id",
        not_null={"sitting", "kind", "at", "elapsed_s"},
        foreign_keys=[("sitting", "sittings", "id"), ("trial", "trials", "id")],
    )
    db.table("events").create_index(["sitting", "id"])


@MIGRATIONS(name="0004_openings")
def _openings(db: Database) -> None:
    db.table("openings").create(
        {"id": int, "at": str, "by": str, "means": str}, pk="id", not_null={"at", "by", "means"}
    )
