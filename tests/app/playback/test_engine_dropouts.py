"""The audio process does not get the processor in time: what is heard, counted, and done about it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from coded_stimuli import N_POSITIONS, coded_stimulus, decode
from load import saturated
from privileges import unprivileged_player
from processes import audio_process, halt
from takes import check_take
from waiting import wait_until

from earbench_app.playback.engine import EnginePlayer
from earbench_app.playback.player import LATENCIES_S, DeviceState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from null_sink import NullSink, Recording

    from earbench_app.playback.player import PlayerStatus

pytestmark = [pytest.mark.audio, pytest.mark.usefixtures("null_sink")]
RATE_HZ = 48_000
ROUNDING_S = 0.015  # sound servers round a latency to blocks of theirs


@pytest.fixture
def player(null_sink: NullSink) -> Iterator[EnginePlayer]:
    player = EnginePlayer()
    play(player)
    yield player
    player.close()


def play(player: EnginePlayer) -> None:
    player.load([coded_stimulus(k) for k in range(4)])
    player.set_loop((0, N_POSITIONS / RATE_HZ))
    player.play()
    wait_until(lambda: player.status().position_s > 0.3)


def drop_out(player: EnginePlayer, seconds: float) -> None:
    """Make the audio process late and wait until sound is back."""
    n_underruns = player.status().n_underruns
    halt(audio_process(os.getpid()), seconds)
    wait_until(lambda: player.status().n_underruns > n_underruns)
    time.sleep(0.4)
    assert player.status().device is DeviceState.READY


def test_an_underrun_gains_latency_and_loses_no_place(null_sink: NullSink) -> None:
    def play_and_drop_out() -> tuple[Recording, tuple[PlayerStatus, PlayerStatus]]:
        with closing(EnginePlayer()) as player:
            play(player)
            before = player.status()
            with null_sink.record() as recorder:
                time.sleep(0.3)
                drop_out(player, 0.15)
            return recorder.recording, (before, player.status())

    check_take(play_and_drop_out, check_dropout)


def check_dropout(recording: Recording, statuses: tuple[PlayerStatus, PlayerStatus]) -> None:
    before, after = statuses
    assert (before.n_underruns, after.n_underruns) == (0, 1)
    assert before.latency_s == pytest.approx(LATENCIES_S[0], abs=ROUNDING_S)
    assert after.latency_s == pytest.approx(LATENCIES_S[1], abs=ROUNDING_S)
    index, _, position = decode(recording.samples)
    silences = np.flatnonzero(np.diff(index) > 1)
    jumps = np.diff(position)
    assert np.all(np.delete(jumps, silences) == 1)
    assert silences.size in (1, 2), "the dropout, and the reopening where it was not within it"
    assert np.all(np.abs(jumps[silences]) < 0.06 * RATE_HZ), "the place moved by more than was buffered"
    assert position[-1] > position[0] + RATE_HZ // 2


def test_latency_grows_within_bounds_and_is_remembered(player: EnginePlayer) -> None:
    found_s = [player.status().latency_s]
    for _ in range(len(LATENCIES_S)):
        drop_out(player, 0.2)
        found_s.append(player.status().latency_s)
    most_s = LATENCIES_S[-1]
    assert found_s == sorted(found_s)
    assert found_s[-2:] == pytest.approx([most_s, most_s], abs=ROUNDING_S)
    os.kill(audio_process(os.getpid()), signal.SIGKILL)
    wait_until(lambda: player.status().device is DeviceState.LOST)
    assert player.status().latency_s == 0
    wait_until(lambda: player.status().device is DeviceState.READY)
    assert player.status().latency_s == pytest.approx(most_s, abs=ROUNDING_S)


def test_a_machine_that_slept_gains_no_latency(player: EnginePlayer) -> None:
    before_s = player.status().latency_s
    halt(audio_process(os.getpid()), 1.6)
    at_s = player.status().position_s
    wait_until(lambda: player.status().position_s > at_s + 0.3)
    assert player.status().latency_s == before_s


@pytest.mark.slow
def test_without_any_privilege_a_busy_machine_costs_few_underruns(null_sink: NullSink) -> None:
    """Each may be followed by another one while latency still grows; then there is quiet."""

    def play_unprivileged() -> tuple[Recording, PlayerStatus]:
        with unprivileged_player() as player:
            play(player)
            assert os.sched_getscheduler(audio_process(os.getpid())) == os.SCHED_OTHER
            with null_sink.record() as recorder, saturated(n_processes=2):
                time.sleep(30)
            return recorder.recording, player.status()

    check_take(play_unprivileged, check_unprivileged)


def check_unprivileged(recording: Recording, status: PlayerStatus) -> None:
    _, stimulus, _ = decode(recording.samples)
    assert set(stimulus) == {0}
    assert stimulus.size > 0.9 * len(recording.samples)
    assert status.n_underruns <= 2 * len(LATENCIES_S)
    assert status.latency_s <= LATENCIES_S[-1] + ROUNDING_S
