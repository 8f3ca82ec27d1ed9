"""Hands functions to a Slurm cluster, through submitit; several at once as one array."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from earbench_app.jobs.job import JobError
from earbench_app.jobs.slurm_queue import no_slurm, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from earbench_app.jobs.job import SlurmOptions

_LONGEST_NOTICE_S = 120


def submit(
    functions: Sequence[Callable[[], None]],
    options: SlurmOptions,
    folder: Path,
    name: str,
    at_a_time: int | None = None,
) -> list[str]:
    """Submit functions; return their names on the cluster.

    Parameters
    ----------
    functions : sequence of callable
        They can be pickled, and what they need can be imported on the cluster's nodes.
    options : SlurmOptions
    folder : Path
        For submitit's files; the nodes must see it under the same path.
    name : str
        Shown by `squeue`.
    at_a_time : int, optional
        Of an array, how many run at once; as many as the cluster has room for without.

    Raises
    ------
    JobError
        There is no Slurm, it does not answer, or it refuses; in its own words.
    """
    for command in ("sbatch", "srun"):
        if shutil.which(command) is None:
            raise JobError(no_slurm(command))
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError

    executor = SlurmExecutor(folder / "%A")
    executor.update_parameters(**_parameters(options, name, at_a_time or len(functions)))
    try:
        jobs = executor.submit_array(list(functions))
    except FailedJobError as error:
        raise JobError(refusal(str(error)) or f"sbatch failed: {error}") from error
    except OSError as error:
        raise JobError(f"{folder}: cannot be written: {error.strerror}; make room") from error
    return [job.job_id for job in jobs]


def _parameters(options: SlurmOptions, name: str, at_a_time: int) -> dict[str, Any]:
    """Return what submitit asks the cluster for; what is not given is left to the cluster's defaults."""
    notice_s = min(_LONGEST_NOTICE_S, 60 * options.time_min // 4)
    given = {"job_name": name, "time": options.time_min, "signal_delay_s": notice_s}
    given |= {"array_parallelism": at_a_time, "additional_parameters": {"requeue": True}}
    if options.gpus:
        given["gpus_per_node"] = options.gpus
    wanted = {"partition": options.partition, "account": options.account}
    return given | {key: value for key, value in wanted.items() if value}
