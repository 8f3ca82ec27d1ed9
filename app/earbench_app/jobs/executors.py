"""What carries jobs out: this machine, or a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from earbench_app.jobs.job import Job, JobError


@dataclass(frozen=True, slots=True)
class Started:
    """What is known of a job once an executor has it.

    Parameters
    ----------
    phase : {"waiting", "running"}
        Whether it runs already; on a cluster it waits first.
    device : str
    executor_id : str
    pid : int, optional
    """

    phase: Literal["waiting", "running"] = "running"
    device: str = ""
    executor_id: str = ""
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a job's process ended.

    Parameters
    ----------
    code, signal : int, optional
        One of them, or neither where nothing is known.
    ended_s : float
        Seconds since 1970.
    cause : str
        "memory" where the system ended it for want of memory; "lost" where nobody saw its end; what an
        executor knows else, such as "time" or "node"; else empty.
    said : dict
        Its last event that tells how it went: `failed`, `finished` or `stopped`.
    log_tail : str
        The end of what it wrote to stderr.
    """

    code: int | None = None
    signal: int | None = None
    ended_s: float = 0.0
    cause: str = ""
    said: dict[str, Any] = field(default_factory=dict)
    log_tail: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How a job stands with its executor.

    Parameters
    ----------
    phase : {"waiting", "running", "ended"}
    exit : Exit, optional
        Where it ended.
    message : str
        What a user should know, such as why it waits.
    device : str
        Empty where unknown or as before.
    """

    phase: Literal["waiting", "running", "ended"]
    exit: Exit | None = None
    message: str = ""
    device: str = ""


class Executor(Protocol):
    """Starts, watches and stops jobs; keeps nothing in memory that their folders do not hold."""

    def start(self, queued: Sequence[Job], active: Sequence[Job]) -> Iterator[tuple[Job, Started | JobError]]:
        """Start those for which there is room, in order; yield each at once, or why it cannot be started.

        `queued` are all jobs of this executor that it does not have yet, `active` those it has. Called
        while the board is locked, so no two programs start the same job.
        """

    def look(self, job: Job) -> Look:
        """Return how a job stands that was started; quick, as it is called several times a second."""

    def stop(self, job: Job) -> None:
        """Ask a job to write a checkpoint and end; if it does not in time, the executor ends it.

        Raises
        ------
        JobError
            It cannot be asked.
        """
