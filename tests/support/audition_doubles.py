"""Stand-ins for the audition's surroundings: a view that records, a pool that a test finishes by hand."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import numpy as np
from psygnal import SignalInstance

from earbench_app.audition.cache import Figures
from earbench_app.background.pool import Task, WorkError
from earbench_app.views.protocols import AuditionView, WindowView
from earbench_codecs.clip import AudioClip

if TYPE_CHECKING:
    from collections.abc import Callable

# How many values each out-signal carries; the others carry one.
_N_VALUES = {
    **dict.fromkeys(
        (
            "undo_requested",
            "difference_requested",
            "play_toggled",
            "stop_requested",
            "loop_toggled",
            "ticked",
        ),
        0,
    ),
    **dict.fromkeys(("closed", "devices_opening", "cancel_requested"), 0),
    **dict.fromkeys(("export_chosen", "test_requested", "rate_dragged", "rate_chosen"), 2),
    "peaks_requested": 0,
}


def view_double(protocol: type = AuditionView) -> Mock:
    """Return a mock that has only what the protocol has, with real signals."""
    view = Mock(spec=protocol)
    for name, member in vars(protocol).items():
        if name == "view_s":
            view.view_s = (0.0, 0.0)
        elif isinstance(member, property):
            setattr(view, name, SignalInstance((object,) * _N_VALUES.get(name, 1), name=name))
    return view


def window_double() -> Mock:
    """Return a mock of the frame."""
    return view_double(WindowView)


@dataclass
class HandPool:
    """Looks like a ProcessPool; nothing runs until the test says so."""

    tasks: list[Task] = field(default_factory=list)

    def submit(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        done: Callable[[Any], None],
        failed: Callable[[WorkError], None],
        started: Callable[[], None] = lambda: None,
        priority: int = 0,
    ) -> Task:
        task = Task(function, arguments, done, failed, started, priority)
        self.tasks.append(task)
        return task

    def waiting(self, name: str = "") -> list[Task]:
        """Tasks not cancelled, those of one function, in the order a pool would run them."""
        tasks = [t for t in self.tasks if not t.cancelled and name in ("", t.function.__name__)]
        return sorted(tasks, key=lambda task: task.priority)

    def finish(self, task: Task, value: Any) -> None:
        self.tasks.remove(task)
        if not task.cancelled:
            task.started()
            task.done(value)

    def fail(self, task: Task, message: str) -> None:
        self.tasks.remove(task)
        task.started()
        task.failed(WorkError(message))

    def run_all(self, name: str = "") -> None:
        """Run tasks here and now, also those they lead to."""
        while tasks := self.waiting(name):
            self.finish(tasks[0], tasks[0].function(*tasks[0].arguments))

    def close(self) -> None:
        self.tasks.clear()


class Now:
    """Looks like LatestOnly; computes at once."""

    def request(self, key: str, function: Callable[[], Any], done: Callable[[Any], None]) -> None:
        done(function())

    def drop(self, key: str) -> None:
        pass

    def close(self) -> None:
        pass


class Inbox:
    """What is posted from other threads, run here when the test waits."""

    def __init__(self) -> None:
        self._posted: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def post(self, function: Callable[[], None]) -> None:
        self._posted.put(function)

    def n_posted(self) -> int:
        return self._posted.qsize()

    def run_until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        end_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end_s, "it did not happen in time"
            try:
                self._posted.get(timeout=0.02)()
            except Empty:
                continue


def tone(seconds: float = 2.0, level: float = 0.25, n_channels: int = 1, seed: int = 0) -> AudioClip:
    """Return noisy sines at 16 kHz, other ones for each seed."""
    rate_hz = 16_000
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    rng = np.random.default_rng(seed)
    channels = [
        level * np.sin(2 * np.pi * (300 + 50 * seed + 100 * c) * t) + 0.01 * rng.standard_normal(len(t))
        for c in range(n_channels)
    ]
    return AudioClip(np.array(channels, np.float32), rate_hz)


def figures(**changes: Any) -> Figures:
    """Return plausible figures."""
    values = {"n_bytes": 16000, "bitrate_kbps": 64.0, "encode_rtf": 0.02, "decode_rtf": 0.01, "sdr_db": 12.5}
    return Figures(**{**values, **changes})
