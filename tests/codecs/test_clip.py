"""The one audio type, and resampling without moving it in time."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import InvalidAudioError
from earbench_codecs.resampling import fit_length, resampled


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(value):
    samples = np.zeros((1, 100), np.float32)
    samples[0, 50] = value
    with pytest.raises(InvalidAudioError, match="NaN or infinity"):
        AudioClip(samples, 48_000)


def test_a_double_that_overflows_float32_is_refused():
    with np.errstate(over="ignore"), pytest.raises(InvalidAudioError):
        AudioClip(np.array([[1e39]]), 48_000)


@pytest.mark.parametrize("shape", [(0, 10), (1, 0), (10,), (1, 2, 3)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(InvalidAudioError, match="shape"):
        AudioClip(np.zeros(shape, np.float32), 48_000)


@pytest.mark.parametrize("rate", [0, -1])
def test_wrong_rates_are_refused(rate):
    with pytest.raises(InvalidAudioError, match="positive"):
        AudioClip.mono([0.0], rate)


def test_nobody_changes_a_clip_behind_its_hash():
    samples = np.zeros((1, 4), np.float32)
    clip = AudioClip(samples, 8_000)
    before = clip.sha256()
    samples[0, 0] = 1
    assert clip.sha256() == before
    with pytest.raises(ValueError, match="read-only"):
        clip.samples[0, 0] = 1


def test_hash_is_that_of_rate_shape_and_samples():
    clip = AudioClip(np.array([[0.5, -0.5]], np.float32), 8_000)
    expected = hashlib.sha256(b"8000:(1, 2):" + np.array([0.5, -0.5], "<f4").tobytes()).hexdigest()
    assert clip.sha256() == expected
    assert AudioClip(clip.samples, 8_001).sha256() != expected


def test_excerpt_is_clamped_and_counts_samples():
    clip = AudioClip.mono(np.arange(100) / 100, 100)
    np.testing.assert_array_equal(clip.excerpt(0.25, 0.5).samples, clip.samples[:, 25:50])
    assert clip.excerpt(-1, 9).n_samples == 100


@given(n=st.integers(1, 3000), rates=st.permutations([8_000, 11_025, 44_100, 48_000]))
def test_resampling_keeps_length_and_back(n, rates):
    clip = AudioClip.mono(np.linspace(-0.1, 0.1, n), rates[0])
    there = resampled(clip, rates[1])
    assert there.n_samples == max(1, round(n * rates[1] / rates[0]))


@pytest.mark.parametrize("to_hz", [11_025, 16_000, 48_000, 96_000])
def test_resampling_does_not_move_a_pulse(to_hz):
    time_s = np.arange(44_100) / 44_100
    clip = AudioClip.mono(np.exp(-0.5 * ((time_s - 0.5) / 0.001) ** 2), 44_100)
    out = resampled(clip, to_hz).samples[0].astype(float)
    centre_s = (out * np.arange(len(out))).sum() / out.sum() / to_hz
    assert abs(centre_s - 0.5) < 0.02 / to_hz


def test_fit_length_cuts_and_pads_the_end():
    samples = np.ones((2, 3), np.float32)
    assert fit_length(samples, 2).shape == (2, 2)
    np.testing.assert_array_equal(fit_length(samples, 5), [[1, 1, 1, 0, 0]] * 2)
