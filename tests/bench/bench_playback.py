"""How long from a switch command to the first changed sample at the device, at rest and under load.

Method. The time of a switch is read from `time.perf_counter` just before `EnginePlayer.select`. The sink's
monitor is recorded, and each recorded sample says which stimulus it is and whether it is at full gain
(`coded_stimuli`): the first changed sample, n, is the one after the last at full gain. The null sink
renders a block when its clock, the system's monotonic clock, reaches the block's first sample; a piece of
recording that begins with sample s can therefore not arrive before s is at the device. The time of sample 0
is the least of `arrival - s / rate` over all pieces, and sample n is at the device n / rate later. What the
recorder's pipe delays at best is counted as latency of the player: the figures are upper bounds. The
recorder asks for blocks of 20 ms, longer than the player's own, so it makes the sink no faster than the
player alone would.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
from coded_stimuli import coded_stimulus, decode
from load import saturated

from earbench_app.playback.engine import EnginePlayer

if TYPE_CHECKING:
    from null_sink import NullSink, Recording

N_SWITCHES = 300


@pytest.mark.bench
@pytest.mark.audio
@pytest.mark.parametrize("loaded", [False, True], ids=["at rest", "under load"])
def test_switch_latency(null_sink: NullSink, loaded: bool, capsys: pytest.CaptureFixture[str]) -> None:
    player = EnginePlayer()
    player.load([coded_stimulus(k) for k in range(12)])
    player.set_loop((0, player.status().duration_s))
    player.play()
    while player.status().position_s < 0.5:
        time.sleep(0.01)
    with saturated() if loaded else nullcontext(), null_sink.record() as recorder:
        time.sleep(0.5)
        asked_s = [_switch(player, k % 12) for k in range(1, N_SWITCHES + 1)]
        time.sleep(0.3)
    n_underruns = player.status().n_underruns
    player.close()
    latencies_ms = 1000 * (_changed_s(recorder.recording, null_sink.sample_rate_hz) - np.array(asked_s))
    with capsys.disabled():
        median, p95, worst = np.percentile(latencies_ms, [50, 95, 100])
        name = "under load" if loaded else "at rest"
        print(  # noqa: T201
            f"\nswitch to first changed sample, {name}: median {median:.1f} ms, p95 {p95:.1f} ms, "
            f"worst {worst:.1f} ms over {N_SWITCHES} switches; {n_underruns} underruns"
        )
    assert np.median(latencies_ms) <= 40


def _switch(player: EnginePlayer, index: int) -> float:
    asked_s = time.perf_counter()
    player.select(index)
    time.sleep(0.06 + 0.02 * np.random.random())
    return asked_s


def _changed_s(recording: Recording, rate_hz: int) -> np.ndarray:
    index, stimulus, _ = decode(recording.samples)
    last_before = index[np.flatnonzero(np.diff(stimulus))]
    arrived_s, starts = recording.chunks.T
    return np.min(arrived_s - starts / rate_hz) + (last_before + 1) / rate_hz
