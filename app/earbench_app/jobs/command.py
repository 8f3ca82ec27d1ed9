"""The command line of a job's process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from earbench_app.jobs.history import read_history
from earbench_app.settings import cache_dir

if TYPE_CHECKING:
    from earbench_app.jobs.job import Job

_LEAST_MIN = 0.01
TORCHRUN = ("-m", "torch.distributed.run", "--standalone")


def command(job: Job, device: str) -> list[str]:
    """Return the command that trains a job on a device, as its process sees it ("auto", "cpu", "cuda").

    It goes on from the job's last checkpoint where there is one, for what is left of its time box.
    """
    request = job.request
    program = [sys.executable, "-m", "earbench_codecs.training"]
    if request.n_processes > 1:
        count = f"--nproc-per-node={request.n_processes}"
        program = [sys.executable, *TORCHRUN, count, "-m", "--", "earbench_codecs.training"]
    given: dict[str, object] = {
        "--data": request.data,
        "--run": job.folder,
        "--cache": cache_dir() / "corpora",
    }
    given |= {"--device": device, "--name": request.name}
    given |= {"--max-steps": request.max_steps, "--max-minutes": _minutes_left(job)}
    pairs = [[name, str(value)] for name, value in given.items() if value is not None]
    resume = ["--resume"] if job.last_checkpoint.is_file() else []
    return [*program, str(job.recipe), *(part for pair in pairs for part in pair), "--log", *resume]


def _minutes_left(job: Job) -> float | None:
    """Return what is left of a job's time box; all of it where this ended the job, or nothing is kept."""
    minutes = job.request.max_minutes
    if minutes is None or not job.last_checkpoint.is_file():
        return minutes
    return max(minutes - read_history(job.events, sparse=True).box_used_s / 60, _LEAST_MIN)
