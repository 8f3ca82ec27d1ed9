"""Signals that end a run in good order."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ECHO_S = 5.0
"""A cluster signals all processes of a run, and torchrun hands the same signal on to each."""


class StopSignals:
    """Notes SIGINT and SIGTERM while it is entered; one that comes seconds later acts as it would without.

    Call it to ask whether one came; `number` is that signal's, or 0.

    Parameters
    ----------
    told : callable
        Called at once when the first comes, between any two instructions of the program.
    echo_s : float
        What comes sooner after it is its echo.
    """

    def __init__(self, told: Callable[[], None] = lambda: None, echo_s: float = _ECHO_S) -> None:
        self.number = 0
        self._told, self._echo_s = told, echo_s
        self._first_s = 0.0
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}

    def __call__(self) -> bool:
        """Return whether a signal came."""
        return self.number != 0

    def __enter__(self) -> StopSignals:
        for number in _SIGNALS:
            signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if not self.number:
            self.number, self._first_s = number, time.monotonic()
            self._told()
        elif time.monotonic() - self._first_s > self._echo_s:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
