"""The real player on a real sound server: what it plays is recorded and read back sample by sample."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from coded_stimuli import N_POSITIONS, coded_stimulus, decode

from earbench_app.playback.engine import EnginePlayer
from earbench_app.playback.player import DeviceState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from null_sink import NullSink

pytestmark = pytest.mark.audio
N_FADE = 240


def wait_until(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    give_up_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_s, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def player(null_sink: NullSink) -> Iterator[EnginePlayer]:
    player = EnginePlayer()
    wait_until(lambda: player.status().device is DeviceState.READY)
    yield player
    player.close()


def test_samples_and_playhead_over_1000_switches(null_sink: NullSink, player: EnginePlayer) -> None:
    player.load([coded_stimulus(k) for k in range(12)])
    player.set_loop((0, N_POSITIONS / 48_000))
    asked = [0]
    draw = np.random.default_rng(1)
    with null_sink.record() as recorder:
        player.play()
        wait_until(lambda: player.status().position_s > 0.1)
        for _ in range(1000):
            asked.append(int((asked[-1] + draw.integers(1, 12)) % 12))
            player.select(asked[-1])
            time.sleep(0.025)
        time.sleep(0.3)
    samples = recorder.recording.samples
    index, stimulus, position = decode(samples)
    errors = (position - position[0] - (index - index[0])) % N_POSITIONS
    assert player.status().n_underruns == 0
    assert np.count_nonzero(errors) == 0
    changes = np.flatnonzero(np.diff(stimulus))
    heard = [int(stimulus[0]), *stimulus[changes + 1].tolist()]
    print(len(heard), len(asked), len(samples))
    check_switches(samples, index, stimulus, position, changes)


def check_switches(samples, index, stimulus, position, changes):
    w = np.sin(np.pi * np.arange(1, N_FADE + 1) / (2 * N_FADE)) ** 2
    worst = 0
    for i in changes:
        a, b = index[i], index[i + 1]
        if b - a != 2 * N_FADE:
            print("gap", b - a)
            continue
        n = np.arange(1, 2 * N_FADE)
        pos = (position[i] + n) % N_POSITIONS
        env = np.concatenate([w[::-1][1:], [0], w[:-1]])
        code = np.where(n <= N_FADE, stimulus[i], stimulus[i + 1]) * N_POSITIONS + 1 + pos
        left = code / 2**24 * env
        worst = max(worst, np.abs(samples[a + 1 : b, 0] - left).max())
    print("worst", worst)
