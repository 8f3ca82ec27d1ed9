"""How fast masking thresholds are, and how much memory an hour of audio takes."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import torch

from earbench_codecs.psychoacoustics import Model1Settings, masking, noise_versus_mask

RATE, HOP, SECONDS = 44_100, 256, 60
LOOP = runpy.run_path(str(Path(__file__).parents[1] / "codecs" / "psychoacoustics" / "model1_loop.py"))

pytestmark = pytest.mark.bench


def music(seconds: float) -> np.ndarray:
    """Chords that change every half second over coloured noise: tonal and noise maskers in every frame."""
    rng = np.random.default_rng(0)
    t = np.arange(int(seconds * RATE)) / RATE
    samples = 0.02 * np.convolve(rng.standard_normal(len(t)), np.ones(8) / 8, mode="same")
    for _ in range(12):
        f = rng.uniform(100, 8000, int(2 * seconds) + 1).repeat(RATE // 2)[: len(t)]
        samples += 50 / (f + 500) * np.sin(2 * np.pi * f * t)
    return samples.astype(np.float32)


def best_of(n: int, run: object) -> float:
    times = []
    for _ in range(n):
        start = perf_counter()
        run()  # type: ignore[operator]
        times.append(perf_counter() - start)
    return min(times)


@pytest.mark.parametrize("n_fft", [512, 1024])
def test_masks_of_a_minute(n_fft: int) -> None:
    torch.set_num_threads(2)
    samples, settings = music(SECONDS), Model1Settings(RATE, n_fft)
    n_frames = len(masking(samples, settings, HOP).times_s)
    batched_s = best_of(5, lambda: masking(samples, settings, HOP))
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[:: 97 * HOP]

    def loop() -> None:
        for frame in frames:
            LOOP["threshold_db"](frame, RATE)

    looped_s = best_of(3, loop) / len(frames) * n_frames
    print(  # noqa: T201
        f"\nmasks of {SECONDS} s at {RATE} Hz, FFT {n_fft}, hop {HOP}: {batched_s:.3f} s on 2 threads "
        f"(target at 512: 1.0 s); one frame and masker at a time {looped_s:.1f} s "
        f"(from {len(frames)} of {n_frames} frames): {looped_s / batched_s:.0f} times as fast (target 100)"
    )


def test_the_plot_at_the_playhead() -> None:
    torch.set_num_threads(1)
    samples, settings = music(SECONDS), Model1Settings(RATE)
    frames = iter([samples[at : at + 512].reshape(1, 1, 512) for at in range(0, 50 * 4410, 4410)])

    def plot() -> None:
        frame = next(frames)
        versions = {gain: frame * np.float32(gain) for gain in (0.9, 0.99, 0.999)}
        noise_versus_mask(frame, versions, settings)

    took_s = best_of(50, plot)
    print(  # noqa: T201
        f"\nnoise versus mask of 3 versions at the playhead: {1000 * took_s:.1f} ms (target 50)"
    )


HOUR = """
import resource, sys
import numpy as np
from time import perf_counter
from earbench_codecs.psychoacoustics import Model1Settings, masking, noise_to_mask, stream_masking

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

minutes = int(sys.argv[1])
minute = (0.1 * np.random.default_rng(0).standard_normal(60 * 44100)).astype(np.float32)
reference = np.tile(minute, minutes)
test = reference * np.float32(0.999)
settings = Model1Settings(44100)
masking(minute[:44100], settings)  # torch and tables are loaded
before, start = peak_mib(), perf_counter()
for part in stream_masking(reference, settings):
    pass
print(f"masks of {minutes} min: {perf_counter() - start:.1f} s, {peak_mib() - before:.0f} MiB above the "
      f"{before:.0f} MiB of program and samples", end="; ")
before, start = peak_mib(), perf_counter()
noise_to_mask(reference, test, settings)
print(f"NMR {perf_counter() - start:.1f} s, {peak_mib() - before:.0f} MiB more")
"""


@pytest.mark.parametrize("minutes", [1, 60])
def test_memory_of_an_hour(minutes: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOUR, str(minutes)], capture_output=True, text=True, check=True
    )
    print(f"\n{done.stdout.strip()}")  # noqa: T201
