"""How the tests of codecs measure delay."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def delay_of():
    """A function that measures by how many samples `other` is late, to 1/64 of a sample."""

    def measure(reference, other, band=(0.0, 1.0)):
        """Cross-correlate within a band, in parts of the Nyquist frequency; interpolate around the peak."""
        size = 2 * len(reference)
        f = np.linspace(0, 1, size // 2 + 1)
        spectrum = np.fft.rfft(other, size) * np.conj(np.fft.rfft(reference, size))
        correlation = np.fft.irfft(np.where((f >= band[0]) & (f <= band[1]), spectrum, 0), size)
        coarse = int(np.argmax(correlation))
        near = np.arange(-200, 201)
        fine = np.arange(-1, 1, 1 / 64)
        sinc = np.sinc(fine[:, None] - near) * np.cos(np.pi * (fine[:, None] - near) / 404) ** 2
        peak = coarse + fine[np.argmax(sinc @ correlation[(coarse + near) % size])]
        return peak if peak < size / 2 else peak - size

    return measure


@pytest.fixture(scope="session")
def noise_clip():
    """A function that makes white noise, the channels independent, the same each time."""
    from earbench_codecs.clip import AudioClip

    def make(rate_hz, seconds=1.0, channels=1, level=0.1):
        white = np.random.default_rng(11).standard_normal((channels, round(seconds * rate_hz)))
        return AudioClip(level * white, rate_hz)

    return make


@pytest.fixture(scope="session")
def click_clip():
    """A function that makes single-sample clicks of 0.9, ten a second or so, and says where."""
    from earbench_codecs.clip import AudioClip

    def make(rate_hz, seconds=1.0):
        samples = np.zeros(round(seconds * rate_hz))
        at = np.arange(rate_hz // 27, len(samples), rate_hz // 10 + 1)
        samples[at] = 0.9
        return AudioClip.mono(samples, rate_hz), at

    return make
