"""Finding and halting the audio process of a player."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Run a program beside a test, which waits for its end; where the test fails, at once."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def children(parent: int, named: str = "") -> list[int]:
    """Return the processes that `parent` has started and whose command contains `named`."""
    found = []
    for child in psutil.Process(parent).children():
        with suppress(psutil.NoSuchProcess):
            if named in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


def audio_processes(parent: int) -> list[int]:
    """Return the audio processes that `parent` has started."""
    return children(parent, "playback.process")


def audio_process(parent: int) -> int:
    """Return the process id of the only one."""
    (pid,) = audio_processes(parent)
    return pid


def halt(pid: int, seconds: float) -> None:
    """Keep a process from running, as a machine that is too busy would."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process."""
    return os.path.exists(f"/proc/{pid}")
