from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from audition_doubles import HandPool, figures, tone, view_double

from earbench_app.audition.making import ClipInfo
from earbench_app.audition.workspace import State
from earbench_app.notifications import Level
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.audition import AuditionPresenter
from earbench_app.settings import Settings
from earbench_app.views.protocols import Heard
from earbench_codecs.base import CodecInfo, Setting

if TYPE_CHECKING:
    from unittest.mock import Mock

    from earbench_codecs.clip import AudioClip

CODECS = [
    CodecInfo("mp3", "MP3", "reference", "1", bitrates_kbps=(32.0, 64.0, 96.0), default=Setting.of(64)),
    CodecInfo("opus", "Opus", "reference", "1", bitrates_kbps=(6.0, 510.0), continuous=True),
    CodecInfo("amr-wb", "AMR-WB", "reference", "", available=False, reason="apt-get install it"),
]
MP3_64, MP3_96, OPUS_24 = ("mp3", Setting.of(64)), ("mp3", Setting.of(96)), ("opus", Setting.of(24))


class Bench:
    """A presenter among doubles, and short ways to what the tests do often."""

    def __init__(self) -> None:
        self.view: Mock = view_double()
        self.player, self.settings = FakePlayer(), Settings(volume_db=-6.0)
        self.quick, self.encoders, self.recoder = HandPool(), HandPool(), HandPool()
        self.presenter = AuditionPresenter(
            self.view, self.player, self.quick, self.encoders, self.recoder, self.settings, Path("/cache")
        )

    def list_codecs(self) -> None:
        self.presenter.codecs.refresh()
        self.quick.finish(self.quick.waiting("list_codecs")[0], CODECS)

    def open(self, *names: str) -> None:
        self.view.paths_given.emit([Path("/clips") / name for name in names])
        listing = self.quick.waiting("list_audio_files")[0]
        self.quick.finish(listing, listing.arguments[0])

    def inspect(self, seconds: float = 3.0, n_channels: int = 1) -> None:
        for task in self.quick.waiting("inspect_clip"):
            sha256 = f"sha of {task.arguments[0].name}"
            self.quick.finish(task, ClipInfo(sha256, seconds, 16_000, n_channels))

    def load(self, clip: AudioClip) -> None:
        self.quick.finish(self.quick.waiting("load_clip")[0], clip)

    def ready(self, *names: str) -> None:
        """Open clips, read them all, load the first."""
        self.list_codecs()
        self.open(*names)
        self.inspect()
        self.load(tone(3.0))

    def encode(self, n: int = 1) -> None:
        for task in self.encoders.waiting("make_version")[:n]:
            self.encoders.finish(task, (figures(), None))

    def deliver(self, seed: int = 1) -> None:
        for task in self.quick.waiting("make_version"):
            self.quick.finish(task, (figures(), tone(3.0, seed=seed)))

    def rows(self) -> list[Any]:
        """The table as it stands: the last whole filling, with the changes since."""
        rows: list[Any] = []
        for name, arguments, _ in self.view.method_calls:
            if name == "show_versions":
                rows = list(arguments[0])
            elif name == "show_version":
                rows = [arguments[0] if row.id == arguments[0].id else row for row in rows]
        return rows

    def clips(self) -> list[Any]:
        return list(self.view.show_clips.call_args.args[0])

    def heard(self) -> tuple[Heard, int | None]:
        heard, waiting_for = self.view.show_heard.call_args.args
        return heard, waiting_for

    def notice(self) -> Any:
        return self.view.show_notice.call_args.args[0]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_remembered_volume_is_set(bench: Bench) -> None:
    assert bench.player.status().gain_db == -6.0
    bench.view.show_volume.assert_called_with(-6.0)
    bench.view.volume_changed.emit(-20.0)
    assert (bench.player.status().gain_db, bench.settings.volume_db) == (-20.0, -20.0)


