"""A bitrate is dragged with the mouse while the selection loops; what is heard is recorded."""

from __future__ import annotations

import faulthandler
import os
from dataclasses import replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QStyle, QStyleOptionSlider
from takes import check_take

from earbench_app.audition.demo import demo_paths
from earbench_app.audition.making import VersionJob, make_version
from earbench_app.bootstrap import Workbench
from earbench_app.playback.engine import EnginePlayer
from earbench_app.playback.stimuli import to_frames
from earbench_app.settings import SettingsFile, cache_dir
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.neural.rate_dial import dial_of
from earbench_codecs.registry import codec as codec_called

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from null_sink import NullSink, Recording
    from pytestqt.qtbot import QtBot

    from earbench_app.presenters.audition_rates import Part
    from earbench_app.views.qt.rate_control import RateControl
    from earbench_codecs.clip import AudioClip

pytestmark = [pytest.mark.e2e, pytest.mark.audio, pytest.mark.slow, pytest.mark.timeout(900)]
NAME, FROM_KBPS = "mdct-hyper-16k", 12.0
LONG_MS = 300_000
RATE_HZ, N_FADE = 48_000, 240
LOOP_S = 1.0, 2.5
EXACT = 2e-6


@pytest.fixture
def workbench(
    null_sink: NullSink, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workbench]:
    faulthandler.cancel_dump_traceback_later()  # torch takes its time on a busy machine
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    workbench = Workbench(EnginePlayer(), remembered, n_encoders=1)
    qtbot.addWidget(workbench.window)
    workbench.window.resize(1280, 800)
    workbench.window.show()
    speech = next(path for path in demo_paths() if "sonnet" in path.name)
    clip = read_clip(speech).excerpt(1.0, 4.0)
    write_wav(tmp_path / "speech.wav", clip)
    sha256 = codec_called(NAME).info.sha256
    job = VersionJob(tmp_path / "speech.wav", clip.sha256(), NAME, Setting.of(FROM_KBPS), sha256)
    make_version(job, cache_dir() / "versions", 2**30, want_audio=False)  # to be found there
    workbench.open([tmp_path / "speech.wav"])
    audition = workbench.audition
    qtbot.waitUntil(lambda: audition.playback.loaded and audition.codecs.known, timeout=LONG_MS)
    audition.add_versions([(NAME, Setting.of(FROM_KBPS))])
    (version,) = audition.workspace.versions
    qtbot.waitUntil(lambda: audition.playback.has(version.id), timeout=LONG_MS)
    page = workbench.audition_page
    page.number_pressed.emit(0)
    page.region_selected.emit(LOOP_S)
    page.play_toggled.emit()
    qtbot.waitUntil(lambda: workbench.player.status().position_s > 1.1, timeout=LONG_MS)
    yield workbench
    workbench.window.close()


def drag(control: RateControl, by_px: int) -> None:
    option = QStyleOptionSlider()
    control.slider.initStyleOption(option)
    part = QStyle.SubControl.SC_SliderHandle
    style = control.slider.style()
    start = style.subControlRect(QStyle.ComplexControl.CC_Slider, option, part, control.slider).center()
    QTest.mousePress(control.slider, Qt.MouseButton.LeftButton, pos=start)
    for x in np.linspace(0, by_px, 6).astype(int).tolist()[1:]:
        QTest.mouseMove(control.slider, start + QPoint(x, 0))
        QTest.qWait(40)
    QTest.mouseRelease(control.slider, Qt.MouseButton.LeftButton, pos=start + QPoint(by_px, 0))


def test_the_loop_goes_on_with_what_the_codec_makes_of_it_at_the_new_rate(
    workbench: Workbench, null_sink: NullSink, qtbot: QtBot
) -> None:
    audition, (version,) = workbench.audition, workbench.audition.workspace.versions
    original = audition.playback.audio_of(None)
    assert original is not None
    shown = workbench.audition_page.analysis.noise

    def play() -> tuple[Recording, tuple[list[AudioClip], int]]:
        sounds, parts, control = (
            [audition.playback.audio_of(version.id)],
            [],
            workbench.audition_page.table.rates.control(1),
        )
        assert control is not None

        def note() -> None:
            if audition.playback.audio_of(version.id) is not sounds[-1]:
                sounds.append(audition.playback.audio_of(version.id))
                if (part := audition.rates.part(version.id)) is not None:
                    parts.append(part)

        audition.playback.audio_changed.connect(note)
        qtbot.wait(600)
        n_underruns = workbench.player.status().n_underruns
        with null_sink.record() as recorder:
            qtbot.wait(300)
            drag(control, 60 if control.slider.value() < 120 else -60)
            wanted = control.number.value()
            changed = audition.workspace.versions
            qtbot.waitUntil(lambda: changed[0].setting.kbps == wanted, timeout=LONG_MS)
            qtbot.wait(900)
        audition.playback.audio_changed.disconnect(note)
        assert_is_decoded(original, parts[-1])
        assert shown.shown is not None
        return recorder.recording, (sounds, workbench.player.status().n_underruns - n_underruns)

    def check(recording: Recording, notes: tuple[list[AudioClip], int]) -> None:
        sounds, n_underruns = notes
        assert n_underruns == 0
        assert len(sounds) > 1
        check_sounds(recording.samples[:, 0], [to_frames(sound, RATE_HZ)[:, 0] for sound in sounds])

    check_take(play, check)


