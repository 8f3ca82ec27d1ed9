"""Long-term spectrum, programme loudness and meter levels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

METER_WINDOW_S = 0.3  # the integration time of a VU meter (IEC 60268-17)
SHORTEST_LOUDNESS_S = 0.4  # one gating block of BS.1770-4
FLOOR_DBFS = -120.0


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A long-term average spectrum.

    Parameters
    ----------
    frequencies_hz : ndarray of float64, shape [F]
    db : ndarray of float64, shape [F]
        Mean power of all channels in dB relative to a full-scale sine.
    """

    frequencies_hz: NDArray[np.float64]
    db: NDArray[np.float64]


def long_term_spectrum(clip: AudioClip, n_fft: int = 4096) -> Spectrum:
    """Average the clip's power spectrum over time by Welch's method (Hann, half overlap).

    A clip shorter than the transform is padded with zeros, and its level is that of the padded clip.
    """
    from scipy.signal import welch

    samples = clip.samples
    if clip.n_samples < n_fft:
        samples = np.pad(samples, ((0, 0), (0, n_fft - clip.n_samples)))
    frequencies, power = welch(
        samples, clip.sample_rate_hz, window="hann", nperseg=n_fft, detrend=False, scaling="spectrum"
    )
    mean = 2 * power.mean(axis=0)  # a full-scale sine has the mean square 1/2
    return Spectrum(frequencies, 10 * np.log10(np.maximum(mean, 10 ** (FLOOR_DBFS / 10))))


def loudness_lufs(clip: AudioClip) -> float | None:
    """Return the integrated loudness in LUFS (BS.1770-4).

    None for silence, for less than 0.4 s and for more than five channels, where it is not defined.
    """
    import pyloudnorm

    if clip.duration_s < SHORTEST_LOUDNESS_S or clip.n_channels > 5:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the logarithm of silence
        lufs = float(pyloudnorm.Meter(clip.sample_rate_hz).integrated_loudness(clip.samples.T))
    return lufs if np.isfinite(lufs) else None


@dataclass(frozen=True, slots=True)
class Meter:
    """Levels of each channel around one moment, in dBFS (a full-scale sine reads 0 peak, -3.01 RMS)."""

    peak_dbfs: tuple[float, ...]
    rms_dbfs: tuple[float, ...]


def meter(clip: AudioClip, position_s: float) -> Meter:
    """Return peak and RMS over the 300 ms that end at a position; the floor is -120 dBFS."""
    end = min(clip.n_samples, max(1, round(position_s * clip.sample_rate_hz)))
    start = max(0, end - round(METER_WINDOW_S * clip.sample_rate_hz))
    part = clip.samples[:, start:end].astype(np.float64)
    return Meter(
        tuple(_dbfs(np.abs(part).max(axis=1))),
        tuple(_dbfs(np.sqrt(np.mean(part**2, axis=1)))),
    )


def _dbfs(amplitude: NDArray[np.float64]) -> list[float]:
    return [float(x) for x in 20 * np.log10(np.maximum(amplitude, 10 ** (FLOOR_DBFS / 20)))]