def test_opened_files_are_listed_at_once_and_described_when_read(bench: Bench) -> None:
    bench.open("b.wav", "a.flac")
    assert [(row.title, row.detail) for row in bench.clips()] == [("b", "reading…"), ("a", "reading…")]
    bench.inspect(seconds=75.25, n_channels=2)
    assert bench.clips()[1].detail == "1:15.2 · 16 kHz · stereo"
    assert bench.settings.last_folder == "/clips"


def test_the_first_clip_is_loaded_and_space_plays_it(bench: Bench) -> None:
    bench.ready("a.wav", "b.wav")
    bench.view.play_toggled.emit()
    assert bench.player.status().playing
    bench.view.show_duration.assert_called_with(3.0)
    np.testing.assert_array_equal(bench.player.stimuli[0].samples, tone(3.0).samples)


def test_an_unreadable_file_says_why_in_its_row(bench: Bench) -> None:
    bench.open("broken.wav", "fine.wav")
    bench.quick.fail(bench.quick.waiting("inspect_clip")[0], "/clips/broken.wav: it is damaged")
    assert bench.clips()[0].error == "/clips/broken.wav: it is damaged"
    assert bench.clips()[1].error == ""


def test_an_unreadable_file_is_read_again_when_it_is_opened_again(bench: Bench) -> None:
    bench.open("a.wav", "b.wav")
    bench.quick.fail(bench.quick.waiting("inspect_clip")[0], "/clips/a.wav: No such device")
    bench.inspect()
    bench.open("a.wav")
    assert bench.clips()[0].detail == "reading…"
    bench.inspect(seconds=2.0)
    assert [row.error for row in bench.clips()] == ["", ""]
    assert "0:02.0" in bench.clips()[0].detail


def test_a_clip_that_cannot_be_read_is_silent_and_says_why(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64])
    bench.open("b.wav")
    bench.quick.fail(bench.quick.waiting("inspect_clip")[0], "/clips/b.wav: it is damaged")
    bench.view.clip_chosen.emit(bench.clips()[1].id)
    assert bench.player.stimuli == []
    assert bench.notice().text == "/clips/b.wav: it is damaged"
    assert [(row.state, row.message) for row in bench.rows()] == [(State.ERROR, "the clip cannot be read")]
    bench.view.clip_chosen.emit(bench.clips()[0].id)
    bench.load(tone(3.0))
    assert len(bench.player.stimuli) > 0


def test_what_was_said_of_other_files_goes_when_files_are_opened(bench: Bench) -> None:
    bench.open()
    assert "No audio files" in bench.notice().text
    bench.open("a.wav")
    assert bench.notice() is None


@pytest.mark.parametrize(
    ("seconds", "shown"), [(1 / 48_000, "0.021 ms"), (59.96, "1:00.0"), (59.94, "0:59.9"), (0.1, "0:00.1")]
)
def test_lengths_are_shown_to_the_tenth_and_short_ones_in_ms(
    bench: Bench, seconds: float, shown: str
) -> None:
    bench.open("a.wav")
    bench.inspect(seconds=seconds)
    assert bench.clips()[0].detail.split(" · ")[0] == shown


def test_more_channels_than_the_player_takes_are_refused_in_the_row(bench: Bench) -> None:
    bench.open("surround.wav")
    bench.inspect(n_channels=6)
    assert "6 channels" in bench.clips()[0].error
    assert not bench.quick.waiting("load_clip")


def test_the_same_file_is_listed_once(bench: Bench) -> None:
    bench.open("a.wav")
    bench.open("a.wav", "b.wav")
    assert [row.title for row in bench.clips()] == ["a", "b"]


