"""Long-term spectrum, programme loudness and meter levels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

METER_WINDOW_S = 0.3  # the integration time of a VU meter (IEC 60268-17)
SHORTEST_LOUDNESS_S = 0.4  # one gating block of BS.1770-4
FLOOR_DBFS = -120.0
_FRAMES_AT_ONCE = 256
_ABSOLUTE_GATE_LUFS, _LUFS_OFFSET = -70.0, 0.691
_CHANNEL_GAINS = (1.0, 1.0, 1.0, 1.41, 1.41)  # left, right, centre, surrounds (BS.1770-4, table 3)


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

    A clip shorter than the transform is padded with zeros, and its level is that of the padded clip. An
    hour takes no more memory than a minute.
    """
    from scipy.signal import welch

    samples = clip.samples
    if clip.n_samples < n_fft:
        samples = np.pad(samples, ((0, 0), (0, n_fft - clip.n_samples)))
    total, n_frames = np.zeros(n_fft // 2 + 1), 0
    for first in range(0, samples.shape[1] - n_fft + 1, _FRAMES_AT_ONCE * n_fft // 2):
        part = samples[:, first : first + (_FRAMES_AT_ONCE + 1) * n_fft // 2]
        _, power = welch(part, window="hann", nperseg=n_fft, detrend=False, scaling="spectrum")
        n_here = 2 * part.shape[1] // n_fft - 1
        total += n_here * power.mean(axis=0)
        n_frames += n_here
    mean = 2 * total / n_frames  # a full-scale sine has the mean square 1/2
    frequencies = np.arange(n_fft // 2 + 1) * clip.sample_rate_hz / n_fft
    return Spectrum(frequencies, 10 * np.log10(np.maximum(mean, 10 ** (FLOOR_DBFS / 10))))


def loudness_lufs(clip: AudioClip) -> float | None:
    """Return the integrated loudness in LUFS (BS.1770-4).

    None for silence, for less than 0.4 s and for more than five channels, where it is not defined. An
    hour takes no more memory than a minute.
    """
    if clip.duration_s < SHORTEST_LOUDNESS_S or clip.n_channels > len(_CHANNEL_GAINS):
        return None
    gains = np.array(_CHANNEL_GAINS[: clip.n_channels])
    blocks = gains @ _block_powers(clip)
    loud = blocks[blocks > 10 ** ((_ABSOLUTE_GATE_LUFS + _LUFS_OFFSET) / 10)]
    if not loud.size:
        return None
    loud = loud[loud > loud.mean() / 10]  # the relative gate, 10 LU down
    return float(10 * np.log10(loud.mean()) - _LUFS_OFFSET)


def _block_powers(clip: AudioClip) -> NDArray[np.float64]:
    """Return the K-weighted mean squares of blocks of 400 ms, 100 ms apart: shape [C, blocks]."""
    from pyloudnorm import Meter as KWeighting
    from scipy.signal import sosfilt

    rate = clip.sample_rate_hz
    filters = KWeighting(rate)._filters.values()
    sections = np.array([[*(one.passband_gain * one.b), *one.a] for one in filters])
    state = np.zeros((len(sections), clip.n_channels, 2))
    hops = []
    edges = [round(k * rate / 10) for k in range(int(clip.n_samples * 10 / rate) + 1)]
    for start, end in itertools.pairwise(edges):
        weighted, state = sosfilt(sections, clip.samples[:, start:end], zi=state)
        hops.append((weighted**2).sum(axis=1))
    sums = np.lib.stride_tricks.sliding_window_view(np.array(hops).T, 4, axis=1).sum(axis=-1)
    return np.asarray(sums / (0.4 * rate))


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
