"""Change a clip's sample rate and length without moving it in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soxr

from earbench_codecs.clip import AudioClip

if TYPE_CHECKING:
    from numpy.typing import NDArray


def resampled_length(n_samples: int, from_hz: int, to_hz: int) -> int:
    """Return the length at the other rate, rounded, at least 1."""
    return max(1, round(n_samples * to_hz / from_hz))


def resampled(clip: AudioClip, sample_rate_hz: int) -> AudioClip:
    """Resample with soxr's VHQ linear-phase filter: no delay, length `resampled_length`."""
    if clip.sample_rate_hz == sample_rate_hz:
        return clip
    out = soxr.resample(clip.samples.T, clip.sample_rate_hz, sample_rate_hz, quality="VHQ").T
    length = resampled_length(clip.n_samples, clip.sample_rate_hz, sample_rate_hz)
    return AudioClip(fit_length(out, length), sample_rate_hz)


def fit_length(samples: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """Cut [C, T] at its end, or extend it with zeros, to `n_samples`."""
    missing = n_samples - samples.shape[1]
    if missing <= 0:
        return samples[:, :n_samples]
    return np.pad(samples, ((0, 0), (0, missing)))
