"""Processes and what they start in turn: a group of their own on Linux and macOS, a tree on Windows."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

import psutil


def lead_group() -> None:
    """Make this process the head of a group, so that `end_group` takes along what it starts."""
    if sys.platform != "win32":
        os.setpgid(0, 0)


def give_way(niceness: int) -> None:
    """Let processes come first that are not as nice; on Windows, all of usual priority."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(niceness)


def end_group(pid: int) -> None:
    """End a process that leads a group, and what it started, at once; nothing where it has ended."""
    if sys.platform == "win32":
        _end_tree(pid)
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Return whether there is a process of that number."""
    return psutil.pid_exists(pid)


def _end_tree(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        head = psutil.Process(pid)
        for process in (head, *head.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
