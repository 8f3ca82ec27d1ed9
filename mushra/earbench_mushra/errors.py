"""Errors that carry data; the message says what failed, on which file or label, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class StudyError(Exception):
    """Anything a study, its files or one of its sittings can fail with."""


class StudyFileError(StudyError):
    """A file of a study cannot be read or written, or says something it must not.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        What failed and what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class DesignError(StudyError, ValueError):
    """A design that cannot be run; every problem is listed.

    Parameters
    ----------
    problems : sequence of str
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class StimulusError(StudyFileError):
    """Stimulus files that are missing, or not the ones the study was designed with."""


class StoreError(StudyFileError):
    """The database cannot be read or written; nothing that was stored before is lost."""


class SittingInUseError(StoreError):
    """Another window, perhaps on another machine, has this listener's sitting open."""


class SessionError(StudyError):
    """A listener's action that the rules of the test do not allow now."""


class WrongPhaseError(SessionError):
    """An action that belongs to another phase of the sitting."""


class NotPlayingError(SessionError):
    """A score for a signal that is not the one now playing (BS.1534-3, 5.3).

    Parameters
    ----------
    label : str
        What was to be scored.
    playing : str, optional
        What is playing; None while paused.
    """

    def __init__(self, label: str, playing: str | None) -> None:
        now = f"{playing} is playing" if playing else "nothing is playing"
        super().__init__(f"{label} can be scored only while it plays; {now}")
        self.label = label
        self.playing = playing


class NotHeardError(SessionError):
    """A choice made before every alternative was heard.

    Parameters
    ----------
    labels : sequence of str
        Those still to be heard.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__(f"listen to {' and '.join(labels)} before you choose")
        self.labels = tuple(labels)


class IncompleteTrialError(SessionError):
    """Going on before every signal has a score, or before a choice was made.

    Parameters
    ----------
    untouched : sequence of str
        Labels without a score; empty where a choice is missing.
    """

    def __init__(self, untouched: Sequence[str]) -> None:
        super().__init__(f"not yet scored: {', '.join(untouched)}" if untouched else "no choice made yet")
        self.untouched = tuple(untouched)


class ScoreError(SessionError, ValueError):
    """A score outside 0 to 100, or not a number."""


class VolumeLockedError(SessionError):
    """The level may not change within an item, nor by more than the range a sitting allows."""


class RatingsError(StudyFileError):
    """A table of ratings that cannot be analysed; the message names line and column."""
