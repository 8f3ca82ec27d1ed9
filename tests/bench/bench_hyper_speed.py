# ruff: noqa: T201
"""Real-time factors of `mdct-hyper`, mono, with one thread and two, and the memory an hour takes.

Of the checkpoint of each sampling rate. Encoding is timed at a fixed gain, the one that makes 64 kbit/s, and
with the search for an average rate. Rounds of all cases are interleaved, so that whatever
else the machine does touches all of them; wall and processor time are medians.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip
from earbench_codecs.neural.checkpoint_info import checkpoint_files, read_info
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.resampling import resampled

if TYPE_CHECKING:
    from collections.abc import Callable

DURATION_S = 16
ROUNDS = 5
FIXED_KBPS = 64.0

pytestmark = pytest.mark.bench


def excerpts(rate_hz: int) -> AudioClip:
    """Speech and music in turn, mono."""
    names = ("speech_en_austen", "rock_feelings", "harpsichord_bach", "speech_en_sonnet")
    parts = []
    for name in names:
        clip = read_clip(str(files("earbench_assets") / "clips" / f"{name}.flac"))
        mono = resampled(clip.with_samples(clip.samples.mean(0, keepdims=True)), rate_hz)
        parts.append(np.resize(mono.samples[0], rate_hz * DURATION_S // len(names)))
    return AudioClip.mono(np.concatenate(parts), rate_hz)


def codecs() -> list[NeuralCodec]:
    trained = {read_info(path).name: path for path in checkpoint_files()}
    return [NeuralCodec.from_file(trained[f"mdct-hyper-{rate}"]) for rate in ("16k", "44k", "48k")]


def at_gain_of(codec: NeuralCodec, clip: AudioClip, kbps: float) -> tuple[Callable[[], object], list[bytes]]:
    """Return what encodes a clip without a search, and its segments."""
    coder, signal = codec.segment_coder(codec.info.default), clip.samples[0]
    rates, gains = np.log2(np.array(codec.description.knob)).T
    gain = float(2 ** np.interp(np.log2(kbps), rates, gains))
    for _ in range(4):  # the table is of other clips
        found = coder.bits([signal], gain) / clip.duration_s / 1000
        gain *= kbps / found
    return lambda: list(coder.encode(signal, gain)), [one.data for one in coder.encode(signal, gain)]


def cases_of(codec: NeuralCodec) -> dict[str, Callable[[], object]]:
    """Return what is timed."""
    clip = excerpts(codec.info.sample_rates_hz[0])
    encode, segments = at_gain_of(codec, clip, FIXED_KBPS)
    coder = codec.segment_coder(codec.info.default)
    kbps = sum(map(len, segments)) * 8 / clip.duration_s / 1000
    cases = {
        f"encode {kbps:.0f} kbps, gain fixed": encode,
        f"decode {kbps:.0f} kbps": lambda: coder.decode(segments, clip.n_samples),
    }
    for kbps in (max(24.0, min(codec.info.bitrates_kbps)), 64.0):
        cases[f"encode {kbps:.0f} kbps, search"] = lambda kbps=kbps: codec.encode(clip, Setting(kbps))
    return cases


def test_realtime_factors() -> None:
    before = torch.get_num_threads()
    cases = {(c.info.name, name): run for c in codecs() for name, run in cases_of(c).items()}
    spent: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    try:
        for _ in range(ROUNDS):
            for (codec, name), run in cases.items():
                for n_threads in (1, 2):
                    torch.set_num_threads(n_threads)
                    start_s, start_cpu_s = perf_counter(), process_time()
                    run()
                    passed = perf_counter() - start_s, process_time() - start_cpu_s
                    spent.setdefault((codec, name, n_threads), []).append(passed)
    finally:
        torch.set_num_threads(before)
    print(f"\n{DURATION_S} s mono; seconds a second of audio, medians of {ROUNDS} interleaved rounds")
    print(f"{'coder':<28}{'':<28}{'threads':>8}{'wall':>9}{'processor':>11}")
    for (codec, name, n_threads), times in spent.items():
        wall, cpu = (median(one[kind] for one in times) / DURATION_S for kind in range(2))
        print(f"{codec:<28}{name:<28}{n_threads:>8}{wall:9.4f}{cpu:11.4f}")


HOUR = r"""
import re, sys
from pathlib import Path
import numpy as np
from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.neural.codec import NeuralCodec

def kib(name):
    return int(re.search(name + r":\s+(\d+)", Path("/proc/self/status").read_text())[1])

def more_mib(work):
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = kib("VmRSS")
    return work(), (kib("VmHWM") - before) / 1024

codec, minutes = NeuralCodec.from_file(Path(sys.argv[1])), int(sys.argv[2])
rate_hz = codec.info.sample_rates_hz[0]
noise = np.random.default_rng(0).standard_normal(40 * rate_hz).astype(np.float32) * 0.05
codec.decode(codec.encode(AudioClip.mono(noise, rate_hz)))
clip = AudioClip.mono(np.resize(noise, minutes * 60 * rate_hz), rate_hz)
encoded, encoding_mib = more_mib(lambda: codec.encode(clip))
decoded, decoding_mib = more_mib(lambda: codec.decode(encoded))
print(f"{minutes} min: {clip.samples.nbytes / 2**20:.0f} MiB of samples, "
      f"{encoded.n_bytes / 2**20:.1f} MiB of bytes; "
      f"encoding took {encoding_mib:.0f} MiB more, decoding {decoding_mib:.0f} MiB")
"""


@pytest.mark.parametrize("minutes", [2, 60])
def test_memory_of_an_hour(minutes: int) -> None:
    path = next(path for path in checkpoint_files() if read_info(path).architecture == "mdct-hyper")
    done = subprocess.run(
        [sys.executable, "-c", HOUR, str(path), str(minutes)], capture_output=True, text=True, check=True
    )
    print(f"\n{path.stem}, {done.stdout.strip()}")
