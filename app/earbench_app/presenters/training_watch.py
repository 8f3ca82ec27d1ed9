"""Looks at all jobs on a thread of its own, and tells the interface a few times a second what is new."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.background.pool import explained
from earbench_app.jobs.event_tail import EventTail
from earbench_app.jobs.gpu import GpuReader
from earbench_app.jobs.history import History
from earbench_app.jobs.job import ACTIVE, JobError
from earbench_app.presenters.training_curves import Run, panels, x_title
from earbench_app.presenters.training_rows import N_LOG_LINES, job_row, recipe_of, run_details
from earbench_app.views.training_protocols import CurveOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from earbench_app.background.pool import Post
    from earbench_app.jobs.board import JobBoard
    from earbench_app.jobs.gpu import Gpu
    from earbench_app.jobs.history import CheckpointSeen
    from earbench_app.jobs.job import Job
    from earbench_app.views.training_protocols import CurvePanel, JobRow, RunDetails

PERIOD_S = 0.25
_GPU_PERIOD_S = 1.0
_LOG_BYTES = 65_536
_READ_S = 0.1  # at once, before what is known is shown
_FAULT = (
    "What is shown here is out of date: looking at the runs failed ({}). The runs go on, and looking is tried"
    " again. If this stays, start the program anew, and report what it wrote to its terminal."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be looked at closely.

    Parameters
    ----------
    colors : mapping of job id to int
        Runs whose curves are drawn, the one in front first.
    options : CurveOptions
    """

    colors: Mapping[str, int] = field(default_factory=dict)
    options: CurveOptions = field(default_factory=CurveOptions)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All that the page shows, at one moment.

    Parameters
    ----------
    jobs : tuple of Job
    rows : tuple of JobRow
    wish : Wish
        What panels and details are of.
    panels : tuple of CurvePanel, optional
        None where they are as before.
    x_title : str
    details : RunDetails, optional
    checkpoints : tuple of (job id, tuple of CheckpointSeen)
        Of the runs whose curves are drawn.
    gpus : tuple of Gpu
    """

    jobs: tuple[Job, ...]
    rows: tuple[JobRow, ...]
    wish: Wish
    panels: tuple[CurvePanel, ...] | None
    x_title: str
    details: RunDetails | None
    checkpoints: tuple[tuple[str, tuple[CheckpointSeen, ...]], ...]
    gpus: tuple[Gpu, ...]


class _Reader:
    """The events of one run, as they come; `sparse` for its figures, without curves."""

    def __init__(self, path: Path, *, sparse: bool) -> None:
        self.history = History(keeps_curves=not sparse)
        self._tail = EventTail(path, sparse)
        self._n_restarts = 0

    def read(self, due_s: float) -> bool:
        """Take what is new, until a time of `time.monotonic`; return whether there may be more."""
        while events := self._tail.read():
            if self._tail.n_restarts != self._n_restarts:
                self._n_restarts = self._tail.n_restarts
                self.history = History(keeps_curves=self.history.keeps_curves)
            for event in events:
                self.history.add(event)
            if time.monotonic() > due_s:
                return True
        return False


class Watch:
    """The thread.

    Parameters
    ----------
    board : JobBoard
    post : callable
        Runs a function on the interface's thread.

    Attributes
    ----------
    told : Signal
        A snapshot, on the interface's thread; at most four times a second, and only when something is new.
    failed : Signal
        A message, on that thread: why jobs cannot be looked at now; empty as soon as they can again.
    last : Snapshot, optional
        That was told last.
    problem : str
        That message.
    """

    told = Signal(object)
    failed = Signal(str)

    def __init__(self, board: JobBoard, post: Post) -> None:
        self.board = board
        self.last: Snapshot | None = None
        self.problem = ""
        self._post = post
        self._wish = Wish()
        self._commands: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._hurry = self._closing = False
        self._briefs: dict[str, _Reader] = {}
        self._fulls: dict[str, _Reader] = {}
        self._drawn: tuple[object, ...] = ()
        self._pending = threading.Event()
        self._gpu_reader, self._gpus_read_s = GpuReader(), 0.0
        self._gpus: tuple[Gpu, ...] = ()
        self._log: tuple[tuple[object, ...], tuple[str, ...]] = ((), ())
        self._thread = threading.Thread(target=self._serve, name="training watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def look_at(self, wish: Wish) -> None:
        """Draw these curves from now on."""
        with self._changed:
            self._wish, self._hurry = wish, True
            self._changed.notify()

    def do(self, command: Callable[[], object], failed: Callable[[str], None]) -> None:
        """Carry out something that waits for the disk or a cluster; what goes wrong is told to `failed`."""

        def carry_out() -> None:
            try:
                command()
            except JobError as error:
                message = str(error)
                self._post(lambda: failed(message))
            except Exception as error:  # noqa: BLE001 - it is told, and what was asked for next is done
                traceback.print_exc()
                text = f"That failed, which is a fault of this program: {explained(error)}"
                self._post(lambda: failed(text))

        with self._changed:
            self._commands.append(carry_out)
            self._hurry = True
            self._changed.notify()

    def close(self) -> None:
        """End the thread, after what it was given to do."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _serve(self) -> None:
        while not self._closing:
            began_s, more = time.monotonic(), False
            try:
                more = self._look()
            except (JobError, OSError) as error:
                self._complain(str(error))
            except Exception as error:  # noqa: BLE001 - the page must not stand still and say nothing
                self._complain_of_ourselves(error)
            else:
                self._say("")
            self._rest(0.0 if more else began_s + PERIOD_S - time.monotonic())
        self._carry_out()

    def _complain(self, message: str) -> None:
        """Tell of a look that failed, such as at a disk that has gone; the next one draws all curves."""
        self._drawn = ()
        self._say(message)

    def _complain_of_ourselves(self, error: Exception) -> None:
        message = _FAULT.format(explained(error))
        if message != self.problem:
            traceback.print_exc()
        self._complain(message)

    def _say(self, problem: str) -> None:
        """Tell what is wrong, and that nothing is any more, once each."""
        if problem != self.problem:
            self.problem = problem
            self._post(lambda: self.failed.emit(problem))

    def _rest(self, seconds: float) -> None:
        with self._changed:
            if not self._hurry and not self._closing:
                self._changed.wait(max(0.01, seconds))
            self._hurry = False

    def _carry_out(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _look(self) -> bool:
        """Look once at everything; return whether there is more to read at once."""
        self._carry_out()
        self.board.poll()
        jobs, wish = self.board.jobs(), self._wish
        more = self._read(jobs, wish)
        if time.monotonic() - self._gpus_read_s > _GPU_PERIOD_S:
            self._gpus, self._gpus_read_s = self._gpu_reader.read(), time.monotonic()
        if not self._pending.is_set():  # the interface has taken the one before
            self._tell(self._snapshot(jobs, wish))
        return more

    def _read(self, jobs: Sequence[Job], wish: Wish) -> bool:
        known = {job.id: job for job in jobs}
        for readers in (self._briefs, self._fulls):
            for job_id in [job_id for job_id in readers if job_id not in known]:
                del readers[job_id]
        for job_id in [job_id for job_id in self._fulls if job_id not in wish.colors]:
            del self._fulls[job_id]
        due_s = time.monotonic() + _READ_S
        more = False
        for job in sorted(jobs, key=lambda job: job.id not in wish.colors):  # those that are seen come first
            if job.id in wish.colors:
                more |= _reader(self._fulls, job, sparse=False).read(due_s)
            more |= _reader(self._briefs, job, sparse=True).read(due_s)
        return more

    def _snapshot(self, jobs: tuple[Job, ...], wish: Wish) -> Snapshot:
        active = [job for job in jobs if job.state in ACTIVE]
        rows = tuple(
            job_row(job, self._briefs[job.id].history, wish.colors.get(job.id), active) for job in jobs
        )
        by_id = {job.id: job for job in jobs}
        shown = [by_id[job_id] for job_id in wish.colors if job_id in by_id]
        front = shown[0] if shown else None
        history = self._fulls[front.id].history if front else History()
        return Snapshot(
            jobs,
            rows,
            wish,
            self._panels(shown, wish),
            x_title(wish.options, [self._fulls[job.id].history for job in shown]),
            run_details(front, history, self._log_of(front), active) if front else None,
            tuple((job.id, tuple(self._fulls[job.id].history.checkpoints)) for job in shown),
            self._gpus,
        )

    def _panels(self, shown: Sequence[Job], wish: Wish) -> tuple[CurvePanel, ...] | None:
        """Return the curves, or None where nothing is new."""
        counts = tuple((job.id, self._fulls[job.id].history.n_events) for job in shown)
        drawn = (wish.options, tuple(wish.colors.items()), counts)
        if drawn == self._drawn:
            return None
        self._drawn = drawn
        runs = []
        for job in shown:
            recipe = recipe_of(job.request.recipe_toml)
            tolerance = recipe.rate.tolerance_kbps if recipe and recipe.rate else None
            history = self._fulls[job.id].history
            runs.append(Run(job.request.name, wish.colors[job.id], history, tolerance))
        return panels(runs, wish.options)

    def _log_of(self, job: Job) -> tuple[str, ...]:
        """Return the end of a job's log; read again only when it has grown."""
        try:
            stat = job.log.stat()
            stamp: tuple[object, ...] = (job.id, stat.st_size, stat.st_mtime_ns)
            if stamp != self._log[0]:
                with job.log.open("rb") as file:
                    file.seek(max(0, stat.st_size - _LOG_BYTES))
                    text = file.read().decode("utf-8", "replace")
                self._log = (stamp, tuple(text.splitlines()[-N_LOG_LINES:]))
        except OSError:
            return ()
        return self._log[1]

    def _tell(self, snapshot: Snapshot) -> None:
        last = self.last
        if last is not None and snapshot.panels is None and _same(last, snapshot):
            return
        self.last = snapshot
        self._pending.set()

        def deliver() -> None:
            self._pending.clear()
            self.told.emit(snapshot)

        self._post(deliver)


def _reader(readers: dict[str, _Reader], job: Job, *, sparse: bool) -> _Reader:
    if job.id not in readers:
        readers[job.id] = _Reader(job.events, sparse=sparse)
    return readers[job.id]


def _same(one: Snapshot, other: Snapshot) -> bool:
    names = ("jobs", "rows", "wish", "details", "checkpoints", "gpus")
    return all(getattr(one, name) == getattr(other, name) for name in names)
