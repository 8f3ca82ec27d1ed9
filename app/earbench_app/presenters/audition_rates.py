"""Bitrates changed while listening: the selection is coded anew at once, the whole clip after it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from earbench_app.audition.recoding import HeardPart, PartFigures, Span, hear_part, measure_part, spliced
from earbench_app.audition.workspace import State, Version
from earbench_app.presenters.audition_readiness import PartChooser, Readiness
from earbench_app.views.protocols import RateRange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.audition.workspace import Clip, Workspace
    from earbench_app.background.pool import ProcessPool, Task, WorkError
    from earbench_app.presenters.audition_clips import ClipList
    from earbench_app.presenters.audition_codecs import CodecShelf
    from earbench_app.presenters.audition_playback import AuditionPlayback
    from earbench_app.presenters.audition_versions import VersionMaker
    from earbench_app.views.protocols import AuditionView, VersionRow
    from earbench_codecs.clip import AudioClip

SETTLED_AFTER_S = 1.0
"""Since the last change; then the whole clip is coded."""
STEADY_AFTER_S = 0.3
"""Since the selection, or what is heard, changed; then it is made ready for."""
_FIRST = -1  # of priorities


@dataclass(eq=False)
class Part:
    """A part that is at a new bitrate before the whole clip is."""

    clip: Clip
    version: Version
    span: Span
    heard: HeardPart
    whole: AudioClip
    rest_kbps: float
    measured: PartFigures | None = None
    tasks: list[Task] = field(default_factory=list)


class AuditionRates:
    """Changes the bitrates of versions.

    One part is coded at a time, by a worker that keeps codecs loaded and knows before it is asked what the
    selection costs at which gain. Of what is asked for meanwhile, the newest wins.

    Parameters
    ----------
    view : AuditionView
    workspace : Workspace
    clips : ClipList
    codecs : CodecShelf
    maker : VersionMaker
    playback : AuditionPlayback
    recoder : ProcessPool
        Of one process, for this alone.
    encoders : ProcessPool
        Measures parts in real bytes.
    remember : callable
        Takes what undoes a change.
    clock : callable
        Seconds.
    """

    revised = Signal(int)  # version id: nothing that was made of it holds any more
    changed = Signal(Version)  # its row
    measured = Signal(int)  # version id
    failed = Signal(str)

    def __init__(
        self,
        view: AuditionView,
        workspace: Workspace,
        clips: ClipList,
        codecs: CodecShelf,
        maker: VersionMaker,
        playback: AuditionPlayback,
        recoder: ProcessPool,
        encoders: ProcessPool,
        remember: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace, self._clips, self._codecs, self._maker = workspace, clips, codecs, maker
        self._playback, self._recoder, self._encoders = playback, recoder, encoders
        self._chooser = PartChooser(view, playback)
        self._readiness = Readiness(workspace, codecs, maker, playback, self._chooser, recoder)
        self._remember, self._clock = remember, clock
        self._wishes: dict[int, Version] = {}
        self._coming: Version | None = None  # is being coded
        self._task: Task | None = None
        self._parts: dict[int, Part] = {}
        self._dragged: int | None = None
        self._undoable: set[int] = set()  # versions whose way back is remembered
        self._encode_at_s = self._prepare_at_s = np.inf
        view.rate_dragged.connect(partial(self._ask, dragging=True))
        view.rate_chosen.connect(partial(self._ask, dragging=False))
        maker.ready.connect(self._whole_ready)
        for signal in (playback.region_changed, playback.audio_changed, playback.heard_changed):
            signal.connect(self._prepare_soon)

    def part(self, version_id: int) -> Part | None:
        """Return the part of a version that alone is at its bitrate; None if all of it is."""
        return self._parts.get(version_id)

    def row(self, version: Version) -> VersionRow:
        """Return the row of a version with its slider, and with what holds for a part only."""
        row = self._maker.row(self._workspace.versions.index(version), version)
        row = replace(row, level=self._playback.level_note(version.id))
        info = self._codecs.any_rate(version)
        if info is not None:
            at = self._wishes.get(version.id, version)
            if self._coming is not None and self._coming.id == version.id:
                at = self._wishes.get(version.id, self._coming)
            rates = info.bitrates_kbps
            row = replace(row, rate=RateRange(at.setting.kbps or 0.0, min(rates), max(rates), rates))
        part = self._parts.get(version.id)
        if part is None:
            return row
        figures = part.measured.figures if part.measured else None
        return replace(row, figures=figures, part=_said(part, row.state))

    def tick(self) -> None:
        """Do what waited until the user has come to rest; called at each repaint."""
        now_s = self._clock()
        if now_s >= self._encode_at_s and self._dragged is None:
            self._encode_at_s = np.inf
            self._undoable.clear()
            self._maker.start()
        if now_s >= self._prepare_at_s:
            self._prepare_at_s = np.inf
            self._follow_selection()
            self._readiness.prepare()

    def leave(self, version_ids: Sequence[int]) -> None:
        """Let go of versions that leave the table."""
        for version_id in version_ids:
            self._wishes.pop(version_id, None)
            self._undoable.discard(version_id)
            self._drop_part(version_id)
        if self._coming is not None and self._coming.id in version_ids:
            self._stop_coding()

    def leave_clip(self) -> None:
        """Let go of the clip that was heard; rates that were chosen hold all the same."""
        coming = [] if self._coming is None else [self._coming]
        for version in (*coming, *self._wishes.values()):
            self._commit(version)
        self._wishes.clear()
        self._stop_coding()
        for version_id in list(self._parts):
            self._drop_part(version_id)
        self._readiness.stop()

    # Asking ------------------------------------------------------------------------------------------

    def _ask(self, version_id: int, kbps: float, *, dragging: bool) -> None:
        self._dragged = version_id if dragging else None
        version = self._workspace.version(version_id)
        wanted = None if version is None else self._codecs.at_rate(version, kbps)
        if version is None or wanted is None:
            return
        if wanted.setting != version.setting and version_id not in self._undoable:
            self._undoable.add(version_id)
            self._remember(partial(self._go_back, version_id, version.setting.kbps or 0.0))
        if self._heard_clip() is not None and self._playback.has(version_id):
            self._wishes[version_id] = wanted
            self._code_next()
        elif wanted.setting != version.setting:
            self._commit(wanted)
            self.changed.emit(wanted)

    def _go_back(self, version_id: int, kbps: float) -> None:
        self._undoable.add(version_id)  # the way back is not itself to be undone
        self._ask(version_id, kbps, dragging=False)
        self._undoable.discard(version_id)

    def _heard_clip(self) -> Clip | None:
        """Return the current clip if it is the one in the player."""
        clip = self._workspace.current_clip
        return clip if clip is not None and self._clips.is_loaded(clip) else None

    def _code_next(self) -> None:
        while self._task is None and self._wishes:
            _, wanted = self._wishes.popitem()
            clip, version = self._heard_clip(), self._workspace.version(wanted.id)
            span, part = self._chooser.span(), self._parts.get(wanted.id)
            if clip is None or version is None or span is None:
                continue
            if wanted.setting == version.setting and (part is None or part.span.covers(span)):
                self._come_to_rest(wanted.id)
                continue
            self._coming = wanted
            self._task = self._recoder.submit(
                hear_part,
                self._maker.source(clip, wanted)[0],
                span,
                done=partial(self._arrived, clip, wanted, span),
                failed=partial(self._refused, wanted),
                priority=_FIRST,
            )

    def _stop_coding(self) -> None:
        if self._task is not None:
            self._task.drop()
        self._task = self._coming = None

    # What comes --------------------------------------------------------------------------------------

    def _arrived(self, clip: Clip, wanted: Version, span: Span, heard: HeardPart) -> None:
        self._task = self._coming = None
        newer = self._wishes.get(wanted.id)
        if newer is not None and newer.setting == wanted.setting:
            del self._wishes[wanted.id]
            newer = None
        if newer is None or self._dragged == wanted.id:
            self._put_in(clip, wanted, span, heard)
        self._code_next()

    def _put_in(self, clip: Clip, wanted: Version, span: Span, heard: HeardPart) -> None:
        version, before = self._workspace.version(wanted.id), self._parts.get(wanted.id)
        whole = before.whole if before else self._playback.audio_of(wanted.id)
        if version is None or whole is None or clip is not self._heard_clip():
            self._commit(wanted)
            return
        rest_kbps = before.rest_kbps if before else version.setting.kbps or 0.0
        self._drop_part(wanted.id)
        if wanted.setting != version.setting:
            self._commit(wanted)
        self._parts[wanted.id] = Part(clip, wanted, span, heard, whole, rest_kbps)
        self._show(wanted, spliced(whole, heard.clip, span))
        self._come_to_rest(wanted.id)

    def _show(self, version: Version, audio: AudioClip) -> None:
        self.revised.emit(version.id)
        self._playback.revise(version.id, audio)
        self.changed.emit(version)

    def _refused(self, wanted: Version, error: WorkError) -> None:
        self._task = self._coming = None
        self.failed.emit(str(error))
        version = self._workspace.version(wanted.id)
        if version is not None:
            self.changed.emit(version)  # the slider goes back
        self._code_next()

    def _commit(self, wanted: Version) -> None:
        """Make it the version's setting; what was made of it before is let go of."""
        versions = self._workspace.versions
        index = next((i for i, one in enumerate(versions) if one.id == wanted.id), None)
        if index is not None:
            self._maker.revise(wanted)
            versions[index] = wanted
            self._encode_at_s = self._clock() + SETTLED_AFTER_S

    def _come_to_rest(self, version_id: int) -> None:
        """Count the part's bytes unless the slider is still moving; the whole clip has to wait."""
        part = self._parts.get(version_id)
        if part is None or self._dragged == version_id:
            return
        self._encode_at_s = self._clock() + SETTLED_AFTER_S
        if not part.tasks:
            part.tasks.append(
                self._encoders.submit(
                    measure_part,
                    self._maker.source(part.clip, part.version)[0],
                    part.span,
                    part.heard,
                    done=partial(self._take_figures, part),
                    failed=lambda error: self.failed.emit(str(error)),
                    priority=_FIRST,
                )
            )

    def _take_figures(self, part: Part, measured: PartFigures) -> None:
        part.measured = measured
        self.changed.emit(part.version)
        self.measured.emit(part.version.id)

    def _whole_ready(self, version: Version) -> None:
        part = self._parts.get(version.id)
        if part is not None:
            take = partial(self._take_whole, part)
            part.tasks.append(self._maker.fetch(part.clip, version, take, self.failed.emit))

    def _take_whole(self, part: Part, audio: AudioClip) -> None:
        version = self._workspace.version(part.version.id)
        if version is not None and self._parts.get(version.id) is part:
            self._drop_part(version.id)
            self._show(version, audio)

    def _drop_part(self, version_id: int) -> None:
        part = self._parts.pop(version_id, None)
        for task in part.tasks if part else ():
            task.drop()

    def _prepare_soon(self) -> None:
        self._prepare_at_s = self._clock() + STEADY_AFTER_S

    def _follow_selection(self) -> None:
        """Have what is selected now at the rate of the version that is heard, where only another part is."""
        part, span = self._parts.get(self._playback.heard.version_id or 0), self._chooser.span()
        if part is None or span is None or self._playback.region_s is None or part.span.covers(span):
            return
        if self._coming is None and part.version.id not in self._wishes:
            self._wishes[part.version.id] = part.version
            self._code_next()


def _said(part: Part, state: State) -> str:
    """Return which part is at the rate, and what becomes of the rest; nothing where the part is all."""
    span, whole = part.span, part.whole
    if span.start == 0 and span.stop == whole.n_samples:
        return ""
    rate_hz = whole.sample_rate_hz
    which = f"Only {span.start / rate_hz:.2f} to {span.stop / rate_hz:.2f} s is at "
    which += f"{part.version.setting.kbps:g} kbps, its figures too; the rest is still at {part.rest_kbps:g}"
    ends = {State.CANCELLED: ": double-click to encode it", State.ERROR: ""}
    return which + ends.get(state, ", being encoded" if state is State.ENCODING else " for a moment")
