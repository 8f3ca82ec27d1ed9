"""The audition page's decisions: clips in, versions made, what is heard, what is drawn, what leaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.checkpoints import is_checkpoint
from earbench_app.audition.workspace import State, Version, Workspace, wav_name
from earbench_app.notifications import Level, Notice
from earbench_app.presenters.audition_clips import ClipList
from earbench_app.presenters.audition_codecs import CodecShelf
from earbench_app.presenters.audition_playback import AuditionPlayback
from earbench_app.presenters.audition_rates import AuditionRates
from earbench_app.presenters.audition_versions import VersionMaker
from earbench_app.test_request import RequestedItem, TestRequest
from earbench_app.views.protocols import Heard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_app.background.pool import ProcessPool, WorkError
    from earbench_app.playback.player import Player
    from earbench_app.settings import Settings
    from earbench_app.views.protocols import AuditionView
    from earbench_codecs.base import CodecInfo, Setting
    from earbench_codecs.clip import AudioClip

UNDO = "Undo"
_TOO_LITTLE = (
    "A test needs at least one clip and one version; checkpoints of a run go into one on the page Training."
)


class AuditionPresenter:
    """Carries the page's actions to clips, versions and player, and their state to the page.

    Parameters
    ----------
    view : AuditionView
    player : Player
    quick, encoders, recoder : ProcessPool
        For what is waited for, for what takes long, and for bitrates that are changed while listening.
    settings : Settings
        Volume, last folder and last clip are kept there.
    cache_folder : Path
        Of the decoded versions.
    """

    make_test_requested = Signal(TestRequest)
    checkpoints_given = Signal(list)  # paths
    versions_shown = Signal()
    progressed = Signal()

    def __init__(
        self,
        view: AuditionView,
        player: Player,
        quick: ProcessPool,
        encoders: ProcessPool,
        recoder: ProcessPool,
        settings: Settings,
        cache_folder: Path,
    ) -> None:
        self._view, self._player, self._settings = view, player, settings
        self._asked_early: list[tuple[str, Setting]] = []
        self._undo: list[Callable[[], None]] = []
        self.workspace = Workspace()
        limit_bytes = settings.cache_limit_mb * 2**20
        self.maker = VersionMaker(self.workspace, encoders, quick, cache_folder, limit_bytes)
        self.playback = AuditionPlayback(player)
        self.clips = ClipList(self.workspace, quick)
        self.codecs = CodecShelf(self.workspace, quick)
        parts = (self.workspace, self.clips, self.codecs, self.maker, self.playback)
        self.rates = AuditionRates(view, *parts, recoder, encoders, self._undo.append)
        self._connect()
        view.show_volume(settings.volume_db)
        player.set_gain_db(settings.volume_db)
        view.show_makeup(self.playback.makeup_db, "")
        self._show_clips()
        self.show_versions()

    # What comes in -----------------------------------------------------------------------------------

    def open_paths(self, paths: Sequence[Path]) -> None:
        """List audio files, and those in folders; the first new one is loaded where none is.

        Checkpoints among them are handed on.
        """
        checkpoints = [path for path in paths if is_checkpoint(path)]
        audio = [path for path in paths if path not in checkpoints]
        if checkpoints:
            self.checkpoints_given.emit(checkpoints)
            if not audio:
                return
        if audio:
            folder = audio[0] if audio[0].is_dir() else audio[0].parent
            self._settings.last_folder = str(folder)
        self._view.show_notice(None)  # what was said of other files
        self.clips.open(audio)

    def add_versions(self, choices: Sequence[tuple[str, Setting]]) -> None:
        """Add codecs at settings, for every clip; those in the table already are left out."""
        if not self.codecs.known:
            self._asked_early += choices  # the codecs are still being listed
            return
        there = self.codecs.picked()
        for choice in self.codecs.checked(choices):
            if choice not in there:
                self.workspace.versions.append(self.codecs.new_version(*choice))
        self.maker.start()
        self.show_versions()

    def release(self, checkpoint_sha256: str | None) -> Callable[[], None]:
        """Take the versions made with a checkpoint off the table; return what puts them back."""
        used = [
            (i, version)
            for i, version in enumerate(self.workspace.versions)
            if checkpoint_sha256 is not None and version.checkpoint_sha256 == checkpoint_sha256
        ]
        self.take_away([version for _, version in used])
        return lambda: self._restore_versions(used)

    def cancel_work(self) -> None:
        """Stop all encoding."""
        self.maker.cancel_all()

    def tick(self) -> None:
        """Show where the player is; called at each repaint."""
        status = self.playback.status()
        self._view.show_playing(status.playing)
        self._view.show_position(status.position_s)
        self.rates.tick()

    # Wiring ------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        view, playback = self._view, self.playback
        view.paths_given.connect(self.open_paths)
        view.clip_chosen.connect(self.choose_clip)
        view.clips_removed.connect(self._remove_clips)
        view.versions_asked.connect(self.add_versions)
        view.versions_removed.connect(self._remove_versions)
        view.retry_requested.connect(self._retry)
        view.undo_requested.connect(self._undo_last)
        view.number_pressed.connect(self._choose_number)
        view.version_chosen.connect(self.choose_version)
        view.difference_requested.connect(self._toggle_difference)
        view.makeup_changed.connect(playback.set_makeup_db)
        view.play_toggled.connect(playback.toggle_play)
        view.stop_requested.connect(playback.stop)
        view.seek_requested.connect(playback.seek)
        view.seek_by_requested.connect(playback.seek_by)
        view.region_selected.connect(playback.select_region)
        view.region_edge_requested.connect(playback.set_region_edge)
        view.loop_toggled.connect(playback.toggle_loop)
        view.volume_changed.connect(self._set_volume)
        view.export_requested.connect(self._ask_export)
        view.export_chosen.connect(self._export)
        view.test_requested.connect(self._request_test)
        view.ticked.connect(self.tick)
        playback.heard_changed.connect(self._show_heard)
        playback.difference_changed.connect(self._show_makeup)
        playback.region_changed.connect(lambda: view.show_region(playback.region_s, playback.looping))
        self.codecs.listed.connect(self._take_codecs)
        self.codecs.failed.connect(self._show_error)
        self.clips.changed.connect(self._clips_changed)
        self.clips.loaded.connect(self._clip_loaded)
        self.clips.unreadable.connect(self._clip_unreadable)
        self.clips.failed.connect(self._show_error)
        self.maker.changed.connect(self._show_version)
        self.maker.ready.connect(self._fetch)
        self.maker.unkept.connect(self._say_unkept)
        self.maker.progressed.connect(self.progressed.emit)
        self.rates.changed.connect(self._show_version)
        self.rates.failed.connect(self._show_error)

    # Clips -------------------------------------------------------------------------------------------

    def choose_clip(self, clip_id: int) -> None:
        """Make a clip of the list the one that is heard and drawn."""
        clip = self.workspace.clip(clip_id)
        if clip is None:
            return
        self._settings.clip = str(clip.path)
        if clip is not self.workspace.current_clip:
            self.rates.leave_clip()
            current = self.workspace.current_clip
            if current is not None and current.error:
                self._view.show_notice(None)  # it said why that one cannot be read
            self.clips.choose(clip)

    def _clips_changed(self) -> None:
        self._show_clips()
        self.maker.start()
        if self.workspace.current_clip is None and self.playback.loaded:
            self._clip_loaded(None)

    def _clip_loaded(self, original: AudioClip | None) -> None:
        self.rates.leave_clip()
        self.playback.load(original)
        self._view.show_duration(original.duration_s if original else 0.0)
        self._show_heard()
        self.show_versions()
        self.maker.start()
        for version in self.workspace.versions:
            self._fetch(version)

    def _clip_unreadable(self, reason: str) -> None:
        self._clip_loaded(None)  # else what is heard would be another clip than the one shown
        self._show_error(reason)

    def _remove_clips(self, clip_ids: Sequence[int]) -> None:
        removed = [(i, clip) for i, clip in enumerate(self.workspace.clips) if clip.id in clip_ids]
        if removed:
            self.maker.forget(clip_ids=clip_ids)
            self.clips.remove([clip for _, clip in removed])
            self._offer_undo(
                _named("clip", [clip.title for _, clip in removed]), lambda: self.clips.restore(removed)
            )

    # Versions ----------------------------------------------------------------------------------------

    def _take_codecs(self, codecs: list[CodecInfo]) -> None:
        self._view.show_codecs(codecs)
        early, self._asked_early = self._asked_early, []
        self.add_versions(early)

    def _remove_versions(self, version_ids: Sequence[int]) -> None:
        versions = self.workspace.versions
        removed = [(i, version) for i, version in enumerate(versions) if version.id in version_ids]
        if removed:
            self.take_away([version for _, version in removed])
            self._offer_undo(
                _named("version", [version.title for _, version in removed]),
                lambda: self._restore_versions(removed),
            )

    def take_away(self, versions: Sequence[Version]) -> None:
        """Take versions off the table."""
        self.rates.leave([version.id for version in versions])
        for version in versions:
            self.playback.leave(version.id)
            self.workspace.versions.remove(version)
        self.maker.forget(version_ids=[version.id for version in versions])
        self.show_versions()

    def _restore_versions(self, removed: Sequence[tuple[int, Version]]) -> None:
        for index, version in removed:
            self.workspace.versions.insert(index, version)
        self.maker.start()
        self.show_versions()
        for _, version in removed:
            self._fetch(version)

    def _retry(self, version_id: int) -> None:
        version = self.workspace.version(version_id)
        if version is not None:
            self.maker.retry(version)

    def _fetch(self, version: Version) -> None:
        """Bring a finished version of the current clip to the player."""
        clip, result = self.workspace.current_clip, self.workspace.result(version)
        ready = result is not None and result.state is State.READY
        if clip is None or not ready or not self.playback.loaded or self.playback.has(version.id):
            return

        def join(audio: AudioClip) -> None:
            there = self.workspace.version(version.id)
            same = there is not None and there.setting == version.setting
            if same and self.clips.is_loaded(clip) and not self.playback.has(version.id):
                self.playback.join(version.id, audio)
                self._show_version(version)  # its level is known now

        self.maker.fetch(clip, version, join, self._show_error)

    # What is heard -----------------------------------------------------------------------------------

    def _choose_number(self, index: int) -> None:
        if index < len(self.workspace.versions):
            self.playback.choose(Heard(self.workspace.versions[index].id))

    def choose_version(self, version_id: int | None) -> None:
        """Hear a version, or the original (None), as soon as it is there."""
        if version_id is None or self.workspace.version(version_id):
            self.playback.choose(Heard(version_id))

    def _toggle_difference(self) -> None:
        heard = self.playback.wanted or self.playback.heard
        version_id = heard.version_id
        if version_id is None:
            ready = [version.id for version in self.workspace.versions if self.playback.has(version.id)]
            version_id = ready[0] if ready else None
        if version_id is None:
            self._view.show_notice(Notice("A difference needs a version: add one with “Add versions…”."))
        else:
            self.playback.choose(Heard(version_id, difference=heard.audible or not heard.difference))

    def _set_volume(self, volume_db: float) -> None:
        self._settings.volume_db = volume_db
        self._player.set_gain_db(volume_db)

    # What goes out -----------------------------------------------------------------------------------

    def _ask_export(self, version_ids: Sequence[int]) -> None:
        clip = self.workspace.current_clip
        versions = [version for version in self.workspace.versions if version.id in version_ids]
        if clip is None or not versions:
            self._view.show_notice(Notice("Choose a version in the table, then export it."))
            return
        folder = Path(self._settings.last_folder or Path.home())
        one = folder / wav_name(clip, versions[0])
        self._view.ask_export([version.id for version in versions], one if len(versions) == 1 else folder)

    def _export(self, version_ids: Sequence[int], path: Path) -> None:
        clip = self.workspace.current_clip
        versions = [version for version in self.workspace.versions if version.id in version_ids]
        if clip is None:
            return
        for version in versions:
            target = path if len(versions) == 1 else path / wav_name(clip, version)
            self.maker.export(
                clip,
                version,
                target,
                done=lambda written: self._view.show_notice(Notice(f"Saved {written}")),
                failed=self._show_failure,
            )

    def _request_test(self, clip_ids: Sequence[int], version_ids: Sequence[int]) -> None:
        clips = [clip for clip in self.workspace.clips if clip.info and (not clip_ids or clip.id in clip_ids)]
        versions = [v for v in self.workspace.versions if not version_ids or v.id in version_ids]
        versions = [version for version in versions if version.checkpoint is None]
        if not clips or not versions:
            self._view.show_notice(Notice(_TOO_LITTLE))
            return
        self.make_test_requested.emit(
            TestRequest(
                tuple(RequestedItem(clip.title, clip.path) for clip in clips),
                tuple((version.codec, version.setting) for version in versions),
                self.playback.region_s,
            )
        )

    # What is shown -----------------------------------------------------------------------------------

    def _show_clips(self) -> None:
        current = self.workspace.current_clip
        self._view.show_clips(self.clips.rows(), current.id if current else None)

    def show_versions(self) -> None:
        """Show the table again, after versions came or went."""
        rows = [self.rates.row(version) for version in self.workspace.versions]
        original = filter(None, (self.clips.original_text(), self.playback.level_note(None)))
        self._view.show_versions(rows, "; ".join(original))
        self._view.show_picked(list(self.codecs.picked()))
        self._show_heard()
        self.versions_shown.emit()

    def _show_version(self, version: Version) -> None:
        if version in self.workspace.versions:
            self._view.show_version(self.rates.row(version))

    def _show_heard(self) -> None:
        heard, wanted = self.playback.heard, self.playback.wanted
        self._view.show_heard(heard, wanted.version_id if wanted else None)

    def _show_makeup(self) -> None:
        made = self.playback.difference
        text = ""
        if made is not None and made.reduced:
            text = f"{made.applied_db:+.1f} dB, not more: full scale"
        self._view.show_makeup(self.playback.makeup_db, text)

    def _show_failure(self, error: WorkError) -> None:
        self._show_error(str(error))

    def _show_error(self, message: str) -> None:
        self._view.show_notice(Notice(message, Level.ERROR))

    def _say_unkept(self, reason: str) -> None:
        text = f"The cache cannot be written ({reason}): versions are made anew whenever they are needed."
        self._view.show_notice(Notice(text, Level.WARNING))

    def _offer_undo(self, what: str, undo: Callable[[], None]) -> None:
        self._undo.append(undo)
        self._view.show_notice(Notice(f"Removed {what}.", action=UNDO))

    def _undo_last(self) -> None:
        if self._undo:
            self._undo.pop()()
            self._view.show_notice(None)


def _named(what: str, titles: Sequence[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{len(titles)} {what}s"
