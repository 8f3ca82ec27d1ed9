"""How long each metric takes: seconds of work a second of audio."""

# ruff: noqa: T201

from __future__ import annotations

from importlib.resources import files
from time import perf_counter

import numpy as np
import pytest

from earbench_codecs.clip_files import read_clip
from earbench_codecs.metrics.measure import measure
from earbench_codecs.metrics.registry import METRICS
from earbench_codecs.metrics.worker import Worker
from earbench_codecs.resampling import resampled


@pytest.mark.bench
@pytest.mark.parametrize(("name", "rate_hz"), [("speech_en_austen", 16_000), ("rock_feelings", 44_100)])
def test_real_time_factor_of_each_metric(name: str, rate_hz: int) -> None:
    clip = resampled(read_clip(str(files("earbench_assets") / "clips" / f"{name}.flac")), rate_hz)
    noise = np.random.default_rng(0).standard_normal(clip.samples.shape) * 0.01
    test = clip.with_samples((clip.samples + noise).astype(np.float32))
    print(f"\n{name}: {clip.duration_s:.1f} s, {rate_hz} Hz, {clip.n_channels} channel(s)")
    with Worker() as worker:
        for metric in METRICS.values():
            short = [c.excerpt(0, 1.1) for c in (clip, test)]
            measure(*short, [metric.name], worker=worker)  # load the package
            start_s = perf_counter()
            found = measure(clip, test, [metric.name], worker=worker)[metric.name]
            rtf = (perf_counter() - start_s) / clip.duration_s
            shown = found.notes[-1] if found.value is None else f"{found.value:.3f} {metric.unit}"
            print(f"  {metric.name:<20} {rtf:8.4f} of real time   {shown}")
