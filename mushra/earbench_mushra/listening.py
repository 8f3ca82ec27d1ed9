"""How often and how long each signal was heard, from the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from earbench_mushra.records import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from earbench_mushra.records import Event

_SOUNDS = {EventKind.PLAY, EventKind.SWITCH, EventKind.SEEK}
_SILENT = {EventKind.PAUSE, EventKind.NEXT, EventKind.OPEN, EventKind.CLOSE}


@dataclass(frozen=True, slots=True)
class Listening:
    """What was heard of one label.

    Parameters
    ----------
    plays : int
        How often it was begun or switched to; moving about within it is not another play.
    listen_s : float
        Seconds it was audible. An interval cut short by a crash ends with the last event before it.
    """

    plays: int = 0
    listen_s: float = 0.0


def listening(events: Iterable[Event]) -> dict[str, Listening]:
    """Return what was heard of each label in a trial's events; labels never heard are left out."""
    heard: dict[str, Listening] = {}
    playing: str | None = None
    since_s = 0.0
    for event in events:
        if event.kind not in _SOUNDS | _SILENT:
            continue
        if playing is not None:
            heard[playing] = _more(heard[playing], listen_s=event.elapsed_s - since_s)
        playing = event.label if event.kind in _SOUNDS else None
        if playing is not None:
            heard[playing] = _more(heard.get(playing, Listening()), plays=event.kind is not EventKind.SEEK)
        since_s = event.elapsed_s
    return heard


def _more(before: Listening, *, plays: int = 0, listen_s: float = 0.0) -> Listening:
    return Listening(before.plays + plays, before.listen_s + listen_s)


def trial_duration_s(events: Sequence[Event]) -> float:
    """Return the seconds from a trial's coming on the screen to its end, closed windows left out."""
    return events[-1].elapsed_s - events[0].elapsed_s if events else 0.0
