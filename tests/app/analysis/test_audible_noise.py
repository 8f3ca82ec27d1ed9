"""The audible part of the noise is made of what loops, or part by part of all; and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from audition_doubles import HandPool, tone
from psygnal import SignalInstance

from earbench_app.analysis import audible_noise as parts
from earbench_app.analysis.audible_noise import AudibleNoise
from earbench_app.analysis.masking_work import audible_part
from earbench_app.background.progress import Batch
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters import analysis_audible
from earbench_app.presenters.analysis_audible import SEPARATING, SEPARATING_ALL, AudiblePresenter
from earbench_app.presenters.audition_playback import AuditionPlayback
from earbench_app.views.protocols import Heard

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

DURATION_S = 4.0


def noisy(seed: int) -> AudioClip:
    clip: AudioClip = tone(DURATION_S, n_channels=2)
    noise = np.random.default_rng(seed).standard_normal(clip.samples.shape).astype(np.float32)
    return clip.with_samples(clip.samples + 0.003 * noise)


def made(original: AudioClip, version: AudioClip, region_s: tuple[float, float] | None) -> AudioClip:
    found = AudibleNoise(original, version, region_s)
    for part in found.parts():
        found.put(part, audible_part(*found.samples(part), original.sample_rate_hz))
    return found.clip()


@pytest.fixture(scope="module")
def whole() -> NDArray[np.float32]:
    """All of it at once; some of the noise is masked, some is not."""
    original, version = tone(DURATION_S, n_channels=2), noisy(1)
    found = audible_part(original.samples, version.samples, original.sample_rate_hz)
    noise = version.samples - original.samples
    assert 0.01 < np.square(noise - found).sum() / np.square(noise).sum() < 0.99
    return found


def test_where_parts_meet_nothing_tells(monkeypatch: pytest.MonkeyPatch, whole: NDArray[np.float32]) -> None:
    original, version = tone(DURATION_S, n_channels=2), noisy(1)
    monkeypatch.setattr(parts, "PART_S", 0.7)
    found = AudibleNoise(original, version)
    assert len(found.parts()) == 6
    np.testing.assert_allclose(made(original, version, None).samples, whole, atol=1e-7)


@pytest.mark.parametrize("region_s", [(1.0, 1.5), (0.0, 0.3), (3.7, 4.0)])
def test_a_region_is_that_of_the_whole_and_outside_is_silence(
    region_s: tuple[float, float], whole: NDArray[np.float32]
) -> None:
    original, version = tone(DURATION_S, n_channels=2), noisy(1)
    found = made(original, version, region_s).samples
    start, stop = (round(edge_s * original.sample_rate_hz) for edge_s in region_s)
    np.testing.assert_allclose(found[:, start:stop], whole[:, start:stop], atol=1e-7)
    assert not found[:, : max(0, start - 3000)].any()
    assert not found[:, stop + 3000 :].any()


# ----------------------------------------------------------------------------------- presenter


class FakeView:
    def __init__(self) -> None:
        self.audible_requested = SignalInstance(())
        self.state, self.audible = "", False

    def show_state(self, text: str) -> None:
        self.state = text

    def show_audible(self, on: bool) -> None:
        self.audible = on


class FakeScene:
    """Two versions of a clip that are loaded."""

    def __init__(self) -> None:
        self.playback = AuditionPlayback(FakePlayer())
        self.changed, self.revised = SignalInstance(()), SignalInstance((int,))
        self.region_changed, self.heard_changed = self.playback.region_changed, self.playback.heard_changed
        self.playback.audio_changed.connect(self.changed.emit)
        self.playback.load(tone(DURATION_S, n_channels=2))
        for key in (1, 2):
            self.playback.join(key, noisy(key))

    @property
    def original(self) -> AudioClip | None:
        return self.playback.audio_of(None)

    def chosen(self) -> int | None:
        return self.playback.heard.version_id or 1


class Stage:
    def __init__(self) -> None:
        self.view, self.scene, self.pool, self.batch = (
            FakeView(),
            FakeScene(),
            HandPool(),
            Batch("separating"),
        )
        self.playback = self.scene.playback
        parts_of: Any = (self.view, self.scene, self.pool, self.batch)
        self.presenter = AudiblePresenter(*parts_of)

    def press(self) -> None:
        self.view.audible_requested.emit()

    def finish_all(self) -> int:
        tasks = self.pool.waiting()
        for task in tasks:
            self.pool.finish(task, np.ones_like(task.arguments[0]))
        return len(tasks)

    def heard_region_s(self) -> tuple[float, float]:
        """Where there is something to hear."""
        assert self.playback.sounding is not None
        places = np.flatnonzero(self.playback.sounding.samples[0])
        return places[0] / 16_000, (places[-1] + 1) / 16_000


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(parts, "PART_S", 1.0)
    return Stage()


def test_without_a_loop_all_of_it_is_made_with_progress(stage: Stage) -> None:
    stage.playback.choose(Heard(1))
    stage.press()
    progress = stage.batch.progress()
    assert progress is not None
    assert (progress.text, stage.view.state) == ("separating 1 of 5", SEPARATING_ALL)
    stage.pool.finish(stage.pool.waiting()[0], np.ones((2, 16_000 + 1024), np.float32)[:, : 15872 + 512])
    progress = stage.batch.progress()
    assert progress is not None
    assert progress.text == "separating 2 of 5"
    assert stage.playback.heard == Heard(1), "what sounds goes on"
    stage.finish_all()
    assert stage.playback.heard == Heard(1, difference=True, audible=True)
    assert (stage.batch.progress(), stage.view.state, stage.view.audible) == (None, "", True)
    assert stage.heard_region_s() == pytest.approx((0, DURATION_S))


def test_of_a_loop_only_what_loops_is_made(stage: Stage) -> None:
    stage.playback.choose(Heard(2))
    stage.playback.select_region((2.0, 2.5))
    stage.press()
    assert stage.view.state == SEPARATING
    assert sum(task.arguments[0].shape[1] for task in stage.pool.waiting()) < 1.0 * 16_000
    stage.finish_all()
    assert stage.playback.heard.audible
    start_s, end_s = stage.heard_region_s()
    assert 1.8 < start_s <= 2.0
    assert 2.5 <= end_s < 2.7


def test_a_second_time_it_is_there_at_once(stage: Stage) -> None:
    stage.playback.choose(Heard(1))
    stage.press()
    stage.finish_all()
    stage.press()
    assert stage.playback.heard == Heard(1)
    for region_s in (None, (1.0, 2.0)):
        stage.playback.select_region(region_s)
        stage.press()
        assert stage.playback.heard.audible, "a region of what is known is known"
        assert not stage.pool.waiting()
        stage.press()


def test_another_loop_is_made_anew_and_the_version_sounds_until_then(stage: Stage) -> None:
    stage.playback.select_region((2.0, 2.5))
    stage.press()
    stage.finish_all()
    stage.playback.select_region((0.5, 1.0))
    assert stage.playback.heard == Heard(1), "never silence that passes for no audible noise"
    stage.finish_all()
    assert stage.playback.heard.audible
    assert stage.heard_region_s()[1] == pytest.approx(1.1, abs=0.01)
    stage.playback.toggle_loop()
    assert stage.playback.heard == Heard(1)
    assert stage.finish_all() == 5
    assert stage.heard_region_s() == pytest.approx((0, DURATION_S))


def test_a_loop_set_while_all_is_made_comes_first(stage: Stage) -> None:
    stage.press()
    stage.playback.select_region((0.5, 1.0))
    assert len(stage.pool.waiting()) == 1
    stage.finish_all()
    assert stage.playback.heard.audible
    assert stage.batch.progress() is None


@pytest.mark.parametrize("how", ["button", "status bar", "version left", "clip changed"])
def test_it_can_be_given_up(stage: Stage, how: str) -> None:
    stage.press()
    ways: dict[str, Callable[[], None]] = {
        "button": stage.press,
        "status bar": stage.presenter.cancel,
        "version left": lambda: stage.playback.leave(1),
        "clip changed": lambda: stage.playback.load(tone(1.0)),
    }
    ways[how]()
    assert (stage.pool.waiting(), stage.batch.progress(), stage.view.state) == ([], None, "")
    assert not stage.playback.heard.audible


def test_a_failure_is_told(stage: Stage) -> None:
    stage.press()
    stage.pool.fail(stage.pool.waiting()[0], "model 1 takes sample rates of 8000 to 192000 Hz, not 4000")
    assert "4000" in stage.view.state
    assert (stage.pool.waiting(), stage.batch.progress()) == ([], None)


def test_other_versions_give_way_when_memory_is_short(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for version_id, n_kept in ((1, 1), (2, 2)):
        stage.playback.choose(Heard(version_id))
        stage.press()
        stage.finish_all()
        assert len(stage.playback.audible_noise) == n_kept
    monkeypatch.setattr(analysis_audible, "KEPT_BYTES", 600_000)  # of 512 000 each
    stage.playback.leave(2)
    stage.playback.join(2, noisy(2))
    stage.playback.choose(Heard(2))
    stage.press()
    stage.finish_all()
    assert list(stage.playback.audible_noise) == [2]
    assert stage.playback.heard.audible
