"""PEAQ-style noise-to-mask ratio: the ear model of BS.1387's basic version, without its grade.

It is one of the inputs of PEAQ's neural network, not an ODG, and is not conformance-tested. Against
`nmr.noise_to_mask` it has quarter-Bark bands, an outer- and middle-ear weighting, spreading that adds
up compressed, forward masking, and takes as noise the difference of the weighted magnitudes, which is
blind to phase. All frames count: BS.1387's rules for silent beginnings and ends are left out.

Sources: ITU-R BS.1387-1, section 2 and 4.5; Kabal, An Examination and Interpretation of ITU-R BS.1387
(2003).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import soxr

from earbench_codecs.psychoacoustics.framing import frame_chunks, frame_times_s
from earbench_codecs.psychoacoustics.nmr import DISTURBED_DB, check_alike

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]

SAMPLE_RATE_HZ = 48_000
N_FFT = 2048
PLAYBACK_DB_SPL = 92.0
"""Level of a full-scale sine."""

_HOP = N_FFT // 2
_STEP_BARK = 0.25
_COMPRESSION = 0.4  # excitations add up as powers of it
_POWER_FLOOR = 1e-12
_FRAMES_AT_ONCE = 128  # each takes 109 × 109 numbers in the spreading
# A sine's line, taken between two lines at worst as BS.1387 does (Kabal 2003, eq. 13, at 1019.5 Hz).
_WINDOW_PEAK = 0.84971762641205 / 4


@dataclass(frozen=True, slots=True, eq=False)
class PeaqNmr:
    """PEAQ-style NMR: total in dB, per frame in dB, and the share of frames with a band above 1.5 dB.

    Parameters
    ----------
    times_s : ndarray, shape [F]
        Middle of each frame of 2048 samples at 48 kHz.
    frame_nmr_db : ndarray, shape [F]
    total_db : float
        Mean ratio over bands and frames, in dB.
    disturbed_share : float
        0 to 1.
    """

    times_s: Reals
    frame_nmr_db: Reals
    total_db: float
    disturbed_share: float


@dataclass(frozen=True, slots=True, eq=False)
class _Ear:
    weight: Reals  # [K], power
    bands: Reals  # [K, B], share of each line in each band
    internal_noise: Reals  # [B]
    upper_slope: Reals  # [B], decay a band upwards of a masker of unit power
    lower_slope: float
    smearing: Reals  # [B], decay a frame
    masking_offset: Reals  # [B], power


def peaq_nmr(reference: NDArray[np.float32], test: NDArray[np.float32], sample_rate_hz: int) -> PeaqNmr:
    """Return the PEAQ-style NMR of samples [T]; rates other than 48 kHz are resampled (soxr VHQ).

    Raises
    ------
    InvalidAudioError
        The two differ in length.
    """
    check_alike(reference, test)
    if sample_rate_hz != SAMPLE_RATE_HZ:
        pair = np.stack([reference, test], axis=1)
        reference, test = soxr.resample(pair, sample_rate_hz, SAMPLE_RATE_HZ, quality="VHQ").T.copy()
    ear = _ear()
    ratios, filtered = [], np.zeros(len(ear.internal_noise))
    chunks = zip(frame_chunks(reference, N_FFT, _HOP), frame_chunks(test, N_FFT, _HOP), strict=True)
    for (_, frames), (_, test_frames) in chunks:
        magnitudes = [_weighted_magnitude(part.numpy(), ear) for part in (frames, test_frames)]
        excitation, filtered = _smeared(_excitation(magnitudes[0], ear), filtered, ear)
        noise = _in_bands((magnitudes[0] - magnitudes[1]) ** 2, ear)
        ratios.append(noise * ear.masking_offset / excitation)
    ratio = np.concatenate(ratios)
    frame_ratio = ratio.mean(axis=1)
    times_s = frame_times_s(len(reference), N_FFT, _HOP, SAMPLE_RATE_HZ)
    disturbed = ratio.max(axis=1) > 10 ** (DISTURBED_DB / 10)
    total_db = float(10 * np.log10(frame_ratio.mean()))
    return PeaqNmr(times_s, 10 * np.log10(frame_ratio), total_db, float(disturbed.mean()))


def _weighted_magnitude(frames: NDArray[np.float32], ear: _Ear) -> Reals:
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(N_FFT) / (N_FFT - 1)))
    scale = 10 ** (PLAYBACK_DB_SPL / 20) / (_WINDOW_PEAK * (N_FFT - 1))
    magnitude = scale * np.abs(np.fft.rfft(frames * window))
    return np.asarray(magnitude * np.sqrt(ear.weight))


def _in_bands(power: Reals, ear: _Ear) -> Reals:
    return np.maximum(power @ ear.bands, _POWER_FLOOR)


def _excitation(magnitude: Reals, ear: _Ear) -> Reals:
    """Spread the power in the bands, and the ear's own noise, over the bands (section 2.1.7)."""
    pattern = _in_bands(magnitude**2, ear) + ear.internal_noise
    parts = [
        _spread(part, ear)
        for part in np.split(pattern, range(_FRAMES_AT_ONCE, len(pattern), _FRAMES_AT_ONCE))
    ]
    return np.concatenate(parts) / _spread(np.ones_like(pattern[:1]), ear)


