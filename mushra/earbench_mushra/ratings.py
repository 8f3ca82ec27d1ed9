"""Ratings to be analysed: from a study's folder, or from a CSV of this or another program."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earbench_mushra.design import Role
from earbench_mushra.errors import RatingsError
from earbench_mushra.export import open_results, ratings_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SCORE_COLUMNS = ("listener", "item", "condition", "score")
VOTE_COLUMNS = ("listener", "item", "option_a", "option_b", "choice")


@dataclass(frozen=True, slots=True)
class Rating:
    """One MUSHRA score, 0 to 100."""

    listener: str
    item: str
    condition: str
    role: Role
    score: float
    session_id: str = ""
    trial: str = ""


@dataclass(frozen=True, slots=True)
class Vote:
    """One A/B or ABX choice: "a", "b" or "none"; x is empty in A/B."""

    listener: str
    item: str
    option_a: str
    option_b: str
    choice: str
    x: str = ""

    @property
    def preferred(self) -> str:
        """The condition chosen; empty on a tie."""
        return {"a": self.option_a, "b": self.option_b}.get(self.choice, "")


@dataclass(frozen=True, slots=True)
class Ratings:
    """All ratings of a test: scores, or votes."""

    scores: tuple[Rating, ...] = ()
    votes: tuple[Vote, ...] = ()


def load_ratings(path: Path, *, by: str = "", means: str = "load_ratings") -> Ratings:
    """Read the ratings of a study's folder (recorded as an opening of its results) or of a CSV.

    A CSV needs the columns listener, item, condition, score; a `role` column, or the ids reference, anchor35,
    anchor70, tell the roles. For A/B and ABX: listener, item, option_a, option_b, choice, and x for ABX. Rows
    whose `training` is true are left out.

    Raises
    ------
    RatingsError
        Naming the line and the column at fault.
    StudyFileError
    """
    if path.is_dir():
        columns, rows = ratings_table(open_results(path, by=by, means=means).trials)
        return _parsed(path, columns, enumerate(rows, start=1))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            return _parsed(path, reader.fieldnames or (), ((reader.line_num, row) for row in reader))
    except OSError as error:
        raise RatingsError(path, f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RatingsError(path, f"not a CSV in UTF-8: {error}") from error


def _parsed(path: Path, columns: Iterable[str], rows: Iterable[tuple[int, Mapping[str, str]]]) -> Ratings:
    columns = list(columns)
    tested = ((line, row) for line, row in rows if (row.get("training") or "").lower() not in ("true", "1"))
    if set(VOTE_COLUMNS) <= set(columns):
        return Ratings(votes=tuple(_vote(path, line, row) for line, row in tested))
    if missing := [name for name in SCORE_COLUMNS if name not in columns]:
        raise RatingsError(
            path,
            f"no column {', '.join(missing)}; needed are {', '.join(SCORE_COLUMNS)}, separated by commas",
        )
    return Ratings(scores=tuple(_rating(path, line, row) for line, row in tested))


def _rating(path: Path, line: int, row: Mapping[str, str]) -> Rating:
    condition = _text(path, line, row, "condition")
    return Rating(
        listener=_text(path, line, row, "listener"),
        item=_text(path, line, row, "item"),
        condition=condition,
        role=_role(path, line, row.get("role") or "", condition),
        score=_score(path, line, row),
        session_id=row.get("session_id") or "",
        trial=row.get("trial") or "",
    )


def _vote(path: Path, line: int, row: Mapping[str, str]) -> Vote:
    listener, item, option_a, option_b, choice = (_text(path, line, row, name) for name in VOTE_COLUMNS)
    vote = Vote(listener, item, option_a, option_b, choice, row.get("x") or "")
    if vote.choice not in ("a", "b", "none"):
        raise RatingsError(path, f"line {line}, choice: {vote.choice!r} is not a, b or none")
    if vote.x not in ("", vote.option_a, vote.option_b):
        raise RatingsError(path, f"line {line}, x: {vote.x!r} is neither option_a nor option_b")
    return vote


def _text(path: Path, line: int, row: Mapping[str, str], column: str) -> str:
    if not row.get(column):
        raise RatingsError(path, f"line {line}: {column} is empty")
    return row[column]


def _score(path: Path, line: int, row: Mapping[str, str]) -> float:
    text = _text(path, line, row, "score")
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not 0 <= score <= 100:
        raise RatingsError(path, f"line {line}, score: {text!r} is not a number from 0 to 100")
    return score


def _role(path: Path, line: int, text: str, condition: str) -> Role:
    """Return the role given, or else the one a reserved condition id carries."""
    known = {role.value: role for role in Role}
    if text:
        if text not in known:
            raise RatingsError(path, f"line {line}, role: {text!r} is none of {', '.join(known)}")
        return known[text]
    return known.get(condition, Role.SYSTEM)
