"""The analysis in the real window, with its workers and codecs; only the sound device is a double."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from audition_doubles import tone
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from earbench_app.bootstrap import Workbench
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.analysis_figures import MEASURING
from earbench_app.settings import SettingsFile
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.metrics.measure import measure
from earbench_codecs.registry import codec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

LONG_MS = 90_000
LEFT = Qt.MouseButton.LeftButton
RATES = (64, 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_wav(tmp_path / "tones.wav", tone(4.0, n_channels=2))
    return tmp_path / "tones.wav"


@pytest.fixture
def workbench(qtbot: QtBot, path: Path) -> Iterator[Workbench]:
    """Return a window with a clip, two versions of it and their maps."""
    had_torch = "torch" in sys.modules
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    workbench = Workbench(FakePlayer(), remembered, n_encoders=1)
    qtbot.addWidget(workbench.window)
    workbench.window.show()
    workbench.open([path])
    workbench.audition.add_versions([("mp3", Setting.of(kbps)) for kbps in RATES])
    workspace, maps = workbench.audition.workspace, workbench.analysis.maps
    qtbot.waitUntil(lambda: len(workspace.versions) == 2, timeout=LONG_MS)
    qtbot.waitUntil(lambda: all(maps.complete_map(v.id) for v in workspace.versions), timeout=LONG_MS)
    yield workbench
    workbench.window.close()
    assert ("torch" in sys.modules) == had_torch, "the interface's process has imported torch"


def press(workbench: Workbench, key: Qt.Key) -> None:
    QTest.keyClick(workbench.audition_page, key)


def test_worst_spots_audible_part_map_and_tabs(workbench: Workbench, path: Path, qtbot: QtBot) -> None:
    page, playback = workbench.audition_page, workbench.audition.playback
    analysis, player = page.analysis, workbench.player
    first, second = (version.id for version in workbench.audition.workspace.versions)
    worst = workbench.analysis.maps.complete_map(second)
    assert worst is not None

    press(workbench, Qt.Key.Key_2)
    for time_s, nmr_db in worst.worst_frames(3):
        press(workbench, Qt.Key.Key_N)
        start_s, end_s = playback.region_s or (0.0, 0.0)
        assert playback.looping
        assert end_s - start_s == pytest.approx(0.5)
        assert start_s <= time_s <= end_s
        assert player.status().position_s == pytest.approx(start_s, abs=1e-3)
        assert f"{nmr_db:+.1f} dB".replace("-", "−") in analysis.map_panel._state.text()

    lane = analysis.map_panel.map._lanes(analysis.map_panel.map.plot_rect())[0]
    place = QPointF(analysis.map_panel.map.x_of(1.0), lane.center().y()).toPoint()
    QTest.mouseClick(analysis.map_panel.map, LEFT, pos=place)
    assert playback.heard.version_id == first
    assert playback.region_s == pytest.approx((0.75, 1.25), abs=0.02)

    press(workbench, Qt.Key.Key_M)
    qtbot.waitUntil(lambda: playback.heard.audible, timeout=LONG_MS)
    assert analysis.map_panel.audible.isChecked()
    assert not page.transport.difference.isChecked()
    sounding, original = playback.sounding, playback.audio_of(None)
    version = playback.audio_of(first)
    assert sounding is not None
    assert original is not None
    assert version is not None
    noise, heard = version.samples - original.samples, sounding.samples
    assert 0 < np.corrcoef(noise.ravel(), heard.ravel())[0, 1] < 1
    press(workbench, Qt.Key.Key_D)
    assert (playback.heard.difference, playback.heard.audible) == (True, False)
    press(workbench, Qt.Key.Key_M)
    assert playback.heard.audible, "made once, it sounds at once"
    press(workbench, Qt.Key.Key_M)
    assert not playback.heard.difference

    bar = analysis.tabs.tabBar()
    QTest.mouseClick(bar, LEFT, pos=bar.tabRect(1).center())
    qtbot.waitUntil(lambda: len(analysis.spectrum._spectra) == 3, timeout=LONG_MS)
    QTest.mouseClick(bar, LEFT, pos=bar.tabRect(2).center())
    page.ticked.emit()
    assert analysis.levels.picture._meter is not None
    shown = {style.id if style else None: lufs for style, lufs in analysis.levels.picture._loudness}
    assert set(shown) == {None, first, second}
    QTest.mouseClick(bar, LEFT, pos=bar.tabRect(0).center())
    coder = codec("mp3")
    clip = read_clip(path)
    decoded = coder.decode(coder.encode(clip, Setting.of(RATES[0])))
    analysis.noise.extents.setCurrentText("over clip")
    noises = analysis.noise
    qtbot.waitUntil(lambda: noises.shown is not None and noises.shown.n_frames > 1, timeout=LONG_MS)
    assert noises.shown is not None
    expected = measure(clip, decoded, ["nmr_db"])["nmr_db"].value
    assert noises.shown.noises[first].nmr_db == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_metrics_are_measured_and_say_why_they_are_not(
    workbench: Workbench, path: Path, qtbot: QtBot
) -> None:
    page, model = workbench.audition_page, workbench.audition_page.table.model()
    actions = {action.data(): action for action in page.measure.menu().actions()}
    for name in ("si_sdr_db", "visqol_audio"):
        actions[name].trigger()

    def cells(title: str, role: Qt.ItemDataRole = Qt.ItemDataRole.DisplayRole) -> list[str]:
        columns = [model.headerData(k, Qt.Orientation.Horizontal) for k in range(model.columnCount())]
        return [model.index(row, columns.index(title)).data(role) for row in (1, 2)]

    qtbot.waitUntil(lambda: cells("ViSQOL audio") == ["–", "–"], timeout=LONG_MS)
    qtbot.waitUntil(lambda: not {"", MEASURING} & set(cells("SI-SDR dB")), timeout=LONG_MS)
    coder, clip = codec("mp3"), read_clip(path)
    for row, kbps in enumerate(RATES):
        decoded = coder.decode(coder.encode(clip, Setting.of(kbps)))
        expected = measure(clip, decoded, ["si_sdr_db", "nmr_db", "visqol_audio"])
        assert cells("SI-SDR dB")[row] == f"{expected['si_sdr_db'].value:.1f}".replace("-", "−")
        assert cells("NMR dB")[row] == f"{expected['nmr_db'].value:.1f}".replace("-", "−")
        assert expected["visqol_audio"].notes[0] in cells("ViSQOL audio", Qt.ItemDataRole.ToolTipRole)[row]
    assert all("mean of the figures of 2 channels" in t for t in cells("NMR dB", Qt.ItemDataRole.ToolTipRole))
