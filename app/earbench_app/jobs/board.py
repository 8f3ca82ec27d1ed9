"""All jobs of one folder: taken, started, watched, stopped. What is on disk is the truth."""

from __future__ import annotations

import platform
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

from earbench_app.jobs.job import ACTIVE, Job, JobError, State, check_transition
from earbench_app.jobs.local import LocalExecutor
from earbench_app.jobs.next_jobs import next_command
from earbench_app.jobs.outcome import outcome
from earbench_app.jobs.slurm import SlurmExecutor
from earbench_app.jobs.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from earbench_app.jobs.executors import Executor, Look, Started
    from earbench_app.jobs.job import TrainRequest


class JobBoard:
    """The jobs of a folder.

    Several programs may have a board on one folder at once. Its methods wait for the disk, for each other
    and, with a cluster, for its commands: call them beside the interface's thread.

    Parameters
    ----------
    root : Path
        Made where missing.
    executors : mapping of name to Executor, optional
        By default "local" and "slurm".
    n_cpu_jobs : int
        How many local jobs may run on the CPU at once.

    Attributes
    ----------
    changed : Signal
        A job that is new or stands otherwise than before, whoever changed it; emitted on the thread of
        the call that noticed it, which is `poll`'s for what others did.
    removed : Signal
        The `id` of a job that was deleted.

    Raises
    ------
    JobError
        The folder cannot be made.
    """

    changed: ClassVar[Signal] = Signal(Job)
    removed: ClassVar[Signal] = Signal(str)

    def __init__(
        self, root: Path, executors: Mapping[str, Executor] | None = None, n_cpu_jobs: int = 1
    ) -> None:
        self.store = JobStore(root)
        self.host = platform.node()
        self._executors: Mapping[str, Executor] = (
            executors
            if executors is not None
            else {
                "local": LocalExecutor(n_cpu_jobs, then=next_command(root, n_cpu_jobs)),
                "slurm": SlurmExecutor(),
            }
        )
        self._unsaved: dict[str, tuple[Job, Job]] = {}  # what a full disk did not take, and what it has
        self._told: dict[str, Job] = {}
        self._telling = threading.Lock()

    @property
    def root(self) -> Path:
        """The folder."""
        return self.store.root

    def jobs(self) -> tuple[Job, ...]:
        """Return all jobs, oldest first; one whose files are damaged is failed, and says so."""
        return tuple(map(self._as_seen, self.store.jobs()))

    def job(self, job_id: str) -> Job:
        """Return a job.

        Raises
        ------
        JobError
            There is none of that name.
        """
        return self._as_seen(self.store.read(job_id))

    def submit(self, request: TrainRequest) -> Job:
        """Queue a job; `poll` starts it.

        Raises
        ------
        JobError
            There is no such executor, or its folder cannot be written.
        """
        return self._submit([request], "")[0]

    def submit_sweep(self, requests: Sequence[TrainRequest]) -> tuple[Job, ...]:
        """Queue jobs that belong together, all or none.

        Raises
        ------
        JobError
            As `submit`.
        """
        return self._submit(requests, secrets.token_hex(4))

    def pause(self, job_id: str) -> Job:
        """Let a job write a checkpoint and end; one that waits is held back.

        Raises
        ------
        JobError
            It is in no state for it, or on another machine.
        """
        return self._stop(job_id, State.PAUSING, State.PAUSED)

    def cancel(self, job_id: str) -> Job:
        """End a job; it writes a checkpoint all the same.

        Raises
        ------
        JobError
            As `pause`.
        """
        return self._stop(job_id, State.CANCELLING, State.CANCELLED)

    def resume(self, job_id: str) -> Job:
        """Queue a job again; it goes on from its last checkpoint, or from the start if it has none.

        Raises
        ------
        JobError
            It is waiting, running or finished, or its files are damaged.
        """
        with self._changing(job_id) as job:
            self._must_be_ours(job)
            check_transition(job.state, State.QUEUED)
            if job.state is State.DONE and not job.message:
                raise JobError(f"{job.id} is finished; nothing is left to train")
            again = replace(job, state=State.QUEUED, message="", ended_s=None, stop_asked_s=None)
            return self._save(replace(again, host=self.host, executor_id="", pid=None, device=""))

    def delete(self, job_id: str) -> None:
        """Delete a job and its folder.

        Raises
        ------
        JobError
            It is running or on a cluster's queue, or its files cannot be deleted.
        """
        with self._changing(job_id) as job:
            self.check_over(job)
            self.store.delete(job)
            self._unsaved.pop(job_id, None)
        self._tell()

    def check_over(self, job: Job) -> None:
        """Refuse a job that cannot be deleted now.

        Raises
        ------
        JobError
            It is running or on a cluster's queue.
        """
        self._must_be_ours(job)
        if job.state in ACTIVE or _is_waiting(job) or self._is_alive(job):
            raise JobError(f"{job.id} is {job.state}; cancel it, and delete it when it has ended")

    def annotate(self, job_id: str, notes: str | None = None, tags: Sequence[str] | None = None) -> Job:
        """Change what a user has written to a job; None leaves it.

        Raises
        ------
        JobError
            There is no such job, or it cannot be written.
        """
        with self._changing(job_id) as job:
            kept = job.tags if tags is None else tuple(dict.fromkeys(tags))
            return self._save(replace(job, notes=job.notes if notes is None else notes, tags=kept))

    def poll(self) -> None:
        """Look once at all processes and clusters: note what ended, start what there is room for.

        Raises
        ------
        JobError
            The jobs cannot be changed now; the next look may.
        """
        jobs = self.store.jobs()
        for job in jobs:
            if job.state in ACTIVE or _is_waiting(job):
                self._look(job)
        if any(job.state is State.QUEUED and not job.executor_id and self._is_ours(job) for job in jobs):
            self._start()
        self._tell()

    def _submit(self, requests: Sequence[TrainRequest], sweep: str) -> tuple[Job, ...]:
        for request in requests:
            self._executor(request.executor)
        made: list[Job] = []
        try:
            for request in requests:
                made.append(self.store.make(request, self.host, sweep))
        except JobError:
            for job in made:
                self.store.delete(job)
            raise
        self._tell()
        return tuple(made)

    def _stop(self, job_id: str, stopping: State, stopped: State) -> Job:
        with self._changing(job_id) as job:
            self._must_be_ours(job)
            if job.state not in ACTIVE and not _is_waiting(job):
                check_transition(job.state, stopped)
                return self._save(replace(job, state=stopped, message=""))
            check_transition(job.state, stopping)
            self._executor(job.request.executor).stop(job)
            return self._save(replace(job, state=stopping, stop_asked_s=time.time()))

    def _look(self, job: Job) -> None:
        if not self._is_ours(job):
            return
        look = self._executor(job.request.executor).look(job)
        if _looked(job, look) == job:
            return
        with self.store.locked():
            now = self.store.read(job.id)
            if now.state in ACTIVE or _is_waiting(now):
                self._note(now, _looked(now, look))

    def _start(self) -> None:
        with self.store.locked():
            jobs = [job for job in self.jobs() if self._is_ours(job)]
            for name, executor in self._executors.items():
                own = [job for job in jobs if job.request.executor == name]
                queued = [job for job in own if job.state is State.QUEUED and not job.executor_id]
                active = [job for job in own if job.state in ACTIVE]
                for job, start in executor.start(queued, active):
                    self._note(job, _started(job, start))

    def _executor(self, name: str) -> Executor:
        if name not in self._executors:
            raise JobError(f"there is no executor {name!r} here; there are: {', '.join(self._executors)}")
        return self._executors[name]

    def _is_ours(self, job: Job) -> bool:
        """Return whether this board can see a job's process."""
        name = job.request.executor
        return name in self._executors and (name != "local" or job.host in ("", self.host))

    def _must_be_ours(self, job: Job) -> None:
        if job.state in ACTIVE and not self._is_ours(job):
            raise JobError(f"{job.id} is on {job.host}; do it there")

    def _is_alive(self, job: Job) -> bool:
        return self._is_ours(job) and self._executor(job.request.executor).look(job).phase != "ended"

    @contextmanager
    def _changing(self, job_id: str) -> Iterator[Job]:
        """Lend a job, locked, to something that a user asked for; tell all afterwards."""
        with self.store.locked():
            yield self.job(job_id)
        self._tell()

    def _save(self, job: Job) -> Job:
        """Write what a user asked for."""
        try:
            self.store.write(job)
        except OSError as error:
            raise JobError(f"{job.folder}: cannot be written: {error.strerror}; make room") from error
        self._unsaved.pop(job.id, None)
        return job

    def _note(self, before: Job, job: Job) -> None:
        """Write what was seen; on a full disk, keep it in mind until there is room or others change it."""
        try:
            self.store.write(job)
        except OSError:
            self._unsaved[job.id] = (before, job)
        else:
            self._unsaved.pop(job.id, None)

    def _as_seen(self, stored: Job) -> Job:
        before, job = self._unsaved.get(stored.id, (None, stored))
        return job if before == stored else stored

    def _tell(self) -> None:
        with self._telling:
            now = {job.id: job for job in self.jobs()}
            news = [job for job_id, job in now.items() if self._told.get(job_id) != job]
            gone = [job_id for job_id in self._told if job_id not in now]
            self._told = now
        for job in news:
            self.changed.emit(job)
        for job_id in gone:
            self.removed.emit(job_id)


def _is_waiting(job: Job) -> bool:
    """Return whether a job is on a cluster's queue."""
    return job.state is State.QUEUED and bool(job.executor_id)


def _started(job: Job, start: Started | JobError) -> Job:
    if isinstance(start, JobError):
        return replace(job, state=State.FAILED, message=str(start), ended_s=time.time())
    placed = replace(job, device=start.device, executor_id=start.executor_id, pid=start.pid, message="")
    if start.phase == "waiting":
        return placed
    return replace(placed, state=State.RUNNING, started_s=time.time())


def _looked(job: Job, look: Look) -> Job:
    """Return a job as it stands after a look at it."""
    if look.exit is not None:
        state, message = outcome(job, look.exit)
        ended_s = max(look.exit.ended_s, job.started_s or 0.0)  # its keeper may be quicker than the board
        return replace(job, state=state, message=message, ended_s=ended_s, pid=None)
    job = replace(job, message=look.message, device=look.device or job.device)
    if look.phase == "waiting" and job.state is State.RUNNING:
        return replace(job, state=State.QUEUED)
    if look.phase == "running" and job.state is State.QUEUED:
        return replace(job, state=State.RUNNING, started_s=time.time())
    return job
