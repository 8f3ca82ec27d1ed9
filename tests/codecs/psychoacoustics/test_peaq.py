"""PEAQ-style NMR against the equations of BS.1387 written out band by band."""

import math
from itertools import pairwise

import numpy as np
import pytest

from earbench_codecs.errors import InvalidAudioError
from earbench_codecs.psychoacoustics import peaq_nmr

RATE, N = 48_000, 2048


def edges_and_centres() -> tuple[list[float], list[float]]:
    low, high = (7 * math.asinh(f / 650) for f in (80, 18_000))
    n_bands = math.ceil((high - low) / 0.25)
    z = [min(high, low + 0.25 * i) for i in range(n_bands + 1)]
    return [650 * math.sinh(x / 7) for x in z], [650 * math.sinh((a + b) / 14) for a, b in pairwise(z)]


EDGES, CENTRES = edges_and_centres()
B = len(CENTRES)


def weighted(frame: np.ndarray) -> list[float]:
    """Magnitudes after outer and middle ear; a full-scale sine at 1019.5 Hz has 92 dB SPL."""
    window = [0.5 * (1 - math.cos(2 * math.pi * n / (N - 1))) for n in range(N)]
    spectrum = np.abs(np.fft.rfft(frame * window)) * 10 ** (92 / 20) / (0.84971762641205 / 4 * (N - 1))
    weights = [0.0]
    for k in range(1, N // 2 + 1):
        f = k * RATE / N / 1000
        db = -0.6 * 3.64 * f**-0.8 + 6.5 * math.exp(-0.6 * (f - 3.3) ** 2) - 1e-3 * f**3.6
        weights.append(10 ** (db / 20))
    return list(spectrum * weights)


def grouped(power: list[float]) -> list[float]:
    sums = []
    for low, high in pairwise(EDGES):
        total = 0.0
        for k, p in enumerate(power):
            overlap = min(high, (k + 0.5) * RATE / N) - max(low, (k - 0.5) * RATE / N)
            total += p * max(0.0, overlap) * N / RATE
        sums.append(max(total, 1e-12))
    return sums


def spread(pattern: list[float]) -> list[float]:
    total = [0.0] * B
    for i, p in enumerate(pattern):
        up = 10 ** ((-2.4 - 23 / CENTRES[i]) * 0.25) * p ** (0.2 * 0.25)
        down = 10 ** (-2.7 * 0.25)
        shape = [up ** (j - i) if j >= i else down ** (i - j) for j in range(B)]
        for j in range(B):
            total[j] += (p / sum(shape) * shape[j]) ** 0.4
    return [t**2.5 for t in total]


def nmr_by_band(references: list[np.ndarray], tests: list[np.ndarray]) -> list[list[float]]:
    normal = spread([1.0] * B)
    ringing, ratios = [0.0] * B, []
    for reference, test in zip(references, tests, strict=True):
        magnitude, other = weighted(reference), weighted(test)
        own_noise = [10 ** (0.4 * 0.364 * (f / 1000) ** -0.8) for f in CENTRES]
        pattern = [a + b for a, b in zip(grouped([m * m for m in magnitude]), own_noise, strict=True)]
        excitation = [a / b for a, b in zip(spread(pattern), normal, strict=True)]
        noise = grouped([(a - b) ** 2 for a, b in zip(magnitude, other, strict=True)])
        frame = []
        for i in range(B):
            decay = math.exp(-(N / 2) / RATE / (0.008 + 100 / CENTRES[i] * (0.030 - 0.008)))
            ringing[i] = decay * ringing[i] + (1 - decay) * excitation[i]
            offset_db = 3 if i * 0.25 <= 12 else 0.25 * i * 0.25
            frame.append(noise[i] / (max(ringing[i], excitation[i]) / 10 ** (offset_db / 10)))
        ratios.append(frame)
    return ratios


def test_the_basic_version_has_109_bands_from_80_hz_to_18_khz() -> None:
    assert B == 109
    assert CENTRES[0] == pytest.approx(91.708, abs=1e-3)  # printed in BS.1387, table 5
    assert CENTRES[-1] == pytest.approx(17690.045, abs=1e-2)


def test_the_ratio_is_the_standards() -> None:
    rng = np.random.default_rng(0)
    reference = (0.2 * rng.standard_normal(N + 2 * 1024) * np.array([1, 1, 0.01, 0.001]).repeat(1024)).astype(
        "f4"
    )
    test = (reference + 0.003 * rng.standard_normal(len(reference))).astype(np.float32)
    frames = [[x[i * 1024 : i * 1024 + N] for i in range(3)] for x in (reference, test)]
    by_hand = np.array(nmr_by_band(*frames))
    found = peaq_nmr(reference, test, RATE)
    assert found.times_s.tolist() == pytest.approx([(1024 + 1024 * i) / RATE for i in range(3)])
    assert found.frame_nmr_db == pytest.approx(10 * np.log10(by_hand.mean(axis=1)), abs=1e-3)
    assert found.total_db == pytest.approx(10 * np.log10(by_hand.mean()), abs=1e-3)
    assert found.disturbed_share == pytest.approx((by_hand.max(axis=1) > 10**0.15).mean())


def test_more_noise_more_ratio_and_none_for_a_copy() -> None:
    rng = np.random.default_rng(0)
    reference, noise = (rng.standard_normal((2, 48_000)) * 0.1).astype(np.float32)
    totals = [
        peaq_nmr(reference, reference + np.float32(g) * noise, RATE).total_db for g in (0.3, 0.03, 0.003)
    ]
    assert totals[0] - totals[1] == pytest.approx(20, abs=1)
    assert totals[1] - totals[2] == pytest.approx(20, abs=0.2)
    assert peaq_nmr(reference, reference, RATE).total_db < -100
    silence = np.zeros(3000, np.float32)
    assert np.isfinite(peaq_nmr(silence, silence, RATE).total_db)


def test_other_rates_are_resampled() -> None:
    rng = np.random.default_rng(0)
    reference, noise = (rng.standard_normal((2, 16_000)) * 0.1).astype(np.float32)
    found = peaq_nmr(reference, reference + np.float32(0.01) * noise, 16_000)
    assert len(found.times_s) == 46  # 48000 samples: 1 + (48000 - 2048) / 1024, rounded up
    assert -45 < found.total_db < -35


def test_two_lengths_are_refused() -> None:
    with pytest.raises(InvalidAudioError, match="one length"):
        peaq_nmr(np.zeros(5000, np.float32), np.zeros(5001, np.float32), RATE)
