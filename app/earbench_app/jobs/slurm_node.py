"""What runs on a cluster's node: a job's command with its keeper, and how it goes back into the queue.

SIGUSR2, which Slurm sends some time before a job's time is over and `scancel --signal` on request, asks the
command to end in good order. The job is then put back into the queue and goes on from what it has saved,
unless the mark in its folder says that it was stopped for good, or it has saved nothing: it would get no
further the next time either.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from submitit import JobEnvironment

from earbench_app.jobs import keeper
from earbench_app.jobs.slurm import STOP_MARK
from earbench_app.jobs.slurm_queue import call
from earbench_codecs.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from earbench_app.jobs.job import Job

_GRACE_S = 600.0  # what the cluster gives is less
_ASKED_TO_END = (signal.SIGTERM, 128 + signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended on its node.

    Parameters
    ----------
    code, signal : int, optional
    was_asked : bool
        By the cluster or its user, by SIGUSR2.
    """

    code: int | None
    signal: int | None
    was_asked: bool

    @property
    def in_good_order(self) -> bool:
        """Whether it ended as it was asked to."""
        return self.signal in _ASKED_TO_END or self.code in _ASKED_TO_END


def train(job: Job, make_command: Callable[[Job, str], list[str]]) -> None:
    """Train a job on this node, until it is done or the cluster wants the node back."""
    if (job.folder / STOP_MARK).exists():
        return
    before = _digest(job.last_checkpoint)
    ended = keep(make_command(_as_here(job), _device(job)), job.folder)
    if not (job.folder / STOP_MARK).exists():
        put_back(ended, job.folder, got_on=_digest(job.last_checkpoint) != before)
    finish(ended)


def evaluate(command: Sequence[str], folder: Path, rows: Path) -> None:
    """Compute some rows of an evaluation on this node.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        For its log and how it ended.
    rows : Path
        The file it adds rows to.
    """
    before = _digest(rows)
    ended = keep(command, folder)
    put_back(ended, folder, got_on=_digest(rows) != before)
    finish(ended)


def keep(command: Sequence[str], folder: Path) -> Ended:
    """Run a command to its end, with its log, and how it ended, in a folder.

    Raises
    ------
    OSError
        It cannot be started, or the folder cannot be written.
    """
    (folder / keeper.EXIT).unlink(missing_ok=True)
    kept = keeper.Keeper(folder, _GRACE_S, list(command))
    asked: list[int] = []
    number = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]

    def ask(*_: object) -> None:
        asked.append(number)
        signal.raise_signal(signal.SIGTERM)  # the keeper hands it on

    with _blocked(number):  # what is started here never gets it: it would end of it
        kept.start()
        signal.signal(number, ask)
    kept.keep()
    facts = json.loads((folder / keeper.EXIT).read_bytes())
    return Ended(facts["code"], facts["signal"], bool(asked))


def put_back(ended: Ended, folder: Path, *, got_on: bool) -> None:
    """Put this job back into the queue, where it ended because the cluster wants its node."""
    if not ended.in_good_order:
        return
    if _is_preempted() or (ended.was_asked and got_on):
        call("scontrol", "requeue", JobEnvironment().job_id)  # how this process ends no longer matters
    elif ended.was_asked:
        facts = json.loads((folder / keeper.EXIT).read_bytes())
        message = "the cluster's time for it was over before it had anything to save; ask for more time"
        facts |= {"code": 1, "signal": None, "said": {"event": "failed", "message": message}}
        write_atomically(folder / keeper.EXIT, [json.dumps(facts).encode()])


def finish(ended: Ended) -> None:
    """End as the command did; what was asked to end has not failed."""
    if ended.code != 0 and not ended.in_good_order:
        raise SystemExit(ended.code or 1)


def _as_here(job: Job) -> Job:
    """Return a job as it goes on here: a process for each GPU."""
    request = job.request
    count = max(request.n_processes, request.slurm.gpus if request.slurm else 0)
    return replace(job, request=replace(request, n_processes=count))


def _device(job: Job) -> str:
    if job.request.device != "auto":
        return job.request.device
    return "cuda" if job.request.slurm and job.request.slurm.gpus else "cpu"


def _is_preempted() -> bool:
    """Return whether the cluster has told this job to make room, and gives it time to do so."""
    shown = call("scontrol", "show", "job", os.environ["SLURM_JOB_ID"])
    when = re.search(r"\bPreemptTime=(\S+)", shown)
    is_running = re.search(r"\bJobState=RUNNING\b", shown) is not None
    return is_running and when is not None and when[1] not in ("None", "Unknown")


@contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
