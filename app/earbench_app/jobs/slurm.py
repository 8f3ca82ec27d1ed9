"""Jobs on a Slurm cluster: what it can do itself, as queueing and putting back, it does."""

from __future__ import annotations

import time
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from earbench_app.jobs import keeper
from earbench_app.jobs.command import command
from earbench_app.jobs.executors import Exit, Look, Started
from earbench_app.jobs.job import ACTIVE, JobError, SlurmOptions
from earbench_app.jobs.local import read_exit
from earbench_app.jobs.slurm_queue import Queue, call
from earbench_app.jobs.slurm_submit import submit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from earbench_app.jobs.job import Job
    from earbench_app.jobs.slurm_queue import Entry

STOP_MARK = "slurm-stop"
"""A file in a job's folder: it is to end, not to be put back into the queue."""

_END_S = 300.0
_AGAIN_S = 10.0


class SlurmExecutor:
    """Runs jobs on the cluster that this machine belongs to.

    Parameters
    ----------
    queue : Queue, optional
    make_command : callable
        Of a job and a device, as its process on the node sees it; can be imported there.
    """

    def __init__(
        self, queue: Queue | None = None, make_command: Callable[[Job, str], list[str]] = command
    ) -> None:
        self._queue = queue or Queue()
        self._make_command = make_command
        self._insisted_s: dict[str, float] = {}

    def start(self, queued: Sequence[Job], active: Sequence[Job]) -> Iterator[tuple[Job, Started | JobError]]:
        """Hand all jobs to the cluster, those of a sweep as one array."""
        del active  # the cluster knows what it has room for
        problem: JobError | None = None
        for _, group in groupby(sorted(queued, key=_array), _array):
            jobs = list(group)
            if problem is None:
                try:
                    yield from self._submit(jobs)
                    continue
                except JobError as error:
                    problem = error  # a cluster that does not answer is not asked once for each job
            yield from ((job, problem) for job in jobs)

    def look(self, job: Job) -> Look:
        """Return how the cluster has a job, as it was some seconds ago at most."""
        entry = self._queue.find(job.executor_id)
        if entry.phase == "unknown":
            return Look("running" if job.state in ACTIVE else "waiting", message=entry.message)
        if entry.phase == "ended":
            return Look("ended", _exit(job, entry.message))
        if job.stop_asked_s is not None:
            self._insist(job, entry)
        return Look(entry.phase, message=entry.message, device=_device(job, entry))

    def stop(self, job: Job) -> None:
        """Take a job out of the queue, or ask it to write a checkpoint and end; it may take its time.

        Raises
        ------
        JobError
            The cluster does not answer.
        """
        from submitit import JobEnvironment

        (job.folder / STOP_MARK).touch()
        call("scancel", "--quiet", "--state=PENDING", job.executor_id)
        signal = f"--signal={JobEnvironment.USR_SIG}"
        call("scancel", "--quiet", "--state=RUNNING", signal, job.executor_id)

    def _submit(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Started]]:
        from earbench_app.jobs.slurm_node import train

        for job in jobs:
            for name in (keeper.EXIT, STOP_MARK):
                (job.folder / name).unlink(missing_ok=True)
        ids = submit(
            [partial(train, job, self._make_command) for job in jobs],
            jobs[0].request.slurm or SlurmOptions(),
            jobs[0].folder.parent / ".slurm",
            f"earbench-{jobs[0].request.name}",
        )
        for job, executor_id in zip(jobs, ids, strict=True):
            yield job, Started("waiting", executor_id=executor_id)

    def _insist(self, job: Job, entry: Entry) -> None:
        """Cancel one that was put back into the queue as it was stopped, or that does not end."""
        now_s = time.monotonic()
        waited_s = time.time() - (job.stop_asked_s or 0)
        if now_s - self._insisted_s.get(entry.id, 0) < _AGAIN_S or waited_s < _AGAIN_S:
            return
        self._insisted_s[entry.id] = now_s
        if entry.phase == "waiting" or waited_s > _END_S:
            call("scancel", "--quiet", entry.id)


def _array(job: Job) -> tuple[str, str]:
    """Return what jobs of one array have in common."""
    return (job.sweep or job.id, repr(job.request.slurm))


def _device(job: Job, entry: Entry) -> str:
    gpus = job.request.slurm.gpus if job.request.slurm else 0
    return f"{entry.node}, {gpus} GPU" if entry.node and gpus else entry.node


def _exit(job: Job, message: str) -> Exit:
    """Return how a job ended by what its keeper wrote; where it could not, by what the cluster says."""
    kept = read_exit(job.folder)
    if kept is not None:
        return kept
    if (job.folder / STOP_MARK).exists():
        return Exit(ended_s=time.time(), said={"event": "stopped", "reason": "asked to stop"})
    said = {"event": "failed", "message": message or f"see the log of its cluster job {job.executor_id}"}
    return Exit(ended_s=time.time(), cause="cluster", said=said)
