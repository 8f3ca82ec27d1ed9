"""The real player on a real sound server: what it plays is recorded and read back sample by sample."""

from __future__ import annotations

import faulthandler
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from coded_stimuli import N_POSITIONS, coded_stimulus, decode
from load import saturated
from takes import check_take
from waiting import wait_until

from earbench_codecs.clip import AudioClip

if TYPE_CHECKING:
    from null_sink import NullSink, Recording

    from earbench_app.playback.control import Block
    from earbench_app.playback.engine import EnginePlayer

pytestmark = [pytest.mark.audio, pytest.mark.usefixtures("null_sink")]
RATE_HZ, N_FADE = 48_000, 240
WHOLE_S = (0, N_POSITIONS / RATE_HZ)


def test_1000_switches_among_12_stimuli_move_no_sample(null_sink: NullSink, player: EnginePlayer) -> None:
    """The last 400 while everything else is busy."""
    player.load([coded_stimulus(k) for k in range(12)])
    player.set_loop(WHOLE_S)
    asked = np.cumsum(np.random.default_rng(1).integers(1, 12, 1001)) % 12
    player.play()

    def play() -> tuple[Recording, int]:
        player.select(int(asked[0]))
        time.sleep(0.3)
        with null_sink.record() as recorder:
            n_underruns = player.status().n_underruns
            switch_among(player, asked[1:601])
            with saturated(n_processes=2):
                switch_among(player, asked[601:])
            time.sleep(0.3)
        return recorder.recording, player.status().n_underruns - n_underruns

    check_take(play, lambda recording, n_underruns: check_switches(recording.samples, n_underruns, asked))


def switch_among(player: EnginePlayer, indices: np.ndarray) -> None:
    """Switch as fast as fades allow: each time 20 ms of sound after the last, however the device takes it."""
    for index in indices:
        before_s = newest_block(player).position_s
        player.select(int(index))
        n_sent = player._control.n_sent
        wait_until(
            lambda n=n_sent, s=before_s: newest_block(player).n_handled >= n and has_gone_on(player, s, 0.02)
        )


def newest_block(player: EnginePlayer) -> Block:
    return player._control.heard(float("inf"))


def has_gone_on(player: EnginePlayer, since_s: float, by_s: float) -> bool:
    return (newest_block(player).position_s - since_s) % WHOLE_S[1] > by_s - 1e-3


def check_switches(samples: np.ndarray, n_underruns: int, asked: np.ndarray) -> None:
    index, stimulus, position = decode(samples)
    assert n_underruns == 0
    assert_unbroken(index, position)
    switches = np.flatnonzero(np.diff(stimulus))
    assert stimulus[[0, *(switches + 1)]].tolist() == asked.tolist()
    single = [
        i for i in switches if index[i + 1] - index[i] == 2 * N_FADE
    ]  # else a second one came in mid-fade
    assert len(single) > 950
    for i in single:
        heard = samples[index[i] + 1 : index[i + 1], 0]
        expected = faded_switch(stimulus[i], stimulus[i + 1], position[i] + 1)
        np.testing.assert_allclose(heard, expected, atol=1e-7)


def assert_unbroken(index: np.ndarray, position: np.ndarray) -> None:
    """What is heard at full gain is one playhead's: as many positions on as samples."""
    errors = (position - position[0] - (index - index[0])) % N_POSITIONS
    assert np.count_nonzero(errors) == 0


def faded_switch(old: int, new: int, start: int) -> np.ndarray:
    """Return the 2 × 5 ms between full gain and full gain: raised cosines, one after the other."""
    fade_in = np.sin(np.pi * np.arange(1, N_FADE + 1) / (2 * N_FADE)) ** 2
    codes = [stimulus * N_POSITIONS + 1 for stimulus in [old] * N_FADE + [new] * (N_FADE - 1)]
    positions = (start + np.arange(2 * N_FADE - 1)) % N_POSITIONS
    envelope = np.concatenate([1 - fade_in, fade_in[:-1]])
    return (np.array(codes) + positions) / (1 << 24) * envelope


