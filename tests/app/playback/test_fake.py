"""The player that other tests rely on behaves as `Player` says."""

from __future__ import annotations

import numpy as np
import pytest

from earbench_app.playback.fake import FakePlayer
from earbench_app.playback.player import DeviceState, Player
from earbench_codecs.clip import AudioClip

RATE_HZ = 8000


def clips(n: int, seconds: float = 2.0) -> list[AudioClip]:
    return [AudioClip.mono(np.full(round(seconds * RATE_HZ), 0.1 * (k + 1)), RATE_HZ) for k in range(n)]


@pytest.fixture
def player() -> FakePlayer:
    player = FakePlayer()
    player.load(clips(3))
    return player


def test_it_is_a_player() -> None:
    player: Player = FakePlayer()
    assert player.status().duration_s == 0


def test_the_clock_moves_the_playhead_and_a_switch_does_not_disturb_it(player: FakePlayer) -> None:
    player.play()
    player.advance(0.5)
    player.select(2)
    heard = player.advance(0.25)
    status = player.status()
    assert (status.playing, status.position_s, status.stimulus) == (True, 0.75, 2)
    assert heard[-1, 0] == np.float32(0.3)


def test_pause_holds_stop_goes_to_the_start(player: FakePlayer) -> None:
    player.play()
    player.advance(1)
    player.pause()
    assert not player.status().playing
    player.advance(1)
    assert player.status().position_s == pytest.approx(1, abs=0.006)
    player.stop()
    assert player.status().position_s == 0


def test_a_loop_repeats_and_stop_goes_to_its_start(player: FakePlayer) -> None:
    player.set_loop((0.5, 1.25))
    player.play()
    player.advance(1)
    status = player.status()
    assert (status.loop_s, status.position_s, status.playing) == ((0.5, 1.25), 0.75, True)
    player.stop()
    assert player.status().position_s == 0.5


def test_seek_is_clamped_and_the_end_stops(player: FakePlayer) -> None:
    player.seek(-1)
    assert player.status().position_s == 0
    player.play()
    player.seek(1.9)
    player.advance(0.5)
    status = player.status()
    assert (status.playing, status.position_s) == (False, 2)


def test_what_cannot_be_played_is_refused(player: FakePlayer) -> None:
    with pytest.raises(ValueError, match="500 ms"):
        player.set_loop((0.1, 0.5))
    with pytest.raises(ValueError, match="alike"):
        player.load([*clips(1), *clips(1, 1.5)])
    with pytest.raises(ValueError, match="mono or stereo"):
        player.load([AudioClip(np.zeros((6, 100), np.float32), RATE_HZ)])
    with pytest.raises(ValueError, match="alike"):
        player.update(clips(3, 1.5))
    with pytest.raises(IndexError, match="3 are loaded"):
        player.select(3)


def test_update_adds_while_playing(player: FakePlayer) -> None:
    player.play()
    player.advance(0.5)
    player.update([*player.stimuli, *clips(1)])
    heard = player.advance(0.1)
    assert np.all(heard == np.float32(0.1))
    player.select(3)
    player.update(player.stimuli[:2])
    assert player.status().stimulus == 1
    assert player.status().position_s == 0.6


def test_gain(player: FakePlayer) -> None:
    player.play()
    player.set_gain_db(-20)
    assert player.advance(0.5)[-1, 0] == pytest.approx(0.01)
    assert player.status().gain_db == -20


def test_nothing_moves_while_the_device_is_away(player: FakePlayer) -> None:
    player.play()
    player.set_device_state(DeviceState.LOST, "Headphones went away.")
    player.advance(1)
    status = player.status()
    assert (status.playing, status.position_s, status.message) == (True, 0, "Headphones went away.")
    player.set_device_state(DeviceState.READY)
    player.advance(1)
    assert player.status().position_s == 1


def test_set_device(player: FakePlayer) -> None:
    player.set_device("speakers")
    assert player.status().device_name == "Speakers"
    player.set_device(None)
    assert player.status().device_name == "Headphones"


def test_a_stimulus_given_other_samples_is_faded_to_where_it_sounds(player: FakePlayer) -> None:
    player.play()
    player.advance(0.5)
    (other,) = clips(5)[4:]
    player.replace(0, other)
    fades, after = player.advance(0.01), player.advance(0.1)
    assert player.status().position_s == pytest.approx(0.61)
    assert fades[:, 0].min() < 0.001
    assert np.abs(np.diff(fades[:, 0])).max() < 0.5 * np.pi / (2 * 0.005 * RATE_HZ)
    np.testing.assert_array_equal(after[:, 0], np.float32(0.5))
    with pytest.raises(IndexError):
        player.replace(3, other)
