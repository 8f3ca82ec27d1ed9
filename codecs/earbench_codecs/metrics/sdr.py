"""Signal-to-distortion ratios of the waveform, in closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.metrics.pairs import check_pair, float64_blocks

if TYPE_CHECKING:
    from earbench_codecs.clip import AudioClip


def decibels(power_ratio_top: float, power_ratio_bottom: float) -> float:
    """Return 10 log10(top / bottom): inf over a zero bottom, -inf for a zero top only."""
    if power_ratio_bottom == 0:
        return math.inf
    return 10 * math.log10(power_ratio_top / power_ratio_bottom) if power_ratio_top else -math.inf


def sdr_db(reference: AudioClip, test: AudioClip) -> float:
    """Signal-to-distortion ratio, 10 log10(|s|² / |s' - s|²): the plain signal-to-noise ratio.

    Neither scale-invariant nor the "SDR" of BSS-eval. Energies are pooled over all samples and channels.

    Returns
    -------
    float
        Decibels; ``inf`` where the clips are identical, ``-inf`` where only the reference is silent.

    Raises
    ------
    MetricError
        If rate, channels or length differ.

    References
    ----------
    Rim et al. 2021 (VRED), arXiv 2105.11681, eq. 11.
    """
    check_pair(reference, test)
    signal = noise = 0.0
    for s, t in float64_blocks(reference, test):
        signal += float(np.sum(s * s))
        noise += float(np.sum((t - s) ** 2))
    return decibels(signal, noise)