def _spread(pattern: Reals, ear: _Ear) -> Reals:
    n_bands = pattern.shape[1]
    upper = ear.upper_slope * pattern ** (0.2 * _STEP_BARK)  # [F, B]
    distance = np.arange(n_bands) - np.arange(n_bands)[:, np.newaxis]  # [masker, masked]
    log_slope = np.where(distance >= 0, np.log(upper)[..., np.newaxis], -np.log(ear.lower_slope))
    decay = np.exp(log_slope * distance)
    normalised = pattern / decay.sum(axis=2)
    added = ((normalised[..., np.newaxis] * decay) ** _COMPRESSION).sum(axis=1)
    return np.asarray(added ** (1 / _COMPRESSION))


def _smeared(excitation: Reals, filtered: Reals, ear: _Ear) -> tuple[Reals, Reals]:
    """Let each band ring on (section 2.1.8); `filtered` is where the frames before left off."""
    smeared = np.empty_like(excitation)
    for frame, now in enumerate(excitation):
        filtered = ear.smearing * filtered + (1 - ear.smearing) * now
        smeared[frame] = np.maximum(filtered, now)
    return smeared, filtered


@lru_cache(maxsize=1)
def _ear() -> _Ear:
    limits_bark = 7 * np.arcsinh(np.array([80.0, 18_000.0]) / 650)
    n_bands = int(np.ceil((limits_bark[1] - limits_bark[0]) / _STEP_BARK))
    edges_bark = np.minimum(limits_bark[0] + _STEP_BARK * np.arange(n_bands + 1), limits_bark[1])
    edges_hz = 650 * np.sinh(edges_bark / 7)
    centre_khz = 0.65 * np.sinh((edges_bark[:-1] + edges_bark[1:]) / 14)
    above_bark = _STEP_BARK * np.arange(n_bands)
    time_constant_s = 0.008 + 0.1 / centre_khz * (0.030 - 0.008)
    return _Ear(
        weight=_ear_weight(np.arange(N_FFT // 2 + 1) * SAMPLE_RATE_HZ / N_FFT / 1000),
        bands=_shares(edges_hz),
        internal_noise=10 ** (0.4 * 0.364 * centre_khz**-0.8),
        upper_slope=10 ** ((-2.4 - 0.023 / centre_khz) * _STEP_BARK),
        lower_slope=10 ** (-2.7 * _STEP_BARK),
        smearing=np.exp(-_HOP / SAMPLE_RATE_HZ / time_constant_s),
        masking_offset=10 ** (np.where(above_bark <= 12, 3.0, 0.25 * above_bark) / 10),
    )


def _ear_weight(f_khz: Reals) -> Reals:
    """Outer and middle ear, as a factor of power (section 2.1.4); none of 0 Hz passes."""
    f_khz = np.maximum(f_khz, 1e-6)
    weight_db = -0.6 * 3.64 * f_khz**-0.8 + 6.5 * np.exp(-0.6 * (f_khz - 3.3) ** 2) - 1e-3 * f_khz**3.6
    return np.asarray(10 ** (weight_db / 10))


def _shares(edges_hz: Reals) -> Reals:
    """Share of each line, one FFT bin wide, that lies in each band (section 2.1.5)."""
    line = np.arange(N_FFT // 2 + 1)[:, np.newaxis]
    edges = edges_hz * N_FFT / SAMPLE_RATE_HZ
    low, high = np.maximum(line - 0.5, edges[:-1]), np.minimum(line + 0.5, edges[1:])
    return np.asarray(np.maximum(high - low, 0.0))
