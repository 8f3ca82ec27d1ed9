"""Time as a session sees it; a simulation brings its own."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The date, for the record, and seconds that never jump, for durations."""

    def now(self) -> datetime:
        """Return the date and time in UTC."""

    def monotonic_s(self) -> float:
        """Return seconds since some moment."""


class SystemClock:
    """The computer's clocks."""

    def now(self) -> datetime:
        """Return the date and time in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds since some moment; not moved when the date is set."""
        return time.monotonic()
