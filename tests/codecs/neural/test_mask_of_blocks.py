"""The threshold where a transform's coefficients are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from earbench_codecs.neural.mask_of_blocks import MaskOfBlocks
from earbench_codecs.neural.spectral import LappedTransform
from earbench_codecs.psychoacoustics.model1 import Model1Settings
from earbench_codecs.psychoacoustics.nmr import noise_to_mask


@pytest.mark.parametrize(("size", "rate_hz"), [(128, 16_000), (256, 16_000), (1024, 44_100)])
def test_noise_at_the_threshold_has_the_same_ratio_wherever_the_signal_is(size, rate_hz):
    """Steady noise of two halves, loud and quiet, high and low: its mask holds the noise alike."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal(24 * 1024).astype(np.float32) * 0.1
    signal[: 12 * 1024] = np.convolve(signal[: 12 * 1024], [0.5, 0.5], "same") * 0.1
    frames = torch.from_numpy(signal)[None, None]
    threshold = MaskOfBlocks(size, rate_hz)(frames)
    assert threshold.shape == (1, len(signal) // size, size)
    noise = torch.from_numpy(rng.standard_normal(threshold.shape).astype(np.float32)) * threshold.sqrt()
    noisy = signal + LappedTransform(size).inverse(noise)[0, 0].numpy()
    found = noise_to_mask(signal, noisy, Model1Settings(rate_hz))
    quiet, loud = (found.band_nmr_db[:30].mean(0), found.band_nmr_db[-30:].mean(0))
    wide = found.bands_bark >= 8  # in narrower ones a ratio is of a few lines, and varies
    lines = np.array([quiet[wide], loud[wide]])
    expected = lines.mean(0)
    assert np.abs(lines - expected).max() < 1.5


def test_a_blocks_threshold_is_that_of_its_own_time():
    """Silence, then noise: blocks that hear nothing of it have the threshold in quiet."""
    signal = torch.zeros(1, 1, 32 * 256)
    signal[..., 16 * 256 :] = torch.randn(16 * 256, generator=torch.Generator().manual_seed(0)) * 0.1
    threshold = MaskOfBlocks(256, 16_000)(signal)[0]
    torch.testing.assert_close(threshold[2], threshold[10])
    assert (threshold[20:30].mean(0) > 10 * threshold[10])[20:200].all()
    assert (threshold[15] < threshold[20]).float().mean() > 0.9, (
        "what comes later does not hide what is before"
    )
