"""Finding and halting the audio process of a player."""

from __future__ import annotations

import os
import signal
import subprocess
import time


def children(parent: int, named: str = "") -> list[int]:
    """Return the processes that `parent` has started and whose command contains `named`."""
    listing = subprocess.check_output(["ps", "-eo", "pid,ppid,args"], text=True)
    rows = [line.split(None, 2) for line in listing.splitlines()]
    return [int(pid) for pid, ppid, args in rows if ppid == str(parent) and named in args]


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
