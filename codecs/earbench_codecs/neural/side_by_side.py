"""Work on several segments at a time, each on one thread.

To share out each of a network's small layers takes longer, many times so where processors are busy.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CPU = torch.device("cpu")
_MOST_WORKERS = 8
"""Each has the activations of a segment in memory."""


def n_workers(device: torch.device = _CPU) -> int:
    """Return how many threads there are to work on; one, off processors."""
    return min(torch.get_num_threads(), _MOST_WORKERS) if device.type == "cpu" else 1


@contextmanager
def on_one_thread_each(device: torch.device = _CPU) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give a `map` that calls a function side by side, each call on one thread; one by one off processors."""
    n_threads = torch.get_num_threads()
    if n_workers(device) == 1:
        yield map
        return
    with ThreadPoolExecutor(n_workers(), initializer=_take_one_thread) as pool:
        try:
            yield pool.map
        finally:
            torch.set_num_threads(n_threads)  # which workers set for threads to come, too


def _take_one_thread() -> None:
    torch.get_num_threads()  # else a thread's first operation undoes the next line
    torch.set_num_threads(1)
