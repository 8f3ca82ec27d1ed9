"""A run's file of events, read as it grows."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Event = dict[str, Any]

_AT_ONCE = 4 << 20  # bytes a read
_LONGEST_LINE = 1 << 20
_PROGRESS = b'{"event": "progress"'


class EventTail:
    """Reads the lines that were added to a file of events since the last time.

    Parameters
    ----------
    path : Path
        May be missing yet.
    sparse : bool
        Of progress events in a row, return only the last; much faster on long files.

    Attributes
    ----------
    n_restarts : int
        How often the file was found cut or replaced, and read from its beginning again.
    """

    def __init__(self, path: Path, sparse: bool = False) -> None:
        self.path = path
        self.n_restarts = 0
        self._sparse = sparse
        self._offset = 0
        self._inode = -1

    def read(self) -> list[Event]:
        """Return whole new lines as events, a few megabytes at once; what is no event is left out."""
        try:
            with self.path.open("rb") as file:
                self._find_place(file.fileno())
                file.seek(self._offset)
                content = file.read(_AT_ONCE)
        except OSError:
            return []
        whole = content.rfind(b"\n") + 1
        if not whole and len(content) > _LONGEST_LINE:
            whole = len(content)  # no event is so long
        self._offset += whole
        return list(self._events(content[:whole].splitlines()))

    def read_all(self) -> Iterator[Event]:
        """Yield all there is to read."""
        while events := self.read():
            yield from events

    def _find_place(self, number: int) -> None:
        stat = os.fstat(number)
        if self._inode not in (-1, stat.st_ino) or stat.st_size < self._offset:
            self._offset = 0
            self.n_restarts += 1
        self._inode = stat.st_ino

    def _events(self, lines: list[bytes]) -> Iterator[Event]:
        is_progress = [line.startswith(_PROGRESS) for line in lines] + [False]
        for line, is_one, goes_on in zip(lines, is_progress, is_progress[1:], strict=False):
            if self._sparse and is_one and goes_on:
                continue
            event = _parsed(line)
            if event is not None:
                yield event


def last_events(path: Path, n_bytes: int = 65536) -> list[Event]:
    """Return the events at the end of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - n_bytes))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    lines = lines[1:] if size > n_bytes else lines
    return [event for event in map(_parsed, lines) if event is not None]


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None
