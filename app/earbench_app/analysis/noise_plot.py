"""What the noise-versus-mask plot shows, and the samples it is computed from.

The samples are cut out of the audio that is heard, so the plot never shows anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.analysis.frequency_axis import bark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

N_FFT, HOP = 512, 256  # as `earbench mask` and `earbench measure` take them
MAX_FRAMES = 2048  # of a long selection, so many frames, evenly spread, are averaged
HANN_NOISE_BANDWIDTH_LINES = 1.5  # white noise reads this much stronger, summed over lines, than it is


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Frames of the original and of versions, at the same places.

    Parameters
    ----------
    sample_rate_hz : int
    original : ndarray of float32, shape [C, F, n_fft]
    versions : mapping of a version's id to ndarray of float32, shape [C, F, n_fft]
    start_s, end_s : float
        What the frames span.
    """

    sample_rate_hz: int
    original: NDArray[np.float32]
    versions: Mapping[int, NDArray[np.float32]]
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """The noise of one version.

    Parameters
    ----------
    line_db_spl : ndarray of float64, shape [K]
        Level of each spectral line, as in Fig. 2 of Shin et al. (2022).
    band_db_spl : ndarray of float64, shape [K]
        Level of the critical band around each line: what the noise-to-mask ratio compares.
    nmr_db : float
        Mean noise-to-mask ratio over bands and frames, then over channels, as `earbench measure` has it.
    """

    line_db_spl: NDArray[np.float64]
    band_db_spl: NDArray[np.float64]
    nmr_db: float


@dataclass(frozen=True, slots=True, eq=False)
class NoisePlot:
    """Signal, mask and noises, averaged in power over channels and frames.

    Parameters
    ----------
    frequencies_hz : ndarray of float64, shape [K]
    level_db_spl, threshold_db_spl : ndarray of float64, shape [K]
    noises : mapping of a version's id to Noise
    start_s, end_s : float
    n_frames : int
    """

    frequencies_hz: NDArray[np.float64]
    level_db_spl: NDArray[np.float64]
    threshold_db_spl: NDArray[np.float64]
    noises: Mapping[int, Noise]
    start_s: float
    end_s: float
    n_frames: int


def frame_at(original: AudioClip, versions: Mapping[int, AudioClip], position_s: float) -> Frames:
    """Return the one frame around a moment."""
    start = round(position_s * original.sample_rate_hz) - N_FFT // 2
    return _frames(original, versions, [start])


def frames_over(
    original: AudioClip, versions: Mapping[int, AudioClip], start_s: float, end_s: float
) -> Frames:
    """Return the frames that cover a range, every `HOP` samples; of a long one, `MAX_FRAMES` of them."""
    rate = original.sample_rate_hz
    first, last = round(start_s * rate), min(round(end_s * rate), original.n_samples)
    n_frames = 1 + max(0, -(-(last - first - N_FFT) // HOP))
    chosen = np.unique(np.linspace(0, n_frames - 1, min(n_frames, MAX_FRAMES)).astype(np.int64))
    return _frames(original, versions, (first + HOP * chosen).tolist())


def _frames(original: AudioClip, versions: Mapping[int, AudioClip], starts: Sequence[int]) -> Frames:
    rate = original.sample_rate_hz
    cut = {key: _cut(clip.samples, starts) for key, clip in versions.items()}
    return Frames(
        rate, _cut(original.samples, starts), cut, max(0, starts[0]) / rate, (starts[-1] + N_FFT) / rate
    )


def _cut(samples: NDArray[np.float32], starts: Sequence[int]) -> NDArray[np.float32]:
    """Return frames [C, F, N_FFT], silent where there are no samples."""
    first, after = starts[0], starts[-1] + N_FFT
    before = min(max(0, -first), after - first)
    part = samples[:, max(0, first) : max(0, after)]
    part = np.pad(part, ((0, 0), (before, after - first - before - part.shape[1])))
    windows = np.lib.stride_tricks.sliding_window_view(part, N_FFT, axis=1)
    return windows[:, np.asarray(starts) - first].copy()


def band_level(power: NDArray[np.float64], frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the power within half a Bark of each line: powers [..., K] to [..., K].

    The sum over lines is divided by the noise bandwidth of the Hann window, so that it is the power of
    the noise in that band.
    """
    z = bark(frequencies_hz)
    first = np.searchsorted(z, z - 0.5, side="left")
    after = np.searchsorted(z, z + 0.5, side="right")
    total = np.concatenate([np.zeros((*power.shape[:-1], 1)), np.cumsum(power, axis=-1)], axis=-1)
    return np.asarray((total[..., after] - total[..., first]) / HANN_NOISE_BANDWIDTH_LINES)