def test_versions_are_made_for_every_clip_the_current_one_first(bench: Bench) -> None:
    bench.ready("a.wav", "b.wav")
    bench.view.clip_chosen.emit(bench.clips()[1].id)
    bench.view.versions_asked.emit([MP3_64, OPUS_24])
    jobs = [task.arguments[0] for task in bench.encoders.waiting("make_version")]
    assert [job.path.name for job in jobs] == ["b.wav", "b.wav", "a.wav", "a.wav"]
    bench.view.clip_chosen.emit(bench.clips()[0].id)
    jobs = [task.arguments[0] for task in bench.encoders.waiting("make_version")]
    assert [job.path.name for job in jobs] == ["a.wav", "a.wav", "b.wav", "b.wav"]


def test_a_row_goes_from_waiting_to_its_figures(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64])
    assert [(row.key, row.title, row.state) for row in bench.rows()] == [("1", "MP3 64", State.WAITING)]
    task = bench.encoders.waiting("make_version")[0]
    task.started()
    assert bench.rows()[0].state is State.ENCODING
    bench.encoders.finish(task, (figures(bitrate_kbps=64.3), None))
    assert bench.rows()[0].state is State.READY
    assert bench.rows()[0].figures.bitrate_kbps == 64.3


def test_versions_asked_twice_are_added_once(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64, MP3_64])
    bench.view.versions_asked.emit([MP3_64, MP3_96])
    assert [row.title for row in bench.rows()] == ["MP3 64", "MP3 96"]
    assert len(bench.encoders.waiting("make_version")) == 2


def test_versions_asked_before_the_codecs_are_known_wait_for_them(bench: Bench) -> None:
    bench.presenter.add_versions([MP3_64])
    assert bench.rows() == []
    bench.list_codecs()
    assert [row.title for row in bench.rows()] == ["MP3 64"]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (("amr-wb", Setting()), "apt-get install it"),
        (("lost", Setting()), "no such codec"),
        (("mp3", Setting.of(65)), "65"),
    ],
)
def test_what_cannot_be_made_is_said_and_left_out(
    bench: Bench, choice: tuple[str, Setting], words: str
) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([choice, OPUS_24])
    assert [row.title for row in bench.rows()] == ["Opus 24"]
    assert words in bench.notice().text
    assert bench.notice().level is Level.ERROR


def test_a_failed_encode_is_told_in_its_row_and_can_be_tried_again(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64, OPUS_24])
    bench.encoders.fail(bench.encoders.waiting("make_version")[0], "lame broke: free some disk")
    row = bench.rows()[0]
    assert (row.state, row.message) == (State.ERROR, "lame broke: free some disk")
    assert bench.rows()[1].state is State.WAITING
    bench.view.retry_requested.emit(row.id)
    assert bench.rows()[0].state is State.WAITING
    bench.encode(2)
    assert {row.state for row in bench.rows()} == {State.READY}


def test_a_cache_that_cannot_be_written_is_told(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64])
    task = bench.encoders.waiting("make_version")[0]
    bench.encoders.finish(task, (figures(unkept="/cache: No space left on device"), None))
    assert bench.notice().level is Level.WARNING
    assert "/cache: No space left on device" in bench.notice().text
    assert bench.rows()[0].state is State.READY


def test_cancel_stops_what_waits_and_runs_but_keeps_what_is_done(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64, MP3_96, OPUS_24])
    bench.encode(1)
    bench.encoders.waiting("make_version")[0].started()
    bench.presenter.cancel_work()
    assert [row.state for row in bench.rows()] == [State.READY, State.CANCELLED, State.CANCELLED]
    assert bench.encoders.waiting("make_version") == []
    assert bench.presenter.maker.batch.progress() is None
    bench.view.versions_asked.emit([("mp3", Setting.of(32))])
    assert len(bench.encoders.waiting("make_version")) == 1, "cancelled work came back by itself"


def test_progress_counts_every_clip_and_version(bench: Bench) -> None:
    bench.ready("a.wav", "b.wav")
    bench.view.versions_asked.emit([MP3_64, OPUS_24])
    bench.encode(1)
    progress = bench.presenter.maker.batch.progress()
    assert progress is not None
    assert (progress.n_done, progress.n_total) == (1, 4)


