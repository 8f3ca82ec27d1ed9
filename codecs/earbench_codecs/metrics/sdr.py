"""Ratios of signal to distortion of the waveform, in closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.metrics.measurement import NotApplicableError
from earbench_codecs.metrics.pairs import check_pair, float64_blocks, float64_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

SEGMENT_S = 0.03
SEGMENT_LIMITS_DB = (-10.0, 35.0)


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
    return _ratio_db(signal, noise)


def si_sdr_db(reference: AudioClip, test: AudioClip) -> float:
    """Scale-invariant SDR, 10 log10(|a s|² / |a s - s'|²) with a = <s', s> / |s|².

    Each channel's mean is removed first; one factor `a` holds for all samples and channels.

    Returns
    -------
    float
        Decibels; ``inf`` where the test is the reference times a factor.

    Raises
    ------
    MetricError
        If rate, channels or length differ, or either clip is constant.

    References
    ----------
    Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019, eq. 5.
    """
    check_pair(reference, test)
    if any(not np.ptp(clip.samples, axis=1).any() for clip in (reference, test)):
        raise NotApplicableError("a clip of nothing but a constant has no scale")
    energies = sum(np.array([np.sum(s * s), np.sum(s * t)]) for s, t in _centred(reference, test))
    reference_energy, product = np.asarray(energies).tolist()
    factor = product / reference_energy
    noise = sum(float(np.sum((factor * s - t) ** 2)) for s, t in _centred(reference, test))
    return _ratio_db(factor**2 * reference_energy, noise)


def segsnr_db(reference: AudioClip, test: AudioClip) -> float:
    """Segmental SNR: mean over frames of the frame's SNR, each held within -10 to 35 dB.

    Hann windows of 30 ms, a quarter apart; a frame's energies are pooled over channels. Frames where the
    reference is digital silence are left out.

    Returns
    -------
    float
        Decibels, -10 to 35; 35 where the clips are identical.

    Raises
    ------
    MetricError
        If rate, channels or length differ, the clips are shorter than a frame, or the reference is silent.

    References
    ----------
    Hansen and Pellom, ICSLP 1998; constants as in Loizou, "Speech Enhancement", 2013, `comp_snr.m`.
    """
    check_pair(reference, test)
    n_frame = max(4, round(SEGMENT_S * reference.sample_rate_hz))
    power_window = np.hanning(n_frame + 2)[1:-1] ** 2
    ratios = []
    for s, t in float64_frames(reference, test, n_frame, n_frame // 4):
        signal, noise = (np.sum((x**2) @ power_window, axis=0) for x in (s, t - s))
        heard = signal > 0
        with np.errstate(divide="ignore"):
            ratios.append(10 * np.log10(signal[heard] / noise[heard]))
    snr_db = np.concatenate(ratios)
    if not snr_db.size:
        raise NotApplicableError("the reference is silent")
    return float(np.mean(np.clip(snr_db, *SEGMENT_LIMITS_DB)))


def _centred(
    reference: AudioClip, test: AudioClip
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield blocks of both clips, each channel without its mean."""
    s_mean, t_mean = (c.samples.mean(axis=1, dtype=np.float64, keepdims=True) for c in (reference, test))
    for s, t in float64_blocks(reference, test):
        yield s - s_mean, t - t_mean


def _ratio_db(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
