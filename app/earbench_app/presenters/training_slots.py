"""Where checkpoints stand in a list while more of them come: a line, and with it a key, is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.jobs.history import CheckpointSeen
    from earbench_app.jobs.job import Job

Runs = tuple[tuple["Job", tuple["CheckpointSeen", ...]], ...]
"""Runs that are looked at, the one in front first, each with what it told of."""
_CODECS = ("listenable", "exported")


@dataclass(frozen=True, slots=True)
class Slot:
    """A line: a codec of a run.

    Parameters
    ----------
    job : Job
    seen : CheckpointSeen
    best : bool
        Whether it is of the run's best step.
    kept : bool
        Whether the run still keeps its file.
    """

    job: Job
    seen: CheckpointSeen
    best: bool = False
    kept: bool = True

    @property
    def step_text(self) -> str:
        """What it is called beside others of its run."""
        return f"step {self.seen.step:,}" if self.seen.kind == "listenable" else "finished"

    @property
    def title(self) -> str:
        """What it is called beside others."""
        return f"{self.job.request.name} {self.step_text}"


class Slots:
    """The lines: by run and step at first; what comes later takes the line of what has gone, or a new one."""

    def __init__(self) -> None:
        self.lines: list[Slot] = []
        self._of: frozenset[str] = frozenset()

    def find(self, path: str) -> Slot | None:
        """Return the line of a checkpoint."""
        return next((slot for slot in self.lines if slot.seen.path == path), None)

    def take(self, runs: Runs, is_needed: Callable[[str], bool]) -> list[Slot]:
        """Take what runs have now; return what was not there before.

        A line whose file the run has deleted stays as long as nothing new wants it, or its path is needed.
        """
        there = [slot for run in runs for slot in _slots(*run)]
        of = frozenset(job.id for job, _ in runs)
        if of != self._of:
            self._of, self.lines = of, there
            return list(there)
        now = {slot.seen.path: slot for slot in there}
        self.lines = [now.pop(slot.seen.path, _gone(slot)) for slot in self.lines]
        new = sorted(now.values(), key=lambda slot: slot.seen.time_s)
        free = [i for i, slot in enumerate(self.lines) if not slot.kept and not is_needed(slot.seen.path)]
        for slot in new:
            if free:
                self.lines[free.pop(0)] = slot
            else:
                self.lines.append(slot)
        return new


def latest(slots: Sequence[Slot]) -> Slot | None:
    """Return the one that was told of last."""
    return max(slots, key=lambda slot: slot.seen.time_s, default=None)


def _slots(job: Job, seen: Sequence[CheckpointSeen]) -> list[Slot]:
    best_step = max((one.step for one in seen if one.kind == "best"), default=-1)
    codecs = sorted(
        (one for one in seen if one.kind in _CODECS), key=lambda one: (one.step, one.kind == "exported")
    )
    return [Slot(job, one, one.step == best_step) for one in codecs]


def _gone(slot: Slot) -> Slot:
    return Slot(slot.job, slot.seen, slot.best, kept=False)
