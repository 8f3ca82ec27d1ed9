"""Which clip checkpoints are heard with: the one that was chosen last, else a bundled one that suits them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from earbench_app.audition.demo import demo_paths

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from earbench_app.presenters.audition import AuditionPresenter
    from earbench_app.settings import Settings


class ListenClips:
    """Opens clips, and finds one of a coder's rate where nobody has chosen another.

    Parameters
    ----------
    audition : AuditionPresenter
    settings : Settings
        The clip that was chosen last is there.
    """

    def __init__(self, audition: AuditionPresenter, settings: Settings) -> None:
        self._audition, self._settings = audition, settings
        self._bundled = demo_paths()
        self._rates_hz: Collection[int] = ()  # of a coder that a clip is looked for
        audition.clips.changed.connect(self._look)

    def open(self, paths: Sequence[Path]) -> None:
        """Open what was dropped; its first clip is chosen."""
        self._settings.clip = str(paths[0])
        self._audition.clips.open(paths, choose=True)

    def open_bundled(self) -> None:
        """Open the bundled clips, and the one that was chosen last, which is heard if it is there still."""
        last = Path(self._settings.clip)
        first = [last] if last.is_file() else []
        self._audition.clips.open([*first, *self._bundled], choose=True)

    def prefer(self, rates_hz: Collection[int]) -> None:
        """Go to a clip of one of these rates, unless somebody has chosen the one that is heard."""
        self._rates_hz = rates_hz
        self._look()

    def _look(self) -> None:
        workspace = self._audition.workspace
        current = workspace.current_clip
        if not self._rates_hz or current is None:
            return
        chosen = current.path not in self._bundled or str(current.path) == self._settings.clip
        if chosen or self._audition.playback.status().playing:
            self._rates_hz = ()
            return
        read = [clip for clip in workspace.clips if clip.info is not None]
        suited = [clip for clip in read if clip.info and clip.info.sample_rate_hz in self._rates_hz]
        if current in read and (suited or len(read) == len(workspace.clips)):
            self._rates_hz = ()
            if suited and current not in suited:
                self._audition.clips.choose(suited[0])
