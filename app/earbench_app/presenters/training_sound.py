"""What is said of what sounds on the training page: it may be another run's, or no checkpoint at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from earbench_app.audition.workspace import Workspace
    from earbench_app.presenters.audition_playback import AuditionPlayback


def unlisted_text(playback: AuditionPlayback, workspace: Workspace, listed: Collection[int]) -> str:
    """Return what sounds, or would on play, where that is neither the original nor one of the list.

    Parameters
    ----------
    playback : AuditionPlayback
    workspace : Workspace
    listed : collection of int
        Versions that have a line.
    """
    heard = playback.heard
    version = None if heard.version_id is None else workspace.version(heard.version_id)
    if version is None:
        return ""
    if heard.difference:
        part = "the audible part of " if heard.audible else ""
        return f"▶ {part}the difference of {version.title} from the original"
    return "" if version.id in listed else f"▶ {version.title}, which is not in this list"


def level_text(playback: AuditionPlayback) -> str:
    """Return how much softer what sounds is played than it is, where it would be over full scale."""
    heard = playback.heard
    level = playback.level(heard.version_id)
    return level.note if level and level.lowered_db and not heard.difference else ""
