"""Bitrates changed while listening: what is asked of workers, what is heard, what the rows say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from audition_doubles import HandPool, figures, tone, view_double

from earbench_app.audition.making import ClipInfo
from earbench_app.audition.recoding import HeardPart, PartFigures, Span
from earbench_app.audition.workspace import State
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.audition import AuditionPresenter
from earbench_app.presenters.audition_rates import SETTLED_AFTER_S, STEADY_AFTER_S
from earbench_app.settings import Settings
from earbench_app.views.protocols import Heard
from earbench_codecs.base import CodecInfo, Setting
from earbench_codecs.metrics.measurement import Measurement

if TYPE_CHECKING:
    from unittest.mock import Mock

    from earbench_app.views.protocols import VersionRow
    from earbench_codecs.clip import AudioClip

CODECS = [
    CodecInfo("mp3", "MP3", "reference", "1", bitrates_kbps=(32.0, 64.0), default=Setting.of(64)),
    CodecInfo(
        "dial",
        "Dial",
        "neural",
        "1",
        bitrates_kbps=(6.0, 16.0, 64.0),
        continuous=True,
        default=Setting.of(16),
        sha256="ab" * 32,
    ),
]
RATE_HZ, N = 16_000, 48_000
LOOP = Span(16_000, 32_000, 12_000, 36_000)


class Bench:
    """A clip of 3 s with MP3 64 and Dial 16, heard, with 1 to 2 s looping."""

    def __init__(self, seconds: float = 3.0) -> None:
        self.view: Mock = view_double()
        self.player = FakePlayer()
        self.quick, self.encoders, self.recoder = HandPool(), HandPool(), HandPool()
        self.presenter = AuditionPresenter(
            self.view, self.player, self.quick, self.encoders, self.recoder, Settings(), Path("/cache")
        )
        self.now_s = 100.0
        self.presenter.rates._clock = lambda: self.now_s
        self.presenter.codecs.refresh()
        self.quick.finish(self.quick.waiting("list_codecs")[0], CODECS)
        self.view.paths_given.emit([Path("/clips/a.wav"), Path("/clips/b.wav")])
        listing = self.quick.waiting("list_audio_files")[0]
        self.quick.finish(listing, listing.arguments[0])
        self.original, self.whole = tone(seconds), tone(seconds, seed=1)
        for task in self.quick.waiting("inspect_clip"):
            self.quick.finish(task, ClipInfo(f"sha of {task.arguments[0].name}", seconds, RATE_HZ, 1))
        self.quick.finish(self.quick.waiting("load_clip")[0], self.original)
        self.view.versions_asked.emit([("mp3", Setting.of(64)), ("dial", Setting.of(16))])
        self.encode()
        self.mp3, self.dial = (version.id for version in self.presenter.workspace.versions)
        self.view.number_pressed.emit(1)
        self.view.play_toggled.emit()
        self.pass_time(10 * SETTLED_AFTER_S)
        for task in self.recoder.waiting():
            self.recoder.finish(task, False)

    def encode(self, audio: AudioClip | None = None) -> None:
        """Let the encoders make all there is, and fetch what the player wants of it."""
        for task in self.encoders.waiting("make_version"):
            self.encoders.finish(task, (figures(), None))
        for task in self.quick.waiting("make_version"):
            self.quick.finish(task, (figures(), audio or self.whole))

    def loop(self) -> None:
        self.view.region_selected.emit((1.0, 2.0))

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.view.ticked.emit()

    def asked(self) -> list[tuple[float, Span]]:
        tasks = self.recoder.waiting("hear_part")
        return [(task.arguments[0].setting.kbps, task.arguments[1]) for task in tasks]

    def answer(self, seed: int = 2) -> AudioClip:
        (task,) = self.recoder.waiting("hear_part")
        span = task.arguments[1]
        part = self.original.with_samples(tone(6.0, seed=seed).samples[:, span.first : span.after])
        self.recoder.finish(task, HeardPart(part, []))
        return part

    def measure(self, kbps: float = 24.1) -> None:
        (task,) = self.encoders.waiting("measure_part")
        made = PartFigures(figures(bitrate_kbps=kbps), Measurement(-3.5))
        self.encoders.finish(task, made)

    def row(self, version_id: int | None = None) -> VersionRow:
        found: Any = None
        for name, arguments, _ in self.view.method_calls:
            rows = (
                arguments[0] if name == "show_versions" else [arguments[0]] if name == "show_version" else []
            )
            found = next((row for row in rows if row.id == (version_id or self.dial)), found)
        row: VersionRow = found
        return row

    def setting(self) -> Setting:
        version = self.presenter.workspace.version(self.dial)
        assert version is not None
        return version.setting

    def audio(self) -> AudioClip:
        audio = self.presenter.playback.audio_of(self.dial)
        assert audio is not None
        return audio


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.loop()
    bench.pass_time(STEADY_AFTER_S)
    for task in bench.recoder.waiting("learn_part"):
        bench.recoder.finish(task, False)
    return bench


def test_only_versions_whose_codec_takes_any_rate_have_a_slider(bench: Bench) -> None:
    rate = bench.row().rate
    assert rate is not None
    assert (rate.kbps, rate.lowest_kbps, rate.highest_kbps) == (16.0, 6.0, 64.0)
    assert bench.row(bench.mp3).rate is None


def test_letting_go_codes_the_selection_anew_and_the_sound_goes_on_with_it(bench: Bench) -> None:
    bench.player.advance(0.3)
    position_s = bench.player.status().position_s
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    assert bench.asked() == [(24.0, LOOP)]
    assert bench.setting() == Setting.of(16)
    part = bench.answer()
    assert bench.setting() == Setting.of(24)
    assert bench.row().title == "dial 24"
    np.testing.assert_array_equal(bench.audio().samples[:, 16_000:32_000], part.samples[:, 4000:20_000])
    np.testing.assert_array_equal(bench.audio().samples[:, 40_000:], bench.whole.samples[:, 40_000:])
    status = bench.player.status()
    assert (status.playing, status.position_s) == (True, position_s)
    bench.player.advance(0.02)
    start = round(bench.player.status().position_s * RATE_HZ)
    heard = bench.player.advance(0.1)[:, 0]
    np.testing.assert_allclose(heard, bench.audio().samples[0, start : start + 1600], atol=1e-6)


def test_until_the_clip_is_coded_the_row_says_that_only_the_selection_is_at_the_rate(bench: Bench) -> None:
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.answer()
    row = bench.row()
    assert row.part.startswith("Only 1.00 to 2.00 s is at 24 kbps, its figures too; the rest is still at 16")
    assert row.figures is None
    bench.measure(24.1)
    assert bench.row().figures == figures(bitrate_kbps=24.1)
    assert not bench.encoders.waiting("make_version")
    bench.pass_time(SETTLED_AFTER_S)
    jobs = [task.arguments[0] for task in bench.encoders.waiting("make_version")]
    assert {(job.path.name, job.setting.kbps) for job in jobs} == {("a.wav", 24.0), ("b.wav", 24.0)}
    other = tone(3.0, seed=7)
    bench.encode(other)
    assert bench.row().part == ""
    assert bench.row().figures == figures()
    np.testing.assert_array_equal(bench.audio().samples, other.samples)


def test_while_dragging_one_is_coded_at_a_time_and_the_clip_waits(bench: Bench) -> None:
    for kbps in (20.0, 22.0, 25.0):
        bench.view.rate_dragged.emit(bench.dial, kbps)
    assert bench.asked() == [(20.0, LOOP)]
    bench.answer()
    assert bench.setting() == Setting.of(20)
    assert bench.asked() == [(25.0, LOOP)]
    bench.answer()
    bench.pass_time(5 * SETTLED_AFTER_S)
    assert not bench.encoders.waiting()
    bench.view.rate_chosen.emit(bench.dial, 25.0)
    assert bench.asked() == []
    bench.measure()
    bench.pass_time(SETTLED_AFTER_S)
    assert len(bench.encoders.waiting("make_version")) == 2


def test_what_was_dragged_over_is_dropped_when_something_else_was_chosen(bench: Bench) -> None:
    bench.view.rate_dragged.emit(bench.dial, 20.0)
    bench.view.rate_chosen.emit(bench.dial, 30.0)
    before = bench.audio()
    bench.answer()
    assert bench.audio() is before
    assert bench.setting() == Setting.of(16)
    assert bench.asked() == [(30.0, LOOP)]
    rate = bench.row().rate
    assert rate is not None
    assert rate.kbps in (16.0, 30.0)
    bench.answer()
    assert bench.setting() == Setting.of(30)


def test_a_release_at_what_is_being_coded_already_takes_that(bench: Bench) -> None:
    bench.view.rate_dragged.emit(bench.dial, 20.0)
    bench.view.rate_chosen.emit(bench.dial, 20.0)
    bench.answer()
    assert bench.setting() == Setting.of(20)
    assert bench.asked() == []
    bench.measure()


def test_a_second_change_leaves_the_rest_at_the_rate_it_has_throughout(bench: Bench) -> None:
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.answer(seed=2)
    bench.view.region_selected.emit((0.5, 1.5))
    bench.view.rate_chosen.emit(bench.dial, 32.0)
    bench.answer(seed=3)
    np.testing.assert_array_equal(bench.audio().samples[:, 26_000:], bench.whole.samples[:, 26_000:])
    assert "the rest is still at 16" in bench.row().part


def test_a_selection_that_moves_before_the_clip_is_coded_is_coded_too(bench: Bench) -> None:
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.answer()
    bench.view.region_selected.emit((0.25, 1.0))
    assert bench.asked() == []
    bench.pass_time(STEADY_AFTER_S)
    assert bench.asked() == [(24.0, Span.of(0.25, 1.0, RATE_HZ, N))]
    bench.answer()
    assert bench.row().part.startswith("Only 0.25 to 1.00 s is at 24 kbps")


def test_undo_goes_back_by_whole_changes(bench: Bench) -> None:
    for kbps in (20.0, 24.0):
        bench.view.rate_dragged.emit(bench.dial, kbps)
    bench.answer()
    bench.answer()
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.pass_time(SETTLED_AFTER_S)
    bench.view.rate_chosen.emit(bench.dial, 40.0)
    bench.answer()
    bench.view.undo_requested.emit()
    bench.answer()
    assert bench.setting() == Setting.of(24)
    bench.view.undo_requested.emit()
    bench.answer()
    assert bench.setting() == Setting.of(16)
    bench.view.undo_requested.emit()
    assert bench.asked() == []


def test_the_difference_that_sounds_follows_the_bitrate(bench: Bench) -> None:
    bench.view.difference_requested.emit()
    bench.player.advance(0.1)
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.answer()
    assert bench.presenter.playback.heard == Heard(bench.dial, difference=True)
    bench.player.advance(0.02)
    start = round(bench.player.status().position_s * RATE_HZ)
    heard = bench.player.advance(0.05)[:, 0]
    difference = bench.presenter.playback.difference
    assert difference is not None
    np.testing.assert_allclose(heard, difference.clip.samples[0, start : start + 800], atol=1e-6)
    gain = 10 ** (difference.applied_db / 20)
    expected = gain * (bench.audio().samples - bench.original.samples)
    np.testing.assert_allclose(difference.clip.samples, expected, atol=1e-5)


def test_another_clip_ends_what_was_begun_but_the_rate_holds(bench: Bench) -> None:
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.view.clip_chosen.emit(bench.presenter.workspace.clips[1].id)
    assert bench.recoder.waiting("hear_part") == []
    assert bench.setting() == Setting.of(24)
    assert bench.row().part == ""
    bench.quick.finish(bench.quick.waiting("load_clip")[0], tone(3.0, seed=9))
    jobs = [task.arguments[0] for task in bench.encoders.waiting("make_version")]
    assert {job.setting.kbps for job in jobs} == {24.0}


def test_a_version_taken_off_the_table_is_coded_no_more(bench: Bench) -> None:
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.view.versions_removed.emit([bench.dial])
    assert bench.recoder.waiting("hear_part") == []
    bench.view.undo_requested.emit()
    assert bench.setting() == Setting.of(16)


def test_a_codec_that_refuses_says_why_and_leaves_the_rate(bench: Bench) -> None:
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.recoder.fail(bench.recoder.waiting("hear_part")[0], "the checkpoint is gone")
    assert bench.view.show_notice.call_args.args[0].text == "the checkpoint is gone"
    assert bench.setting() == Setting.of(16)
    rate = bench.row().rate
    assert rate is not None
    assert rate.kbps == 16.0


def test_rates_stay_within_the_codec_s_limits(bench: Bench) -> None:
    bench.view.rate_chosen.emit(bench.dial, 700.0)
    assert bench.asked()[0][0] == 64.0


def test_a_version_that_is_not_made_yet_takes_the_rate_without_a_part() -> None:
    bench = Bench()
    bench.view.versions_asked.emit([("dial", Setting.of(40))])
    late = bench.presenter.workspace.versions[-1]
    (task,) = [t for t in bench.encoders.waiting("make_version") if t.arguments[0].path.name == "a.wav"]
    bench.view.rate_chosen.emit(late.id, 12.0)
    assert bench.asked() == []
    assert task.cancelled
    bench.pass_time(SETTLED_AFTER_S)
    jobs = [t.arguments[0] for t in bench.encoders.waiting("make_version")]
    assert {job.setting.kbps for job in jobs} == {12.0}
    assert bench.presenter.workspace.versions[-1].title == "dial 12"


def test_cancelled_the_rest_is_encoded_on_demand(bench: Bench) -> None:
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    bench.answer()
    bench.pass_time(SETTLED_AFTER_S)
    bench.presenter.cancel_work()
    assert bench.row().state is State.CANCELLED
    assert bench.row().part.endswith("double-click to encode it")
    bench.view.retry_requested.emit(bench.dial)
    assert bench.encoders.waiting("make_version")


@pytest.mark.parametrize(
    ("seconds", "view_s", "region_s", "expected_s"),
    [
        (4.0, (1.0, 2.0), None, (0.0, 4.0)),
        (20.0, (3.0, 6.0), None, (3.0, 6.0)),
        (20.0, (2.0, 12.0), None, (2.0, 7.0)),
        (20.0, (0.0, 20.0), (1.0, 9.0), (1.0, 9.0)),
        (20.0, (0.0, 20.0), (1.0, 19.0), (1.0, 11.0)),
    ],
)
def test_which_part_is_coded_at_once(
    seconds: float,
    view_s: tuple[float, float],
    region_s: tuple[float, float] | None,
    expected_s: tuple[float, float],
) -> None:
    bench = Bench(seconds)
    bench.view.view_s = view_s
    bench.view.play_toggled.emit()  # holds
    bench.view.region_selected.emit(region_s)
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    assert bench.asked() == [(24.0, Span.of(*expected_s, RATE_HZ, round(seconds * RATE_HZ)))]


def test_of_a_long_selection_the_part_begins_just_before_the_playhead() -> None:
    bench = Bench(20.0)
    bench.view.region_selected.emit((0.0, 20.0))
    bench.player.advance(6.0)
    bench.view.rate_chosen.emit(bench.dial, 24.0)
    ((_, span),) = bench.asked()
    assert span.start == pytest.approx(5.5 * RATE_HZ, abs=200)
    assert span.stop - span.start == 10 * RATE_HZ


def test_what_a_selection_costs_is_learned_before_it_is_asked() -> None:
    bench = Bench()
    bench.loop()
    assert not bench.recoder.waiting()
    bench.pass_time(STEADY_AFTER_S)
    for more in (True, True, False):
        (task,) = bench.recoder.waiting()
        assert (task.function.__name__, task.arguments[1]) == ("learn_part", LOOP)
        bench.recoder.finish(task, more)
    assert not bench.recoder.waiting()
    bench.view.region_selected.emit(None)
    bench.loop()
    bench.pass_time(STEADY_AFTER_S)
    assert not bench.recoder.waiting()
