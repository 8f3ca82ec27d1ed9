"""Jobs on this machine: a queue with one job a GPU, or a few on the CPU."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earbench_app.jobs import keeper
from earbench_app.jobs.command import command
from earbench_app.jobs.devices import Places, gpu_numbers
from earbench_app.jobs.executors import Exit, Look, Started
from earbench_app.jobs.gpu import GpuReader, torch_has_cuda
from earbench_app.jobs.job import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from earbench_app.jobs.gpu import Gpu
    from earbench_app.jobs.job import Job

_START_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Kept:
    """Who is who of a job's processes, as its keeper wrote it; each with when it was started."""

    host: str
    pid: int
    start: str
    child: int
    child_start: str

    @property
    def is_there(self) -> bool:
        """Whether the keeper lives."""
        return keeper.process_start(self.pid) == self.start

    @property
    def child_is_there(self) -> bool:
        """Whether the job's own process lives."""
        return keeper.process_start(self.child) == self.child_start


class LocalExecutor:
    """Runs jobs on this machine, each with a keeper that outlives this program; see `keeper`.

    Parameters
    ----------
    n_cpu_jobs : int
        How many may run on the CPU at once.
    grace_s : float
        How long a job may take to end in good order.
    make_command : callable
        Of a job and a device, as its process sees it.
    read_gpus : callable
        Returns the GPUs there are.
    then : sequence of str
        A command that is run whenever a job has ended, such as one that starts the next.
    """

    def __init__(
        self,
        n_cpu_jobs: int = 1,
        grace_s: float = 60.0,
        make_command: Callable[[Job, str], list[str]] = command,
        read_gpus: Callable[[], tuple[Gpu, ...]] | None = None,
        then: Sequence[str] = (),
    ) -> None:
        self.n_cpu_jobs = n_cpu_jobs
        self.grace_s = grace_s
        self._make_command = make_command
        self._read_gpus = read_gpus or _usable_gpus_reader()
        self._then = then

    def start(self, queued: Sequence[Job], active: Sequence[Job]) -> Iterator[tuple[Job, Started | JobError]]:
        """Start jobs for which there is room, oldest first."""
        if not queued:
            return
        gpus = self._read_gpus()
        places = Places(gpus, self.n_cpu_jobs, [job.device for job in active])
        for job in queued:
            try:
                device = places.take(job)
                if device is not None:
                    yield job, self._start(job, device, gpus)
            except JobError as error:
                yield job, error

    def look(self, job: Job) -> Look:
        """Return whether a job's process is there, or how it ended."""
        end = read_exit(job.folder)
        if end is not None:
            return Look("ended", end)
        kept = _read_facts(job.folder)
        if kept is not None and kept.is_there:
            return Look("running", message=_warning(job))
        if kept is not None and kept.child_is_there:
            return Look("running", message="its keeper was ended by somebody; it is ending too")
        return Look("ended", read_exit(job.folder) or Exit(ended_s=time.time(), cause="lost"))

    def stop(self, job: Job) -> None:
        """Ask a job to write a checkpoint and end; after `grace_s` its keeper ends it."""
        kept = _read_facts(job.folder)
        if kept is None:
            return
        pid = kept.pid if kept.is_there else kept.child
        if kept.is_there or kept.child_is_there:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _start(self, job: Job, device: str, gpus: Sequence[Gpu]) -> Started:
        kept = _read_facts(job.folder)
        runs = kept is not None and kept.is_there and read_exit(job.folder) is None
        if not runs:  # else the program that started it died before it could note that
            for name in (keeper.EXIT, keeper.FACTS):
                (job.folder / name).unlink(missing_ok=True)
            self._run_keeper(job, device, gpus)
            kept = _read_facts(job.folder)
        return Started(device=device, pid=kept.pid if kept is not None else None)

    def _run_keeper(self, job: Job, device: str, gpus: Sequence[Gpu]) -> None:
        if sys.platform == "win32":
            raise JobError("runs go on without a window on Linux and macOS only; use `earbench train` here")
        numbers = gpu_numbers(device)
        uuids = [gpu.uuid for gpu in gpus if gpu.index in numbers]
        options = json.dumps({"folder": str(job.folder), "grace_s": self.grace_s, "then": [*self._then]})
        visible = f"CUDA_VISIBLE_DEVICES={','.join(uuids)}"
        wanted = self._make_command(job, "cuda" if numbers else "cpu")
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", keeper.__file__, options, "env", visible, *wanted],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_START_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise JobError(f"{job.folder}: cannot be started: {error}; resume it") from error
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip()
            raise JobError(f"{job.folder}: cannot be started: {reason}; mend that and resume it")


def _usable_gpus_reader() -> Callable[[], tuple[Gpu, ...]]:
    reader = GpuReader()
    return lambda: reader.read() if torch_has_cuda() else ()


def _read_facts(folder: Path) -> Kept | None:
    try:
        return Kept(**json.loads((folder / keeper.FACTS).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def read_exit(folder: Path) -> Exit | None:
    """Return how the process of a job's folder ended, as its keeper wrote it; None before that."""
    try:
        return Exit(**json.loads((folder / keeper.EXIT).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Exit(ended_s=time.time(), cause="lost")


def _warning(job: Job) -> str:
    """Return what a user should know of a job that runs."""
    if not job.request.data.exists():
        return (
            f"{job.request.data} has gone; the run goes on with its decoded copy, and needs the folder back "
            "when it is resumed"
        )
    return ""
