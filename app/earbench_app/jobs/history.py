"""What a run has said so far: what its events come to."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from earbench_app.jobs.event_tail import EventTail
from earbench_app.jobs.job import State
from earbench_app.jobs.series import Series

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_app.jobs.event_tail import Event
    from earbench_app.jobs.job import Job

_NUMBERS = ("step", "n_steps", "done", "total", "kbps", "target_kbps", "eta_s")


@dataclass(frozen=True, slots=True)
class CheckpointSeen:
    """A checkpoint that a run told of.

    Parameters
    ----------
    step : int
    kind : str
        "last" or "best" of what a run goes on from; "listenable" for a codec of one step, while it is kept;
        "exported" for the codec that the run ends with.
    path : str
    time_s : float
        Seconds since 1970.
    kbps : float, optional
        Of a codec, as validation estimated it at its step.
    metrics : tuple of (name, figure)
        Of a codec, from that validation.
    file_kbps : float, optional
        Of one that is exported, as it was measured of real bitstreams.
    """

    step: int
    kind: str
    path: str
    time_s: float
    kbps: float | None = None
    metrics: tuple[tuple[str, float | None], ...] = ()
    file_kbps: float | None = None


@dataclass(slots=True)
class History:
    """What the events of a run come to.

    Parameters
    ----------
    keeps_curves : bool
        Without, `series` stays empty: figures of many runs need little memory.

    Attributes
    ----------
    series : mapping of name to Series
        ``loss``, ``terms/NAME``, ``learning_rate``, ``tau``, ``kbps``, ``target_kbps``, ``examples_per_s``;
        of validation ``validation/kbps`` and ``metrics/NAME``.
    started, progress, validation, best, exported, ending : dict
        The last event of each kind, empty before it comes; `best` is the validation of the best
        checkpoint, `ending` that which finished, stopped or failed a run that has not gone on since.
    opening : tuple of (str, int, int), optional
        What is done with the corpus before the start, "reading" or "decoding": files done, of how many.
    exporting : bool
        Whether training is over, and the codec is measured.
    notices : deque of str
    checkpoints : list of CheckpointSeen
        The codecs that are kept, and the latest of each other kind; in the order they were told.
    n_events : int
    box_is_over : bool
        Whether its time box ended the run, which has not gone on since.
    """

    keeps_curves: bool = True
    series: dict[str, Series] = field(default_factory=dict)
    started: Event = field(default_factory=dict)
    progress: Event = field(default_factory=dict)
    validation: Event = field(default_factory=dict)
    best: Event = field(default_factory=dict)
    exported: Event = field(default_factory=dict)
    ending: Event = field(default_factory=dict)
    opening: tuple[str, int, int] | None = None
    exporting: bool = False
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    checkpoints: list[CheckpointSeen] = field(default_factory=list)
    n_events: int = 0
    box_is_over: bool = False
    _began_s: float = 0.0  # of the present start
    _before_s: float = 0.0  # running before it
    _boxes_s: float = 0.0  # of that, until a time box last ended the run
    _latest_s: float = 0.0
    _reported_step: float = 0.0
    _interval: float = 0.0  # steps of the last report

    def add(self, event: Event) -> None:
        """Take an event; one of an unknown kind or no time changes nothing, one without sense is a notice."""
        take = _TAKERS.get(event["event"])
        self.n_events += 1
        if take is None or not isinstance(event.get("time"), int | float):
            return
        if not _makes_sense(event):
            self.notices.append(f"left out an event that makes no sense: {json.dumps(event)[:200]}")
            return
        self._latest_s = event["time"]
        take(self, event)

    @property
    def told_s(self) -> float:
        """When the last event was told, in seconds since 1970."""
        return self._latest_s

    @property
    def running_s(self) -> float:
        """Seconds that the run has run, all its starts together."""
        return self._before_s + max(0.0, self._latest_s - self._began_s)

    @property
    def box_used_s(self) -> float:
        """Seconds of its time box that are used: all running since one last ended the run."""
        return 0.0 if self.box_is_over else self._worked_s - self._boxes_s

    @property
    def _worked_s(self) -> float:
        """Seconds of running, the end left out: what is measured there is no part of a time box."""
        last_s: float = max(self.progress.get("time", 0), self.validation.get("time", 0), self._began_s)
        return self._before_s + last_s - self._began_s

    def box_left_s(self, minutes: float, now_s: float) -> float:
        """Return seconds to the end of the time box of a run that is running now, at a time since 1970."""
        return 60 * minutes - (self._before_s - self._boxes_s) - (now_s - self._began_s)

    def _take_started(self, event: Event) -> None:
        self._before_s = self._worked_s
        if self.box_is_over:
            self._boxes_s, self.box_is_over = self._before_s, False
        self._began_s = event["time"]
        self.started, self.ending, self.opening, self.exporting = event, {}, None, False
        self._reported_step = event.get("step") or 0
        for series in self.series.values():
            series.drop_after(event.get("step", 0))

    def _take_opening(self, event: Event) -> None:
        self.opening = (event["event"], int(event.get("done", 0)), int(event.get("total", 0)))
        self.ending = {}

    def _take_progress(self, event: Event) -> None:
        self.progress = event
        names = ("loss", "learning_rate", "tau", "kbps", "target_kbps", "examples_per_s")
        values = {name: event.get(name) for name in names}
        self._add_points(event, values | _prefixed("terms/", event.get("terms")), self._weight(event))

    def _weight(self, event: Event) -> float:
        """Return how many steps a report is of, the one before it taken as 1; at most that."""
        step = event.get("step") or 0
        n_steps, before = step - self._reported_step, self._interval
        self._reported_step, self._interval = step, n_steps
        return n_steps / before if 0 < n_steps < before else 1.0

    def _take_validation(self, event: Event) -> None:
        self.validation = event
        self._add_points(
            event, {"validation/kbps": event.get("kbps")} | _prefixed("metrics/", event.get("metrics"))
        )

    def _take_checkpoint(self, event: Event) -> None:
        kind = str(event.get("kind", "exported"))
        step = int(event.get("step") or self.best.get("step") or 0)
        if kind == "best":
            self.best = self.validation
        if kind == "exported":
            self.exported = event
        seen = _seen_at_end(event, step, self.best) if kind == "exported" else _seen(event, step, kind)
        self.checkpoints = [one for one in self.checkpoints if one.kind != kind] + [seen]

    def _take_listenable(self, event: Event) -> None:
        """Codecs that are no longer kept are forgotten; one of a step that is made again is the new one."""
        step, kept = int(event.get("step") or 0), event.get("kept") or ()
        still = {*kept} - {step}
        others = [seen for seen in self.checkpoints if seen.kind != "listenable" or seen.step in still]
        self.checkpoints = [*others, _seen(event, step, "listenable")]

    def _take_exporting(self, event: Event) -> None:
        del event
        self.exporting = True

    def _take_notice(self, event: Event) -> None:
        self.notices.append(str(event.get("message", "")))

    def _take_ending(self, event: Event) -> None:
        self.ending, self.opening, self.exporting = event, None, False
        self.box_is_over = event.get("reason") == "time limit"

    def _add_points(self, event: Event, values: dict[str, Any], weight: float = 1.0) -> None:
        step = event.get("step")
        if not self.keeps_curves or not isinstance(step, int | float):
            return
        for name, value in values.items():
            if name not in self.series:
                if value is None:
                    continue
                self.series[name] = Series()
            known = value if isinstance(value, int | float) else None
            self.series[name].add(step, self.running_s, known, weight)


_TAKERS = {
    "started": History._take_started,
    "reading": History._take_opening,
    "decoding": History._take_opening,
    "progress": History._take_progress,
    "validation": History._take_validation,
    "checkpoint": History._take_checkpoint,
    "exporting": History._take_exporting,
    "exported": History._take_checkpoint,
    "listenable": History._take_listenable,
    "notice": History._take_notice,
    "finished": History._take_ending,
    "stopped": History._take_ending,
    "failed": History._take_ending,
}


def read_history(path: Path, sparse: bool = False) -> History:
    """Return what a file of events comes to; `sparse` leaves out most progress, for figures but no curves."""
    history = History(keeps_curves=not sparse)
    for event in EventTail(path, sparse).read_all():
        history.add(event)
    return history


def remaining_s(job: Job, history: History) -> float | None:
    """Return seconds of training that a running job has before it, or its time box; None where not known."""
    eta_s = history.progress.get("eta_s")
    begins = history.told_s < (job.started_s or 0.0) or history.opening is not None
    if job.state is not State.RUNNING or eta_s is None or begins or history.exporting:
        return None
    n_steps, step = history.progress.get("n_steps") or 0, history.progress.get("step") or 0
    if job.request.max_steps and n_steps > step:
        eta_s *= max(0, job.request.max_steps - step) / (n_steps - step)
    if job.request.max_minutes is not None and history.started:
        eta_s = max(0.0, min(eta_s, history.box_left_s(job.request.max_minutes, time.time())))
    return float(eta_s)


def best_metric(history: History, highest_kbps: float = math.inf) -> tuple[str, float] | None:
    """Return name and figure of the best checkpoint; the last metric of a validation is the one that decides.

    There is none while the run's best is no more than its nearest to a rate that no step has kept to.
    """
    if (history.best.get("kbps") or 0.0) > highest_kbps:
        return None
    metrics = history.best.get("metrics") or {}
    name = next(reversed(metrics), None)
    return None if name is None or metrics[name] is None else (name, metrics[name])


def _makes_sense(event: Event) -> bool:
    """Return whether there are numbers wherever these belong."""
    return all(isinstance(event.get(name), int | float | None) for name in _NUMBERS)


def _seen(event: Event, step: int, kind: str) -> CheckpointSeen:
    metrics = event.get("metrics")
    figures = tuple(metrics.items()) if isinstance(metrics, dict) else ()
    path = str(event.get("path", ""))
    return CheckpointSeen(step, kind, path, event["time"], event.get("kbps"), figures)


def _seen_at_end(event: Event, step: int, best: Event) -> CheckpointSeen:
    """Return the codec that was exported, the best, with the figures that the steps beside it have."""
    figures = {name: best.get(name) for name in ("kbps", "metrics")}
    return replace(_seen({**event, **figures}, step, "exported"), file_kbps=event.get("kbps"))


def _prefixed(prefix: str, values: object) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in values.items()} if isinstance(values, dict) else {}