def test_a_number_key_plays_a_finished_version(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64, OPUS_24])
    bench.encode(2)
    bench.deliver()
    ids = [row.id for row in bench.rows()]
    bench.view.number_pressed.emit(1)
    assert bench.heard() == (Heard(ids[1]), None)
    bench.view.number_pressed.emit(5)
    assert bench.heard() == (Heard(ids[1]), None)
    bench.view.version_chosen.emit(None)
    assert bench.heard() == (Heard(), None)


def test_the_difference_key_toggles_and_finds_a_version_by_itself(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.difference_requested.emit()
    assert "add one" in bench.notice().text
    bench.view.versions_asked.emit([MP3_64])
    bench.encode()
    bench.deliver()
    version_id = bench.rows()[0].id
    bench.view.difference_requested.emit()
    assert bench.heard() == (Heard(version_id, difference=True), None)
    bench.view.difference_requested.emit()
    assert bench.heard() == (Heard(version_id), None)


def test_gain_beyond_full_scale_is_reduced_and_said(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64])
    bench.encode()
    bench.deliver()
    bench.view.difference_requested.emit()
    bench.view.makeup_changed.emit(60.0)
    asked_db, text = bench.view.show_makeup.call_args.args
    assert asked_db == 60.0
    assert "full scale" in text
    assert np.abs(bench.presenter.playback.sounding.samples).max() <= 1.0


def test_a_late_result_of_a_removed_version_changes_nothing(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64, OPUS_24])
    bench.encode(1)
    late = bench.quick.waiting("make_version")[0]
    bench.view.versions_removed.emit([bench.rows()[0].id])
    n_stimuli = len(bench.player.stimuli)
    bench.quick.finish(late, (figures(), tone(3.0, seed=9)))
    assert len(bench.player.stimuli) == n_stimuli
    assert [row.title for row in bench.rows()] == ["Opus 24"]


def test_audio_of_the_clip_before_never_reaches_the_player(bench: Bench) -> None:
    bench.ready("a.wav", "b.wav")
    bench.view.versions_asked.emit([MP3_64])
    bench.encode(1)
    late = bench.quick.waiting("make_version")[0]
    bench.view.clip_chosen.emit(bench.clips()[1].id)
    bench.load(tone(5.0, seed=3))
    bench.quick.finish(late, (figures(), tone(3.0, seed=1)))  # another length: the player would refuse it
    assert {clip.n_samples for clip in bench.player.stimuli} == {80_000}


def test_choosing_another_clip_drops_the_load_under_way(bench: Bench) -> None:
    bench.ready("a.wav", "b.wav", "c.wav")
    bench.view.clip_chosen.emit(bench.clips()[1].id)
    first = bench.quick.waiting("load_clip")[0]
    bench.view.clip_chosen.emit(bench.clips()[2].id)
    assert first.cancelled
    assert [task.arguments[0].name for task in bench.quick.waiting("load_clip")] == ["c.wav"]


def test_keys_are_the_first_ten_rows(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([("opus", Setting.of(6 + i)) for i in range(12)])
    assert [row.key for row in bench.rows()] == [*"1234567890", "", ""]


def test_a_version_keeps_its_colour_and_a_free_one_is_given_again(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64, MP3_96, OPUS_24])
    bench.view.versions_removed.emit([bench.rows()[1].id])
    assert [row.color for row in bench.rows()] == [0, 2]
    bench.view.versions_asked.emit([("mp3", Setting.of(32))])
    assert [row.color for row in bench.rows()] == [0, 2, 1]


