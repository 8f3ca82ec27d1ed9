"""Ask the system to run audio before anything else. Where it refuses, playback goes on with more latency."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

_REALTIME_PRIORITY = 5
_HIGH_PRIORITY_CLASS = 0x80
_NICE = -15
_RTKIT = "org.freedesktop.RealtimeKit1"
_RTTIME_US = 200_000  # of processor time at a stretch; RealtimeKit lets nobody have more
_ANSWER_WITHIN_S = 2


def raise_priority() -> None:
    """Raise this process: on Linux its threads to real time, those that they start from now on included.

    PortAudio's thread is not alone on the way to a sound server; the server's client library has one too. On
    macOS and Windows the system runs PortAudio's thread in real time by itself.
    """
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), _HIGH_PRIORITY_CLASS)
        return
    if sys.platform != "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        return
    for thread_id in _threads():
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread_id, _NICE)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(thread_id, os.SCHED_RR, os.sched_param(_REALTIME_PRIORITY))


def lower_priority() -> None:
    """On Linux, take this process' threads out of real time."""
    if sys.platform == "linux":
        for thread_id in _threads():
            with contextlib.suppress(OSError):
                os.sched_setscheduler(thread_id, os.SCHED_OTHER, os.sched_param(0))


class RealtimeKit:
    """The service by which a Linux desktop lets a normal user's audio run in real time.

    It is asked through `dbus-send`, which comes with every D-Bus. Once it refuses or is not there, it is not
    asked again.
    """

    def __init__(self) -> None:
        self._answers = sys.platform == "linux"

    def raise_threads(self) -> None:
        """Have those threads of this process raised that are not in real time yet."""
        if sys.platform != "linux":
            return
        for thread_id in _threads():
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                policy = os.sched_getscheduler(thread_id) & ~os.SCHED_RESET_ON_FORK
                if self._answers and policy != os.SCHED_RR:
                    self._answers = _ask_rtkit(thread_id)


def _threads() -> list[int]:
    return [int(task.name) for task in Path("/proc/self/task").iterdir()]


def _ask_rtkit(thread_id: int) -> bool:
    import resource

    resource.setrlimit(resource.RLIMIT_RTTIME, (_RTTIME_US, _RTTIME_US))  # its condition
    argv = ["dbus-send", "--system", "--print-reply", f"--dest={_RTKIT}", f"/{_RTKIT.replace('.', '/')}"]
    argv += [f"{_RTKIT}.MakeThreadRealtimeWithPID", f"uint64:{os.getpid()}", f"uint64:{thread_id}"]
    try:
        done = subprocess.run(
            [*argv, f"uint32:{_REALTIME_PRIORITY}"], capture_output=True, timeout=_ANSWER_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
