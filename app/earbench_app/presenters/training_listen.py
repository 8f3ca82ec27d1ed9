"""Lets the codecs of a run be heard while it trains: as versions on the audition page, and from here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.run_checkpoints import describe_codec
from earbench_app.audition.workspace import State, Version
from earbench_app.notifications import Level, Notice
from earbench_app.presenters.checkpoint_texts import figures_text, files_text, is_within, kept_text
from earbench_app.presenters.training_blind_test import BlindTests
from earbench_app.presenters.training_clips import ListenClips
from earbench_app.presenters.training_held import HeldFiles
from earbench_app.presenters.training_slots import Slots, latest
from earbench_app.presenters.training_sound import level_text, unlisted_text
from earbench_app.presenters.training_uses import GONE, CheckpointUses
from earbench_app.settings import Settings
from earbench_app.views.listen_protocols import CheckpointRow, ListenState
from earbench_app.views.protocols import Heard
from earbench_codecs.base import Setting
from earbench_codecs.setting import checked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from earbench_app.background.pool import ProcessPool, WorkError
    from earbench_app.presenters.audition import AuditionPresenter
    from earbench_app.presenters.checkpoints import CheckpointShelf
    from earbench_app.presenters.training_slots import Runs, Slot
    from earbench_app.views.listen_protocols import ListenView
    from earbench_app.views.protocols import VersionRow
    from earbench_codecs.base import CodecInfo

N_VERSIONS = 4
"""Checkpoints that stay on the audition page, beside those of another run."""
_BESIDE = ("mp3", "opus")
_NOTHING_YET = "Nothing to hear yet: the first codec comes with the first validation of the last stage."
_COMING = (State.WAITING, State.ENCODING)
_STATES = {
    State.WAITING: "waiting",
    State.ENCODING: "decoding…",
    State.READY: "",
    State.CANCELLED: "cancelled",
}


class ListenPresenter:
    """Carries checkpoints of the runs that are looked at to the audition page, and what is heard there back.

    Parameters
    ----------
    view : ListenView
    audition : AuditionPresenter
        Has the clips, makes the versions, and plays.
    workers : ProcessPool
        Reads files.
    shelf : CheckpointShelf
        Of the user's own checkpoints.
    held : Path
        Folder for what is listed, so that no run deletes it before it is heard.
    settings : Settings, optional
        The clip, and which runs are followed, are kept there.

    Attributes
    ----------
    tests : BlindTests
        Of two checkpoints.
    shown_requested : Signal
        (): the audition page.
    """

    shown_requested = Signal()

    def __init__(
        self,
        view: ListenView,
        audition: AuditionPresenter,
        workers: ProcessPool,
        shelf: CheckpointShelf,
        held: Path,
        settings: Settings | None = None,
    ) -> None:
        self._view, self._audition, self._workers = view, audition, workers
        self._settings = settings or Settings()
        self._clips = ListenClips(audition, self._settings)
        self._files = HeldFiles(workers, held, self.refresh)
        self._slots = Slots()
        self._runs: Runs = ()  # that are looked at
        self._jobs: tuple[str, ...] = ()  # of these
        self._could_move = True
        self._versions: dict[str, int] = {}  # line's id → version
        self._colors: dict[str, int] = {}  # line's id → place in the palette
        self._coming: set[str] = set()  # lines' ids, that a worker reads
        self._followed = set(self._settings.followed_runs)  # ids of jobs
        self._wanted: str | None = None  # to be heard when it is a version
        self._last_heard: str | None = None
        self.tests = BlindTests(workers, shelf, view.show_notice)
        self._uses = CheckpointUses(view, self.tests, shelf, self._files, self._can_be_heard)
        self._shown: ListenState | None = None
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        view, audition = self._view, self._audition
        view.clip_chosen.connect(audition.choose_clip)
        view.demo_requested.connect(self._clips.open_bundled)
        view.paths_given.connect(self._clips.open)
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
        audition.playback.audio_changed.connect(self.refresh)  # levels are known
        audition.codecs.listed.connect(self._codecs_listed)

    def show_runs(self, runs: Runs) -> None:
        """Take the runs that are looked at; of those that are followed, add the newest."""
        self._could_move = self._view.may_move()
        new = self._slots.take(runs, self._is_needed, may_move=self._could_move)
        self._runs, self._jobs = runs, tuple(job.id for job, _ in runs)
        for slot in new:
            self._files.hold(slot)
        self._forget_what_has_left()
        for job_id in self._followed.intersection(self._jobs):
            newest = self._latest_of(job_id)
            if newest is not None and newest in new:
                self._add(newest)
        self.refresh()

    def close(self) -> None:
        """Let go of what was held to be heard."""
        self._files.close()

    def hear(self, line_id: str) -> None:
        """Hear a checkpoint, as soon as it is decoded."""
        slot = self._slots.find(line_id)
        if slot is None or not self._is_there(slot):
            return
        self._wanted = line_id
        if self._version(line_id) is None:
            self._audition.playback.wait_no_more()  # for what was chosen before
            self._add(slot)
        else:
            self._audition.choose_version(self._versions[line_id])

    def refresh(self) -> None:
        """Show what there is to hear, where it is new."""
        workspace = self._audition.workspace
        clip = workspace.current_clip
        heard = self._heard_line()
        if heard:
            self._last_heard = heard
        lines = self._slots.lines
        listed = {self._versions[slot.id] for slot in lines if slot.id in self._versions}
        unlisted = unlisted_text(self._audition.playback, workspace, listed)
        state = ListenState(
            tuple((one.id, one.title) for one in workspace.clips),
            clip.id if clip else None,
            tuple(map(self._row, lines)),
            "" if unlisted else heard,
            self._waiting_line(),
            bool(self._jobs) and self._followed.issuperset(self._jobs),
            "" if lines or not self._jobs else _NOTHING_YET,
            kept_text(lines),
            level_text(self._audition.playback),
            unlisted,
        )
        if state != self._shown:
            self._shown = state
            self._view.show_state(state)

    # Sound -------------------------------------------------------------------------------------------

    def _hear_original(self) -> None:
        self._wanted = None
        self._audition.choose_version(None)

    def _is_there(self, slot: Slot) -> bool:
        """Return whether a checkpoint can be heard; say so where its run deleted it before it was."""
        there = self._can_be_heard(slot)
        if not there:
            self._view.show_notice(_gone(slot))
        return there

    def _can_be_heard(self, slot: Slot) -> bool:
        is_there = slot.kept and not self._files.is_lost(slot)
        return is_there or self._files.has(slot) or self._version(slot.id) is not None

    def _switch(self) -> None:
        """From the checkpoint to the original; from there to the one heard last, or the latest."""
        if self._heard_line() or self._waiting_line():
            self._hear_original()
            return
        slot = self._slots.find(self._last_heard or "") or latest(self._slots.lines)
        if slot is not None:
            self.hear(slot.id)

    def _heard_line(self) -> str | None:
        """Return the checkpoint that sounds: what was chosen and is not there yet does not."""
        version_id = self._audition.playback.heard.version_id
        return None if version_id is None else self._line_of(version_id)

    def _waiting_line(self) -> str:
        """Return the checkpoint that was chosen and will sound once it is there."""
        wanted = self._audition.playback.wanted
        if self._wanted in self._coming:
            return self._wanted or ""
        line_id = self._line_of(wanted.version_id) if wanted and wanted.version_id is not None else ""
        version = self._version(line_id)
        coming = version is not None and self._made(version).state in _COMING
        return line_id if coming else ""

    def _line_of(self, version_id: int) -> str:
        return next((line_id for line_id, there in self._versions.items() if there == version_id), "")

    def _made(self, version: Version) -> VersionRow:
        workspace = self._audition.workspace
        return self._audition.maker.row(workspace.versions.index(version), version)

    def _tick(self) -> None:
        if not self._could_move and self._view.may_move():
            self.show_runs(self._runs)  # lines that stayed under the pointer leave, and free their keys
        status = self._audition.playback.status()
        self._view.show_playing(status.playing, status.position_s)

    # Checkpoints as versions -------------------------------------------------------------------------

    def _follow(self, on: bool) -> None:
        if not on:
            self._followed.difference_update(self._jobs)
        else:
            self._followed.update(self._jobs)
            if self._jobs and not self._audition.workspace.clips:
                self._clips.open_bundled()
            for job_id in self._jobs:
                if (newest := self._latest_of(job_id)) is not None:
                    self._add(newest)
        self._settings.followed_runs = sorted(self._followed)
        self.refresh()

    def _latest_of(self, job_id: str) -> Slot | None:
        return latest([slot for slot in self._slots.lines if slot.job.id == job_id])

    def _add(self, slot: Slot) -> None:
        line_id = slot.id
        if self._version(line_id) is not None or line_id in self._coming:
            return
        if not self._audition.workspace.clips:
            self._clips.open_bundled()
        self._coming.add(line_id)
        self._files.when_held(slot, partial(self._describe, slot))
        self.refresh()

    def _describe(self, slot: Slot) -> None:
        if self._files.is_lost(slot):
            self._give_up(slot, _gone(slot))
            return
        self._workers.submit(
            describe_codec,
            self._files.file_of(slot),
            done=partial(self._described, slot),
            failed=partial(self._not_described, slot),
            priority=-1,
        )

    def _described(self, slot: Slot, info: CodecInfo) -> None:
        workspace = self._audition.workspace
        if all(version.checkpoint is None for version in workspace.versions):
            self._clips.prefer(info.sample_rates_hz)
        color, setting = self._color_of(slot.id), checked(info, Setting())
        path = self._files.file_of(slot)
        version = Version(workspace.new_id(), info.name, slot.title, setting, color, info.sha256, path)
        workspace.versions.append(version)
        self._versions[slot.id] = version.id
        self._audition.maker.start()
        self._audition.show_versions()
        self._add_beside(slot.seen.kbps)  # made after what was asked for
        if self._wanted == slot.id:
            self._audition.choose_version(version.id)
        self._coming.discard(slot.id)
        self._make_room()

    def _not_described(self, slot: Slot, error: WorkError) -> None:
        self._give_up(slot, Notice(str(error), Level.ERROR))

    def _give_up(self, slot: Slot, why: Notice) -> None:
        self._coming.discard(slot.id)
        if self._wanted == slot.id:
            self._wanted = None
        self.refresh()
        self._view.show_notice(why)

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
        there = [version for line_id in self._versions if (version := self._version(line_id)) is not None]
        old = [version for version in there[:-1] if version.id not in spared]
        self._audition.take_away(old[: max(0, len(there) - N_VERSIONS)])

    def _color_of(self, line_id: str) -> int:
        """Return a checkpoint's colour: its own as long as it is listed, whatever else comes and goes."""
        workspace = self._audition.workspace
        if line_id not in self._colors:
            self._colors[line_id] = workspace.free_color()
            workspace.reserved_colors.add(self._colors[line_id])
        return self._colors[line_id]

    def _is_needed(self, line_id: str) -> bool:
        return (
            self._version(line_id) is not None
            or line_id in self._coming
            or line_id in self._view.chosen_ids()
        )

    def _forget_what_has_left(self) -> None:
        """Let go of the files and colours of what is neither listed nor a version any more."""
        listed = {slot.id for slot in self._slots.lines}
        needed = (
            listed
            | {line_id for line_id in self._versions if self._version(line_id) is not None}
            | self._coming
        )
        self._files.keep_only(needed)
        self._colors = {line_id: color for line_id, color in self._colors.items() if line_id in needed}
        self._audition.workspace.reserved_colors = set(self._colors.values())

    def _version(self, line_id: str) -> Version | None:
        version_id = self._versions.get(line_id)
        return None if version_id is None else self._audition.workspace.version(version_id)

    def _row(self, slot: Slot) -> CheckpointRow:
        seen = slot.seen
        plain = CheckpointRow(
            slot.id,
            slot.step_text,
            slot.job.request.name,
            figures_text(seen),
            best=slot.best,
            within=is_within(slot),
            key=slot.key,
            note=files_text(seen),
            codec_name=slot.codec_name,
        )
        version = self._version(slot.id)
        if version is None:
            state = "reading…" if slot.id in self._coming else "" if self._can_be_heard(slot) else GONE
            return replace(plain, state=state)
        row = self._made(version)
        kbps = f"{row.figures.bitrate_kbps:.1f}" if row.figures else ""
        state = row.message or _STATES.get(row.state, "")
        level = self._audition.playback.level(version.id)
        short = level.short_note if level else ""
        return replace(plain, file_kbps=kbps, color=version.color, state=state, level=short)

    # What is made of them ----------------------------------------------------------------------------

    def _request_test(self, line_ids: Sequence[str]) -> None:
        self._uses.test(
            [self._slots.find(line_id) for line_id in line_ids], self._audition.workspace.current_clip
        )

    def _codecs_listed(self, codecs: list[CodecInfo]) -> None:
        self.refresh()
        self.tests.codecs_listed(codecs)

    def _publish(self, line_id: str, name: str) -> None:
        self._uses.publish(self._slots.find(line_id), name)


def _gone(slot: Slot) -> Notice:
    return Notice(f"{slot.title}: {GONE}. Choose another step.")
