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
from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
from coded_stimuli import coded_stimulus, decode
from load import saturated
from privileges import unprivileged_player
from realtime_kit import missing_for_realtime_kit, realtime_kit
from takes import lateness_s

from earbench_app.playback.engine import EnginePlayer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from null_sink import NullSink, Recording

    Made = Callable[[], AbstractContextManager[EnginePlayer]]
    Busy = Callable[[], AbstractContextManager[None]]

N_SWITCHES = 300


@contextmanager
def privileged_player() -> Iterator[EnginePlayer]:
    with closing(EnginePlayer()) as player:
        yield player


@pytest.mark.bench
@pytest.mark.audio
@pytest.mark.parametrize(
    ("made", "busy"),
    [
        pytest.param(privileged_player, nullcontext, id="at rest"),
        pytest.param(unprivileged_player, nullcontext, id="at rest, without privileges"),
        pytest.param(privileged_player, saturated, id="under load"),
    ],
)
def test_switch_latency(
    null_sink: NullSink,
    made: Made,
    busy: Busy,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with made() as player:
        _play(player, 12)
        with null_sink.record() as recorder, busy():
            time.sleep(0.5)
            asked_s = [_switch(player, k % 12) for k in range(1, N_SWITCHES + 1)]
            time.sleep(0.3)
        status = player.status()
    latencies_ms = 1000 * (_changed_s(recorder.recording, null_sink.sample_rate_hz) - np.array(asked_s))
    median, p95, worst = np.percentile(latencies_ms, [50, 95, 100])
    with capsys.disabled():
        print(  # noqa: T201
            f"\nswitch to first changed sample, {request.node.callspec.id}: median {median:.1f} ms, "
            f"p95 {p95:.1f} ms, worst {worst:.1f} ms over {N_SWITCHES} switches; "
            f"{status.n_underruns} underruns, device latency {1000 * status.latency_s:.0f} ms"
        )
    assert median <= 40 or status.n_underruns, "latency only grows with underruns"


@pytest.mark.bench
@pytest.mark.audio
@pytest.mark.parametrize("kit", [False, True], ids=["nothing granted", "RealtimeKit"])
def test_underruns_of_a_normal_user(
    null_sink: NullSink, kit: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A minute under load, in quarters: latency grows with the first underruns; then there should be few."""
    if kit and missing_for_realtime_kit():
        pytest.skip(missing_for_realtime_kit())
    said = []
    with realtime_kit() if kit else nullcontext("unix:path=/nowhere") as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        with unprivileged_player() as player:
            _play(player, 4)
            with null_sink.record() as recorder, saturated():
                for _ in range(4):
                    n_before = player.status().n_underruns
                    time.sleep(15)
                    status = player.status()
                    n_underruns = status.n_underruns - n_before
                    said.append(f"{n_underruns} ({1000 * status.latency_s:.0f} ms)")
    with capsys.disabled():
        print(  # noqa: T201
            f"\na normal user's underruns in 4 × 15 s under load, {'with' if kit else 'without'} "
            f"RealtimeKit: {', '.join(said)}; "
            f"the sink late by {1000 * lateness_s(recorder.recording):.1f} ms at worst"
        )


def _play(player: EnginePlayer, n_stimuli: int) -> None:
    player.load([coded_stimulus(k) for k in range(n_stimuli)])
    player.set_loop((0, player.status().duration_s))
    player.play()
    while player.status().position_s < 0.5:
        time.sleep(0.01)


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
