"""Jobs on this machine: a queue with one job a GPU, or a few on the CPU."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from earbench_app.jobs.command import command
from earbench_app.jobs.executors import Exit, Look, Started

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from earbench_app.jobs.job import Job, JobError


class LocalExecutor:
    """Runs jobs on this machine.

    Parameters
    ----------
    n_cpu_jobs : int
        How many may run on the CPU at once.
    """

    def __init__(self, n_cpu_jobs: int = 1) -> None:
        self.n_cpu_jobs = n_cpu_jobs
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, queued: Sequence[Job], active: Sequence[Job]) -> Iterator[tuple[Job, Started | JobError]]:
        """Start jobs for which there is room."""
        for job in queued[: max(0, self.n_cpu_jobs - len(active))]:
            with job.log.open("ab") as log:
                child = subprocess.Popen(
                    command(job, "cpu"), stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
                )
            self._children[job.id] = child
            yield job, Started(device="cpu", pid=child.pid)

    def look(self, job: Job) -> Look:
        """Return whether a job's process is there."""
        child = self._children.get(job.id)
        if child is None:
            return Look("ended", Exit(ended_s=time.time(), cause="lost"))
        code = child.poll()
        return Look("running") if code is None else Look("ended", Exit(code, ended_s=time.time()))

    def stop(self, job: Job) -> None:
        """Ask a job's process to end."""
        os.kill(self._children[job.id].pid, signal.SIGTERM)
