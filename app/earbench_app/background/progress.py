"""How far a batch of background work has come, and how long it will take."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class WorkProgress:
    """A snapshot of one batch for the status line.

    Parameters
    ----------
    title : str
        What is done, such as ``encoding``.
    n_done, n_total : int
    eta_s : float, optional
        Seconds left; None until something has been finished.
    """

    title: str
    n_done: int
    n_total: int
    eta_s: float | None = None

    @property
    def text(self) -> str:
        """Return ``encoding 14 of 48``."""
        return f"{self.title} {min(self.n_done + 1, self.n_total)} of {self.n_total}"

    @property
    def eta_text(self) -> str:
        """Return ``21 s left``, or nothing while unknown."""
        return "" if self.eta_s is None else f"{duration_text(max(1, self.eta_s))} left"


def duration_text(seconds: float) -> str:
    """Return ``21 s``, ``1 min 21 s``, ``1 h 53 min`` or ``2 d 3 h``: the two largest units."""
    minutes, rest_s = divmod(round(seconds), 60)
    hours, rest_min = divmod(minutes, 60)
    days, rest_h = divmod(hours, 24)
    if days:
        return f"{days} d {rest_h} h"
    if hours:
        return f"{hours} h {rest_min} min"
    return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"


class Batch:
    """Counts a batch of equal tasks; it is over when all are done, and the next task starts a new one."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._n_done = self._n_total = 0
        self._started_s = 0.0

    def add(self, n_tasks: int = 1) -> None:
        """Count tasks that will be done."""
        if self._n_done == self._n_total:
            self._n_done = self._n_total = 0
            self._started_s = self._clock()
        self._n_total += n_tasks

    def finish(self, n_tasks: int = 1) -> None:
        """Count tasks done, failed or dropped."""
        self._n_done = min(self._n_total, self._n_done + n_tasks)

    def progress(self) -> WorkProgress | None:
        """Return a snapshot, or None when nothing is left to do."""
        left = self._n_total - self._n_done
        if not left:
            return None
        elapsed_s = self._clock() - self._started_s
        eta_s = elapsed_s / self._n_done * left if self._n_done else None
        return WorkProgress(self._title, self._n_done, self._n_total, eta_s)


class Batches:
    """Several kinds of work, of which the first that is under way is shown, and cancelled.

    Parameters
    ----------
    kinds : pairs of Batch and callable
        The callable stops that work.
    """

    def __init__(self, *kinds: tuple[Batch, Callable[[], None]]) -> None:
        self._kinds = kinds

    def progress(self) -> WorkProgress | None:
        """Return a snapshot of the work shown, or None when there is none."""
        found = (batch.progress() for batch, _ in self._kinds)
        return next((progress for progress in found if progress is not None), None)

    def cancel(self) -> None:
        """Stop the work that is shown."""
        for batch, stop in self._kinds:
            if batch.progress() is not None:
                stop()
                return
