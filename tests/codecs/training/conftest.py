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


TINY = """
title = "A test"
[model]
size = "kankanahalli"
options = { sample_rate_hz = 8000, channels = 4, kernel = 5, dilations = [1], n_bins = 8 }
[data]
validation_share = 0.2
[objective]
mse = { weight = 10 }
entropy = { weight = 0.01 }
coder = { quantization = 0.1 }
[optimiser]
learning_rate = 3e-3
final_learning_rate = 1e-3
batch = 16
steps_per_epoch = 10
ema_decay = 0.9
clip_norm = 5
[rate]
target_kbps = 6
windows = 200
[validation]
metrics = ["sdr_db"]
excerpts = 2
seconds = 0.5
[[stages]]
stage = "unquantized"
epochs = 2
prepare_windows = 50
[[stages]]
stage = "quantized"
epochs = 2
prepare_windows = 50
"""


@pytest.fixture(scope="session")
def tiny_toml():
    """A recipe of 40 steps that a second trains."""
    return TINY


@pytest.fixture(scope="session")
def job_of(corpus_folder, tmp_path_factory):
    """A function that makes a job on the small corpus."""
    from earbench_codecs.training.recipe import parse_recipe
    from earbench_codecs.training.run import Job

    cache = tmp_path_factory.mktemp("cache")

    def make(run, toml=TINY, **changes):
        given = {"data": corpus_folder, "cache": cache, "device": "cpu"} | changes
        return Job(parse_recipe(toml, "tiny.toml"), "tiny", run=run, **given)

    return make


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small networks gain nothing from more, and the machine has others to serve.

    Before what a module shares: runs that are compared add in the same order.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
