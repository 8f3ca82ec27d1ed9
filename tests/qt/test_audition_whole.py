"""The real window, presenters, worker processes and codecs; only the sound device is a double."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from audition_doubles import tone
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from earbench_app.audition.workspace import State
from earbench_app.bootstrap import Workbench
from earbench_app.playback.fake import FakePlayer
from earbench_app.settings import SettingsFile
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_codecs.registry import codec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

LONG_MS = 60_000


@pytest.fixture
def workbench(qtbot: QtBot) -> Iterator[Workbench]:
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    workbench = Workbench(FakePlayer(), remembered, n_encoders=1)
    qtbot.addWidget(workbench.window)
    workbench.window.show()
    yield workbench
    workbench.window.close()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "clips" / f"tone {i}.wav" for i in range(2)]
    paths[0].parent.mkdir()
    for i, path in enumerate(paths):
        write_wav(path, tone(3.0, seed=i, n_channels=2))
    return paths


def states(workbench: Workbench) -> list[State]:
    workspace = workbench.audition.workspace
    return [result.state for result in workspace.results.values()]


def press(key: Qt.Key) -> None:
    QTest.keyClick(QApplication.focusWidget(), key)


def test_from_a_folder_to_an_exported_version(
    workbench: Workbench, files: list[Path], qtbot: QtBot, tmp_path: Path
) -> None:
    workbench.open([files[0].parent])
    playback, page = workbench.audition.playback, workbench.audition_page
    qtbot.waitUntil(lambda: playback.loaded, timeout=LONG_MS)
    press(Qt.Key.Key_Space)
    assert workbench.player.status().playing
    workbench.audition.add_versions([("mp3", Setting.of(64)), ("opus", Setting.of(32))])
    qtbot.waitUntil(lambda: states(workbench) == [State.READY] * 4, timeout=LONG_MS)
    ids = [version.id for version in workbench.audition.workspace.versions]
    qtbot.waitUntil(lambda: all(map(playback.has, ids)), timeout=LONG_MS)
    assert workbench.player.status().playing, "joining stopped the sound"

    press(Qt.Key.Key_2)
    opus = codec("opus")
    expected = opus.decode(opus.encode(read_clip(files[0]), Setting.of(32)))
    assert playback.sounding is not None
    np.testing.assert_array_equal(playback.sounding.samples, expected.samples)
    page.export_chosen.emit([ids[1]], tmp_path / "out.wav")
    qtbot.waitUntil(lambda: "Saved" in page.notice_bar.text, timeout=LONG_MS)
    np.testing.assert_array_equal(read_clip(tmp_path / "out.wav").samples, expected.samples)


def test_the_spectrogram_of_what_sounds_appears_by_itself(
    workbench: Workbench, files: list[Path], qtbot: QtBot
) -> None:
    page = workbench.audition_page
    workbench.open(files)
    qtbot.waitUntil(lambda: page.spectrogram.picture is not None, timeout=LONG_MS)
    qtbot.waitUntil(lambda: page.waveform._peaks is not None, timeout=LONG_MS)
    picture = page.spectrogram.picture
    assert picture is not None
    loudest = picture.db.mean(axis=1).argmax() / picture.db.shape[0]
    assert float(picture.axis.frequency_hz(loudest)) == pytest.approx(350, abs=100)  # sines at 300 and 400 Hz


def test_the_cross_in_the_status_line_stops_the_encoding(
    workbench: Workbench, files: list[Path], qtbot: QtBot
) -> None:
    workbench.open(files)
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    workbench.audition.add_versions([("mp3", Setting.of(rate)) for rate in (32, 64, 96, 128, 160, 192)])
    qtbot.waitUntil(lambda: State.READY in states(workbench), timeout=LONG_MS)
    workbench.window.ticked.emit()
    line = workbench.window.status_line
    assert "encoding" in line.text
    QTest.mouseClick(line.findChild(QAbstractButton), Qt.MouseButton.LeftButton)
    workbench.window.ticked.emit()
    assert "encoding" not in line.text
    assert set(states(workbench)) <= {State.READY, State.CANCELLED}
    n_ready = states(workbench).count(State.READY)
    end_s = time.monotonic() + 1.0
    while time.monotonic() < end_s:
        qtbot.wait(50)
    assert states(workbench).count(State.READY) == n_ready


def test_layout_volume_and_folder_are_there_again(files: list[Path], qtbot: QtBot) -> None:
    for first in (True, False):
        remembered = SettingsFile()
        workbench = Workbench(FakePlayer(), remembered, n_encoders=1)
        qtbot.addWidget(workbench.window)
        page = workbench.audition_page
        workbench.window.show()
        if first:
            remembered.settings.demo_shown = True
            workbench.open(files)
            workbench.window.resize(1000, 660)
            page.halves.setSizes([350, 200])
            sizes = page.halves.sizes()
            workbench.window.show_page("Codecs")
            page.transport.volume.setValue(-17)
        else:
            assert workbench.window.height() == 660  # the width is cut to that of the test's screen
            assert page.halves.sizes() == pytest.approx(sizes, abs=3)
            assert workbench.window.page == "Codecs"
            assert page.transport.volume.value() == -17
            assert workbench.player.status().gain_db == -17
            assert page.folder == str(files[0].parent)
        workbench.window.close()
    assert workbench.player.closed


def test_the_first_start_opens_the_demo_and_the_second_does_not(qtbot: QtBot) -> None:
    for n_clips in (True, False):
        workbench = Workbench(FakePlayer(), SettingsFile(), n_encoders=1)
        qtbot.addWidget(workbench.window)
        workbench.window.show()
        workbench.open([])
        if n_clips:
            qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)  # noqa: B023
            assert len(workbench.audition.workspace.clips) == 10
            press(Qt.Key.Key_Space)
            assert workbench.player.status().playing
        else:
            qtbot.wait(300)
            assert workbench.audition.workspace.clips == []
        workbench.window.close()


def test_the_window_fits_a_projector(workbench: Workbench, files: list[Path], qtbot: QtBot) -> None:
    workbench.open(files)
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    assert workbench.window.minimumSizeHint().width() <= 1024
    assert workbench.window.minimumSizeHint().height() <= 700


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def workers(workbench: Workbench) -> list[int]:
    """Process ids of the encoders that are at work."""
    return [task._worker._process.pid for task in workbench.encoders._running if task._worker is not None]


def test_a_worker_that_is_killed_costs_one_row_which_can_be_tried_again(
    workbench: Workbench, files: list[Path], qtbot: QtBot
) -> None:
    workbench.open(files[:1])
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    workbench.audition.add_versions([("mp3", Setting.of(rate)) for rate in (32, 64, 96)])
    qtbot.waitUntil(lambda: bool(workers(workbench)), timeout=LONG_MS)
    os.kill(workers(workbench)[0], signal.SIGKILL)
    qtbot.waitUntil(lambda: sorted(states(workbench)) == ["error", "ready", "ready"], timeout=LONG_MS)
    workspace, table = workbench.audition.workspace, workbench.audition_page.table
    found = map(workspace.result, workspace.versions)
    (failed,) = [row for row, result in enumerate(found, 1) if result and result.state is State.ERROR]
    index = table.model().index(failed, 7)
    assert "SIGKILL; try again" in index.data()
    table.activated.emit(index)
    qtbot.waitUntil(lambda: states(workbench) == [State.READY] * 3, timeout=LONG_MS)


def test_closing_while_encoding_leaves_no_process_and_no_half_file(
    workbench: Workbench, files: list[Path], qtbot: QtBot, own_home: Path
) -> None:
    before = children_of(os.getpid())
    workbench.open(files)
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    workbench.audition.add_versions([("mp3", Setting.of(rate)) for rate in (32, 64, 96, 128, 160)])
    qtbot.waitUntil(lambda: State.ENCODING in states(workbench), timeout=LONG_MS)
    workbench.window.close()
    assert not workbench.window.isVisible()
    assert children_of(os.getpid()) <= before
    assert (own_home / "config" / "settings.json").is_file()
    assert list((own_home / "cache").rglob("*.part")) == []


def test_a_cache_folder_in_the_way_is_told_and_everything_can_still_be_heard(
    workbench: Workbench, files: list[Path], qtbot: QtBot, own_home: Path
) -> None:
    cache = own_home / "cache"
    cache.mkdir(parents=True)
    (cache / "versions").write_text("no folder")
    workbench.open(files[:1])
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    workbench.audition.add_versions([("mp3", Setting.of(64))])
    qtbot.waitUntil(lambda: states(workbench) == [State.READY], timeout=LONG_MS)
    (version,) = workbench.audition.workspace.versions
    qtbot.waitUntil(lambda: workbench.audition.playback.has(version.id), timeout=LONG_MS)
    assert str(cache / "versions") in workbench.audition_page.notice_bar.text
    assert (cache / "versions").read_text() == "no folder"
