"""A stimulus that is given other samples while it sounds: recorded, and read back sample by sample."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from coded_stimuli import N_POSITIONS, coded_stimulus, decode
from takes import check_take
from waiting import wait_until

if TYPE_CHECKING:
    from null_sink import NullSink, Recording

    from earbench_app.playback.engine import EnginePlayer

pytestmark = [pytest.mark.audio, pytest.mark.slow, pytest.mark.usefixtures("null_sink")]
RATE_HZ, N_FADE = 48_000, 240
SEQUENCE = [0, 3, 1, 2, 3, 0]


def test_the_old_samples_sound_until_the_new_ones_are_faded_to(
    null_sink: NullSink, player: EnginePlayer
) -> None:
    """Neither a gap nor a sample out of place, although megabytes have to be sent before each change."""

    def play() -> tuple[Recording, int]:
        player.load([coded_stimulus(8), coded_stimulus(SEQUENCE[0])])
        player.set_loop((0, N_POSITIONS / RATE_HZ))
        player.select(1)
        player.play()
        wait_until(lambda: player.status().position_s > 0.1)
        with null_sink.record() as recorder:
            n_underruns = player.status().n_underruns
            for number in SEQUENCE[1:]:
                player.replace(1, coded_stimulus(number))
                time.sleep(0.4)
        assert player.status().stimulus == 1
        return recorder.recording, player.status().n_underruns - n_underruns

    check_take(play, lambda recording, n_underruns: check_changes(recording.samples, n_underruns))


def check_changes(samples: np.ndarray, n_underruns: int) -> None:
    index, stimulus, position = decode(samples)
    assert n_underruns == 0
    gone_on = (position - position[0] - (index - index[0])) % N_POSITIONS
    assert not gone_on.any()
    changes = np.flatnonzero(np.diff(stimulus))
    assert stimulus[[0, *(changes + 1)]].tolist() == SEQUENCE
    pauses = np.diff(index)
    pauses[position[:-1] > N_POSITIONS - 2 * N_FADE] = 1  # the loop's seam
    assert pauses[changes].tolist() == [2 * N_FADE] * len(changes)
    pauses[changes] = 1
    assert pauses.max() == 1


def test_of_changes_in_quick_succession_the_last_stays(null_sink: NullSink, player: EnginePlayer) -> None:
    player.load([coded_stimulus(0)])
    player.play()
    wait_until(lambda: player.status().position_s > 0.05)
    for number in (1, 2, 3, 4, 5):
        player.replace(0, coded_stimulus(number))
    time.sleep(0.5)
    with null_sink.record() as recorder:
        time.sleep(0.3)
    _, stimulus, _ = decode(recorder.recording.samples)
    assert set(stimulus) == {5}


def test_only_what_fits_can_take_a_place(player: EnginePlayer) -> None:
    player.load([coded_stimulus(0)])
    with pytest.raises(IndexError):
        player.replace(1, coded_stimulus(6))
    with pytest.raises(ValueError, match="alike"):
        player.replace(0, coded_stimulus(6, sample_rate_hz=44_100))
