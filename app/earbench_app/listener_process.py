"""Starts the listener's window as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_running: list[subprocess.Popen[bytes]] = []


def launch_listener(folder: Path) -> None:
    """Open the listener's window on a study; it outlives the workbench. Raises OSError."""
    _running[:] = [process for process in _running if process.poll() is None]  # reaps those that ended
    argv = [sys.executable, "-m", "earbench_app", "listen", str(folder)]
    _running.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True))
