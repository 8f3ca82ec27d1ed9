"""How long after a bitrate slider is let go its sound is with the player, and its plot in the window.

Method. In the real window with its workers and an audio process, 5 s of speech at 16 kHz loop, or of music in
stereo at 44.1 kHz; the slider is set to other rates as if it was let go there, each a second after the last
result. Times run from that event
to when the audio process has been sent the new samples and the list that names them, and to when the plot of
noise against mask that was taken from them is handed to its view. Beside the wall clock, the processor time
that the steps on the way take by themselves, on one thread, tells what a busy machine adds.
"""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtWidgets import QApplication

from earbench_app.analysis.masking_work import noise_plot
from earbench_app.analysis.noise_plot import frame_at
from earbench_app.audition.demo import demo_paths
from earbench_app.audition.making import VersionJob, load_clip, make_version
from earbench_app.audition.recoding import Span, hear_part, learn_part, measure_part, spliced, warm_up
from earbench_app.bootstrap import Workbench
from earbench_app.playback import host
from earbench_app.playback.engine import EnginePlayer
from earbench_app.playback.stimuli import to_frames
from earbench_app.settings import SettingsFile, cache_dir
from earbench_app.views.qt.theme import apply_theme
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.registry import codec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from null_sink import NullSink

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
CLIP_S, LOOP_S = 8.0, (1.0, 6.0)
SHARES = (1.5, 0.75, 2.0, 0.6, 1.25, 0.9, 2.5, 1.0)
"""Rates that are chosen one after the other, of the one that a version is added with."""
TARGET_MS = 300.0


@pytest.fixture(
    params=[("sonnet", "mdct-hyper-16k", 16.0), ("rock", "mdct-hyper-44k", 64.0)], ids=["speech", "music"]
)
def job(request: pytest.FixtureRequest, tmp_path: Path) -> VersionJob:
    found, name, kbps = request.param
    clip = read_clip(next(path for path in demo_paths() if found in path.name)).excerpt(0.0, CLIP_S)
    write_wav(tmp_path / "clip.wav", clip)
    return VersionJob(tmp_path / "clip.wav", clip.sha256(), name, Setting.of(kbps), codec(name).info.sha256)


def rates(job: VersionJob) -> list[float]:
    assert job.setting.kbps
    return [share * job.setting.kbps for share in SHARES]


def test_processor_time_of_the_steps(job: VersionJob, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    torch.set_num_threads(1)
    original = load_clip(job.path, job.clip_sha256)
    span = Span.of(*LOOP_S, original.sample_rate_hz, original.n_samples)
    warm_up(job)
    spent: dict[str, list[float]] = {}

    def timed(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        began_s = time.process_time()
        found = function(*arguments)
        spent.setdefault(what, []).append(1000 * (time.process_time() - began_s))
        return found

    while timed("learning, a step", learn_part, job, span):
        pass
    for kbps in rates(job):
        heard = timed("coding and decoding", hear_part, replace(job, setting=Setting.of(kbps)), span)
        mixed = timed("putting in", spliced, original, heard.clip, span)
        timed("to the device's rate", to_frames, mixed, 48_000)
        timed("the plot", noise_plot, frame_at(original, {1: mixed}, 2.0))
        timed("real bytes, SDR, NMR (later)", measure_part, job, span, heard)
    with capsys.disabled():
        loop = f"{original.n_channels} x 5 s at {original.sample_rate_hz} Hz"
        print(f"\n{loop} of {CLIP_S:g} s, {job.codec}, processor time on one thread")  # noqa: T201
        for what, ms in spent.items():
            print(f"  {what:<30} {median(ms):6.1f} ms, at most {max(ms):.1f}")  # noqa: T201


def wait(app: QApplication, until: Callable[[], bool], limit_s: float = 400.0) -> None:
    end_s = time.monotonic() + limit_s
    while not until() and time.monotonic() < end_s:
        app.processEvents()
        time.sleep(0.001)
    assert until(), "it did not come about in time"


def rest(app: QApplication, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    wait(app, lambda: time.monotonic() > end_s)


def test_from_letting_go_to_sound_and_plot(
    job: VersionJob, null_sink: NullSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path))
    make_version(job, cache_dir() / "versions", 2**30, want_audio=False)
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    apply_theme(app, "light")
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    bench = Workbench(EnginePlayer(), remembered, n_encoders=1)
    bench.window.resize(1280, 800)
    bench.window.show()
    bench.open([job.path])
    audition, page = bench.audition, bench.audition_page
    wait(app, lambda: audition.playback.loaded and audition.codecs.known)
    audition.add_versions([(job.codec, job.setting)])
    (version,) = audition.workspace.versions
    wait(app, lambda: audition.playback.has(version.id))
    page.number_pressed.emit(0)
    page.region_selected.emit(LOOP_S)
    page.play_toggled.emit()
    rest(app, 0.5)
    readiness = audition.rates._readiness
    wait(app, lambda: bool(readiness._known) and readiness._task is None)
    watch = Watch(bench, monkeypatch)
    control = page.table.rates.control(1)
    assert control is not None
    sound_ms, plot_ms = [], []
    for kbps in rates(job):
        began_s = watch.begin()
        control.chosen.emit(version.id, kbps)
        wait(app, lambda: watch.plotted_s > 0 and watch.sent_s > 0)
        sound_ms.append(1000 * (watch.sent_s - began_s))
        plot_ms.append(1000 * (watch.plotted_s - began_s))
        rest(app, 1.0)
    bench.window.close()
    print(  # noqa: T201
        f"\nfrom letting go, {len(SHARES)} times: samples with the player after {median(sound_ms):.0f} ms "
        f"(at most {max(sound_ms):.0f}), plot after {median(plot_ms):.0f} ms (at most {max(plot_ms):.0f}); "
        f"target {TARGET_MS:.0f} ms on a quiet machine"
    )


class Watch:
    """Notes when new samples have been sent, and when a plot of them is shown."""

    def __init__(self, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent_s = self.plotted_s = 0.0
        self._old = self._seen = None
        self._playback = bench.audition.playback
        self._id = bench.audition.workspace.versions[0].id
        write, frames = host._write, bench.analysis.noise._frames
        panel = bench.audition_page.analysis.noise
        show = panel.show_plot

        def written(process: Any, message: dict[str, Any], payload: Any = None) -> None:
            write(process, message, payload)
            if "playlist" in message and self._audio() is not self._old and not self.sent_s:
                self.sent_s = time.perf_counter()

        def taken() -> Any:
            self._seen = self._audio()
            return frames()

        def shown(plot: Any) -> None:
            show(plot)
            if plot is not None and self._seen is not self._old and not self.plotted_s:
                self.plotted_s = time.perf_counter()

        monkeypatch.setattr(host, "_write", written)
        monkeypatch.setattr(bench.analysis.noise, "_frames", taken)
        monkeypatch.setattr(panel, "show_plot", shown)

    def begin(self) -> float:
        self._old = self._seen = self._audio()
        self.sent_s = self.plotted_s = 0.0
        return time.perf_counter()

    def _audio(self) -> Any:
        return self._playback.audio_of(self._id)
