"""Real-time factors: seconds each reference codec works a second of stereo music."""

from importlib.resources import files

import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip
from earbench_codecs.registry import codec, codecs

DURATION_S = 10.0
CASES = [
    pytest.param(info.name, setting, id=f"{info.name}-{info.label(setting) or 'plain'}")
    for info in codecs()
    if info.available and info.kind in {"reference", "anchor"}
    for setting in (info.default,)
]

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def music():
    clip = read_clip(str(files("earbench_assets") / "clips" / "rock_feelings.flac"))
    n_samples = round(DURATION_S * clip.sample_rate_hz)
    return AudioClip(np.resize(clip.samples, (clip.n_channels, n_samples)), clip.sample_rate_hz)


def note_realtime_factor(benchmark):
    benchmark.extra_info["realtime_factor"] = round(benchmark.stats["median"] / DURATION_S, 5)


@pytest.mark.benchmark(group="encode 10 s of stereo music")
@pytest.mark.parametrize(("name", "setting"), CASES)
def test_encode_speed(benchmark, music, name, setting: Setting):
    encoded = benchmark.pedantic(codec(name).encode, (music, setting), rounds=3, warmup_rounds=1)
    benchmark.extra_info["bitrate_kbps"] = round(encoded.bitrate_kbps, 2)
    note_realtime_factor(benchmark)


@pytest.mark.benchmark(group="decode 10 s of stereo music")
@pytest.mark.parametrize(("name", "setting"), CASES)
def test_decode_speed(benchmark, music, name, setting: Setting):
    encoded = codec(name).encode(music, setting)
    decoded = benchmark.pedantic(codec(name).decode, (encoded,), rounds=3, warmup_rounds=1)
    assert decoded.samples.shape == music.samples.shape
    note_realtime_factor(benchmark)
