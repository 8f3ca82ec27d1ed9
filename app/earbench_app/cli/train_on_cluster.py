"""`earbench train --cluster`: submits a job, and follows it till it ends or the user has seen enough."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import typer

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.event_tail import EventTail
from earbench_app.jobs.job import JobError, State
from earbench_app.settings import jobs_dir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earbench_app.jobs.job import Job, TrainRequest

LOOK_EVERY_S = 1.0
_ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.PAUSED})


def train_on_cluster(request: TrainRequest, run: Path, resume: bool, display: Callable[..., None]) -> Job:
    """Submit a run, or resume it, and follow it; return its job as it ended.

    Parameters
    ----------
    request : TrainRequest
    run : Path
        Becomes a link to the job's folder.
    resume : bool
    display : callable
        Takes the events.

    Raises
    ------
    JobError
        It cannot be submitted, or it failed; says why.
    """
    board = JobBoard(jobs_dir())
    job = _resumed(board, request, run) if resume else _submitted(board, request, run)
    try:
        ended = _follow(board, job, display)
    except KeyboardInterrupt:
        typer.echo(
            f"job {job.id} goes on: `earbench jobs` shows how it stands, "
            f"`earbench jobs cancel {job.id}` ends it",
            err=True,
        )
        raise
    if ended.state is State.FAILED and not (resume or ended.executor_id):
        board.delete(ended.id)  # the cluster did not take it: nothing has come of it
        run.unlink()
    if ended.state is State.FAILED:
        raise JobError(f"{run}: {ended.message}")
    return ended


def _submitted(board: JobBoard, request: TrainRequest, run: Path) -> Job:
    if not request.data.is_dir():
        raise JobError(f"{request.data}: there is no such folder")
    if run.exists() or run.is_symlink():
        raise JobError(f"{run}: is there already; go on with --resume, or choose another folder")
    job = board.submit(request)
    try:
        run.parent.mkdir(parents=True, exist_ok=True)
        run.symlink_to(job.folder, target_is_directory=True)
    except OSError as error:
        board.delete(job.id)
        raise JobError(f"{run}: cannot be made: {error.strerror}; choose another folder") from error
    return job


def _resumed(board: JobBoard, request: TrainRequest, run: Path) -> Job:
    folder = run.resolve()
    if folder.parent != board.root.resolve():
        raise JobError(f"{run}: is no job of the cluster; go on with it without --cluster")
    job = board.job(folder.name)
    others = [f.name for f in fields(request) if getattr(request, f.name) != getattr(job.request, f.name)]
    if others:
        raise JobError(f"{run}: its job has another {', '.join(others)}; it is resumed as it was submitted")
    return board.resume(job.id)


def _follow(board: JobBoard, job: Job, display: Callable[..., None]) -> Job:
    """Show what a job says from now on; return it when it has ended."""
    tail = EventTail(job.events)
    for _ in tail.read_all():
        pass  # of earlier starts
    message = ""
    display("notice", message=f"job {job.id} is submitted")
    while True:
        board.poll()
        job = board.job(job.id)
        for event in tail.read_all():
            _show(event, display)
        if job.message not in ("", message) and job.state not in _ENDED:
            message = job.message
            display("notice", message=message)
        if job.state in _ENDED:
            return job
        time.sleep(LOOK_EVERY_S)


def _show(event: dict[str, Any], display: Callable[..., None]) -> None:
    display(event["event"], **{key: value for key, value in event.items() if key != "event"})
