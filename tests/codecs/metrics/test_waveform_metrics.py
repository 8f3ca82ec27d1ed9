"""SDR, SI-SDR, segmental SNR and log-spectral distance against closed forms and loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.clip import AudioClip
from earbench_codecs.metrics.measurement import MetricError, NotApplicableError
from earbench_codecs.metrics.pairs import BLOCK_SAMPLES
from earbench_codecs.metrics.sdr import sdr_db, segsnr_db, si_sdr_db
from earbench_codecs.metrics.spectral import lsd_db

RATE_HZ = 16_000


def noise(seed: int, shape: tuple[int, int] = (1, 16_000)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape) * 0.1


def orthogonal_pair(n_samples: int, ratio_db: float) -> tuple[AudioClip, AudioClip]:
    """A sine of whole periods, and it plus the cosine at the ratio asked: orthogonal to rounding."""
    phase = 2 * np.pi * np.arange(n_samples) / 16
    sine, cosine = 0.5 * np.sin(phase), 0.5 * np.cos(phase)
    return (
        AudioClip.mono(sine, RATE_HZ),
        AudioClip.mono(sine + 10 ** (-ratio_db / 20) * cosine, RATE_HZ),
    )


@given(st.floats(-20, 80))
def test_orthogonal_noise_gives_its_ratio(ratio_db: float) -> None:
    reference, test = orthogonal_pair(1600, ratio_db)
    assert sdr_db(reference, test) == pytest.approx(ratio_db, abs=0.01)
    assert si_sdr_db(reference, test) == pytest.approx(ratio_db, abs=0.01)


def test_energies_are_pooled_over_channels_and_blocks() -> None:
    shape = (2, BLOCK_SAMPLES + 777)
    s, e = noise(1, shape), noise(2, shape) * np.array([[0.5], [0.01]])
    reference, test = AudioClip(s, RATE_HZ), AudioClip(s + e, RATE_HZ)
    error = test.samples.astype(float) - reference.samples
    wanted = 10 * math.log10(np.sum(reference.samples.astype(float) ** 2) / np.sum(error**2))
    assert sdr_db(reference, test) == pytest.approx(wanted, abs=1e-9)


def test_a_gain_costs_sdr_but_not_si_sdr() -> None:
    s = noise(3)
    reference = AudioClip(s, RATE_HZ)
    test = AudioClip(s + noise(4) * 0.1, RATE_HZ)
    louder = AudioClip(test.samples * np.float32(2), RATE_HZ)  # a power of two: exact
    assert sdr_db(reference, AudioClip(reference.samples * np.float32(2), RATE_HZ)) == pytest.approx(0)
    assert sdr_db(reference, louder) < 1
    assert si_sdr_db(reference, louder) == pytest.approx(si_sdr_db(reference, test), abs=1e-9)


def test_si_sdr_is_that_of_the_projection() -> None:
    s, t = noise(5)[0] + 0.2, noise(5)[0] * 0.7 + noise(6)[0] * 0.3 - 0.1
    reference, test = AudioClip.mono(s, RATE_HZ), AudioClip.mono(t, RATE_HZ)
    x = reference.samples[0].astype(float) - reference.samples[0].mean(dtype=float)
    y = test.samples[0].astype(float) - test.samples[0].mean(dtype=float)
    factor = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
    wanted = 20 * math.log10(np.linalg.norm(factor * x) / np.linalg.norm(y - factor * x))
    assert si_sdr_db(reference, test) == pytest.approx(wanted, abs=1e-9)


def test_identical_clips_and_silence() -> None:
    clip, silence = AudioClip(noise(7), RATE_HZ), AudioClip(np.zeros((1, 16_000)), RATE_HZ)
    assert sdr_db(clip, clip) == math.inf
    assert si_sdr_db(clip, clip) == math.inf
    assert segsnr_db(clip, clip) == 35
    assert lsd_db(clip, clip) == 0
    assert sdr_db(silence, silence) == math.inf
    assert sdr_db(silence, clip) == -math.inf
    assert sdr_db(clip, silence) == pytest.approx(0)
    for reference, test in ((silence, clip), (clip, silence)):
        with pytest.raises(NotApplicableError, match="constant"):
            si_sdr_db(reference, test)
    with pytest.raises(NotApplicableError, match="silent"):
        segsnr_db(silence, clip)


@pytest.mark.parametrize("metric", [sdr_db, si_sdr_db, segsnr_db, lsd_db])
@pytest.mark.parametrize(
    ("shape", "rate_hz", "what"),
    [((1, 9_999), 16_000, "length"), ((2, 16_000), 16_000, "channels"), ((1, 16_000), 48_000, "rate")],
)
def test_unlike_clips_are_refused(metric, shape, rate_hz, what) -> None:
    with pytest.raises(MetricError, match=what):
        metric(AudioClip(noise(1), 16_000), AudioClip(noise(1, shape), rate_hz))


def test_segmental_snr_is_the_mean_of_clamped_frames() -> None:
    s = noise(8) * np.repeat([1.0, 0.001, 0.3, 1.0], 4000)
    t = s + noise(9) * np.repeat([1e-5, 0.1, 0.1, 0.02], 4000)
    s[0, 9000:10_500] = 0  # three whole frames of digital silence
    reference, test = AudioClip(s, RATE_HZ), AudioClip(t, RATE_HZ)
    n, hop = 480, 120
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, n + 1) / (n + 1)))
    ratios = []
    for start in range(0, 16_000 - n + 1, hop):
        x = reference.samples[0, start : start + n].astype(float) * window
        y = test.samples[0, start : start + n].astype(float) * window
        if np.any(x):
            ratios.append(min(35, max(-10, 10 * math.log10(np.sum(x**2) / np.sum((x - y) ** 2)))))
    assert min(ratios) == -10
    assert max(ratios) == 35
    assert segsnr_db(reference, test) == pytest.approx(np.mean(ratios), abs=1e-9)


def test_a_gain_is_its_own_log_spectral_distance() -> None:
    reference = AudioClip(noise(10, (2, 16_000)), RATE_HZ)
    test = AudioClip(reference.samples * np.float32(0.5), RATE_HZ)
    assert lsd_db(reference, test) == pytest.approx(20 * math.log10(2), abs=1e-6)


def test_log_spectral_distance_of_two_sines_by_a_loop() -> None:
    time = np.arange(4096) / RATE_HZ
    s, t = 0.5 * np.sin(2 * np.pi * 1000 * time), 0.2 * np.sin(2 * np.pi * 1500 * time)
    reference, test = AudioClip.mono(s, RATE_HZ), AudioClip.mono(t, RATE_HZ)
    window = np.sin(np.pi * np.arange(512) / 512) ** 2
    distances = []
    for start in range(0, 4096 - 512 + 1, 128):
        levels = [
            10
            * np.log10(
                np.maximum(1e-10, np.abs(np.fft.rfft(x.samples[0, start : start + 512] * window) / 128) ** 2)
            )
            for x in (reference, test)
        ]
        distances.append(np.sqrt(np.mean((levels[0] - levels[1]) ** 2)))
    assert lsd_db(reference, test) == pytest.approx(np.mean(distances), rel=1e-6)


def test_digital_silence_is_far_but_not_infinitely_far() -> None:
    clip, silence = AudioClip(noise(11), RATE_HZ), AudioClip(np.zeros((1, 16_000)), RATE_HZ)
    assert 20 < lsd_db(clip, silence) < 100


@pytest.mark.parametrize("metric", [segsnr_db, lsd_db])
def test_a_clip_shorter_than_a_frame_does_not_apply(metric) -> None:
    clip = AudioClip(noise(1, (1, 100)), RATE_HZ)
    with pytest.raises(NotApplicableError, match="shorter"):
        metric(clip, clip)
    assert sdr_db(clip, AudioClip(clip.samples * np.float32(0.5), RATE_HZ)) == pytest.approx(6.0206, abs=1e-4)
