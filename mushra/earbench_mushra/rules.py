"""Rules of a sitting that need nothing but their arguments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from earbench_mushra.errors import ScoreError, VolumeLockedError
from earbench_mushra.records import EventKind, Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_mushra.records import BlindTrial, Event

MAX_SCORE = 100
VOLUME_RANGE_DB = 4.0
"""How far a listener may move the level from where the experimenter set it (BS.1534-3)."""


def phase_after(phase: Phase, following: Sequence[BlindTrial]) -> Phase:
    """Return the phase a trial of `phase` leads to, given the trial that follows it, if one does."""
    if not following:
        return Phase.FINISHED
    return Phase.BREAK if phase is Phase.TRAINING and not following[0].training else phase


def checked_score(score: float) -> float:
    """Return a score to one decimal. Raises ScoreError if it is not a number from 0 to 100."""
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise ScoreError(f"a score is a number from 0 to {MAX_SCORE}, not {score!r}")
    if not 0 <= score <= MAX_SCORE:
        raise ScoreError(f"a score lies from 0 to {MAX_SCORE}, not at {score:g}")
    return round(float(score), 1)


def checked_volume_db(volume_db: float) -> float:
    """Return a level. Raises VolumeLockedError if it is outside ±4 dB."""
    if not abs(volume_db) <= VOLUME_RANGE_DB:
        raise VolumeLockedError(f"the level may change by ±{VOLUME_RANGE_DB:g} dB, not by {volume_db:g} dB")
    return float(volume_db)


def last_volume_db(journal: Sequence[Event]) -> float:
    """Return the level a journal ends with."""
    levels = [event.value for event in journal if event.kind is EventKind.VOLUME]
    return levels[-1] if levels and isinstance(levels[-1], float) else 0.0
