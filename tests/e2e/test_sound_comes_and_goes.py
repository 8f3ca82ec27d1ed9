"""The real program and the real audio process, with no sound, with sound again, and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from audition_doubles import tone
from processes import audio_process, audio_processes, children, is_alive, started
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from waiting import wait_until

from earbench_app.audition.workspace import State
from earbench_app.bootstrap import Workbench
from earbench_app.playback.engine import EnginePlayer
from earbench_app.settings import SettingsFile
from earbench_codecs.base import Setting
from earbench_codecs.clip_files import write_wav

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from null_sink import NullSink
    from pytestqt.qtbot import QtBot

pytestmark = [pytest.mark.e2e, pytest.mark.audio]
LONG_MS = 60_000
HIDE_PORTAUDIO = """
import ctypes.util
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if "portaudio" in name else find(name)
"""


@pytest.fixture
def workbench(
    own_null_sink: NullSink, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workbench]:
    """The window on a machine whose sound server is not there yet, with one clip open."""
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    remembered = SettingsFile()
    remembered.settings.demo_shown = True
    workbench = Workbench(EnginePlayer(), remembered, n_encoders=1)
    qtbot.addWidget(workbench.window)
    workbench.window.show()
    write_wav(tmp_path / "tone.wav", tone(3.0, seed=1, n_channels=2))
    workbench.open([tmp_path / "tone.wav"])
    qtbot.waitUntil(lambda: workbench.audition.playback.loaded, timeout=LONG_MS)
    yield workbench
    workbench.window.close()


def banner(workbench: Workbench) -> str:
    bar = workbench.window.notice_bar
    return bar.text if bar.isVisible() else ""


def test_without_sound_all_else_works_and_playing_begins_with_the_device(
    workbench: Workbench, own_null_sink: NullSink, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: "No audio output was found" in banner(workbench), timeout=LONG_MS)
    workbench.audition.add_versions([("mp3", Setting.of(64))])
    qtbot.waitUntil(lambda: states(workbench) == [State.READY], timeout=LONG_MS)
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert workbench.player.status().playing
    own_null_sink.start()
    qtbot.waitUntil(lambda: workbench.player.status().position_s > 0.3, timeout=LONG_MS)
    qtbot.waitUntil(lambda: banner(workbench) == "", timeout=LONG_MS)


def states(workbench: Workbench) -> list[State]:
    return [result.state for result in workbench.audition.workspace.results.values()]


def test_without_portaudio_the_banner_says_how_to_install_it(
    workbench: Workbench, own_null_sink: NullSink, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDE_PORTAUDIO, encoding="utf-8")
    own_null_sink.start()
    os.kill(audio_process(os.getpid()), signal.SIGKILL)
    qtbot.waitUntil(lambda: "apt-get install libportaudio2" in banner(workbench), timeout=LONG_MS)
    workbench.audition.add_versions([("mp3", Setting.of(64))])
    qtbot.waitUntil(lambda: states(workbench) == [State.READY], timeout=LONG_MS)


PROGRAM = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from earbench_app.bootstrap import run_workbench
if __name__ == "__main__":
    app = QApplication([])
    QTimer.singleShot(0, lambda: print("running", flush=True))
    sys.exit(run_workbench([Path(sys.argv[1])]))
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_program(null_sink: NullSink, tmp_path: Path, ending: signal.Signals) -> None:
    """SIGTERM ends it as a click on the cross does, SIGKILL as a power cut."""
    script, clip = tmp_path / "program.py", tmp_path / "tone.wav"
    script.write_text(PROGRAM, encoding="utf-8")
    write_wav(clip, tone(3.0, seed=1, n_channels=2))
    environment = {**os.environ, "EARBENCH_HOME": str(tmp_path / "home")}
    with started([sys.executable, script, clip], env=environment, stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"running\n"
        wait_until(lambda: null_sink.pactl("list", "sink-inputs", "short") != "")
        processes = children(program.pid)
        assert set(audio_processes(program.pid)) & set(processes)
        program.send_signal(ending)
    assert program.returncode == (0 if ending == signal.SIGTERM else -signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, processes)))
