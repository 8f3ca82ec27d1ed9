"""Ask the system to run audio before anything else. Where it refuses, playback goes on without."""

from __future__ import annotations

import contextlib
import os
import sys

_NICE = -15
_REALTIME_PRIORITY = 5


def raise_process_priority() -> None:
    """Raise this process, and the threads it starts from now on."""
    if sys.platform == "win32":
        import ctypes

        high_priority_class = 0x80
        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), high_priority_class)
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def raise_thread_priority() -> None:
    """Run the calling thread in real time; on macOS and Windows PortAudio has seen to it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            parameter = os.sched_param(_REALTIME_PRIORITY)
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, parameter)
