"""What the store takes and returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from earbench_mushra.design import Role, TestType


class Phase(StrEnum):
    """Where a sitting stands. A break follows the training; its end is the start of the test."""

    INSTRUCTIONS = "instructions"
    TRAINING = "training"
    BREAK = "break"
    TEST = "test"
    FINISHED = "finished"


class EventKind(StrEnum):
    """What the journal of a sitting can hold."""

    OPEN = "open"  # the window came up, for the first time or again after a break or a crash
    CLOSE = "close"
    SHOW = "show"  # a trial came on the screen
    PLAY = "play"
    SWITCH = "switch"
    SEEK = "seek"
    PAUSE = "pause"
    LOOP = "loop"
    SCORE = "score"
    CHOICE = "choice"
    COMMENT = "comment"
    VOLUME = "volume"
    DEVICE = "device"
    NEXT = "next"  # the trial is done


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal.

    Parameters
    ----------
    kind : EventKind
    at : datetime
        UTC.
    elapsed_s : float
        Seconds the sitting's window has been open until now: it stands still between a crash and the resume.
    label : str, optional
        The signal it is about.
    position_s : float, optional
        Of the playhead.
    value : object
        Anything JSON can hold: a score, a loop, a comment, a device.
    trial_id : int, optional
    """

    kind: EventKind
    at: datetime
    elapsed_s: float
    label: str | None = None
    position_s: float | None = None
    value: object = None
    trial_id: int | None = None


@dataclass(frozen=True, slots=True)
class Sitting:
    """One listener's run through a study.

    Parameters
    ----------
    id : str
        Unique among all booths: the `session_id` of the CSV.
    listener : str
    number : int
        1 for the listener's first sitting; decides the order, with the seed and the listener.
    seed : int
    phase : Phase
    started_at, finished_at : datetime
        UTC; finished_at is None while it can be resumed.
    software : str
        Program and version.
    trials_done, n_trials : int
        Of the test proper, training left out.
    """

    id: str
    listener: str
    number: int
    seed: int
    phase: Phase
    started_at: datetime
    software: str
    finished_at: datetime | None = None
    trials_done: int = 0
    n_trials: int = 0


@dataclass(frozen=True, slots=True)
class BlindTrial:
    """A trial as a session sees it: labels and opaque files; the conditions stay in the database.

    Parameters
    ----------
    id : int
    number, of : int
        Trial `number` of `of` in its phase, from 1.
    training : bool
    files : dict of label to file name
    finished : bool
    """

    id: int
    number: int
    of: int
    training: bool
    files: dict[str, str]
    finished: bool


@dataclass(slots=True)
class TrialState:
    """What a listener has done in a trial so far."""

    scores: dict[str, float] = field(default_factory=dict)
    choice: str | None = None
    comment: str = ""
    heard: set[str] = field(default_factory=set)
    loop_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was presented under one label of a finished trial, and its score; the blind lifted.

    Parameters
    ----------
    label, condition : str
    role : Role
    file, sha256 : str
    bitrate_kbps : float, optional
    score : float, optional
        None for the open reference, X, and in A/B and ABX tests.
    rated_at : datetime, optional
        When the score was last changed.
    """

    label: str
    condition: str
    role: Role
    file: str
    sha256: str
    bitrate_kbps: float | None
    score: float | None
    rated_at: datetime | None


@dataclass(frozen=True, slots=True)
class FinishedTrial:
    """A finished trial with everything in it, for export and analysis.

    Parameters
    ----------
    study : str
    test_type : TestType
    sitting : Sitting
    number : int
        In its phase, from 1, as the listener met it.
    item : str
    training : bool
    answers : tuple of Answer
        By label.
    choice : str, optional
        "a", "b" or "none".
    chosen_at : datetime, optional
    comment : str
    events : tuple of Event
        Of this trial, with what interrupted it.
    """

    study: str
    test_type: TestType
    sitting: Sitting
    number: int
    item: str
    training: bool
    answers: tuple[Answer, ...]
    choice: str | None
    chosen_at: datetime | None
    comment: str
    events: tuple[Event, ...]

    def answer(self, label: str) -> Answer:
        """Return what was under a label. Raises KeyError if nothing was."""
        for answer in self.answers:
            if answer.label == label:
                return answer
        raise KeyError(label)


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of the sealed results."""

    at: datetime
    by: str
    means: str
