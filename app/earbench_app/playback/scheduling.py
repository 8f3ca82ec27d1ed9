"""Ask the system to run audio before anything else. Where it refuses, playback goes on without."""

from __future__ import annotations

import contextlib
import os
import sys

_REALTIME_PRIORITY = 5
_HIGH_PRIORITY_CLASS = 0x80
_NICE = -15


def raise_priority() -> None:
    """Raise this process: on Linux to real time, threads that it starts from now on included.

    PortAudio's thread is not alone on the way to a sound server; the server's client library has one too. On
    macOS and Windows the system runs PortAudio's thread in real time by itself.
    """
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), _HIGH_PRIORITY_CLASS)
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_REALTIME_PRIORITY))
