"""Lets the codecs of a run be heard while it trains: as versions on the audition page, and from here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.demo import demo_paths
from earbench_app.audition.run_checkpoints import describe_codec
from earbench_app.audition.workspace import State, Version
from earbench_app.notifications import Level, Notice
from earbench_app.presenters.training_blind_test import BlindTests
from earbench_app.presenters.training_rows import metric_title, metric_unit
from earbench_app.views.listen_protocols import CheckpointRow, ListenState
from earbench_app.views.protocols import Heard
from earbench_codecs.base import Setting
from earbench_codecs.setting import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.background.pool import ProcessPool, WorkError
    from earbench_app.jobs.history import CheckpointSeen
    from earbench_app.jobs.job import Job
    from earbench_app.presenters.audition import AuditionPresenter
    from earbench_app.presenters.checkpoints import CheckpointShelf
    from earbench_app.views.listen_protocols import ListenView
    from earbench_codecs.base import CodecInfo

N_VERSIONS = 4
"""Checkpoints that stay on the audition page, beside those of another run."""
_N_KEYS = 10
"""The keys 1 to 9 choose the latest checkpoints."""
_BESIDE = ("mp3", "opus")
_CODES = ("listenable", "exported")
_NOTHING_YET = "Nothing to hear yet: the first codec comes with the first validation of the last stage."
_STATES = {
    State.WAITING: "waiting",
    State.ENCODING: "decoding…",
    State.READY: "",
    State.CANCELLED: "cancelled",
}


class ListenPresenter:
    """Carries checkpoints of the run in front to the audition page, and what is heard there back.

    Parameters
    ----------
    view : ListenView
    audition : AuditionPresenter
        Has the clips, makes the versions, and plays.
    workers : ProcessPool
        Reads files.
    shelf : CheckpointShelf
        Of the user's own checkpoints.

    Attributes
    ----------
    tests : BlindTests
        Of two checkpoints.
    shown_requested : Signal
        (): the audition page.
    """

    shown_requested = Signal()

    def __init__(
        self, view: ListenView, audition: AuditionPresenter, workers: ProcessPool, shelf: CheckpointShelf
    ) -> None:
        self._view, self._audition, self._workers, self._shelf = view, audition, workers, shelf
        self._job: Job | None = None
        self._seen: tuple[CheckpointSeen, ...] = ()
        self._best_step = -1
        self._versions: dict[str, int] = {}  # path → version
        self._coming: set[str] = set()  # paths that a worker reads
        self._followed: set[str] = set()  # jobs
        self._wanted: str | None = None  # to be heard when it is a version
        self._last_heard: str | None = None
        self.tests = BlindTests(workers, shelf, view.show_notice)
        self._shown: ListenState | None = None
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        view, audition = self._view, self._audition
        view.clip_chosen.connect(audition.choose_clip)
        view.demo_requested.connect(self._open_demo)
        view.paths_given.connect(self._open)
        view.follow_switched.connect(self._follow)
        view.checkpoint_chosen.connect(self.hear)
        view.original_chosen.connect(self._hear_original)
        view.switch_requested.connect(self._switch)
        view.play_toggled.connect(audition.playback.toggle_play)
        view.shown_requested.connect(lambda: self.shown_requested.emit())
        view.test_requested.connect(self._request_test)
        view.test_cancelled.connect(self.tests.cancel)
        view.publish_requested.connect(self._publish)
        view.ticked.connect(self._tick)
        audition.versions_shown.connect(self.refresh)
        audition.maker.changed.connect(lambda _: self.refresh())
        audition.clips.changed.connect(self.refresh)
        audition.playback.heard_changed.connect(self.refresh)
        audition.codecs.listed.connect(self._codecs_listed)

    def show_front(self, job: Job | None, seen: Sequence[CheckpointSeen]) -> None:
        """Take the run in front and the checkpoints it told of; of a run that is followed, add the newest."""
        before = {one.path for one in self._seen} if job and self._job and job.id == self._job.id else set()
        self._job = job
        self._best_step = max((one.step for one in seen if one.kind == "best"), default=-1)
        codecs = [one for one in seen if one.kind in _CODES]
        self._seen = tuple(sorted(codecs, key=lambda one: (one.step, one.kind == "listenable"), reverse=True))
        if job is not None and job.id in self._followed and self._seen:
            newest = max(self._seen, key=lambda one: one.time_s)
            if newest.path not in before:
                self._add(newest)
        self.refresh()

    def hear(self, path: str) -> None:
        """Hear a checkpoint, as soon as it is decoded."""
        seen = next((one for one in self._seen if one.path == path), None)
        if seen is None:
            return
        self._wanted = path
        if self._version(path) is None:
            self._add(seen)
        else:
            self._audition.choose_version(self._versions[path])

    def refresh(self) -> None:
        """Show what there is to hear, where it is new."""
        workspace = self._audition.workspace
        clip = workspace.current_clip
        heard = self._heard_path()
        if heard:
            self._last_heard = heard
        state = ListenState(
            tuple((one.id, one.title) for one in workspace.clips),
            clip.id if clip else None,
            tuple(self._row(place, seen) for place, seen in enumerate(self._seen, 1)),
            heard,
            self._job is not None and self._job.id in self._followed,
            "" if self._seen or self._job is None else _NOTHING_YET,
            self._job.request.name if self._job else "",
        )
        if state != self._shown:
            self._shown = state
            self._view.show_state(state)

    # Clips and sound ---------------------------------------------------------------------------------

    def _open_demo(self) -> None:
        self._audition.clips.open(demo_paths(), choose=True)

    def _open(self, paths: Sequence[Path]) -> None:
        self._audition.clips.open(paths, choose=True)

    def _hear_original(self) -> None:
        self._wanted = None
        self._audition.choose_version(None)

    def _switch(self) -> None:
        """From the checkpoint to the original; from there to the one heard last, or the latest."""
        if self._heard_path():
            self._hear_original()
            return
        there = [one.path for one in self._seen]
        if there:
            self.hear(self._last_heard if self._last_heard in there else there[0])

    def _heard_path(self) -> str | None:
        playback = self._audition.playback
        version_id = (playback.wanted or playback.heard).version_id
        if version_id is None:
            return None
        return next((path for path, there in self._versions.items() if there == version_id), "")

    def _tick(self) -> None:
        status = self._audition.playback.status()
        self._view.show_playing(status.playing, status.position_s)

    # Checkpoints as versions -------------------------------------------------------------------------

    def _follow(self, on: bool) -> None:
        if self._job is None:
            return
        if on:
            self._followed.add(self._job.id)
            if self._seen:
                self._add(max(self._seen, key=lambda one: one.time_s))
        else:
            self._followed.discard(self._job.id)
        if on and not self._audition.workspace.clips:
            self._open_demo()
        self.refresh()

    def _add(self, seen: CheckpointSeen) -> None:
        if self._job is None or self._version(seen.path) is not None or seen.path in self._coming:
            return
        if not self._audition.workspace.clips:
            self._open_demo()
        self._coming.add(seen.path)
        self._workers.submit(
            describe_codec,
            Path(seen.path),
            done=partial(self._described, seen, self._titles()[seen.path]),
            failed=partial(self._not_described, seen),
            priority=-1,
        )

    def _described(self, seen: CheckpointSeen, title: str, info: CodecInfo) -> None:
        self._coming.discard(seen.path)
        workspace = self._audition.workspace
        color, setting = workspace.free_color(), checked(info, Setting())
        path = Path(seen.path)
        version = Version(workspace.new_id(), info.name, title, setting, color, info.sha256, path)
        workspace.versions.append(version)
        self._versions[seen.path] = version.id
        self._audition.maker.start()
        self._audition.show_versions()
        self._add_beside(seen.kbps)  # made after what was asked for
        if self._wanted == seen.path:
            self._audition.choose_version(version.id)
        self._make_room()

    def _not_described(self, seen: CheckpointSeen, error: WorkError) -> None:
        self._coming.discard(seen.path)
        self._view.show_notice(Notice(str(error), Level.ERROR))

    def _add_beside(self, kbps: float | None) -> None:
        """Put MP3 and Opus beside the first checkpoint, at the rates nearest to its own."""
        codecs, versions = self._audition.codecs, self._audition.workspace.versions
        missing = [codec for codec in _BESIDE if all(version.codec != codec for version in versions)]
        near = [codecs.near(codec, kbps) for codec in missing if kbps]
        if any(near):
            self._audition.add_versions([choice for choice in near if choice is not None])

    def _make_room(self) -> None:
        """Take the oldest checkpoints off the table, but not what is heard or waited for."""
        playback = self._audition.playback
        spared = {heard.version_id for heard in (playback.heard, playback.wanted or Heard())}
        there = [version for path in self._versions if (version := self._version(path)) is not None]
        old = [version for version in there[:-1] if version.id not in spared]
        self._audition.take_away(old[: max(0, len(there) - N_VERSIONS)])

    def _version(self, path: str) -> Version | None:
        version_id = self._versions.get(path)
        return None if version_id is None else self._audition.workspace.version(version_id)

    def _row(self, place: int, seen: CheckpointSeen) -> CheckpointRow:
        key = str(place) if place < _N_KEYS else ""
        plain = CheckpointRow(
            seen.path, _step_text(seen), _figures(seen), best=seen.step == self._best_step, key=key
        )
        version = self._version(seen.path)
        if version is None:
            return replace(plain, state="reading…" if seen.path in self._coming else "")
        row = self._audition.maker.row(self._audition.workspace.versions.index(version), version)
        kbps = f"{row.figures.bitrate_kbps:.1f}" if row.figures else ""
        state = row.message or _STATES.get(row.state, "")
        return replace(plain, file_kbps=kbps, color=version.color, state=state)

    # What is made of them ----------------------------------------------------------------------------

    def _request_test(self, paths: Sequence[str]) -> None:
        clip, titles = self._audition.workspace.current_clip, self._titles()
        if len(paths) != 2 or clip is None or not titles.keys() >= set(paths):
            self._view.show_notice(Notice("A blind test needs a clip and two checkpoints: choose both."))
            return
        self.tests.make([(path, titles[path]) for path in paths], clip)

    def _titles(self) -> dict[str, str]:
        """Return what the checkpoints are called away from this page, by path."""
        return {one.path: f"{self._job.request.name} {_step_text(one)}" for one in self._seen if self._job}

    def _codecs_listed(self, codecs: list[CodecInfo]) -> None:
        self.refresh()
        self.tests.codecs_listed(codecs)

    def _publish(self, path: str, name: str) -> None:
        self._shelf.publish(
            Path(path),
            name.strip(),
            done=lambda: self._view.show_published(""),
            failed=lambda error: self._view.show_published(str(error)),
        )


def _step_text(seen: CheckpointSeen) -> str:
    return f"step {seen.step:,}" if seen.kind == "listenable" else "finished"


def _figures(seen: CheckpointSeen) -> str:
    parts = [f"{seen.kbps:.1f} kbps"] if seen.kbps else []
    for name, value in seen.metrics:
        if value is not None:
            parts.append(f"{metric_title(name)} {value:.2f} {metric_unit(name)}".strip())
    return "   ".join(parts)
