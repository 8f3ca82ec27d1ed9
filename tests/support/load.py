"""Make the machine and this interpreter as busy as plots and a training run would."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def saturated(n_processes: int = 2) -> Iterator[None]:
    """Run a thread that never lets go of this interpreter of its own accord, and CPU-bound processes."""
    done = threading.Event()
    thread = threading.Thread(target=_spin, args=(done,))
    argv = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(argv) for _ in range(n_processes)]
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for process in processes:
            process.kill()
            process.wait()


def _spin(done: threading.Event) -> None:
    while not done.is_set():
        sum(range(1000))
