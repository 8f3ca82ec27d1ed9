"""A small corpus and a small coder."""

from __future__ import annotations

import numpy as np
import pytest

from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import write_wav


def tone_and_noise(rng, seconds, rate_hz):
    """A harmonic tone with noise, its loudness changing: [1, T]."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    f0 = rng.uniform(100, 300)
    tone = sum(np.sin(2 * np.pi * f0 * k * t + rng.uniform(0, 6)) / k for k in range(1, 8))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)
    return (0.1 * swell * (tone + 0.1 * rng.standard_normal(len(t))))[np.newaxis]


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory):
    """Twelve files of four speakers at 8 kHz, in two folders, 1 s each."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(3)
    for speaker in range(4):
        for take in range(3):
            path = folder / ("a" if speaker < 2 else "b") / f"s{speaker}_{take}.wav"
            path.parent.mkdir(exist_ok=True)
            write_wav(path, AudioClip(tone_and_noise(rng, 1.0, 8000), 8000))
    return folder
