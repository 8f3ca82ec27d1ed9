"""Virtual listeners, who sit down to a study through the very session a window uses.

They tell the stimuli apart by their files, as ears would by their sound, and by nothing else. All they do
follows from a seed; their clock starts at the year 2000, so that no real sitting can be taken for theirs, and
a fresh copy of a study gives the same ratings again to the byte.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from earbench_mushra.blinding import X_LABEL
from earbench_mushra.design import Role, Study, TestType
from earbench_mushra.records import Phase
from earbench_mushra.sittings import open_session
from earbench_mushra.study_files import load_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earbench_mushra.session import Session

_QUALITY = {Role.REFERENCE: 100.0, Role.ANCHOR35: 20.0, Role.ANCHOR70: 45.0}
_SYSTEM_QUALITY = (35.0, 95.0)
_ITEM_SPREAD = 5.0
_LISTENER_SPREAD = 4.0
_SCORE_SPREAD = 6.0
_FINDS_REFERENCE = 0.95
"""How often the hidden reference is known for what it is."""
_TIE = 4.0
"""Differences of quality below this are no preference, where none is allowed."""


class VirtualClock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """Return the date and time in UTC."""
        return datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        """Return the seconds passed."""
        return self._elapsed_s

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed_s += seconds


@dataclass(slots=True)
class VirtualListener:
    """One listener with ears, a bias and some noise.

    Parameters
    ----------
    qualities : dict of file name to float
        What the ears hear: 0 to 100.
    chance : random.Random
    clock : VirtualClock
    bias : float
        Added to every score, but not where they know the reference.
    """

    qualities: dict[str, float]
    chance: random.Random
    clock: VirtualClock
    bias: float

    def sit(self, session: Session) -> None:
        """Go through a session to its end."""
        while session.phase is not Phase.FINISHED:
            self.clock.wait(2)
            if session.phase in (Phase.INSTRUCTIONS, Phase.BREAK):
                session.start()
                continue
            for label in self.chance.sample(session.labels, len(session.labels)):
                self._hear(session, label)
            if session.test_type is not TestType.MUSHRA:
                session.choose(self._choice(session))
            session.paused(0.0)
            session.next()

    def _hear(self, session: Session, label: str) -> None:
        session.playing(label, 0.0)
        self.clock.wait(self.chance.uniform(2, 8))
        if session.test_type is TestType.MUSHRA:
            session.rate(label, self._score(session, label))

    def _perceived(self, session: Session, label: str) -> float:
        quality = self.qualities[session.audio(label).name]
        return quality + self.bias + self.chance.gauss(0, _SCORE_SPREAD)

    def _score(self, session: Session, label: str) -> int:
        is_reference = self.qualities[session.audio(label).name] == _QUALITY[Role.REFERENCE]
        if is_reference and self.chance.random() < _FINDS_REFERENCE:
            return 100
        return round(min(100.0, max(0.0, self._perceived(session, label))))

    def _choice(self, session: Session) -> str:
        if session.test_type is TestType.ABX:
            return self._same_as_x(session)
        difference = self._perceived(session, "A") - self._perceived(session, "B")
        if session.allow_tie and abs(difference) < _TIE:
            return "none"
        return "a" if difference > 0 else "b"

    def _same_as_x(self, session: Session) -> str:
        """Take X for the one it sounds nearer to."""
        x = self._perceived(session, X_LABEL)
        return min("ab", key=lambda side: abs(self._perceived(session, side.upper()) - x))


def simulate(
    folder: Path, n_listeners: int, seed: int, *, report: Callable[[int], None] = lambda n_done: None
) -> None:
    """Let virtual listeners sit down to a study, one after another.

    Parameters
    ----------
    folder : Path
        The study's.
    n_listeners : int
        They are called simulated-001 and so on.
    seed : int
    report : callable
        Told how many have finished.

    Raises
    ------
    StudyError
        As `open_session`.
    """
    qualities = file_qualities(load_study(folder), seed)
    for number in range(1, n_listeners + 1):
        name = f"simulated-{number:03d}"
        chance = random.Random(f"{seed}/{name}")
        clock = VirtualClock()
        listener = VirtualListener(qualities, chance, clock, chance.gauss(0, _LISTENER_SPREAD))
        with open_session(folder, name, clock=clock, simulation=f"seed {seed}") as session:
            listener.sit(session)
        report(number)


def file_qualities(study: Study, seed: int) -> dict[str, float]:
    """Return how good each stimulus sounds: by its condition, and a little by its item."""
    chance = random.Random(f"{seed}/qualities")
    of_condition = {c.id: _QUALITY.get(c.role, chance.uniform(*_SYSTEM_QUALITY)) for c in study.conditions}
    spreads = [
        0.0 if study.condition(cell.condition).role is Role.REFERENCE else chance.gauss(0, _ITEM_SPREAD)
        for cell in study.stimuli
    ]
    return {
        cell.file: of_condition[cell.condition] + spread
        for cell, spread in zip(study.stimuli, spreads, strict=True)
    }
