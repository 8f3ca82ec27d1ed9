"""Where checkpoints stand in a list while more of them come: a line, and with it a key, is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from earbench_app.jobs.job import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.jobs.history import CheckpointSeen
    from earbench_app.jobs.job import Job

Runs = tuple[tuple["Job", tuple["CheckpointSeen", ...]], ...]
"""Runs that are looked at, the one in front first, each with what it told of."""
_KEYS = "123456789"
_MOST = 40
"""Lines beyond which those of deleted codecs leave even while the pointer rests on the list."""


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
    key : str
        Which it is heard by; its own as long as it is listed.
    """

    job: Job
    seen: CheckpointSeen
    best: bool = False
    kept: bool = True
    key: str = ""

    @property
    def id(self) -> str:
        """Its path; of what is exported with its step, as the next export is written over it."""
        seen = self.seen
        return seen.path if seen.kind == "listenable" else f"{seen.path} of step {seen.step}"

    @property
    def step_text(self) -> str:
        """What it is called beside others of its run."""
        step = f"step {self.seen.step:,}"
        if self.seen.kind == "listenable":
            return step
        return f"{step} · {'finished' if is_finished(self.job) else 'exported'}"

    @property
    def codec_name(self) -> str:
        """What it may be published as: the run's own name is for what the run exports."""
        name = self.job.request.name
        return f"{name}-step-{self.seen.step}" if self.seen.kind == "listenable" else name

    @property
    def title(self) -> str:
        """What it is called beside others."""
        return f"{self.job.request.name} {self.step_text}"


class Slots:
    """The lines: by run and step at first; what comes later comes below."""

    def __init__(self) -> None:
        self.lines: list[Slot] = []
        self._of: frozenset[str] = frozenset()

    def find(self, slot_id: str) -> Slot | None:
        """Return the line of a checkpoint."""
        return next((slot for slot in self.lines if slot.id == slot_id), None)

    def take(self, runs: Runs, is_needed: Callable[[str], bool], *, may_move: bool = True) -> list[Slot]:
        """Take what runs have now; return what was not there before.

        A line whose file its run has deleted leaves, unless its id is needed, or lines may not move now. Its
        key is free then, and goes to the oldest line that has none.
        """
        there = [slot for run in runs for slot in _slots(*run)]
        of = frozenset(job.id for job, _ in runs)
        if of != self._of:
            self._of, self.lines = of, []
        now = {slot.id: slot for slot in there}
        lines = [_as_now(slot, now.pop(slot.id, None)) for slot in self.lines]
        new = list(now.values()) if not lines else sorted(now.values(), key=lambda slot: slot.seen.time_s)
        if may_move or len(lines) + len(new) > _MOST:
            lines = [slot for slot in lines if slot.kept or is_needed(slot.id)]
        self.lines = _with_keys([*lines, *new])
        return self.lines[len(lines) :]


def is_finished(job: Job) -> bool:
    """Return whether a run has done all its steps: one that a time box ended says so, and can go on."""
    return job.state is State.DONE and not job.message


def latest(slots: Sequence[Slot]) -> Slot | None:
    """Return the one that was told of last."""
    return max(slots, key=lambda slot: slot.seen.time_s, default=None)


def _slots(job: Job, seen: Sequence[CheckpointSeen]) -> list[Slot]:
    best_step = max((one.step for one in seen if one.kind == "best"), default=-1)
    codecs = [one for one in seen if one.kind == "listenable"]
    codecs += [one for one in seen if one.kind == "exported"][-1:]  # it is written over those before
    codecs.sort(key=lambda one: (one.step, one.kind == "exported"))
    return [Slot(job, one, one.step == best_step) for one in codecs]


def _with_keys(lines: Sequence[Slot]) -> list[Slot]:
    """Give the lowest free key to each line that has none; none that has one gets another."""
    taken = {line.key for line in lines}
    free = iter(key for key in _KEYS if key not in taken)
    return [line if line.key else replace(line, key=next(free, "")) for line in lines]


def _as_now(slot: Slot, now: Slot | None) -> Slot:
    return replace(slot, kept=False, best=False) if now is None else replace(now, key=slot.key)
