"""Whether the noise-versus-mask plot follows playback, in the real window with workers and codecs."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from earbench_app.audition.demo import demo_paths
from earbench_app.bootstrap import Workbench
from earbench_app.playback.fake import FakePlayer
from earbench_app.settings import SettingsFile
from earbench_app.views.qt.theme import apply_theme
from earbench_codecs.base import Setting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from earbench_app.analysis.noise_plot import NoisePlot

pytestmark = pytest.mark.bench

VERSIONS = [("mp3", 64), ("mp3", 128), ("opus", 32), ("aac", 64)]
SECONDS = 8.0


def wait(app: QApplication, until: Callable[[], bool], limit_s: float = 120.0) -> None:
    end_s = time.monotonic() + limit_s
    while not until() and time.monotonic() < end_s:
        app.processEvents()
        time.sleep(0.001)
    assert until(), "it did not come about in time"


def follow_the_clock(player: FakePlayer) -> QTimer:
    timer, last_s = QTimer(), [time.monotonic()]

    def advance() -> None:
        now_s = time.monotonic()
        player.advance(now_s - last_s[0])
        last_s[0] = now_s

    timer.timeout.connect(advance)
    timer.start(5)
    return timer


class Watch:
    """Notes when plots are painted, how long that takes and how far behind the playhead they are."""

    def __init__(self, bench: Workbench) -> None:
        self.drawn_s: list[float] = []
        self.paint_ms: list[float] = []
        self.behind_ms: list[float] = []
        self._bench, self._panel = bench, bench.audition_page.analysis.noise
        self._fresh: NoisePlot | None = None
        self._show, self._paint = self._panel.show_plot, self._panel.plot.paintEvent
        self._panel.show_plot = self.show  # type: ignore[method-assign]
        self._panel.plot.paintEvent = self.paint  # type: ignore[method-assign]

    def show(self, plot: NoisePlot | None) -> None:
        self._fresh = plot
        self._show(plot)

    def paint(self, event: Any) -> None:
        start_s = time.perf_counter()
        self._paint(event)
        self.paint_ms.append(1000 * (time.perf_counter() - start_s))
        if self._fresh is not None:
            middle_s = (self._fresh.start_s + self._fresh.end_s) / 2
            self.behind_ms.append(1000 * (self._bench.player.status().position_s - middle_s))
            self.drawn_s.append(time.monotonic())
            self._fresh = None


def test_the_plot_follows_playback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path))
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    apply_theme(app, "light")
    remembered, player = SettingsFile(), FakePlayer()
    remembered.settings.demo_shown = True
    bench = Workbench(player, remembered)
    bench.window.resize(1280, 800)
    bench.window.show()
    bench.open(demo_paths()[:1])
    bench.audition.add_versions([(name, Setting.of(kbps)) for name, kbps in VERSIONS])
    wait(app, lambda: len(bench.audition.workspace.versions) == len(VERSIONS))
    maps, ids = bench.analysis.maps, [version.id for version in bench.audition.workspace.versions]
    wait(app, lambda: all(maps.complete_map(key) for key in ids))
    watch, clock = Watch(bench), follow_the_clock(player)
    bench.audition_page.play_toggled.emit()
    start_s = time.monotonic()
    wait(app, lambda: time.monotonic() - start_s > SECONDS)
    clock.stop()
    shown = bench.audition_page.analysis.noise.shown
    assert shown is not None
    assert sorted(shown.noises) == ids
    gaps_ms = 1000 * np.diff(watch.drawn_s)
    print(  # noqa: T201
        f"\nnoise versus mask of {len(ids)} versions, stereo, following playback: "
        f"{len(watch.drawn_s) / SECONDS:.0f} plots/s (target 20), {median(gaps_ms):.0f} ms apart"
        f" (95 %: {np.percentile(gaps_ms, 95):.0f}), {median(watch.behind_ms):.0f} ms behind the playhead, "
        f"painted in {median(watch.paint_ms):.1f} ms"
    )
    bench.window.close()
