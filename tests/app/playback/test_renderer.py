"""The renderer against an oracle that walks sample by sample, and against what the standard asks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earbench_app.playback.renderer import Renderer

RATE_HZ = 1000  # a fade of 5 samples, a gain ramp of 20, a loop of 500 or more
N_FADE, N_RAMP, N_FRAMES, N_STIMULI = 5, 20, 1400, 3


def make_stimuli(n_frames: int = N_FRAMES) -> list[np.ndarray]:
    noise = np.random.default_rng(5).uniform(-1, 1, (N_STIMULI, n_frames, 2))
    return [np.ascontiguousarray(stimulus, np.float32) for stimulus in noise]


STIMULI = make_stimuli()
N_SHORT = 700  # enough for the oracle, which is slow
SHORT = make_stimuli(N_SHORT)
NUMBERED = np.stack(SHORT)


@dataclass
class Oracle:
    """The rules, one sample at a time, in plain floats."""

    at: int = 0
    heard: int = 0
    level: int = 0
    chosen: int = 0
    playing: bool = False
    goal: int | None = None
    loop: tuple[int, int] | None = None
    gains: list[float] = field(default_factory=lambda: [1.0])  # those still to come; the last one stays

    def command(self, name: str, value: object = None) -> None:
        here = self.at if self.goal is None else self.goal
        begin = self.loop[0] if self.loop else 0
        if name == "play":
            if not self.playing and here >= N_SHORT:
                self.goal = begin
            self.playing = True
        elif name == "pause":
            self.playing = False
        elif name == "stop":
            self.playing, self.goal = False, begin
        elif name == "select":
            self.chosen = value
        elif name == "seek":
            self.goal = min(max(round(value * RATE_HZ), 0), N_SHORT)
        elif name == "gain":
            now = self.gains[0]
            self.gains = [now + (value - now) * i / N_RAMP for i in range(N_RAMP + 1)]
        elif name == "set_loop" and value is None:
            self.loop = None
        elif name == "set_loop":
            self.loop = (round(value[0] * RATE_HZ), min(round(value[1] * RATE_HZ), N_SHORT))
            room = self.loop[1] - here - (self.level if self.goal is None else 0)
            if here < self.loop[0] or room <= 0:
                self.goal = self.loop[0]

    def sample(self) -> tuple[int, int, float]:
        """Return which sample of which stimulus is heard next, and its gain."""
        if len(self.gains) > 1:
            self.gains.pop(0)
        if self.level == 0:
            self.arrive()
            if not self.playing:
                return 0, 0, 0.0
        left = self.border() - self.at
        if self.waits() or left <= self.level:
            self.level -= 1
        elif self.level < N_FADE and left - 1 >= self.level + 1:
            self.level += 1
        envelope = 0.5 - 0.5 * math.cos(math.pi * self.level / N_FADE)
        self.at += 1
        return self.heard, self.at - 1, envelope * self.gains[0]

    def samples(self, n: int) -> np.ndarray:
        if n == 0:
            return np.zeros((0, 2))
        stimuli, positions, gains = zip(*[self.sample() for _ in range(n)], strict=True)
        return NUMBERED[list(stimuli), list(positions)] * np.array(gains)[:, np.newaxis]

    def waits(self) -> bool:
        changes = not self.playing or self.goal is not None or self.chosen != self.heard
        return changes and self.level > 0

    def border(self) -> int:
        return self.loop[1] if self.loop and self.at <= self.loop[1] else N_SHORT

    def arrive(self) -> None:
        self.heard = self.chosen
        if self.goal is not None:
            self.at, self.goal = self.goal, None
        if self.playing and self.at >= self.border():
            self.playing = self.loop is not None
            self.at = self.loop[0] if self.loop else N_SHORT


def loops() -> st.SearchStrategy[tuple[float, float] | None]:
    starts = st.integers(0, N_SHORT - 500)
    region = starts.flatmap(lambda a: st.tuples(st.just(a), st.integers(a + 500, N_SHORT + 50)))
    return st.none() | region.map(lambda ab: (ab[0] / RATE_HZ, ab[1] / RATE_HZ))


COMMANDS = st.one_of(
    st.tuples(st.sampled_from(["play", "play", "pause", "stop"]), st.none()),
    st.tuples(st.just("select"), st.integers(0, N_STIMULI - 1)),
    st.tuples(st.just("seek"), st.integers(-100, N_SHORT + 100).map(lambda n: n / RATE_HZ)),
    st.tuples(st.just("set_loop"), loops()),
    st.tuples(st.just("gain"), st.floats(0, 2)),
)
STEPS = st.lists(
    st.tuples(COMMANDS, st.one_of(st.integers(0, 12), st.integers(13, 200), st.integers(0, 800))),
    max_size=30,
)


def obey(renderer: Renderer, name: str, value: object) -> None:
    if name in ("play", "pause", "stop"):
        getattr(renderer, name)()
    else:
        getattr(renderer, "set_gain" if name == "gain" else name)(value)


def loaded(stimuli: list[np.ndarray] = STIMULI) -> Renderer:
    renderer = Renderer(RATE_HZ)
    renderer.load(len(stimuli), len(stimuli[0]))
    renderer.attach(stimuli)
    return renderer


def render(renderer: Renderer, n: int, block: int = 64) -> np.ndarray:
    out = np.full((n, 2), np.nan, np.float32)
    for start in range(0, n, block):
        renderer.render(out[start : start + block])
    return out


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, block=st.integers(1, 200), other=st.integers(1, 100))
def test_any_commands_in_any_blocks_give_what_the_oracle_gives(steps: list, block: int, other: int) -> None:
    """To rounding what the oracle gives, and to the bit the same in blocks of other sizes."""
    renderer, twin, oracle = loaded(SHORT), loaded(SHORT), Oracle()
    for (name, value), n in [(("play", None), 20), *steps]:
        for one in (renderer, twin):
            obey(one, name, value)
        oracle.command(name, value)
        heard = render(renderer, n, block)
        np.testing.assert_allclose(heard, oracle.samples(n), atol=1e-6)
        np.testing.assert_array_equal(render(twin, n, other), heard)
        assert (renderer.playing, renderer.index) == (oracle.playing, oracle.chosen)
        assert renderer.position == (oracle.at if oracle.goal is None else oracle.goal)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_nothing_clicks(steps: list) -> None:
    """On constant stimuli of both signs, no step is larger than the steepest of the envelope and the gain."""
    renderer = loaded([np.full((N_SHORT, 2), value, np.float32) for value in (1, -1, 0.5)])
    steepest = max(np.diff((1 - np.cos(np.pi * np.arange(N_FADE + 1) / N_FADE)) / 2))
    heard = [np.zeros((1, 2))]
    for (name, value), n in [(("play", None), 20), *steps]:
        obey(renderer, name, value)
        heard.append(render(renderer, n))
    jumps = np.abs(np.diff(np.concatenate(heard), axis=0))
    assert jumps.max() <= 2 * (steepest + 1 / N_RAMP) + 1e-6


def test_a_switch_is_a_raised_cosine_to_zero_and_back_with_the_playhead_running() -> None:
    rate_hz, n_fade = 48_000, 240
    one, two = (np.full((rate_hz, 2), value, np.float32) for value in (0.5, -0.25))
    renderer = Renderer(rate_hz)
    renderer.load(2, rate_hz)
    renderer.attach([one, two])
    renderer.play()
    render(renderer, 1000)
    renderer.select(1)
    heard = render(renderer, 600)[:, 0]
    t_s = np.arange(1, n_fade + 1) / rate_hz
    fade_in = np.sin(np.pi * t_s / (2 * 0.005)) ** 2
    np.testing.assert_allclose(heard[:n_fade], 0.5 * (1 - fade_in), atol=1e-6)
    np.testing.assert_allclose(heard[n_fade : 2 * n_fade], -0.25 * fade_in, atol=1e-6)
    np.testing.assert_array_equal(heard[2 * n_fade :], np.float32(-0.25))
    assert renderer.position == 1600


def test_a_switch_between_equal_stimuli_fades_too() -> None:
    """Else the hidden reference would be the one that switches without a dip."""
    renderer = loaded([STIMULI[0], STIMULI[0]])
    renderer.play()
    render(renderer, 100)
    renderer.select(1)
    heard = render(renderer, 10)
    assert np.abs(heard[N_FADE - 1]).max() == 0
    assert np.all(np.abs(heard[:9]) < np.abs(STIMULI[0][100:109]))


def test_a_switch_back_in_mid_fade_turns_the_envelope_round() -> None:
    renderer = loaded([np.ones((N_FRAMES, 2), np.float32), -np.ones((N_FRAMES, 2), np.float32)])
    renderer.play()
    render(renderer, 100)
    renderer.select(1)
    down = render(renderer, 2)[:, 0]
    renderer.select(0)
    up = render(renderer, 3)[:, 0]
    assert up.tolist() == [down[0], 1, 1]


def test_the_last_of_many_switches_wins() -> None:
    renderer = loaded()
    renderer.play()
    render(renderer, 100)
    for index in (1, 2, 1, 2):
        renderer.select(index)
        render(renderer, 1)
    np.testing.assert_array_equal(render(renderer, 200)[100:], STIMULI[2][204:304])


def test_a_loop_fades_at_its_seam_and_repeats_to_the_sample() -> None:
    renderer = loaded([np.ones((N_FRAMES, 2), np.float32)])
    renderer.set_loop((0.1, 0.7))
    renderer.play()
    heard = render(renderer, 1800)[:, 0].reshape(3, 600)
    assert np.all(heard == heard[0])
    assert heard[0, -1] == 0
    assert np.all(heard[0, N_FADE:-N_FADE] == 1)


def test_the_end_stops_there_and_play_starts_over() -> None:
    renderer = loaded()
    renderer.play()
    heard = render(renderer, N_FRAMES + 50)
    assert not renderer.playing
    assert renderer.position == N_FRAMES
    assert np.all(heard[N_FRAMES - 1 :] == 0)
    renderer.play()
    assert renderer.position == 0
    np.testing.assert_array_equal(render(renderer, 100)[N_FADE:], STIMULI[0][N_FADE:100])


def test_the_playhead_waits_for_a_stimulus_that_is_not_there_yet() -> None:
    renderer = Renderer(RATE_HZ)
    renderer.load(2, N_FRAMES)
    renderer.play()
    assert np.all(render(renderer, 300) == 0)
    assert (renderer.playing, renderer.position, renderer.advancing) == (True, 0, False)
    renderer.attach([STIMULI[0], None])
    np.testing.assert_array_equal(render(renderer, 100)[N_FADE:], STIMULI[0][N_FADE:100])
    renderer.select(1)
    render(renderer, 100)
    assert renderer.position == 105
    renderer.attach(STIMULI[:2])
    np.testing.assert_array_equal(render(renderer, 50)[N_FADE:], STIMULI[1][110:155])


def test_load_fades_out_what_played_and_goes_to_the_start() -> None:
    renderer = loaded([np.ones((N_FRAMES, 2), np.float32)])
    renderer.set_loop((0.2, 0.8))
    renderer.play()
    render(renderer, 100)
    renderer.load(1, N_FRAMES // 2)
    renderer.attach([np.full((N_FRAMES // 2, 2), 0.5, np.float32)])
    heard = render(renderer, 50)[:, 0]
    assert 0 < heard[3] < heard[0] < 1
    assert np.all(heard[4:] == 0)
    assert (renderer.playing, renderer.position) == (False, 0)
    renderer.play()
    assert np.all(render(renderer, 30)[N_FADE:] == 0.5)


def test_retune_keeps_position_loop_and_intent() -> None:
    renderer = loaded()
    renderer.set_loop((0.2, 1.2))
    renderer.play()
    render(renderer, 300)
    renderer.retune(2 * RATE_HZ)
    assert renderer.position == 1000
    assert np.all(render(renderer, 100) == 0)
    renderer.attach(make_stimuli(2 * N_FRAMES))
    heard = render(renderer, 1500)
    np.testing.assert_array_equal(heard[1410:], make_stimuli(2 * N_FRAMES)[0][410:500])


def test_rewind_takes_back_what_was_not_heard() -> None:
    renderer = loaded()
    renderer.play()
    render(renderer, 300)
    renderer.rewind(40)
    assert renderer.position == 260
    np.testing.assert_array_equal(render(renderer, 50)[N_FADE:], STIMULI[0][265:310])


def test_nothing_loaded_does_not_play() -> None:
    renderer = Renderer(RATE_HZ)
    renderer.play()
    assert not renderer.playing
    assert np.all(render(renderer, 10) == 0)


@pytest.mark.parametrize("n_frames", [1, 2, 9, 10, 11])
def test_stimuli_shorter_than_two_fades_end_silent(n_frames: int) -> None:
    renderer = loaded([np.ones((n_frames, 2), np.float32)])
    renderer.play()
    heard = render(renderer, n_frames + 5)[:, 0]
    assert np.all(heard[n_frames - 1 :] == 0)
    assert heard.max() < 1 or n_frames >= 2 * N_FADE
    assert not renderer.playing
