"""Makes what is missing of clips × versions in the background and keeps the results."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.making import VersionJob, export_version, make_version
from earbench_app.audition.workspace import Clip, Result, State, Version
from earbench_app.background.progress import Batch
from earbench_app.views.protocols import VersionRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from earbench_app.audition.cache import Figures
    from earbench_app.audition.workspace import Workspace
    from earbench_app.background.pool import ProcessPool, Task, WorkError
    from earbench_codecs.clip import AudioClip

_CURRENT_FIRST, _OTHERS = 0, 1
CANCELLED_MESSAGE = "Cancelled. Double-click or press Enter to encode it."


class VersionMaker:
    """Queues the missing results, the current clip's first.

    Parameters
    ----------
    workspace : Workspace
    encoders : ProcessPool
        Does the encoding.
    quick : ProcessPool
        Fetches audio from the cache, so that what is to be heard does not queue behind encodes.
    cache_folder : Path
    limit_bytes : int
        Size the cache is trimmed to.
    """

    changed = Signal(Version)  # of the current clip
    ready = Signal(Version)  # of the current clip
    progressed = Signal()
    unkept = Signal(str)  # why the cache cannot be written

    def __init__(
        self,
        workspace: Workspace,
        encoders: ProcessPool,
        quick: ProcessPool,
        cache_folder: Path,
        limit_bytes: int,
    ) -> None:
        self._workspace = workspace
        self._encoders, self._quick = encoders, quick
        self._cache = (cache_folder, limit_bytes)
        self.batch = Batch("encoding")

    def start(self) -> None:
        """Queue whatever has no result, and put the current clip's work first."""
        for clip, version in self._workspace.missing():
            self._queue(clip, version)
        current = self._workspace.current_clip
        for (clip_id, _), result in self._workspace.results.items():
            if result.task is not None:
                first = current is not None and clip_id == current.id
                result.task.priority = _CURRENT_FIRST if first else _OTHERS
        self.progressed.emit()

    def retry(self, version: Version) -> None:
        """Encode again what failed or was cancelled, for every clip."""
        for clip in self._workspace.clips:
            result = self._workspace.results.get((clip.id, version.id))
            if result is not None and result.state in (State.ERROR, State.CANCELLED):
                del self._workspace.results[clip.id, version.id]
        self.start()
        self.changed.emit(version)

    def cancel_all(self) -> None:
        """Stop all encoding; the rows say so."""
        for (_, version_id), result in self._workspace.results.items():
            if result.task is not None:
                result.task.cancel()
                self._end(result, State.CANCELLED, CANCELLED_MESSAGE)
                self._tell(version_id)
        self.progressed.emit()

    def forget(self, clip_ids: Sequence[int] = (), version_ids: Sequence[int] = ()) -> None:
        """Drop the unfinished work of clips or versions that leave the lists."""
        results = self._workspace.results
        n_before = sum(result.task is not None for result in results.values())
        self._workspace.forget(clip_ids, version_ids)
        self.batch.finish(n_before - sum(result.task is not None for result in results.values()))
        self.progressed.emit()

    def revise(self, version: Version) -> None:
        """Let go of what was made of a version before its setting changed; `start` makes it anew."""
        self.forget(version_ids=[version.id])
        for key in [key for key in self._workspace.results if key[1] == version.id]:
            del self._workspace.results[key]

    def fetch(
        self, clip: Clip, version: Version, done: Callable[[AudioClip], None], failed: Callable[[str], None]
    ) -> Task:
        """Get the audio of a version that is ready."""

        def take(made: tuple[Figures, AudioClip]) -> None:
            done(made[1])

        return self._quick.submit(
            make_version,
            _job(clip, version),
            *self._cache,
            True,
            done=take,
            failed=lambda error: failed(str(error)),
        )

    def export(
        self,
        clip: Clip,
        version: Version,
        path: Path,
        done: Callable[[Path], None],
        failed: Callable[[WorkError], None],
    ) -> None:
        """Write a version to a WAV file."""
        self._quick.submit(export_version, *self.source(clip, version), path, done=done, failed=failed)

    def source(self, clip: Clip, version: Version) -> tuple[VersionJob, Path, int]:
        """Return what a worker needs to get at a version: the job, and the cache with its limit in bytes."""
        return _job(clip, version), *self._cache

    def row(self, index: int, version: Version) -> VersionRow:
        """Return what the table shows of a version of the current clip."""
        clip = self._workspace.current_clip
        result = self._workspace.result(version) or Result()
        if clip is not None and clip.error:
            result = Result(State.ERROR, "the clip cannot be read")
        key = str((index + 1) % 10) if index < 10 else ""
        return VersionRow(
            version.id, key, version.color, version.title, result.state, result.message, result.figures
        )

    def _queue(self, clip: Clip, version: Version) -> None:
        result = Result()
        self._workspace.results[clip.id, version.id] = result
        result.task = self._encoders.submit(
            make_version,
            _job(clip, version),
            *self._cache,
            False,
            started=partial(self._started, result, version.id),
            done=partial(self._done, result, version.id),
            failed=partial(self._failed, result, version.id),
            priority=_OTHERS,
        )
        self.batch.add()

    def _started(self, result: Result, version_id: int) -> None:
        result.state = State.ENCODING
        self._tell(version_id)

    def _done(self, result: Result, version_id: int, made: tuple[Figures, None]) -> None:
        result.figures = made[0]
        if made[0].unkept:
            self.unkept.emit(made[0].unkept)
        self._end(result, State.READY, "")
        self._tell(version_id)
        version = self._workspace.version(version_id)
        if version is not None and self._workspace.result(version) is result:
            self.ready.emit(version)
        self.progressed.emit()

    def _failed(self, result: Result, version_id: int, error: WorkError) -> None:
        self._end(result, State.ERROR, str(error))
        self._tell(version_id)
        self.progressed.emit()

    def _end(self, result: Result, state: State, message: str) -> None:
        result.state, result.message, result.task = state, message, None
        self.batch.finish()

    def _tell(self, version_id: int) -> None:
        if (version := self._workspace.version(version_id)) is not None:
            self.changed.emit(version)


def _job(clip: Clip, version: Version) -> VersionJob:
    assert clip.info is not None  # only clips that were read are encoded
    codec = version.codec, version.setting, version.checkpoint_sha256, version.checkpoint
    return VersionJob(clip.path, clip.info.sha256, *codec)
