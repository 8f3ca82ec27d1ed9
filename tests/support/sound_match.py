"""Which stimulus a piece of a recording is, told by correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf
import soxr

if TYPE_CHECKING:
    from pathlib import Path


class SoundMatcher:
    """Correlates a recorded piece with every stimulus, at every position in its loop.

    Parameters
    ----------
    paths : list of Path
    sample_rate_hz : int
        Of the recording.
    """

    def __init__(self, paths: list[Path], sample_rate_hz: int) -> None:
        self._loops = {path.name: _loop(path, sample_rate_hz) for path in paths}

    def correlations(self, piece: np.ndarray) -> dict[str, float]:
        """Return the highest normalised correlation of mono samples [T] with each file."""
        return {name: _best(loop, piece) for name, loop in self._loops.items()}


def _loop(path: Path, sample_rate_hz: int) -> np.ndarray:
    samples, rate = sf.read(path, always_2d=True)
    mono = soxr.resample(samples.mean(axis=1), rate, sample_rate_hz, quality="VHQ")
    return np.tile(mono, 2)


def _best(loop: np.ndarray, piece: np.ndarray) -> float:
    n = 1 << (loop.size + piece.size).bit_length()
    products = np.fft.irfft(np.fft.rfft(loop, n) * np.conj(np.fft.rfft(piece, n)), n)
    last = loop.size - piece.size
    energy = np.concatenate([[0.0], np.cumsum(loop**2)])
    local = energy[piece.size : piece.size + last] - energy[:last]
    scale = np.sqrt(np.maximum(local, 1e-9) * np.sum(piece**2) + 1e-20)
    return float(np.max(products[:last] / scale))
