"""What a run has said so far: its events read as they come, and kept as curves of bounded length."""

from __future__ import annotations

import json
import math
import os
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from earbench_app.jobs.job import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from earbench_app.jobs.job import Job

Event = dict[str, Any]

N_KEPT = 4000
"""Points of a curve that are kept, at most."""
_AT_ONCE = 4 << 20  # bytes a read
_LONGEST_LINE = 1 << 20
_LITTLE = 0.5
"""Weight of a report, by its steps, below which it is no point of its own: a pause cuts one short."""
_PROGRESS = b'{"event": "progress"'
_NUMBERS = ("step", "n_steps", "done", "total", "kbps", "target_kbps", "eta_s")


class EventTail:
    """Reads the lines that were added to a file of events since the last time.

    Parameters
    ----------
    path : Path
        May be missing yet.
    sparse : bool
        Of progress events, return only the last one of each read; much faster on long files.

    Attributes
    ----------
    n_restarts : int
        How often the file was found cut or replaced, and read from its beginning again.
    """

    def __init__(self, path: Path, sparse: bool = False) -> None:
        self.path = path
        self.n_restarts = 0
        self._sparse = sparse
        self._offset = 0
        self._inode = -1

    def read(self) -> list[Event]:
        """Return whole new lines as events, a few megabytes at once; what is no event is left out."""
        try:
            with self.path.open("rb") as file:
                self._find_place(file.fileno())
                file.seek(self._offset)
                content = file.read(_AT_ONCE)
        except OSError:
            return []
        whole = content.rfind(b"\n") + 1
        if not whole and len(content) > _LONGEST_LINE:
            whole = len(content)  # no event is so long
        self._offset += whole
        return list(self._events(content[:whole].splitlines()))

    def read_all(self) -> Iterator[Event]:
        """Yield all there is to read."""
        while events := self.read():
            yield from events

    def _find_place(self, number: int) -> None:
        stat = os.fstat(number)
        if self._inode not in (-1, stat.st_ino) or stat.st_size < self._offset:
            self._offset = 0
            self.n_restarts += 1
        self._inode = stat.st_ino

    def _events(self, lines: list[bytes]) -> Iterator[Event]:
        last_progress = max((i for i, line in enumerate(lines) if line.startswith(_PROGRESS)), default=-1)
        for i, line in enumerate(lines):
            if self._sparse and i != last_progress and line.startswith(_PROGRESS):
                continue
            event = _parsed(line)
            if event is not None:
                yield event


def last_events(path: Path, n_bytes: int = 65536) -> list[Event]:
    """Return the events at the end of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - n_bytes))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    lines = lines[1:] if size > n_bytes else lines
    return [event for event in map(_parsed, lines) if event is not None]


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


class Series:
    """A curve of bounded length: when it is full, each two points become their mean.

    Parameters
    ----------
    n_points : int
        At most.
    """

    def __init__(self, n_points: int = N_KEPT) -> None:
        self._points = np.empty((n_points, 4))  # step, seconds, sum of values, of weights
        self._n = 0
        self._stride = 1

    def add(self, step: float, seconds: float, value: float | None, weight: float = 1.0) -> None:
        """Add a point; None is a gap. One of little weight is taken into the point before it."""
        if value is None or not math.isfinite(value):
            self._append((step, seconds, 0, math.inf))
        elif self._n and self._has_room(weight):
            self._points[self._n - 1] += (0, 0, weight * value, weight)
            self._points[self._n - 1, :2] = step, seconds
        else:
            self._append((step, seconds, weight * value, weight))

    def drop_after(self, step: float) -> None:
        """Forget points beyond a step: a run that goes on from a checkpoint makes them again."""
        self._n = int(np.searchsorted(self._points[: self._n, 0], step, side="right"))

    def __len__(self) -> int:
        return self._n

    def points(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return steps, seconds of running, and values, each [n]; a gap is NaN."""
        steps, seconds, sums, counts = self._points[: self._n].T
        values = np.where(np.isfinite(counts), sums / counts, np.nan)
        return steps.copy(), seconds.copy(), values

    def _has_room(self, weight: float) -> bool:
        """Return whether a point is to be taken into the last one."""
        has = float(self._points[self._n - 1, 3])
        return has < self._stride or (weight < _LITTLE and math.isfinite(has))

    def _append(self, point: tuple[float, float, float, float]) -> None:
        if self._n == len(self._points):
            self._halve()
        self._points[self._n] = point
        self._n += 1

    def _halve(self) -> None:
        pairs = self._points.reshape(-1, 2, 4)
        gaps = ~np.isfinite(pairs[:, :, 3])
        known = np.where(gaps[:, :, np.newaxis], 0, pairs).sum(axis=1)
        merged = np.column_stack([pairs[:, 1, :2], known[:, 2:]])
        merged[gaps.all(axis=1), 3] = math.inf
        self._n = len(merged)
        self._points[: self._n] = merged
        self._stride *= 2


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
    notices : deque of str
    checkpoints : list of CheckpointSeen
        The codecs that are kept, and the latest of each other kind; in the order they were told.
    n_events : int
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
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    checkpoints: list[CheckpointSeen] = field(default_factory=list)
    n_events: int = 0
    _began_s: float = 0.0  # of the present start
    _before_s: float = 0.0  # running before it
    _boxes_s: float = 0.0  # of that, until a time box last ended the run
    _box_is_over: bool = False
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
        return 0.0 if self._box_is_over else self._worked_s - self._boxes_s

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
        if self._box_is_over:
            self._boxes_s, self._box_is_over = self._before_s, False
        self._began_s = event["time"]
        self.started, self.ending, self.opening = event, {}, None
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

    def _take_notice(self, event: Event) -> None:
        self.notices.append(str(event.get("message", "")))

    def _take_ending(self, event: Event) -> None:
        self.ending, self.opening = event, None
        self._box_is_over = event.get("reason") == "time limit"

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
    """Return seconds to the end of a running job, or to the end of its time box; None where not known."""
    eta_s = history.progress.get("eta_s")
    if job.state is not State.RUNNING or eta_s is None:
        return None
    n_steps, step = history.progress.get("n_steps") or 0, history.progress.get("step") or 0
    if job.request.max_steps and n_steps > step:
        eta_s *= max(0, job.request.max_steps - step) / (n_steps - step)
    if job.request.max_minutes is not None and history.started:
        eta_s = max(0.0, min(eta_s, history.box_left_s(job.request.max_minutes, time.time())))
    return float(eta_s)


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
