"""The clip list: opening, reading in the background, choosing, removing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.making import inspect_clip, list_audio_files, load_clip
from earbench_app.audition.workspace import Clip
from earbench_app.views.protocols import ClipRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earbench_app.audition.making import ClipInfo
    from earbench_app.audition.workspace import Workspace
    from earbench_app.background.pool import ProcessPool, Task, WorkError
    from earbench_codecs.clip import AudioClip

MAX_CHANNELS = 2  # of a player that goes to headphones
_LISTING, _CURRENT, _INSPECTION = -2, -1, 2  # priorities: what is looked at comes first


class ClipList:
    """Reads files in the background; only the current clip's audio is kept in memory."""

    changed = Signal()
    loaded = Signal(object)  # AudioClip of the current clip
    unreadable = Signal(str)  # the current clip: why
    failed = Signal(str)

    def __init__(self, workspace: Workspace, quick: ProcessPool) -> None:
        self._workspace, self._quick = workspace, quick
        self._loading: Task | None = None
        self._loaded: Clip | None = None

    def open(self, paths: Sequence[Path], *, choose: bool = False) -> None:
        """List files and the audio files in folders; `choose` makes the first of them the current one."""
        self._quick.submit(
            list_audio_files,
            list(paths),
            done=partial(self._listed, choose),
            failed=lambda error: self.failed.emit(str(error)),
            priority=_LISTING,
        )

    def choose(self, clip: Clip | None) -> None:
        """Make a clip the current one; its audio follows with `loaded`."""
        if self._loading is not None:
            self._loading.cancel()
        self._workspace.current_clip, self._loaded, self._loading = clip, None, None
        self.changed.emit()
        if clip is not None and clip.info is not None:
            self._load(clip)
        elif clip is not None and clip.error:
            self.unreadable.emit(clip.error)

    def is_loaded(self, clip: Clip) -> bool:
        """Whether this is the clip in the player."""
        return clip is self._loaded

    def remove(self, clips: Sequence[Clip]) -> None:
        """Take clips off the list; a neighbour becomes current if the current one goes."""
        kept = [clip for clip in self._workspace.clips if clip not in clips]
        current = self._workspace.current_clip
        if current in clips:
            index = min(self._workspace.clips.index(current), len(kept)) if current else 0
            self._workspace.clips = kept
            self.choose(kept[min(index, len(kept) - 1)] if kept else None)
        else:
            self._workspace.clips = kept
            self.changed.emit()

    def restore(self, removed: Sequence[tuple[int, Clip]]) -> None:
        """Put clips back where they were."""
        for index, clip in removed:
            self._workspace.clips.insert(index, clip)
            if clip.info is None and not clip.error:
                self._inspect(clip)
        if self._workspace.current_clip is None:
            self.choose(removed[0][1])
        self.changed.emit()

    def rows(self) -> list[ClipRow]:
        """Return the lines of the list."""
        return [ClipRow(clip.id, clip.title, _detail(clip), clip.error) for clip in self._workspace.clips]

    def original_text(self) -> str:
        """Return what the table's first row says of the current clip."""
        clip = self._workspace.current_clip
        return _detail(clip) if clip else ""

    def _listed(self, choose: bool, files: list[Path]) -> None:
        there = {clip.path for clip in self._workspace.clips}
        new = [Clip(self._workspace.new_id(), path, path.stem) for path in files if path not in there]
        self._try_again([clip for clip in self._workspace.clips if clip.error and clip.path in files])
        if not files:
            self.failed.emit("No audio files there. Earbench reads WAV, FLAC, Ogg, Opus, MP3, M4A and AIFF.")
        self._workspace.clips += new
        for clip in new:
            self._inspect(clip)
        wanted = next((clip for clip in self._workspace.clips if choose and clip.path in files), None)
        if wanted is not None or (new and self._workspace.current_clip is None):
            self.choose(wanted or new[0])
        else:
            self.changed.emit()

    def _try_again(self, clips: Sequence[Clip]) -> None:
        for clip in clips:
            clip.info, clip.error = None, ""
            self._inspect(clip)

    def _inspect(self, clip: Clip) -> None:
        self._quick.submit(
            inspect_clip,
            clip.path,
            done=partial(self._inspected, clip),
            failed=partial(self._unreadable, clip),
            priority=_INSPECTION,
        )

    def _inspected(self, clip: Clip, info: ClipInfo) -> None:
        if info.n_channels > MAX_CHANNELS:
            many = f"it has {info.n_channels} channels; mix it down to stereo first"
            self._set_error(clip, f"{clip.path}: {many}")
            return
        clip.info = info
        if clip is self._workspace.current_clip:
            self._load(clip)
        self.changed.emit()

    def _unreadable(self, clip: Clip, error: WorkError) -> None:
        self._set_error(clip, str(error))

    def _set_error(self, clip: Clip, message: str) -> None:
        clip.error = message
        self.changed.emit()
        if clip is self._workspace.current_clip:
            self.unreadable.emit(message)

    def _load(self, clip: Clip) -> None:
        assert clip.info is not None

        def take(audio: AudioClip) -> None:
            self._loading, self._loaded = None, clip
            self.loaded.emit(audio)

        self._loading = self._quick.submit(
            load_clip,
            clip.path,
            clip.info.sha256,
            done=take,
            failed=partial(self._unreadable, clip),
            priority=_CURRENT,
        )


def _detail(clip: Clip) -> str:
    if clip.error:
        return "cannot be read"
    if clip.info is None:
        return "reading…"
    channels = {1: "mono", 2: "stereo"}.get(clip.info.n_channels, f"{clip.info.n_channels} channels")
    return f"{_length(clip.info.duration_s)} · {clip.info.sample_rate_hz / 1000:g} kHz · {channels}"


def _length(duration_s: float) -> str:
    if duration_s < 0.1:
        return f"{1000 * duration_s:.2g} ms"
    minutes, tenths = divmod(round(10 * duration_s), 600)
    return f"{minutes}:{tenths / 10:04.1f}"
