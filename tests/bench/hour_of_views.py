"""An hour of 48 kHz stereo in the views; run by `bench_views.py` in a process, and at a scale, of its own.

`python hour_of_views.py draw` measures the two views at 1280 × 800; `open FILE` the whole window.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
os.environ["EARBENCH_HOME"] = tempfile.mkdtemp(prefix="earbench-bench-")

from picture_stage import Stage
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from earbench_app.analysis.frequency_axis import FrequencyAxis, Scale
from earbench_app.analysis.peaks import PeakPyramid
from earbench_app.background.latest import LatestOnly
from earbench_app.views.qt.thread_bridge import MainThread
from earbench_codecs.clip import AudioClip

if TYPE_CHECKING:
    from collections.abc import Callable

RATE_HZ, HOUR_S = 48_000, 3600
RATIO = float(os.environ.get("QT_SCALE_FACTOR", "1"))


def say(what: str, value: str, target: str = "") -> None:
    print(f"  {what:<66} {value:>16}   {target}", flush=True)  # noqa: T201


def minute() -> np.ndarray:
    rng = np.random.default_rng(0)
    t = np.arange(60 * RATE_HZ) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * f * t * (1 + 0.01 * t / 60)) for f in (110, 440, 1250, 3300, 9000))
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * t / 7)
    noise = rng.standard_normal((2, len(t)))
    return (0.05 * swell * (tones + noise)).astype(np.float32)


def memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def seconds(run: Callable[[], object]) -> float:
    """Return how long it takes, less what this thread waited for a processor that others had."""
    began_s, delay_s = time.perf_counter(), run_delay_s()
    run()
    return time.perf_counter() - began_s - (run_delay_s() - delay_s)


def wait(app: QApplication, condition: Callable[[], bool], limit_s: float = 600) -> None:
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen in time"
        app.processEvents()
        time.sleep(0.001)


# The two views ---------------------------------------------------------------------------------------


def draw() -> None:
    app = QApplication([])
    clip = AudioClip(np.tile(minute(), (1, HOUR_S // 60)), RATE_HZ)
    main_thread = MainThread()
    background = LatestOnly(main_thread.post, needs=("scipy.signal",))
    imported: list[None] = []
    background.request("imports, done while the program starts", lambda: None, imported.append)
    stage = Stage(background, player=Mock())
    stage.resize(1280, 800)
    stage.show()
    wait(app, lambda: bool(imported))
    plot = stage.spectrogram.plot_rect()
    sizes = f"{plot.width():.0f} x {stage.waveform.height()} and {plot.height():.0f}"
    print(f"\nan hour of 48 kHz stereo, window 1280 x 800 at scale {RATIO:g}, plots {sizes}:")  # noqa: T201
    first_picture(app, stage, clip)
    repaints(app, stage)
    tiles(stage, clip)
    background.close()
    main_thread.close()
    stage.close()


def first_picture(app: QApplication, stage: Stage, clip: AudioClip) -> None:
    """Time from samples in memory until waveform and spectrogram of the whole hour are painted."""
    before_mib, times_s, busy_s = memory_mib(), [], []
    for _ in range(5):
        stage.panel.show_pictures(None, None)
        stage.panel.show_peaks(None, None, 0)
        again = AudioClip(clip.samples, RATE_HZ)  # another clip to the views, of the same samples
        began_s, began_busy_s = time.perf_counter(), time.process_time()
        stage.load(again)
        wait(app, lambda: stage.spectrogram.picture is not None and stage.waveform._peaks is not None)
        stage.repaint()
        times_s.append(time.perf_counter() - began_s)
        busy_s.append(time.process_time() - began_busy_s)
    what = "first picture: peaks, spectrogram, painting of both, median (best)"
    say(what, f"{np.median(times_s):.2f} ({min(times_s):.2f}) s", "<= 1 s")
    say("  processor time of that, both threads", f"{np.median(busy_s):.2f} ({min(busy_s):.2f}) s")
    say("  memory it took", f"{memory_mib() - before_mib:.0f} MiB")
    peaks = PeakPyramid(clip.samples)
    say("  of that, building the peaks", f"{seconds(lambda: PeakPyramid(clip.samples)):.2f} s")
    say("  memory of the peaks", f"{peaks.n_bytes / 2**20:.1f} MiB")


def repaints(app: QApplication, stage: Stage) -> None:
    axis = stage.axis
    moves = {
        "pan": lambda i: axis.pan(axis.span_s / 50 * (1 if i % 40 < 20 else -1)),
        "zoom": lambda i: axis.zoom(1.25 if i % 20 < 10 else 0.8, 1800.0),
    }
    for name, move in moves.items():
        for span_s in (HOUR_S, 60, 1):
            axis.fit()
            axis.zoom(HOUR_S / span_s * 1.5, 1800.0)
            wait(app, lambda: stage.pictures._making is None)
            times_ms = []
            for i in range(80):
                move(i)
                times_ms.append(1000 * seconds(stage.repaint))
                app.processEvents()
                time.sleep(0.008)  # the background draws new pictures meanwhile
            median, p95 = np.percentile(times_ms, [50, 95])
            what = f"{name}, {span_s} s in view: repaint of the window, median (95 %)"
            say(what, f"{median:.1f} ({p95:.1f}) ms", "<= 16 ms")
    playhead_ms = [1000 * _move_playhead(app, stage, i) for i in range(60)]
    say("playhead moves: repaint, median", f"{np.median(playhead_ms):.1f} ms")
    studio = stage.pictures._studio
    assert studio._tiles is not None
    kept, limit = studio._tiles.n_bytes / 2**20, studio._tiles.limit_bytes / 2**20
    say("tile cache after all that (limit)", f"{kept:.0f} ({limit:.0f}) MiB")


def _move_playhead(app: QApplication, stage: Stage, step: int) -> float:
    def run() -> None:
        stage.axis.move_playhead(1800.0 + step / 100)
        app.processEvents()

    return seconds(run)


def tiles(stage: Stage, clip: AudioClip) -> None:
    from earbench_app.analysis.spectrogram import TILE_COLUMNS, Spectrogram, StftSettings

    plot, axis = stage.spectrogram.plot_rect(), FrequencyAxis(Scale.BARK, RATE_HZ / 2)
    n_columns, n_rows = int(plot.width() * RATIO), int(plot.height() * RATIO)
    for span_s in (HOUR_S, 600, 60, 10, 1):
        starts_s = np.linspace(0, HOUR_S - span_s, 5)

        def picture(start_s: float, span_s: float = span_s) -> None:
            Spectrogram(clip, StftSettings()).picture(start_s, start_s + span_s, n_columns, n_rows, axis)

        times_ms = [1000 * seconds(lambda s=s: picture(float(s))) for s in starts_s]  # type: ignore[misc]
        say(
            f"spectrogram of {span_s} s, all tiles of the view anew, median",
            f"{np.median(times_ms):.0f} ms",
            "<= 100 ms",
        )
    spectrogram = Spectrogram(clip, StftSettings())
    one_ms = [1000 * seconds(lambda k=k: spectrogram.spectra_db(8192, k)) for k in range(20)]  # type: ignore[misc]
    say(f"one tile ({TILE_COLUMNS} columns), median", f"{np.median(one_ms):.1f} ms", "<= 100 ms")


# The whole window ------------------------------------------------------------------------------------


class Heart:
    """Notes how long the event loop was away, and how much of that it waited for a processor."""

    def __init__(self) -> None:
        self.gaps_ms: list[tuple[float, float]] = []
        self._last = (time.perf_counter(), run_delay_s())
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(2)

    def _beat(self) -> None:
        now = (time.perf_counter(), run_delay_s())
        gap_s, delay_s = now[0] - self._last[0], now[1] - self._last[1]
        self.gaps_ms.append((1000 * gap_s, 1000 * (gap_s - delay_s)))
        self._last = now


def run_delay_s() -> float:
    """Return how long this thread has been ready to run while the machine did something else."""
    task = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(task.read_text().split()[1]) / 1e9 if task.exists() else 0.0


def open_file(path: Path) -> None:
    from earbench_app.bootstrap import Workbench
    from earbench_app.playback.engine import EnginePlayer
    from earbench_app.settings import SettingsFile

    app = QApplication([])
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    bench = Workbench(EnginePlayer(), remembered)
    bench.window.resize(1280, 800)
    bench.window.show()
    wait(app, lambda: bool(bench.audition._codecs))
    before_mib, heart, began_s = memory_mib(), Heart(), time.perf_counter()
    bench.open([path])
    page, parts = bench.audition_page, []
    for what, condition in (
        ("samples in memory (read twice, hashed, handed over)", lambda: bench.audition.playback.loaded),
        ("waveform drawn", lambda: page.waveform._peaks is not None),
        ("spectrogram drawn", lambda: page.spectrogram.picture is not None),
    ):
        wait(app, condition)
        parts.append((what, time.perf_counter() - began_s))
    end_s = time.monotonic() + 5
    wait(app, lambda: time.monotonic() > end_s)
    print(f"\nopening {path.stat().st_size / 1e6:.0f} MB of 16-bit WAV in the window:")  # noqa: T201
    for what, after_s in parts:
        say(what, f"after {after_s:.1f} s", "" if "samples" in what else "<= 1 s later")
    gaps = np.array(heart.gaps_ms)
    say("longest gap of the event loop, as it was", f"{gaps[:, 0].max():.0f} ms")
    say("longest gap, less its waiting for a processor", f"{gaps[:, 1].max():.0f} ms", "<= 100 ms")
    say("memory of the interface's process, more than before", f"{memory_mib() - before_mib:.0f} MiB")
    assert "torch" not in sys.modules
    sys.stdout.flush()
    bench.player.close()
    os._exit(0)  # the analysis of an hour goes on for long


if __name__ == "__main__":
    draw() if sys.argv[1] == "draw" else open_file(Path(sys.argv[2]))
