"""Which clip a run's codecs are heard with, and what of it a restart remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from audition_doubles import tone
from listen_bench import Bench, show

from earbench_app.audition.demo import demo_paths
from earbench_app.audition.making import ClipInfo
from earbench_app.settings import Settings
from earbench_codecs.base import CodecInfo
from earbench_codecs.clip_files import write_wav

if TYPE_CHECKING:
    from pathlib import Path


def list_clips(bench: Bench) -> None:
    (task,) = bench.quick.waiting("list_audio_files")
    bench.quick.finish(task, task.function(*task.arguments))


def read_clips(bench: Bench) -> None:
    for task in bench.quick.waiting("inspect_clip"):
        path = task.arguments[0]
        rate_hz = 16_000 if path.stem.startswith("speech") else 44_100
        bench.quick.finish(task, ClipInfo(path.stem, 9.0, rate_hz, 1))


def describe(bench: Bench, rate_hz: int) -> None:
    bench.hold()
    (task,) = bench.quick.waiting("describe_codec")
    info = CodecInfo("c", "c", "neural", "1", (rate_hz,), sha256="c")
    bench.quick.finish(task, info)


def hear_first(bench: Bench, rate_hz: int, *, reads_first: bool = True) -> str:
    """Hear a step of a coder where no clip is open yet; return the clip it is heard with."""
    show(bench, speech=(15,))
    bench.view.checkpoint_chosen.emit("/jobs/speech/15")
    list_clips(bench)
    if reads_first:
        read_clips(bench)
    describe(bench, rate_hz)
    if not reads_first:
        read_clips(bench)
    return current(bench)


def current(bench: Bench) -> str:
    clip = bench.audition.workspace.current_clip
    assert clip is not None
    return clip.title


@pytest.mark.parametrize("reads_first", [True, False])
@pytest.mark.parametrize(("rate_hz", "heard"), [(16_000, "speech_en_austen"), (44_100, "rock_feelings")])
def test_a_bundled_clip_of_the_coders_rate_is_heard(rate_hz: int, heard: str, reads_first: bool) -> None:
    assert hear_first(Bench(), rate_hz, reads_first=reads_first) == heard


def test_without_a_clip_of_that_rate_the_first_stays() -> None:
    assert hear_first(Bench(), 8_000) == "rock_feelings"


def choose(bench: Bench, title: str) -> None:
    bench.view.clip_chosen.emit(
        next(clip.id for clip in bench.audition.workspace.clips if clip.title == title)
    )


def test_what_the_user_chose_stays() -> None:
    bench = Bench()
    bench.view.demo_requested.emit()
    list_clips(bench)
    read_clips(bench)
    choose(bench, "rock_feelings")  # which is the first anyway
    show(bench, speech=(15,))
    bench.view.checkpoint_chosen.emit("/jobs/speech/15")
    describe(bench, 16_000)
    assert current(bench) == "rock_feelings"


def test_a_file_of_the_user_stays() -> None:
    bench = Bench()
    bench.open_clips("a")
    bench.view.demo_requested.emit()
    list_clips(bench)
    read_clips(bench)
    choose(bench, "a")
    show(bench, speech=(15,))
    bench.view.checkpoint_chosen.emit("/jobs/speech/15")
    describe(bench, 44_100)
    assert current(bench) == "a"


def test_what_plays_is_not_taken_away() -> None:
    bench = Bench()
    bench.view.demo_requested.emit()
    list_clips(bench)
    read_clips(bench)
    bench.quick.finish(bench.quick.waiting("load_clip")[-1], tone(3.0))
    bench.view.play_toggled.emit()
    show(bench, speech=(15,))
    bench.view.checkpoint_chosen.emit("/jobs/speech/15")
    describe(bench, 16_000)
    assert current(bench) == "rock_feelings"


def test_a_second_codec_changes_no_clip() -> None:
    bench = Bench()
    hear_first(bench, 44_100)
    show(bench, speech=(15, 30))
    bench.view.checkpoint_chosen.emit("/jobs/speech/30")
    describe(bench, 16_000)
    assert current(bench) == "rock_feelings"


@pytest.mark.parametrize("chosen", ["bundled", "own", "deleted"])
def test_the_clip_that_was_chosen_last_is_heard_after_a_restart(chosen: str, tmp_path: Path) -> None:
    settings, own = Settings(), tmp_path / "mine.wav"
    write_wav(own, tone(1.0))
    before = Bench(settings)
    if chosen == "bundled":
        before.view.demo_requested.emit()
        list_clips(before)
        choose(before, "tabla")
    else:
        before.view.paths_given.emit([own])
        list_clips(before)
    if chosen == "deleted":
        own.unlink()
    after = Bench(Settings.model_validate_json(settings.model_dump_json()))
    expected = {"bundled": "tabla", "own": "mine", "deleted": "speech_en_austen"}[chosen]
    assert hear_first(after, 16_000) == expected
    titles = [clip.title for clip in after.audition.workspace.clips]
    assert len(titles) == len(set(titles)) == len(demo_paths()) + (chosen == "own")


def test_runs_that_are_followed_are_so_after_a_restart() -> None:
    settings = Settings()
    before = Bench(settings)
    before.open_clips("a")
    show(before, speech=(15,))
    assert not before.view.state.follows
    before.view.follow_switched.emit(True)
    after = Bench(Settings.model_validate_json(settings.model_dump_json()))
    after.open_clips("a")
    show(after, speech=(15,))
    assert after.view.state.follows
    show(after, other=(15,))
    assert not after.view.state.follows
    show(after, speech=(15,))
    after.view.follow_switched.emit(False)
    assert settings.followed_runs == ["id-speech"]
    assert after.settings.followed_runs == []
