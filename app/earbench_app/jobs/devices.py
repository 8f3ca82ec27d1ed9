"""Which device of this machine a job gets: one job a GPU, a few on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.jobs.job import JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from earbench_app.jobs.gpu import Gpu
    from earbench_app.jobs.job import Job


class Places:
    """What is free for jobs; each job placed takes its share.

    Parameters
    ----------
    gpus : sequence of Gpu
        That torch can use.
    n_cpu_jobs : int
        How many may run on the CPU at once.
    taken : iterable of str
        Devices of the jobs that run.
    """

    def __init__(self, gpus: Sequence[Gpu], n_cpu_jobs: int, taken: Iterable[str]) -> None:
        taken = list(taken)
        ours = {number for device in taken for number in gpu_numbers(device)}
        self._known = [gpu.index for gpu in gpus]
        self._free = [gpu.index for gpu in gpus if gpu.has_room and gpu.index not in ours]
        self._n_cpu = n_cpu_jobs - taken.count("cpu")

    def take(self, job: Job) -> str | None:
        """Return the device a job gets, None where it has to wait.

        GPUs that a waiting job needs are kept for it, so that smaller jobs do not overtake it for ever.

        Raises
        ------
        JobError
            This machine does not have what it asks for.
        """
        wanted, count = job.request.device, job.request.n_processes
        if wanted == "cpu" or (wanted == "auto" and not self._known):
            self._n_cpu -= 1
            return "cpu" if self._n_cpu >= 0 else None
        numbers = self._numbers(wanted, count)
        chosen = [number for number in self._free if number in numbers][:count]
        self._free = [number for number in self._free if number not in chosen]
        return "cuda:" + ",".join(map(str, chosen)) if len(chosen) == count else None

    def _numbers(self, wanted: str, count: int) -> list[int]:
        """Return the GPUs a job could have."""
        numbers = gpu_numbers(wanted) or self._known
        if missing := sorted(set(numbers) - set(self._known)):
            raise JobError(f"there is no GPU {missing[0]} here, or torch cannot use it; choose auto or cpu")
        if not numbers:
            raise JobError("there is no GPU here that torch can use; choose auto or cpu")
        if count > len(numbers):
            there = f"{len(numbers)} GPU{'s' * (len(numbers) != 1)}"
            raise JobError(f"{count} processes need a GPU each, and there are {there}; lower their number")
        return numbers


def gpu_numbers(device: str) -> list[int]:
    """Return the GPUs of a device such as "cuda:0,2"; none for others."""
    _, _, numbers = device.partition("cuda:")
    return [int(number) for number in numbers.split(",") if number.isdigit()]
