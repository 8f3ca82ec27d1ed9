"""What the audio process loads, and what the interface's side does without one."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from earbench_app.playback.engine import EnginePlayer
from earbench_codecs.clip import AudioClip

LIST_MODULES = """
import sys, earbench_app.playback.process, earbench_app.playback.keeper
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_audio_process_loads_nothing_heavy() -> None:
    loaded = subprocess.check_output([sys.executable, "-c", LIST_MODULES], text=True).split()
    heavy = {"PySide6", "torch", "av", "scipy", "soxr", "pydantic", "psygnal", "earbench_codecs"}
    assert {"numpy", "sounddevice"} <= set(loaded)
    assert not heavy & set(loaded)


@pytest.fixture
def player(tmp_path, monkeypatch):
    """A player on a machine without any output."""
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path / 'none'}")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "none.conf"))
    player = EnginePlayer()
    yield player
    player.close()


def clips(n: int) -> list[AudioClip]:
    return [AudioClip.mono(np.zeros(30_000), 10_000) for _ in range(n)]


def test_what_was_asked_shows_at_once(player: EnginePlayer) -> None:
    player.load(clips(3))
    player.play()
    player.select(2)
    player.set_loop((1, 2))
    player.set_gain_db(-3)
    status = player.status()
    assert (status.playing, status.stimulus, status.loop_s, status.gain_db) == (True, 2, (1, 2), -3)
    assert (status.position_s, status.duration_s) == (1, 3)
    player.seek(1.5)
    assert player.status().position_s == 1.5
    player.seek(99)
    assert player.status().position_s == 3
    player.stop()
    assert (player.status().playing, player.status().position_s) == (False, 1)
    player.update(clips(2))
    assert player.status().stimulus == 1
    player.load(clips(1))
    status = player.status()
    assert (status.stimulus, status.loop_s, status.position_s) == (0, None, 0)


def test_the_state_asked_for_stays_when_there_is_no_device(player: EnginePlayer) -> None:
    player.load(clips(2))
    player.seek(0.75)
    player.play()
    give_up_s = time.monotonic() + 15
    while not player.status().message:
        assert time.monotonic() < give_up_s
        time.sleep(0.01)
    status = player.status()
    assert (status.device.value, status.playing, status.position_s) == ("missing", True, 0.75)
    player.pause()
    player.seek(2)
    time.sleep(0.3)
    assert (player.status().playing, player.status().position_s) == (False, 2)


def test_bad_requests_are_refused_where_they_are_made(player: EnginePlayer) -> None:
    player.load(clips(2))
    with pytest.raises(IndexError):
        player.select(2)
    with pytest.raises(ValueError, match="500 ms"):
        player.set_loop((0, 0.4))
    with pytest.raises(ValueError, match="alike"):
        player.update([AudioClip.mono(np.zeros(10), 10_000)])
    with pytest.raises(ValueError, match="cannot remove all"):
        player.update([])
