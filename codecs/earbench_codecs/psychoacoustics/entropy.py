"""Perceptual entropy: the bits a frame needs when all noise is to stay just masked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from earbench_codecs.psychoacoustics.model1 import Model1


@torch.no_grad()
def perceptual_entropy_bits(spectrum: Tensor, threshold_power: Tensor, n_lines: float = 1.0) -> Tensor:
    """Return the perceptual entropy of each line in bits; a constant, no gradient flows.

    log2(2 |nint(Re / s)| + 1) + log2(2 |nint(Im / s)| + 1) with the step s = √(6 T / k). Johnston (1988),
    eqs. as in Painter and Spanias (2000).

    Parameters
    ----------
    spectrum : complex Tensor, shape [..., K]
        As `Model1.spectrum` gives it: |spectrum|² of 1 is 0 dB SPL.
    threshold_power : Tensor, shape [..., K]
        T, the power of the masking threshold in the band (or, with k = 1, at the line).
    n_lines : float
        k, the lines of the band.
    """
    step = torch.sqrt(6 * threshold_power / n_lines)
    levels = torch.view_as_real(spectrum) / step[..., None]
    return torch.log1p(2 * levels.round().abs()).sum(dim=-1) / math.log(2)


def perceptual_entropy(model: Model1, frames: Tensor) -> Tensor:
    """Return the perceptual entropy of frames [..., n_fft] line by line: [..., K] bits.

    Each line's threshold is its own (k = 1). Its sum over the lines is bits a frame; divided by n_fft / 2,
    bits a sample of a critically sampled transform.
    """
    mask = model.signal_and_mask(frames)
    spectrum = model.spectrum(frames) * 10 ** (mask.gain_db / 20)
    return perceptual_entropy_bits(spectrum, 10 ** (mask.threshold_db_spl / 10))
