"""The distance PESQ sees, against the standard's own code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pesq import pesq

from earbench_assets import clip_paths
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip
from earbench_codecs.psychoacoustics.p862 import LEAST_SAMPLES, PesqDistance, score
from earbench_codecs.registry import default_registry
from earbench_codecs.resampling import resampled
from earbench_codecs.setting import Setting


def as_rms_1(samples, reference):
    return torch.from_numpy(samples / np.sqrt(np.square(reference).mean()))[None]


def scored(reference, degraded):
    distance = PesqDistance()(as_rms_1(reference, reference), as_rms_1(degraded, reference))
    return float(score(distance))


@pytest.fixture(scope="module")
def speech():
    path = next(path for path in clip_paths() if path.stem == "speech_en_austen")
    return resampled(read_clip(path), 16_000).samples[0, : 4 * 16_000]


def test_it_is_near_the_score_of_the_standards_code(speech):
    """In the order of the codec's rates, and within what level and time alignment may do."""
    opus = default_registry().codec("opus")
    clip = AudioClip.mono(speech, 16_000)
    decoded = [opus.decode(opus.encode(clip, Setting(kbps))).samples[0] for kbps in (9, 12, 16, 24)]
    ours = [scored(speech, one) for one in decoded]
    theirs = [pesq(16_000, speech, one, "wb") for one in decoded]
    assert ours == sorted(ours)
    np.testing.assert_allclose(ours, theirs, atol=0.35)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.98


def test_the_same_signal_has_the_highest_score(speech):
    assert scored(speech, speech) == pytest.approx(4.644, abs=0.001)


def test_what_is_added_counts_for_more_than_what_is_missing():
    """Highs that are there half of the time: a filter that stays the same is taken out."""
    noise = torch.randn(1, 32_000, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.rfft(noise)
    spectrum[:, spectrum.shape[-1] // 2 :] *= 0.1
    dull = torch.fft.irfft(spectrum, n=32_000)
    turns = (torch.arange(32_000) // 4000 % 2).bool()
    changing = torch.where(turns, noise, dull)
    distance = PesqDistance()
    assert distance(changing, noise) > 1.2 * distance(noise, changing) > 0
    assert distance(noise, noise + 0.5 * changing) < distance(noise, noise + changing)


def test_its_gradient_is_finite_also_at_silence():
    original = torch.zeros(2, LEAST_SAMPLES)
    original[1] = torch.randn(LEAST_SAMPLES, generator=torch.Generator().manual_seed(1))
    decoded = (original * 0.9).requires_grad_()
    PesqDistance()(original, decoded).sum().backward()
    assert decoded.grad.isfinite().all()
    assert decoded.grad[1].abs().max() > 0
