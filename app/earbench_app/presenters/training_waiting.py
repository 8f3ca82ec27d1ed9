"""What a queued run waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.counting import counted
from earbench_app.jobs.job import ACTIVE, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.jobs.job import Job


def waits_for(job: Job, others: Sequence[Job]) -> str:
    """Return what a queued run waits for; nothing for another one."""
    if job.state is not State.QUEUED:
        return ""
    if job.request.executor == "slurm":
        return "waits in the cluster's queue"
    on_cpu = _on_cpu(job, others)
    there = [one.request.name for one in others if one.state in ACTIVE and _on_cpu(one) is on_cpu]
    where = "the CPU" if on_cpu else "a GPU"
    if not there:
        return f"waits to be started on {where}"
    has = f"{there[0]} has it" if len(there) == 1 else f"{counted(len(there), 'run')} go on there"
    return f"waits for a free place on {where}: {has}"


def _on_cpu(job: Job, others: Sequence[Job] = ()) -> bool:
    """Return whether a run is on the CPU, or would be by what others have."""
    device = job.device or job.request.device
    if device == "auto":
        return not any(one.device.startswith("cuda") for one in others)
    return device == "cpu"
