"""Messages shown in place on a page: what failed, on what, and what to do. Nothing here is modal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a message matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Parameters
    ----------
    text : str
    level : Level
    action : str
        Label of a button beside it, such as ``Undo``; empty for none. The view reports its press.
    """

    text: str
    level: Level = Level.INFO
    action: str = ""
