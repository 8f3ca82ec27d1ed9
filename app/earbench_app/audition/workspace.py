"""The clips and versions on the audition page, and what is known of each clip's each version."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from earbench_app.audition.cache import Figures
    from earbench_app.audition.making import ClipInfo
    from earbench_app.background.pool import Task
    from earbench_codecs.base import Setting


class State(StrEnum):
    """How far one version of one clip is."""

    WAITING = "waiting"
    ENCODING = "encoding"
    READY = "ready"
    ERROR = "error"
    CANCELLED = "cancelled"


@dataclass(eq=False)
class Clip:
    """One file of the list. `info` is None until it has been read, and stays so where `error` says why."""

    id: int
    path: Path
    title: str
    info: ClipInfo | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A codec at a setting, for all clips. `color` is its place in the palette, kept for life.

    `checkpoint_sha256` is that of a neural codec: its name may change hands, its checkpoint does not.
    `checkpoint` is its file where it is not among the codecs, as of a run: it is made only of the clip that
    is looked at, as the next one comes soon.
    """

    id: int
    codec: str
    title: str
    setting: Setting
    color: int
    checkpoint_sha256: str | None = None
    checkpoint: Path | None = None


@dataclass(eq=False)
class Result:
    """One version of one clip."""

    state: State = State.WAITING
    message: str = ""
    figures: Figures | None = None
    task: Task | None = None


@dataclass
class Workspace:
    """Lists in the order shown; ids are never used again, so a late result can find no wrong row.

    `reserved_colors` are of what was in the table and may come back: nothing else gets them.
    """

    clips: list[Clip] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    results: dict[tuple[int, int], Result] = field(default_factory=dict)
    current_clip: Clip | None = None
    reserved_colors: set[int] = field(default_factory=set)
    _n_ids: int = 0

    def new_id(self) -> int:
        """Return an id that was never given before."""
        self._n_ids += 1
        return self._n_ids

    def clip(self, clip_id: int) -> Clip | None:
        """Return a clip of the list, or None if it has gone."""
        return next((clip for clip in self.clips if clip.id == clip_id), None)

    def version(self, version_id: int) -> Version | None:
        """Return a version of the table, or None if it has gone."""
        return next((version for version in self.versions if version.id == version_id), None)

    def result(self, version: Version) -> Result | None:
        """Return what is known of a version of the current clip."""
        return self.results.get((self.current_clip.id, version.id)) if self.current_clip else None

    def free_color(self) -> int:
        """Return the first place in the palette that no version of the table has."""
        taken = {version.color for version in self.versions} | self.reserved_colors
        return next(color for color in range(len(taken) + 1) if color not in taken)

    def missing(self) -> Iterator[tuple[Clip, Version]]:
        """Return what has no result yet, the current clip first."""
        current = self.current_clip
        for clip in sorted(self.clips, key=lambda clip: clip is not current):
            if clip.info is not None:
                for version in self.versions:
                    wanted = version.checkpoint is None or clip is current
                    if wanted and (clip.id, version.id) not in self.results:
                        yield clip, version

    def forget(self, clip_ids: Sequence[int] = (), version_ids: Sequence[int] = ()) -> None:
        """Cancel and drop the unfinished results of clips or versions; finished ones stay for an undo."""
        for (clip_id, version_id), result in list(self.results.items()):
            gone = clip_id in clip_ids or version_id in version_ids
            if gone and result.state is not State.READY:
                if result.task is not None:
                    result.task.cancel()
                del self.results[clip_id, version_id]


def wav_name(clip: Clip, version: Version) -> str:
    """Return what a version of a clip is saved as."""
    safe = "".join(
        char if char.isalnum() or char in "-_." else "_" for char in f"{clip.title}_{version.title}"
    )
    return f"{safe}.wav"