def test_a_removed_version_comes_back_with_its_figures_and_place(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64, MP3_96, OPUS_24])
    bench.encode(2)
    before = bench.rows()
    bench.view.versions_removed.emit([before[0].id, before[2].id])
    assert bench.notice().text == "Removed 2 versions."
    bench.view.undo_requested.emit()
    assert [row.title for row in bench.rows()] == ["MP3 64", "MP3 96", "Opus 24"]
    assert bench.rows()[0].figures == before[0].figures
    assert bench.rows()[2].state is State.WAITING
    assert len(bench.encoders.waiting("make_version")) == 1
    assert bench.notice() is None


def test_removing_the_current_clip_loads_its_neighbour_and_undo_brings_it_back(bench: Bench) -> None:
    bench.ready("a.wav", "b.wav", "c.wav")
    bench.view.clip_chosen.emit(bench.clips()[1].id)
    bench.view.clips_removed.emit([bench.clips()[1].id])
    assert [row.title for row in bench.clips()] == ["a", "c"]
    assert bench.presenter.workspace.current_clip.title == "c"
    assert bench.notice().text == "Removed b."
    bench.view.undo_requested.emit()
    assert [row.title for row in bench.clips()] == ["a", "b", "c"]


def test_removing_the_last_clip_empties_the_player_and_stops_the_encodes(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64])
    bench.view.play_toggled.emit()
    bench.view.clips_removed.emit([bench.clips()[0].id])
    assert bench.player.stimuli == []
    assert bench.encoders.waiting("make_version") == []
    assert bench.presenter.maker.batch.progress() is None
    bench.view.show_duration.assert_called_with(0.0)


def test_export_suggests_a_name_and_tells_the_outcome(bench: Bench) -> None:
    bench.ready("a b.wav")
    bench.view.versions_asked.emit([MP3_64])
    bench.view.export_requested.emit([bench.rows()[0].id])
    ids, suggestion = bench.view.ask_export.call_args.args
    assert suggestion == Path("/clips/a_b_MP3_64.wav")
    bench.view.export_chosen.emit(ids, Path("/out/x.wav"))
    task = bench.quick.waiting("export_version")[0]
    assert task.arguments[3] == Path("/out/x.wav")
    bench.quick.finish(task, Path("/out/x.wav"))
    assert bench.notice().text == "Saved /out/x.wav"


def test_several_versions_are_exported_to_a_folder(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.versions_asked.emit([MP3_64, OPUS_24])
    ids = [row.id for row in bench.rows()]
    bench.view.export_chosen.emit(ids, Path("/out"))
    paths = [task.arguments[3] for task in bench.quick.waiting("export_version")]
    assert paths == [Path("/out/a_MP3_64.wav"), Path("/out/a_Opus_24.wav")]
    bench.quick.fail(bench.quick.waiting("export_version")[0], "/out: No space left on device")
    assert (bench.notice().level, bench.notice().text) == (Level.ERROR, "/out: No space left on device")


def test_a_test_is_asked_for_with_clips_versions_and_region(bench: Bench) -> None:
    requests: list[Any] = []
    bench.presenter.make_test_requested.connect(requests.append)
    bench.view.test_requested.emit([], [])
    assert requests == []
    assert "at least one" in bench.notice().text
    bench.ready("a.wav", "b.wav", "c.wav")
    bench.view.versions_asked.emit([MP3_64, OPUS_24])
    bench.view.region_selected.emit((0.5, 1.5))
    bench.view.test_requested.emit([row.id for row in bench.clips()[:2]], [])
    (request,) = requests
    assert [item.path for item in request.items] == [Path("/clips/a.wav"), Path("/clips/b.wav")]
    assert request.versions == (MP3_64, OPUS_24)
    assert request.region_s == (0.5, 1.5)


def test_a_tick_shows_where_the_sound_is(bench: Bench) -> None:
    bench.ready("a.wav")
    bench.view.play_toggled.emit()
    bench.player.advance(1.25)
    bench.view.ticked.emit()
    bench.view.show_position.assert_called_with(pytest.approx(1.25))
    bench.view.show_playing.assert_called_with(True)
