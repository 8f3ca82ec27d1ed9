"""Devices come and go, and processes are killed: the player keeps its place and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from coded_stimuli import coded_stimulus, decode
from processes import audio_process, audio_processes, is_alive, started
from waiting import wait_until

from earbench_app.playback.engine import EnginePlayer
from earbench_app.playback.player import DeviceState
from earbench_codecs.clip import AudioClip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from null_sink import NullSink

pytestmark = pytest.mark.audio


HIDE_PORTAUDIO = """
import ctypes.util
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if "portaudio" in name else find(name)
"""


@pytest.fixture
def player(own_null_sink: NullSink) -> Iterator[EnginePlayer]:
    player = EnginePlayer()
    yield player
    player.close()


def is_in(player: EnginePlayer, *states: DeviceState) -> bool:
    return player.status().device in states


def test_no_device_at_start_then_one(own_null_sink: NullSink, player: EnginePlayer) -> None:
    player.load([coded_stimulus(0, 44_100)])
    player.seek(2)
    player.play()
    wait_until(lambda: is_in(player, DeviceState.MISSING))
    status = player.status()
    assert (status.playing, status.position_s) == (True, 2)
    assert "No audio output" in status.message
    own_null_sink.start()
    wait_until(lambda: player.status().position_s > 2.1)
    status = player.status()
    assert (status.device, status.message, status.device_rate_hz) == (DeviceState.READY, "", 44_100)
    assert [output.key for output in player.devices()] == ["pulse:out"]


def test_without_the_portaudio_library_the_command_that_installs_it_is_shown(
    null_sink: NullSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hiding = tmp_path / "sitecustomize.py"
    hiding.write_text(HIDE_PORTAUDIO, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with closing(EnginePlayer()) as player:
        player.load([coded_stimulus(0)])
        player.play()
        wait_until(lambda: is_in(player, DeviceState.MISSING))
        assert "apt-get install libportaudio2" in player.status().message
        assert "No audio output" not in player.status().message
        assert (player.status().playing, player.devices()) == (True, [])
        hiding.unlink()  # it has been installed
        wait_until(lambda: player.status().position_s > 0.2)
        assert player.status().message == ""


def test_a_server_that_dies_and_returns(own_null_sink: NullSink, player: EnginePlayer) -> None:
    own_null_sink.start()
    player.load([coded_stimulus(k, 44_100) for k in range(2)])
    player.select(1)
    player.play()
    wait_until(lambda: player.status().position_s > 0.3)
    own_null_sink.kill()
    at_s = player.status().position_s
    wait_until(lambda: is_in(player, DeviceState.LOST))
    time.sleep(0.3)
    status = player.status()
    assert status.playing
    assert status.position_s == pytest.approx(at_s, abs=0.1)
    assert "went away" in status.message
    own_null_sink.start()
    with own_null_sink.record() as recorder:
        wait_until(lambda: player.status().position_s > at_s + 0.6)
    assert is_in(player, DeviceState.READY)
    assert player.status().message == ""
    _, stimulus, position = decode(recorder.recording.samples)
    assert set(stimulus) == {1}
    assert position[0] / 44_100 < at_s + 0.5


def test_a_sink_that_is_unplugged(own_null_sink: NullSink, player: EnginePlayer) -> None:
    own_null_sink.start()
    player.load([coded_stimulus(0, 44_100)])
    player.play()
    wait_until(lambda: player.status().position_s > 0.5)
    own_null_sink.pactl("unload-module", "module-null-sink")
    wait_until(lambda: is_in(player, DeviceState.LOST))
    at_s = player.status().position_s
    own_null_sink.pactl("load-module", "module-null-sink", "sink_name=out", "rate=48000", "norewinds=1")
    wait_until(lambda: player.status().position_s > at_s + 0.5)
    status = player.status()
    assert (status.device, status.device_rate_hz) == (DeviceState.READY, 48_000)
    assert 0.3 < at_s < 5


def test_a_chosen_output_is_not_replaced_by_another(own_null_sink: NullSink, player: EnginePlayer) -> None:
    own_null_sink.start()
    player.load([coded_stimulus(0, 44_100)])
    player.set_device("pulse:headphones")
    wait_until(lambda: is_in(player, DeviceState.MISSING))
    assert "chosen audio output" in player.status().message
    own_null_sink.pactl(
        "load-module", "module-null-sink", "sink_name=headphones", "sink_properties=device.description=Cans"
    )
    wait_until(lambda: is_in(player, DeviceState.READY))
    player.play()
    wait_until(lambda: player.status().position_s > 0.2)
    sinks = own_null_sink.pactl("list", "sinks", "short").splitlines()
    number = next(line.split()[0] for line in sinks if "headphones" in line)
    assert own_null_sink.pactl("list", "sink-inputs", "short").split()[1] == number
    assert player.status().device_name == "Cans"


def test_a_killed_audio_process_is_started_again(own_null_sink: NullSink, player: EnginePlayer) -> None:
    own_null_sink.start()
    player.load([coded_stimulus(k, 44_100) for k in range(3)])
    player.set_loop((1, 3))
    player.select(2)
    player.set_gain_db(-6)
    player.play()
    wait_until(lambda: player.status().position_s > 1.2)
    os.kill(audio_process(os.getpid()), signal.SIGKILL)
    wait_until(lambda: is_in(player, DeviceState.LOST))
    wait_until(lambda: is_in(player, DeviceState.READY))
    at_s = player.status().position_s
    wait_until(lambda: player.status().position_s > at_s + 0.2)
    with own_null_sink.record() as recorder:
        time.sleep(0.1)
    status = player.status()
    assert (status.stimulus, status.loop_s, status.gain_db) == (2, (1, 3), -6)
    left, right = recorder.recording.samples[-1000:].T
    np.testing.assert_allclose(left + right, 10 ** (-6 / 20), rtol=1e-6)


PLAY_FOREVER = """
import time, numpy as np
from earbench_app.playback.engine import EnginePlayer
from earbench_codecs.clip import AudioClip
player = EnginePlayer()
player.load([AudioClip(np.ones((1, 480_000), np.float32), 48_000)])
player.play()
while player.status().position_s < 0.1: time.sleep(0.01)
print("playing", flush=True)
time.sleep(60)
"""


def test_the_audio_process_dies_with_a_killed_interface(null_sink: NullSink, tmp_path: Path) -> None:
    script = tmp_path / "play.py"
    script.write_text(PLAY_FOREVER, encoding="utf-8")
    with started([sys.executable, script], stdout=subprocess.PIPE) as interface:
        assert interface.stdout.readline() == b"playing\n"
        pid = audio_process(interface.pid)
        interface.kill()
    wait_until(lambda: not is_alive(pid))
    wait_until(lambda: null_sink.pactl("list", "sink-inputs", "short") == "")


@pytest.mark.slow
@pytest.mark.parametrize("hangs", ["at the start", "while playing"])
def test_the_audio_process_dies_even_if_the_sound_server_hangs(
    own_null_sink: NullSink, tmp_path: Path, hangs: str
) -> None:
    own_null_sink.start()
    script = tmp_path / "play.py"
    script.write_text(PLAY_FOREVER, encoding="utf-8")
    if hangs == "at the start":
        own_null_sink.hang()
    with started([sys.executable, script], stdout=subprocess.PIPE) as interface:
        if hangs == "while playing":
            assert interface.stdout.readline() == b"playing\n"
            own_null_sink.hang()
        wait_until(lambda: audio_processes(interface.pid) != [])
        (pid,) = audio_processes(interface.pid)
        time.sleep(1)
        interface.kill()
    wait_until(lambda: not is_alive(pid))


def test_close_leaves_no_process(null_sink: NullSink) -> None:
    player = EnginePlayer()
    player.load([AudioClip(np.ones((1, 48_000), np.float32), 48_000)])
    wait_until(lambda: is_in(player, DeviceState.READY))
    pid = audio_process(os.getpid())
    player.close()
    wait_until(lambda: not is_alive(pid))
