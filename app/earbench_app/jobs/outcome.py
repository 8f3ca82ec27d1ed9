"""What became of a job, from how its process ended and what it said last."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from earbench_app.jobs.job import State

if TYPE_CHECKING:
    from earbench_app.jobs.executors import Exit
    from earbench_app.jobs.job import Job


def outcome(job: Job, end: Exit) -> tuple[State, str]:
    """Return the state a job ends in, and what a user should know of it."""
    said = str(end.said.get("event", ""))
    if said == "finished":
        return State.DONE, ""
    if job.state is State.CANCELLING:
        return State.CANCELLED, ""
    stopped = end.code == 128 + signal.SIGTERM or end.signal == signal.SIGTERM
    if job.state is State.PAUSING or stopped:
        return State.PAUSED, ""
    if end.code == 0:
        return State.DONE, f"ended at its {end.said.get('reason', 'end')}; resume goes on from there"
    return State.FAILED, str(end.said.get("message") or end.log_tail)
