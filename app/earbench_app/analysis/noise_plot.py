"""What the noise-versus-mask plot shows, and the samples it is computed from.

The samples are cut out of the audio that is heard, so the plot never shows anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

N_FFT, HOP = 512, 256  # as `earbench mask` and `earbench measure` take them
MAX_FRAMES = 2048  # of a long selection, so many frames, evenly spread, are averaged


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
    n_covering : int
        How many frames cover it, of which these may be a selection.
    """

    sample_rate_hz: int
    original: NDArray[np.float32]
    versions: Mapping[int, NDArray[np.float32]]
    start_s: float
    end_s: float
    n_covering: int


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
        Mean noise-to-mask ratio over bands and frames, then over the channels with any noise, as `earbench
        measure` has it; minus infinite where there is no noise at all.
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
    n_frames, n_covering : int
        Frames averaged, and frames that cover the range.
    """

    frequencies_hz: NDArray[np.float64]
    level_db_spl: NDArray[np.float64]
    threshold_db_spl: NDArray[np.float64]
    noises: Mapping[int, Noise]
    start_s: float
    end_s: float
    n_frames: int
    n_covering: int


def frame_at(original: AudioClip, versions: Mapping[int, AudioClip], position_s: float) -> Frames:
    """Return the one frame around a moment."""
    start = round(position_s * original.sample_rate_hz) - N_FFT // 2
    return _frames(original, versions, [start], 1)


def frames_over(
    original: AudioClip, versions: Mapping[int, AudioClip], start_s: float, end_s: float
) -> Frames:
    """Return the frames that cover a range, every `HOP` samples; of a long one, `MAX_FRAMES` of them."""
    rate = original.sample_rate_hz
    first, last = round(start_s * rate), min(round(end_s * rate), original.n_samples)
    n_frames = 1 + max(0, -(-(last - first - N_FFT) // HOP))
    chosen = np.unique(np.linspace(0, n_frames - 1, min(n_frames, MAX_FRAMES)).astype(np.int64))
    return _frames(original, versions, (first + HOP * chosen).tolist(), n_frames)


def _frames(
    original: AudioClip, versions: Mapping[int, AudioClip], starts: Sequence[int], n_covering: int
) -> Frames:
    rate = original.sample_rate_hz
    cut = {key: _cut(clip.samples, starts) for key, clip in versions.items()}
    start_s, end_s = max(0, starts[0]) / rate, min(starts[-1] + N_FFT, original.n_samples) / rate
    return Frames(rate, _cut(original.samples, starts), cut, start_s, end_s, n_covering)


def _cut(samples: NDArray[np.float32], starts: Sequence[int]) -> NDArray[np.float32]:
    """Return frames [C, F, N_FFT], silent where there are no samples."""
    frames = np.zeros((len(samples), len(starts), N_FFT), np.float32)
    for place, start in enumerate(starts):
        part, before = samples[:, max(0, start) : max(0, start + N_FFT)], max(0, -start)
        frames[:, place, before : before + part.shape[1]] = part
    return frames
