"""The one audio type that passes between files, codecs, metrics, plots and the player."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.errors import InvalidAudioError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class AudioClip:
    """Audio in memory.

    Parameters
    ----------
    samples : ndarray of float32, shape [C, T]
        Nominal range [-1, 1]; a decoder may exceed it slightly. Made read-only.
    sample_rate_hz : int
        Samples a second and channel.

    Raises
    ------
    InvalidAudioError
        On a wrong shape, an empty clip, NaN, infinity or a rate that is not positive.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int

    def __post_init__(self) -> None:
        samples = np.ascontiguousarray(self.samples, dtype=np.float32)
        if samples.flags.writeable and np.shares_memory(samples, self.samples):
            samples = samples.copy()  # nobody may change a clip behind its hash
        if samples.ndim != 2 or 0 in samples.shape:
            raise InvalidAudioError(
                f"audio must have the shape [channels, samples], none of them 0, not {samples.shape}"
            )
        if self.sample_rate_hz <= 0:
            raise InvalidAudioError(f"sample rate must be positive, not {self.sample_rate_hz}")
        if not np.isfinite(samples).all():
            raise InvalidAudioError("audio holds NaN or infinity; repair the file it came from")
        samples.flags.writeable = False
        object.__setattr__(self, "samples", samples)

    @classmethod
    def mono(cls, samples: ArrayLike, sample_rate_hz: int) -> AudioClip:
        """Make a clip of one channel from samples of shape [T]."""
        return cls(np.asarray(samples, dtype=np.float32)[np.newaxis, :], sample_rate_hz)

    @property
    def n_channels(self) -> int:
        """Number of channels, C."""
        return int(self.samples.shape[0])

    @property
    def n_samples(self) -> int:
        """Samples in each channel, T."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate_hz

    def with_samples(self, samples: NDArray[np.float32]) -> AudioClip:
        """Other samples at the same rate."""
        return AudioClip(samples, self.sample_rate_hz)

    def excerpt(self, start_s: float, end_s: float) -> AudioClip:
        """Cut [start_s, end_s), rounded to samples and clamped to the clip."""
        start = max(0, round(start_s * self.sample_rate_hz))
        end = min(self.n_samples, round(end_s * self.sample_rate_hz))
        return AudioClip(self.samples[:, start:end], self.sample_rate_hz)

    def sha256(self) -> str:
        """Hash of rate, shape and samples: equal for equal audio, whatever file it came from."""
        digest = hashlib.sha256(f"{self.sample_rate_hz}:{self.samples.shape}:".encode())
        digest.update(self.samples.tobytes())
        return digest.hexdigest()
