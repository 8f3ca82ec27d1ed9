"""A loop goes on, and versions are switched, while neural versions are made beside it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from audition_doubles import tone
from takes import check_take
from tiny_checkpoint import KBPS, NAME, tiny_checkpoint

from earbench_app.audition.workspace import State
from earbench_app.bootstrap import Workbench
from earbench_app.playback.engine import EnginePlayer
from earbench_app.settings import SettingsFile
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import write_wav

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from null_sink import NullSink, Recording
    from pytestqt.qtbot import QtBot

    from earbench_app.audition.workspace import Result

pytestmark = [pytest.mark.e2e, pytest.mark.audio]
LONG_MS = 100_000
SILENT, LONGEST_SILENCE_S = 1e-3, 0.012  # a switch fades out for 5 ms and in for 5 ms
SWITCH_MS = 120


@pytest.fixture
def workbench(
    null_sink: NullSink, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workbench]:
    home = tmp_path / "home"
    monkeypatch.setenv("EARBENCH_HOME", str(home))
    (home / "checkpoints").mkdir(parents=True)
    shutil.copy(tiny_checkpoint(), home / "checkpoints" / "tiny.safetensors")
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    workbench = Workbench(EnginePlayer(), remembered, n_encoders=2)
    qtbot.addWidget(workbench.window)
    workbench.window.show()
    for n in range(3):
        write_wav(tmp_path / f"{n}.wav", tone(5.0, seed=n, n_channels=2))
    workbench.open([tmp_path / "0.wav"])
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    workbench.audition.add_versions([("mp3", Setting.of(64))])
    qtbot.waitUntil(lambda: bool(workbench.audition.workspace.versions), timeout=LONG_MS)
    (version,) = workbench.audition.workspace.versions
    qtbot.waitUntil(lambda: workbench.audition.playback.has(version.id), timeout=LONG_MS)
    workbench.audition_page.region_selected.emit((1.0, 2.5))
    workbench.audition_page.play_toggled.emit()
    qtbot.waitUntil(lambda: workbench.player.status().position_s > 1.1, timeout=LONG_MS)
    yield workbench
    workbench.window.close()


def ready(workbench: Workbench, version_id: int) -> list[Result]:
    """The results of a version that are there, one a clip."""
    results = workbench.audition.workspace.results.items()
    return [one for (_, of), one in results if of == version_id and one.state is State.READY]


def longest_silence_s(recording: Recording) -> float:
    silent = np.abs(recording.samples).max(axis=1) < SILENT
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    return float((edges[1::2] - edges[::2]).max(initial=0)) / recording.sample_rate_hz


def test_nothing_is_missing_in_the_sound_while_neural_versions_are_made(
    workbench: Workbench, null_sink: NullSink, qtbot: QtBot, tmp_path: Path
) -> None:
    audition, page = workbench.audition, workbench.audition_page

    def play() -> tuple[Recording, int]:
        audition.release(next(i.sha256 for i in audition.codecs._infos.values() if i.name == NAME))
        shutil.rmtree(tmp_path / "home" / "cache", ignore_errors=True)
        n_underruns = workbench.player.status().n_underruns
        with null_sink.record() as recorder:
            workbench.open([tmp_path / f"{n}.wav" for n in range(3)])
            audition.add_versions([(NAME, Setting.of(KBPS))])
            n_switches, neural = 0, audition.workspace.versions[-1]
            while len(ready(workbench, neural.id)) < 3:
                page.number_pressed.emit(0) if n_switches % 2 else page.version_chosen.emit(None)
                n_switches += 1
                qtbot.wait(SWITCH_MS)
            assert n_switches > 5
        return recorder.recording, workbench.player.status().n_underruns - n_underruns

    def check(recording: Recording, n_underruns: int) -> None:
        assert recording.samples.shape[0] > 2 * recording.sample_rate_hz
        assert longest_silence_s(recording) < LONGEST_SILENCE_S
        assert n_underruns == 0

    check_take(play, check)
    assert workbench.player.status().playing