def test_what_is_written_is_what_is_recorded_bit_by_bit(null_sink: NullSink, player: EnginePlayer) -> None:
    noise = np.random.default_rng(2).uniform(-1, 1, (2, RATE_HZ)).astype(np.float32)
    player.load([AudioClip(noise, RATE_HZ)])
    with null_sink.record() as recorder:
        player.play()
        wait_until(lambda: player.status().position_s >= 1)
        time.sleep(0.1)
    samples = recorder.recording.samples
    begin = np.flatnonzero(samples.any(axis=1))[0] - np.flatnonzero(noise.any(axis=0))[0]
    inside = slice(N_FADE, RATE_HZ - N_FADE)
    np.testing.assert_array_equal(samples[begin : begin + RATE_HZ][inside], noise.T[inside])
    assert not samples[begin + RATE_HZ :].any()
    assert not player.status().playing


def test_other_rates_are_resampled_once_and_mono_is_on_both_sides(
    null_sink: NullSink, player: EnginePlayer
) -> None:
    rate_hz, frequency_hz = 16_000, 1000
    tone = 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(2 * rate_hz) / rate_hz)
    player.load([AudioClip.mono(tone, rate_hz)])
    with null_sink.record() as recorder:
        player.play()
        wait_until(lambda: player.status().position_s > 1.15)
        player.stop()
    heard = recorder.recording.samples
    begin = np.flatnonzero(np.abs(heard[:, 0]) > 1e-3)[0] + 4800
    left, right = heard[begin : begin + RATE_HZ].T
    np.testing.assert_array_equal(left, right)
    phase = 2 * np.pi * frequency_hz * np.arange(RATE_HZ) / RATE_HZ
    sine, cosine = (2 * np.mean(left * wave(phase)) for wave in (np.sin, np.cos))
    residue = left - sine * np.sin(phase) - cosine * np.cos(phase)
    assert np.hypot(sine, cosine) == pytest.approx(0.5, rel=1e-4)
    assert np.sqrt(np.mean(residue**2)) < 1e-5


def test_the_status_position_is_that_at_the_device(null_sink: NullSink, player: EnginePlayer) -> None:
    """Within 20 ms, half of which is the sink's own block."""
    player.load([coded_stimulus(0)])
    player.play()

    def play() -> tuple[Recording, np.ndarray]:
        with null_sink.record() as recorder:
            time.sleep(0.3)
            asked = []
            for _ in range(50):
                time.sleep(0.01)
                asked.append((time.perf_counter(), player.status().position_s))
        return recorder.recording, np.array(asked)

    check_take(play, check_positions)


def check_positions(recording: Recording, asked: np.ndarray) -> None:
    index, _, position = decode(recording.samples)
    assert_unbroken(index, position)
    arrived_s, starts = recording.chunks.T
    sample_0_at_s = np.min(arrived_s - starts / RATE_HZ)
    now_s, said_s = asked.T
    true_s = now_s - (sample_0_at_s + (index[0] - position[0]) / RATE_HZ)
    assert np.median(np.abs(said_s - true_s)) < 0.02


@pytest.mark.slow
@pytest.mark.timeout(800)
def test_no_underrun_in_5_minutes_while_everything_else_is_busy(
    null_sink: NullSink, player: EnginePlayer
) -> None:
    faulthandler.cancel_dump_traceback_later()  # this is not a hang
    player.load([coded_stimulus(k) for k in range(4)])
    player.set_loop(WHOLE_S)
    player.play()
    wait_until(lambda: player.status().position_s > 0.1)

    def play() -> tuple[Recording, int]:
        with null_sink.record() as recorder, saturated(n_processes=2):
            n_underruns = player.status().n_underruns
            stop_s = time.monotonic() + 300
            while time.monotonic() < stop_s:
                time.sleep(0.5)
                player.select((player.status().stimulus + 1) % 4)
        return recorder.recording, player.status().n_underruns - n_underruns

    def check(recording: Recording, n_underruns: int) -> None:
        index, stimulus, position = decode(recording.samples)
        assert n_underruns == 0
        assert_unbroken(index, position)
        assert index[-1] - index[0] > 299 * RATE_HZ
        assert set(stimulus) == {0, 1, 2, 3}

    check_take(play, check)