def assert_is_decoded(original: AudioClip, part: Part) -> None:
    """The part is what the codec's bytes at its gain decode to."""
    codec, span = codec_called(NAME), part.span
    excerpt = original.with_samples(original.samples[:, span.first : span.after])
    dial = dial_of(codec, excerpt, part.version.setting)
    assert dial is not None
    assert part.heard.plans is not None
    encoded = codec.encode(excerpt, part.version.setting)
    same = replace(encoded, segments=tuple(dial.segments(part.heard.plans)))
    np.testing.assert_array_equal(codec.decode(same).samples, part.heard.clip.samples)
    assert same.bitrate_kbps == pytest.approx(part.version.setting.kbps, rel=0.03)


def check_sounds(heard: np.ndarray, sounds: list[np.ndarray]) -> None:
    """Every sample is one sound's, in the order they came; one follows another by a plain switch."""
    first, after = (round(second * RATE_HZ) for second in LOOP_S)
    begin = np.flatnonzero(heard)[0]
    heard = heard[begin:]
    start = position_of(heard, sounds[0], first, after)
    position = first + (start - first + np.arange(len(heard))) % (after - first)
    fits = np.array([np.abs(heard - sound[position]) < EXACT for sound in sounds])
    which = np.where(fits.sum(0) == 1, fits.argmax(0), -1)  # where several are alike, neither
    seam = (position < first + N_FADE) | (position >= after - N_FADE)
    full = ~seam & (which >= 0)
    runs = long_runs(which, full)
    heard_in_order = [number for number, _ in groupby(number for number, *_ in runs)]
    assert heard_in_order[0] == 0
    assert heard_in_order[-1] >= len(sounds) - 2  # the last may have come after the recording
    assert len(heard_in_order) > 1
    assert heard_in_order == sorted(set(heard_in_order))
    n_faded = np.count_nonzero(~seam & ~fits.any(axis=0))
    assert n_faded <= 2 * N_FADE * (len(heard_in_order) - 1)
    rise = np.sin(np.pi * np.arange(1, N_FADE + 1) / (2 * N_FADE)) ** 2
    for (before, _, last), (now, begins, _) in pairwise(runs):
        if before == now:
            continue
        if seam[last : begins + 1].any():
            continue  # within the loop's own fade
        assert begins - last <= 2 * N_FADE + 100  # sounds may be alike beside the fades
        errors = [
            np.abs(
                heard[at : at + 2 * N_FADE]
                - switched(sounds, before, now, position[at : at + 2 * N_FADE], rise)
            ).max()
            for at in range(last - 20, begins + 22 - 2 * N_FADE)
        ]
        assert min(errors) < EXACT


def long_runs(numbers: np.ndarray, known: np.ndarray) -> list[tuple[int, int, int]]:
    """Return number, first and last place of runs; those below a millisecond are chance, within a fade."""
    places = np.flatnonzero(known)
    starts = np.flatnonzero(np.diff(numbers[places], prepend=-1))
    ends = [*(starts[1:] - 1), len(places) - 1]
    found = [
        (int(numbers[places[a]]), int(places[a]), int(places[b])) for a, b in zip(starts, ends, strict=True)
    ]
    return [run for run in found if run[2] - run[1] > RATE_HZ // 1000]


def switched(
    sounds: list[np.ndarray], before: int, now: int, position: np.ndarray, rise: np.ndarray
) -> np.ndarray:
    """Return 5 ms of fade-out and 5 ms of fade-in: raised cosines, one after the other."""
    out, into = position[:N_FADE], position[N_FADE:]
    return np.concatenate([sounds[before][out] * (1 - rise), sounds[now][into] * rise])


def position_of(heard: np.ndarray, sound: np.ndarray, first: int, after: int) -> int:
    """Return where in the loop a recording begins."""
    at = int(np.argmax(np.abs(heard[: RATE_HZ // 4])))
    piece = heard[at : at + 400]
    for start in range(first, after - 400):
        if abs(sound[start] - piece[0]) < EXACT and np.abs(sound[start : start + 400] - piece).max() < EXACT:
            return first + (start - at - first) % (after - first)
    raise AssertionError("the recording does not begin with the sound before the change")
