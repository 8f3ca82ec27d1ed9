"""Which part of a clip is coded at once when a bitrate changes, and what is found out before one does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from earbench_app.audition.recoding import Span, learn_part, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from earbench_app.audition.workspace import Version, Workspace
    from earbench_app.background.pool import ProcessPool, Task, WorkError
    from earbench_app.presenters.audition_codecs import CodecShelf
    from earbench_app.presenters.audition_playback import AuditionPlayback
    from earbench_app.presenters.audition_versions import VersionMaker
    from earbench_app.views.protocols import AuditionView

LONGEST_SELECTION_S, LONGEST_VIEW_S = 10.0, 5.0
"""Of what is coded at once; of a longer one, so much from just before the playhead."""
_BEFORE_S = 0.5
_LATER = 1  # of priorities


class PartChooser:
    """The part that is listened to: the selection, else the clip, else what is seen of it."""

    def __init__(self, view: AuditionView, playback: AuditionPlayback) -> None:
        self._view, self._playback = view, playback

    @property
    def steady(self) -> bool:
        """Whether it does not move with the playhead."""
        start_s, end_s, longest_s = self._bounds()
        return 0 < end_s - start_s <= longest_s

    def span(self) -> Span | None:
        """Return it; of a long one, what comes now. None without a clip."""
        original = self._playback.audio_of(None)
        if original is None:
            return None
        start_s, end_s, longest_s = self._bounds()
        if end_s - start_s > longest_s:
            position_s = self._playback.status().position_s
            start_s = min(max(start_s, position_s - _BEFORE_S), end_s - longest_s)
            end_s = start_s + longest_s
        return Span.of(start_s, end_s, original.sample_rate_hz, original.n_samples)

    def _bounds(self) -> tuple[float, float, float]:
        """Return start and end in seconds, and how much of it is coded at once."""
        original, region_s = self._playback.audio_of(None), self._playback.region_s
        if region_s is not None:
            return *region_s, LONGEST_SELECTION_S
        duration_s = original.duration_s if original else 0.0
        if duration_s > LONGEST_VIEW_S and self._view.view_s[1] > self._view.view_s[0]:
            return *self._view.view_s, LONGEST_VIEW_S
        return 0.0, duration_s, LONGEST_VIEW_S


class Readiness:
    """Has codecs loaded, and learns what the selection costs at which gain, while nothing else is asked.

    Parameters
    ----------
    workspace : Workspace
    codecs : CodecShelf
    maker : VersionMaker
    playback : AuditionPlayback
    chooser : PartChooser
    recoder : ProcessPool
    """

    def __init__(
        self,
        workspace: Workspace,
        codecs: CodecShelf,
        maker: VersionMaker,
        playback: AuditionPlayback,
        chooser: PartChooser,
        recoder: ProcessPool,
    ) -> None:
        self._workspace, self._codecs, self._maker = workspace, codecs, maker
        self._playback, self._chooser, self._recoder = playback, chooser, recoder
        self._task: Task | None = None
        self._known: set[object] = set()

    def prepare(self) -> None:
        """Learn one thing after the other, a little at a time, so that a change need not wait long."""
        clip, span = self._workspace.current_clip, self._chooser.span()
        if self._task is not None or clip is None or span is None:
            return
        for version in self._changeable():
            job = self._maker.source(clip, version)[0]
            codec = version.codec, version.checkpoint_sha256, replace(version.setting, kbps=None)
            key = (*codec, job.clip_sha256, span) if self._chooser.steady else codec
            if key not in self._known:
                if self._chooser.steady:
                    self._submit(key, learn_part, job, span)
                else:
                    self._submit(key, warm_up, job)
                return

    def stop(self) -> None:
        """Do without what is being learned."""
        if self._task is not None:
            self._task.drop()
            self._task = None

    def _submit(self, key: object, work: Callable[..., object], *arguments: object) -> None:
        def learned(more: bool | None) -> None:
            self._task = None
            if not more:
                self._known.add(key)
            self.prepare()

        def refused(error: WorkError) -> None:
            del error  # it is told when the rate is changed
            self._task = None
            self._known.add(key)

        self._task = self._recoder.submit(work, *arguments, done=learned, failed=refused, priority=_LATER)

    def _changeable(self) -> Iterator[Version]:
        """Return the versions to be ready for: those that take long to load, and the one that is heard."""
        heard_id = self._playback.heard.version_id
        there = [version for version in self._workspace.versions if self._playback.has(version.id)]
        for version in sorted(there, key=lambda version: version.id != heard_id):
            info = self._codecs.any_rate(version)
            if info is not None and (info.kind == "neural" or version.id == heard_id):
                yield version
